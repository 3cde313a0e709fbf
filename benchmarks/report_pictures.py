"""Pictures of report pages for the guide.

``python -m benchmarks.report_pictures`` writes the pages of two maps, of a classifier, of an
evaluation and of a comparison, opens them in Chromium, and draws ``docs/images/report-*.png``;
``--page`` draws some of them. Trainings are short, so that the figures on the pages are not those
of the tables. It needs playwright.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.records import ROOT
from benchmarks.report_pages import map_indian_pines, open_browser

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = ROOT / "docs" / "images"
LIGHT: dict[str, Any] = {"viewport": {"width": 1200, "height": 1000}}
TALL: dict[str, Any] = {"viewport": {"width": 1200, "height": 1480}}
DARK: dict[str, Any] = {**LIGHT, "color_scheme": "dark"}
NARROW: dict[str, Any] = {"viewport": {"width": 400, "height": 1000}}
# At the edge of a field, where the map of Indian Pines is undecided.
UNDECIDED_PIXEL = 46, 95
_EPOCHS = 10


def write_map_page(page: Path) -> None:
    """Write the page of the map of Indian Pines."""
    scene_map, clf = map_indian_pines()
    scene_map.save_report(page, classifier=clf, reference=scene_map.scene)


def write_envi_page(page: Path) -> None:
    """Write the page of a map of a georeferenced ENVI file."""
    from hsvlm import HSIPromptClassifier
    from hsvlm.datasets import make_synthetic_scene
    from hsvlm.io import read_scene, write_scene
    from hsvlm.mapping import predict_scene

    made = make_synthetic_scene(random_state=0)
    path = page.with_name("scene.hdr")
    write_scene(path, replace(made, crs="EPSG:32616", transform=(20, 0, 5e5, 0, -20, 4_480_000)))
    scene = replace(read_scene(path), labels=made.labels, class_names=made.class_names)
    clf = HSIPromptClassifier(class_names=made.class_names, max_epochs=_EPOCHS, random_state=0)
    X, y = scene.samples()
    scene_map = predict_scene(clf.fit(X[::10], y[::10]), scene, probabilities=True)
    scene_map.save_report(page, classifier=clf, reference=scene)


def write_classifier_page(page: Path) -> None:
    """Write the page of the classifier of Indian Pines."""
    from hsvlm.persistence import save_report

    _, clf = map_indian_pines()
    save_report(clf, page)


def write_evaluation_page(page: Path) -> None:
    """Write the page of `hsvlm evaluate`."""
    run("evaluate", "--protocol", "random-10", "--protocol", "blocks", "--splits", "2", page=page)


def write_comparison_page(page: Path) -> None:
    """Write the page of `hsvlm compare`."""
    networks = "--encoders", "mlp,cnn1d,ssftt", "--protocols", "random-10,blocks", "--seeds", "2"
    run("compare", *networks, "--output", str(page.with_suffix("")), page=page)


def run(command: str, *options: str, page: Path) -> None:
    """Run a command of hsvlm on Indian Pines."""
    from hsvlm.cli import app

    given = ["--dataset", "indian-pines", "--epochs", str(_EPOCHS), "--quiet"]
    app([command, *given, *options, "--report", str(page)], standalone_mode=False)


PAGES: dict[str, Callable[[Path], None]] = {
    "map": write_map_page,
    "envi": write_envi_page,
    "classifier": write_classifier_page,
    "evaluation": write_evaluation_page,
    "comparison": write_comparison_page,
}
# Of each picture: its page, its window, and the layer and pixel of a map.
PICTURES: dict[str, tuple[str, dict[str, Any], tuple[str, tuple[int, int]] | None]] = {
    "light": ("map", TALL, ("classes", UNDECIDED_PIXEL)),
    "dark": ("map", DARK, ("entropy", UNDECIDED_PIXEL)),
    "narrow": ("map", NARROW, ("errors", UNDECIDED_PIXEL)),
    "envi": ("envi", TALL, ("classes", (20, 12))),
    "classifier": ("classifier", LIGHT, None),
    "evaluation": ("evaluation", LIGHT, None),
    "comparison": ("comparison", LIGHT, None),
}


def draw_pictures(page: Path, name: str, browser: Any) -> None:
    """Draw the pictures of a page."""
    for picture, (shown, options, view) in PICTURES.items():
        if shown != name:
            continue
        tab = browser.new_page(**options)
        tab.goto(page.as_uri())
        if view is not None:
            layer, (row, column) = view
            tab.wait_for_selector(".map-view[data-ready]")
            tab.check(f"input[value={layer}]")
            tab.get_by_label("Row", exact=True).fill(str(row))
            tab.get_by_label("Column", exact=True).fill(str(column))
        tab.wait_for_timeout(500)
        tab.screenshot(path=IMAGES / f"report-{picture}.png")
        tab.close()


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", nargs="+", choices=PAGES, default=list(PAGES))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_browser() as browser:
        for name in options.page:
            page = Path(folder) / f"{name}.html"
            PAGES[name](page)
            draw_pictures(page, name, browser)


if __name__ == "__main__":
    main()
