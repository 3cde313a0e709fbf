"""What a fit keeps of its scenes, so that class scores can be read out over them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from hsvlm._training_record.scenes import TrainingScene

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

__all__ = ["Discriminant", "DisputedLabels", "FittedScene", "Readout"]


@dataclass(frozen=True, eq=False)
class FittedScene(TrainingScene):
    """A training scene with the labels of its pixels.

    Attributes
    ----------
    targets : ndarray of shape (n_pixels,), dtype int64
        Class indices of the training pixels.
    weights : ndarray of shape (n_pixels,), float64
        Their weights, which decide where a pixel has several labels.
    """

    targets: NDArray[np.int64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DisputedLabels:
    """Training labels that are probably wrong and were not used, the least probable first.

    Attributes
    ----------
    scenes : ndarray of shape (n_labels,), dtype int64
        Numbers of their scenes, among those of the training samples.
    coords : ndarray of shape (n_labels, 2), dtype int64
        Row and column.
    targets, suggested : ndarray of shape (n_labels,), dtype int64
        Indices of their classes, and of the most probable of the others.
    trust : ndarray of shape (n_labels,), float64
        Probability that the label is right, below one half.
    """

    scenes: NDArray[np.int64]
    coords: NDArray[np.int64]
    targets: NDArray[np.int64]
    suggested: NDArray[np.int64]
    trust: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.targets)

    @classmethod
    def none(cls) -> Self:
        """Return an empty list."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, np.empty((0, 2), dtype=np.int64), empty, empty, np.empty(0))


@dataclass(frozen=True, eq=False)
class Discriminant:
    """Linear scores of the classes, whose softmax are probabilities, of a spectrum and its shape.

    Attributes
    ----------
    slopes : ndarray of shape (n_classes, n_bands + n_spectral), float64
        For the bands, and for the bands of the spectrum with mean zero and deviation one; of a
        stack of sources, the first `n_spectral` bands are the spectrum.
    offsets : ndarray of shape (n_classes,), float64
        Scores of a spectrum of zeros.
    """

    slopes: NDArray[np.float64]
    offsets: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Readout:
    """How a classifier reads its class scores out of a scene.

    Attributes
    ----------
    restart, contrast, agreement, n_steps : float, float, float and int
        See :func:`hsvlm.readout.random_walk` and :func:`hsvlm.readout.transitions`.
    edges : Pipeline
        From spectra to what edges are seen in.
    scale : float
        Mean squared distance, in it, of training pixels from their neighbours.
    scenes : tuple of FittedScene
        The scenes that hold training pixels.
    temperature : float
        By which the scores of windows are divided, so that their probabilities are calibrated on
        training pixels that were held out.
    weights : tuple of float
        Of the log-probabilities of walks, of windows and of spectra in their sum.
    noise : float
        Share of training labels that are wrong, as far as held-out ones tell.
    disputed : DisputedLabels
        Training labels that were not used.
    discriminant : Discriminant or None
        What spectra say; None if they have no weight.
    """

    restart: float
    contrast: float
    agreement: float
    n_steps: int
    edges: Pipeline
    scale: float
    scenes: tuple[FittedScene, ...]
    temperature: float = 1.0
    weights: tuple[float, float, float] = (0.5, 0.5, 0.0)
    noise: float = 0.0
    disputed: DisputedLabels = field(default_factory=DisputedLabels.none)
    discriminant: Discriminant | None = None
