"""The tables of the paper that Indian Pines allows, measured beside the paper's figures.

One command per table, for example ``python -m benchmarks.tables 2``; ``all`` for every table. The
results go to ``benchmarks/results/table_<n>/``, and the pages are rendered anew. Every training
leaves a file in ``benchmarks/.cache/fits``, so that a run that was stopped continues where it was;
delete the folder to measure everything again. ``--rows CLIP`` measures the rows with this text in
their names, and keeps the others.

Table 1 follows the paper's recipe with its window of 33 pixels; tables 2 to 7 use the same recipe
with a window of 15, a tenth of the work, so that all of them fit into a night on two cores.
``--window 33`` measures them as in the paper, where there is a GPU or a weekend.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks.page import accuracies, commands, difference, write_pages
from benchmarks.records import FITS, RESULTS, read_report, record
from benchmarks.variants import (
    PACKAGED,
    CharacterNGrams,
    in_words,
    one_hot_prototypes,
    paper,
    random_prototypes,
    three_texts,
)
from hsvlm.evaluation import (
    BASELINES,
    Protocol,
    evaluate,
    indian_pines_protocol,
    markdown_table,
)
from hsvlm.model_selection import SpatialBlockShuffleSplit
from hsvlm.text import encode_texts

if TYPE_CHECKING:
    from hsvlm.evaluation import EvaluationReport, FoldResult


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


_NOISE = 0.05  # a p-value from which on a difference may be noise

HUB_ENCODERS = {
    "BAAI/bge-large-en-v1.5": "94.03",
    "BAAI/bge-m3": "93.04",
    "intfloat/multilingual-e5-large": "92.72",
}


def table_1(window: int, epochs: dict[str, int]) -> Table:
    rows = [
        Row("paper's recipe, window 33, packaged text encoder", "94.03", paper(33, **epochs)),
    ]
    protocols = ("random-10", "map-695", "blocks")
    return Table("1", "Overall", rows, protocols, baselines=True, compared=False)


def table_2(window: int, epochs: dict[str, int]) -> Table:
    recipe = partial(paper, window, **epochs)
    rows = [
        Row("hard and semi-hard negatives", "94.03", recipe()),
        Row("no hard negatives", "90.16", recipe(n_hard=0)),
        Row("no semi-hard negatives", "93.44", recipe(n_semi_hard=0)),
        Row("all negatives (not in the paper)", "", recipe(criterion="all-negatives")),
        Row("loss of CLIP, one text per class", "93.11", recipe(criterion="clip")),
        Row(
            "loss of CLIP, three texts per class",
            "93.11",
            recipe(criterion="clip", prompts=three_texts()),
        ),
    ]
    note = (
        "The loss of CLIP is not in this table of the paper: its figure is that of “M-CLS CLIP” in "
        "table 1, of which two readings are measured."
    )
    return Table("2", "Components of the loss", rows, note=note)


def table_3(window: int, epochs: dict[str, int]) -> Table:
    figures = {0.1: "94.03", 0.2: "97.68", 0.3: "98.57", 0.4: "98.97", 0.5: "99.02"}
    rows = [
        Row(f"{size:.0%} for training", figure, paper(window, **epochs), size)
        for size, figure in figures.items()
    ]
    note = (
        "Blocks of 16 x 16 pixels here: smaller ones leave too few test pixels from 30 % on. Under "
        "blocks the test side shrinks as the training side grows, and other fields are tested: "
        "no learning curve, and the deviations are wide."
    )
    return Table("3", "Share of training pixels", rows, compared=False, note=note)


def table_4(window: int, epochs: dict[str, int]) -> Table:
    figures = {
        32: "94.03",
        4: "93.19",
        8: "93.45",
        16: "93.54",
        64: "93.34",
        128: "91.12",
    }
    rows = [
        Row(f"batches of {size}", figure, paper(window, batch_size=size, **epochs))
        for size, figure in figures.items()
    ]
    return Table("4", "Batch size", rows)


def table_5(window: int, epochs: dict[str, int]) -> Table:
    recipe = partial(paper, window, **epochs)
    rows = [
        Row("descriptive prompts", "94.03", recipe()),
        Row("label only", "92.90", recipe(prompts=in_words("label"))),
        Row("short text", "93.07", recipe(prompts=in_words("short"))),
        Row("one template for all", "", recipe(prompts=in_words("template"))),
        Row("one-hot prototypes, no text", "", recipe(text_encoder=one_hot_prototypes())),
        Row("random prototypes, no text", "", recipe(text_encoder=random_prototypes())),
    ]
    return Table("5", "Prompts", rows)


def table_6(window: int, epochs: dict[str, int]) -> Table:
    recipe = partial(paper, window, **epochs)
    rows = [
        Row(PACKAGED, "", recipe()),
        Row("hashed character n-grams", "", recipe(text_encoder=CharacterNGrams())),
    ]
    rows += [Row(name, figure, recipe(text_encoder=name)) for name, figure in HUB_ENCODERS.items()]
    return Table("6", "Text encoders", rows)


def table_7(window: int, epochs: dict[str, int]) -> Table:
    recipe = partial(paper, window, **epochs)
    rows = [
        Row("prompts", "94.03", recipe()),
        Row("vision only", "91.52", recipe(criterion="cross-entropy")),
    ]
    return Table("7", "Prompts against vision only", rows)


TABLES = {
    "1": table_1,
    "2": table_2,
    "3": table_3,
    "4": table_4,
    "5": table_5,
    "6": table_6,
    "7": table_7,
}


def protocol_names(table: Table, name: str) -> dict[float, str]:
    """Names of the files of results, by the share of training pixels."""
    sizes = dict.fromkeys(row.train_size for row in table.rows)
    if len(sizes) == 1:
        return dict.fromkeys(sizes, name)
    kind = name.partition("-")[0]
    return {size: f"{kind}-{100 * size:.0f}" for size in sizes}


def protocol_for(name: str, table: Table, train_size: float, seeds: int) -> Protocol:
    protocol = indian_pines_protocol(name, seeds)
    if table.number != "3":
        return protocol
    cv = (
        SpatialBlockShuffleSplit(seeds, train_size, block_size=16, buffer=7)
        if name == "blocks"
        else StratifiedShuffleSplit(seeds, train_size=train_size, random_state=0)
    )
    return Protocol(name, protocol.X, protocol.y, cv, protocol.class_names)


def measure(table: Table, seeds: int, jobs: int, part: str = "") -> None:
    """Measure and record one protocol and share of training pixels after the other."""
    missing = set(_unavailable(table))
    baselines = dict(BASELINES.values()) if table.baselines else {}
    for name in table.protocols:
        for size, file_name in protocol_names(table, name).items():
            protocol = protocol_for(name, table, size, seeds)
            rows = [row for row in table.rows if row.train_size == size]
            estimators = {
                row.name: row.estimator
                for row in rows
                if row.name not in missing and part in row.name
            }
            print(f"table {table.number}, {file_name}", flush=True)
            report = evaluate(
                estimators,
                protocol.X,
                protocol.y,
                protocol.cv,
                window_size=15,
                class_names=protocol.class_names,
                random_state=0,
                store=FITS,
                n_jobs=jobs,
                verbose=1,
                baselines=tuple(BASELINES) if table.baselines else (),
            )
            made = {name: make() for name, make in baselines.items()}
            order = [*(row.name for row in rows), *made]
            record(f"table_{table.number}", file_name, report, {**estimators, **made}, order)


def _unavailable(table: Table) -> list[str]:
    """Names of rows with a text encoder of the hub that cannot be loaded here."""
    names = []
    for name in (row.name for row in table.rows if row.name in HUB_ENCODERS):
        try:
            encode_texts(["a field of corn"], name)
        except (OSError, ValueError, ImportError):
            names.append(name)
    return names


def render(number: str) -> str:
    """One table as Markdown."""
    table = TABLES[number](15, {})
    experiment = f"table_{number}"
    reports = {
        name: [
            read_report(experiment, file_name) for file_name in protocol_names(table, name).values()
        ]
        for name in table.protocols
        if all(
            (RESULTS / experiment / f"{file_name}.csv").is_file()
            for file_name in protocol_names(table, name).values()
        )
    }
    measured = {name for by_size in reports.values() for report in by_size for name in report.names}
    missing = [
        f"{name} (paper: {figure})"
        for name, figure in HUB_ENCODERS.items()
        if number == "6" and name not in measured
    ]
    seeds = max(len(report.leakage) for by_size in reports.values() for report in by_size)
    parts = [
        f"## Table {number}: {table.title}",
        commands(f"python -m benchmarks.tables {number} --seeds {seeds}", experiment),
    ]
    if table.note:
        parts.append(table.note)
    if missing:
        parts.append(f"Not to be had where this was measured: {', '.join(missing)}.")
    if table.baselines:
        parts += ["Overall accuracy under all protocols:", markdown_table(*_together(reports))]
    for protocol, by_size in reports.items():
        shares = [split.share_containing for report in by_size for split in report.leakage]
        parts += [
            f"**{protocol}**; {np.mean(shares):.1%} of the test windows of "
            f"{by_size[0].window_size} pixels contain a training pixel.",
            markdown_table(*_lines(table, by_size, protocol)),
        ]
        if table.compared:
            parts.append(_verdict(by_size[0], protocol))
    return "\n\n".join(parts) + "\n"


def _lines(
    table: Table, reports: list[EvaluationReport], protocol: str
) -> tuple[list[str], list[list[str]]]:
    papers = {row.name: row.paper for row in table.rows} if protocol == "random-10" else {}
    header = ["", *(["paper OA"] if papers else []), "OA", "AA", "kappa"]
    header += ["against the first row"] if table.compared else ["training / test pixels"]
    header += ["fit s", "parameters"]
    rows = []
    for report in reports:
        for name in report.names:
            results = report.results_for(name)
            cells = [name, *([papers.get(name, "")] if papers else []), *accuracies(results)]
            cells.append(difference(report, name) if table.compared else _sizes(results))
            count = results[0].n_parameters
            cells.append(f"{np.mean([result.fit_seconds for result in results]):.0f}")
            cells.append("" if count is None else f"{count:,}")
            rows.append(cells)
    return header, rows


def _together(reports: dict[str, list[EvaluationReport]]) -> tuple[list[str], list[list[str]]]:
    first = {protocol: by_size[0] for protocol, by_size in reports.items()}
    names = next(iter(first.values())).names
    rows = [
        [name, *(accuracies(report.results_for(name))[0] for report in first.values())]
        for name in names
    ]
    return ["", *first], rows


def _sizes(results: tuple[FoldResult, ...]) -> str:
    return " / ".join(
        f"{np.mean([getattr(result, side) for result in results]):,.0f}"
        for side in ("n_train", "n_test")
    )


def _verdict(report: EvaluationReport, protocol: str) -> str:
    first, *others = report.names
    if len(report.leakage) < 2:
        return "With one split there is no telling what is noise."
    outcomes = [report.compare(name, first) for name in others]
    sure = [
        f"{outcome.first} ({'better' if outcome.difference > 0 else 'worse'})"
        for outcome in outcomes
        if outcome.p_value < _NOISE
    ]
    said = f"beyond noise: {', '.join(sure)}" if sure else "beyond noise: none"
    return f"Different from “{first}” under {protocol} {said}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=[*TABLES, "all"])
    parser.add_argument("--seeds", type=int, default=4, help="splits per protocol")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--window", type=int, default=15, help="window of tables 2 to 7")
    parser.add_argument("--rows", default="", help="text in the names of rows to measure alone")
    parser.add_argument("--epochs", type=int, default=None, help="fewer, to try things out")
    arguments = parser.parse_args()
    epochs = {} if arguments.epochs is None else {"max_epochs": arguments.epochs}
    for number in TABLES if arguments.table == "all" else [arguments.table]:
        table = TABLES[number](arguments.window, epochs)
        measure(table, arguments.seeds, arguments.jobs, arguments.rows)
    write_pages()


if __name__ == "__main__":
    main()
