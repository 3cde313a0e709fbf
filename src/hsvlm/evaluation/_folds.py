"""One estimator on one split: measured once, kept on disk, never measured again."""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from sklearn.base import clone

from hsvlm._system.version import __version__
from hsvlm.exceptions import HSVLMWarning
from hsvlm.metrics import classification_summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["FoldResult", "Store", "data_digest", "run_fold", "with_random_state"]

_FORMAT = 1
_WITHOUT_INFLUENCE = ("checkpoint_dir", "checkpoint_every", "resume")  # on any result
# Parameters that came later, where None stands for what was before: earlier results are found.
_NOTHING_IF_NONE = ("normalize", "spatial", "spatial_params")


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
    correct : ndarray of shape (n_test,), dtype bool
        Which test samples were classified correctly.
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
    correct: NDArray[np.bool_]


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
    y_pred = np.asarray(estimator.predict(X[test]))
    predicted = time.perf_counter()
    summary = classification_summary(y[test], y_pred)
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
        n_parameters=_trained_parameters(estimator),
        correct=y_pred == y[test],
    )


def _trained_parameters(estimator: Any) -> int | None:
    last = estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator
    module = getattr(getattr(last, "net_", last), "module_", None)
    if module is None:
        return None
    return sum(int(one.numel()) for one in module.parameters() if one.requires_grad)


def data_digest(X: PixelSamples, y: NDArray[Any]) -> str:
    """Name samples and their labels.

    Shapes: `X` (n_samples, n_bands), `y` (n_samples,).
    """
    found: str = joblib.hash((X.cubes, X.coords, X.scene_ids, y))
    return found


def _has_influence(name: str, value: Any) -> bool:
    return name not in _WITHOUT_INFLUENCE and (name not in _NOTHING_IF_NONE or value is not None)


def _environment() -> dict[str, Any]:
    return {
        "hsvlm": __version__,
        "numpy": np.__version__,
        "torch": getattr(sys.modules.get("torch"), "__version__", None),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores",
    }


class Store:
    """A folder with one small JSON file per estimator and split."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def key(self, estimator: Any, data: str, train: NDArray[Any], test: NDArray[Any]) -> str:
        """Name what is measured."""
        settings = {
            name: value
            for name, value in estimator.get_params().items()
            if _has_influence(name.rpartition("__")[2], value)
        }
        kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
        found: str = joblib.hash((_FORMAT, kind, settings, data, np.sort(train), np.sort(test)))
        return found

    def load(self, key: str, name: str, split: int) -> FoldResult | None:
        """Look up a result."""
        if self.folder is None:
            return None
        path = self.folder / f"{key}.json"
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            del record["environment"]  # for readers of the file
            bits = np.frombuffer(bytes.fromhex(record.pop("correct")), dtype=np.uint8)
            recall = dict(zip(record.pop("labels"), record.pop("recall"), strict=True))
            correct = np.unpackbits(bits, count=record["n_test"]).astype(bool)
            named = {"estimator": name, "split": split}
            return FoldResult(**{**record, **named}, recall=recall, correct=correct)
        except (KeyError, TypeError, ValueError) as error:
            message = f"{path} cannot be read ({error}), so this fold is measured again."
            warnings.warn(message, HSVLMWarning, stacklevel=4)
            return None

    def save(self, key: str, result: FoldResult) -> None:
        """Keep a result; a crash leaves either the whole file or none."""
        if self.folder is None:
            return
        record = {field.name: getattr(result, field.name) for field in fields(result)}
        labels = [one.item() if hasattr(one, "item") else one for one in record["recall"]]
        record["recall"] = list(record["recall"].values())
        record["labels"] = labels
        record["correct"] = np.packbits(result.correct).tobytes().hex()
        record["environment"] = _environment()
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)
        Path(temporary).replace(self.folder / f"{key}.json")
