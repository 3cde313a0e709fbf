"""Maps of the development scenes next to their photographs.

``python -m benchmarks.scene_maps --data FOLDER`` trains the default, with and without its read-out,
on a random tenth of every class of Indian Pines, Houston 2018 and Jasper Ridge, maps the scenes and
writes a picture of each to ``docs/images/``. ``--scene`` draws some of them. On one idle core it
takes about two minutes.
"""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from benchmarks.development_scenes import load_photograph, load_scene
from benchmarks.records import ROOT
from benchmarks.scenes import make_rows, make_splits
from benchmarks.scenes_page import DEFAULT, WINDOWS
from hsvlm import PixelSamples
from hsvlm.evaluation._folds import with_random_state
from hsvlm.plotting import ClassificationMapDisplay

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from hsvlm import Scene

SCENES = ("indian-pines", "houston-2018", "jasper-ridge")
IMAGES = ROOT / "docs" / "images"
TITLES = {WINDOWS: "window by window", DEFAULT: "default"}
# Of `hsvlm.plotting.class_palette`, near the colors of the photograph where there are such.
COLORS = {
    "houston-2018": {
        "healthy grass": "#009E73",
        "stressed grass": "#AADD88",
        "artificial turf": "#113300",
        "deciduous trees": "#447777",
        "non-residential buildings": "#BB4444",
        "roads": "#332222",
        "sidewalks": "#E69F00",
        "crosswalks": "#8877FF",
        "major thoroughfares": "#0072B2",
        "paved parking lots": "#CCAAAA",
        "cars": "#F0E442",
        "stadium seats": "#CCDDFF",
    },
    "jasper-ridge": {
        "tree": "#009E73",
        "water": "#0072B2",
        "dirt": "#E69F00",
        "road": "#332222",
    },
}
DPI = 100
# Pixels of the picture.
MAX_PANEL_PX = 512
GAP_PX = 12
TITLE_PX = 34
LEGEND_LINE_PX = 20
N_LEGEND_COLUMNS = 4


def predict_maps(
    estimators: Mapping[str, Any], scene: Scene, seed: int
) -> dict[str, NDArray[np.intp]]:
    """Train on a tenth of every class and map the scene; titles hold the accuracy on the rest."""
    X, y = scene.samples()
    train, test = make_splits("random-10", scene, X, y, 1)[0]
    all_pixels = PixelSamples(scene.cube, np.argwhere(np.ones(scene.shape, dtype=bool)))
    maps = {}
    for title, estimator in estimators.items():
        clf = with_random_state(estimator, seed, 0).fit(X[train], y[train])
        label_map = clf.predict(all_pixels).reshape(scene.shape)
        accuracy = np.mean(label_map[tuple(X.coords[test].T)] == y[test])
        maps[f"{title}, OA {accuracy:.1%}"] = label_map
    return maps


def draw_maps(
    photograph: NDArray[Any],
    reference: NDArray[np.intp],
    maps: Mapping[str, NDArray[np.intp]],
    class_names: Mapping[int, str],
    colors: Mapping[int, str] | None = None,
) -> Figure:
    """Draw a photograph, the reference and two maps, `{title: map}`, above one legend."""
    figure, axes = make_panels(reference.shape, len(class_names))
    axes[0].imshow(photograph, aspect="auto")
    axes[0].set_title("true color")
    label_maps = {"reference labels": reference, **maps}
    for ax, (title, label_map) in zip(axes[1:], label_maps.items(), strict=True):
        display = ClassificationMapDisplay.from_labels(
            label_map, class_names, colors=colors, title=title, ax=ax
        )
        display.legend_.remove()
    for ax in axes:
        ax.set(xlabel="", ylabel="", xticks=[], yticks=[])
        ax.title.set_fontsize(10)
    patches = [
        Patch(facecolor=display.colors[label], edgecolor="0.4", linewidth=0.5, label=name)
        for label, name in display.names.items()
    ]
    figure.legend(
        handles=patches, loc="lower center", ncols=N_LEGEND_COLUMNS, frameon=False, fontsize=9,
        handlelength=1.2, handleheight=1.2, labelspacing=0.3,
    )  # fmt: skip
    return figure


def make_panels(shape: tuple[int, ...], n_classes: int) -> tuple[Figure, list[Axes]]:
    """Make four panels in which every pixel of a scene is a square of whole pixels."""
    zoom = max(MAX_PANEL_PX // max(shape), 1)
    height, width = (zoom * side for side in shape)
    legend = LEGEND_LINE_PX * math.ceil(n_classes / N_LEGEND_COLUMNS) + 2 * GAP_PX
    total_width = 2 * width + 3 * GAP_PX
    total_height = 2 * (TITLE_PX + height) + legend
    figure = Figure((total_width / DPI, total_height / DPI), dpi=DPI)
    corners = [
        (GAP_PX + column * (width + GAP_PX), total_height - (row + 1) * (TITLE_PX + height))
        for row in (0, 1)
        for column in (0, 1)
    ]
    size = width / total_width, height / total_height
    axes = [
        figure.add_axes((left / total_width, bottom / total_height, *size))
        for left, bottom in corners
    ]
    return figure, axes


def save_picture(figure: Figure, path: Path) -> None:
    """Write a PNG file of 256 colors, a third of the size of one of all colors."""
    file = io.BytesIO()
    figure.savefig(file)
    picture = Image.open(file).convert("RGB")
    picture.quantize(256, Image.Quantize.MEDIANCUT).save(path, optimize=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--seed", type=int, default=0, help="of the trainings; the split stays")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    for name in arguments.scene:
        scene = load_scene(name, arguments.data)
        photograph = load_photograph(name, scene, arguments.data)
        rows = make_rows(name)
        estimators = {title: rows[row] for row, title in TITLES.items()}
        maps = predict_maps(estimators, scene, arguments.seed)
        names, by_name = scene.class_names, COLORS.get(name, {})
        colors = {label: by_name[names[label]] for label in names if names[label] in by_name}
        figure = draw_maps(photograph, np.asarray(scene.labels), maps, names, colors)
        path = IMAGES / f"scene-{name}.png"
        save_picture(figure, path)
        print(f"{path}: {'; '.join(maps)}", flush=True)


if __name__ == "__main__":
    main()
