"""Accuracy, kappa and the figures of single classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import cohen_kappa_score, precision_recall_fscore_support

from hsvlm._data.label_maps import labeled_pixels
from hsvlm._reports.notebook import facts, side_by_side, swatch_table
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray


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
        Number of reference samples, regardless of weights.
    """

    label: Any
    recall: float
    precision: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassificationSummary:
    """Overall accuracy, average accuracy, kappa and the figures of every class.

    Attributes
    ----------
    overall_accuracy : float
        OA, share of samples classified correctly, in [0, 1].
    average_accuracy : float
        AA, mean recall of the classes that occur in the reference, in [0, 1].
    kappa : float
        Cohen's kappa, agreement beyond chance, at most 1; NaN if reference and prediction hold
        one and the same class only, so that chance agrees as well.
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

    def _repr_html_(self) -> str:
        lines = {
            "overall accuracy": f"{100 * self.overall_accuracy:.2f} %",
            "average accuracy": f"{100 * self.average_accuracy:.2f} %",
            "kappa": f"{self.kappa:.3f}",
            "samples": f"{self.n_samples:,}",
        }
        rows = [
            (
                row.label,
                *(f"{100 * x:.2f}" for x in (row.recall, row.precision, row.f1)),
                row.support,
            )
            for row in self.per_class
        ]
        header = ["class", "recall %", "precision %", "F1 %", "support"]
        return side_by_side(facts(lines), swatch_table(header, rows))

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
    y_true: ArrayLike, y_pred: ArrayLike, *, unlabeled: Any = None, sample_weight: Any = None
) -> ClassificationSummary:
    """Compute OA, AA, kappa and the figures of every class.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples,) or (height, width)
        Reference and predicted labels. Masked pixels of the reference do not count.
    unlabeled : int, float or str, default=None
        Reference value whose pixels do not count; NaN leaves out the pixels that are NaN.
    sample_weight : array-like in the shape of `y_true`, default=None
        Weights, not negative. A sample of weight 0 does not count.

    Returns
    -------
    ClassificationSummary
        Computed by scikit-learn's metrics.

    Raises
    ------
    DataError
        If the shapes differ, nothing is labeled, a prediction that counts is masked, a label is
        NaN or infinite, the reference holds strings and `unlabeled` is a number or vice versa, or
        a weight is negative, NaN or infinite.
    ParameterError
        If `unlabeled` is not a single value.

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
        raise DataError(
            f"The reference has shape {truth.shape} and the prediction {predicted.shape}. "
            "Both must cover the same samples or pixels."
        )
    # A masked reference keeps its mask.
    reference = y_true if isinstance(y_true, np.ma.MaskedArray) else truth
    counted = labeled_pixels(reference, unlabeled)
    weights = check_weights(sample_weight, truth.shape)
    if weights is not None:
        counted &= weights > 0
        weights = weights[counted]
    _check_samples(counted, y_pred, weighted=weights is not None)
    return _summary(truth[counted], predicted[counted], weights)


def check_weights(sample_weight: Any, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Return the weights as an array; raise if they are unusable."""
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != shape:
        raise DataError(
            f"sample_weight has shape {weights.shape}, the reference {shape}. "
            "Give one weight per sample or pixel."
        )
    n_invalid = int((~(np.isfinite(weights) & (weights >= 0))).sum())
    if n_invalid:
        raise DataError(
            f"{n_invalid} of {weights.size} values of sample_weight are negative, NaN or infinite. "
            "Weights must be 0 or more; 0 leaves a sample out."
        )
    return weights


def _check_samples(counted: NDArray[np.bool_], y_pred: Any, *, weighted: bool) -> None:
    if not counted.any():
        condition = " with a weight above 0" if weighted else ""
        raise DataError(
            f"The reference holds no label{condition}, so there is nothing to compare with."
        )
    missing = int((np.ma.getmaskarray(y_pred) & counted).sum())
    if missing:
        raise DataError(
            f"{missing} of {int(counted.sum())} predictions to be compared are masked. Pass "
            "y_pred.filled(value) to count them as errors, or mask the reference there too."
        )


def _summary(
    truth: NDArray[Any], predicted: NDArray[Any], weights: NDArray[np.float64] | None
) -> ClassificationSummary:
    labels, support = np.unique(truth, return_counts=True)
    undefined = len(labels) == 1 and (predicted == labels[0]).all()
    precisions, recalls, f1s, _ = precision_recall_fscore_support(
        truth, predicted, labels=labels, sample_weight=weights, zero_division=0.0
    )
    kappa = np.nan if undefined else cohen_kappa_score(truth, predicted, sample_weight=weights)
    return ClassificationSummary(
        overall_accuracy=float(np.average(truth == predicted, weights=weights)),
        average_accuracy=float(recalls.mean()),
        kappa=float(kappa),
        per_class=tuple(
            ClassRow(label, float(recall), float(precision), float(f1), int(count))
            for label, recall, precision, f1, count in zip(
                labels.tolist(), recalls, precisions, f1s, support, strict=True
            )
        ),
        n_samples=len(truth),
    )
