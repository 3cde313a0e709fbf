"""How accurate the default is, beside what it can be compared with, and what makes it so.

``python -m benchmarks.accuracy --protocol all --seeds 4`` measures on Indian Pines and writes to
``benchmarks/results/accuracy/``; with ``--ablation``, the default with one thing changed at a time,
to ``benchmarks/results/ablation/``. The pages are rendered anew. Every training leaves a file in
``benchmarks/.cache/fits``, so that a run that was stopped continues where it was. ``--rows``
measures some rows only.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.calibration import record_errors
from benchmarks.page import accuracies, commands, difference, write_pages
from benchmarks.records import (
    FITS,
    RESULTS,
    environments,
    read_report,
    read_rows,
    record,
)
from benchmarks.variants import CLASS_NAMES, FORMER, default, paper
from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import (
    BASELINES,
    PROTOCOLS,
    EvaluationReport,
    Protocol,
    evaluate,
    indian_pines_protocol,
    markdown_table,
    mean_and_deviation,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hsvlm.evaluation import FoldResult

Reports = dict[str, EvaluationReport]

ROWS = {
    "default": default(),
    "default, window by window": default(spatial=None),
    "vision only": default(criterion="cross-entropy"),
    "vision only, window by window": default(criterion="cross-entropy", spatial=None),
    "preset fast": HSIPromptClassifier.from_preset("fast", prompts="indian-pines"),
    "preset accurate": HSIPromptClassifier.from_preset("accurate", prompts="indian-pines"),
    "the paper's recipe": paper(33),
}
CALIBRATED = ("default", "default, window by window")

TAKEN_AWAY: dict[str, dict[str, Any]] = {
    "no read-out": {"spatial": None},
    "walks and windows weigh the same": {"spatial_params": {"weights": (0.5, 0.5)}},
    "walks without windows": {"spatial_params": {"weights": (1, 0)}},
    "walks blind to edges in spectra": {"spatial_params": {"contrast": 0.0}},
    "walks blind to classes": {"spatial_params": {"agreement": 0.0}},
    "spectra not normalized": {"normalize": None},
    "no weight decay": {"weight_decay": 0.0},
    "no augmentation": {"augment": False},
    "network and spectra of the former default": FORMER,
    "network hardly trained": {"max_epochs": 1},
    "no text": {"criterion": "cross-entropy"},
    "one template for all prompts": {"prompts": None, "class_names": CLASS_NAMES},
    "1 layer": {"vision_params": {"depth": 1}},
}
LEFT_OUT: dict[str, dict[str, Any]] = {
    "all wrong classes as negatives": {"criterion": "all-negatives"},
    "loss of CLIP": {"criterion": "clip"},
    "projection of the text": {"projection": "text"},
    "all bands": {"n_components": None},
    "20 components": {"n_components": 20},
    "80 components": {"n_components": 80},
    "windows of 3 pixels": {"window_size": 3},
    "windows of 7 pixels": {"window_size": 7},
    "windows of 9 pixels": {"window_size": 9},
    "4 layers": {"vision_params": {"depth": 4}},
    "width 64": {"vision_params": {"width": 64}},
    "token masking": {"vision_params": {"mask_ratio": 0.25}},
    "balanced class weights": {"class_weight": "balanced"},
    "products in bfloat16": {"precision": "bfloat16"},
}
ABLATION = {"default": {}, **TAKEN_AWAY, **LEFT_OUT}

_COMMON = """{commands}

- Data: Indian Pines, 145 x 145 pixels, 200 bands, 16 classes, 10,249 labeled pixels
  (doi:10.4231/R7RX991C).
{protocols}
- Seeds: {seeds} per protocol. Splits are drawn with seed 0, and split k is trained with seed k. The
  published maps are one split, where only the training differs.
- Figures: mean ± standard deviation (n - 1) over the splits, in percent.
- The read-out uses the labels of the training pixels and the spectra of all pixels of the scene,
  those of the test pixels among them, and no label of a test pixel. Its figures say what to expect
  in the rest of a scene in which pixels were labeled, and of no other scene: there, windows are
  predicted one by one.
- The settings of the default were compared on splits like these of this very scene while they were
  developed, test pixels included. The same settings serve all protocols, and what a fit chooses by
  itself it chooses inside its training labels; on scenes that nobody has looked at, expect less.
- The files name the commit of every line.
- Environment: {environment}.
  What had been measured before is not measured again. Other work ran beside some of it: seconds are
  upper bounds."""

_ACCURACY = """## Accuracy

{common}

Overall accuracy:

{overall}

Average accuracy, and kappa times 100. Classes that no test side holds do not count in AA:

{others}

Recall of every class, “{first}”, mean over the splits that test it:

{recall}

Seconds of a fit / of the prediction of the test pixels, and trained parameters:

{seconds}
"""

_CALIBRATION = """
Expected calibration error in percent, 15 bins of equal width of the largest probability (Guo et
al., 2017, arXiv:1706.04599), test pixels; 0 where of all pixels with a probability of p a share of
p is right:

{calibration}
"""

_ABLATION = """## What makes the default accurate

{common}

One thing is changed at a time. The first row is overall accuracy; the others are differences from
it over the same splits, in points, with the p-value that the top of this page explains. Seconds
are those of a fit under *{first}*.

What the default has, taken away:

{taken_away}

What was tried and left out:

{left_out}
"""


def measure(
    experiment: str,
    rows: dict[str, Any],
    baselines: list[str],
    protocol: Protocol,
    jobs: int,
    order: Iterable[str],
) -> None:
    """Measure rows and baselines under one protocol, and record them."""
    print(protocol.name, flush=True)
    report = evaluate(
        rows,
        protocol.X,
        protocol.y,
        protocol.cv,
        window_size=default().window_size,
        baselines=baselines,
        class_names=protocol.class_names,
        random_state=0,
        store=FITS,
        n_jobs=jobs,
        verbose=1,
    )
    made = {name: make() for name, make in (BASELINES[key] for key in baselines)}
    record(experiment, protocol.name, report, {**rows, **made}, order)


def read_reports(experiment: str) -> Reports:
    """Read the results under all protocols that have been measured."""
    return {
        name: read_report(experiment, name)
        for name in PROTOCOLS
        if (RESULTS / experiment / f"{name}.csv").is_file()
    }


def common_text(reports: Reports, experiment: str, options: str = "") -> str:
    protocols = [
        f"- *{name}*: {PROTOCOLS[name]}; {_mean(report, 'n_train'):,.0f} training and "
        f"{_mean(report, 'n_test'):,.0f} test pixels. "
        f"{_mean(report, 'share_containing'):.1%} of the test windows of {report.window_size} "
        "pixels contain a training pixel."
        for name, report in reports.items()
    ]
    seeds = max(len(report.leakage) for report in reports.values())
    command = f"python -m benchmarks.accuracy --protocol all --seeds {seeds} --jobs 2{options}"
    return _COMMON.format(
        commands=commands(command, experiment),
        protocols="\n".join(protocols),
        seeds=seeds,
        environment=environments(experiment),
    )


def _mean(report: EvaluationReport, name: str) -> float:
    return float(np.mean([getattr(one, name) for one in report.leakage]))


def per_protocol(reports: Reports, cell: Callable[[tuple[FoldResult, ...]], str]) -> str:
    """A table with a row per estimator and a column per protocol."""
    names = next(iter(reports.values())).names
    rows = [
        [name, *(cell(report.results_for(name)) for report in reports.values())] for name in names
    ]
    return markdown_table(["", *reports], rows)


def seconds_table(reports: Reports) -> str:
    rows = []
    for name in next(iter(reports.values())).names:
        results = [report.results_for(name) for report in reports.values()]
        count = results[0][0].n_parameters
        cells = [f"{_seconds(one, 'fit')} / {_seconds(one, 'predict')}" for one in results]
        rows.append([name, *cells, "" if count is None else f"{count:,}"])
    return markdown_table(["", *reports, "parameters"], rows)


def _seconds(results: tuple[FoldResult, ...], step: str) -> str:
    return f"{np.mean([getattr(one, f'{step}_seconds') for one in results]):.1f}"


def recall_table(reports: Reports) -> str:
    """Mean recall of the first estimator, class by class."""
    found = {
        name: _recalls(report.results_for(report.names[0])) for name, report in reports.items()
    }
    rows = [
        [CLASS_NAMES[label], *(recalls.get(label, "not tested") for recalls in found.values())]
        for label in sorted(set().union(*found.values()))
    ]
    return markdown_table(["", *found], rows)


def _recalls(results: tuple[FoldResult, ...]) -> dict[Any, str]:
    labels = {label for one in results for label in one.recall}
    return {
        label: f"{100 * np.mean([one.recall[label] for one in results if label in one.recall]):.1f}"
        for label in labels
    }


def calibration_table(protocols: Iterable[str]) -> str:
    """Mean calibration error of every row under every protocol; empty if none was measured."""
    errors: dict[str, dict[str, list[float]]] = {}
    for line in read_rows(RESULTS / "accuracy" / "calibration.csv"):
        of_row = errors.setdefault(line["row"], {})
        of_row.setdefault(line["protocol"], []).append(100 * float(line["error"]))
    rows = [
        [name, *(mean_and_deviation(of_row[protocol]) for protocol in protocols)]
        for name, of_row in errors.items()
    ]
    return markdown_table(["", *protocols], rows) if rows else ""


def render() -> str:
    reports = read_reports("accuracy")
    text = _ACCURACY.format(
        common=common_text(reports, "accuracy"),
        overall=per_protocol(reports, lambda results: accuracies(results)[0]),
        others=per_protocol(reports, lambda results: " / ".join(accuracies(results)[1:])),
        first=next(iter(reports.values())).names[0],
        recall=recall_table(reports),
        seconds=seconds_table(reports),
    )
    calibration = calibration_table(list(reports))
    return text + _CALIBRATION.format(calibration=calibration) if calibration else text


def render_ablation() -> str:
    reports = read_reports("ablation")
    first, *_ = reports
    rows = {
        name: [
            name,
            _as_code(ABLATION[name]),
            *(
                difference(report, name) or accuracies(report.results_for(name))[0]
                for report in reports.values()
            ),
            _seconds(reports[first].results_for(name), "fit"),
        ]
        for name in reports[first].names
    }
    taken_away, left_out = (
        markdown_table(
            ["", "changed", *reports, "fit s"],
            [row for name, row in rows.items() if name == "default" or name in changes],
        )
        for changes in (TAKEN_AWAY, LEFT_OUT)
    )
    return _ABLATION.format(
        common=common_text(reports, "ablation", " --ablation"),
        first=first,
        taken_away=taken_away,
        left_out=left_out,
    )


def _as_code(changes: dict[str, Any]) -> str:
    return ", ".join(
        f"`{name}={value!r}`" for name, value in changes.items() if name != "class_names"
    )


def chosen(parser: argparse.ArgumentParser, known: Iterable[str], wanted: Any) -> list[str]:
    """Names of rows, in their order."""
    every = list(known)
    unknown = set(wanted or ()) - set(every)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: {'; '.join(every)}")
    return [name for name in every if not wanted or name in wanted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", nargs="+", choices=[*PROTOCOLS, "all"], default=["all"])
    parser.add_argument("--seeds", type=int, default=4, help="splits per protocol")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--ablation", action="store_true", help="change the default piece by piece")
    parser.add_argument("--rows", nargs="+", help="some rows only, by their names in the table")
    given = parser.parse_args()
    names = PROTOCOLS if "all" in given.protocol else dict.fromkeys(given.protocol)
    protocols = [indian_pines_protocol(name, given.seeds) for name in names]
    if given.ablation:
        # Differences need the first row.
        wanted = chosen(parser, ABLATION, given.rows and ["default", *given.rows])
        rows = {name: default(**ABLATION[name]) for name in wanted}
        for protocol in protocols:
            measure("ablation", rows, [], protocol, given.jobs, ABLATION)
    else:
        wanted = chosen(parser, [*ROWS, *BASELINES], given.rows)
        rows = {name: ROWS[name] for name in wanted if name in ROWS}
        baselines = [name for name in wanted if name in BASELINES]
        order = [*ROWS, *(name for name, _ in BASELINES.values())]
        for protocol in protocols:
            # Before the accuracies, which are those of the same fits.
            for name in (name for name in CALIBRATED if name in rows):
                record_errors(name, rows[name], protocol, given.jobs)
            measure("accuracy", rows, baselines, protocol, given.jobs, order)
    write_pages()


if __name__ == "__main__":
    main()
