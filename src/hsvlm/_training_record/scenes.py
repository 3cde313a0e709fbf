"""Recognize scenes with training pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import valid_pixels
from hsvlm._training_record.summary import spread_evenly
from hsvlm.samples import PixelSamples, pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_N_REFERENCES = 16
# Transformed copies of a scene differ in the last bits.
_MAX_RELATIVE_DIFFERENCE = 1e-3
_MAX_ROUNDING = 1e-6
# Copies in another scale are rounded differently; no two places are so similar.
_MAX_SINE = 0.02


@dataclass(frozen=True, eq=False)
class TrainingScene:
    """Training pixels of a scene, with spectra for recognition.

    Shapes: `coords` (n_pixels, 2), `references` (n_references, n_bands).
    """

    shape: tuple[int, int, int]
    coords: NDArray[np.int64]
    references: NDArray[np.float64]

    def matches(self, cube: Any) -> bool:
        """Tell whether a cube is this scene."""
        spectra, references = self._compared(cube)
        return len(references) > 0 and _are_close(spectra, references)

    def is_of_scaled(self, cube: Any) -> bool:
        """Tell whether a cube is this scene, in its scale or in another one."""
        spectra, references = self._compared(cube)
        if not len(references):
            return False
        if _are_close(spectra, references):
            return True
        known, values = references.ravel(), spectra.ravel()
        deviations = known - known.mean(), values - values.mean()
        norms = [float(np.linalg.norm(deviation)) for deviation in deviations]
        if not (np.isfinite(norms).all() and all(norms)):
            return False
        cosine = float((deviations[0] / norms[0]) @ (deviations[1] / norms[1]))
        # The sine of the angle is the difference that a factor and an offset do not explain.
        return cosine > 0 and 1 - cosine**2 < _MAX_SINE**2

    def _compared(self, cube: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return spectra of a cube at the reference pixels, and the references."""
        if tuple(cube.shape) != self.shape:
            return self.references[:0], self.references[:0]
        coords, references = self.coords[reference_indices(len(self.coords))], self.references
        valid = valid_pixels(cube)
        if valid is not None:
            present = valid[tuple(coords.T)]
            coords, references = coords[present], references[present]
        return np.asarray(pixels_of(cube, coords), dtype=np.float64), references


def _are_close(spectra: NDArray[np.float64], references: NDArray[np.float64]) -> bool:
    # What is nearly 0, such as a component, is compared with the other values.
    least = _MAX_ROUNDING * float(np.abs(references).max(initial=0, where=np.isfinite(references)))
    return np.allclose(spectra, references, rtol=_MAX_RELATIVE_DIFFERENCE, atol=least)


def reference_indices(n_pixels: int) -> NDArray[np.intp]:
    """Choose training pixels for the recognition of a scene."""
    return spread_evenly(n_pixels, _N_REFERENCES)


def training_scenes(X: PixelSamples) -> Iterator[tuple[TrainingScene, NDArray[np.intp]]]:
    """Describe each scene of training samples, with the indices of its samples."""
    for number in np.unique(X.scene_ids):
        indices = np.flatnonzero(X.scene_ids == number)
        height, width, n_bands = X.cubes[number].shape
        references = np.asarray(X[indices[reference_indices(len(indices))]], dtype=np.float64)
        shape = (int(height), int(width), int(n_bands))
        yield TrainingScene(shape, X.coords[indices].astype(np.int64), references), indices
