"""Small images of cubes, from a few of their rows."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import LazyCube, MaskedCube, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counted_labels", "map_image", "thumbnail"]

_MAX_SIDE = 128
_MIN_ROWS = 8
_MAX_VALUES_READ = 2**24  # of a cube that is read row by row
_MAX_SECONDS = 1.0
_COLORS_NM = (860.0, 650.0, 550.0)  # infrared, red and green as red, green and blue
_MAX_DISTANCE_NM = 60.0
_GRAY = 128
_MAX_COUNTED = 2**24


def thumbnail(
    cube: Any,
    wavelengths_nm: NDArray[np.float64] | None,
    bad_bands: NDArray[np.bool_] | None,
) -> NDArray[np.uint8] | None:
    """Make a false-color image (height, width, 3) of at most 128 pixels a side.

    None for cubes that would have to be computed, are slow to read or cannot be read.
    """
    with suppress(Exception):  # a picture is not worth an error, such as of a file that is gone
        return _thumbnail(cube, wavelengths_nm, bad_bands)
    return None


def _thumbnail(
    cube: Any,
    wavelengths_nm: NDArray[np.float64] | None,
    bad_bands: NDArray[np.bool_] | None,
) -> NDArray[np.uint8] | None:
    height, width, n_bands = cube.shape
    step = -(-max(height, width) // _MAX_SIDE)
    rows = np.arange(_first(height, step), height, step)
    cols = slice(_first(width, step), None, step)
    bands = _bands(n_bands, wavelengths_nm, bad_bands)
    if isinstance(cube, LazyCube):
        n_rows = _MAX_VALUES_READ // (width * n_bands)
        if n_rows < min(_MIN_ROWS, len(rows)) or any(map(_is_computed, parts_of(cube))):
            return None
        rows = rows[:: -(-len(rows) // n_rows)]
        pixels = _read(cube, rows, cols, bands)
    else:
        pixels = np.asarray(cube[rows[0] :: step, cols])[..., bands]
    if pixels is None:
        return None
    valid = cube.valid[rows][:, cols] if isinstance(cube, MaskedCube) else None
    return _stretched(pixels.astype(np.float64), valid)


def counted_labels(labels: NDArray[Any]) -> dict[Any, int] | None:
    """Count the pixels of each label; None for large maps, which take seconds."""
    if labels.size > _MAX_COUNTED:
        return None
    values, counts = np.unique(labels, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def map_image(
    values: NDArray[Any], numbers: NDArray[np.intp], colors: list[str]
) -> NDArray[np.uint8]:
    """Draw a map (height, width) in the colors of its numbers, of at most 256 pixels a side."""
    step = -(-max(values.shape) // (2 * _MAX_SIDE))
    palette = np.full((int(numbers.max()) + 1, 3), _GRAY, dtype=np.uint8)
    for number, color in zip(numbers.tolist(), colors, strict=True):
        with suppress(ValueError):  # the name of a color, which stays gray
            palette[number] = tuple(bytes.fromhex(color.removeprefix("#")))
    first, second = (_first(size, step) for size in values.shape)
    image: NDArray[np.uint8] = palette[values[first::step, second::step]]
    return image


def _first(size: int, step: int) -> int:
    """Find the middle of the first step."""
    return min(step, size) // 2


def _read(
    cube: LazyCube, rows: NDArray[np.intp], cols: slice, bands: list[int]
) -> NDArray[Any] | None:
    """Read three bands of some pixels of some rows; None if that takes too long."""
    end, lines = time.monotonic() + _MAX_SECONDS, []
    for row in rows.tolist():
        lines.append(cube[row : row + 1][0, cols][:, bands])
        if time.monotonic() > end:
            return None
    return np.stack(lines)


def _is_computed(array: Any) -> bool:
    """Tell whether Dask would have to compute an array."""
    for inner in (array, getattr(array, "array", None), getattr(array, "_array", None)):
        graph = getattr(inner, "__dask_graph__", None)
        if graph is not None and graph() is not None:
            return True
    return False


def _bands(
    n_bands: int, wavelengths_nm: NDArray[np.float64] | None, bad_bands: NDArray[np.bool_] | None
) -> list[int]:
    usable = np.arange(n_bands) if bad_bands is None else np.flatnonzero(~bad_bands)
    if not usable.size:
        usable = np.arange(n_bands)
    if wavelengths_nm is not None:
        distances = np.abs(wavelengths_nm[usable] - np.array(_COLORS_NM)[:, None])
        distances = np.where(np.isfinite(distances), distances, np.inf)
        if (distances.min(axis=1) <= _MAX_DISTANCE_NM).all():
            nearest: list[int] = usable[distances.argmin(axis=1)].tolist()
            return nearest
    places = [5 * len(usable) // 6, len(usable) // 2, len(usable) // 6]
    spread: list[int] = usable[places].tolist()
    return spread


def _stretched(pixels: NDArray[np.float64], valid: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
    """Stretch each band from its 2nd to its 98th percentile; pixels without data are gray."""
    is_known = np.isfinite(pixels).all(axis=2)
    if valid is not None:
        is_known &= valid
    image = np.full(pixels.shape, _GRAY, dtype=np.uint8)
    if is_known.any():
        known = pixels[is_known]
        low, high = np.percentile(known, (2, 98), axis=0)
        image[is_known] = 255 * np.clip((known - low) / np.where(high > low, high - low, 1), 0, 1)
    return image
