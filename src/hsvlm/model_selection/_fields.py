"""Folds of whole fields: connected regions of one class, or polygons."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import label, maximum_filter
from sklearn.utils._param_validation import Interval

from hsvlm._data.labels import is_missing
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection._positions import ground_positions
from hsvlm.model_selection.groups import WholeGroupSplitter

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FieldKFold(WholeGroupSplitter):
    """K folds of whole fields, found among the labeled pixels or given as polygons.

    A field is a region of pixels of one class, connected over edges and corners. The pixels of a
    field look alike, so the accuracy on pixels of known fields says little about other fields.
    Every field is left out as a whole, once, and folds share every class as evenly as fields allow
    [1]_. A class that has a single field is trained on in every fold and never tested.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    dilation : int, default=0
        Pixels by which every class is dilated before its regions are told apart: regions of a class
        with a gap of up to twice as many pixels are one field. Use it where a field is labeled in
        parts; 3 makes 172 fields of the 2,832 training pixels of Houston 2013.
    random_state : int, RandomState or None, default=0
        Seed of the assignment. See :class:`SpatialBlockKFold`.

    See Also
    --------
    field_numbers : Numbers the fields of a label map.
    GroupMapKFold : Folds of whole groups that a map of the scene numbers.
    SpatialBlockKFold : Folds of square blocks, with a buffer.

    Notes
    -----
    ``split`` reads fields from the positions of all samples that it gets: draw training pixels
    after splitting, not before, since drawn pixels hardly touch each other; a
    :class:`hsvlm.exceptions.SplitWarning` says where most touch none. With one number or name
    per sample as `groups`, of shape (n_samples,), these are the fields, such as polygons, and
    positions are not needed. Fields of different classes may touch; no buffer keeps windows apart.

    References
    ----------
    .. [1] :class:`sklearn.model_selection.StratifiedGroupKFold`, which assigns the fields.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import pixel_samples
    >>> from hsvlm.model_selection import FieldKFold
    >>> labels = np.array([[1, 1, 0, 1, 1, 1], [2, 2, 0, 0, 0, 2]])
    >>> X, y = pixel_samples(np.ones((2, 6, 4)), labels)
    >>> [np.bincount(y[test]).tolist() for _, test in FieldKFold(2).split(X, y)]
    [[0, 3, 1], [0, 2, 2]]
    >>> polygons = ["a", "a", "b", "b", "b", "c", "c", "d"]
    >>> [test.tolist() for _, test in FieldKFold(2).split(X, y, polygons)]
    [[2, 3, 4, 7], [0, 1, 5, 6]]
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "dilation": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }
    _unit = "fields"

    def __init__(self, n_splits: int = 5, dilation: int = 0, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.dilation = dilation
        self.random_state = random_state

    def _number_groups(self, X: Any, y_index: NDArray[np.intp], groups: Any) -> NDArray[np.intp]:
        if groups is None or np.ndim(groups) != 1:
            positions = ground_positions(X, groups, type(self).__name__)
            field = _sample_fields(positions, y_index, self.dilation)
            _warn_of_scattered(field, positions)
            return field
        ids = np.asarray(groups)
        if len(ids) != len(y_index):
            raise DataError(
                f"groups has shape {ids.shape}, but there are {len(y_index)} samples. Give the "
                "field of every sample, or its position as (row, column) or (scene, row, column)."
            )
        return _number_ids(ids, np.ma.is_masked(groups) and np.ma.getmaskarray(groups))


def _number_ids(ids: NDArray[Any], masked: NDArray[np.bool_] | bool) -> NDArray[np.intp]:
    """Number fields that are given by numbers or names."""
    missing = masked | np.array([is_missing(value) for value in ids.tolist()], dtype=bool)
    if missing.any():
        raise DataError(
            f"{int(missing.sum())} of {len(ids)} samples have no field: groups is missing there. "
            "Leave these samples out, or give each the number or name of its field."
        )
    try:
        return np.unique(ids, return_inverse=True)[1].astype(np.intp)
    except TypeError as error:  # numbers and texts have no order
        raise DataError(
            f"groups names fields by values that cannot be compared ({error}). Give numbers only, "
            "or names only."
        ) from error


def _warn_of_scattered(field: NDArray[np.intp], positions: NDArray[np.intp]) -> None:
    """Warn if most pixels touch no other of their field, as pixels that were drawn."""
    _, first = np.unique(positions, axis=0, return_index=True)
    size = np.bincount(field[first])
    n_alone = int((size == 1).sum())
    if 2 * n_alone > len(first):
        message = (
            f"{n_alone} of {len(first)} pixels touch no other pixel of their class and count as "
            "fields of their own, so that pixels of one field may lie on both sides. Split all "
            "labeled pixels and draw afterwards, raise dilation, or pass the field of every sample "
            "as groups."
        )
        warnings.warn(message, SplitWarning, stacklevel=5)


def field_numbers(labels: NDArray[Any], dilation: int = 0) -> NDArray[np.intp]:
    """Number the fields of a label map: the connected regions of every class.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Numbers of the classes; pixels of 0 or less, and masked ones, are unlabeled.
    dilation : int, default=0
        See :class:`FieldKFold`, in pixels.

    Returns
    -------
    ndarray of int, shape (height, width)
        Numbers of the fields from 1, class by class; 0 where there is no label. They are what
        :class:`GroupMapKFold`, :func:`hsvlm.evaluation.evaluate` and
        :func:`hsvlm.evaluation.leakage_report` take as `groups`.

    Raises
    ------
    DataError
        If the map is not 2-D or holds texts.
    ParameterError
        If `dilation` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import field_numbers
    >>> labels = np.array([[1, 0, 0, 1], [0, 1, 0, 0], [2, 2, 0, 1]])
    >>> field_numbers(labels)
    array([[1, 0, 0, 2],
           [0, 1, 0, 0],
           [4, 4, 0, 3]])
    >>> field_numbers(labels, dilation=1)
    array([[1, 0, 0, 1],
           [0, 1, 0, 0],
           [2, 2, 0, 1]])
    """
    labels = np.ma.filled(labels, 0)
    if labels.dtype.kind not in "biufO":
        raise DataError(
            f"labels has dtype {labels.dtype}, but must hold numbers of classes. Number them: "
            "np.unique(labels, return_inverse=True)[1], with 0 for no label."
        )
    if labels.ndim != 2:
        raise DataError(
            f"labels has shape {labels.shape}, but must be a map of shape (height, width)."
        )
    if dilation < 0:
        raise ParameterError(f"dilation={dilation} is negative. Use 0 or more pixels.")
    fields = np.zeros(labels.shape, dtype=np.intp)
    positions = np.argwhere(labels > 0)
    if len(positions):
        positions = np.column_stack([np.zeros(len(positions), dtype=np.intp), positions])
        y_index = np.unique(labels[labels > 0], return_inverse=True)[1]
        fields[labels > 0] = 1 + _sample_fields(positions, y_index, dilation)
    return fields


def _sample_fields(
    positions: NDArray[np.intp], y_index: NDArray[np.intp], dilation: int
) -> NDArray[np.intp]:
    """Number the fields of samples at (scene, row, column) from 0, class by class."""
    field = np.empty(len(positions), dtype=np.intp)
    count = 0
    for number, scene in np.unique(np.column_stack([y_index, positions[:, 0]]), axis=0):
        where = np.flatnonzero((y_index == number) & (positions[:, 0] == scene))
        places = np.column_stack([_closed_up(axis, dilation) for axis in positions[where, 1:].T])
        mask = np.zeros(places.max(axis=0) + 1, dtype=bool)
        mask[tuple(places.T)] = True
        dilated = maximum_filter(mask, 2 * dilation + 1, mode="constant") if dilation else mask
        regions, n_regions = label(dilated, structure=np.ones((3, 3)))
        field[where] = count + regions[tuple(places.T)] - 1
        count += n_regions
    return field


def _closed_up(coords: NDArray[np.intp], dilation: int) -> NDArray[np.intp]:
    """Move rows or columns together where none lies between, as far as fields stay apart."""
    # A map of distant fields would not fit into memory.
    values, inverse = np.unique(coords, return_inverse=True)
    steps = np.minimum(np.diff(values, prepend=values[0]), 2 * dilation + 2)
    return np.asarray(np.cumsum(steps)[inverse.reshape(-1)])
