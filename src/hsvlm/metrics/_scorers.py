"""Scorers for scikit-learn that accept label maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names as sklearn_scorer_names
from sklearn.pipeline import Pipeline

from hsvlm._data.cubes import n_dimensions
from hsvlm.exceptions import UnknownNameError
from hsvlm.metrics._summary import ClassificationSummary, check_weights, classification_summary
from hsvlm.samples import pixel_samples

# Names of the same figures in scikit-learn, for label vectors.
_SKLEARN_NAMES = {"accuracy": "overall_accuracy", "balanced_accuracy": "average_accuracy"}


@dataclass(frozen=True, repr=False)
class _SummaryScorer:
    """A figure of :class:`ClassificationSummary` as a scorer; see :func:`get_scorer`."""

    figure: str

    def __call__(self, estimator: Any, X: Any, y: Any, *, sample_weight: Any = None) -> float:
        """Score a fitted estimator."""
        if np.ndim(y) == 2:
            summary = _map_summary(estimator, X, y, sample_weight)
        else:
            summary = classification_summary(y, estimator.predict(X), sample_weight=sample_weight)
        return float(getattr(summary, self.figure))

    def __repr__(self) -> str:
        return f"get_scorer({self.figure!r})"

    def _accept_sample_weight(self) -> bool:
        # Asked by searches of scikit-learn that are fitted with weights.
        return True


def _map_summary(
    estimator: Any, X: Any, label_map: Any, sample_weight: Any
) -> ClassificationSummary:
    weights = check_weights(sample_weight, np.shape(label_map))
    # Pipelines and searches return the predictions of the estimator in them.
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        if isinstance(estimator, Pipeline):
            X = estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        else:
            estimator = estimator.best_estimator_
    unlabeled = _unlabeled_value(estimator)
    if n_dimensions(X) != 3 or not hasattr(estimator, "unlabeled"):
        return classification_summary(
            label_map, estimator.predict(X), unlabeled=unlabeled, sample_weight=weights
        )
    # Classes of the fit are classes here, even if they equal the value of "no label".
    names = {label: f"class {label}" for label in np.asarray(getattr(estimator, "classes_", ()))}
    samples, y = pixel_samples(X, label_map, unlabeled, class_names=names)
    if weights is not None:
        weights = weights[tuple(samples.coords.T)]
    return classification_summary(y, estimator.predict(samples), sample_weight=weights)


def _unlabeled_value(estimator: Any) -> Any:
    while not hasattr(estimator, "unlabeled"):
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        elif hasattr(estimator, "estimator"):
            estimator = estimator.estimator
        else:
            return 0
    return estimator.unlabeled


overall_accuracy_scorer = _SummaryScorer("overall_accuracy")
average_accuracy_scorer = _SummaryScorer("average_accuracy")
kappa_scorer = _SummaryScorer("kappa")
_SCORERS = {
    scorer.figure: scorer
    for scorer in (overall_accuracy_scorer, average_accuracy_scorer, kappa_scorer)
}


def get_scorer_names() -> list[str]:
    """List the names of the scorers.

    Returns
    -------
    list of str
        Sorted.

    Examples
    --------
    >>> from hsvlm.metrics import get_scorer_names
    >>> get_scorer_names()
    ['average_accuracy', 'kappa', 'overall_accuracy']
    """
    return sorted(_SCORERS)


def get_scorer(name: str) -> _SummaryScorer:
    """Look a scorer up by its name.

    Parameters
    ----------
    name : {"overall_accuracy", "average_accuracy", "kappa"}
        A figure of :class:`ClassificationSummary`. Higher is better.

    Returns
    -------
    callable
        To be passed as ``scoring`` to scikit-learn, by itself or as a value of a dict, or called as
        ``scorer(estimator, X, y, *, sample_weight=None)``. It returns a float, NaN if kappa is
        undefined, and raises :class:`~hsvlm.exceptions.DataError` if nothing is labeled, which
        scikit-learn turns into ``error_score``. ``overall_accuracy_scorer``,
        ``average_accuracy_scorer`` and ``kappa_scorer`` are the same objects.

    Raises
    ------
    UnknownNameError
        If there is no such scorer; says so if scikit-learn has one of that name.

    Notes
    -----
    `X` is a cube (height, width, n_bands) with a label map (height, width) as `y`; or
    :class:`~hsvlm.PixelSamples`, spectra or windows with a label vector (n_samples,). In a vector
    every value is a class. In a map, pixels that are masked or equal to the estimator's parameter
    `unlabeled` do not count. The parameter is looked for in the estimator, in the last step of a
    pipeline and inside searches and other meta-estimators; without it, 0 means "no label".

    Of a cube, an estimator with that parameter predicts the labeled pixels only, as
    :class:`~hsvlm.PixelSamples`, also at the end of a pipeline or inside a search. All other
    pixels, no-data values included, are ignored. Other estimators predict the whole map.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.metrics import get_scorer
    >>> scene = make_synthetic_scene(height=20, width=20, random_state=0)
    >>> settings = {"window_size": 5, "patch_size": 1, "max_epochs": 1, "random_state": 0}
    >>> clf = HSIPromptClassifier(criterion="cross-entropy", spatial=None, **settings)
    >>> kappa = get_scorer("kappa")
    >>> cross_val_score(clf, scene.cube, scene.labels, scoring=kappa, cv=2).shape
    (2,)
    """
    if name in _SCORERS:
        return _SCORERS[name]
    hint = ""
    if name in sklearn_scorer_names():
        hint = (
            f"This name belongs to scikit-learn: pass scoring={name!r} itself, with samples and a "
            "label vector, since it takes no label maps."
        )
        if name in _SKLEARN_NAMES:
            hint += f" With label maps this figure is {_SKLEARN_NAMES[name]!r}."
    raise UnknownNameError.for_name("scorer", name, _SCORERS, hint)
