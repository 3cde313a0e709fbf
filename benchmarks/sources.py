"""What a second source is worth: LiDAR beside the spectra of Houston 2013, RGB of Houston 2018.

``python -m benchmarks.sources --data FOLDER`` measures all rows and writes a CSV file per scene and
protocol to ``benchmarks/results/sources/``. ``--cell``, ``--row`` and ``--draws`` measure a part.
Predictions stay in ``benchmarks/.cache/sources``, so that a run that was stopped continues.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import joblib
import numpy as np
from scipy.io import loadmat
from sklearn.ensemble import RandomForestClassifier

from benchmarks.accuracy import chosen
from benchmarks.chosen_svm import chosen_svm
from benchmarks.development_scenes import find_folder, load_photograph, load_scene, require_file
from benchmarks.page import write_pages
from benchmarks.records import CACHE, describe_settings
from benchmarks.scenes import fit_and_predict, make_splits, record, score
from benchmarks.sources_page import DEFAULT, FOLDER, STACKED, STACKED_SVM
from hsvlm import HSIPromptClassifier, Raster
from hsvlm.evaluation._folds import file_name, with_random_state
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io import align
from hsvlm.model_selection import PerClassShuffleSplit
from hsvlm.prompts import list_prompt_sets

if TYPE_CHECKING:
    from benchmarks.scenes import Split
    from hsvlm import Scene

# Draws by default.
CELLS = {
    ("houston-2013", "fields"): 5,
    ("houston-2013", "forty-per-class"): 4,
    ("houston-2018", "blocks"): 4,
    ("houston-2018", "ten-per-class"): 4,
}
_SHUFFLED = "shuffled"


class Row(NamedTuple):
    """The sources of a row of the table, and what learns from them."""

    sources: tuple[str, ...]
    estimator: Any


def load_sources(name: str, folder: Path | None) -> Scene:
    """Load a scene with its second source, and the same shuffled among the pixels with data."""
    scene = load_scene(name, folder)
    if name == "houston-2013":
        features = loadmat(require_file(find_folder(folder), "houston2013_train_lidar.mat"))[
            "LiDAR_TrSet"
        ]
        values = np.zeros((*scene.shape, features.shape[1]), dtype=np.float32)
        values[scene.valid] = features
        second = "lidar"
    else:
        # All photographed pixels of a pixel of the cube become its channels.
        photograph = load_photograph(name, scene, folder)
        values = np.asarray(align(photograph, like=scene, fold=True).values)
        second = "rgb"
    shuffled = values.copy()
    valid = np.ones(scene.shape, dtype=bool) if scene.valid is None else scene.valid
    shuffled[valid] = np.random.default_rng(0).permutation(values[valid])
    rasters = {second: Raster(values), _SHUFFLED: Raster(shuffled)}
    return replace(scene, auxiliary=rasters)


def make_rows(scene_name: str) -> dict[str, Row]:
    """Make what is compared."""
    prompts = scene_name if scene_name in list_prompt_sets() else None
    second = "lidar" if scene_name == "houston-2013" else "rgb"
    spectra, alone, both = ("spectra",), (second,), ("spectra", second)
    forest = RandomForestClassifier(500)

    def fused(**params: Any) -> HSIPromptClassifier:
        return HSIPromptClassifier(
            prompts=prompts, vision_encoder="fusion-vit", vision_params=params or None
        )

    return {
        DEFAULT: Row(spectra, HSIPromptClassifier(prompts=prompts)),
        STACKED: Row(both, HSIPromptClassifier(prompts=prompts)),
        "fusion-vit": Row(both, fused()),
        "fusion-vit, concatenated": Row(both, fused(fusion="concat")),
        "fusion-vit, spectra only": Row(both, fused(fusion="none")),
        "fusion-vit, single scale": Row(both, fused(multi_scale=False)),
        "fusion-vit, depthwise": Row(both, fused(convolutions="depthwise")),
        "fusion-vit, second source shuffled": Row(("spectra", _SHUFFLED), fused()),
        "RBF-SVM on spectra, C and gamma chosen": Row(spectra, chosen_svm()),
        "RBF-SVM on the second source": Row(alone, chosen_svm()),
        STACKED_SVM: Row(both, chosen_svm()),
        "forest of 500 trees on both": Row(both, forest),
    }


def draw_splits(protocol: str, scene: Scene, n_draws: int) -> list[Split]:
    """Draw training and test indices."""
    X, y = scene.samples()
    if protocol != "forty-per-class":
        return make_splits(protocol, scene, X, y, n_draws)
    splitter = PerClassShuffleSplit(n_draws, train_per_class=40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HSVLMWarning)
        return [(train, np.sort(test)) for train, test in splitter.split(X, y)]


def measure(
    scene_name: str,
    protocol: str,
    row_names: list[str],
    draws: range,
    folder: Path | None,
) -> None:
    """Measure rows under one protocol; record and print every fit when it is done."""
    scene = load_sources(scene_name, folder)
    rows = make_rows(scene_name)
    splits = draw_splits(protocol, scene, draws.stop)
    for draw in draws:
        split = splits[draw]
        for name in row_names:
            row = rows[name]
            start = time.perf_counter()
            line = _measure_row(scene.select_sources(row.sources), row.estimator, draw, split, name)
            line["settings"] = describe_settings(row.estimator)
            record(FOLDER / f"{scene_name}-{protocol}.csv", line, list(rows))
            print(
                f"{scene_name} {protocol}, draw {draw}, {name}: OA {100 * line['OA']:.2f}, "
                f"AA {100 * line['AA']:.2f}, {time.perf_counter() - start:.0f} s",
                flush=True,
            )


def _measure_row(
    scene: Scene, estimator: Any, draw: int, split: Split, name: str
) -> dict[str, Any]:
    X, y = scene.samples()
    clf = with_random_state(estimator, 0, draw)
    digest = joblib.hash((data_digest(X, y), scene.class_names))
    path = CACHE / "sources" / file_name(fit_key(clf, digest, *split), name, draw)
    scores = score(fit_and_predict(path.with_suffix(".npz"), clf, X, y, split), y)
    return {"row": name, "draw": draw, "seed": draw, **scores}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    cells = ["-".join(cell) for cell in CELLS]
    parser.add_argument("--cell", nargs="+", choices=cells, default=cells)
    parser.add_argument("--row", nargs="+", help="some rows only, by their names in the tables")
    parser.add_argument("--draws", type=int, help="draws per protocol; by default 5 or 4")
    parser.add_argument("--first-draw", type=int, default=0, help="leave out those before it")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    arguments = parser.parse_args()
    arguments.row = chosen(parser, make_rows(""), arguments.row)
    return arguments


def main() -> None:
    arguments = parse_arguments()
    for (scene_name, protocol), n_draws in CELLS.items():
        if f"{scene_name}-{protocol}" in arguments.cell:
            draws = range(arguments.first_draw, arguments.draws or n_draws)
            measure(scene_name, protocol, arguments.row, draws, arguments.data)
    write_pages()


if __name__ == "__main__":
    main()
