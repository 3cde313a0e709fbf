"""A support vector classifier whose pairwise decisions are coupled to probabilities."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CoupledSVC"]

_FOLDS = 5


class CoupledSVC(ClassifierMixin, BaseEstimator):
    """RBF-SVM with class probabilities from its pairwise decisions."""

    # A sigmoid per pair of classes turns cross-validated decision values into pairwise
    # probabilities [1]_; the class probabilities are those that fit all of them best, by the second
    # method of [2]_. One-against-rest calibration, which scikit-learn offers, gave log-
    # probabilities that are worth less once they are smoothed over a scene.

    classes_: NDArray[Any]

    def __init__(self, C: float = 1.0, random_state: Any = None) -> None:
        self.C = C
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: Any) -> Self:
        """Train the SVM and its sigmoids.

        Shapes: `X` (n_samples, n_features), `y` (n_samples,).
        """
        self.classes_, y_index = np.unique(y, return_inverse=True)
        svm = SVC(C=self.C, decision_function_shape="ovo")
        # Every fold has to hold every class, so that the pairs are the same in all of them.
        enough = np.concatenate(
            [
                np.resize(members, max(_FOLDS, len(members)))
                for members in (np.flatnonzero(y_index == n) for n in range(len(self.classes_)))
            ]
        )
        folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=self.random_state)
        decisions = self._by_pair(
            cross_val_predict(svm, X[enough], y_index[enough], cv=folds, method="decision_function")
        )
        self._sigmoids = np.array(
            [
                self._sigmoid(decisions[:, number], y_index[enough], *pair)
                for number, pair in enumerate(self._pairs())
            ]
        )
        self._svm = svm.fit(X, y_index)
        return self

    def _by_pair(self, decisions: NDArray[Any]) -> NDArray[Any]:
        # Of two classes scikit-learn counts the second as positive, of every other pair the first.
        return -decisions[:, None] if decisions.ndim == 1 else decisions

    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.classes_)), 2))

    def _sigmoid(
        self, decisions: NDArray[Any], y_index: NDArray[np.intp], first: int, second: int
    ) -> tuple[float, float]:
        pair = (y_index == first) | (y_index == second)
        model = LogisticRegression(C=10.0).fit(decisions[pair, None], y_index[pair] == first)
        # A sigmoid that falls says that the pair cannot be told apart on unseen samples.
        return max(float(model.coef_[0, 0]), 0.0), float(model.intercept_[0])

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Couple the pairwise probabilities.

        Shapes: `X` (n_samples, n_features); returns (n_samples, n_classes).
        """
        decisions = self._by_pair(self._svm.decision_function(X))
        slopes, offsets = self._sigmoids.T
        pairwise = np.clip(expit(slopes * decisions + offsets), 1e-7, 1 - 1e-7)
        return _coupled(pairwise, self._pairs(), len(self.classes_))

    def predict(self, X: NDArray[Any]) -> NDArray[Any]:
        """Predict the most probable class.

        Shapes: `X` (n_samples, n_features); returns (n_samples,).
        """
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


def _coupled(
    pairwise: NDArray[np.float64], pairs: list[tuple[int, int]], n_classes: int
) -> NDArray[np.float64]:
    against = np.zeros((len(pairwise), n_classes, n_classes))
    for number, (first, second) in enumerate(pairs):
        against[:, first, second] = pairwise[:, number]
        against[:, second, first] = 1 - pairwise[:, number]
    # The second method of Wu et al. minimises p'Qp on the simplex: a linear system.
    system = np.zeros((len(pairwise), n_classes + 1, n_classes + 1))
    system[:, :n_classes, :n_classes] = -against * against.transpose(0, 2, 1)
    diagonal = np.arange(n_classes)
    system[:, diagonal, diagonal] = (against**2).sum(axis=1)
    system[:, n_classes, :n_classes] = system[:, :n_classes, n_classes] = 1
    target = np.zeros((len(pairwise), n_classes + 1, 1))
    target[:, n_classes] = 1
    solution = np.maximum(np.linalg.solve(system, target)[:, :n_classes, 0], 0)
    coupled: NDArray[np.float64] = solution / solution.sum(axis=1, keepdims=True)
    return coupled
