"""What a fit keeps of its scenes, so that class scores can be read out over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hsvlm._training_record.scenes import TrainingScene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

__all__ = ["FittedScene", "Readout"]


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
class Readout:
    """How a classifier reads its class scores out of a scene.

    Attributes
    ----------
    restart : float or None
        See :func:`hsvlm.readout.random_walk`; None as long as it is not chosen.
    contrast, agreement, n_steps : float, float and int
        See :func:`hsvlm.readout.transitions` and :func:`hsvlm.readout.random_walk`.
    edges : Pipeline
        From spectra to what edges are seen in.
    scale : float
        Mean squared distance, in it, of training pixels from their neighbours.
    scenes : tuple of FittedScene
        The scenes that hold training pixels.
    temperature : float
        By which log-probabilities are divided in the end, so that probabilities are calibrated on
        training pixels that were held out.
    brier_scores : dict or None
        ``{restart: Brier score}`` on training pixels that were held out to choose; None where
        nothing was to be chosen or could be held out.
    """

    restart: float | None
    contrast: float
    agreement: float
    n_steps: int
    edges: Pipeline
    scale: float
    scenes: tuple[FittedScene, ...]
    temperature: float = 1.0
    brier_scores: dict[float, float] | None = None
