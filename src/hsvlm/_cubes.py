"""Cubes and label maps: what they have to be."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Number
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from hsvlm.exceptions import DataError, ParameterError, UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Padding",
    "SpectraFunction",
    "as_cubes",
    "as_whole_numbers",
    "check_label_map",
    "check_window_fits",
    "labeled_pixels",
    "n_dimensions",
    "no_label",
]

Padding = Literal["reflect", "zero"]
SpectraFunction = Callable[[Any], Any]


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
    UnknownNameError
        If there is no such padding.
    """
    if padding not in get_args(Padding):
        raise UnknownNameError.of("padding", padding, get_args(Padding))
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
        If there is no cube, a cube is not 3-D or has masked values, or the band counts differ.
    """
    if isinstance(cubes, (list, tuple)) and not cubes:
        message = "There are no cubes. Give at least one array (height, width, n_bands)."
        raise DataError(message)
    several = isinstance(cubes, (list, tuple)) and np.ndim(cubes[0]) == 3
    found = tuple(cubes) if several else (cubes,)
    found = tuple(_without_mask(one) for one in found)
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


def _without_mask(cube: Any) -> Any:
    if not isinstance(cube, np.ma.MaskedArray):
        return cube if hasattr(cube, "dtype") else np.asarray(cube)
    missing = int(np.ma.getmaskarray(cube).sum())
    if missing:
        message = (
            f"{missing} of {cube.size} values of the cube are masked, and what "
            "lies under the mask would be taken for data. Pass cube.astype(float).filled(np.nan) "
            "and leave these pixels unlabelled, or fill in values that stand for the missing ones."
        )
        raise DataError(message)
    return cube.data


def as_whole_numbers(values: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Bring indices to integers, but only if nothing is lost.

    Parameters
    ----------
    values : ndarray
        Integers, or floats without a fraction.
    name : str
        What the values are called in the error.

    Returns
    -------
    ndarray of dtype intp
        The same numbers.

    Raises
    ------
    DataError
        If a number has a fraction or is not finite, or the values are no numbers at all.
    """
    if not values.size or values.dtype.kind in "iu":
        return values.astype(np.intp)
    got = f"dtype {values.dtype}"
    if values.dtype.kind == "f":
        broken = values[~np.isfinite(values) | (values != np.rint(values))]
        if not broken.size:
            return values.astype(np.intp)
        got = f"{broken[0]}"
    message = f"{name} must hold whole numbers, got {got}. Convert them to integers."
    raise DataError(message)


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


def labeled_pixels(label_map: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    """Find the pixels of a label map that carry a label.

    Parameters
    ----------
    label_map : ndarray of shape (height, width)
        Numbers or strings. Masked pixels of a masked array carry none.
    unlabeled : scalar or None
        Value that stands for "no label", NaN included; None stands for no value.

    Returns
    -------
    ndarray of shape (height, width), dtype bool
        True where there is a label.

    Raises
    ------
    DataError
        If `unlabeled` is a string and the map holds numbers, or the other way round, or a label
        is NaN or infinite.
    ParameterError
        If `unlabeled` is not a single value.
    """
    values = np.asarray(label_map)
    labeled: NDArray[np.bool_] = ~np.ma.getmaskarray(label_map)
    if unlabeled is not None:
        _check_same_kind(values, unlabeled)
        # NaN is the one value that differs from itself.
        labeled &= values == values if unlabeled != unlabeled else values != unlabeled
    if values.dtype.kind in "fc":
        found = values[labeled]
        if not np.isfinite(found).all():
            remedy = "" if np.isinf(found).any() else ", or pass unlabeled=float('nan')"
            message = (
                "The label map holds NaN or infinite values. Mark pixels without a label by the "
                f"value of the parameter `unlabeled` instead{remedy}."
            )
            raise DataError(message)
    return labeled


def no_label(classes: NDArray[Any], unlabeled: Any = 0) -> Any:
    """Choose what stands for "no class" in a predicted map.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels.
    unlabeled : scalar or None, default=0
        Taken where it is of the kind of the labels and none of them.

    Returns
    -------
    scalar
        `unlabeled`; or else an empty string, 0, -1 or the number before the least label.
    """
    labels = classes.tolist()
    texts = isinstance(labels[0], str)
    wanted = None if unlabeled is None or isinstance(unlabeled, str) != texts else unlabeled
    # NaN, which differs from itself, does not go into a map of integers.
    if wanted is not None and wanted == wanted and wanted not in labels:
        return wanted
    if texts:
        return ""
    return next(one for one in (0, -1, min(labels) - 1) if one not in labels)


def _check_same_kind(values: NDArray[Any], unlabeled: Any) -> None:
    if not isinstance(unlabeled, (str, bytes, Number, np.generic)):
        message = (
            f"unlabeled={unlabeled!r} is not a single value. Pass one number or string, or None "
            "if every pixel has a label."
        )
        raise ParameterError(message)
    wanted = _kind(unlabeled)
    held = (
        {_kind(one) for one in values.flat}
        if values.dtype.kind == "O"
        else {_kind(values.dtype.type())}
    )
    if wanted in held:
        return
    message = (
        f"The label map holds {' and '.join(sorted(held))}, but unlabeled={unlabeled!r} belongs "
        f"to the {wanted}, so no pixel could equal it. Pass the value of the map that stands for "
        "background, or unlabeled=None if every pixel has a label."
    )
    raise DataError(message)


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return "strings" if isinstance(value, str) else "byte strings"
    return "numbers"
