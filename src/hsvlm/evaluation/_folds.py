"""One estimator on one split: measured once, kept on disk, never measured again."""

from __future__ import annotations

import json
import os
import platform
import re
import tempfile
import time
import warnings
from dataclasses import dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone

from hsvlm._system.version import __version__
from hsvlm.evaluation._cost import counted_cost, last_step
from hsvlm.evaluation._leakage import leakage_report
from hsvlm.evaluation._windows import window_of
from hsvlm.exceptions import HSVLMError, HSVLMWarning
from hsvlm.metrics import classification_summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = [
    "FoldResult",
    "Store",
    "describe_environment",
    "failed_fold",
    "file_name",
    "run_fold",
    "with_random_state",
]

_MAX_NAME_LENGTH = 60  # of the readable part of a file name


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one estimator achieved on one split.

    Attributes
    ----------
    estimator : str
        Name of the estimator in the report.
    split : int
        Number of the split, from 0.
    overall_accuracy, average_accuracy, kappa : float
        See :class:`hsvlm.metrics.ClassificationSummary`.
    recall : dict
        ``{label: recall}`` of the classes on the test side.
    n_train, n_test : int
        Numbers of samples.
    fit_seconds, predict_seconds : float
        Wall time, in seconds.
    n_parameters : int or None
        Trained parameters of the network; None for estimators that have none.
    environment : str
        Versions of the libraries, and the machine.
    correct : ndarray of shape (n_test,), dtype bool
        Which test samples were classified correctly.
    n_multiply_adds : int or None, default=None
        Multiply-adds of the network for one window, see :func:`network_cost`; None for estimators
        that have no network.
    window_size : int or None, default=None
        Side in pixels of the window that a prediction reads; None for estimators that read no
        spectra.
    share_containing : float or None, default=None
        Share of test pixels with a training pixel in that window, in [0, 1].
    confusion : tuple of (label, label, int), or None, default=None
        Reference label, predicted label and number of test samples, of the pairs that occur; None
        for a failure, and for results that were stored without it.
    problem : str, default=""
        Why there is no result: the message of the error. Accuracies and times are then NaN.
    """

    estimator: str
    split: int
    overall_accuracy: float
    average_accuracy: float
    kappa: float
    recall: dict[Any, float]
    n_train: int
    n_test: int
    fit_seconds: float
    predict_seconds: float
    n_parameters: int | None
    environment: str
    correct: NDArray[np.bool_]
    n_multiply_adds: int | None = None
    window_size: int | None = None
    share_containing: float | None = None
    confusion: tuple[tuple[Any, Any, int], ...] | None = None
    problem: str = ""


def with_random_state(estimator: Any, random_state: int | None, split: int) -> Any:
    """Clone an estimator and seed it for one split."""
    fresh = clone(estimator)
    if random_state is not None:
        seeded = {
            name: random_state + split
            for name in fresh.get_params()
            if name == "random_state" or name.endswith("__random_state")
        }
        fresh.set_params(**seeded)
    return fresh


def run_fold(
    name: str,
    split: int,
    estimator: Any,
    X: PixelSamples,
    y: NDArray[Any],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
) -> FoldResult:
    """Fit, predict and score.

    Shapes: `X` (n_samples, n_bands), `y` (n_samples,).
    """
    start = time.perf_counter()
    estimator.fit(X[train], y[train])
    fitted = time.perf_counter()
    if getattr(last_step(estimator), "interrupted_", False):
        # Half a training is no result; the classifier itself ends it and returns.
        raise KeyboardInterrupt
    y_pred = np.asarray(estimator.predict(X[test]))
    predicted = time.perf_counter()
    summary = classification_summary(y[test], y_pred)
    n_parameters, n_multiply_adds = counted_cost(estimator)
    size = window_of(estimator)
    leakage = None if size is None else leakage_report(X[train], X[test], size | 1)
    return FoldResult(
        estimator=name,
        split=split,
        overall_accuracy=summary.overall_accuracy,
        average_accuracy=summary.average_accuracy,
        kappa=summary.kappa,
        recall={row.label: row.recall for row in summary.per_class},
        n_train=len(train),
        n_test=len(test),
        fit_seconds=fitted - start,
        predict_seconds=predicted - fitted,
        n_parameters=n_parameters,
        environment=describe_environment(),
        correct=y_pred == y[test],
        n_multiply_adds=n_multiply_adds,
        window_size=size,
        share_containing=None if leakage is None else leakage.share_containing,
        confusion=_confusion(y[test], y_pred),
    )


def _confusion(truth: NDArray[Any], predicted: NDArray[Any]) -> tuple[tuple[Any, Any, int], ...]:
    """Count the pairs of reference and predicted labels that occur."""
    labels, index = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
    pairs, counts = np.unique(index.reshape(2, -1), axis=1, return_counts=True)
    columns = labels[pairs[0]].tolist(), labels[pairs[1]].tolist(), counts.tolist()
    return tuple(zip(*columns, strict=True))


def failed_fold(name: str, split: int, error: Exception, n_train: int, n_test: int) -> FoldResult:
    """Return what is left of a fold that raised: its reason."""
    nan = float("nan")
    first_line = (str(error).strip() or "no message").splitlines()[0]
    problem = (
        str(error) if isinstance(error, HSVLMError) else f"{type(error).__name__}: {first_line}"
    )
    return FoldResult(
        estimator=name,
        split=split,
        overall_accuracy=nan,
        average_accuracy=nan,
        kappa=nan,
        recall={},
        n_train=n_train,
        n_test=n_test,
        fit_seconds=nan,
        predict_seconds=nan,
        n_parameters=None,
        environment=describe_environment(),
        correct=np.zeros(n_test, dtype=bool),
        problem=problem,
    )


def describe_environment() -> str:
    """Name the versions of the libraries, and the machine."""
    versions = {
        "hsvlm": __version__,
        # Without importing torch, which an estimator may not need.
        **{name: metadata.version(name) for name in ("numpy", "torch")},
        "Python": platform.python_version(),
    }
    named = [f"{name} {version}" for name, version in versions.items()]
    return ", ".join([*named, platform.machine(), f"{os.cpu_count()} CPU cores"])


class Store:
    """A folder with one small JSON file per estimator and split; None keeps nothing."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def load(self, key: str, name: str, split: int) -> FoldResult | None:
        """Read a result under its name and split in this report; None if there is none."""
        if self.folder is None:
            return None
        # Whatever the estimator was called, and the number of the split, when it was measured.
        for path in sorted(self.folder.glob(f"*-{key}.json")):
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                bits = np.frombuffer(bytes.fromhex(record.pop("correct")), dtype=np.uint8)
                recall = dict(zip(record.pop("labels"), record.pop("recall"), strict=True))
                correct = np.unpackbits(bits, count=record["n_test"]).astype(bool)
                record |= {"estimator": name, "split": split}
                if record.get("confusion") is not None:
                    record["confusion"] = tuple(tuple(cell) for cell in record["confusion"])
                return FoldResult(**record, recall=recall, correct=correct)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                message = f"{path} cannot be read ({error}), so this fold is measured again."
                warnings.warn(message, HSVLMWarning, stacklevel=4)
        return None

    def save(self, key: str, result: FoldResult) -> None:
        """Keep a result, not a failure; a crash leaves either the whole file or none."""
        if self.folder is None or result.problem:
            return
        record = {field.name: getattr(result, field.name) for field in fields(result)}
        labels = [label.item() if hasattr(label, "item") else label for label in record["recall"]]
        record["recall"] = list(record["recall"].values())
        record["labels"] = labels
        record["correct"] = np.packbits(result.correct).tobytes().hex()
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
        Path(temporary).replace(self.folder / file_name(key, result.estimator, result.split))


def file_name(key: str, name: str, split: int) -> str:
    """Name the file of a fit by estimator, split and key."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_MAX_NAME_LENGTH].strip("-")
    return f"{words or 'estimator'}-split-{split}-{key}.json"
