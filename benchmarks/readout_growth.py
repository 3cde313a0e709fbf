"""How much longer a fit takes with the read-out than without, in scenes of growing size.

``python -m benchmarks.readout_growth`` fits the default and the same with ``spatial=None`` to 600
labels scattered over scenes of 250 to 4,000 pixels on a side, each in a process of its own, and
writes times and memory to ``benchmarks/results/growth/readout.csv``; the pages are rendered anew.
``--side`` measures some sizes and keeps the others; side 145 is Indian Pines, with a tenth of its
labels. The largest scene takes 3.2 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from typing import Any

import numpy as np

from benchmarks.big_scene import machine, peak_megabytes
from benchmarks.growth import FOLDER, run_json

PATH = FOLDER / "readout.csv"
COLUMNS = (
    "side", "default_s", "windows_s", "default_mb", "windows_mb", "environment", "commit",
)  # fmt: skip
INDIAN_PINES = 145
SIDES = (INDIAN_PINES, 250, 500, 1000, 2000, 4000)
N_LABELS = 600
N_BANDS = 50
N_CLASSES = 8
N_FITS = 2
TILE_PX = 250

_TEXT = """\
The default, with the read-out and everything that is chosen for it, against the same with
`spatial=None`: {labels} labels scattered over a scene of {bands} bands of float32 and {classes}
classes, in fields about {field} pixels wide. The scene grows and the labels do not; small scenes
are corners of the large ones. *Indian Pines* is the real scene, with 10 % of its labels.
Seconds are processor time on one thread, the shorter of {fits} fits; megabytes are the greatest
resident memory of the process, with all libraries and the scene."""


def make_scene(side: int) -> tuple[Any, Any]:
    """Lay tiles of a synthetic scene; return cube and label map, 0 where there is no label."""
    from hsvlm.datasets import make_synthetic_scene

    tile = make_synthetic_scene(
        height=TILE_PX,
        width=TILE_PX,
        n_bands=N_BANDS,
        n_classes=N_CLASSES,
        noise=0.2,
        labeled_share=1.0,
        random_state=0,
    )
    tile_labels = np.asarray(tile.labels)
    cube = np.empty((side, side, N_BANDS), dtype=np.float32)
    classes = np.empty((side, side), dtype=np.uint8)
    for row in range(0, side, TILE_PX):
        for column in range(0, side, TILE_PX):
            area = np.s_[row : row + TILE_PX, column : column + TILE_PX]
            height, width = classes[area].shape
            cube[area] = tile.cube[:height, :width]
            classes[area] = tile_labels[:height, :width]
    labeled = np.random.default_rng(0).choice(side**2, min(N_LABELS, side**2), replace=False)
    labels = np.zeros_like(classes)
    labels.flat[labeled] = classes.flat[labeled]
    return cube, labels


def make_classifier(kind: str, labels: Any, **settings: Any) -> Any:
    """Make the default, or "windows", the same without read-out; texts are left out."""
    from hsvlm import HSIPromptClassifier

    texts = np.eye(len(np.unique(labels)) - 1, 384, dtype=np.float32)
    clf = HSIPromptClassifier(text_encoder=texts, device="cpu", random_state=0, **settings)
    return clf.set_params(spatial=None) if kind == "windows" else clf


def load_tenth() -> tuple[Any, Any]:
    """Return the cube of Indian Pines, and a tenth of the labels of every class."""
    from hsvlm.datasets import load_indian_pines
    from hsvlm.evaluation import indian_pines_protocol

    scene, protocol = load_indian_pines(), indian_pines_protocol("random-10", 1)
    train, _ = next(iter(protocol.cv.split(protocol.X, protocol.y)))
    labels = np.zeros_like(scene.labels)
    labels[tuple(protocol.X.coords[train].T)] = protocol.y[train]
    return scene.cube, labels


def measure_fit(kind: str, side: int) -> dict[str, float]:
    """Fit in this process."""
    cube, labels = load_tenth() if side == INDIAN_PINES else make_scene(side)
    small_cube, small_labels = make_scene(50)
    make_classifier(kind, small_labels, max_epochs=1).fit(small_cube, small_labels)
    clf = make_classifier(kind, labels)
    seconds = []
    for _ in range(N_FITS):
        # Of the processor, which other processes hardly change.
        start = time.process_time()
        clf.fit(cube, labels)
        seconds.append(time.process_time() - start)
    return {f"{kind}_s": min(seconds), f"{kind}_mb": peak_megabytes()}


def measure(sides: list[int]) -> None:
    """Measure and record one size after the other."""
    from benchmarks.records import commit, update_rows

    for side in sides:
        figures: dict[str, float] = {}
        for kind in ("windows", "default"):
            figures |= run_json("benchmarks.readout_growth", "measured", kind, str(side))
        print(side, figures, flush=True)
        row = {"side": side, **figures, "environment": machine(), "commit": commit()}
        update_rows(PATH, COLUMNS, ("side",), [row])


def render() -> str:
    """Write the part of the page about the read-out."""
    from benchmarks.page import commands
    from benchmarks.records import read_rows
    from hsvlm.evaluation import markdown_table

    lines = sorted(read_rows(PATH), key=lambda line: int(line["side"]))
    rows = []
    for line in lines:
        side = int(line["side"])
        default, windows = (float(line[name]) for name in ("default_s", "windows_s"))
        seconds = f"{default:.1f}", f"{windows:.1f}", f"{default / windows:.2f}"
        megabytes = (float(line[name]) for name in ("default_mb", "windows_mb"))
        n_bands, name = N_BANDS, f"{side:,} x {side:,}"
        if side == INDIAN_PINES:
            n_bands, name = 200, "Indian Pines"
        memory = (f"{figure:,.0f}" for figure in (4e-6 * n_bands * side**2, *megabytes))
        rows.append([name, *seconds, *memory])
    header = [
        "scene", "fit s", "without read-out s", "ratio", "scene MB", "fit MB",
        "without read-out MB",
    ]  # fmt: skip
    sides = " ".join(line["side"] for line in lines)
    text = _TEXT.format(
        labels=N_LABELS, bands=N_BANDS, classes=N_CLASSES, field=TILE_PX // 6, fits=N_FITS
    )
    parts = [
        "### The read-out in a growing scene",
        commands(f"python -m benchmarks.readout_growth --side {sides}", "growth"),
        textwrap.fill(text, 100),
        markdown_table(header, rows),
        f"Measured on {' and '.join(sorted({line['environment'] for line in lines}))}.",
    ]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", nargs="+", type=int, default=list(SIDES), help="in pixels")
    measure(parser.parse_args().side)
    # Not above: the processes that are measured load this module, but no more than they need.
    from benchmarks.page import write_pages

    write_pages()


if __name__ == "__main__":
    if sys.argv[1:2] == ["measured"]:
        print(json.dumps(measure_fit(sys.argv[2], int(sys.argv[3]))))
    else:
        main()
