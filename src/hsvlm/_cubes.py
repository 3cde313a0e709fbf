"""Cubes and label maps: what they have to be."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from hsvlm._arrays import as_array, check_numbers
from hsvlm._lazy import LazyCube, MaskedCube, RowsCube
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Padding",
    "SpectraFunction",
    "as_cube",
    "as_cubes",
    "check_label_map",
    "check_window_fits",
    "labeled_pixels",
    "n_dimensions",
    "no_label",
    "unlabeled_values",
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
        Number of dimensions; 0 for what is no array at all.

    Raises
    ------
    DataError
        If `X` holds lists of several lengths.
    """
    if hasattr(X, "ndim"):
        return int(X.ndim)
    if isinstance(X, (list, tuple)):
        return as_array(X).ndim
    return np.asarray(X).ndim if hasattr(X, "__array__") and not hasattr(X, "dims") else 0


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
    if not _is_whole(size):
        message = (
            f"window_size={size!r} is no whole number. Use an odd number of pixels, such as 5."
        )
        raise ParameterError(message)
    if size < 1 or size % 2 == 0:
        such = f"{size - 1} or {size + 1}" if size > 1 else "1 or 3"
        message = (
            f"window_size={size} has no centre pixel. Use an odd number of pixels, such as {such}."
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


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def as_cube(cube: Any) -> Any:
    """Bring one cube to an array or a lazy cube.

    Parameters
    ----------
    cube : array-like of shape (height, width, n_bands)
        An array or a lazy cube, which are kept as they are; an array of Dask, xarray or an open
        HDF5 file, which is read where it is indexed; a tensor or a nested list. Pixels of a masked
        array that are masked in any band hold no data.

    Returns
    -------
    array of shape (height, width, n_bands)
        Of real numbers.

    Raises
    ------
    DataError
        If it is not 3-D, is empty, or holds no real numbers.
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
        message = (
            f"The cube has shape {tuple(found.shape)}, so it holds no value. It needs at least one "
            "pixel and one band."
        )
        raise DataError(message)
    if np.ma.is_masked(cube):
        return MaskedCube(found, np.asarray(~np.ma.getmaskarray(cube).any(axis=2)))
    return found


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
        If there is no cube, one cannot be used, or the band counts differ.
    """
    if isinstance(cubes, (list, tuple)) and not cubes:
        message = "There are no cubes. Give at least one array (height, width, n_bands)."
        raise DataError(message)
    several = isinstance(cubes, (list, tuple)) and n_dimensions(cubes[0]) == 3
    found = tuple(as_cube(one) for one in (cubes if several else [cubes]))
    counts = sorted({int(one.shape[2]) for one in found})
    if len(counts) > 1:
        message = (
            f"The cubes have different numbers of bands: {', '.join(map(str, counts))}. "
            "Select or resample bands so that all scenes share the same ones."
        )
        raise DataError(message)
    return found


def check_label_map(cube: Any, label_map: NDArray[Any], what: str = "label map") -> None:
    """Refuse a label map that does not cover its cube.

    Parameters
    ----------
    cube : array of shape (height, width, n_bands)
        The scene.
    label_map : ndarray
        Its labels.
    what : str, default="label map"
        What it is called in the error.

    Raises
    ------
    DataError
        If height and width differ; says which order of axes would fit.
    """
    grid, shape = tuple(cube.shape[:2]), tuple(label_map.shape)
    if shape == grid:
        return
    for axis, order in enumerate(("first", "second")):
        others = tuple(np.delete(cube.shape, axis).tolist())
        # One row or column of pixels fits too much.
        if shape in (others, others[::-1]) and (shape == others or min(shape) > 1):
            transposed = "" if shape == others else ", with rows and columns exchanged"
            raise DataError(
                f"The cube has shape {tuple(cube.shape)} and the {what} {shape}: the bands seem to "
                f"come {order}{transposed}.",
                f"Pass np.moveaxis(cube, {axis}, -1){' and labels.T' if transposed else ''}.",
                option_hint="Store the cube as (height, width, bands).",
            )
    problem = (
        f"The cube is {grid[0]} x {grid[1]} pixels, but the {what} has shape {shape}. Both must "
        "cover the same grid of (height, width) pixels."
    )
    hint = option_hint = ""
    if shape == grid[::-1]:
        problem += " It fits if rows and columns are exchanged."
        hint = "Pass labels.T, or np.swapaxes(cube, 0, 1) if the cube is the transposed of the two."
        option_hint = "Transpose one of the two files."
    elif shape in ((grid[0] * grid[1],), (1, grid[0] * grid[1]), (grid[0] * grid[1], 1)):
        problem += " It has one value per pixel."
        hint = (
            f'Pass labels.reshape({grid[0]}, {grid[1]}), with order="F" if it was stored column by '
            "column, as in MATLAB."
        )
    elif len(shape) == 3 and shape[:2] == grid:
        problem += f" Its last axis has {shape[2]} values."
        hint = "Pass labels[..., 0]" + (
            "." if shape[2] == 1 else ", or labels.argmax(axis=2) of shares or one-hot labels."
        )
    elif len(shape) == 3 and shape[1:] == grid and shape[0] == 1:
        hint = "Pass labels[0]."
    is_labels = what == "label map"
    raise DataError(
        problem, hint if is_labels else "", option_hint=option_hint if is_labels else ""
    )


def labeled_pixels(label_map: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    """Find the pixels of a label map that carry a label.

    Parameters
    ----------
    label_map : ndarray of shape (height, width)
        Numbers or strings. Masked pixels of a masked array carry none.
    unlabeled : scalar, sequence of scalars or None
        Values that stand for "no label", NaN included; None stands for no value.

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
        If `unlabeled` is neither a value nor a sequence of values.
    """
    values = np.asarray(label_map)
    labeled: NDArray[np.bool_] = ~np.ma.getmaskarray(label_map)
    marks = unlabeled_values(unlabeled)
    if marks:
        _check_same_kind(values, unlabeled, marks)
    for mark in marks:
        labeled &= ~_equal(values, mark)
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


def unlabeled_values(unlabeled: Any) -> tuple[Any, ...]:
    """List the values that stand for "no label"; refuse what is no value."""
    if unlabeled is None:
        return ()
    marks = tuple(unlabeled) if isinstance(unlabeled, (list, tuple)) else (unlabeled,)
    if all(isinstance(mark, (str, bytes, Number, np.generic)) for mark in marks):
        return marks
    message = (
        f"unlabeled={unlabeled!r} is not a single value. Pass one number or string, a list of "
        "them, or None if every pixel has a label."
    )
    raise ParameterError(message)


def no_label(classes: NDArray[Any], unlabeled: Any = 0) -> Any:
    """Choose what stands for "no class" in a predicted map.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Labels.
    unlabeled : scalar, sequence of scalars or None, default=0
        The first is taken that is of the kind of the labels and none of them.

    Returns
    -------
    scalar
        `unlabeled`; or else an empty string, 0, -1, the number before the least label, or the first
        that is none.
    """
    labels = classes.tolist()
    texts = isinstance(labels[0], str)
    for mark in unlabeled_values(unlabeled):
        # NaN, which differs from itself, does not go into a map of integers.
        if isinstance(mark, str) != texts or mark != mark or mark in labels:
            continue
        if _joins(classes, mark):
            return mark
    if texts:
        return ""
    others = itertools.chain((0, -1, min(labels) - 1), itertools.count(1))
    return next(one for one in others if one not in labels and _joins(classes, one))


def _joins(classes: NDArray[Any], value: Any) -> bool:
    # Integers of 64 bits and a number that is none of them would meet in floats, which are coarser.
    if classes.dtype.kind not in "iu" or classes.dtype.itemsize < 8:
        return True
    return np.promote_types(classes.dtype, np.min_scalar_type(value)).kind in "iu"


def _equal(values: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    # NaN is the one value that differs from itself.
    nan = bool(unlabeled != unlabeled)
    if values.dtype.kind != "O":
        return np.asarray(values != values if nan else values == unlabeled)

    def equal(one: Any) -> bool:
        try:
            return bool(one != one if nan else one == unlabeled)
        except TypeError:  # a missing value of pandas, which has no truth value
            return nan

    return np.array([equal(one) for one in values.flat], dtype=bool).reshape(values.shape)


def _check_same_kind(values: NDArray[Any], unlabeled: Any, marks: tuple[Any, ...]) -> None:
    wanted = {_kind(mark) for mark in marks}
    kinds = (
        {_kind(value) for value in values.flat}
        if values.dtype.kind == "O"
        else {_kind(values.dtype.type())}
    )
    if wanted & kinds:
        return
    raise DataError(
        f"The label map holds {' and '.join(sorted(kinds))}, but unlabeled={unlabeled!r} belongs "
        f"to the {' and '.join(sorted(wanted))}, so no pixel could equal it.",
        "Pass the value of the map that stands for background, or unlabeled=None if every pixel "
        "has a label.",
        option_hint="Give --unlabeled the value that stands for background, or none.",
    )


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return "strings" if isinstance(value, str) else "byte strings"
    return "numbers"
