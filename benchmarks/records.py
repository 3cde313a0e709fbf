"""Results as CSV files: a folder per experiment, in it a file per protocol.

``benchmarks/results/<experiment>/<protocol>.csv`` has a line per row of a table and split,
``recall.csv`` the recall of every class, ``splits.csv`` size and leakage of every split, and
``comparisons.csv`` McNemar's test where no sample is tested twice. All pages are rendered from
these files. ``benchmarks/.cache``, which git ignores, only saves time: it has a file per fit, and
notes which test samples were right.
"""

from __future__ import annotations

import csv
import functools
import json
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import EvaluationReport, FoldResult, LeakageReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "CACHE",
    "FITS",
    "RESULTS",
    "commit",
    "computed_once",
    "describe_settings",
    "environments",
    "read_report",
    "read_rows",
    "record",
    "update_rows",
    "write_rows",
]

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CACHE = ROOT / "benchmarks" / ".cache"
FITS = CACHE / "fits"

COLUMNS = (
    "row", "split", "seed", "OA", "AA", "kappa", "n_train", "n_test", "fit_s", "predict_s",
    "n_parameters", "commit", "environment", "settings",
)  # fmt: skip
RECALL = ("protocol", "row", "split", "label", "class", "recall")
SPLITS = (
    "protocol", "split", "window_size", "n_train", "n_test", "share_containing",
    "share_overlapping", "share_same_group", "median_distance",
)  # fmt: skip
COMPARISONS = (
    "protocol", "first", "second", "method", "only_first_right", "only_second_right",
    "difference", "statistic", "p_value",
)  # fmt: skip

Lines = list[dict[str, str]]


def computed_once(path: Path, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Read arrays from an .npz file, which is computed first where it is missing."""
    if not path.is_file():
        values = compute()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".part-{time.time_ns()}.npz")
        np.savez_compressed(part, **values)
        part.replace(path)
    with np.load(path) as file:
        return dict(file)


def read_rows(path: Path) -> Lines:
    """Read the lines of a CSV file; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a CSV file with ten digits of every float; None becomes an empty cell."""
    lines = _as_texts(columns, rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def update_rows(
    path: Path, columns: Sequence[str], key: Sequence[str], rows: Iterable[Mapping[str, Any]]
) -> None:
    """Replace the lines of a CSV file that have the same key, and append the others."""
    write_rows(path, columns, _merged(key, read_rows(path), _as_texts(columns, rows)))


def _merged(key: Sequence[str], old: Lines, new: Lines) -> Lines:
    """Join lines; one that says the same as before keeps the commit of its measurement."""
    merged = {tuple(line[name] for name in key): line for line in old}
    for line in new:
        place = tuple(line[name] for name in key)
        if {**line, "commit": ""} != {**merged.get(place, {}), "commit": ""}:
            merged[place] = line
    return list(merged.values())


def _as_texts(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Lines:
    return [{name: _as_text(row.get(name)) for name in columns} for row in rows]


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, (float, np.floating)) else str(value)


def describe_settings(estimator: Any) -> str:
    """Write all parameters but seeds as JSON with sorted keys, and objects by their classes."""
    settings = {
        name: value
        for name, value in estimator.get_params().items()
        if name.rpartition("__")[2] not in ("random_state", "steps")
    }
    settings["estimator"] = type(estimator).__name__
    return json.dumps(settings, sort_keys=True, ensure_ascii=False, default=_as_json)


def same_settings(old: str, new: str) -> bool:
    """Tell whether settings are the same, apart from parameters that came later, at defaults."""
    before, after = json.loads(old), json.loads(new)
    if before.keys() - after.keys():
        return False
    defaults = json.loads(describe_settings(HSIPromptClassifier()))
    for name in after.keys() - before.keys():
        before[name] = defaults.get(name.rpartition("__")[2], before)
    return bool(before == after)


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return f"array of shape {value.shape}"
    return type(value).__name__


@functools.cache
def commit() -> str:
    """Name the commit that is measured, with "-dirty" if the package differs from it."""
    name = _git("rev-parse", "--short", "HEAD")
    return f"{name}-dirty" if name and _git("status", "--porcelain", "src") else name


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run(  # noqa: S603 - git
        [git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def environments(*experiments: str) -> str:
    """List the environments in which experiments were measured."""
    paths = [path for name in experiments for path in (RESULTS / name).glob("*.csv")]
    texts = {row.get("environment") for path in paths for row in read_rows(path)}
    return " and ".join(sorted(text for text in texts if text))


def record(
    experiment: str,
    protocol: str,
    report: EvaluationReport,
    estimators: Mapping[str, Any],
    order: Iterable[str] = (),
) -> None:
    """Put the results of a report into the files of an experiment.

    Results of the same row, settings, split and seed are replaced. A row has one setting at a time:
    its results with other settings are removed.

    Parameters
    ----------
    experiment : str
        Name of the folder.
    protocol : str
        Name of the file.
    report : EvaluationReport
        What was measured, split k with seed k.
    estimators : dict of {str: estimator}
        What was fitted, by the names in the report.
    order : iterable of str
        Names of all rows in the order of the file, including rows that were not measured now.
    """
    folder = RESULTS / experiment
    path = folder / f"{protocol}.csv"
    new = _as_texts(COLUMNS, _result_rows(report, estimators))
    settings = {row["row"]: row["settings"] for row in new}
    old = read_rows(path)
    names = list(dict.fromkeys([*order, *(row["row"] for row in [*old, *new])]))
    kept = [row for row in old if row["settings"] == settings.get(row["row"], row["settings"])]
    rows = _merged(("row", "split", "seed"), kept, new)
    rows.sort(key=lambda row: (names.index(row["row"]), int(row["split"])))
    write_rows(path, COLUMNS, rows)
    _record_recall(folder / "recall.csv", protocol, report, rows)
    _record_splits(folder / "splits.csv", protocol, report, rows)
    if report.disjoint:
        _record_hits(experiment, protocol, report)
        _record_comparisons(experiment, protocol)


def _result_rows(
    report: EvaluationReport, estimators: Mapping[str, Any]
) -> Iterable[dict[str, Any]]:
    for name in report.names:
        settings, seeded = describe_settings(estimators[name]), _has_seed(estimators[name])
        for result in report.results_for(name):
            yield {
                "row": name,
                "settings": settings,
                "split": result.split,
                "seed": result.split if seeded else None,
                "OA": result.overall_accuracy,
                "AA": result.average_accuracy,
                "kappa": result.kappa,
                "n_train": result.n_train,
                "n_test": result.n_test,
                "fit_s": round(result.fit_seconds, 3),
                "predict_s": round(result.predict_seconds, 3),
                "n_parameters": result.n_parameters,
                "environment": result.environment,
                "commit": commit(),
            }


def _has_seed(estimator: Any) -> bool:
    return any(name.rpartition("__")[2] == "random_state" for name in estimator.get_params())


def _record_recall(path: Path, protocol: str, report: EvaluationReport, rows: Lines) -> None:
    lines = [
        {
            "protocol": protocol,
            "row": result.estimator,
            "split": str(result.split),
            "label": label,
            "class": report.class_names.get(label, label),
            "recall": round(recall, 6),
        }
        for result in report.results
        for label, recall in result.recall.items()
    ]
    measured = {(line["row"], line["split"]) for line in lines}
    places = {(row["row"], row["split"]): place for place, row in enumerate(rows)}
    kept = places.keys() - measured
    old = read_rows(path)
    by_protocol: dict[str, list[dict[str, Any]]] = {line["protocol"]: [] for line in old}
    for line in old:
        if line["protocol"] != protocol or (line["row"], line["split"]) in kept:
            by_protocol[line["protocol"]].append(line)
    # In the order of the rows, so that a row that is measured anew stays where it was.
    merged = [*by_protocol.get(protocol, []), *lines]
    by_protocol[protocol] = sorted(merged, key=lambda line: places[line["row"], line["split"]])
    write_rows(path, RECALL, [line for group in by_protocol.values() for line in group])


def _record_splits(path: Path, protocol: str, report: EvaluationReport, rows: Lines) -> None:
    kept = {row["split"] for row in rows}
    old = [
        line for line in read_rows(path) if line["protocol"] != protocol or line["split"] in kept
    ]
    new = [
        {
            "protocol": protocol,
            "split": split,
            "window_size": leakage.window_size,
            "n_train": leakage.n_train,
            "n_test": leakage.n_test,
            "share_containing": leakage.share_containing,
            "share_overlapping": leakage.share_overlapping,
            "share_same_group": leakage.share_same_group,
            "median_distance": leakage.distance_quantiles[0.5],
        }
        for split, leakage in enumerate(report.leakage)
    ]
    write_rows(path, SPLITS, _merged(("protocol", "split"), old, _as_texts(SPLITS, new)))


def _record_hits(experiment: str, protocol: str, report: EvaluationReport) -> None:
    hits = _read_hits(experiment, protocol)
    hits |= {_hits_name(result): result.correct for result in report.results}
    path = CACHE / experiment / f"{protocol}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **hits)  # type: ignore[arg-type]


def _read_hits(experiment: str, protocol: str) -> dict[str, NDArray[np.bool_]]:
    path = CACHE / experiment / f"{protocol}.npz"
    if not path.is_file():
        return {}
    with np.load(path) as file:
        return dict(file)


def _hits_name(result: FoldResult) -> str:
    return f"{result.estimator}, split {result.split}"


def _record_comparisons(experiment: str, protocol: str) -> None:
    """Compare every row with the first by McNemar's test, where the hits of both are known."""
    report, hits = read_report(experiment, protocol), _read_hits(experiment, protocol)
    results = [
        replace(result, correct=hits.get(_hits_name(result), result.correct))
        for result in report.results
    ]
    known = replace(report, results=tuple(filter(_has_hits, results)), disjoint=True)
    first, *others = report.names
    n_splits = len(report.leakage)
    rows = []
    for name in others:
        pair = known.results_for(first), known.results_for(name)
        if any(len(results) < n_splits for results in pair):
            continue
        ours, theirs = (np.concatenate([result.correct for result in results]) for results in pair)
        outcome = known.compare(first, name, "mcnemar")
        rows.append(
            {
                "protocol": protocol,
                "first": first,
                "second": name,
                "method": outcome.method,
                "only_first_right": (ours & ~theirs).sum(),
                "only_second_right": (theirs & ~ours).sum(),
                "difference": outcome.difference,
                "statistic": outcome.statistic,
                "p_value": outcome.p_value,
            }
        )
    path = RESULTS / experiment / "comparisons.csv"
    old = [
        line
        for line in read_rows(path)
        if line["protocol"] != protocol or _is_current(line, report)
    ]
    write_rows(path, COMPARISONS, old)
    update_rows(path, COMPARISONS, ("protocol", "first", "second"), rows)


def _is_current(comparison: Mapping[str, str], report: EvaluationReport) -> bool:
    """Whether a comparison is of the accuracies in the report, and not of earlier ones."""
    pair = comparison["first"], comparison["second"]
    if not set(pair) <= set(report.names):
        return False
    shares = [
        np.average(
            [result.overall_accuracy for result in report.results_for(name)],
            weights=[result.n_test for result in report.results_for(name)],
        )
        for name in pair
    ]
    return bool(np.isclose(float(comparison["difference"]), shares[0] - shares[1], atol=1e-8))


def _has_hits(result: FoldResult) -> bool:
    # The cache may hold those of other settings.
    hits = result.correct
    return len(hits) == result.n_test and abs(hits.mean() - result.overall_accuracy) < 1e-5


def read_report(experiment: str, protocol: str) -> EvaluationReport:
    """Read the results of an experiment under one protocol.

    Parameters
    ----------
    experiment : str
        Name of the folder.
    protocol : str
        Name of the file.

    Returns
    -------
    EvaluationReport
        Without what the files leave out: which test samples were right, and the quantiles of
        distances other than the median.

    Raises
    ------
    FileNotFoundError
        If the protocol has not been measured.
    ValueError
        If rows have results on different splits.
    """
    folder = RESULTS / experiment
    path = folder / f"{protocol}.csv"
    rows = read_rows(path)
    if not rows:
        raise FileNotFoundError(f"{path} has no results. Measure them first.")
    splits: dict[str, list[str]] = {}
    for row in rows:
        splits.setdefault(row["row"], []).append(row["split"])
    first, *others = splits
    for name in others:
        if splits[name] != splits[first]:
            raise ValueError(
                f"{path} has splits {', '.join(splits[first])} of {first!r}, but "
                f"{', '.join(splits[name])} of {name!r}. Measure the same splits of both."
            )
    recall: dict[tuple[str, str], dict[Any, float]] = {}
    class_names: dict[Any, str] = {}
    for line in _lines_of(folder / "recall.csv", protocol):
        label = int(line["label"]) if line["label"].isdecimal() else line["label"]
        class_names[label] = line["class"]
        recall.setdefault((line["row"], line["split"]), {})[label] = float(line["recall"])
    leakage = tuple(map(_as_leakage, _lines_of(folder / "splits.csv", protocol)))
    return EvaluationReport(
        results=tuple(_as_result(row, recall[row["row"], row["split"]]) for row in rows),
        leakage=leakage,
        names=tuple(splits),
        window_size=leakage[0].window_size,
        protocol=protocol,
        class_names=class_names,
        disjoint=False,
    )


def _lines_of(path: Path, protocol: str) -> Lines:
    return [line for line in read_rows(path) if line["protocol"] == protocol]


def _as_result(row: Mapping[str, str], recall: dict[Any, float]) -> FoldResult:
    return FoldResult(
        estimator=row["row"],
        split=int(row["split"]),
        overall_accuracy=float(row["OA"]),
        average_accuracy=float(row["AA"]),
        kappa=float(row["kappa"]),
        recall=recall,
        n_train=int(row["n_train"]),
        n_test=int(row["n_test"]),
        fit_seconds=float(row["fit_s"]),
        predict_seconds=float(row["predict_s"]),
        n_parameters=int(row["n_parameters"]) if row["n_parameters"] else None,
        environment=row["environment"],
        correct=np.empty(0, dtype=bool),
    )


def _as_leakage(row: Mapping[str, str]) -> LeakageReport:
    return LeakageReport(
        window_size=int(row["window_size"]),
        n_train=int(row["n_train"]),
        n_test=int(row["n_test"]),
        share_containing=float(row["share_containing"]),
        share_overlapping=float(row["share_overlapping"]),
        distance_quantiles={0.5: float(row["median_distance"])},
        share_same_group=float(row["share_same_group"]) if row["share_same_group"] else None,
    )
