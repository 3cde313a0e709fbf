"""Folds as far from their training pixels as the map is from the labeled pixels."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from hsvlm._data.lazy import valid_pixels
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.model_selection._labels import class_codes, warn_of_classes
from hsvlm.model_selection._positions import ground_positions
from hsvlm.model_selection.base import Splitter
from hsvlm.model_selection.matched_folds import distance_matched_folds, draw_map
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class DistanceMatchedKFold(Splitter):
    """K folds whose test pixels are as far from training pixels as the map is from the labels.

    Random folds test pixels next to training pixels, which is easier than mapping a scene whose
    labels lie in a few places; large blocks can be harder. Here the distances from test pixels to
    the nearest training pixel resemble those from the pixels to be mapped to the nearest labeled
    pixel, after the kNNDM of Linnenbrink et al. [1]_. Every labeled pixel is tested once.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    prediction_mask : bool array of shape (height, width), or a sequence of them, default=None
        True at the pixels to be mapped, one mask per scene. None takes all valid pixels of the
        scenes of the samples; samples that do not know their scene need the mask.
    random_state : int, RandomState or None, default=0
        Seed of all draws. See :class:`SpatialBlockKFold`.

    See Also
    --------
    distance_matched_folds : The same for positions, without samples.
    distance_gap : How well folds match the map.
    SpatialBlockKFold : Folds that keep a distance of your choice.

    Notes
    -----
    If labeled pixels are not significantly closer to each other than the map is to them (one-sided
    Kolmogorov-Smirnov test, 5 %), folds are random, with shares of every class. Otherwise the
    labeled pixels are clustered by Ward's method, into `n_splits` to as many clusters as there are
    pixels (100 numbers on a log scale); clusters are merged twice, in random order, into folds of
    about equal size. Of these folds and the random ones, those with the smallest Wasserstein
    distance W between both distributions are used; :func:`distance_gap` computes it. No fold holds
    more than twice its equal share of the pixels (three quarters for 2 folds).

    A class whose pixels would all fall into one fold could not be tested with training pixels of
    its own. One half of it, cut across its length, therefore goes to another fold before W is
    computed: where most classes lie in a single place each, W stays large, since nothing else is
    possible.

    At most 2,000 random pixels represent the map and 1,000 the labeled pixels, and where there are
    more than about 1,000 labeled pixels, those of a class in small squares are clustered together.
    The time does not depend on the size of the scene.

    Several scenes are divided one by one, each into all folds, since no distance is defined between
    them. Scenes without labels are ignored. Hold out whole scenes to learn about other scenes.

    References
    ----------
    .. [1] J. Linnenbrink, C. Milà, M. Ludwig and H. Meyer, "kNNDM CV: k-fold nearest-neighbour
       distance matching cross-validation for map accuracy estimation", Geoscientific Model
       Development 17, 2024, doi:10.5194/gmd-17-5897-2024.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.model_selection import DistanceMatchedKFold
    >>> pairs = [[0, 0], [0, 1], [0, 20], [0, 21], [0, 40], [0, 41]]
    >>> X = PixelSamples(np.ones((9, 120, 2)), pairs)
    >>> y = np.tile(["corn", "oats"], 3)
    >>> [test.tolist() for _, test in DistanceMatchedKFold(3).split(X, y)]
    [[0, 1], [2, 3], [4, 5]]
    """

    __metadata_request__split = {"groups": True}  # noqa: RUF012 - scikit-learn reads it so

    _constraints = {  # noqa: RUF012
        "n_splits": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self, n_splits: int = 5, prediction_mask: Any = None, random_state: Any = 0
    ) -> None:
        self.n_splits = n_splits
        self.prediction_mask = prediction_mask
        self.random_state = random_state

    def __repr__(self) -> str:
        mask = "" if self.prediction_mask is None else "prediction_mask=..., "
        return (
            f"DistanceMatchedKFold(n_splits={self.n_splits}, {mask}"
            f"random_state={self.random_state!r})"
        )

    def _split(
        self, X: Any, y: Any, groups: Any
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        positions = ground_positions(X, groups, type(self).__name__)
        classes, y_index = class_codes(y, len(positions), type(self).__name__)
        rng = check_random_state(self.random_state)
        fold = distance_matched_folds(
            positions,
            self._map_positions(X, groups, positions, rng),
            self.n_splits,
            y=y_index,
            random_state=rng,
        )
        empty = np.setdiff1d(np.arange(self.n_splits), fold)
        if len(empty):
            raise ParameterError(
                f"Fold {empty[0]} has no pixel: the scenes are divided one by one and have few "
                f"labeled pixels each for n_splits={self.n_splits}.",
                "Use fewer splits, or label more pixels.",
            )
        splits = [
            (rng.permutation(np.flatnonzero(fold != number)), np.flatnonzero(fold == number))
            for number in range(self.n_splits)
        ]
        warn_of_classes(classes, y_index, splits, unit="pixels")
        yield from splits

    def _map_positions(
        self, X: Any, groups: Any, positions: NDArray[np.intp], rng: np.random.RandomState
    ) -> NDArray[np.intp]:
        """Draw scene, row and column of pixels to be mapped, in scenes that hold samples."""
        cubes = X.cubes if isinstance(X, PixelSamples) and groups is None else ()
        masks = None if self.prediction_mask is None else _masks(self.prediction_mask)
        if masks is None and not cubes:
            raise DataError(
                "DistanceMatchedKFold has to know which pixels are to be mapped. Pass PixelSamples "
                "without groups, or prediction_mask= with one mask of shape (height, width) per "
                "scene."
            )
        drawn = []
        for scene in np.unique(positions[:, 0]).tolist():
            cube: Any = cubes[scene] if cubes else None
            pixels = positions[positions[:, 0] == scene, 1:]
            mask = (
                valid_pixels(cube) if masks is None else _mask_of_scene(masks, scene, cube, pixels)
            )
            drawn.append(draw_map(scene, cube.shape if mask is None else mask.shape, mask, rng))
        return np.concatenate(drawn)


def _masks(prediction_mask: Any) -> list[NDArray[np.bool_]]:
    several = (
        isinstance(prediction_mask, (list, tuple))
        and len(prediction_mask)
        and np.ndim(prediction_mask[0]) == 2
    )
    masks = [
        np.ma.filled(mask, False) for mask in (prediction_mask if several else [prediction_mask])
    ]
    for mask in masks:
        if mask.ndim != 2 or mask.dtype != bool:
            raise DataError(
                f"prediction_mask has shape {mask.shape} and dtype {mask.dtype}, but must have "
                "shape (height, width) and dtype bool: True at the pixels to be mapped. Pass one "
                "mask per scene."
            )
    return masks


def _mask_of_scene(
    masks: list[NDArray[np.bool_]], scene: int, cube: Any, pixels: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Return the mask of a scene with samples at `pixels`, shape (n_samples, 2)."""
    if not 0 <= scene < len(masks):
        raise DataError(
            f"There are samples in scene {scene}, counted from 0, but {len(masks)} masks of pixels "
            "to be mapped. Pass one mask per scene as prediction_mask."
        )
    if cube is not None and masks[scene].shape != cube.shape[:2]:
        raise DataError(
            f"prediction_mask has shape {masks[scene].shape} for scene {scene}, of "
            f"{cube.shape[0]} x {cube.shape[1]} pixels. Pass a mask of the height and width of the "
            "scene."
        )
    if pixels.min() < 0 or (pixels >= masks[scene].shape).any():
        raise DataError(
            f"Samples of scene {scene} lie outside prediction_mask, of shape "
            f"{masks[scene].shape}. Pass a mask of the height and width of the scene."
        )
    if not masks[scene].any():
        raise DataError(
            f"prediction_mask has no pixel to be mapped in scene {scene}: all values are False. "
            "Pass True at the pixels to be mapped, or leave out the samples of this scene."
        )
    return masks[scene]
