"""The page about adapters of pre-trained encoders, rendered from CSV files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.page import commands
from benchmarks.records import RESULTS, environments, read_rows
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from benchmarks.records import Lines

__all__ = ["FOLDER", "SCRATCH", "SVM_ROWS", "render"]

FOLDER = RESULTS / "adapters"
SCRATCH = "scratch"
SVM_ROWS = ("RBF-SVM on spectra", "RBF-SVM, 3x3 SNV, smoothed")

_TEXT = """## Adapters of pre-trained encoders

{commands}

- Bases. *galileo-nano* and *presto*: transformers that were pre-trained on images and time series
  of satellites; their bodies stand behind an embedding of our own, which is trained with every
  method. *own*: *vit*, pre-trained on all pixels of the scene without their labels, as under
  *Pre-training without labels*; test pixels are among them, and its embedding is pre-trained too.
- Methods. *full*: all weights are trained. *frozen*: only what is new. *scratch*: the same network
  from random weights, with the same number of steps. The others train factors of queries and
  values; rank 4, scale 1, and a ratio of learning rates of 16 with a plus. Learning rates: 0.003
  for LoRA, KronA and LoKr, 0.001 for all others, chosen before these measurements.
- All networks window by window, otherwise at the setting of the default. Scenes and protocols as
  under *Several scenes*; *map-695* is the published split of Indian Pines.
- *trained*: share of the values of the network that are trained; projection and new layers count.
  *factors*: bytes of the file of factors. *stored*: bytes of all that is saved beside the base,
  prompts and training statistics included; with *full* and *scratch*, of the whole classifier.
- Mean ± standard deviation over the draws, of which there is the number in brackets; an empty cell
  was not measured.
- Environment: {environment}. Other work ran beside it: seconds are upper bounds.

Overall accuracy:

{overall}

Average accuracy:

{average}

What is trained and stored, and seconds of a fit, on the first cell that was measured:

{costs}
"""


def render() -> str:
    """Render the page."""
    cells = {path.stem: read_rows(path) for path in sorted(FOLDER.glob("*.csv"))}
    rows: dict[tuple[str, str], dict[str, Lines]] = defaultdict(lambda: defaultdict(list))
    for cell, lines in cells.items():
        for line in lines:
            rows[line["base"], line["method"]][cell].append(line)
    order = sorted(rows, key=lambda row: (row[0], row[1] != SCRATCH, row[1]))
    return _TEXT.format(
        commands=commands(
            "python -m benchmarks.adapters --data FOLDER --weights FOLDER", "adapters"
        ),
        environment=environments("adapters"),
        overall=_accuracies(order, rows, list(cells), "OA"),
        average=_accuracies(order, rows, list(cells), "AA"),
        costs=markdown_table(
            ["base", "method", "values", "trained", "factors, B", "stored, B", "fit, s"],
            [_costs(*row, rows[row]) for row in order if row[0]],
        ),
    )


def _accuracies(
    order: list[tuple[str, str]],
    rows: dict[tuple[str, str], dict[str, Lines]],
    cells: list[str],
    measure: str,
) -> str:
    def cell_text(lines: Lines) -> str:
        values = [100 * float(line[measure]) for line in lines]
        return f"{mean_and_deviation(values)} ({len(values)})" if values else ""

    body = [[*row, *(cell_text(rows[row][cell]) for cell in cells)] for row in order]
    return markdown_table(["base", "method", *cells], body)


def _costs(base: str, method: str, cells: dict[str, Lines]) -> list[str]:
    lines = next(lines for _, lines in sorted(cells.items()) if lines)
    first = lines[0]
    share = int(first["n_trained"]) / int(first["n_weights"])
    factors, stored = first["factor_bytes"], int(first["stored_bytes"])
    return [
        base,
        method,
        f"{int(first['n_weights']):,}",
        f"{100 * share:.2f} %",
        f"{int(factors):,}" if factors else "",
        f"{stored:,}",
        f"{np.mean([float(line['fit_s']) for line in lines]):.0f}",
    ]
