"""The page about a second source beside the spectra, rendered from CSV files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.page import commands
from benchmarks.records import RESULTS, environments, read_rows
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from benchmarks.records import Lines

__all__ = ["DEFAULT", "FOLDER", "STACKED", "STACKED_SVM", "render"]

FOLDER = RESULTS / "sources"
DEFAULT = "default, spectra only"
STACKED = "default, both sources stacked"
STACKED_SVM = "RBF-SVM on both, C and gamma chosen"

_TEXT = """## A second source

{commands}

- Scenes as under *Several scenes*. The second source of *houston-2013* are 21 features of the
  surface model of its LiDAR, that of *houston-2018* is a photograph with 4 x 4 pixels on each pixel
  of the cube, all of which become channels: 48.
- Protocols as there; *forty-per-class*: 40 pixels of every class, at random, as most publications
  about several sources have it. Its test pixels touch training pixels.
- *fusion-vit* joins the sources by cross-attention and reads them at several scales; the rows below
  it leave out a part each; with *spectra only*, the network does not see the second source, and the
  read-out does. *shuffled*: the second source of other pixels, a control that can only be as good
  as spectra alone. Features of LiDAR were computed from the whole surface model before: how far
  they look is not known, and test fields lie more than 7 pixels away.
- C and gamma of the SVMs have the highest accuracy in stratified folds of the training side.
- Mean ± standard deviation over the draws, of which there is the number in brackets; *ahead of the
  stacked SVM*: mean ± standard error of the paired differences of overall accuracy, in points.
- Environment: {environment}. Other work ran beside it: seconds are upper bounds.

{tables}
"""


def render() -> str:
    """Render the page."""
    cells = {path.stem: read_rows(path) for path in sorted(FOLDER.glob("*.csv"))}
    return (
        _TEXT.format(
            commands=commands("python -m benchmarks.sources --data FOLDER", "sources"),
            environment=environments("sources"),
            tables="\n\n".join(f"{cell}:\n\n{_table(lines)}" for cell, lines in cells.items()),
        ).rstrip()
        + "\n"
    )


def _table(lines: Lines) -> str:
    rows: dict[str, Lines] = defaultdict(list)
    for line in lines:
        rows[line["row"]].append(line)
    accuracies = {
        name: {line["draw"]: 100 * float(line["OA"]) for line in row} for name, row in rows.items()
    }
    body = [
        [
            name,
            f"{_summary(row, 'OA')} ({len(row)})",
            _summary(row, "AA"),
            _lead(accuracies[name], accuracies.get(STACKED_SVM, {})),
            f"{np.mean([float(line['fit_s']) for line in row]):.0f}",
        ]
        for name, row in rows.items()
    ]
    return markdown_table(["row", "OA", "AA", "ahead of the stacked SVM", "fit, s"], body)


def _summary(lines: Lines, measure: str) -> str:
    return mean_and_deviation([100 * float(line[measure]) for line in lines])


def _lead(own: dict[str, float], other: dict[str, float]) -> str:
    differences = [own[draw] - other[draw] for draw in own if draw in other]
    if len(differences) < 2 or own == other:
        return ""
    error = np.std(differences, ddof=1) / np.sqrt(len(differences))
    return f"{np.mean(differences):+.2f} ± {error:.2f}"
