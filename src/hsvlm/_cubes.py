"""Cubes: what they have to be, how large a window may be, and a cube seen through a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hsvlm.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MappedCube",
    "Padding",
    "SpectraFunction",
    "as_cubes",
    "check_label_map",
    "check_window_fits",
    "n_dimensions",
]

Padding = Literal["reflect", "zero"]
SpectraFunction = Callable[[Any], Any]


class MappedCube:
    """A cube seen through a function of spectra, evaluated only where it is read."""

    def __init__(self, cube: Any, function: SpectraFunction) -> None:
        self._cube = cube
        self._function = function
        first = np.zeros(1, dtype=np.intp)
        probe = np.asarray(function(cube[first, first]))
        self.shape = (*cube.shape[:2], probe.shape[1])
        self.dtype = probe.dtype
        self.ndim = 3

    def __getitem__(self, key: Any) -> NDArray[Any]:
        rows, cols = (np.asarray(index) for index in key)
        rows, cols = np.broadcast_arrays(rows, cols)
        pixels, inverse = np.unique(rows * self.shape[1] + cols, return_inverse=True)
        spectra = self._cube[pixels // self.shape[1], pixels % self.shape[1]]
        values = np.asarray(self._function(spectra))[inverse.reshape(-1)]
        return values.reshape(*rows.shape, self.shape[2])


def n_dimensions(X: Any) -> int:
    """Count the dimensions of anything NumPy can turn into an array.

    Parameters
    ----------
    X : array-like
        An array, a list, or an object with ``__array__``.

    Returns
    -------
    int
        Number of dimensions.
    """
    return int(X.ndim) if hasattr(X, "ndim") else np.asarray(X).ndim


def check_window_fits(shape: tuple[int, ...], size: int, padding: Padding) -> None:
    """Refuse windows that `padding` cannot complete at the border of a scene.

    Parameters
    ----------
    shape : tuple of int
        Shape (height, width, ...) of the scene in pixels.
    size : int
        Side of the square window in pixels, odd.
    padding : {"reflect", "zero"}
        How windows that reach over the border are completed.

    Raises
    ------
    ParameterError
        If the window is even, or too large for reflection at the border of this scene.
    """
    if size < 1 or size % 2 == 0:
        message = (
            f"window_size={size} has no centre pixel. Use an odd number of pixels, "
            f"such as {max(size - 1, 1)} or {max(size, 0) + 1}."
        )
        raise ParameterError(message)
    largest = 2 * min(shape[:2]) - 1
    if padding == "reflect" and size > largest:
        message = (
            f"window_size={size} is too large for a scene of {shape[0]} x {shape[1]} pixels with "
            f'padding="reflect", which allows at most {largest}. '
            'Use a smaller window or padding="zero".'
        )
        raise ParameterError(message)


def as_cubes(cubes: Any) -> tuple[Any, ...]:
    """Check one cube or several of the same bands.

    Parameters
    ----------
    cubes : array or sequence of arrays, each of shape (height, width, n_bands)
        The scenes.

    Returns
    -------
    tuple of arrays
        At least one.

    Raises
    ------
    DataError
        If a cube is not 3-D, or the band counts differ.
    """
    several = isinstance(cubes, (list, tuple)) and np.ndim(cubes[0]) == 3
    found = tuple(cubes) if several else (cubes,)
    found = tuple(one if hasattr(one, "dtype") else np.asarray(one) for one in found)
    for one in found:
        if one.ndim != 3:
            message = (
                f"A cube must have three dimensions (height, width, n_bands), got shape "
                f"{tuple(one.shape)}. A single band needs a last axis: cube[..., np.newaxis]."
            )
            raise DataError(message)
    counts = sorted({int(one.shape[2]) for one in found})
    if len(counts) > 1:
        message = (
            f"The cubes have different numbers of bands: {', '.join(map(str, counts))}. "
            "Select or resample bands so that all scenes share the same ones."
        )
        raise DataError(message)
    return found


def check_label_map(cube: Any, label_map: NDArray[Any]) -> None:
    """Refuse a label map that does not cover its cube.

    Parameters
    ----------
    cube : array of shape (height, width, n_bands)
        The scene.
    label_map : ndarray
        Its labels.

    Raises
    ------
    DataError
        If height and width differ; says so if the bands seem to come first.
    """
    if label_map.shape == tuple(cube.shape[:2]):
        return
    if label_map.ndim == 2 and label_map.shape == tuple(cube.shape[1:]):
        message = (
            f"The cube has shape {tuple(cube.shape)} and the label map {label_map.shape}: the "
            "bands seem to come first. Pass np.moveaxis(cube, 0, -1)."
        )
        raise DataError(message)
    message = (
        f"The cube is {cube.shape[0]} x {cube.shape[1]} pixels, but the label map has shape "
        f"{label_map.shape}. Both must cover the same grid of (height, width) pixels."
    )
    raise DataError(message)
