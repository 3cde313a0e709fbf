"""Resample rasters onto other grids, block by block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.lazy import read_rows
from hsvlm.exceptions import DataError
from hsvlm.io import _geo as geo
from hsvlm.io._gdal import ungeoreferenced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from hsvlm.scene import Raster

_MAX_BLOCK_VALUES = 2**24  # of the source, read at once: 64 MB of float32
# Pixels beyond a window that an interpolation reads, in addition to those of one target pixel.
_MARGIN_PX = 2
_N_PROBES = 17
# Kinds that mix no values, so that the result has the type of the raster.
SELECTIONS = ("mode", "nearest")
_LEAST_INEXACT = 2**53  # from here on float64 does not tell all whole numbers apart
_SAME_GRID_PX = 0.01
# GDAL takes a raster of nearly these numbers for one without a place, and mirrors it.
_PLACELESS, _ABOUT = (1, 0, 0, 0, -1, 0), 1e-4


class Grid(NamedTuple):
    """Height and width, affine coefficients, and the CRS as an object of rasterio."""

    shape: tuple[int, int]
    transform: tuple[float, ...]
    crs: Any

    def refine(self, ratio: int) -> Grid:
        """Divide each pixel into ratio x ratio pixels."""
        a, b, c, d, e, f = self.transform
        transform = (a / ratio, b / ratio, c, d / ratio, e / ratio, f)
        return Grid((self.shape[0] * ratio, self.shape[1] * ratio), transform, self.crs)


class Window(NamedTuple):
    """Rows and columns of a raster, without the last ones."""

    row: int
    row_stop: int
    col: int
    col_stop: int


def source_positions(rows: ArrayLike, cols: ArrayLike, target: Grid, source: Grid) -> Any:
    """Find rows and columns (2, n) of a source where a target has rows (n,) and columns (n,)."""
    rows, cols = np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64)
    a, b, c, d, e, f = target.transform
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    if target.crs != source.crs:
        x, y = _reproject(x, y, target.crs, source.crs)
    a, b, c, d, e, f = source.transform
    cols, rows = np.linalg.solve([[a, b], [d, e]], [x - c, y - f])
    return np.array([rows, cols])


def _reproject(x: NDArray[Any], y: NDArray[Any], target: Any, source: Any) -> Any:
    """Transform coordinates (n,) of a target into the CRS of a source; infinite if undefined."""
    pyproj = geo.pyproj
    crs = [pyproj.CRS.from_wkt(each.to_wkt()) for each in (target, source)]
    try:
        # rasterio.warp.transform raises if a single point lies outside the domain of a CRS.
        return pyproj.Transformer.from_crs(*crs, always_xy=True).transform(x, y)
    except pyproj.exceptions.ProjError as error:
        raise DataError(
            f"Coordinates of the scene ({crs[0].name}) have no place in the CRS of the raster "
            f"({crs[1].name}).",
            "Correct the CRS of one of them.",
        ) from error


def pixel_ratio(target: Grid, source: Grid) -> float:
    """Count the pixels of a source along a pixel in the middle of a target; NaN if unknown."""
    steps = middle_steps(target, source)
    return float(np.sqrt(abs(np.linalg.det(steps)))) if np.isfinite(steps).all() else math.nan


def middle_steps(target: Grid, source: Grid) -> NDArray[np.float64]:
    """Give rows and columns of a source (first axis) per row and column of a target (second)."""
    row, col = target.shape[0] / 2, target.shape[1] / 2
    places = source_positions([row, row + 1, row], [col, col, col + 1], target, source)
    with np.errstate(invalid="ignore"):  # places outside the domain of a CRS are infinite
        steps: NDArray[np.float64] = places[:, 1:] - places[:, :1]
    return steps


def is_same_grid(target: Grid, source: Grid) -> bool:
    """Tell whether the pixels of two grids cover each other."""
    if target.shape != source.shape:
        return False
    rows, cols = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]).T * np.array(target.shape)[:, None]
    return bool(
        np.abs(source_positions(rows, cols, target, source) - [rows, cols]).max() < _SAME_GRID_PX
    )


def window_of(target: Grid, source: Grid, start: int, stop: int) -> Window | None:
    """Find the part of a source that rows of a target read; None if they lie elsewhere."""
    height, width = source.shape
    rows, cols = np.meshgrid(
        np.linspace(start, stop, _N_PROBES), np.linspace(0, target.shape[1], _N_PROBES)
    )
    places = source_positions(rows.ravel(), cols.ravel(), target, source)
    if not np.isfinite(places).any():
        return None
    if not np.isfinite(places).all():  # a part of the target lies outside the domain of a CRS
        return Window(0, height, 0, width)
    (first_row, first_col), (last_row, last_col) = places.min(axis=1), places.max(axis=1)
    if last_row <= 0 or last_col <= 0 or first_row >= height or first_col >= width:
        return None
    ratio = pixel_ratio(target, source)
    margin = _MARGIN_PX + (math.ceil(ratio) if math.isfinite(ratio) else 0)
    return Window(
        max(0, math.floor(first_row) - margin),
        min(height, math.ceil(last_row) + margin),
        max(0, math.floor(first_col) - margin),
        min(width, math.ceil(last_col) + margin),
    )


def resample(raster: Raster, source: Grid, target: Grid, resampling: str) -> NDArray[Any]:
    """Resample a raster; pixels without data are NaN.

    Shapes: returns (height, width, n_channels) of the target, float32 or float64.
    """
    dtype = float_type(raster.values.dtype)
    values = np.full((*target.shape, raster.n_channels), np.nan, dtype=dtype)
    options = _kernel_scales(source, target) if resampling == "bilinear" else {}
    may_round = resampling in SELECTIONS and raster.values.dtype.name in ("int64", "uint64")
    for start, stop, window in _blocks(raster, source, target, 0, target.shape[0]):
        part = _read_window(raster, window, dtype)
        if may_round:
            _check_exact(part, resampling)
        values[start:stop] = _resample_block(
            part,
            _part(source, window.row, window.row_stop, window.col, window.col_stop),
            _part(target, start, stop, 0, target.shape[1]),
            resampling,
            options,
        )
    return values


def _check_exact(values: NDArray[Any], resampling: str) -> None:
    """Refuse whole numbers that floats round."""
    inexact = values[np.abs(values) >= _LEAST_INEXACT]
    if inexact.size:
        raise DataError(
            f"The raster holds numbers such as {inexact[0]:.0f}, and {resampling!r} keeps whole "
            f"numbers only below 2**53 ({_LEAST_INEXACT:,}).",
            "Number its values anew, so that they fit a smaller type, or convert them to float64.",
        )


def _kernel_scales(source: Grid, target: Grid) -> dict[str, float]:
    """Tell GDAL how far pixels of the target reach over those of the source, along each axis."""
    # GDAL compares the bounding boxes of a block, and so blurs what is rotated.
    steps = np.nan_to_num(middle_steps(target, source), posinf=0.0, neginf=0.0)
    rows, cols = _kernel(steps).tolist()
    return {"XSCALE": 1 / cols, "YSCALE": 1 / rows}


def _kernel(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Tell how far an interpolation looks, in rows and columns of the source."""
    return np.asarray(np.hypot(*steps.T).clip(min=1.0))


def reach_of(raster: Raster, source: Grid, target: Grid, resampling: str) -> int:
    """Tell how many pixels of the target beyond its own a value looks at."""
    steps = middle_steps(target, source)
    back = np.abs(np.linalg.inv(steps))
    pixel = back @ [1, 1]  # what a pixel of the source covers
    if resampling == "bilinear":
        spread = back @ _kernel(steps)
    else:
        spread = np.maximum(pixel - 1, 0)  # coarse pixels are repeated
        if resampling != "nearest":  # others look at the upright rectangle around each pixel
            spread += back @ np.abs(steps) @ [0.5, 0.5] - 0.5
    return math.ceil(round(float((raster.reach * pixel + spread).max()), 6))


def float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the smallest floating type, of at least 32 bits, that holds all values of a type."""
    return np.promote_types(dtype, np.float32)


def _blocks(
    raster: Raster, source: Grid, target: Grid, start: int, stop: int
) -> Iterator[tuple[int, int, Window]]:
    """Divide rows of the target until what they read of the source is small."""
    window = window_of(target, source, start, stop)
    if window is None:
        return
    # Cubes in files are read by whole rows.
    n_values = (window.row_stop - window.row) * source.shape[1] * raster.n_channels
    if n_values <= _MAX_BLOCK_VALUES or stop - start == 1:
        yield start, stop, window
        return
    middle = (start + stop) // 2
    yield from _blocks(raster, source, target, start, middle)
    yield from _blocks(raster, source, target, middle, stop)


def _read_window(raster: Raster, window: Window, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Read a window as floats with NaN where there is no data."""
    rows = read_rows(raster.values, window.row, window.row_stop)
    values: NDArray[Any] = rows[:, window.col : window.col_stop].astype(dtype)
    values[~np.isfinite(values)] = np.nan
    if raster.valid is not None:
        part = raster.valid[window.row : window.row_stop, window.col : window.col_stop]
        values[~part] = np.nan
    return values


def _part(grid: Grid, row: int, row_stop: int, col: int, col_stop: int) -> Grid:
    a, b, c, d, e, f = grid.transform
    corner = (a, b, a * col + b * row + c, d, e, d * col + e * row + f)
    return Grid((row_stop - row, col_stop - col), corner, grid.crs)


def _row_above(grid: Grid) -> Grid:
    """Put another row on top of a grid."""
    height, width = grid.shape
    return _part(grid, -1, height, 0, width)


def _resample_block(
    values: NDArray[Any], source: Grid, target: Grid, resampling: str, options: dict[str, float]
) -> NDArray[Any]:
    if np.allclose(target.transform, _PLACELESS, atol=_ABOUT):
        return _resample_block(values, source, _row_above(target), resampling, options)[1:]
    if np.allclose(source.transform, _PLACELESS, atol=_ABOUT):
        source = _row_above(source)
        values = np.pad(values, ((1, 0), (0, 0), (0, 0)), constant_values=np.nan)
    if resampling == "mode" and values.dtype == np.float64:
        # GDAL counts values of 32 bits, which hold the ranks of a block, but not any number.
        levels, ranks = np.unique(values, return_inverse=True)
        ranks = np.where(np.isnan(values), np.nan, ranks.reshape(values.shape)).astype(np.float32)
        modes = _resample_block(ranks, source, target, resampling, options)
        has_data = np.isfinite(modes)
        numbers = levels[np.where(has_data, modes, 0).astype(np.intp)]
        return np.where(has_data, numbers, np.nan)
    block = np.full((values.shape[2], *target.shape), np.nan, dtype=values.dtype)
    with geo.rasterio.Env(), ungeoreferenced():
        geo.rasterio.warp.reproject(
            np.ascontiguousarray(np.moveaxis(values, 2, 0)),
            block,
            src_transform=geo.affine.Affine(*source.transform),
            src_crs=source.crs,
            src_nodata=np.nan,
            dst_transform=geo.affine.Affine(*target.transform),
            dst_crs=target.crs,
            dst_nodata=np.nan,
            resampling=geo.rasterio.enums.Resampling[resampling],
            **options,
        )
    return np.moveaxis(block, 0, 2)
