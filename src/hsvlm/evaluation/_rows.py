"""Rows of a comparison: accuracy, cost and verdict of an estimator under a protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hsvlm._reports.tables import Rows
    from hsvlm.evaluation._comparison import Comparison
    from hsvlm.evaluation._folds import FoldResult
    from hsvlm.evaluation._leakage import LeakageReport

__all__ = ["FLATTERING", "HONEST", "LEGEND", "Evaluation", "comparison_rows", "row_texts"]

HONEST, FLATTERING = "honest", "flattering"
# Blocks and polygons may touch here and there; draws of single pixels are far above.
_TOLERATED_SHARE = 0.01
_ACCURACIES = ("overall_accuracy", "average_accuracy", "kappa")
LEGEND = (
    f"{FLATTERING}: more than {_TOLERATED_SHARE:.0%} of the test pixels touch a training pixel or "
    f"have one in their window; {HONEST}: at most {_TOLERATED_SHARE:.0%}",
    "leakage: test pixels with a training pixel in the window that the estimator reads",
)


class Evaluation(Protocol):
    """What rows and pages read of an :class:`hsvlm.evaluation.EvaluationReport`."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def protocol(self) -> str: ...
    @property
    def results(self) -> tuple[FoldResult, ...]: ...
    @property
    def leakage(self) -> tuple[LeakageReport, ...]: ...
    @property
    def class_names(self) -> dict[Any, str]: ...
    @property
    def disjoint(self) -> bool: ...
    def results_for(self, name: str) -> tuple[FoldResult, ...]: ...
    def compare(self, first: str, second: str, method: str = ...) -> Comparison: ...
    def summary(self) -> tuple[list[str], Rows]: ...
    def recalls(self) -> tuple[list[str], Rows]: ...
    def leakage_lines(self) -> list[str]: ...
    def problem_lines(self) -> list[str]: ...


def comparison_rows(reports: Mapping[str, Evaluation]) -> list[dict[str, Any]]:
    """Return the figures of every estimator under every protocol."""
    names = dict.fromkeys(name for report in reports.values() for name in report.names)
    return [
        _row(name, protocol, report)
        for name in names
        for protocol, report in reports.items()
        if name in report.names
    ]


def row_texts(row: Mapping[str, Any]) -> list[str]:
    """Write a row in percent, pixels, millions of multiply-adds and seconds."""
    return [
        row["estimator"],
        row["protocol"],
        row["verdict"],
        *(_percent(row[name], row[f"{name}_deviation"]) for name in _ACCURACIES),
        _number(row["share_containing"], "{:.1f}", 100),
        _number(row["window_size"], "{}"),
        _number(row["n_parameters"], "{:,}"),
        _number(row["n_multiply_adds"], "{:,.2f}", 1e-6),
        _number(row["fit_seconds"], "{:,.2f}"),
        _number(row["predict_seconds"], "{:,.2f}"),
    ]


def _row(name: str, protocol: str, report: Evaluation) -> dict[str, Any]:
    results = report.results_for(name)
    measured = [result for result in results if not result.problem]
    problem = " ".join(dict.fromkeys(result.problem for result in results if result.problem))
    if problem and measured:
        problem = f"{len(results) - len(measured)} of {len(results)} splits failed. {problem}"
    accuracies: dict[str, float | None] = {}
    for key in _ACCURACIES:
        values = [getattr(result, key) for result in measured]
        accuracies[key] = _mean(values)
        accuracies[f"{key}_deviation"] = _deviation(values)
    first = measured[0] if measured else None
    share = _mean([result.share_containing for result in measured])
    return {
        "estimator": name,
        "protocol": protocol,
        "verdict": _verdict(report, share),
        "n_splits": len(measured),
        **accuracies,
        "share_containing": share,
        "window_size": None if first is None else first.window_size,
        "n_parameters": None if first is None else first.n_parameters,
        "n_multiply_adds": None if first is None else first.n_multiply_adds,
        "fit_seconds": _mean([result.fit_seconds for result in measured]),
        "predict_seconds": _mean([result.predict_seconds for result in measured]),
        "problem": problem,
    }


def _verdict(report: Evaluation, share_containing: float | None) -> str:
    adjacent = _mean([split.share_adjacent for split in report.leakage])
    shares = [share for share in (adjacent, share_containing) if share is not None]
    return FLATTERING if max(shares, default=0.0) > _TOLERATED_SHARE else HONEST


def _mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of finite values; None where one is missing."""
    if not values or any(value is None or not np.isfinite(value) for value in values):
        return None
    return float(np.mean(np.array(values, dtype=float)))


def _deviation(values: Sequence[float]) -> float | None:
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    return float(np.std(values, ddof=1))


def _percent(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return ""
    return f"{100 * mean:.2f}" + ("" if deviation is None else f" ± {100 * deviation:.2f}")


def _number(value: float | None, form: str, factor: float = 1) -> str:
    return "" if value is None else form.format(value * factor)
