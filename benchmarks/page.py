"""Tables of results as Markdown, and the page of the documentation made of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.evaluation import PROTOCOLS, markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from hsvlm.evaluation import EvaluationReport, FoldResult

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One line of a table: a name, the paper's OA in percent if it has one, and what to fit."""

    name: str
    paper: str
    estimator: Any
    train_size: float = 0.1


@dataclass(frozen=True)
class Table:
    """Rows, of which the first is what the others are compared with."""

    number: str
    title: str
    rows: list[Row]
    protocols: tuple[str, ...] = ("random-10", "blocks")
    baselines: bool = False
    compared: bool = True
    note: str = ""


_NOISE = 0.05

_HEAD = """# Benchmarks

The tables of the [paper](paper.md) that the Indian Pines scene allows, measured with this package
and printed beside the paper's figures. The command below a title measures the table again, on any
machine, and renews this page.

- Data: Indian Pines, 145 x 145 pixels, 200 bands, 16 classes, 10,249 labelled pixels
  (doi:10.4231/R7RX991C).
- Figures: mean ± standard deviation in percent over splits (n - 1), kappa times 100. The paper
  reports the mean of four runs.
- Seeds: split k is drawn with seed 0 and trained with seed k. Under the published maps the split is
  always the same, and only the training differs.
- Text encoder: all-MiniLM-L6-v2, which comes as a package, in place of the paper's
  bge-large-en-v1.5, unless a row says otherwise. Prompts: our own, since the paper prints one.
- "Against the first row": mean and standard deviation of the difference of overall accuracy over
  the same splits, and the p-value of the corrected resampled t-test (Nadeau and Bengio, 2003). It
  allows for splits that share samples, the more the larger the test side is against the training
  side, here four to nine times: with four splits it shows large differences only. Where p is 0.05
  or more, the difference may be noise.
- Classes that no test side holds do not count in AA: small classes under *blocks*.
- Seconds are those of one training on one core, often with others beside it: upper bounds.
- Measured with {environment}.
{protocols}

What the random split is worth: the first baseline of table 1, which sees no spectrum. See
[Leakage](guide/leakage.md).
"""


def write_table(table: Table, reports: dict[str, list[EvaluationReport]], command: str) -> None:
    """Write one table to the folder of results.

    Parameters
    ----------
    table : Table
        What was measured.
    reports : dict of {protocol: list of EvaluationReport}
        The results, one report per share of training pixels.
    command : str
        How to measure it again.
    """
    number = f"Table {table.number}: " if table.number.isdigit() else ""
    parts = [f"## {number}{table.title}", f"`{command}`"]
    if table.note:
        parts.append(table.note)
    if table.baselines:
        parts += ["Overall accuracy under all protocols:", markdown_table(*_together(reports))]
    for protocol, found in reports.items():
        leaking = np.mean([one.share_containing for report in found for one in report.leakage])
        parts += [
            f"**{protocol}**; {leaking:.1%} of the test windows of {found[0].window_size} pixels "
            "contain a training pixel.",
            markdown_table(*_lines(table, found, protocol)),
        ]
        if table.compared:
            parts.append(_verdict(found[0], protocol))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"table_{table.number}.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _lines(
    table: Table, found: list[EvaluationReport], protocol: str
) -> tuple[list[str], list[list[str]]]:
    papers = {row.name: row.paper for row in table.rows} if protocol == "random-10" else {}
    header = ["", *(["paper OA"] if papers else []), "OA", "AA", "kappa"]
    header += ["against the first row"] if table.compared else ["training / test pixels"]
    header += ["fit s", "parameters"]
    rows = []
    for report in found:
        for name in report.names:
            results = report.of(name)
            cells = [name, *([papers.get(name, "")] if papers else []), *accuracies(results)]
            cells.append(difference(report, name) if table.compared else _sizes(results))
            count = results[0].n_parameters
            cells.append(f"{np.mean([one.fit_seconds for one in results]):.0f}")
            cells.append("" if count is None else f"{count:,}")
            rows.append(cells)
    return header, rows


def _together(reports: dict[str, list[EvaluationReport]]) -> tuple[list[str], list[list[str]]]:
    first = {protocol: found[0] for protocol, found in reports.items()}
    names = next(iter(first.values())).names
    rows = [
        [name, *(accuracies(report.of(name))[0] for report in first.values())] for name in names
    ]
    return ["", *first], rows


def accuracies(results: tuple[FoldResult, ...]) -> list[str]:
    return [
        mean_and_deviation([100 * getattr(one, name) for one in results])
        for name in ("overall_accuracy", "average_accuracy", "kappa")
    ]


def _sizes(results: tuple[FoldResult, ...]) -> str:
    return " / ".join(
        f"{np.mean([getattr(one, side) for one in results]):,.0f}" for side in ("n_train", "n_test")
    )


def difference(report: EvaluationReport, name: str) -> str:
    if name == report.names[0]:
        return ""
    if len(report.leakage) < 2:
        return "one split"
    pairs = zip(report.of(name), report.of(report.names[0]), strict=True)
    deviation = np.std([a.overall_accuracy - b.overall_accuracy for a, b in pairs], ddof=1)
    outcome = report.compare(name, report.names[0])
    return f"{100 * outcome.difference:+.2f} ± {100 * deviation:.2f} (p = {outcome.p_value:.2f})"


def _verdict(report: EvaluationReport, protocol: str) -> str:
    first, *others = report.names
    if len(report.leakage) < 2:
        return "With one split there is no telling what is noise."
    outcomes = [report.compare(name, first) for name in others]
    sure = [
        f"{one.first} ({'better' if one.difference > 0 else 'worse'})"
        for one in outcomes
        if one.p_value < _NOISE
    ]
    said = f"beyond noise: {', '.join(sure)}" if sure else "beyond noise: none"
    return f"Different from “{first}” under {protocol} {said}."


def write_page() -> None:
    """Put all tables and figures that have been measured into one page of the documentation."""
    protocols = "\n".join(f"- *{name}*: {text}." for name, text in PROTOCOLS.items())
    head = _HEAD.format(protocols=protocols, environment=_environments())
    tables, others = sorted(RESULTS.glob("table_*.md")), sorted(RESULTS.glob("[!t]*.md"))
    parts = [one.read_text(encoding="utf-8") for one in [*tables, *others]]
    page = RESULTS.parent.parent / "docs" / "benchmarks.md"
    page.write_text("\n".join([head, *parts]), encoding="utf-8")


def _environments() -> str:
    found = {
        tuple(json.loads(one.read_text())["environment"].items())
        for one in (RESULTS / "runs").glob("*.json")
    }
    return " and ".join(
        sorted(
            f"hsvlm {dict(one)['hsvlm']}, torch {dict(one)['torch']}, Python "
            f"{dict(one)['python']}, {dict(one)['machine']}"
            for one in found
            if dict(one)["torch"]
        )
    )
