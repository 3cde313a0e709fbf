"""What notebooks show of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._data.thumbnails import map_image
from hsvlm._reports.notebook import facts, picture, side_by_side, swatch_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ShownClass", "map_html"]

# Name, color, number of pixels, and mean probability where it is known.
ShownClass = tuple[str, str, int, float | None]


def map_html(
    classes: Sequence[ShownClass],
    numbers: NDArray[np.intp],
    values: NDArray[Any] | None,
    lines: Mapping[str, object],
) -> str:
    """Show a map, if it is in memory, its classes, and what else is known of it."""
    total = max(1, sum(count for _, _, count, _ in classes))
    rows = [[name, f"{count:,}", f"{100 * count / total:.2f}"] for name, _, count, _ in classes]
    header, colors = ["class", "pixels", "share %"], [color for _, color, _, _ in classes]
    if any(probability is not None for *_, probability in classes):
        header.append("mean probability")
        for row, (*_, count, probability) in zip(rows, classes, strict=True):
            row.append("" if probability is None or not count else f"{probability:.3f}")
    shown = None if values is None else map_image(values, numbers, colors)
    return side_by_side(
        picture(shown, "The map"), swatch_table(header, rows, colors) + facts(lines)
    )
