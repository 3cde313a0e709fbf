"""A support vector classifier whose pairwise decisions are coupled to probabilities."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

if TYPE_CHECKING:
    from numpy.typing import NDArray

_N_FOLDS = 5


class CoupledSVC(BaseEstimator):
    """RBF-SVM with class probabilities from its pairwise decisions."""

    # A sigmoid per pair of classes turns cross-validated decision values into pairwise
    # probabilities; the class probabilities are those that fit all of them best, by the second
    # method of Wu, Lin and Weng (JMLR 5, 2004). Scikit-learn had the same as
    # SVC(probability=True), deprecated in 1.9. CalibratedClassifierCV calibrates one class against
    # the rest: with it the smoothed SVM lost 4.7 to 7.8 points of overall accuracy on Indian Pines
    # and 2.4 to 8.0 on a crop of Houston 2018 (blocks, 10 per class, 10 %; four splits each).

    classes_: NDArray[Any]

    def __init__(
        self, C: float = 1.0, gamma: float | str = "scale", random_state: Any = None
    ) -> None:
        self.C = C
        self.gamma = gamma
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: Any) -> Self:
        """Train the SVM and its sigmoids on spectra of shape (n_samples, n_features)."""
        self.classes_, y_index = np.unique(y, return_inverse=True)
        self._pairs = list(combinations(range(len(self.classes_)), 2))
        svm = SVC(C=self.C, gamma=self.gamma, decision_function_shape="ovo")
        # Every fold has to hold every class, so that the pairs are the same in all of them.
        members = [np.flatnonzero(y_index == number) for number in range(len(self.classes_))]
        enough = np.concatenate([np.resize(index, max(_N_FOLDS, len(index))) for index in members])
        folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=self.random_state)
        decisions = cross_val_predict(
            svm, X[enough], y_index[enough], cv=folds, method="decision_function"
        )
        sigmoids = [
            _fit_sigmoid(decision, y_index[enough], *pair)
            for decision, pair in zip(_by_pair(decisions).T, self._pairs, strict=True)
        ]
        self._slopes, self._offsets = np.array(sigmoids).T
        self._svm = svm.fit(X, y_index)
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return class probabilities of shape (n_samples, n_classes)."""
        decisions = _by_pair(self._svm.decision_function(X))
        pairwise = np.clip(expit(self._slopes * decisions + self._offsets), 1e-7, 1 - 1e-7)
        return _couple(pairwise, self._pairs, len(self.classes_))


def _by_pair(decisions: NDArray[Any]) -> NDArray[Any]:
    # Of two classes scikit-learn counts the second as positive, of every other pair the first.
    return -decisions[:, None] if decisions.ndim == 1 else decisions


def _fit_sigmoid(
    decisions: NDArray[Any], y_index: NDArray[np.intp], first: int, second: int
) -> tuple[float, float]:
    """Return the slope and offset of the probability of the first class of a pair."""
    in_pair = (y_index == first) | (y_index == second)
    model = LogisticRegression(C=10.0).fit(decisions[in_pair, None], y_index[in_pair] == first)
    # A falling sigmoid means that the pair cannot be separated on unseen samples.
    return max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0])


def _couple(
    pairwise: NDArray[np.float64], pairs: list[tuple[int, int]], n_classes: int
) -> NDArray[np.float64]:
    """Fit class probabilities to pairwise ones of shape (n_samples, n_pairs)."""
    against = np.zeros((len(pairwise), n_classes, n_classes))
    for number, (first, second) in enumerate(pairs):
        against[:, first, second] = pairwise[:, number]
        against[:, second, first] = 1 - pairwise[:, number]
    # The second method of Wu et al. minimizes p'Qp on the simplex: a linear system.
    system = np.zeros((len(pairwise), n_classes + 1, n_classes + 1))
    system[:, :n_classes, :n_classes] = -against * against.transpose(0, 2, 1)
    diagonal = np.arange(n_classes)
    system[:, diagonal, diagonal] = (against**2).sum(axis=1)
    system[:, n_classes, :n_classes] = system[:, :n_classes, n_classes] = 1
    target = np.zeros((len(pairwise), n_classes + 1, 1))
    target[:, n_classes] = 1
    solution = np.maximum(np.linalg.solve(system, target)[:, :n_classes, 0], 0)
    return np.asarray(solution / solution.sum(axis=1, keepdims=True))
