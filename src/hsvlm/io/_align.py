"""Bring further sources onto the grid of a scene."""

from __future__ import annotations

import math
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm.exceptions import AlignmentWarning, DataError, ParameterError, UnknownNameError
from hsvlm.io._gdal import parsed_crs
from hsvlm.io._ground import crs_name, extent
from hsvlm.io._notes import warn_caller
from hsvlm.io._read import raster_of, read_raster
from hsvlm.io._sizes import check_memory
from hsvlm.io._warp import (
    SELECTIONS,
    Grid,
    float_type,
    is_same_grid,
    pixel_ratio,
    reach_of,
    resample,
    window_of,
)
from hsvlm.scene import Raster, Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RESAMPLINGS = ("average", "bilinear", "mode", "nearest")
# Ratios of pixel sizes below are equal but for rounding and map projections.
_MIN_COARSER = 1.01
_MAX_RATIO = 100
_LEAST_COVERED = 0.5
# rasterio asks for a CRS even if both grids have the same unknown one.
_PLANE = 'LOCAL_CS["plane",UNIT["metre",1]]'
_HINT_SHIFT = "Check the CRS and the transform of both."


def align(
    raster: Any,
    like: Scene,
    *,
    variable: str | None = None,
    resampling: str | None = None,
    fold: bool = False,
) -> Raster:
    """Bring a raster onto the grid of a scene, as a further source.

    If both have a transform, the raster may lie in another CRS, be finer or coarser, be rotated, or
    cover only a part of the scene. Without a transform, its height and width are those of the
    scene, a whole multiple of them, or a whole fraction, and both cover the same area.

    Parameters
    ----------
    raster : path, Raster, Scene or array
        A file that :func:`read_raster` reads, or values of shape (height, width) or (height, width,
        n_channels), where masked, NaN and infinite values are no data. Of a scene, the cube is
        taken, with its scale applied.
    like : Scene
        The scene whose grid the raster is brought to.
    variable : str, default=None
        Which of several arrays of a file is the raster; see :func:`read_raster`.
    resampling : {"average", "bilinear", "mode", "nearest"}, default=None
        ``"average"`` takes the mean of all pixels in a pixel of the scene, ``"bilinear"``
        interpolates, across a pixel of the scene where these are the larger ones, ``"mode"`` takes
        the most frequent value, ``"nearest"`` that in the middle.
        None: ``"average"`` if the pixels of the scene are the larger ones, ``"bilinear"`` if not.
        Numbers of classes need ``"mode"`` or ``"nearest"``.
    fold : bool, default=False
        Keep finer pixels as channels instead of averaging them. If k of them lie along a pixel of
        the scene, k x k x n_channels channels follow each other by row, column and channel, and
        ``ratio=k`` of the result says so.

    Returns
    -------
    Raster
        Values of shape (height, width, n_channels) of the scene. They have the type of the raster
        if they are on its grid already, which are not read then, or with ``"mode"`` and
        ``"nearest"``; or else float32, or float64 for integers of 32 bits and more and for
        float64. Pixels without data are not valid, and NaN, or 0 among integers.

    Raises
    ------
    DataError
        If raster and scene have no common area, only one of them has a CRS, a transform has no
        inverse, the pixel sizes differ by more than a factor of 100, or, without a transform, the
        sizes do not fit; or if ``"mode"`` or ``"nearest"`` meets whole numbers of 2**53 and more.
    ParameterError
        If PROJ does not know a CRS, `fold` cannot be used, or there is a `variable` and no file.
    UnknownNameError
        If `resampling` is unknown.
    FileError, MissingFileError, MissingDependencyError
        As for :func:`read_raster`.

    Warns
    -----
    AlignmentWarning
        If less than half of the labeled pixels get data, or of all if there are no labels.

    See Also
    --------
    alignment_report : Measures the shift that remains.
    hsvlm.Scene : Takes the result in `auxiliary`.

    Notes
    -----
    GDAL resamples, through ``rasterio.warp``, in blocks, so that memory does not grow with the
    raster. A pixel is valid if any pixel with data contributes to it. The average of a grid that is
    rotated against the scene is that of the upright rectangle around each pixel.

    Average the power of radar images, not their decibels: convert after the alignment.

    Interpolation of coarser pixels makes values look beyond their own pixel; `reach` of the result
    says how far.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Raster, Scene
    >>> from hsvlm.io import align
    >>> place = {"transform": (2, 0, 0, 0, -2, 8), "crs": "EPSG:32616"}
    >>> scene = Scene(np.zeros((4, 5, 3)), **place)
    >>> heights = Raster(np.ones((8, 10)), transform=(1, 0, 0, 0, -1, 8), crs="EPSG:32616")
    >>> align(heights, like=scene)
    Raster(4 x 5 pixels, 1 channel, float64)
    >>> align(heights, like=scene, fold=True)
    Raster(4 x 5 pixels, 4 channels, float64)
    """
    if not isinstance(like, Scene):
        raise DataError(f"`like` must be a Scene, got {type(like).__name__}.", "Pass Scene(cube).")
    if resampling is not None and resampling not in _RESAMPLINGS:
        raise UnknownNameError.for_name("resampling", resampling, _RESAMPLINGS)
    source, name = _as_raster(raster, variable)
    source_grid, target = _grids(source, like, name)
    if is_same_grid(target, source_grid) and not fold:
        result = replace(
            source, transform=like.transform, crs=like.crs, valid=_pixels_with_data(source)
        )
    else:
        ratio = _checked_ratio(source_grid, target, name)
        if fold:
            kind = "average"  # what reaches into a pixel from outside is less than a pixel wide
            result = _folded(source, source_grid, target, ratio, resampling)
        else:
            kind = resampling or ("average" if ratio > _MIN_COARSER else "bilinear")
            result = _resampled(source, source_grid, target, kind)
        reach = reach_of(source, source_grid, target, kind)
        result = replace(result, transform=like.transform, crs=like.crs, reach=reach)
    _check_coverage(result, like, name)
    return result


def _as_raster(raster: Any, variable: str | None) -> tuple[Raster, str]:
    """Convert what :func:`align` takes, and name it for messages."""
    if isinstance(raster, (str, PathLike)):
        return read_raster(raster, variable=variable), f"The raster {raster}"
    if variable is not None:
        raise ParameterError(
            f"variable={variable!r} names an array of a file, but the raster is "
            f"{type(raster).__name__}.",
            "Pass the path of the file, or leave `variable` out.",
        )
    if isinstance(raster, Scene):
        return raster_of(raster), "The raster"
    return raster if isinstance(raster, Raster) else Raster(raster), "The raster"


def _within(name: str) -> str:
    """Write the name of a raster within a sentence."""
    return name[0].lower() + name[1:]


def _grids(raster: Raster, scene: Scene, name: str) -> tuple[Grid, Grid]:
    """Return the grids of the raster and of the scene."""
    if raster.transform is None or scene.transform is None:
        return _grids_by_shape(raster, scene, name)
    for owner, transform in ((name, raster.transform), ("The scene", scene.transform)):
        a, b, _, d, e, _ = transform
        if not math.isfinite(sum(transform)) or a * e == b * d:
            raise DataError(
                f"{owner} has the transform {transform}, which maps different pixels to one place.",
                "Give (a, b, c, d, e, f) with pixel sizes a and e other than 0.",
            )
    if (raster.crs is None) != (scene.crs is None):
        known = crs_name(raster.crs or scene.crs or "")
        if raster.crs is None:
            raise DataError(
                f"{name} has a transform but no CRS, and the scene has both: {known}.",
                "Pass Raster(values, transform=..., crs=...).",
                option_hint="Add the CRS to its file.",
            )
        raise DataError(
            f"The scene has a transform but no CRS, and {_within(name)} has both: {known}.",
            "Pass dataclasses.replace(scene, crs=...).",
            option_hint="Add the CRS to the file of the scene.",
        )
    source_crs, target_crs = (parsed_crs(crs or _PLANE) for crs in (raster.crs, scene.crs))
    return (
        Grid(raster.shape, raster.transform, source_crs),
        Grid(scene.shape, scene.transform, target_crs),
    )


def _grids_by_shape(raster: Raster, scene: Scene, name: str) -> tuple[Grid, Grid]:
    """Return grids that cover the same area, if the sizes allow for it."""
    (height, width), (rows, cols) = scene.shape, raster.shape
    is_multiple = rows % height == 0 and cols == width * (rows // height)
    is_fraction = height % rows == 0 and width == cols * (height // rows)
    if not is_multiple and not is_fraction:
        owner = "the scene" if raster.transform is not None else _within(name)
        is_bare = raster.transform is None and scene.transform is None
        missing = "neither has a transform" if is_bare else f"{owner} has no transform"
        turned = ""
        if (cols, rows) == (height, width):
            turned = " (it seems to be transposed)"
        elif (cols, raster.n_channels) == (height, width):
            turned = " (its channels seem to come first)"
        raise DataError(
            f"{name} has {rows} x {cols} pixels{turned}, the scene {height} x {width}, and "
            f"{missing}.",
            "Crop or resample it to the size of the scene or a whole multiple, or give both a "
            "transform and a CRS.",
        )
    crs, scale = parsed_crs(_PLANE), height / rows
    return (
        Grid((rows, cols), (scale, 0.0, 0.0, 0.0, -scale, float(height)), crs),
        Grid((height, width), (1.0, 0.0, 0.0, 0.0, -1.0, float(height)), crs),
    )


def _checked_ratio(source: Grid, target: Grid, name: str) -> float:
    """Return how many pixels of the raster lie along one of the scene."""
    ratio = pixel_ratio(target, source)
    if not 1 / _MAX_RATIO <= ratio <= _MAX_RATIO and not math.isnan(ratio):
        factor = f"{ratio:.3g} times larger" if ratio > 1 else f"{1 / ratio:.3g} times smaller"
        raise DataError(
            f"The pixels of the scene are {factor} than those of {_within(name)}, "
            f"above the limit of {_MAX_RATIO}.",
            "Check CRS and units (degrees or meters); resample a raster of other sizes first.",
        )
    if math.isnan(ratio) or window_of(target, source, 0, target.shape[0]) is None:
        _raise_apart(source, target, name)
    return ratio


def _raise_apart(source: Grid, target: Grid, name: str) -> NoReturn:
    spans = []
    for grid in (source, target):
        west, south, east, north = extent(grid.transform, grid.shape)
        place = crs_name(grid.crs.to_wkt())
        spans.append(f"x {west:.8g} to {east:.8g}, y {south:.8g} to {north:.8g} ({place})")
    raise DataError(
        f"{name} and the scene have no common area: {spans[0]}; {spans[1]}.", _HINT_SHIFT
    )


def _resampled(raster: Raster, source: Grid, target: Grid, kind: str) -> Raster:
    check_memory("The raster", (*target.shape, raster.n_channels), float_type(raster.values.dtype))
    values = resample(raster, source, target, kind)
    valid: NDArray[np.bool_] = np.isfinite(values).all(axis=2)
    if kind in SELECTIONS:
        if raster.values.dtype.kind != "f":
            values[~valid] = 0
        values = values.astype(raster.values.dtype)
    return Raster(
        values,
        valid=valid,
        names=raster.names,
        ratio=raster.ratio,
        unit=raster.unit,
        resampling=kind,
    )


def _folded(
    raster: Raster, source: Grid, target: Grid, ratio: float, resampling: str | None
) -> Raster:
    """Make channels of the finer pixels in each pixel."""
    k = round(ratio)
    if k < 2:
        raise ParameterError(
            f"fold=True needs at least 2 pixels of the raster along a pixel of the scene, got "
            f"{ratio:.3g}.",
            "Leave it out.",
        )
    fine = target.refine(k)
    kind = resampling or ("nearest" if is_same_grid(fine, source) else "bilinear")
    check_memory(
        "The raster", (*fine.shape, raster.n_channels), float_type(raster.values.dtype), copies=2
    )
    result = _resampled(raster, source, fine, kind)
    height, width = target.shape
    blocks = result.values.reshape(height, k, width, k, raster.n_channels)
    valid = np.ones(fine.shape, dtype=bool) if result.valid is None else result.valid
    return Raster(
        blocks.transpose(0, 2, 1, 3, 4).reshape(height, width, -1),
        valid=np.asarray(valid.reshape(height, k, width, k).all(axis=(1, 3))),
        names=tuple(
            f"{name} ({row}, {col})"
            for row in range(k)
            for col in range(k)
            for name in raster.names
        ),
        ratio=k * raster.ratio,
        unit=raster.unit,
        resampling=kind,
    )


def _pixels_with_data(raster: Raster) -> NDArray[np.bool_] | None:
    """Mark pixels without NaN and infinite values, also those of a cube in a file."""
    values: Any = raster.values
    if values.dtype.kind != "f" or isinstance(values, np.ndarray):
        return raster.valid
    valid = np.ones(raster.shape, dtype=bool) if raster.valid is None else raster.valid.copy()
    for start, stop in row_blocks(values.shape):
        valid[start:stop] &= np.isfinite(read_rows(values, start, stop)).all(axis=2)
    return valid


def _check_coverage(raster: Raster, scene: Scene, name: str) -> None:
    """Raise if no pixel of the scene gets data; warn if few of those that matter do."""
    if raster.valid is None:
        return
    if not raster.valid.any():
        raise DataError(f"{name} has no data where the scene lies.", _HINT_SHIFT)
    needed = np.ones(scene.shape, dtype=bool) if scene.valid is None else scene.valid
    what = "pixels"
    if scene.labels is not None and (scene.labels != scene.unlabeled).any():
        needed, what = needed & (scene.labels != scene.unlabeled), "labeled pixels"
    n_needed = int(needed.sum())
    n_covered = int((needed & raster.valid).sum())
    if n_covered < _LEAST_COVERED * n_needed:
        warn_caller(
            f"{name} has data for {n_covered:,} of the {n_needed:,} {what} of the scene.",
            "Pixels without data in a source are left out. " + _HINT_SHIFT,
            category=AlignmentWarning,
        )
