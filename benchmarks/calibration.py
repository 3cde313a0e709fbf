"""How far the probabilities of a classifier are from the shares of its predictions that are right.

Every fit is measured once: its error is a small file in ``benchmarks/results/calibration``, under
the name that its accuracies have in ``benchmarks/results/runs``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.page import RESULTS
from hsvlm.evaluation._folds import Store, data_digest, run_fold, with_random_state

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.evaluation import Protocol

__all__ = ["expected_calibration_error", "measured_errors"]

FOLDER = RESULTS / "calibration"
WITHOUT = ", without the temperature"


def expected_calibration_error(
    probabilities: NDArray[Any], correct: NDArray[np.bool_], n_bins: int = 15
) -> float:
    """Mean distance between confidence and accuracy, over bins of equal width.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
        Class probabilities; the confidence of a prediction is the largest.
    correct : ndarray of shape (n_samples,), dtype bool
        Which predictions are right.
    n_bins : int, default=15
        Number of bins of confidence; bin m holds what is above (m - 1) / n_bins, up to m / n_bins.

    Returns
    -------
    float
        In [0, 1]; bins weigh as much as they hold samples.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Weinberger, "On calibration of modern neural networks", ICML 2017,
    arXiv:1706.04599.

    Examples
    --------
    >>> import numpy as np
    >>> from benchmarks.calibration import expected_calibration_error
    >>> probabilities = np.array([[0.75, 0.25], [0.75, 0.25]])
    >>> expected_calibration_error(probabilities, np.array([True, False]))
    0.25
    """
    confidence = np.minimum(np.asarray(probabilities, dtype=np.float64).max(axis=1), 1)
    of_bin = np.ceil(confidence * n_bins)
    distances = [
        abs(float((confidence[of_bin == one] - correct[of_bin == one]).sum()))
        for one in np.unique(of_bin)
    ]
    return sum(distances) / len(confidence)


def measured_errors(
    name: str, estimator: Any, protocol: Protocol, jobs: int
) -> dict[str, list[float]]:
    """Calibration errors of an estimator, one per split; its accuracies are kept on the way.

    Parameters
    ----------
    name : str
        What it is called.
    estimator : estimator
        Anything with ``predict_proba``. Split k is fitted with seed k.
    protocol : Protocol
        Samples and splits.
    jobs : int
        Number of processes.

    Returns
    -------
    dict of {str: list of float}
        Under its name, in [0, 1]; where the read-out of a scene has a temperature, also without it.
    """
    X, y = protocol.X, protocol.y
    digest = data_digest(X, y)
    found = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_errors)(estimator, number, X, y, digest, train, np.sort(test))
        for number, (train, test) in enumerate(protocol.cv.split(X, y))
    )
    return {f"{name}{what}": [one[what] for one in found] for what in found[0]}


def _errors(
    estimator: Any,
    number: int,
    X: Any,
    y: NDArray[Any],
    digest: str,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> dict[str, float]:
    store = Store(RESULTS / "runs")
    clf = with_random_state(estimator, 0, number)
    key = store.key(clf, digest, train, test)
    path = FOLDER / f"{key}.json"
    if not path.is_file():
        # It is fitted in place.
        result = run_fold("calibration", number, clf, X, y, train, test)
        store.save(key, result)
        errors = {"": expected_calibration_error(clf.predict_proba(X[test]), result.correct)}
        if clf.readout_ is not None:
            clf.readout_ = replace(clf.readout_, temperature=1.0)
            probabilities = clf.predict_proba(X[test])
            errors[WITHOUT] = expected_calibration_error(probabilities, result.correct)
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(errors) + "\n", encoding="utf-8")
    errors = json.loads(path.read_text(encoding="utf-8"))
    return {what: float(one) for what, one in errors.items()}
