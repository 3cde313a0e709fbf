"""The page about accuracy on several scenes, rendered from CSV files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from benchmarks.page import commands
from benchmarks.records import CACHE, RESULTS, read_rows
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.records import Lines

__all__ = ["BASELINE_ROWS", "DEFAULT", "WINDOWS", "render", "results_folder"]

DEFAULT = "default"
WINDOWS = "default, window by window"
BASELINE_ROWS = (
    "RBF-SVM on spectra, C and gamma chosen",
    "RBF-SVM on SNV spectra, C and gamma chosen",
    "RBF-SVM, 3x3 SNV, smoothed",
    "1-NN on (row, col), no spectra",
)
MARGIN = 0.5  # in points of overall accuracy

# The lines of every row, by scene and protocol.
Cells = dict[tuple[str, str], dict[str, "Lines"]]

_TEXT = """## Several scenes

{commands}

- Scenes. *indian-pines*: see above. *houston-2013*: the 2,832 training spectra of the contest of
  2013, 15 classes, in a scene of 349 x 1905 pixels whose other pixels have no data. *houston-2018*:
  a crop of 128 x 128 pixels of the contest of 2018, 48 bands; labeled are pixels whose 16 reference
  pixels have one label; classes of fewer than 6 pixels (deciduous trees, crosswalks) are left out.
  *jasper-ridge*: 100 x 100 pixels, 198 bands, 4 classes; labeled where the abundance of a material
  exceeds 0.8. The abundances were computed from these spectra, which favors methods that read
  spectra of single pixels.
- Protocols. *random-10*: 10 % of every class for training. *five-per-class*, *ten-per-class*: so
  many pixels of every class. *blocks*: 10 % in blocks of 8 x 8 pixels, test pixels more than 7
  pixels away. *fields*: whole fields are left out, a fifth at a time; trained is on 40 pixels per
  class of the other fields, more than 7 pixels from every test pixel. Classes that are not trained
  on are not tested.
- The default uses the spectra of all pixels and no label of a test pixel. Classes have the packaged
  prompts of Indian Pines and Houston 2013; elsewhere one template for all names.
- C and gamma of the two SVMs have the highest accuracy in stratified folds of the training side.
- Figures are mean ± standard deviation over the draws, in percent. Differences are mean ± standard
  error over the same draws, in points; draws share pixels, so the true error is larger.
- Kappa, seeds, settings, commit and environment are in the files.

Overall accuracy / average accuracy:

{accuracy}

Overall accuracy of the default against two others, and difference of average accuracy:

{differences}

Mean rank by overall and by average accuracy over {n_ranked} pairs of scene and protocol, 1 is best:

{ranks}

Cells where another row is more than {margin} points better than the default:

{behind}

Expected calibration error, 15 bins / Brier score (sum over classes, times 100):

{calibration}

Mean seconds of a fit / of a prediction of the test pixels, one process, often with another beside
it:

{seconds}
"""


def results_folder(name: str) -> Path:
    """Locate the CSV files; those of trials are not part of the repository."""
    return RESULTS / "scenes" if name == "scenes" else CACHE / "scenes" / name / "results"


def read_cells(folder: Path) -> Cells:
    """Read all results, in the order of scenes and protocols."""
    from benchmarks.development_scenes import SCENES
    from benchmarks.scenes import PROTOCOLS

    cells: Cells = {}
    for scene in SCENES:
        for protocol in PROTOCOLS:
            rows: dict[str, Lines] = defaultdict(list)
            for line in read_rows(folder / f"{scene}-{protocol}.csv"):
                rows[line["row"]].append(line)
            if rows:
                cells[scene, protocol] = dict(rows)
    return cells


def command(cells: Cells) -> str:
    """Give the command that measures what is in the files."""
    scenes, protocols = (list(dict.fromkeys(names)) for names in zip(*cells, strict=True))
    rows = dict.fromkeys(row for cell in cells.values() for row in cell)
    draws = max(len(lines) for cell in cells.values() for lines in cell.values())
    quoted = " ".join(f'"{row}"' for row in rows)
    return (
        f"python -m benchmarks.scenes --data FOLDER --scene {' '.join(scenes)} --protocol "
        f"{' '.join(protocols)} --draws {draws} --row {quoted}"
    )


def percent(lines: Lines, column: str) -> list[float]:
    """Read a column in percent, where it has values."""
    return [100 * float(line[column]) for line in lines if line[column]]


def paired_differences(rows: dict[str, Lines], name: str, column: str = "OA") -> list[float]:
    """Subtract a row from the default, draw by draw."""
    first, second = (
        {line["draw"]: float(line[column]) for line in rows.get(row, [])} for row in (DEFAULT, name)
    )
    return [100 * (first[draw] - second[draw]) for draw in first if draw in second]


def mean_and_error(differences: list[float]) -> str:
    """Write a mean and its standard error; one draw has none."""
    if not differences:
        return ""
    mean = f"{np.mean(differences):+.2f}"
    if len(differences) == 1:
        return f"{mean} (one draw)"
    return f"{mean} ± {np.std(differences, ddof=1) / np.sqrt(len(differences)):.2f}"


def best_row(rows: dict[str, Lines], names: Iterable[str]) -> str | None:
    """Find the row of the highest mean overall accuracy among those that were measured."""
    measured = [name for name in names if name in rows]
    return max(measured, key=lambda name: np.mean(percent(rows[name], "OA")), default=None)


def scene_tables(cells: Cells, cell_text: Callable[[Lines], str]) -> str:
    """Write a table per scene, with a row per estimator and a column per protocol."""
    tables = []
    for scene in dict.fromkeys(scene for scene, _ in cells):
        columns = {protocol: rows for (of, protocol), rows in cells.items() if of == scene}
        names = dict.fromkeys(name for rows in columns.values() for name in rows)
        texts = [
            [name, *(cell_text(rows[name]) if name in rows else "" for rows in columns.values())]
            for name in names
        ]
        tables.append(markdown_table([scene, *columns], [row for row in texts if any(row[1:])]))
    return "\n\n".join(tables)


def _two_figures(first: str, second: str) -> Callable[[Lines], str]:
    def cell_text(lines: Lines) -> str:
        values = percent(lines, first), percent(lines, second)
        return " / ".join(map(mean_and_deviation, values)) if all(values) else ""

    return cell_text


def _seconds(lines: Lines) -> str:
    means = (np.mean([float(line[step]) for line in lines]) for step in ("fit_s", "predict_s"))
    return " / ".join(f"{mean:.1f}" for mean in means)


def difference_table(cells: Cells) -> str:
    """Compare the default with its windows and with the best baseline of every cell."""
    texts = []
    for (scene, protocol), rows in cells.items():
        if DEFAULT not in rows:
            continue
        baseline = best_row(rows, BASELINE_ROWS) or ""
        texts.append(
            [
                f"{scene}, {protocol}",
                str(len(rows[DEFAULT])),
                mean_and_deviation(percent(rows[DEFAULT], "OA")),
                *(
                    mean_and_error(paired_differences(rows, name, column))
                    for name in (WINDOWS, baseline)
                    for column in ("OA", "AA")
                ),
                baseline,
            ]
        )
    header = ["", "draws", "OA", "- windows, OA", "AA", "- best baseline, OA", "AA", "baseline"]
    return markdown_table(header, texts)


def rank_table(cells: Cells) -> tuple[str, int]:
    """Rank the rows that were measured in every cell; return the table and the number of cells."""
    tables = list(cells.values())
    names = [name for name in tables[0] if all(name in rows for rows in tables)]
    ranks = {}
    for column in ("OA", "AA"):
        means = [[np.mean(percent(rows[name], column)) for name in names] for rows in tables]
        ranks[column] = rankdata(-np.array(means).round(6), axis=1).mean(axis=0)
    texts = [
        [name, *(f"{ranks[column][place]:.2f}" for column in ("OA", "AA"))]
        for place, name in enumerate(names)
    ]
    texts.sort(key=lambda text: float(text[1]))
    return markdown_table(["", "OA", "AA"], texts), len(tables)


def behind_text(cells: Cells) -> str:
    """List the cells whose best other row beats the default by more than the margin."""
    items = []
    for (scene, protocol), rows in cells.items():
        other = best_row(rows, [name for name in rows if name != DEFAULT])
        if other is None or DEFAULT not in rows:
            continue
        differences = paired_differences(rows, other)
        if differences and np.mean(differences) < -MARGIN:
            items.append(f"- {scene}, {protocol}: {mean_and_error(differences)} against “{other}”")
    return "\n".join(items) or "None."


def render(name: str = "scenes") -> str:
    """Write the page of the results with this name."""
    cells = read_cells(results_folder(name))
    ranks, n_ranked = rank_table(cells)
    return _TEXT.format(
        commands=commands(command(cells), "scenes"),
        accuracy=scene_tables(cells, _two_figures("OA", "AA")),
        differences=difference_table(cells),
        n_ranked=n_ranked,
        ranks=ranks,
        margin=MARGIN,
        behind=behind_text(cells),
        calibration=scene_tables(cells, _two_figures("calibration_error", "brier_score")),
        seconds=scene_tables(cells, _seconds),
    )
