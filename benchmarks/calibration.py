"""How far the probabilities of a classifier are from the shares of its predictions that are right.

Every fit is measured once: its error is a small file in ``benchmarks/results/calibration``, under
the name that its accuracies have in ``benchmarks/results/runs``.
"""

from __future__ import annotations

import json
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


def measured_errors(estimator: Any, protocol: Protocol, jobs: int) -> list[float]:
    """Calibration errors of an estimator, one per split; its accuracies are kept on the way.

    Parameters
    ----------
    estimator : estimator
        Anything with ``predict_proba``. Split k is fitted with seed k.
    protocol : Protocol
        Samples and splits.
    jobs : int
        Number of processes.

    Returns
    -------
    list of float
        In [0, 1].
    """
    X, y = protocol.X, protocol.y
    digest = data_digest(X, y)
    return list(
        joblib.Parallel(n_jobs=jobs)(
            joblib.delayed(_error)(estimator, number, X, y, digest, train, np.sort(test))
            for number, (train, test) in enumerate(protocol.cv.split(X, y))
        )
    )


def _error(
    estimator: Any,
    number: int,
    X: Any,
    y: NDArray[Any],
    digest: str,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> float:
    store = Store(RESULTS / "runs")
    clf = with_random_state(estimator, 0, number)
    key = store.key(clf, digest, train, test)
    path = FOLDER / f"{key}.json"
    if not path.is_file():
        # It is fitted in place.
        result = run_fold("calibration", number, clf, X, y, train, test)
        store.save(key, result)
        error = expected_calibration_error(clf.predict_proba(X[test]), result.correct)
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"expected_calibration_error": error}) + "\n", encoding="utf-8")
    return float(json.loads(path.read_text(encoding="utf-8"))["expected_calibration_error"])
