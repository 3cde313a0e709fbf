"""A fitted classifier of any kind, asked for one block of pixels after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import entr, softmax
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hsvlm._data.cubes import check_band_count
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.readout.scores import ClassScores
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BlockPredictor", "Prediction", "check_classifier", "final_step", "normalised_entropy"]


class Prediction(NamedTuple):
    """What a classifier says about a block of pixels.

    Attributes
    ----------
    classes : ndarray of shape (n_pixels,), dtype intp
        Index of the predicted class.
    probabilities : ndarray of shape (n_pixels, n_classes), float32, or None
        None where nobody asked for them and they cost a second prediction.
    """

    classes: NDArray[np.intp]
    probabilities: NDArray[np.float32] | None


class BlockPredictor:
    """Predicts the pixels of a scene block by block, with the bits of a prediction at once.

    Transformers at the head of a pipeline that give samples for samples are applied to the cube
    once; what follows them sees a block at a time.

    Parameters
    ----------
    clf : classifier
        Fitted.
    cube : array of shape (height, width, n_bands)
        The scene, with its mask.
    pixel : array-like of shape (1, 2)
        Row and column of a valid pixel.
    probabilities : bool
        Whether they are needed.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Labels.
    gives_probabilities : bool
        Whether predictions come with them.
    classifier : classifier
        What is asked for predictions.
    cube : array of shape (height, width, n_bands)
        What it is shown.

    Raises
    ------
    ParameterError
        If `clf` is no classifier, or has no probabilities and they are needed.
    DataError
        If it was fitted on another number of bands.
    """

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
        # A prompt classifier gets its labels from them in any case.
        self.gives_probabilities = probabilities or isinstance(clf, HSIPromptClassifier)
        self._order = np.argsort(self.classes)
        if isinstance(clf, HSIPromptClassifier):
            # Keeps the tiles of a scene that is read out.
            self._scores = ClassScores(clf)

    def __call__(self, coords: NDArray[np.intp]) -> Prediction:
        """Predict one block.

        Parameters
        ----------
        coords : ndarray of shape (n_pixels, 2), dtype intp
            Rows and columns.

        Returns
        -------
        Prediction
            In their order.
        """
        samples = PixelSamples(self.cube, coords)
        if isinstance(self.classifier, HSIPromptClassifier):
            scores = self._scores(samples)
            return Prediction(scores.argmax(axis=-1), np.asarray(softmax(scores, axis=-1)))
        labels = np.asarray(self.classifier.predict(samples))
        classes = self._order[np.searchsorted(self.classes, labels, sorter=self._order)]
        if not self.gives_probabilities:
            return Prediction(classes, None)
        found = np.asarray(self.classifier.predict_proba(samples), dtype=np.float32)
        return Prediction(classes, found)


def normalised_entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Tell how undecided predictions are.

    Parameters
    ----------
    probabilities : ndarray of shape (n_pixels, n_classes)
        Class probabilities.

    Returns
    -------
    ndarray of shape (n_pixels,), float32
        Shannon entropy [1]_ over its maximum, the logarithm of the number of classes: 0 where one
        class is certain, 1 where all are equally probable.

    References
    ----------
    .. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical Journal
       27, 1948.
    """
    most = np.log(max(2, probabilities.shape[1]))
    share = entr(probabilities.astype(np.float64)).sum(axis=1) / most
    return np.asarray(share.clip(0, 1), dtype=np.float32)


def final_step(clf: Any) -> Any:
    """Find the classifier at the end of a pipeline.

    Parameters
    ----------
    clf : classifier
        A pipeline or not.

    Returns
    -------
    classifier
        Its last step, or itself.
    """
    while isinstance(clf, Pipeline):
        clf = clf.steps[-1][1]
    return clf


def check_classifier(clf: Any, n_bands: int, *, probabilities: bool) -> None:
    """Refuse what cannot map a scene.

    Parameters
    ----------
    clf : classifier
        Fitted.
    n_bands : int
        Number of bands of the scene.
    probabilities : bool
        Whether they are needed.

    Raises
    ------
    ParameterError
        If `clf` is no classifier, or has no probabilities and they are needed.
    DataError
        If it was fitted on another number of bands.
    """
    if hasattr(clf, "fit"):
        check_is_fitted(clf)
    name = type(clf).__name__
    if not hasattr(clf, "predict") or not hasattr(clf, "classes_"):
        message = (
            f"{name} is no classifier: it has no predict or no classes_. Pass a fitted "
            "HSIPromptClassifier, another classifier of scikit-learn, or a pipeline ending in one."
        )
        raise ParameterError(message)
    if probabilities and not hasattr(clf, "predict_proba"):
        message = (
            f"{name} has no predict_proba, so there are neither probabilities nor an entropy. "
            "Leave them out, or fit a classifier with probabilities, such as "
            "CalibratedClassifierCV around this one."
        )
        raise ParameterError(message)
    if hasattr(clf, "n_features_in_"):
        check_band_count(clf, n_bands, clf.n_features_in_)
