"""Baselines without a network: positions, spectra, and a smoothed SVM."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from hsvlm._data.lazy import valid_pixels
from hsvlm.evaluation._coupling import CoupledSVC
from hsvlm.exceptions import DataError
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH_SIZE = 4096


def _require_positions(X: Any, reader: str) -> PixelSamples:
    if isinstance(X, PixelSamples):
        return X
    raise DataError(
        f"{reader} reads positions, which {type(X).__name__} does not have. "
        "Pass PixelSamples: X, y = pixel_samples(cube, labels)."
    )


class CoordinateNeighbors(ClassifierMixin, BaseEstimator):
    """Predict the label of the nearest training pixel, by position only.

    Its accuracy shows how much a split reveals without any spectrum. Pixels of a scene without
    training pixels get the label of some training pixel of another scene.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.evaluation import CoordinateNeighbors
    >>> X = PixelSamples(np.ones((9, 9, 1)), [[0, 0], [8, 8], [7, 6]])
    >>> CoordinateNeighbors().fit(X[:2], np.array(["corn", "oats"])).predict(X[2:])
    array(['oats'], dtype='<U4')
    """

    classes_: NDArray[Any]

    def fit(self, X: PixelSamples, y: Any) -> Self:
        """Store the positions of the training pixels.

        Parameters
        ----------
        X : PixelSamples of shape (n_samples, n_bands)
            Training samples.
        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        CoordinateNeighbors
            The fitted estimator.

        Raises
        ------
        DataError
            If the samples have no positions.
        """
        samples = _require_positions(X, "CoordinateNeighbors")
        # Larger than any scene, so that the nearest pixel lies in the same scene.
        self._scene_distance = 10 * max(max(cube.shape[:2]) for cube in samples.cubes)
        self._neighbors = KNeighborsClassifier(n_neighbors=1).fit(self._scene_coords(samples), y)
        self.classes_ = self._neighbors.classes_
        return self

    def predict(self, X: PixelSamples) -> NDArray[Any]:
        """Predict the label of the nearest training pixel.

        Parameters
        ----------
        X : PixelSamples of shape (n_samples, n_bands)
            Samples over the same cubes as in training, in the same order.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted labels.

        Raises
        ------
        DataError
            If the samples have no positions.
        """
        check_is_fitted(self)
        samples = _require_positions(X, "CoordinateNeighbors")
        return np.asarray(self._neighbors.predict(self._scene_coords(samples)))

    def _scene_coords(self, X: PixelSamples) -> NDArray[np.intp]:
        return np.column_stack([X.coords, self._scene_distance * X.scene_ids])


def spectral_svm() -> Pipeline:
    """Make an RBF-SVM on the standardized spectra of single pixels.

    Returns
    -------
    Pipeline
        An unfitted scikit-learn estimator, with C = 100 and scikit-learn's default gamma.

    Examples
    --------
    >>> from hsvlm.evaluation import spectral_svm
    >>> [name for name, _ in spectral_svm().steps]
    ['standardscaler', 'svc']
    """
    return make_pipeline(StandardScaler(), SVC(C=100.0))


class SmoothedSVM(ClassifierMixin, BaseEstimator):
    """RBF-SVM on averaged spectra, with smoothed log-probabilities: good practice, no network.

    Spectra are averaged over 3 x 3 pixels and normalized one by one to mean 0 and deviation 1
    (standard normal variate [1]_). An RBF-SVM is trained on them, and its log-probabilities are
    smoothed over the scene by a Gaussian. Prediction reads the pixels around every sample, labeled
    or not; pixels without data, marked by NaN, are left out.

    Parameters
    ----------
    sigma : float, default=2.0
        Standard deviation of the Gaussian in pixels; 0 turns smoothing off. The Gaussian ends at
        three standard deviations.
    C : float, default=1000.0
        Penalty of the SVM.
    random_state : int, RandomState or None, default=0
        Seed of the folds on which probabilities are calibrated.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    window_size_ : int
        Side in pixels of the window that a prediction depends on.

    References
    ----------
    .. [1] R. J. Barnes, M. S. Dhanoa and S. J. Lister, "Standard normal variate transformation and
       de-trending of near-infrared diffuse reflectance spectra", Applied Spectroscopy 43(5), 1989.

    Examples
    --------
    >>> from hsvlm import pixel_samples
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.evaluation import SmoothedSVM
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = pixel_samples(scene.cube, scene.labels)
    >>> model = SmoothedSVM().fit(X[::5], y[::5])
    >>> model.window_size_
    15
    >>> bool(model.score(X, y) > 0.9)
    True
    """

    classes_: NDArray[Any]
    window_size_: int

    def __init__(self, sigma: float = 2.0, C: float = 1000.0, random_state: Any = 0) -> None:
        self.sigma = sigma
        self.C = C
        self.random_state = random_state

    def fit(self, X: PixelSamples, y: Any) -> Self:
        """Train the SVM.

        Parameters
        ----------
        X : PixelSamples of shape (n_samples, n_bands)
            Training samples.
        y : array-like of shape (n_samples,)
            Their labels.

        Returns
        -------
        SmoothedSVM
            The fitted estimator.

        Raises
        ------
        DataError
            If the samples have no positions.
        """
        samples = _require_positions(X, "SmoothedSVM")
        svm = CoupledSVC(C=self.C, random_state=self.random_state)
        self._model = make_pipeline(StandardScaler(), svm).fit(_normalized_means(samples), y)
        self.classes_ = svm.classes_
        self.window_size_ = 2 * (self._radius + 1) + 1
        return self

    @property
    def _radius(self) -> int:
        return round(3 * self.sigma)

    def predict(self, X: PixelSamples) -> NDArray[Any]:
        """Predict the class of the largest smoothed log-probability.

        Parameters
        ----------
        X : PixelSamples of shape (n_samples, n_bands)
            Samples of any scene with the bands of the training samples.

        Returns
        -------
        ndarray of shape (n_samples,)
            Predicted labels.

        Raises
        ------
        DataError
            If the samples have no positions.
        """
        check_is_fitted(self)
        samples = _require_positions(X, "SmoothedSVM")
        best = np.empty(len(samples), dtype=np.intp)
        for number in np.unique(samples.scene_ids):
            in_scene = samples.scene_ids == number
            scores = self._smoothed_scores(samples.cubes[number], samples.coords[in_scene])
            best[in_scene] = scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _smoothed_scores(self, cube: Any, coords: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return smoothed log-probabilities at `coords`, of shape (n_samples, n_classes)."""
        requested = np.zeros(cube.shape[:2], dtype=bool)
        requested[tuple(coords.T)] = True
        near = maximum_filter(requested, size=2 * self._radius + 1)
        valid = valid_pixels(cube)
        pixels = PixelSamples(cube, np.argwhere(near if valid is None else near & valid))
        scores = np.zeros((*cube.shape[:2], len(self.classes_)))
        weights = np.zeros(cube.shape[:2])
        for start in range(0, len(pixels), _BATCH_SIZE):
            batch = pixels[start : start + _BATCH_SIZE]
            spectra = _normalized_means(batch)
            # Smoothing skips pixels without data; requested ones lead to an error of the SVM.
            used = np.isfinite(spectra).all(axis=1) | requested[tuple(batch.coords.T)]
            place = tuple(batch.coords[used].T)
            weights[place] = 1
            if used.any():
                probabilities = self._model.predict_proba(spectra[used])
                scores[place] = np.log(np.maximum(probabilities, 1e-6))
        if not self._radius:
            return np.asarray(scores[tuple(coords.T)])
        smooth = partial(gaussian_filter, sigma=self.sigma, radius=self._radius, mode="nearest")
        share = smooth(weights)[tuple(coords.T)]
        return np.asarray(smooth(scores, axes=(0, 1))[tuple(coords.T)] / share[:, None])


def _normalized_means(X: PixelSamples) -> NDArray[np.float64]:
    """Return the standard normal variate of 3 x 3 means, of shape (n_samples, n_bands)."""
    pieces = []
    for start in range(0, len(X), _BATCH_SIZE):
        windows = X[start : start + _BATCH_SIZE].windows(3)
        finite = np.isfinite(windows)
        total = np.where(finite, windows, 0).sum(axis=(1, 2), dtype=np.float64)
        count = finite.sum(axis=(1, 2))
        spectra = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        centered = spectra - spectra.mean(axis=1, keepdims=True)
        deviation = centered.std(axis=1, keepdims=True)
        pieces.append(centered / np.where(deviation > 0, deviation, 1))
    return np.concatenate(pieces)


BASELINES: dict[str, tuple[str, Any]] = {
    "coordinates": ("1-NN on (row, col), no spectra", CoordinateNeighbors),
    "spectral-svm": ("RBF-SVM on spectra", spectral_svm),
    "smoothed-svm": ("RBF-SVM, 3x3 SNV, smoothed", SmoothedSVM),
    "majority": ("most frequent class", DummyClassifier),
}
