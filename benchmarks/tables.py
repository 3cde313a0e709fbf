"""The tables of the paper that Indian Pines allows, measured beside the paper's figures.

One command per table, for example ``python -m benchmarks.tables 2``; ``all`` for every table. The
result of every training is a small file in ``benchmarks/results/runs``, so that a run that was
stopped goes on where it was; delete the folder to measure everything again. Each command also
writes ``benchmarks/results/table_<n>.md`` and renews ``docs/benchmarks.md``.

Table 1 follows the paper's recipe with its window of 33 pixels; tables 2 to 7 use the same recipe
with a window of 15, a tenth of the work, so that all of them fit into a night on two cores.
``--window 33`` measures them as in the paper, where there is a GPU or a weekend.
"""

from __future__ import annotations

import argparse
from functools import partial

from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks.page import RESULTS, Row, Table, write_page, write_table
from benchmarks.variants import (
    PACKAGED,
    CharacterNGrams,
    in_words,
    one_hot_prototypes,
    paper,
    random_prototypes,
)
from hsvlm.evaluation import BASELINES, EvaluationReport, Protocol, evaluate, indian_pines_protocol
from hsvlm.model_selection import SpatialBlockShuffleSplit
from hsvlm.text import encode_texts

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
    ]
    return Table("2", "Components of the loss", rows)


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
    missing = []
    for name, figure in HUB_ENCODERS.items():
        try:
            encode_texts(["a field of corn"], name)
        except (OSError, ValueError, ImportError):
            missing.append(f"{name} (paper: {figure})")
        else:
            rows.append(Row(name, figure, recipe(text_encoder=name)))
    note = f"Not to be had where this was measured: {', '.join(missing)}." if missing else ""
    return Table("6", "Text encoders", rows, note=note)


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


def protocol_for(name: str, table: Table, train_size: float, seeds: int) -> Protocol:
    found = indian_pines_protocol(name, seeds)
    if table.number != "3":
        return found
    cv = (
        SpatialBlockShuffleSplit(seeds, train_size, block_size=16, buffer=7)
        if name == "blocks"
        else StratifiedShuffleSplit(seeds, train_size=train_size, random_state=0)
    )
    return Protocol(name, found.X, found.y, cv, found.class_names)


def measure(table: Table, seeds: int, jobs: int) -> dict[str, list[EvaluationReport]]:
    """One report per protocol and share of training pixels."""
    reports: dict[str, list[EvaluationReport]] = {}
    for name in table.protocols:
        reports[name] = []
        for size in dict.fromkeys(row.train_size for row in table.rows):
            protocol = protocol_for(name, table, size, seeds)
            print(f"table {table.number}, {name}, {size:.0%}", flush=True)
            report = evaluate(
                {row.name: row.estimator for row in table.rows if row.train_size == size},
                protocol.X,
                protocol.y,
                protocol.cv,
                window_size=15,
                random_state=0,
                store=RESULTS / "runs",
                n_jobs=jobs,
                verbose=1,
                baselines=tuple(BASELINES) if table.baselines else (),
            )
            reports[name].append(report)
    return reports


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=[*TABLES, "all"])
    parser.add_argument("--seeds", type=int, default=4, help="splits per protocol")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--window", type=int, default=15, help="window of tables 2 to 7")
    parser.add_argument("--epochs", type=int, default=None, help="fewer, to try things out")
    arguments = parser.parse_args()
    epochs = {} if arguments.epochs is None else {"max_epochs": arguments.epochs}
    for number in TABLES if arguments.table == "all" else [arguments.table]:
        table = TABLES[number](arguments.window, epochs)
        reports = measure(table, arguments.seeds, arguments.jobs)
        write_table(
            table, reports, f"python -m benchmarks.tables {number} --seeds {arguments.seeds}"
        )
    write_page()


if __name__ == "__main__":
    main()
