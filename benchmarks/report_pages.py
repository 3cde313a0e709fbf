"""How large pages of maps are, and how fast they answer.

``python -m benchmarks.report_pages`` writes the pages of Indian Pines and of made scenes of 1,000
and 2,000 pixels on a side, each in a process of its own, opens them in Chromium, and writes sizes
and times to ``benchmarks/results/report_pages/pages.csv``; the pages of results are rendered anew.
``--scene`` measures some of them. The cube of the largest scene, 1.6 GB, lies in
``benchmarks/.cache/`` meanwhile. It needs playwright.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.big_scene import machine
from benchmarks.growth import run_json
from benchmarks.records import CACHE, RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hsvlm import Scene
    from hsvlm.mapping import SceneMap

PATH = RESULTS / "report_pages" / "pages.csv"
COLUMNS = (
    "scene", "bands", "classes", "confidence", "write_s", "page_mb", "open_s",
    "click_ms", "slowest_click_ms", "toggle_ms", "environment", "commit",
)  # fmt: skip
INDIAN_PINES = "indian-pines"
SCENES = (INDIAN_PINES, "1000", "2000")
N_BANDS = 200
N_CLASSES = 8
NOISE = 0.02  # standard deviation of the reflectance of every band
MAX_MIXED = 0.7  # share of another class in the spectrum of a pixel, at most
N_TRAINING = 500  # spectra of each class
N_COMPONENTS = 5
N_CLICKS = 30
N_TOGGLES = 8
STRIP_ROWS = 50
_COUNTS_PER_REFLECTANCE = 10_000

_TEXT = """\
The page of a map: *indian-pines* is the real scene with the map of the default, trained for
{epochs} epochs; the others are fields of {classes} classes in {bands} bands of uint16, where up to
{mixed:.0%} of every spectrum are of another class, so that a logistic regression on {components}
principal components of single spectra is often undecided, which makes rasters hard to compress. The
reference is all labels. *Confidence* is the mean probability of the class of the map. Seconds pass
until the page is written, and from opening it until it can be used. Milliseconds pass between a
click, or the hiding of a class, and the next picture on the screen: the median of {clicks} pixels,
the slowest of them, and the median of {toggles} classes, in headless Chromium without a graphics
card."""
EPOCHS = 20


def make_scene(side: int, folder: Path) -> Scene:
    """Make fields with noisy spectra in a file, strip by strip."""
    from hsvlm import Scene
    from hsvlm.datasets import make_synthetic_scene

    size: dict[str, Any] = {"n_classes": N_CLASSES, "labeled_share": 1.0, "random_state": 0}
    spectra = make_synthetic_scene(n_bands=N_BANDS, noise=0.0, **size)
    fields = make_synthetic_scene(height=side, width=side, n_bands=2, noise=0.0, **size)
    assert spectra.labels is not None  # noqa: S101 - for mypy
    assert fields.labels is not None  # noqa: S101
    means = np.stack(
        [spectra.cube[spectra.labels == label].mean(axis=0) for label in range(1, N_CLASSES + 1)]
    )
    folder.mkdir(parents=True, exist_ok=True)
    cube = np.lib.format.open_memmap(
        folder / f"cube-{side}.npy", mode="w+", dtype=np.uint16, shape=(side, side, N_BANDS)
    )
    rng = np.random.default_rng(0)
    for start in range(0, side, STRIP_ROWS):
        own = fields.labels[start : start + STRIP_ROWS].astype(int) - 1
        share = rng.random((*own.shape, 1), dtype=np.float32) * MAX_MIXED
        others = means[rng.integers(N_CLASSES, size=own.shape)]
        clean = (1 - share) * means[own] + share * others
        noisy = clean + NOISE * rng.standard_normal(clean.shape, dtype=np.float32)
        cube[start : start + STRIP_ROWS] = np.clip(noisy, 0, 6) * _COUNTS_PER_REFLECTANCE
    cube.flush()
    return Scene(
        np.load(folder / f"cube-{side}.npy", mmap_mode="r"),
        fields.labels,
        spectra.class_names,
        spectra.wavelengths_nm,
        class_colors=spectra.class_colors,
        name=f"{side:,} x {side:,}",
    )


def make_map(name: str, folder: Path) -> tuple[SceneMap, Any]:
    """Map a scene, with probabilities in a file; return the map and its classifier."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from hsvlm.mapping import predict_scene

    if name == INDIAN_PINES:
        return map_indian_pines()
    scene = make_scene(int(name), folder)
    X, y = scene.samples()
    rng = np.random.default_rng(1)
    train = np.concatenate(
        [rng.choice(np.flatnonzero(y == label), N_TRAINING) for label in np.unique(y)]
    )
    clf = make_pipeline(StandardScaler(), PCA(N_COMPONENTS), LogisticRegression(max_iter=1000))
    clf.fit(np.asarray(X[train]), y[train])
    probabilities = folder / "probabilities.tif"
    return predict_scene(clf, scene, folder / "map.tif", probabilities=probabilities), clf


def map_indian_pines() -> tuple[SceneMap, Any]:
    """Map Indian Pines with the default, trained on a tenth of its labels."""
    from hsvlm import HSIPromptClassifier
    from hsvlm.datasets import load_indian_pines
    from hsvlm.evaluation import indian_pines_protocol
    from hsvlm.mapping import predict_scene

    scene, protocol = load_indian_pines(), indian_pines_protocol("random-10", 1)
    train, _ = next(iter(protocol.cv.split(protocol.X, protocol.y)))
    clf = HSIPromptClassifier(
        "indian-pines",
        class_names=scene.class_names,
        max_epochs=EPOCHS,
        device="cpu",
        random_state=0,
    )
    clf.fit(protocol.X[train], protocol.y[train])
    return predict_scene(clf, scene, probabilities=True), clf


def write_page(name: str, page: Path) -> dict[str, float]:
    """Write the page of a scene in this process."""
    with tempfile.TemporaryDirectory(dir=page.parent) as folder:
        scene_map, clf = make_map(name, Path(folder))
        start = time.perf_counter()
        scene_map.save_report(page, classifier=clf, reference=scene_map.scene)
        seconds = time.perf_counter() - start
        counts = np.array(list(scene_map.counts.values()))
        means = np.array(list((scene_map.mean_confidence or {}).values()))
        confidence = float((counts * np.nan_to_num(means)).sum() / counts.sum())
        return {
            "bands": scene_map.scene.n_bands,
            "classes": len(scene_map.classes),
            "confidence": confidence,
            "write_s": seconds,
            "page_mb": page.stat().st_size / 1e6,
        }


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()


_TIMED = """async ([kind, first, second]) => {
    const view = document.querySelector(".map-view").hsvlmMap;
    const start = performance.now();
    if (kind === "click") view.choose(first, second, false);
    else view.show([first], second);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)));
    return performance.now() - start;
}"""


def measure_page(page: Path) -> dict[str, float]:
    """Open a page, choose pixels and hide classes."""
    with open_browser() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        start = time.perf_counter()
        tab.goto(page.as_uri(), timeout=300_000)
        tab.wait_for_selector(".map-view[data-ready]", timeout=300_000)
        seconds = time.perf_counter() - start
        height, width, n_classes = tab.evaluate(
            """() => {
                const view = document.querySelector(".map-view").hsvlmMap;
                const { height, width, classes } = view.settings;
                return [height, width, classes.length];
            }"""
        )
        rng = np.random.default_rng(0)
        pixels = rng.integers((height, width), size=(N_CLICKS, 2)).tolist()
        clicks = [tab.evaluate(_TIMED, ["click", row, col]) for row, col in pixels]
        toggles = [
            tab.evaluate(_TIMED, ["toggle", 1 + place % n_classes, place % 2])
            for place in range(N_TOGGLES)
        ]
        return {
            "open_s": seconds,
            "click_ms": float(np.median(clicks)),
            "slowest_click_ms": max(clicks),
            "toggle_ms": float(np.median(toggles)),
        }


def measure(names: list[str]) -> None:
    """Measure and record one scene after the other."""
    from benchmarks.records import commit, update_rows

    CACHE.mkdir(exist_ok=True)
    for name in names:
        page = CACHE / f"report-{name}.html"
        figures = run_json("benchmarks.report_pages", "measured", name, str(page))
        figures |= measure_page(page)
        print(name, figures, flush=True)
        row = {"scene": name, **figures, "environment": machine(), "commit": commit()}
        update_rows(PATH, COLUMNS, ("scene",), [row])


def render() -> str:
    """Write the section of the page of results."""
    from benchmarks.page import commands
    from benchmarks.records import read_rows
    from hsvlm.evaluation import markdown_table

    lines = read_rows(PATH)
    header = [
        "scene", "bands", "classes", "confidence", "write s", "page MB", "open s",
        "click ms", "slowest click ms", "toggle ms",
    ]  # fmt: skip
    rows = [
        [
            line["scene"],
            line["bands"],
            line["classes"],
            f"{float(line['confidence']):.2f}",
            *(f"{float(line[name]):.1f}" for name in ("write_s", "page_mb", "open_s")),
            *(f"{float(line[name]):.0f}" for name in ("click_ms", "slowest_click_ms", "toggle_ms")),
        ]
        for line in lines
    ]
    text = _TEXT.format(
        epochs=EPOCHS,
        classes=N_CLASSES,
        bands=N_BANDS,
        components=N_COMPONENTS,
        clicks=N_CLICKS,
        toggles=N_TOGGLES,
        mixed=MAX_MIXED,
    )
    parts = [
        "## Pages of maps",
        commands("python -m benchmarks.report_pages", "report_pages"),
        textwrap.fill(text, 100),
        markdown_table(header, rows),
        f"Measured on {' and '.join(sorted({line['environment'] for line in lines}))}.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    options = parser.parse_args()
    measure(options.scene)
    # Not above: the processes that are measured load this module, but no more than they need.
    from benchmarks.page import write_pages

    write_pages()


if __name__ == "__main__":
    if sys.argv[1:2] == ["measured"]:
        print(json.dumps(write_page(sys.argv[2], Path(sys.argv[3]))))
    else:
        main()
