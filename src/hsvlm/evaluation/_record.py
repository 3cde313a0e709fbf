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
_TEXTS = ("estimator", "environment", "problem")
_COUNTS = ("n_parameters", "n_multiply_adds")
_SIZES = ("window_size", "n_train", "n_test")
_SHARES = ("share_containing", "share_overlapping")
_OPTIONAL_SHARES = ("share_same_group", "share_adjacent")
_MAX_COUNT = 2**53  # beyond, other programs that read JSON round


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
        **{name: getattr(leakage, name) for name in (*_SIZES, *_SHARES, *_OPTIONAL_SHARES)},
        "distance_quantiles": [[key, json_value(distance)] for key, distance in quantiles],
    }


def unpack_report(figures: Any) -> dict[str, Any]:
    """Return the attributes of a report from its figures, which are checked."""
    try:
        report = {
            "results": tuple(map(_unpack_result, _list(figures["results"]))),
            "leakage": tuple(map(_unpack_leakage, _list(figures["splits"]))),
            "names": tuple(map(_text, _list(figures["names"]))),
            "window_size": _count(figures["window_size"]),
            "protocol": _text(figures["protocol"]),
            "class_names": {label: _text(name) for label, name in figures["class_names"]},
            "disjoint": bool(figures["disjoint"]),
            "pretraining_shares": {
                name: tuple(map(_number, _list(shares)))
                for name, shares in figures["pretraining_shares"].items()
            },
        }
        _check_consistency(report)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"These are not the figures of an evaluation ({type(error).__name__}: {error}). Pass "
            "what EvaluationReport.to_dict returned, unchanged."
        ) from error
    return report


def _check_consistency(report: Mapping[str, Any]) -> None:
    n_splits = len(report["leakage"])
    expected = [(name, split) for name in report["names"] for split in range(n_splits)]
    pairs = [(result.estimator, result.split) for result in report["results"]]
    if not expected or len(set(expected)) < len(expected) or sorted(expected) != sorted(pairs):
        raise ValueError("not one result for each estimator and split")
    if any(len(shares) != n_splits for shares in report["pretraining_shares"].values()):
        raise ValueError("not one share for each split")
    labels: set[Any] = set()
    for result in report["results"]:
        labels.update(result.recall, *(cell[:2] for cell in result.confusion or ()))
    if len({isinstance(label, str) for label in labels}) > 1:
        raise ValueError("labels are texts and numbers")


def _unpack_result(row: Mapping[str, Any]) -> FoldResult:
    n_test = _count(row["n_test"], least=1)
    bits = np.frombuffer(bytes.fromhex(row["correct"]), dtype=np.uint8)
    if len(bits) != math.ceil(n_test / 8):
        raise ValueError(f"{len(bits)} bytes for {n_test} samples")
    values: dict[str, Any] = {name: _text(row[name]) for name in _TEXTS}
    for name in (*_ACCURACIES, *_SECONDS):
        values[name] = math.nan if row[name] is None else _number(row[name])
    for name in _COUNTS:
        values[name] = None if row[name] is None else _count(row[name])
    size, share = (row[key] for key in _OF_ESTIMATOR.values())
    confusion = row["confusion"]
    return FoldResult(
        **values,
        split=_count(row["split"]),
        n_train=_count(row["n_train"], least=1),
        n_test=n_test,
        window_size=None if size is None else _count(size),
        share_containing=None if share is None else _number(share),
        recall={_label(label): _number(recall) for label, recall in row["recall"]},
        confusion=None
        if confusion is None
        else tuple((_label(a), _label(b), _count(number)) for a, b, number in confusion),
        correct=np.unpackbits(bits, count=n_test).astype(bool),
    )


def _unpack_leakage(split: Mapping[str, Any]) -> LeakageReport:
    quantiles = {
        _number(key): math.inf if distance is None else _number(distance)
        for key, distance in split["distance_quantiles"]
    }
    if 0.5 not in quantiles:
        raise ValueError("no median distance")
    values: dict[str, Any] = {name: _count(split[name], least=1) for name in _SIZES}
    for name in _SHARES:
        values[name] = _number(split[name])
    for name in _OPTIONAL_SHARES:
        values[name] = None if split[name] is None else _number(split[name])
    return LeakageReport(**values, distance_quantiles=quantiles)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of a text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} in place of a list")
    return value


def _count(value: Any, least: int = 0) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < _MAX_COUNT:
        raise ValueError(f"{str(value)[:20]!r} in place of a number of things")
    return value


def _number(value: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not abs(value) < _MAX_COUNT:
        raise ValueError(f"{str(value)[:20]!r} in place of a finite number")
    return float(value)


def _label(value: Any) -> Any:
    if not isinstance(value, (str, bool)):
        _number(value)
    return value


def _pairs(values: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Return tuples as lists, and scalars of NumPy as those of Python."""
    return [[item.item() if hasattr(item, "item") else item for item in row] for row in values]
