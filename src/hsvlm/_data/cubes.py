"""Cubes and label maps: what they have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array
from hsvlm._data.lazy import MaskedCube
from hsvlm.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sklearn.base import (
        BaseEstimator,
    )

from collections.abc import Callable
from numbers import Integral
from typing import TYPE_CHECKING, Literal, get_args

from hsvlm._data.arrays import check_numbers
from hsvlm._data.lazy import LazyCube, RowsCube
from hsvlm.exceptions import UnknownNameError

__all__ = [
    "Padding",
    "SpectraFunction",
    "as_cube",
    "as_cubes",
    "check_window_fits",
    "n_dimensions",
]

Padding = Literal["reflect", "zero"]
SpectraFunction = Callable[[Any], Any]


def n_dimensions(X: Any) -> int:
    """Count the dimensions of anything NumPy can turn into an array."""
    if hasattr(X, "ndim"):
        return int(X.ndim)
    if isinstance(X, (list, tuple)):
        return as_array(X).ndim
    return np.asarray(X).ndim if hasattr(X, "__array__") and not hasattr(X, "dims") else 0


def check_window_fits(shape: tuple[int, ...], size: int, padding: Padding) -> None:
    """Refuse windows that `padding` cannot complete at the border of a scene."""
    if padding not in get_args(Padding):
        raise UnknownNameError.for_name("padding", padding, get_args(Padding))
    if not _is_whole(size):
        raise ParameterError(
            f"window_size={size!r} is no whole number. Use an odd number of pixels, such as 5."
        )
    if size < 1 or size % 2 == 0:
        such = f"{size - 1} or {size + 1}" if size > 1 else "1 or 3"
        raise ParameterError(
            f"window_size={size} has no centre pixel. Use an odd number of pixels, such as {such}."
        )
    largest = 2 * min(shape[:2]) - 1
    if padding == "reflect" and size > largest:
        raise ParameterError(
            f"window_size={size} is too large for a scene of {shape[0]} x {shape[1]} pixels with "
            f'padding="reflect", which allows at most {largest}. '
            'Use a smaller window or padding="zero".'
        )


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def as_cube(cube: Any) -> Any:
    """Bring one cube to an array or a lazy cube.

    Shapes: `cube` (height, width, n_bands); returns (height, width, n_bands).
    """
    found: Any = cube
    if not isinstance(cube, LazyCube):
        lazy = isinstance(getattr(cube, "dtype", None), np.dtype)
        if isinstance(cube, np.ma.MaskedArray):
            found = cube.data
        elif not isinstance(cube, np.ndarray) and lazy and n_dimensions(cube) == 3:
            found = RowsCube(cube) if hasattr(cube, "__array__") else cube
        elif not isinstance(cube, np.ndarray) or cube.dtype.kind == "O":
            found = as_array(cube, "The cube") if n_dimensions(cube) else np.empty(())
    if found.ndim != 3:
        what = f"got shape {tuple(found.shape)}" if found.ndim else f"got {type(cube).__name__}"
        raise DataError(
            f"A cube must have three dimensions (height, width, n_bands), {what}.",
            "A single band needs a last axis: cube[..., np.newaxis].",
            option_hint="Save a single band with a last dimension of 1.",
        )
    check_numbers(found.dtype, "The cube")
    if not all(found.shape):
        raise DataError(
            f"The cube has shape {tuple(found.shape)}, so it holds no value. It needs at least one "
            "pixel and one band."
        )
    if np.ma.is_masked(cube):
        return MaskedCube(found, np.asarray(~np.ma.getmaskarray(cube).any(axis=2)))
    return found


def as_cubes(cubes: Any) -> tuple[Any, ...]:
    """Check one cube or several of the same bands.

    Shapes: `cubes` (height, width, n_bands).
    """
    if isinstance(cubes, (list, tuple)) and not cubes:
        raise DataError("There are no cubes. Give at least one array (height, width, n_bands).")
    several = isinstance(cubes, (list, tuple)) and n_dimensions(cubes[0]) == 3
    found = tuple(as_cube(one) for one in (cubes if several else [cubes]))
    counts = sorted({int(one.shape[2]) for one in found})
    if len(counts) > 1:
        raise DataError(
            f"The cubes have different numbers of bands: {', '.join(map(str, counts))}. "
            "Select or resample bands so that all scenes share the same ones."
        )
    return found


def check_band_count(estimator: BaseEstimator, n_bands: int, n_expected: int) -> None:
    """Refuse data whose band count differs from the one seen during fit."""
    if n_bands != n_expected:
        raise DataError(
            f"X has {n_bands} features (bands), but {type(estimator).__name__} is expecting "
            f"{n_expected} features as input. Pass the bands it was fitted on, in the same order."
        )
