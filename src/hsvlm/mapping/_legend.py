"""The classes of a map: their numbers in files, names and colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.label_maps import no_label

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_CODE = 2**16 - 1


class MapClass(NamedTuple):
    """A class of a map: its number there, its name, and its color as "#rrggbb"."""

    number: int
    name: str
    color: str


def class_codes(classes: NDArray[Any]) -> NDArray[np.intp]:
    """Number classes for a file, where 0 stands for "no data"."""
    is_numeric = classes.dtype.kind in "iuf" and classes.min() > 0
    if is_numeric and classes.max() <= _MAX_CODE and (classes == np.rint(classes)).all():
        return classes.astype(np.intp)
    return np.arange(1, len(classes) + 1)


def label_dtype(classes: NDArray[Any]) -> np.dtype[Any]:
    """Return the type that holds the labels and the mark of pixels without data."""
    return np.promote_types(classes.dtype, np.min_scalar_type(no_label(classes)))


def code_counts(values: NDArray[Any], codes: NDArray[Any]) -> list[int]:
    """Count the pixels of a map (height, width) that have each of some numbers."""
    size = int(codes.max()) + 1
    counts = np.zeros(size, dtype=np.int64)
    for row in values:  # counted at once, a map takes eight times its memory
        counts += np.bincount(row, minlength=size)[:size]
    return [int(count) for count in counts[codes]]
