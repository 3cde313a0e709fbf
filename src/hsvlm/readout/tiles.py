"""Class scores of pixels, read out of the scene that they belong to."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.special import log_softmax, softmax

from hsvlm._data.lazy import valid_pixels
from hsvlm._prediction.windows import window_scores
from hsvlm.readout import random_walk, transitions
from hsvlm.readout.scene import finite_spectra
from hsvlm.samples import pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import FittedScene, Readout

__all__ = ["SceneTiles", "TileWithMargin"]

# Every tile is computed with a margin around it, always the same way: what a pixel gets does not
# depend on which pixels are asked for. Few walks go farther than the margin.
_TILE, _MARGIN = 512, 64
_ROWS_AT_ONCE = 32


@dataclass(frozen=True, eq=False)
class TileWithMargin:
    """A part of a scene, ready to be read out.

    Shapes: `usable` (height, width).
    """

    rows: tuple[int, int]
    cols: tuple[int, int]
    usable: NDArray[np.bool_]
    walk: Any
    probabilities: NDArray[np.float32]
    known: NDArray[np.intp]
    targets: NDArray[np.float32]

    def log_probabilities(self, restart: float, n_steps: int) -> NDArray[np.float32]:
        """Read out every pixel.

        Shape: (height, width, n_classes).
        """
        found = random_walk(
            self.walk, self.probabilities, self.known, self.targets, restart, n_steps
        )
        found[~self.usable.ravel()] = np.nan
        return np.log(found).reshape(*self.usable.shape, -1)


class SceneTiles:
    """One scene, read out tile by tile; a row of tiles is kept.

    Shapes: `cube` (height, width, n_bands).
    """

    def __init__(self, model: FittedModel, cube: Any, readout: Readout, scene: FittedScene) -> None:
        self._model = model
        self._cube = cube
        self._readout = readout
        self._scene = scene
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

    def region(self, rows: tuple[int, int], cols: tuple[int, int]) -> TileWithMargin:
        """Prepare a part of the scene, its margin included."""
        # Windows at the rim of the region see pixels beyond it.
        half = self._model.window_size // 2
        tall, wide = (
            (max(0, first - half), min(size, last + half))
            for (first, last), size in zip((rows, cols), self._cube.shape[:2], strict=True)
        )
        down = slice(rows[0] - tall[0], rows[1] - tall[0])
        right = slice(cols[0] - wide[0], cols[1] - wide[0])
        features, usable = self._features(tall, wide)
        features, usable = features[down, right], usable[down, right]
        inside = usable.ravel()
        n_classes = len(self._model.classes)
        probabilities = np.full((usable.size, n_classes), 1 / n_classes, dtype=np.float32)
        if inside.any():
            coords = np.argwhere(usable) + np.array([rows[0], cols[0]])
            scores = window_scores(self._model, pixels_of(self._cube, coords))
            probabilities[inside] = softmax(scores, axis=1)
        readout = self._readout
        settings = readout.scale, readout.contrast, probabilities, readout.agreement
        walk = transitions(features, usable, *settings)
        known, targets = self._labels_in_tile((rows[0], cols[0]), usable)
        return TileWithMargin(rows, cols, usable, walk, probabilities, known, targets)

    def _tile(self, place: tuple[int, int]) -> NDArray[np.float32]:
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        rows, cols = (
            (max(0, one * _TILE - _MARGIN), min(size, (one + 1) * _TILE + _MARGIN))
            for one, size in zip(place, self._cube.shape[:2], strict=True)
        )
        region = self.region(rows, cols)
        found = region.log_probabilities(self._readout.restart or 1, self._readout.n_steps)
        found = log_softmax(found / np.float32(self._readout.temperature), axis=2)
        core = tuple(
            slice(one * _TILE - first, min((one + 1) * _TILE, last) - first)
            for one, (first, last) in zip(place, (region.rows, region.cols), strict=True)
        )
        self._kept[place] = np.ascontiguousarray(found[core])
        if len(self._kept) > self._capacity:
            self._kept.popitem(last=False)
        return self._kept[place]

    def _features(
        self, rows: tuple[int, int], cols: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What edges are seen in, and the pixels whose windows can be computed with."""
        shape = rows[1] - rows[0], cols[1] - cols[0]
        valid = valid_pixels(self._cube)
        present = np.ones(shape, dtype=bool) if valid is None else valid[slice(*rows), slice(*cols)]
        broken = np.zeros(shape, dtype=bool)
        n_features = self._readout.edges[-1].n_components_
        features = np.zeros((*shape, n_features), dtype=np.float32)
        for start in range(0, shape[0], _ROWS_AT_ONCE):
            here = np.argwhere(present[start : start + _ROWS_AT_ONCE]) + np.array([start, 0])
            if not len(here):
                continue
            spectra = np.asarray(pixels_of(self._cube, here + np.array([rows[0], cols[0]])))
            whole = finite_spectra(spectra)
            broken[tuple(here[~whole].T)] = True
            if whole.any():
                features[tuple(here[whole].T)] = self._readout.edges.transform(spectra[whole])
        return features, present & ~self._touched(broken)

    def _touched(self, broken: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not broken.any():
            return broken
        touched: NDArray[np.bool_] = maximum_filter(broken, size=self._model.window_size)
        return touched

    def _labels_in_tile(
        self, origin: tuple[int, int], usable: NDArray[np.bool_]
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        scene = self._scene
        coords = scene.coords - origin
        inside = np.asarray(((coords >= 0) & (coords < usable.shape)).all(axis=1))
        inside[inside] = usable[tuple(coords[inside].T)]
        position = np.ravel_multi_index(tuple(coords[inside].T), usable.shape)
        known, row = np.unique(position, return_inverse=True)
        targets = np.zeros((len(known), len(self._model.classes)))
        np.add.at(targets, (row, scene.targets[inside]), scene.weights[inside])
        targets /= targets.sum(axis=1, keepdims=True)
        return known, targets.astype(np.float32)
