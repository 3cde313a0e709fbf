"""An RBF-SVM whose penalty and kernel width are chosen by cross-validation."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hsvlm import SpectralTransformer
from hsvlm.evaluation._coupling import CoupledSVC
from hsvlm.preprocessing import StandardNormalVariate

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ChosenSVM", "chosen_svm"]

# Among equal accuracies the first is chosen: C of `spectral_svm` and gamma of scikit-learn.
_PENALTIES = (100.0, 10.0, 1_000.0, 1.0, 10_000.0)
# Gamma times the number of bands, as squared distances of standardized spectra grow with them.
_WIDTHS = (1.0, 0.1, 10.0, 0.01)
_N_FOLDS = 5


class ChosenSVM(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """RBF-SVM with C and gamma of the highest accuracy in stratified folds of the training side.

    Parameters
    ----------
    random_state : int, default=0
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    best_params_ : dict
        C and gamma.
    """

    classes_: NDArray[Any]
    best_params_: dict[str, float]

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Choose C and gamma, and train on standardized spectra (n_samples, n_bands)."""
        self.classes_, counts = np.unique(y, return_counts=True)
        n_folds = min(_N_FOLDS, int(counts.max()))
        if n_folds == 1:  # nothing to choose by
            self.best_params_ = {"C": _PENALTIES[0], "gamma": _WIDTHS[0] / X.shape[1]}
            self._svm = SVC(**self.best_params_).fit(X, y)
            self._coupled = CoupledSVC(**self.best_params_, random_state=self.random_state)
            self._coupled.fit(X, y)
            return self
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=self.random_state)
        grid = {"C": _PENALTIES, "gamma": [width / X.shape[1] for width in _WIDTHS]}
        with warnings.catch_warnings():
            # Classes of fewer samples than folds are missing in some of them.
            warnings.simplefilter("ignore", UserWarning)
            search = GridSearchCV(SVC(), grid, cv=folds).fit(X, y)
        self.best_params_ = search.best_params_
        self._svm = search.best_estimator_
        self._coupled = CoupledSVC(**search.best_params_, random_state=self.random_state).fit(X, y)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict labels of shape (n_samples,)."""
        return np.asarray(self._svm.predict(X))

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return class probabilities of shape (n_samples, n_classes)."""
        return self._coupled.predict_proba(X)


def chosen_svm(*, normalized: bool = False) -> Pipeline:
    """Make the SVM on standardized spectra of single pixels, or on their normal variates."""
    first = [SpectralTransformer(StandardNormalVariate())] if normalized else []
    return make_pipeline(*first, StandardScaler(), ChosenSVM())
