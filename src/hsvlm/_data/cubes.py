"""Check cubes and windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from hsvlm._data.arrays import as_array, check_numbers, is_whole_number
from hsvlm._data.axes import axis_order
from hsvlm._data.lazy import LazyCube, MaskedCube, RowsCube
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.base import BaseEstimator

Padding = Literal["reflect", "zero"]
SpectraFunction = Callable[[Any], Any]


def n_dimensions(X: Any) -> int:
    """Count the dimensions of an array-like; 0 for other objects."""
    if hasattr(X, "ndim"):
        return int(X.ndim)
    if isinstance(X, (list, tuple)):
        return as_array(X).ndim
    return np.asarray(X).ndim if hasattr(X, "__array__") and not hasattr(X, "dims") else 0


def check_window_fits(shape: tuple[int, ...], size: int, padding: Padding) -> None:
    """Raise if `padding` cannot complete a window at the border of a scene."""
    if padding not in get_args(Padding):
        raise UnknownNameError.for_name("padding", padding, get_args(Padding))
    if not is_whole_number(size):
        raise ParameterError(
            f"window_size={size!r} is not a whole number. Use an odd number of pixels, such as 5."
        )
    if size < 1 or size % 2 == 0:
        such = f"{size - 1} or {size + 1}" if size > 1 else "1 or 3"
        raise ParameterError(
            f"window_size={size} has no center pixel. Use an odd number of pixels, such as {such}."
        )
    largest = 2 * min(shape[:2]) - 1
    if padding == "reflect" and size > largest:
        raise ParameterError(
            f"window_size={size} is too large for a scene of {shape[0]} x {shape[1]} pixels with "
            f'padding="reflect", which allows at most {largest}. '
            'Use a smaller window or padding="zero".'
        )


def as_cube(cube: Any) -> Any:
    """Convert a cube (height, width, n_bands) to an array or a lazy cube."""
    result: Any = cube
    if not isinstance(cube, LazyCube):
        lazy = isinstance(getattr(cube, "dtype", None), np.dtype)
        if isinstance(cube, np.ma.MaskedArray):
            result = cube.data
        elif not isinstance(cube, np.ndarray) and lazy and n_dimensions(cube) == 3:
            result = RowsCube(cube) if hasattr(cube, "__array__") else cube
        elif not isinstance(cube, np.ndarray) or cube.dtype.kind == "O":
            result = as_array(cube, "The cube") if n_dimensions(cube) else np.empty(())
    if result.ndim != 3:
        got = f"shape {tuple(result.shape)}" if result.ndim else type(cube).__name__
        raise DataError(
            f"A cube must have three dimensions (height, width, n_bands), got {got}.",
            "A single band needs a last axis: cube[..., np.newaxis].",
            option_hint="Save a single band with a last dimension of 1.",
        )
    _check_bands_last(cube)
    check_numbers(result.dtype, "The cube")
    if not all(result.shape):
        raise DataError(
            f"The cube has shape {tuple(result.shape)}, so it holds no value. It needs at least "
            "one pixel and one band."
        )
    if np.ma.is_masked(cube):
        return MaskedCube(result, np.asarray(~np.ma.getmaskarray(cube).any(axis=2)))
    return result


def _check_bands_last(cube: Any) -> None:
    names = getattr(cube, "dims", None)
    if not isinstance(names, tuple) or len(names) != 3:
        return
    ordered = [str(names[axis]) for axis in axis_order(map(str, names))]
    if ordered[2] != str(names[2]):
        raise DataError(
            f"The cube has the dimensions {tuple(map(str, names))}, and its bands, "
            f"{ordered[2]!r}, have to be the last one.",
            f"Pass cube.transpose({', '.join(map(repr, ordered))}), or a scene that "
            "hsvlm.io.read_scene(cube) makes of it.",
        )


def as_cubes(cubes: Any) -> tuple[Any, ...]:
    """Convert one cube or several, which need the same bands."""
    if isinstance(cubes, (list, tuple)) and not cubes:
        raise DataError("There are no cubes. Give at least one array (height, width, n_bands).")
    several = isinstance(cubes, (list, tuple)) and n_dimensions(cubes[0]) == 3
    results = tuple(map(as_cube, cubes if several else [cubes]))
    check_same_bands(results)
    return results


def check_same_bands(cubes: Sequence[Any]) -> None:
    """Raise if cubes differ in their numbers of bands."""
    counts = sorted({int(cube.shape[2]) for cube in cubes})
    if len(counts) > 1:
        raise DataError(
            f"The cubes have different numbers of bands: {', '.join(map(str, counts))}. "
            "Select or resample bands so that all scenes share the same ones."
        )


def check_band_count(estimator: BaseEstimator, n_bands: int, n_expected: int) -> None:
    """Raise if the band count differs from the one seen during fit."""
    if n_bands != n_expected:
        raise DataError(
            f"X has {n_bands} features (bands), but {type(estimator).__name__} is expecting "
            f"{n_expected} features as input. Pass the bands it was fitted on, in the same order."
        )
