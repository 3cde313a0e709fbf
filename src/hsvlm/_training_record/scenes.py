"""Scenes that hold training pixels, and how they are recognized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm._training_record.summary import spread_evenly
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["TrainingScene", "reference_indices", "training_scenes"]

_N_REFERENCES = 16
# Transformed copies of a scene differ in the last bits.
_SAME = 1e-3
# Copies in another scale are rounded differently; no two places agree so well.
_SAME_BUT_FOR_SCALE = 0.02


@dataclass(frozen=True, eq=False)
class TrainingScene:
    """What is kept of a scene with training pixels.

    Shapes: `coords` (n_pixels, 2), `references` (n_references, n_bands).
    """

    shape: tuple[int, int, int]
    coords: NDArray[np.int64]
    references: NDArray[np.float64]

    def matches(self, cube: Any) -> bool:
        """Tell whether a cube is this scene."""
        spectra, references = self._compared(cube)
        same = np.allclose(spectra, references, rtol=_SAME, atol=1e-6)
        return len(references) > 0 and bool(same)

    def is_of_scaled(self, cube: Any) -> bool:
        """Tell whether a cube is this scene, in its scale or in another one."""
        spectra, references = self._compared(cube)
        if not len(references):
            return False
        if np.allclose(spectra, references, rtol=_SAME, atol=1e-6):
            return True
        known, values = references.ravel(), spectra.ravel()
        deviations = known - known.mean(), values - values.mean()
        norms = [float(np.linalg.norm(deviation)) for deviation in deviations]
        if not (np.isfinite(norms).all() and all(norms)):
            return False
        cosine = float((deviations[0] / norms[0]) @ (deviations[1] / norms[1]))
        # The sine of the angle between both is the share that a factor and an offset leave over.
        return cosine > 0 and 1 - cosine**2 < _SAME_BUT_FOR_SCALE**2

    def _compared(self, cube: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Spectra of a cube at the reference pixels, and the references; none if unlike."""
        if tuple(cube.shape) != self.shape:
            return self.references[:0], self.references[:0]
        coords, references = self.coords[reference_indices(len(self.coords))], self.references
        valid = valid_pixels(cube)
        if valid is not None:
            present = valid[tuple(coords.T)]
            coords, references = coords[present], references[present]
        return np.asarray(PixelSamples(cube, coords), dtype=np.float64), references


def reference_indices(n_pixels: int) -> NDArray[np.intp]:
    """Choose the training pixels by which a scene is recognized."""
    return spread_evenly(n_pixels, _N_REFERENCES)


def training_scenes(X: PixelSamples) -> Iterator[tuple[TrainingScene, NDArray[np.intp]]]:
    """Describe each scene of training samples; gives the indices of its samples too."""
    for number in np.unique(X.scene_ids):
        here = np.flatnonzero(X.scene_ids == number)
        height, width, n_bands = X.cubes[number].shape
        references = np.asarray(X[here[reference_indices(len(here))]], dtype=np.float64)
        shape = (int(height), int(width), int(n_bands))
        yield TrainingScene(shape, X.coords[here].astype(np.int64), references), here
