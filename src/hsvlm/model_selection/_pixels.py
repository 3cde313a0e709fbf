"""Splitters that choose single pixels: so many per class, or those of published maps."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from hsvlm._data.background import check_background
from hsvlm._data.label_maps import labeled_pixels
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection._labels import check_single_samples, class_codes
from hsvlm.model_selection._positions import check_not_empty, sample_positions
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["MapSplit", "PerClassShuffleSplit"]


class PerClassShuffleSplit(Splitter):
    """Random draws of the same number of training samples from every class.

    The protocol of papers that state 10, 15, 20 or 50 labels per class. It draws single pixels, so
    test windows overlap training windows almost everywhere: see :func:`hsvlm.evaluation.evaluate`,
    which prints by how much.

    Parameters
    ----------
    n_splits : int, default=5
        Number of draws.
    train_per_class : int, default=10
        Training samples of every class. A smaller class gives all its samples but one, which
        remains for the test; a class of a single sample is never tested.
    random_state : int, RandomState or None, default=0
        Seed of the draws. Fixed by default, so that whatever is compared with the same splitter
        sees the same splits.

    See Also
    --------
    SpatialBlockShuffleSplit : Draws whole blocks and keeps a distance.
    sklearn.model_selection.StratifiedShuffleSplit : Draws a share of every class.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.model_selection import PerClassShuffleSplit
    >>> y = np.repeat(["corn", "oats", "woods"], [50, 4, 20])
    >>> train, test = next(PerClassShuffleSplit(n_splits=1, train_per_class=10).split(y, y))
    >>> np.unique(y[train], return_counts=True)
    (array(['corn', 'oats', 'woods'], dtype='<U5'), array([10,  3, 10]))
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 1, None, closed="left")],
        "train_per_class": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_splits: int = 5, train_per_class: int = 10, random_state: Any = 0) -> None:
        self.n_splits = n_splits
        self.train_per_class = train_per_class
        self.random_state = random_state

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Make the splits.

        Parameters
        ----------
        X : array-like of n_samples
            The samples; only their number counts.
        y : array-like of shape (n_samples,)
            Their labels.
        groups : object, default=None
            Ignored; here for scikit-learn.

        Yields
        ------
        train : ndarray of int
            Indices of the training samples, in random order.
        test : ndarray of int
            Indices of all others, sorted.

        Raises
        ------
        DataError
            If y is missing or does not fit.
        ParameterError
            If a setting is out of range, or every class has a single sample.

        Warns
        -----
        SplitWarning
            If a class has a single sample, which is trained on and never tested.
        """
        validate_parameter_constraints(self._constraints, vars(self), type(self).__name__)
        classes, y_index = class_codes(y, len(X), type(self).__name__)
        members = [np.flatnonzero(y_index == number) for number in range(len(classes))]
        check_single_samples(classes, np.bincount(y_index))
        rng = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            drawn = [
                rng.permutation(one)[: min(self.train_per_class, max(1, len(one) - 1))]
                for one in members
            ]
            train = rng.permutation(np.concatenate(drawn))
            yield train, np.setdiff1d(np.arange(len(y_index)), train)


class MapSplit(Splitter):
    """The split that a training and a test map of the scene define.

    Published splits come as two maps of labels, or masks, of the size of the scene. A sample is a
    training sample where the training map holds a label. Samples that neither map names belong to
    neither side.

    Parameters
    ----------
    train_map, test_map : array of shape (height, width), or a sequence of such arrays
        Labels, or booleans. One map per scene.
    unlabeled : int, float or str, default=0
        Value of label maps that stands for "no label"; boolean maps do without.
    n_repeats : int, default=1
        How often to yield the split. Repeating it shows how far results depend on the random state
        of the estimator.

    Raises
    ------
    ParameterError
        If the two maps differ in shape, name a pixel twice, or one of them is empty, or `n_repeats`
        is out of range.

    Notes
    -----
    Published maps that share no pixel may still touch: print
    :func:`hsvlm.evaluation.leakage_report` for them.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import pixel_samples
    >>> from hsvlm.model_selection import MapSplit
    >>> train_map = np.array([[1, 0, 0], [2, 0, 0]])
    >>> test_map = np.array([[0, 0, 1], [0, 0, 2]])
    >>> X, y = pixel_samples(np.ones((2, 3, 4)), train_map + test_map)
    >>> next(MapSplit(train_map, test_map).split(X, y))
    (array([0, 2]), array([1, 3]))
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads it so

    _constraints = {"n_repeats": [Interval(Integral, 1, None, closed="left")]}  # noqa: RUF012

    def __init__(
        self, train_map: Any, test_map: Any, unlabeled: Any = 0, n_repeats: int = 1
    ) -> None:
        self.train_map = train_map
        self.test_map = test_map
        self.unlabeled = unlabeled
        self.n_repeats = n_repeats
        validate_parameter_constraints(self._constraints, vars(self), type(self).__name__)
        self._sides = self._labelled_sides()

    @property
    def n_splits(self) -> int:  # type: ignore[override]
        """Number of splits."""
        return int(self.n_repeats)

    def __repr__(self) -> str:
        counts = [sum(int(one.sum()) for one in side) for side in self._sides]
        return f"MapSplit({counts[0]} training and {counts[1]} test pixels)"

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Look up every sample in the maps.

        Parameters
        ----------
        X : PixelSamples, or array-like of n_samples
            The samples.
        y : array-like of shape (n_samples,), default=None
            Their labels; where the maps hold labels too, both must agree.
        groups : array-like of shape (n_samples, 2) or (n_samples, 3), default=None
            Row and column, or scene, row and column, of every sample. Needed unless X is
            PixelSamples.

        Yields
        ------
        train, test : ndarray of int
            Indices of the samples, sorted.

        Raises
        ------
        DataError
            If there are no samples, positions are missing or outside the maps, or labels of samples
            and maps disagree.
        ParameterError
            If one side holds no sample.

        Warns
        -----
        SplitWarning
            If pixels of the maps are not among the samples.
        """
        positions = sample_positions(X, groups, "MapSplit")
        check_not_empty(len(positions), "MapSplit")
        if y is not None:
            class_codes(y, len(positions), "MapSplit")
        self._check_scenes(positions[:, 0])
        sides = [self._samples_on(side, positions) for side in self._sides]
        for index, maps in zip(sides, (self.train_map, self.test_map), strict=True):
            self._check_labels(index, maps, positions, y)
        found = len(np.unique(positions[np.concatenate(sides)], axis=0))
        missing = sum(int(one.sum()) for side in self._sides for one in side) - found
        if missing:
            message = (
                f"{missing} pixels of the maps are not among the samples and are left out. Make "
                "the samples from the labels of the maps to use all of them."
            )
            warnings.warn(message, SplitWarning, stacklevel=2)
        for _ in range(self.n_repeats):
            yield sides[0].copy(), sides[1].copy()

    def _labelled_sides(self) -> list[list[NDArray[np.bool_]]]:
        sides = [
            [_labeled(label_map, self.unlabeled) for label_map in _as_maps(maps)]
            for maps in (self.train_map, self.test_map)
        ]
        shapes = [[one.shape for one in side] for side in sides]
        if shapes[0] != shapes[1]:
            raise ParameterError(
                f"The training map has shape {_listed(shapes[0])} and the test map "
                f"{_listed(shapes[1])}. Both must cover the same scene."
            )
        shared = sum(int((one & other).sum()) for one, other in zip(*sides, strict=True))
        if shared:
            raise ParameterError(
                f"{shared} pixels are labelled in the training map and in the test map. "
                "A test pixel must not be trained on: remove them from one of the maps."
            )
        for name, side in zip(("training", "test"), sides, strict=True):
            if not any(one.any() for one in side):
                raise ParameterError(
                    f"The {name} map labels no pixel: every value equals "
                    f"unlabeled={self.unlabeled!r}. Check the map, or pass the value that stands "
                    "for background."
                )
        return sides

    def _check_scenes(self, scene_ids: NDArray[np.intp]) -> None:
        known = len(self._sides[0])
        if scene_ids.min() >= 0 and scene_ids.max() < known:
            return
        raise DataError(
            f"The samples come from scenes {scene_ids.min()} to {scene_ids.max()}, but there are "
            f"maps for {known}, counted from 0. Give one training and one test map per scene."
        )

    def _samples_on(
        self, side: list[NDArray[np.bool_]], positions: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        found = np.zeros(len(positions), dtype=bool)
        for number, mask in enumerate(side):
            here = np.flatnonzero(positions[:, 0] == number)
            places = positions[here, 1:]
            inside = ((places >= 0) & (places < mask.shape)).all(axis=1)
            if not inside.all():
                row, col = places[~inside][0]
                raise DataError(
                    f"A sample lies at (row, column) ({row}, {col}), outside the maps of "
                    f"{mask.shape[0]} x {mask.shape[1]} pixels. The maps belong to another scene."
                )
            found[here] = mask[positions[here, 1], positions[here, 2]]
        if not found.any():
            raise ParameterError(
                "No sample lies on one of the maps' pixels. Do they belong to this scene?"
            )
        return np.flatnonzero(found)

    def _check_labels(
        self, index: NDArray[np.intp], maps: Any, positions: NDArray[np.intp], y: Any
    ) -> None:
        if y is None:
            return
        labels = np.asarray(y)
        for number, label_map in enumerate(_as_maps(maps)):
            if label_map.dtype == bool:
                continue
            here = index[positions[index, 0] == number]
            expected = label_map[positions[here, 1], positions[here, 2]]
            wrong = np.flatnonzero(labels[here] != expected)
            if len(wrong):
                first = here[wrong[0]]
                raise DataError(
                    f"{len(wrong)} samples carry another label than the map, the first at (row, "
                    f"column) ({positions[first, 1]}, {positions[first, 2]}): {labels[first]} "
                    f"against {expected[wrong[0]]}. Published maps often number the classes in "
                    "another order. Translate them, or pass masks (map != 0) to use positions only."
                )


def _labeled(label_map: NDArray[Any], unlabeled: Any) -> NDArray[np.bool_]:
    if label_map.dtype == bool:
        return labeled_pixels(label_map, False)
    labeled = labeled_pixels(label_map, unlabeled)
    check_background(label_map, labeled, unlabeled)
    return labeled


def _as_maps(maps: Any) -> list[NDArray[Any]]:
    several = isinstance(maps, (list, tuple)) and len(maps) and np.ndim(maps[0]) == 2
    # A masked map keeps its mask: masked pixels are unlabelled.
    found = [
        one if isinstance(one, np.ma.MaskedArray) else np.asarray(one)
        for one in (maps if several else [maps])
    ]
    for one in found:
        if one.ndim != 2:
            raise ParameterError(
                f"A map must have shape (height, width), got {one.shape}. "
                "Give one map, or one per scene."
            )
    return found


def _listed(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
