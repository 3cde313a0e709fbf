"""Legends of classes and their sizes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.optional import import_optional
from hsvlm.plotting._fonts import find_fallback, plain, replace_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_POINTS = 8.5
_LINE_INCHES = 0.175
# Patch, gap and the space to the next column.
_BESIDE_TEXT_INCHES = 0.42
_BESIDE_LINE_INCHES = 0.66  # where a line stands for the patch


def text_inches(names: Iterable[str], points: float = _POINTS) -> float:
    """Return the width in inches of the longest text."""
    return max(_all_inches(list(names), points), default=0.0)


def _all_inches(texts: list[str], points: float = _POINTS) -> list[float]:
    """Return the width of each text in inches."""
    fallback = find_fallback("".join(texts))
    properties = import_optional("matplotlib.font_manager", "plot").FontProperties()
    properties.set_family([*properties.get_family(), *fallback.families])
    text_to_path = import_optional("matplotlib.textpath", "plot").text_to_path
    outlines = (
        # An empty text has no width; spaces at the ends are not part of it.
        text_to_path.get_text_path(properties, plain(replace_missing(text, fallback)) or "-")
        for text in texts
    )
    inches = points / text_to_path.FONT_SCALE / 72
    return [_outline_width(*outline) * inches for outline in outlines]


def _outline_width(points: Any, codes: Any) -> float:
    # Path.get_extents solves an equation for each curve, in a hundred times the time. Fonts have
    # points at the extremes of their curves, so that the points alone tell the same. Those that
    # close an outline have no place.
    close = import_optional("matplotlib.path", "plot").Path.CLOSEPOLY
    across = np.reshape(points, (-1, 2))[np.array(codes, dtype=int) != close, 0]
    return float(np.ptp(across)) if len(across) else 0.0  # spaces have no outline


def wrap_text(text: str, width: float, points: float) -> str:
    """Break lines at spaces so that they fit into a width in inches."""
    lines: list[str] = []
    for line in text.splitlines():
        current = ""
        for word in line.split():
            longer = f"{current} {word}".strip()
            if current and text_inches([longer], points) > width:
                lines.append(current)
                longer = word
            current = longer
        lines.append(current)
    return "\n".join(lines)


def columns_below(names: Sequence[str], width: float, *, has_lines: bool = False) -> int:
    """Return how many columns of a legend of patches or lines fit into a width in inches."""
    beside = _BESIDE_LINE_INCHES if has_lines else _BESIDE_TEXT_INCHES
    widths = np.array(_all_inches(list(names)))
    for columns in range(min(len(names), 6), 1, -1):
        parts = np.array_split(widths, columns)
        if sum(part.max() + beside for part in parts) <= width:
            return columns
    return 1


def height_below(names: Sequence[str], columns: int) -> float:
    """Return the height in inches of a legend below a figure."""
    return math.ceil(len(names) / columns) * _LINE_INCHES + 0.2


def class_patches(names: Iterable[str], colors: Iterable[Any]) -> list[Any]:
    """Make the squares of a legend."""
    patch = import_optional("matplotlib.patches", "plot").Patch
    return [
        patch(facecolor=color, edgecolor="0.4", linewidth=0.5, label=plain(name))
        for name, color in zip(names, colors, strict=True)
    ]


def add_legend(ax: Any, handles: list[Any], columns: int | None = None) -> Any:
    """Draw a legend to the right of the axes, or in columns below the figure."""
    style: dict[str, Any] = {
        "handles": handles,
        "frameon": False,
        "fontsize": _POINTS,
        "borderpad": 0.8 if columns else 0.4,
        "handlelength": 1.2,
        "handleheight": 1.2,
        "labelspacing": 0.3,
        "handletextpad": 0.5,
        "columnspacing": 1.0,
    }
    if columns is None:
        return ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), borderaxespad=0.0, **style)
    return ax.figure.legend(loc="outside lower center", ncols=columns, **style)
