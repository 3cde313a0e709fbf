"""Parts of a scene, prepared to be read out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.ndimage import maximum_filter, uniform_filter
from scipy.special import softmax

from hsvlm._data.lazy import valid_pixels
from hsvlm._prediction.windows import window_scores
from hsvlm.readout import pool_opinions, random_walk, transitions
from hsvlm.readout.discriminant import LEAST_PROBABILITY, spectral_opinions
from hsvlm.readout.scene import finite_spectra
from hsvlm.samples import pixels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._prediction.model import FittedModel
    from hsvlm._training_record import Readout

__all__ = ["PixelLabels", "Region", "SceneRegions"]

_ROWS_AT_ONCE = 32
# Below the share of a single pixel of nine.
_LEAST_SHARE = 0.1


class PixelLabels(NamedTuple):
    """Labels of pixels of a scene: coords (n_labels, 2), class indices and weights (n_labels,)."""

    coords: NDArray[np.intp]
    targets: NDArray[np.intp]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a scene, with what windows say and where walks go.

    Shapes: `usable` (height, width), `probabilities` (height * width, n_classes), `spectral`
    (height, width, n_classes) with logarithms of probabilities; `walk` (n_usable, n_usable).
    """

    rows: tuple[int, int]
    cols: tuple[int, int]
    usable: NDArray[np.bool_]
    probabilities: NDArray[np.float32]
    spectral: NDArray[np.float32]
    readout: Readout
    walk: Any

    def windows(self) -> NDArray[np.float32]:
        """Logarithms of the probabilities that windows give by themselves.

        Shape: (height, width, n_classes).
        """
        return self._on_grid(np.log(np.maximum(self.probabilities, LEAST_PROBABILITY)))

    def walks(self, labels: PixelLabels) -> NDArray[np.float32]:
        """Logarithms of the probabilities where walks end that these labels absorb.

        Shape: (height, width, n_classes).
        """
        known, targets = self._known(labels)
        inside = np.flatnonzero(self.usable)
        place = np.searchsorted(inside, known)
        settings = self.readout.restart, self.readout.n_steps
        ends = self.probabilities.copy()
        ends[inside] = random_walk(self.walk, ends[inside], place, targets, *settings)
        return self._on_grid(np.log(ends))

    def log_probabilities(self, labels: PixelLabels) -> NDArray[np.float32]:
        """Read out every pixel; NaN where it cannot be.

        Shape: (height, width, n_classes).
        """
        opinions = self.walks(labels), self.windows(), self.spectral
        pooled = pool_opinions(opinions, self.readout.weights)
        # What is known needs no opinion.
        known, targets = self._known(labels)
        flat = pooled.reshape(-1, pooled.shape[-1])
        flat[known] = np.log(np.maximum(targets, LEAST_PROBABILITY))
        pooled[~self.usable] = np.nan
        return pooled.astype(np.float32, copy=False)

    def _known(self, labels: PixelLabels) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        coords = labels.coords - (self.rows[0], self.cols[0])
        inside = np.asarray(((coords >= 0) & (coords < self.usable.shape)).all(axis=1))
        inside[inside] = self.usable[tuple(coords[inside].T)]
        position = np.ravel_multi_index(tuple(coords[inside].T), self.usable.shape)
        known, row = np.unique(position, return_inverse=True)
        targets = np.zeros((len(known), self.probabilities.shape[1]))
        np.add.at(targets, (row, labels.targets[inside]), labels.weights[inside])
        targets /= targets.sum(axis=1, keepdims=True)
        return known, targets.astype(np.float32)

    def _on_grid(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        return values.reshape(*self.usable.shape, -1)


class SceneRegions:
    """Makes regions of one scene; no label of it is looked at.

    Shapes: `cube` (height, width, n_bands).
    """

    def __init__(self, model: FittedModel, cube: Any, readout: Readout) -> None:
        self._model = model
        self._cube = cube
        self._readout = readout

    def region(
        self,
        rows: tuple[int, int],
        cols: tuple[int, int],
        only: NDArray[np.intp] | None = None,
    ) -> Region:
        """Prepare a part of the scene, for all its pixels or for some, `only` (n_pixels, 2)."""
        # Windows at the rim of the region see pixels beyond it.
        half = self._model.window_size // 2
        tall, wide = (
            (max(0, first - half), min(size, last + half))
            for (first, last), size in zip((rows, cols), self._cube.shape[:2], strict=True)
        )
        down = slice(rows[0] - tall[0], rows[1] - tall[0])
        right = slice(cols[0] - wide[0], cols[1] - wide[0])
        features, spectral, usable = self._features(tall, wide)
        features, spectral = features[down, right], spectral[down, right]
        usable = usable[down, right]
        origin = np.array([rows[0], cols[0]])
        looked_at = usable if only is None else _thinned(usable, only - origin)
        readout, n_classes = self._readout, len(self._model.classes)
        probabilities = np.full((*usable.shape, n_classes), 1 / n_classes, dtype=np.float32)
        if looked_at.any():
            samples = pixels_of(self._cube, np.argwhere(looked_at) + origin)
            scores = window_scores(self._model, samples) / np.float32(readout.temperature)
            probabilities[looked_at] = softmax(scores, axis=1)
        if only is not None:
            probabilities = _filled(probabilities, looked_at, usable)
        flat = probabilities.reshape(-1, n_classes)
        settings = readout.scale, readout.contrast, flat, readout.agreement
        walk = transitions(features, usable, *settings)
        if not usable.all():
            inside = np.flatnonzero(usable)
            walk = walk[inside][:, inside]
        return Region(rows, cols, usable, flat, spectral, readout, walk)

    def _features(
        self, rows: tuple[int, int], cols: tuple[int, int]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """What edges are seen in, what spectra say, and whose windows can be computed with."""
        shape = rows[1] - rows[0], cols[1] - cols[0]
        valid = valid_pixels(self._cube)
        present = np.ones(shape, dtype=bool) if valid is None else valid[slice(*rows), slice(*cols)]
        broken = np.zeros(shape, dtype=bool)
        n_features = self._readout.edges[-1].n_components_
        features = np.zeros((*shape, n_features), dtype=np.float32)
        spectral = np.zeros((*shape, len(self._model.classes)), dtype=np.float32)
        discriminant = self._readout.discriminant
        for start in range(0, shape[0], _ROWS_AT_ONCE):
            here = np.argwhere(present[start : start + _ROWS_AT_ONCE]) + np.array([start, 0])
            if not len(here):
                continue
            spectra = np.asarray(pixels_of(self._cube, here + np.array([rows[0], cols[0]])))
            whole = finite_spectra(spectra)
            broken[tuple(here[~whole].T)] = True
            if whole.any():
                place = tuple(here[whole].T)
                features[place] = self._readout.edges.transform(spectra[whole])
                if discriminant is not None:
                    spectral[place] = spectral_opinions(discriminant, spectra[whole])
        return features, spectral, present & ~self._touched(broken)

    def _touched(self, broken: NDArray[np.bool_]) -> NDArray[np.bool_]:
        if not broken.any():
            return broken
        touched: NDArray[np.bool_] = maximum_filter(broken, size=self._model.window_size)
        return touched


def _thinned(usable: NDArray[np.bool_], only: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Some pixels, and of the others as many as a walk needs: one in four.

    Shapes: `usable` (height, width), `only` (n_pixels, 2).
    """
    chosen = np.zeros_like(usable)
    chosen[::2, ::2] = True
    chosen[tuple(only.T)] = True
    chosen &= usable
    # Between pixels without data, one may have no neighbor that was chosen.
    alone = usable & (uniform_filter(chosen.astype(np.float32), 3, mode="constant") < _LEAST_SHARE)
    return np.asarray(chosen | alone)


def _filled(
    probabilities: NDArray[np.float32], known: NDArray[np.bool_], usable: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Give the other usable pixels the mean of their known neighbors.

    Shapes: `probabilities` (height, width, n_classes), `known` and `usable` (height, width).
    """
    here = known[..., None].astype(np.float32)
    total = uniform_filter(probabilities * here, (3, 3, 1), mode="constant")
    share = uniform_filter(here, (3, 3, 1), mode="constant")
    between = usable & ~known
    probabilities[between] = total[between] / share[between]
    return probabilities
