"""The page about pre-training without labels, rendered from CSV files."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from benchmarks.page import commands
from benchmarks.records import RESULTS, environments, read_rows
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from benchmarks.records import Lines

__all__ = ["FOLDER", "GROUPS", "OTHERS", "PATCHES", "PROTOCOLS", "ROWS", "SCENES", "render"]

FOLDER = RESULTS / "pretraining"
SCENES = ("indian-pines", "houston-2018")
PROTOCOLS = ("one-per-class", "three-per-class", "ten-per-class", "random-10", "blocks")
GROUPS, PATCHES = "group-vit", "vit"
# For comparison.
OTHERS = ("RBF-SVM on spectra", "RBF-SVM, 3x3 SNV, smoothed", "default network")
# What an encoder starts from, and what is trained of it.
STARTS = {
    GROUPS: (
        "scratch, full",
        "pre-trained, full",
        "pre-trained, krona+",
        "pre-trained, lora+",
        "pre-trained, frozen",
        "inductive, full",
        "permuted bands, full",
        "shuffled groups, full",
        "random, frozen",
    ),
    PATCHES: (
        "scratch, full",
        "pre-trained, full",
        "pre-trained, krona+",
        "pre-trained, lora+",
        "pre-trained, frozen",
        "inductive, full",
        "inductive, frozen",
        "permuted pixels, full",
        "permuted pixels, frozen",
        "shuffled channels, full",
        "random, frozen",
    ),
}
ROWS = (*OTHERS, *(f"{encoder}: {start}" for encoder in STARTS for start in STARTS[encoder]))
SCRATCH = "scratch, full"

_TEXT = """## Pre-training without labels

{commands}

- Encoders. *group-vit* hides groups of ten bands of the mean of 3 x 3 pixels. *vit* hides patches
  of 3 x 3 pixels of windows of 9 x 9, which have 30 principal components of equal variance, as
  `MaskedPretrainer` does by default. Both were pre-trained on 20 x 8,192 pixels of the scene,
  otherwise at the defaults. Test pixels are among them, without their labels; *inductive* leaves
  out every pixel whose window meets a test pixel.
- What follows the comma is trained: all weights (*full*), factors of queries and values (*krona+*,
  *lora+*), or the projection only (*frozen*). All rows make the same number of steps.
- Controls. *scratch* and *random*: random weights, with the preprocessing of the pre-training.
  *permuted bands*: pre-trained on the same spectra with their bands in another order. *permuted
  pixels*: pre-trained on the same spectra, each at another place of the scene. *shuffled groups*,
  *shuffled channels*: pre-trained weights, but every group of bands, or channel, has the map (and
  the position) of another one. Where pre-training helps by what it learned of spectra and their
  surroundings, *pre-trained* differs from *scratch*, and the controls do not.
- *default network*: the classifier at its defaults, without pre-training and without the read-out.
- Window by window, learning rate 0.001, otherwise the defaults. Scenes and protocols as under
  *Several scenes*; *one-per-class* and *three-per-class* draw so many pixels of every class.
- Mean ± standard deviation over the draws, of which there is the number in brackets; an empty cell
  was not measured.
- Environment: {environment}. Other work ran beside it: seconds are upper bounds.

Overall accuracy:

{overall}

Average accuracy:

{average}

Difference of overall accuracy to *scratch, full* of the same encoder on the same draws, in points:

{differences}

Seconds of pre-training: {seconds}.
"""


def render() -> str:
    """Render the page."""
    cells = {path.stem: read_rows(path) for path in FOLDER.glob("*.csv")}
    order = [f"{scene}-{protocol}" for scene in SCENES for protocol in PROTOCOLS]
    names = [name for name in order if name in cells]
    rows: dict[str, dict[str, Lines]] = defaultdict(lambda: defaultdict(list))
    for name in names:
        for line in cells[name]:
            rows[line["row"]][name].append(line)
    present = [row for row in ROWS if row in rows]
    seconds = {
        encoder: {
            float(line["pretraining_s"])
            for row in present
            if row.startswith(f"{encoder}: ")
            for name in names
            for line in rows[row][name]
        }
        - {0.0}
        for encoder in STARTS
    }

    def table(measure: str) -> str:
        body = [[row, *(_cell(rows[row][name], measure) for name in names)] for row in present]
        return markdown_table(["row", *names], body)

    return _TEXT.format(
        commands=commands("python -m benchmarks.pretraining --data FOLDER", "pretraining"),
        environment=environments("pretraining"),
        overall=table("OA"),
        average=table("AA"),
        differences=markdown_table(
            ["row", *names],
            [
                [
                    row,
                    *(_difference(rows[row][name], rows[scratch_of(row)][name]) for name in names),
                ]
                for row in present
                if row not in OTHERS and row != scratch_of(row)
            ],
        ),
        seconds=", ".join(
            f"{min(values):.0f} to {max(values):.0f} with *{encoder}*"
            for encoder, values in seconds.items()
            if values
        ),
    )


def scratch_of(row: str) -> str:
    """Return the row of the same encoder from random weights."""
    return f"{row.partition(': ')[0]}: {SCRATCH}"


def _cell(lines: Lines, measure: str) -> str:
    values = [100 * float(line[measure]) for line in lines]
    return f"{mean_and_deviation(values)} ({len(values)})" if values else ""


def _difference(lines: Lines, others: Lines) -> str:
    """Mean and deviation of paired differences."""
    known = {line["draw"]: float(line["OA"]) for line in others}
    values = [
        100 * (float(line["OA"]) - known[line["draw"]]) for line in lines if line["draw"] in known
    ]
    return mean_and_deviation(values) if values else ""
