"""Spectra of a map as they are, or as scores of principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Components", "fit_components"]

_MAX_COMPONENTS = 16
_MAX_UNEXPLAINED = 1e-4  # share of the variance
_N_LEVELS = 254  # scores are 1 to 255; 0 stands for no data


class Components(NamedTuple):
    """Principal components with the range of their scores.

    Shapes: `mean` (n_bands,), `axes` (n_components, n_bands), `low` and `span` (n_components,).
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    low: NDArray[np.float64]
    span: NDArray[np.float64]

    def scores(self, spectra: NDArray[Any]) -> NDArray[np.uint8]:
        """Return scores (n_spectra, n_components); 0 for spectra that are not finite."""
        finite = np.isfinite(spectra).all(axis=1)
        centered = np.where(finite[:, None], spectra, 0).astype(np.float64) - self.mean
        levels = (centered @ self.axes.T - self.low) / self.span * _N_LEVELS
        scores = 1 + np.rint(np.clip(levels, 0, _N_LEVELS))
        scores[~finite] = 0
        return scores.astype(np.uint8)

    def spectra(self, scores: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Reconstruct spectra (n_spectra, n_bands)."""
        levels = (scores.astype(np.float64) - 1) / _N_LEVELS * self.span + self.low
        return np.asarray(self.mean + levels @ self.axes)

    def errors(self, spectra: NDArray[Any]) -> NDArray[np.float64]:
        """Return the root mean square error over the bands of each spectrum."""
        difference = self.spectra(self.scores(spectra)) - spectra
        return np.asarray(np.sqrt((difference**2).mean(axis=1)))


def fit_components(spectra: NDArray[np.float64]) -> Components:
    """Fit components to finite spectra (n_spectra, n_bands), at least one."""
    mean = spectra.mean(axis=0)
    centered = spectra - mean
    variances, vectors = np.linalg.eigh(centered.T @ centered)
    variances, axes = variances[::-1].clip(0), vectors.T[::-1]
    left = 1 - np.cumsum(variances) / max(variances.sum(), np.finfo(float).tiny)
    n_components = min(_MAX_COMPONENTS, int((left > _MAX_UNEXPLAINED).sum()) + 1, len(axes))
    axes = axes[:n_components]
    scores = centered @ axes.T
    # Scores beyond the range are cut off; outliers would make the levels of all others coarse.
    low, high = np.quantile(scores, [0.0005, 0.9995], axis=0)
    margin = 0.1 * (high - low)
    span = np.maximum(high - low + 2 * margin, np.finfo(np.float32).tiny)
    return Components(mean, axes, low - margin, span)
