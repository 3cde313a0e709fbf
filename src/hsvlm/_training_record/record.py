"""Record the training data of a fitted classifier."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._training_record.scenes import training_scenes
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hsvlm._data.sources import SourceDetails
    from hsvlm._training_record.scenes import TrainingScene
    from hsvlm._training_record.summary import SpectraSummary


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """Summary of the training data of a classifier.

    Attributes
    ----------
    spectra : SpectraSummary
        The training spectra in the scale of the data; after a warm start, those of the last fit.
    scenes : tuple of TrainingScene or None
        The scenes and their training pixels, including held-out ones; after a warm start, those
        of all fits. None if samples had no positions in a scene.
    sources : dict of SourceDetails
        Unit, resampling and ratio of further sources of the last fit, as far as scenes state them.
    """

    spectra: SpectraSummary
    scenes: tuple[TrainingScene, ...] | None
    sources: Mapping[str, SourceDetails] = field(default_factory=dict)

    def trained_pixels(self, cube: Any) -> NDArray[np.int64] | None:
        """Find the training pixels (n_pixels, 2) of a cube; None if unknown."""
        if self.scenes is None:
            return None
        coords = [scene.coords for scene in self.scenes if scene.is_of_scaled(cube)]
        return np.unique(np.concatenate([np.empty((0, 2), np.int64), *coords]), axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        medians = self.spectra.quantiles[4]
        scenes = None
        if self.scenes is not None:
            scenes = [
                {"height": scene.shape[0], "width": scene.shape[1], "n_pixels": len(scene.coords)}
                for scene in self.scenes
            ]
        return {
            "n_spectra": self.spectra.n_spectra,
            "n_bands": self.spectra.n_bands,
            "value_range": list(self.spectra.value_range),
            "median_range": [float(medians.min()), float(medians.max())],
            "scenes": scenes,
            "sources": {name: asdict(details) for name, details in self.sources.items()},
        }


def make_record(
    X: PixelSamples | NDArray[Any],
    summary: SpectraSummary,
    known: Sequence[TrainingScene] | None,
    previous: TrainingRecord | None,
) -> TrainingRecord:
    """Describe a training."""
    if not isinstance(X, PixelSamples):
        return TrainingRecord(summary, None)
    details = X.channels.details.items()
    sources = {name: source for name, source in details if name in (X.sources or {})}
    if previous is not None and previous.scenes is None:
        return TrainingRecord(summary, None, sources)
    scenes = [scene for scene, _ in training_scenes(X)] if known is None else known
    earlier = (
        []
        if previous is None
        else [
            old
            for old in previous.scenes or ()
            if not any(_are_same(old, scene) for scene in scenes)
        ]
    )
    return TrainingRecord(summary, (*scenes, *earlier), sources)


def _are_same(scene: TrainingScene, other: TrainingScene) -> bool:
    return (
        scene.shape == other.shape
        and np.array_equal(scene.coords, other.coords)
        and np.array_equal(scene.references, other.references)
    )
