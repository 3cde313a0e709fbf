"""Check label maps and find their labeled pixels."""

from __future__ import annotations

import itertools
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.labels import refuse_label_type
from hsvlm.exceptions import DataError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def check_label_map(cube: Any, label_map: NDArray[Any], what: str = "label map") -> None:
    """Raise unless a label map covers its cube."""
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
        hint = "Pass labels.T, or np.swapaxes(cube, 0, 1) if the cube is the transposed one."
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
    if what != "label map":
        hint = option_hint = ""
    raise DataError(problem, hint, option_hint=option_hint)


def labeled_pixels(label_map: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    """Tell which pixels of a label map have a label."""
    values = np.asarray(label_map)
    labeled: NDArray[np.bool_] = ~np.ma.getmaskarray(label_map)
    marks = unlabeled_values(unlabeled)
    if marks:
        _check_same_kind(values, unlabeled, marks)
    for mark in marks:
        labeled &= ~_equal(values, mark)
    if values.dtype.kind in "fc" and not np.isfinite(values[labeled]).all():
        hint = "" if np.isinf(values[labeled]).any() else ", or pass unlabeled=float('nan')"
        raise DataError(
            "The label map holds NaN or infinite values. Mark pixels without a label by the "
            f"value of the parameter `unlabeled` instead{hint}."
        )
    return labeled


def unlabeled_values(unlabeled: Any) -> tuple[Any, ...]:
    """List the values that stand for "no label"."""
    if unlabeled is None:
        return ()
    marks = tuple(unlabeled) if isinstance(unlabeled, (list, tuple)) else (unlabeled,)
    if all(isinstance(mark, (str, bytes, Number, np.generic)) for mark in marks):
        return marks
    raise ParameterError(
        f"unlabeled={unlabeled!r} is not a single value. Pass one number or string, a list of "
        "them, or None if every pixel has a label."
    )


def no_label(classes: NDArray[Any], unlabeled: Any = 0) -> Any:
    """Choose the value that stands for "no class" in a predicted map."""
    labels = classes.tolist()
    texts = isinstance(labels[0], str)
    for mark in unlabeled_values(unlabeled):
        # NaN, which differs from itself, does not fit into a map of integers.
        is_free = isinstance(mark, str) == texts and mark == mark and mark not in labels
        if is_free and _fits_dtype(classes, mark):
            return mark
    if texts:
        return ""
    others = itertools.chain((0, -1, min(labels) - 1), itertools.count(1))
    return next(mark for mark in others if mark not in labels and _fits_dtype(classes, mark))


def _fits_dtype(classes: NDArray[Any], value: Any) -> bool:
    # The common type of 64-bit integers and other numbers is float64, which merges labels.
    if classes.dtype.kind not in "iu" or classes.dtype.itemsize < 8:
        return True
    return np.promote_types(classes.dtype, np.min_scalar_type(value)).kind in "iu"


def _equal(values: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    # NaN is the only value that differs from itself.
    nan = bool(unlabeled != unlabeled)
    if values.dtype.kind != "O":
        return np.asarray(values != values if nan else values == unlabeled)

    def equal(value: Any) -> bool:
        try:
            return bool(value != value if nan else value == unlabeled)
        except TypeError:  # a missing value of pandas, which has no truth value
            return nan

    return np.array([equal(value) for value in values.flat], dtype=bool).reshape(values.shape)


def _check_same_kind(values: NDArray[Any], unlabeled: Any, marks: tuple[Any, ...]) -> None:
    mark_kinds = set(map(_kind, marks))
    kinds = set(map(_kind, values.flat if values.dtype.kind == "O" else [values.dtype.type()]))
    if mark_kinds & kinds:
        return
    raise DataError(
        f"The label map holds {' and '.join(sorted(kinds))}, but unlabeled={unlabeled!r} belongs "
        f"to the {' and '.join(sorted(mark_kinds))}, so no pixel could equal it.",
        "Pass the value of the map that stands for background, or unlabeled=None if every pixel "
        "has a label.",
        option_hint="Give --unlabeled the value that stands for background, or none.",
    )


def _kind(value: Any) -> str:
    if isinstance(value, (str, bytes)):
        return "strings" if isinstance(value, str) else "byte strings"
    return "numbers"


def as_label_map(labels: Any) -> NDArray[Any]:
    """Convert a label map to an array."""
    if isinstance(labels, np.ma.MaskedArray):
        return labels
    try:
        array = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The label map, of type {type(labels).__name__}, cannot be turned into an array "
            f"({error}). Pass an array of shape (height, width)."
        ) from error
    if array.dtype.kind == "V":
        refuse_label_type(array.dtype)
    return array
