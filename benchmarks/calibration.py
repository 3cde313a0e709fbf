"""How far the probabilities of a classifier are from the shares of its predictions that are right.

The errors go to ``benchmarks/results/accuracy/calibration.csv``. Every fit is measured once: its
error is a small file in ``benchmarks/.cache/calibration``, under the name that its accuracies have
in ``benchmarks/.cache/fits``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.records import CACHE, FITS, RESULTS, commit, update_rows
from hsvlm.evaluation._folds import (
    Store,
    describe_environment,
    file_name,
    run_fold,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.evaluation import Protocol

__all__ = ["expected_calibration_error", "record_errors"]

COLUMNS = ("protocol", "row", "split", "seed", "error", "environment", "commit")


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
    bins = np.ceil(confidence * n_bins)
    distances = [
        abs(float((confidence[bins == number] - correct[bins == number]).sum()))
        for number in np.unique(bins)
    ]
    return sum(distances) / len(confidence)


def record_errors(name: str, estimator: Any, protocol: Protocol, jobs: int) -> None:
    """Record the calibration error of every split; its accuracies are kept on the way.

    Parameters
    ----------
    name : str
        Name of the row.
    estimator : estimator
        Anything with ``predict_proba``. Split k is fitted with seed k.
    protocol : Protocol
        Samples and splits.
    jobs : int
        Number of processes.
    """
    X, y = protocol.X, protocol.y
    digest = data_digest(X, y)
    errors = joblib.Parallel(n_jobs=jobs)(
        joblib.delayed(_errors)(name, estimator, split, X, y, digest, train, np.sort(test))
        for split, (train, test) in enumerate(protocol.cv.split(X, y))
    )
    rows = [
        {
            "protocol": protocol.name,
            "row": name,
            "split": split,
            "seed": split,
            "commit": commit(),
            **of_split,
        }
        for split, of_split in enumerate(errors)
    ]
    path = RESULTS / "accuracy" / "calibration.csv"
    update_rows(path, COLUMNS, ("protocol", "row", "split", "seed"), rows)


def _errors(
    name: str,
    estimator: Any,
    split: int,
    X: Any,
    y: NDArray[Any],
    digest: str,
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> dict[str, Any]:
    store = Store(FITS)
    clf = with_random_state(estimator, 0, split)
    key = fit_key(clf, digest, train, test)
    path = CACHE / "calibration" / file_name(key, name, split)
    if not path.is_file():
        # It is fitted in place.
        result = run_fold(name, split, clf, X, y, train, test)
        store.save(key, result)
        errors = {
            "error": expected_calibration_error(clf.predict_proba(X[test]), result.correct),
            "environment": describe_environment(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(errors) + "\n", encoding="utf-8")
    return dict(json.loads(path.read_text(encoding="utf-8")))
