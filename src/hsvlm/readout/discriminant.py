"""What single spectra say about their classes: a linear discriminant analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import log_softmax
from sklearn.covariance import ledoit_wolf
from sklearn.preprocessing import StandardScaler

from hsvlm._training_record import Discriminant
from hsvlm.preprocessing import StandardNormalVariate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["LEAST_PROBABILITY", "fit_discriminant", "spectral_opinions"]

# As small as the least that walks end with; that of a class without labels.
LEAST_PROBABILITY = 1e-9


def fit_discriminant(
    X: PixelSamples, targets: NDArray[np.intp], weights: NDArray[np.float64], n_classes: int
) -> Discriminant:
    """Fit a linear discriminant analysis with a shrunk covariance (Ledoit and Wolf, 2004).

    Shapes: `X` (n_labels, n_bands), `targets` and `weights` (n_labels,).
    """
    scaler = StandardScaler()
    n_spectral = X.shape[1] if X.sources is None else next(iter(X.sources.values())).stop
    features = scaler.fit_transform(_features(np.asarray(X), n_spectral))
    shares = np.bincount(targets, weights, n_classes) / weights.sum()
    sums = np.zeros((n_classes, features.shape[1]))
    np.add.at(sums, targets, features * (weights / weights.sum())[:, None])
    means = np.divide(sums, shares[:, None], out=sums, where=shares[:, None] > 0)
    # Spectra of one class may be as different as their weights allow.
    deviations = (features - means[targets]) * np.sqrt(weights / weights.mean())[:, None]
    covariance = _covariance(deviations, int(np.count_nonzero(shares)))
    slopes = np.asarray(np.linalg.solve(covariance, means.T).T)
    offsets = np.log(np.maximum(shares, LEAST_PROBABILITY)) - (slopes * means).sum(axis=1) / 2
    slopes = slopes / scaler.scale_
    return Discriminant(slopes, offsets - slopes @ scaler.mean_)


def spectral_opinions(discriminant: Discriminant, spectra: Any) -> NDArray[np.float32]:
    """Return logarithms of class probabilities.

    Shapes: `spectra` (n_spectra, n_bands); returns (n_spectra, n_classes).
    """
    n_spectral = discriminant.slopes.shape[1] - spectra.shape[1]
    scores = _features(spectra, n_spectral) @ discriminant.slopes.T + discriminant.offsets
    opinions: NDArray[np.float64] = log_softmax(scores, axis=1)
    return np.maximum(opinions, np.log(LEAST_PROBABILITY)).astype(np.float32)


def _features(spectra: Any, n_spectral: int) -> NDArray[np.float64]:
    """Values beside the shapes of their spectra, without those of further sources.

    Shapes: `spectra` (n_spectra, n_bands); returns (n_spectra, n_bands + n_spectral).
    """
    values = np.asarray(spectra, dtype=np.float64)
    return np.hstack([values, StandardNormalVariate().fit_transform(values[:, :n_spectral])])


def _covariance(deviations: NDArray[np.float64], n_classes: int) -> NDArray[np.float64]:
    """Of spectra around the means of their classes, which may be all there is of them.

    Shapes: `deviations` (n_labels, n_features); returns (n_features, n_features).
    """
    n_labels, n_features = deviations.shape
    if not deviations.any():
        return np.eye(n_features)
    shrunk: NDArray[np.float64] = ledoit_wolf(deviations, assume_centered=True)[0]
    # What varies within no class still has a small variance.
    shrunk[np.diag_indices(n_features)] += 1e-6 * np.trace(shrunk) / n_features
    shrunk *= n_labels / max(1, n_labels - n_classes)
    return shrunk
