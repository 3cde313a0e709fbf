"""Factors and offsets that turn stored numbers into physical ones: kept, not applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["scale_of"]


def scale_of(
    factors: Any, offsets: Any, n_bands: int, notes: list[str]
) -> NDArray[np.float64] | None:
    """Give factor and offset of every band, (n_bands, 2); None for 1 and 0 throughout."""
    if factors is None and offsets is None:
        return None
    try:
        parts = [
            np.full(n_bands, default) if values is None else _per_band(values, n_bands)
            for values, default in ((factors, 1.0), (offsets, 0.0))
        ]
    except (TypeError, ValueError):
        parts = [np.full(n_bands, np.nan)] * 2
    scale = np.column_stack(parts)
    if not np.isfinite(scale).all() or not scale[:, 0].all():
        notes.append(
            "scale and offset of the values are no finite factors other than 0 and are not used"
        )
        return None
    return None if (scale == (1.0, 0.0)).all() else scale


def _per_band(values: Any, n_bands: int) -> NDArray[np.float64]:
    array = np.ravel(np.asarray(values, dtype=np.float64))
    return np.full(n_bands, array[0]) if array.size == 1 else np.broadcast_to(array, n_bands)
