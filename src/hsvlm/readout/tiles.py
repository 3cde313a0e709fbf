"""Class scores of pixels, read out of the scene that they belong to, tile by tile."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax

from hsvlm._prediction.windows import window_scores
from hsvlm.readout.regions import PixelLabels, SceneRegions
from hsvlm.samples import pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import FittedScene, Readout

__all__ = ["SceneTiles"]

# Every tile is computed with a margin around it, always the same way: what a pixel gets does not
# depend on which pixels are asked for. Few walks go farther than the margin.
_TILE, _MARGIN = 512, 64


class SceneTiles:
    """One scene, read out tile by tile; a row of tiles is kept.

    Shapes: `cube` (height, width, n_bands), which the training scenes `known` are.
    """

    def __init__(
        self, model: FittedModel, cube: Any, readout: Readout, known: Sequence[FittedScene]
    ) -> None:
        self._model = model
        self._cube = cube
        self._regions = SceneRegions(model, cube, readout)
        self._labels = PixelLabels(
            np.concatenate([scene.coords for scene in known]),
            np.concatenate([scene.targets for scene in known]),
            np.concatenate([scene.weights for scene in known]),
        )
        self._kept: OrderedDict[tuple[int, int], NDArray[np.float32]] = OrderedDict()
        self._capacity = -(-cube.shape[1] // _TILE) + 1

    def scores(self, coords: NDArray[np.intp]) -> NDArray[np.float32]:
        """Logarithms of the class probabilities of some pixels.

        Shapes: `coords` (n_pixels, 2); returns (n_pixels, n_classes).
        """
        values = np.empty((len(coords), len(self._model.classes)), dtype=np.float32)
        for place, here in self.by_tile(coords):
            within = coords[here] - np.multiply(place, _TILE)
            values[here] = self._tile(place)[within[:, 0], within[:, 1]]
        # Pixels that the walk cannot enter: the network says what is wrong with them.
        left_out = np.isnan(values[:, 0])
        if left_out.any():
            alone = window_scores(self._model, pixels_of(self._cube, coords[left_out]))
            values[left_out] = log_softmax(alone, axis=1)
        return values

    @staticmethod
    def by_tile(coords: NDArray[np.intp]) -> Iterator[tuple[tuple[int, int], NDArray[np.intp]]]:
        """Group pixels by the tile that they are in.

        Shapes: `coords` (n_pixels, 2).
        """
        tiles, group = np.unique(coords // _TILE, axis=0, return_inverse=True)
        for number, (down, right) in enumerate(tiles.tolist()):
            yield (down, right), np.flatnonzero(group.reshape(-1) == number)

    def _tile(self, place: tuple[int, int]) -> NDArray[np.float32]:
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        rows, cols = (
            (max(0, one * _TILE - _MARGIN), min(size, (one + 1) * _TILE + _MARGIN))
            for one, size in zip(place, self._cube.shape[:2], strict=True)
        )
        region = self._regions.region(rows, cols)
        found = region.log_probabilities(self._labels)
        core = tuple(
            slice(one * _TILE - first, min((one + 1) * _TILE, last) - first)
            for one, (first, last) in zip(place, (region.rows, region.cols), strict=True)
        )
        self._kept[place] = np.ascontiguousarray(found[core])
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return self._kept[place]
