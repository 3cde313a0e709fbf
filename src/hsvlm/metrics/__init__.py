"""Overall accuracy, average accuracy and kappa, for vectors and label maps.

The scorers can be passed as ``scoring=`` to scikit-learn: ``cross_validate``, ``GridSearchCV``,
``learning_curve``. Unlike scikit-learn's own scorers, they take a cube with its label map as well
as samples with a label vector; see :func:`get_scorer`.
"""

from __future__ import annotations

from hsvlm.metrics._scorers import (
    average_accuracy_scorer,
    get_scorer,
    get_scorer_names,
    kappa_scorer,
    overall_accuracy_scorer,
)
from hsvlm.metrics._summary import ClassificationSummary, ClassRow, classification_summary

__all__ = [
    "ClassRow",
    "ClassificationSummary",
    "average_accuracy_scorer",
    "classification_summary",
    "get_scorer",
    "get_scorer_names",
    "kappa_scorer",
    "overall_accuracy_scorer",
]
