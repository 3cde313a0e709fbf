"""The page about the encoder ``spectral-memory``, rendered from CSV files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.page import commands
from benchmarks.records import RESULTS, environments, read_rows
from benchmarks.scenes_page import mean_and_error
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from benchmarks.records import Lines

__all__ = ["FOLDER", "PROTOCOLS", "SCENES", "first_epoch_at", "render"]

FOLDER = RESULTS / "spectral_memory"
SCENES = ("indian-pines", "houston-2018", "jasper-ridge")
PROTOCOLS = ("random-10", "blocks")
WHOLE = "all parts"
# Rows whose prototypes start as centers of clusters, and the same with a random start.
STARTS = {WHOLE: "random start", "query added": "query added, random start"}
# Of the last accuracy that the random start reaches.
LEVEL = 0.95
EARLY = 1 / 8

# The lines of every row, by scene and protocol; the points of a course, by row and draw.
Cells = dict[str, dict[str, "Lines"]]
Course = dict[tuple[str, str, str], "Lines"]

_TEXT = """## Spectral memory

{commands}

The encoder `spectral-memory` with all parts, and without one of them: a random start of the
prototypes instead of one from clusters, no label smoothing, no band dropout, no memory, none of
these (*attention only*). *query added* gives the classifier the query as well, as the encoder does
unless it is told otherwise; the other rows do not. *mlp* is a network of two layers on the same
spectra. All have a linear head, all bands, no read-out, and otherwise the
settings of the default.

- Scenes and protocols as under *Several scenes*; draws: {n_draws}, split k trained with seed k.
  Mean ± standard deviation in percent.
- *Other gain*: every band of the test pixels is multiplied by a number of its own, drawn from a
  normal law with mean 1 and deviation 0.05, as by a sensor that is calibrated anew.
- Environment: {environment}. Other work ran beside it: seconds are upper bounds.

Overall / average accuracy:

{accuracy}

Overall accuracy with another gain:

{gain}

What a part is worth: overall accuracy of all parts minus that without it, in points; mean ±
standard error over the same draws. In the second table, with another gain.

{worth}

{worth_gain}

Start of the prototypes: share of the training until {level:.0f} % of the accuracy that the random
start has in the end are reached for good, on 512 test pixels, and accuracy after an eighth of the
training (*early*), in percent. Trainings that never reach it count as 1, their number in brackets.

{starts}

Mean seconds of a fit on one core, parameters, and multiply-adds for one window:

{costs}
"""


def first_epoch_at(course: Lines, level: float) -> int | None:
    """Return the first epoch from which on the accuracy stays at a level or above; None if none."""
    result = None
    for point in reversed(course):
        if float(point["OA"]) < level:
            break
        result = int(point["epoch"])
    return result


def read_cells() -> Cells:
    """Read the results, in the order of scenes and protocols."""
    cells: Cells = {}
    for scene in SCENES:
        for protocol in PROTOCOLS:
            rows: dict[str, Lines] = defaultdict(list)
            for line in read_rows(FOLDER / f"{scene}-{protocol}.csv"):
                rows[line["row"]].append(line)
            if rows:
                cells[f"{scene}, {protocol}"] = dict(rows)
    return cells


def read_courses() -> Course:
    """Read the courses of all trainings, by cell, row and draw."""
    courses: Course = defaultdict(list)
    for point in read_rows(FOLDER / "course.csv"):
        cell = f"{point['scene']}, {point['protocol']}"
        courses[cell, point["row"], point["draw"]].append(point)
    return courses


def _percent(lines: Lines, name: str) -> list[float]:
    return [100 * float(line[name]) for line in lines]


def _accuracies(cells: Cells, *names: str) -> str:
    rows = list(dict.fromkeys(row for cell in cells.values() for row in cell))
    body = [
        [
            row,
            *(
                " / ".join(mean_and_deviation(_percent(cell[row], name)) for name in names)
                if row in cell
                else ""
                for cell in cells.values()
            ),
        ]
        for row in rows
    ]
    return markdown_table(["", *cells], body)


def _worth(cells: Cells, name: str) -> str:
    """Differences of the row with all parts from the others, over the same draws."""
    rows = list(dict.fromkeys(row for cell in cells.values() for row in cell if row != WHOLE))
    body = []
    for row in rows:
        texts = []
        for cell in cells.values():
            whole = {line["draw"]: float(line[name]) for line in cell.get(WHOLE, [])}
            differences = [
                100 * (whole[line["draw"]] - float(line[name]))
                for line in cell.get(row, [])
                if line["draw"] in whole
            ]
            texts.append(mean_and_error(differences))
        body.append([f"minus {row}", *texts])
    return markdown_table(["", *cells], body)


def _starts(cells: Cells, courses: Course) -> str:
    body = []
    for cell in cells:
        for row, random_row in STARTS.items():
            draws = [
                draw
                for of, name, draw in courses
                if (of, name) == (cell, row) and (cell, random_row, draw) in courses
            ]
            pairs = [(courses[cell, row, one], courses[cell, random_row, one]) for one in draws]
            if pairs:
                body.append([cell, row, *_start_texts(pairs)])
    header = ["", "row", "clusters", "random", "clusters, early", "random, early"]
    return markdown_table(header, body)


def _start_texts(pairs: list[tuple[Lines, Lines]]) -> list[str]:
    levels = [LEVEL * float(random[-1]["OA"]) for _, random in pairs]
    shares, early = [], []
    for side in range(2):
        courses = [pair[side] for pair in pairs]
        epochs = [first_epoch_at(*each) for each in zip(courses, levels, strict=True)]
        ends = [int(course[-1]["epoch"]) for course in courses]
        n_never = epochs.count(None)
        mean = np.mean([(epoch or end) / end for epoch, end in zip(epochs, ends, strict=True)])
        shares.append(f"{mean:.2f}" + (f" ({n_never} never)" if n_never else ""))
        points = [
            next(point for point in course if int(point["epoch"]) >= EARLY * end)
            for course, end in zip(courses, ends, strict=True)
        ]
        early.append(mean_and_deviation(_percent(points, "OA")))
    return [*shares, *early]


def _costs(cells: Cells) -> str:
    rows = list(dict.fromkeys(row for cell in cells.values() for row in cell))
    body = []
    for row in rows:
        lines = {name: cell[row] for name, cell in cells.items() if row in cell}
        first = next(iter(lines.values()))[0]
        seconds = [
            f"{np.mean([float(line['fit_s']) for line in lines[name]]):.0f}"
            if name in lines
            else ""
            for name in cells
        ]
        work = f"{int(first['n_multiply_adds']) / 1e6:,.2f} M"
        body.append([row, *seconds, f"{int(first['n_parameters']):,}", work])
    place = next(iter(cells), "")
    return markdown_table(["", *cells, f"parameters ({place})", f"multiply-adds ({place})"], body)


def render() -> str:
    """Render the page."""
    cells = read_cells()
    draws = {line["draw"] for cell in cells.values() for lines in cell.values() for line in lines}
    return _TEXT.format(
        commands=commands("python -m benchmarks.spectral_memory --data FOLDER", "spectral_memory"),
        n_draws=len(draws),
        environment=environments("spectral_memory"),
        accuracy=_accuracies(cells, "OA", "AA"),
        gain=_accuracies(cells, "OA_gain"),
        worth=_worth(cells, "OA"),
        worth_gain=_worth(cells, "OA_gain"),
        level=100 * LEVEL,
        starts=_starts(cells, read_courses()),
        costs=_costs(cells),
    )
