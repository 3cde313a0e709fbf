"""Reports of evaluations as values for JSON, and back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.evaluation._folds import FoldResult
from hsvlm.evaluation._leakage import LeakageReport
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["json_value", "pack_leakage", "pack_result", "unpack_report"]

# Of a result, what rows of a report name otherwise, leave out or know of the split instead.
_OF_ESTIMATOR = {
    "window_size": "estimator_window_size",
    "share_containing": "estimator_share_containing",
}
_ACCURACIES = ("overall_accuracy", "average_accuracy", "kappa")
_SECONDS = ("fit_seconds", "predict_seconds")
_PLAIN = ("estimator", "split", "n_train", "n_test", "environment", "problem")
_COUNTS = ("n_parameters", "n_multiply_adds")
_LEAKAGE = (
    *("window_size", "n_train", "n_test", "share_containing", "share_overlapping"),
    *("share_same_group", "share_adjacent"),
)


def json_value(value: Any) -> Any:
    """Return None for NaN and infinity, which JSON lacks, and other values as they are."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def pack_result(result: FoldResult) -> dict[str, Any]:
    """Return what the row of a report does not hold of a result."""
    return {
        "environment": result.environment,
        **{key: getattr(result, name) for name, key in _OF_ESTIMATOR.items()},
        "recall": _pairs(result.recall.items()),
        "confusion": None if result.confusion is None else _pairs(result.confusion),
        # A bit per test sample.
        "correct": np.packbits(result.correct).tobytes().hex(),
    }


def pack_leakage(leakage: LeakageReport) -> dict[str, Any]:
    """Return the leakage of a split."""
    quantiles = leakage.distance_quantiles.items()
    return {
        **{name: getattr(leakage, name) for name in _LEAKAGE},
        "distance_quantiles": [[key, json_value(distance)] for key, distance in quantiles],
    }


def unpack_report(figures: Any) -> dict[str, Any]:
    """Return the attributes of a report from its figures."""
    try:
        return {
            "results": tuple(map(_unpack_result, figures["results"])),
            "leakage": tuple(map(_unpack_leakage, figures["splits"])),
            "names": tuple(map(str, figures["names"])),
            "window_size": int(figures["window_size"]),
            "protocol": str(figures["protocol"]),
            "class_names": {label: str(name) for label, name in figures["class_names"]},
            "disjoint": bool(figures["disjoint"]),
            "pretraining_shares": {
                str(name): tuple(map(float, shares))
                for name, shares in figures["pretraining_shares"].items()
            },
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"These are not the figures of an evaluation ({type(error).__name__}: {error}). Pass "
            "what EvaluationReport.to_dict returned, unchanged."
        ) from error


def _unpack_result(row: Mapping[str, Any]) -> FoldResult:
    bits = np.frombuffer(bytes.fromhex(row["correct"]), dtype=np.uint8)
    confusion = row["confusion"]
    values: dict[str, Any] = {name: row[name] for name in (*_PLAIN, *_COUNTS)}
    for name in (*_ACCURACIES, *_SECONDS):
        values[name] = float("nan" if row[name] is None else row[name])
    for name, key in _OF_ESTIMATOR.items():
        values[name] = row[key]
    return FoldResult(
        **values,
        recall={label: float(recall) for label, recall in row["recall"]},
        confusion=None
        if confusion is None
        else tuple((truth, predicted, int(count)) for truth, predicted, count in confusion),
        correct=np.unpackbits(bits, count=int(row["n_test"])).astype(bool),
    )


def _unpack_leakage(split: Mapping[str, Any]) -> LeakageReport:
    quantiles = {
        float(key): math.inf if distance is None else float(distance)
        for key, distance in split["distance_quantiles"]
    }
    return LeakageReport(**{name: split[name] for name in _LEAKAGE}, distance_quantiles=quantiles)


def _pairs(values: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Return tuples as lists, and scalars of NumPy as those of Python."""
    return [[item.item() if hasattr(item, "item") else item for item in row] for row in values]
