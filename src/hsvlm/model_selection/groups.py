"""Folds of whole groups of pixels, such as polygons or fields."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection._labels import class_codes, listed_classes, warn_of_classes
from hsvlm.model_selection._positions import (
    block_counts,
    check_not_empty,
    sample_positions,
    scene_grids,
)
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

_MAX_ATTEMPTS = 20


class WholeGroupSplitter(Splitter):
    """Leave out whole groups, each once, while every class keeps one."""

    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads it so

    random_state: Any
    _unit = "groups"

    @abstractmethod
    def _number_groups(self, X: Any, y_index: NDArray[np.intp], groups: Any) -> NDArray[np.intp]:
        """Number the groups of the samples from 0; -1 for none."""

    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        classes, y_index = class_codes(y, len(X), type(self).__name__)
        group = self._number_groups(X, y_index, groups)
        grouped = np.flatnonzero(group >= 0)
        if len(grouped) < len(group):
            message = (
                f"{len(group) - len(grouped)} of {len(group)} samples have no group and are left "
                "out of both sides. Number the groups of all labeled pixels to use them."
            )
            warnings.warn(message, SplitWarning, stacklevel=3)
        counts = block_counts(group[grouped], y_index[grouped])
        free = self._free_groups(counts, classes)
        rng = check_random_state(self.random_state)
        candidates = grouped[free[group[grouped]]]
        splits = [
            (rng.permutation(np.setdiff1d(grouped, test)), test)
            for test in self._test_sides(candidates, y_index, group, rng)
        ]
        tested = np.flatnonzero(counts[free].any(axis=0))
        warn_of_classes(classes, y_index, splits, unit=self._unit, tested=tested)
        yield from splits

    def _free_groups(self, counts: NDArray[np.intp], classes: NDArray[Any]) -> NDArray[np.bool_]:
        """Find the groups that can be left out while every class keeps one."""
        occupied = counts > 0
        in_one_group = occupied.sum(axis=0) == 1
        free: NDArray[np.bool_] = np.logical_not(occupied[:, in_one_group].any(axis=1))
        n_free = int(free.sum())
        if n_free < self.n_splits:
            single = listed_classes(classes[in_one_group])
            reason = f" {single} with a single {self._unit[:-1]}." if in_one_group.any() else ""
            raise ParameterError(
                f"{n_free} of {len(free)} {self._unit} can be left out while every class keeps "
                f"one, fewer than n_splits={self.n_splits}.{reason}",
                "Use fewer splits, or blocks.",
            )
        untested = ~occupied[free].any(axis=0)
        if untested.any():
            message = (
                f"{listed_classes(classes[untested])} with too few {self._unit}: trained on in "
                "every split and never tested. Averages over classes leave them out."
            )
            warnings.warn(message, SplitWarning, stacklevel=4)
        return free

    def _test_sides(
        self,
        candidates: NDArray[np.intp],
        y_index: NDArray[np.intp],
        group: NDArray[np.intp],
        rng: np.random.RandomState,
    ) -> list[NDArray[np.intp]]:
        """Assign groups to folds, so that every class stays on every training side if possible."""
        labels, groups = y_index[candidates], group[candidates]
        best: list[NDArray[np.intp]] = []
        for _ in range(_MAX_ATTEMPTS):
            folds = StratifiedGroupKFold(
                self.n_splits, shuffle=True, random_state=rng.randint(2**31)
            )
            with warnings.catch_warnings():
                # Classes of fewer groups than folds are tested in some of them.
                warnings.simplefilter("ignore", UserWarning)
                try:
                    tests = [test for _, test in folds.split(labels, labels, groups)]
                except ValueError:  # every class has fewer samples than there are folds
                    break
            if not all(map(len, tests)):
                continue
            best = best or tests
            if all(len(np.setdiff1d(labels, np.delete(labels, test))) == 0 for test in tests):
                best = tests
                break
        if not best:
            raise ParameterError(
                f"The {self._unit} cannot be divided into {self.n_splits} folds.",
                "Use fewer splits.",
            )
        return [candidates[np.sort(test)] for test in best]


class GroupMapKFold(WholeGroupSplitter):
    """K folds of whole groups, such as polygons, that a map of the scene numbers.

    The pixels of a field look alike, so the accuracy on pixels of known fields says little about
    other fields. Every group is left out as a whole, once, and folds share every class as evenly as
    groups allow [1]_. A class that has a single group is trained on in every fold and never tested.

    Parameters
    ----------
    groups : array of shape (height, width), or a sequence of such arrays
        Whole numbers; 0, or masked, where a pixel belongs to no group. One map per scene, such as
        ``scene.groups``; the same number in two scenes stands for two groups.
    n_splits : int, default=5
        Number of folds, at least 2.
    random_state : int, RandomState or None, default=0
        Seed of the assignment. See :class:`SpatialBlockKFold`.

    Raises
    ------
    DataError
        If a map is not 2-D, or holds fractions or negative numbers.

    See Also
    --------
    FieldKFold : Finds the groups among the labeled pixels.
    SpatialBlockKFold : Folds of square blocks, for scenes without groups.
    hsvlm.evaluation.leakage_report : Neighboring groups may still share windows.

    References
    ----------
    .. [1] :class:`sklearn.model_selection.StratifiedGroupKFold`, which assigns the groups.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import pixel_samples
    >>> from hsvlm.model_selection import GroupMapKFold
    >>> fields = np.array([[1, 1, 2], [3, 3, 4]])
    >>> labels = np.array([[1, 1, 2], [1, 1, 2]])
    >>> X, y = pixel_samples(np.ones((2, 3, 4)), labels)
    >>> [np.bincount(y[test]).tolist() for _, test in GroupMapKFold(fields, 2).split(X, y)]
    [[0, 2, 1], [0, 2, 1]]
    """

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, groups: Any, n_splits: int = 5, random_state: Any = 0) -> None:
        self.groups = groups
        self.n_splits = n_splits
        self.random_state = random_state
        self._maps = group_maps(groups)

    def __repr__(self) -> str:
        count = sum(len(np.unique(groups[groups > 0])) for groups in self._maps)
        return f"GroupMapKFold({count} groups, n_splits={self.n_splits})"

    def _number_groups(self, X: Any, y_index: NDArray[np.intp], groups: Any) -> NDArray[np.intp]:
        positions = sample_positions(X, groups, type(self).__name__)
        group = sample_groups(self._maps, positions, scene_grids(X, groups))
        check_not_empty(
            int((group >= 0).sum()),
            "The map of groups has none where there are labels, so that GroupMapKFold",
        )
        return group


def group_maps(groups: Any) -> list[NDArray[np.intp]]:
    """Check one map of groups or several."""
    several = isinstance(groups, (list, tuple)) and len(groups) and np.ndim(groups[0]) == 2
    # Masked pixels of a masked map belong to no group.
    maps = [np.ma.filled(values, 0) for values in (groups if several else [groups])]
    for values in maps:
        is_whole = values.dtype.kind in "biu" or (
            values.dtype.kind == "f" and bool((values == np.rint(values)).all())
        )
        if values.ndim != 2 or not is_whole or (values.size and values.min() < 0):
            raise DataError(
                f"A map of groups has shape {values.shape} and dtype {values.dtype}. It must have "
                "shape (height, width) and whole numbers from 0, which stands for no group.",
                "Read polygons with a group column for it.",
            )
    return [values.astype(np.intp) for values in maps]


def sample_groups(
    maps: list[NDArray[np.intp]],
    positions: NDArray[np.intp],
    grids: Sequence[tuple[int, int]] | None,
) -> NDArray[np.intp]:
    """Number the groups of samples at (scene, row, column) from 0; -1 for none.

    `grids`: height and width of the scenes, if they are known.
    """
    group = np.zeros(len(positions), dtype=np.intp)
    for number in np.unique(positions[:, 0]).tolist():
        in_scene = positions[:, 0] == number
        rows, cols = positions[in_scene, 1:].T
        height, width = maps[number].shape if 0 <= number < len(maps) else (0, 0)
        hint = "Give one map per scene, of its height and width."
        if min(rows.min(), cols.min()) < 0 or rows.max() >= height or cols.max() >= width:
            raise DataError(
                f"Samples of scene {number} lie outside the map of groups, of {height} x {width} "
                f"pixels. {hint}"
            )
        if grids is not None and grids[number] != (height, width):
            size = " x ".join(map(str, grids[number]))
            raise DataError(
                f"The map of groups of scene {number} has {height} x {width} pixels, and the scene "
                f"{size}. {hint}"
            )
        group[in_scene] = maps[number][rows, cols]
    keys = np.column_stack([positions[:, 0], group])[group > 0]
    group[group == 0] = -1
    if len(keys):
        group[group > 0] = np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)
    return group
