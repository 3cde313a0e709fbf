"""How time and memory of fitting and predicting grow with pixels, bands, classes and windows.

``python -m benchmarks.growth`` varies one size at a time around the same middle and measures every
setting in two processes of their own, one that fits and one that predicts. The figures go to
``benchmarks/results/growth/``, the picture to ``docs/images/growth.png``, and the pages are
rendered anew. On two idle cores it takes about five minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.big_scene import machine, peak_megabytes

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "benchmarks" / "results" / "growth"
FIGURE = ROOT / "docs" / "images" / "growth.png"
MIDDLE = {"side": 128, "bands": 100, "classes": 8, "window": 9, "workers": 1}
GRID = {
    "side": [64, 128, 256, 512],
    "bands": [50, 100, 200, 400],
    "classes": [4, 8, 16, 32, 64],
    "window": [3, 9, 15, 21],
    "workers": [1, 2, 4, 8, 16],
}
# What is varied, as the axis of the figure, and the number that stands there.
AXES: dict[str, tuple[str, Any]] = {
    "side": ("pixels of the scene", lambda side: side**2),
    "bands": ("bands", int),
    "classes": ("classes", int),
    "window": ("pixels of a window", lambda side: side**2),
    "workers": ("workers", int),
}
SECONDS = {
    "epoch": "an epoch",
    "prepare": "a fit besides epochs",
    "predict": "predicting the scene",
}
MEGABYTES = {"fit_mb": "fitting", "predict_mb": "predicting"}
TRAINED = 16  # one of so many pixels is a training sample
JOBS = 4  # for the workers to share

_TEXT = """\
One size is varied at a time around a scene of {side} x {side} pixels, {bands} bands, {classes}
classes, windows of {window} pixels and one worker, with random spectra and 25 components. One of
{trained} pixels is a training sample. *Epoch* is the shortest of three epochs after the first;
*prepare* is what a fit does besides its epochs: the components, and the reduced pixels of all
windows; *predict* is the label map of the scene, the shorter of two times. Megabytes are the
greatest resident memory of a process above what it has after a small fit, with the scene loaded.
With workers, {jobs} such fits, or predictions, are divided among processes of joblib, one thread
each: seconds are those of one worker for its share, megabytes the sum over the workers, of which
each loads a scene of its own."""

_READING = """\
Exponents of power laws fitted to these figures; 1 is proportional, 0 is no growth. They describe
this range only: costs that do not grow pull an exponent down at its lower end, and single
processes vary. A memory of 1 MB stands for growth too small to be told."""


def scene_of(side: int, bands: int, classes: int) -> tuple[Any, Any, Any]:
    """Cube, labels, and pixels in an order whose beginnings hold all classes alike."""
    rng = np.random.default_rng(0)
    order = rng.permutation(side**2)
    labels = np.empty((side, side), dtype=np.intp)
    labels.flat[order] = 1 + np.arange(side**2) % classes
    spectra = rng.normal(size=(classes, bands)).astype(np.float32)
    cube = rng.standard_normal((side, side, bands), dtype=np.float32)
    for first in range(0, side, 64):
        cube[first : first + 64] += spectra[labels[first : first + 64] - 1]
    return cube, labels, np.column_stack(np.divmod(order, side))


def classifier(size: dict[str, int]) -> Any:
    from hsvlm import HSIPromptClassifier

    return HSIPromptClassifier(
        text_encoder=np.eye(size["classes"], 64, dtype=np.float32),
        vision_encoder="vit",
        normalize=None,
        n_components=25,
        window_size=size["window"],
        weight_decay=0.0,
        spatial=None,
        max_epochs=1,
        device="cpu",
        random_state=0,
    )


def measured(step: str, size: dict[str, int]) -> dict[str, float]:
    """Fit, or predict, in this process."""
    from hsvlm import PixelSamples

    cube, labels, every = scene_of(size["side"], size["bands"], size["classes"])
    some = every[:400]
    clf = classifier(size)
    clf.fit(PixelSamples(cube, some), labels[tuple(some.T)])
    clf.predict(PixelSamples(cube, some))
    before, start = peak_megabytes(), time.perf_counter()
    if step == "predict":
        clf.predict(cube)
        first = time.perf_counter() - start
        clf.predict(cube)
        found = {"predict": min(first, time.perf_counter() - start - first)}
    else:
        train = every[: len(every) // TRAINED]
        clf.set_params(max_epochs=4).fit(PixelSamples(cube, train), labels[tuple(train.T)])
        epochs = clf.history_[:, "dur"]
        whole = time.perf_counter() - start
        found = {"epoch": min(epochs[1:]), "prepare": whole - sum(epochs)}
    return {**found, f"{step}_mb": peak_megabytes() - before, "process": os.getpid()}


def divided(step: str, size: dict[str, int]) -> dict[str, float]:
    """Fits, or predictions, that workers share."""
    from joblib import Parallel, delayed

    calls = [delayed(measured)(step, size) for _ in range(JOBS)]
    found = Parallel(n_jobs=size["workers"], backend="loky", inner_max_num_threads=1)(calls)
    share = JOBS / size["workers"]
    figures = {
        name: share * float(np.mean([one[name] for one in found]))
        for name in ("epoch", "prepare", "predict")
        if name in found[0]
    }
    memory = {one["process"]: one[f"{step}_mb"] for one in reversed(found)}
    return {**figures, f"{step}_mb": sum(memory.values())}


def child(step: str, size: dict[str, int], varied: str) -> dict[str, float]:
    """Measure in a process of its own."""
    how = "divided" if varied == "workers" else "measured"
    return run_json("benchmarks.growth", how, step, json.dumps(size))


def run_json(module: str, *arguments: str) -> dict[str, float]:
    """Run a module on one thread, alone: what a parent ever held counts as its memory too."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603 - a module of this folder
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure() -> dict[str, list[dict[str, float]]]:
    """Figures of every setting, by what is varied."""
    known: dict[str, dict[str, float]] = {}
    found: dict[str, list[dict[str, float]]] = {}
    most = min(JOBS, os.cpu_count() or 1)
    for varied, values in GRID.items():
        found[varied] = []
        for value in values:
            if varied == "workers" and value > most:
                continue
            size = {**MIDDLE, varied: value}
            key = f"{varied == 'workers'} {size}"
            if key not in known:
                known[key] = child("fit", size, varied) | child("predict", size, varied)
                print(varied, value, known[key], flush=True)
            found[varied].append({"size": AXES[varied][1](value), **known[key]})
    return found


def exponent(points: list[dict[str, float]], name: str) -> float:
    """Of the power law that goes best with the figures, by least squares of the logarithms."""
    figures = [max(one[name], 1.0 if name.endswith("_mb") else 1e-4) for one in points]
    sizes = [one["size"] for one in points]
    return float(np.polyfit(np.log(sizes), np.log(figures), 1)[0]) if len(points) > 1 else np.nan


def draw(found: dict[str, list[dict[str, float]]]) -> None:
    """Small multiples on logarithmic axes, with a line that grows in proportion."""
    from matplotlib import pyplot as plt
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    colors = ["#0072b2", "#999999", "#d55e00"]
    figure, axes = plt.subplots(
        2, len(found), figsize=(13, 5.6), sharex="col", sharey="row", layout="constrained"
    )
    for column, (varied, points) in enumerate(found.items()):
        sizes = np.array([one["size"] for one in points])
        for row, names in enumerate((SECONDS, MEGABYTES)):
            ax = axes[row, column]
            for color, (name, label) in zip(colors[:: 1 + row], names.items(), strict=True):
                values = [max(one[name], 1.0 if row else 1e-4) for one in points]
                ax.loglog(sizes, values, "o-", color=color, ms=4, label=label)
            sign = -1.0 if varied == "workers" and not row else 1.0
            ax.loglog(sizes, values[0] * (sizes / sizes[0]) ** sign, "k:", lw=1)
            ax.grid(alpha=0.3)
            ax.set_xticks(sizes)
            ax.xaxis.set_major_formatter(ScalarFormatter())
            ax.xaxis.set_minor_formatter(NullFormatter())
            ax.minorticks_off()
        axes[1, column].set_xticks(sizes, [f"{one:,}" for one in sizes], rotation=30)
        axes[1, column].set_xlabel(AXES[varied][0])
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("megabytes")
    for row in (0, 1):
        axes[row, -1].legend(loc="upper right", fontsize=8, frameon=False)
    figure.savefig(FIGURE, dpi=110)
    plt.close(figure)


def record(found: dict[str, list[dict[str, float]]]) -> None:
    """Write the figures, and the exponents of the power laws fitted to them."""
    from benchmarks.records import commit, write_rows

    names = (*SECONDS, *MEGABYTES)
    origin = {"environment": machine(), "commit": commit()}
    rows = [{"varied": varied, **point, **origin} for varied in found for point in found[varied]]
    columns = ("varied", "size", *names, *origin)
    write_rows(FOLDER / "figures.csv", columns, rows)
    exponents = [
        {"varied": varied, **{name: exponent(points, name) for name in names}}
        for varied, points in found.items()
    ]
    write_rows(FOLDER / "exponents.csv", ("varied", *names), exponents)


def render() -> str:
    from benchmarks import readout_growth
    from benchmarks.page import commands
    from benchmarks.records import read_rows
    from hsvlm.evaluation import markdown_table

    names = [*SECONDS, *MEGABYTES]
    header = ["epoch s", "prepare s", "predict s", "fit MB", "predict MB"]
    lines = read_rows(FOLDER / "figures.csv")
    rows = [
        [
            AXES[line["varied"]][0],
            f"{int(line['size']):,}",
            *(cell(float(line[name]), name) for name in names),
        ]
        for line in lines
    ]
    growth = [
        [AXES[line["varied"]][0], *(f"{float(line[name]):.2f}" for name in names)]
        for line in read_rows(FOLDER / "exponents.csv")
    ]
    text = _TEXT.format(trained=TRAINED, jobs=JOBS, **MIDDLE)
    parts = [
        "## How cost grows",
        commands("python -m benchmarks.growth", "growth"),
        textwrap.fill(text, 100),
        "![Seconds and megabytes against each size](images/growth.png)",
        "The dotted lines are proportional to the size, or to one over the workers.",
        markdown_table(["varied", "size", *header], rows),
        textwrap.fill(_READING, 100),
        markdown_table(["exponent in", *header], growth),
        f"Measured on {' and '.join(sorted({line['environment'] for line in lines}))}.",
    ]
    if readout_growth.PATH.is_file():
        parts.append(readout_growth.render())
    return "\n\n".join(parts) + "\n"


def cell(value: float, name: str) -> str:
    return f"{max(value, 1):.0f}" if name.endswith("_mb") else f"{value:.3f}"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    found = measure()
    draw(found)
    record(found)
    # Not above: the processes that are measured load this module, but no more than they need.
    from benchmarks.page import write_pages

    write_pages()


if __name__ == "__main__":
    if sys.argv[1:2] == ["measured"]:
        print(json.dumps(measured(sys.argv[2], json.loads(sys.argv[3]))))
    elif sys.argv[1:2] == ["divided"]:
        # Found by name in the workers, which import this module.
        from benchmarks import growth

        print(json.dumps(growth.divided(sys.argv[2], json.loads(sys.argv[3]))))
    else:
        main()
