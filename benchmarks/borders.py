"""How accurate a network can be that does not pad the border of the scene.

``python -m benchmarks.borders --data FOLDER`` counts the labeled pixels whose whole window lies in
Indian Pines and in Pavia University, whose label map ``PaviaU_gt.mat`` FOLDER holds, and writes
``benchmarks/results/borders/borders.csv``; the pages are rendered anew. Nothing is trained.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.io import loadmat

from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, read_rows, write_rows
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import markdown_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = RESULTS / "borders" / "borders.csv"
WINDOWS = (3, 5, 7, 9, 11, 13, 15, 25, 27)
COLUMNS = ("scene", "window", "n_labeled", "n_whole", "share")

_TEXT = """## Borders

{commands}

Code that does not pad neither trains on pixels near the border nor predicts them, but may keep them
among the test pixels, as wrong. If the pixels are divided at random first, the share of labeled
pixels whose window lies in the scene is the highest overall accuracy to expect, in percent.

{table}
"""


def count_whole(labels: NDArray[Any], window: int) -> tuple[int, int]:
    """Count the labeled pixels, and those whose window lies in the scene."""
    half = window // 2
    height, width = labels.shape
    inside = labels[half : height - half, half : width - half]
    return int((labels > 0).sum()), int((inside > 0).sum())


def make_lines(scenes: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Count for every scene and window."""
    lines = []
    for scene, labels in scenes.items():
        for window in WINDOWS:
            n_labeled, n_whole = count_whole(labels, window)
            lines.append(
                {
                    "scene": scene,
                    "window": window,
                    "n_labeled": n_labeled,
                    "n_whole": n_whole,
                    "share": n_whole / n_labeled,
                }
            )
    return lines


def render() -> str:
    """Render the page."""
    shares = {
        (line["scene"], line["window"]): f"{100 * float(line['share']):.2f}"
        for line in read_rows(FILE)
    }
    body = [
        [scene, *(shares[scene, str(window)] for window in WINDOWS)]
        for scene in dict.fromkeys(scene for scene, _ in shares)
    ]
    return _TEXT.format(
        commands=commands("python -m benchmarks.borders --data FOLDER", "borders"),
        table=markdown_table(["window", *map(str, WINDOWS)], body),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of PaviaU_gt.mat")
    folder = parser.parse_args().data
    scenes = {
        "indian-pines": np.asarray(load_indian_pines().labels),
        "pavia-university": loadmat(folder / "PaviaU_gt.mat")["paviaU_gt"],
    }
    write_rows(FILE, COLUMNS, make_lines(scenes))
    write_pages()


if __name__ == "__main__":
    main()
