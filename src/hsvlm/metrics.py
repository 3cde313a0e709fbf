"""Overall accuracy, average accuracy and kappa, for vectors and label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

__all__ = ["ClassRow", "ClassificationSummary", "classification_summary"]


@dataclass(frozen=True)
class ClassRow:
    """Figures of one class.

    Attributes
    ----------
    label : int or str
        The class.
    recall, precision, f1 : float
        In [0, 1]; recall is the producer's, precision the user's accuracy.
    support : int
        Number of reference samples.
    """

    label: Any
    recall: float
    precision: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassificationSummary:
    """The figures that classifications of scenes are reported by.

    Attributes
    ----------
    overall_accuracy : float
        OA, share of samples classified correctly, in [0, 1].
    average_accuracy : float
        AA, mean recall of the classes that occur in the reference, in [0, 1].
    kappa : float
        Cohen's kappa, agreement beyond chance, at most 1; NaN where reference and prediction hold
        one class only, for which chance alone agrees.
    per_class : tuple of ClassRow
        One row per class that occurs in the reference.
    n_samples : int
        Number of samples counted.
    """

    overall_accuracy: float
    average_accuracy: float
    kappa: float
    per_class: tuple[ClassRow, ...]
    n_samples: int

    def to_text(self, class_names: Mapping[Any, str] | None = None) -> str:
        """Render the class table as aligned plain text.

        Parameters
        ----------
        class_names : dict, default=None
            ``{label: name}``; a label that is not listed stands for itself.

        Returns
        -------
        str
            One line per class with recall, precision and F1 in percent, and support.
        """
        names = [str((class_names or {}).get(row.label, row.label)) for row in self.per_class]
        width = max(len("class"), *map(len, names)) + 2
        lines = [f"{'class':<{width}}{'recall %':>9}{'precision %':>13}{'F1 %':>8}{'support':>9}"]
        lines += [
            f"{name:<{width}}{100 * row.recall:>9.2f}{100 * row.precision:>13.2f}"
            f"{100 * row.f1:>8.2f}{row.support:>9}"
            for name, row in zip(names, self.per_class, strict=True)
        ]
        return "\n".join(lines)


def classification_summary(
    y_true: ArrayLike, y_pred: ArrayLike, *, unlabeled: Any = None
) -> ClassificationSummary:
    """Compute OA, AA, kappa and the figures of every class.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (height, width)
        Reference and predicted labels.
    unlabeled : int or str, default=None
        Reference value whose pixels do not count.

    Returns
    -------
    ClassificationSummary
        Computed by scikit-learn's metrics.

    Raises
    ------
    DataError
        If the shapes differ, or nothing is labelled.

    References
    ----------
    .. [1] R. G. Congalton, "A review of assessing the accuracy of classifications of remotely
       sensed data", Remote Sensing of Environment 37, 1991.
    .. [2] J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
       Measurement 20, 1960.

    Examples
    --------
    >>> from hsvlm.metrics import classification_summary
    >>> summary = classification_summary([[1, 1], [2, 0]], [[1, 2], [2, 2]], unlabeled=0)
    >>> summary.n_samples, round(summary.overall_accuracy, 3), summary.average_accuracy
    (3, 0.667, 0.75)
    """
    truth, predicted = np.asarray(y_true), np.asarray(y_pred)
    if truth.shape != predicted.shape:
        message = (
            f"The reference has shape {truth.shape} and the prediction {predicted.shape}. "
            "Both must cover the same samples or pixels."
        )
        raise DataError(message)
    counted = np.ones(truth.shape, dtype=bool) if unlabeled is None else truth != unlabeled
    truth, predicted = truth[counted], predicted[counted]
    if not len(truth):
        message = "The reference holds no label, so there is nothing to compare with."
        raise DataError(message)
    labels = np.unique(truth)
    undefined = len(labels) == 1 and (predicted == labels[0]).all()
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=labels, zero_division=0.0
    )
    rows = zip(labels.tolist(), recall, precision, f1, support, strict=True)
    return ClassificationSummary(
        overall_accuracy=float((truth == predicted).mean()),
        average_accuracy=float(recall.mean()),
        kappa=float("nan") if undefined else float(cohen_kappa_score(truth, predicted)),
        per_class=tuple(
            ClassRow(label, float(one), float(other), float(both), int(count))
            for label, one, other, both, count in rows
        ),
        n_samples=len(truth),
    )
