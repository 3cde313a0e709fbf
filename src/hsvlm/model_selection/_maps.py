"""The split that published maps of training and test pixels define."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils._param_validation import Interval, validate_parameter_constraints

from hsvlm._data.background import check_background
from hsvlm._data.label_maps import labeled_pixels
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection._labels import class_codes
from hsvlm.model_selection._positions import check_not_empty, sample_positions, scene_grids
from hsvlm.model_selection.base import Splitter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class MapSplit(Splitter):
    """The split that a training and a test map of the scene define.

    Published splits come as two maps of labels, or masks, of the size of the scene. A sample is a
    training sample where the training map holds a label. Samples that are unlabeled in both maps
    belong to neither side.

    Parameters
    ----------
    train_map, test_map : array of shape (height, width), or a sequence of such arrays
        Labels, or booleans. One map per scene.
    unlabeled : int, float or str, default=0
        Value of label maps that stands for "no label"; ignored for boolean maps.
    n_repeats : int, default=1
        How often to yield the split. Repeating it shows how far results depend on the random state
        of the estimator.

    Raises
    ------
    ParameterError
        If the two maps differ in shape, share a pixel, or one of them is empty, or `n_repeats` is
        out of range.

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
        self._sides = self._labeled_sides()

    @property
    def n_splits(self) -> int:  # type: ignore[override]
        """Number of splits."""
        return int(self.n_repeats)

    def __repr__(self) -> str:
        counts = [sum(int(mask.sum()) for mask in side) for side in self._sides]
        return f"MapSplit({counts[0]} training and {counts[1]} test pixels)"

    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        positions = sample_positions(X, groups, "MapSplit")
        check_not_empty(len(positions), "MapSplit")
        if y is not None:
            class_codes(y, len(positions), "MapSplit")
        self._check_scenes(positions[:, 0])
        sides = [self._samples_on(side, positions) for side in self._sides]
        self._check_grids(positions[:, 0], scene_grids(X, groups))
        for index, maps in zip(sides, (self.train_map, self.test_map), strict=True):
            self._check_labels(index, maps, positions, y)
        n_sampled = len(np.unique(positions[np.concatenate(sides)], axis=0))
        missing = sum(int(mask.sum()) for side in self._sides for mask in side) - n_sampled
        if missing:
            message = (
                f"{missing} pixels of the maps are not among the samples and are left out. Make "
                "the samples from the labels of the maps to use all of them."
            )
            warnings.warn(message, SplitWarning, stacklevel=3)
        for _ in range(self.n_repeats):
            yield sides[0].copy(), sides[1].copy()

    def _labeled_sides(self) -> list[list[NDArray[np.bool_]]]:
        sides = [
            [_labeled(label_map, self.unlabeled) for label_map in _as_maps(maps)]
            for maps in (self.train_map, self.test_map)
        ]
        shapes = [[mask.shape for mask in side] for side in sides]
        if shapes[0] != shapes[1]:
            raise ParameterError(
                f"The training map has shape {_list_shapes(shapes[0])} and the test map "
                f"{_list_shapes(shapes[1])}. Both must cover the same scene."
            )
        shared = sum(int((train & test).sum()) for train, test in zip(*sides, strict=True))
        if shared:
            raise ParameterError(
                f"{shared} pixels are labeled in the training map and in the test map. "
                "A test pixel must not be trained on: remove them from one of the maps."
            )
        for name, side in zip(("training", "test"), sides, strict=True):
            if not any(mask.any() for mask in side):
                raise ParameterError(
                    f"The {name} map labels no pixel: every value equals "
                    f"unlabeled={self.unlabeled!r}. Check the map, or pass the value that stands "
                    "for background."
                )
        return sides

    def _check_scenes(self, scene_ids: NDArray[np.intp]) -> None:
        n_scenes = len(self._sides[0])
        if scene_ids.min() < 0 or scene_ids.max() >= n_scenes:
            raise DataError(
                f"The samples come from scenes {scene_ids.min()} to {scene_ids.max()}, but there "
                f"are maps for {n_scenes}, counted from 0. Give one training and one test map per "
                "scene."
            )

    def _check_grids(
        self, scene_ids: NDArray[np.intp], grids: list[tuple[int, int]] | None
    ) -> None:
        for number in [] if grids is None else np.unique(scene_ids).tolist():
            height, width = self._sides[0][number].shape
            if grids is not None and grids[number] != (height, width):
                size = " x ".join(map(str, grids[number]))
                raise DataError(
                    f"The maps of scene {number} have {height} x {width} pixels, and the scene "
                    f"{size}. Give maps of its height and width."
                )

    def _samples_on(
        self, side: list[NDArray[np.bool_]], positions: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        on_side = np.zeros(len(positions), dtype=bool)
        for number, mask in enumerate(side):
            in_scene = np.flatnonzero(positions[:, 0] == number)
            coords = positions[in_scene, 1:]
            is_inside = ((coords >= 0) & (coords < mask.shape)).all(axis=1)
            if not is_inside.all():
                row, col = coords[~is_inside][0]
                raise DataError(
                    f"A sample lies at (row, column) ({row}, {col}), outside the maps of "
                    f"{mask.shape[0]} x {mask.shape[1]} pixels. The maps belong to another scene."
                )
            on_side[in_scene] = mask[tuple(coords.T)]
        if not on_side.any():
            raise ParameterError(
                "No sample lies on one of the maps' pixels. Do they belong to this scene?"
            )
        return np.flatnonzero(on_side)

    def _check_labels(
        self, index: NDArray[np.intp], maps: Any, positions: NDArray[np.intp], y: Any
    ) -> None:
        if y is None:
            return
        labels = np.asarray(y)
        for number, label_map in enumerate(_as_maps(maps)):
            if label_map.dtype == bool:
                continue
            in_scene = index[positions[index, 0] == number]
            expected = label_map[positions[in_scene, 1], positions[in_scene, 2]]
            differing = np.flatnonzero(labels[in_scene] != expected)
            if len(differing):
                first = in_scene[differing[0]]
                raise DataError(
                    f"{len(differing)} samples have another label than the map, the first at (row, "
                    f"column) ({positions[first, 1]}, {positions[first, 2]}): {labels[first]} "
                    f"against {expected[differing[0]]}. Published maps often number the classes in "
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
    # A masked map keeps its mask: masked pixels are unlabeled.
    label_maps = [
        label_map if isinstance(label_map, np.ma.MaskedArray) else np.asarray(label_map)
        for label_map in (maps if several else [maps])
    ]
    for label_map in label_maps:
        if label_map.ndim != 2:
            raise ParameterError(
                f"A map must have shape (height, width), got {label_map.shape}. "
                "Give one map, or one per scene."
            )
    return label_maps


def _list_shapes(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join(map(str, shapes))
