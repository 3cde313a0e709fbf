"""Prediction of one block of pixels after the other, by a fitted classifier of any kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import entr, softmax
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hsvlm._data.cubes import check_band_count
from hsvlm._data.spectra import check_finite
from hsvlm._data.texts import listed
from hsvlm.estimator import HSIPromptClassifier, fitted_model
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.readout.scores import ScoreReader
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MAX_LISTED = 10


class Prediction(NamedTuple):
    """Class indices (n_pixels,) and probabilities (n_pixels, n_classes) of a block of pixels."""

    classes: NDArray[np.intp]
    probabilities: NDArray[np.float32] | None


class BlockPredictor:
    """Predicts a scene block by block, with the same floating-point result as all at once.

    Shapes: `cube` (height, width, n_bands), `pixel` (1, 2).
    """

    # Transformers at the head of a pipeline that return samples for samples are applied to the
    # cube once; the later steps get a block at a time.

    def __init__(self, clf: Any, cube: Any, pixel: Any, *, probabilities: bool) -> None:
        check_classifier(clf, cube.shape[2], probabilities=probabilities)
        self.classes: NDArray[Any] = np.asarray(clf.classes_)
        samples = PixelSamples(cube, pixel)
        while isinstance(clf, Pipeline) and len(clf) > 1:
            head = clf.steps[0][1]
            mapped = samples if head in (None, "passthrough") else head.transform(samples)
            if not isinstance(mapped, PixelSamples):
                break
            samples, clf = mapped, clf[1:] if len(clf) > 2 else clf.steps[1][1]
        self.classifier = clf
        self.cube = samples.cubes[0]
        # A prompt classifier computes them for its labels in any case.
        self.gives_probabilities = probabilities or isinstance(clf, HSIPromptClassifier)
        self._order = np.argsort(self.classes)
        if isinstance(clf, HSIPromptClassifier):
            # Keeps tiles of the read-out.
            self._scores = ScoreReader(fitted_model(clf), spatial=clf.spatial)

    def __call__(self, coords: NDArray[np.intp]) -> Prediction:
        """Predict the pixels at coordinates (n_pixels, 2)."""
        samples = PixelSamples(self.cube, coords)
        if isinstance(self.classifier, HSIPromptClassifier):
            scores = self._scores(samples)
            return Prediction(scores.argmax(axis=-1), np.asarray(softmax(scores, axis=-1)))
        # Some classifiers take NaN for a measurement, which is none of a pixel.
        check_finite(np.asarray(samples))
        classes = self._indices(np.asarray(self.classifier.predict(samples)))
        if not self.gives_probabilities:
            return Prediction(classes, None)
        probabilities = np.asarray(self.classifier.predict_proba(samples), dtype=np.float32)
        return Prediction(classes, probabilities)

    def _indices(self, labels: NDArray[Any]) -> NDArray[np.intp]:
        """Find labels (n_pixels,) among the classes."""
        places = np.searchsorted(self.classes, labels, sorter=self._order)
        indices: NDArray[np.intp] = self._order[places.clip(max=len(self._order) - 1)]
        foreign = labels[self.classes[indices] != labels]
        if len(foreign):
            raise DataError(
                f"{type(self.classifier).__name__} predicts {foreign[0]!s} at {len(foreign)} of "
                f"{len(labels)} pixels, which is none of its classes, "
                f"{listed([*map(str, self.classes.tolist())], _MAX_LISTED, 'classes')}.",
                "Let it choose among its classes, such as by outlier_label.",
            )
        return indices


def normalized_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return Shannon entropies over their maximum, of probabilities (n_pixels, n_classes)."""
    most = np.log(max(2, probabilities.shape[1]))
    share = entr(probabilities.astype(np.float64)).sum(axis=1) / most
    return np.asarray(share.clip(0, 1), dtype=np.float32)


def final_step(clf: Any) -> Any:
    """Find the classifier at the end of a pipeline."""
    while isinstance(clf, Pipeline):
        clf = clf.steps[-1][1]
    return clf


def check_classifier(clf: Any, n_bands: int, *, probabilities: bool) -> None:
    """Raise if a classifier is not fitted or cannot map a scene."""
    if hasattr(clf, "fit"):
        check_is_fitted(clf)
    name = type(clf).__name__
    if not hasattr(clf, "predict") or not hasattr(clf, "classes_"):
        raise ParameterError(
            f"{name} is not a classifier: it has no predict or no classes_. Pass a fitted "
            "HSIPromptClassifier, another classifier of scikit-learn, or a pipeline ending in one."
        )
    if probabilities and not hasattr(clf, "predict_proba"):
        raise ParameterError(
            f"{name} has no predict_proba, so neither probabilities nor their entropy can be "
            "computed. Leave them out, or fit a classifier with probabilities, such as "
            "CalibratedClassifierCV around this one."
        )
    if hasattr(clf, "n_features_in_"):
        check_band_count(clf, n_bands, clf.n_features_in_)
