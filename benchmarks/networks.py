"""What networks of the field reach on two scenes, alone and with the read-out, and what they cost.

``python -m benchmarks.networks --data FOLDER --jobs 2`` trains every registered vision encoder at
the setting of the default ("ours") and at that of its publication ("own"), and writes a CSV file
per scene and protocol to ``benchmarks/results/networks/``. ``--network``, ``--setting``,
``--scene``, ``--protocol`` and ``--draws`` measure a part; ``--max-epochs`` shortens the trainings,
which the tables state. Predictions stay in ``benchmarks/.cache/networks``, so that a run that was
stopped continues where it was.
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.development_scenes import load_scene
from benchmarks.networks_page import FOLDER, READOUTS, setting_label
from benchmarks.page import write_pages
from benchmarks.published_settings import OWN
from benchmarks.records import (
    CACHE,
    commit,
    computed_once,
    describe_settings,
    read_rows,
    same_settings,
    write_rows,
)
from benchmarks.scenes import make_splits, score
from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import indian_pines_protocol, network_cost, with_encoders
from hsvlm.evaluation._folds import (
    describe_environment,
    file_name,
    run_fold,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.prompts import list_prompt_sets
from hsvlm.vision import list_vision_encoders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from benchmarks.scenes import Split
    from hsvlm import PixelSamples

CELLS = {
    "indian-pines": ("random-10", "random-10-unpadded", "map-695", "blocks", "ten-per-class"),
    "houston-2018": ("random-10", "blocks", "ten-per-class"),
}
# As code does that does not pad: pixels without a whole window are not trained on, and are wrong.
UNPADDED = "-unpadded"
DRAWS = 3
COLUMNS = (
    "network", "setting", "readout", "draw", "seed", "OA", "AA", "kappa", "calibration_error",
    "brier_score", "n_train", "n_test", "window_size", "n_channels", "n_epochs", "n_parameters",
    "n_multiply_adds", "fit_s", "predict_s", "commit", "environment", "settings",
)  # fmt: skip
KEY = ("network", "setting", "readout", "draw")

# Made for weights that were trained before, which this comparison has not.
PRETRAINED = ("clip-prompt", "pretrained-vit", "sentinel-spectralgpt", "spectralgpt")


def make_estimator(
    network: str, setting: str, scene_name: str, max_epochs: int | None
) -> HSIPromptClassifier:
    """Make a classifier with this network, at the setting of the default or at its own."""
    if setting == "ours":
        prompts = scene_name if scene_name in list_prompt_sets() else None
        (clf,) = with_encoders(network, HSIPromptClassifier(prompts=prompts)).values()
    else:
        own = {"weight_decay": 0.0, **OWN[network]}
        clf = HSIPromptClassifier(
            vision_encoder=network, criterion="cross-entropy", normalize=None, **own
        )
    if max_epochs is not None:
        given = clf.max_epochs
        clf.max_epochs = max_epochs if isinstance(given, str) else min(given, max_epochs)
    return clf


def samples_and_splits(
    scene_name: str, protocol: str, n_draws: int, folder: Path | None
) -> tuple[PixelSamples, NDArray[Any], list[Split]]:
    """Load a scene and draw its splits; the published maps are one split, repeated."""
    if protocol == "map-695":
        maps = indian_pines_protocol(protocol, n_draws)
        return maps.X, maps.y, list(maps.cv.split(maps.X, maps.y))
    scene = load_scene(scene_name, folder)
    X, y = scene.samples()
    return X, y, make_splits(protocol.removesuffix(UNPADDED), scene, X, y, n_draws)


def has_whole_window(X: PixelSamples, window_size: int) -> NDArray[np.bool_]:
    """Find the samples whose window lies in the scene."""
    half, last = window_size // 2, np.array(X.cubes[0].shape[:2]) - 1
    return np.asarray(((X.coords >= half) & (X.coords <= last - half)).all(axis=1))


def fit_and_predict(
    path: Path, clf: Any, X: PixelSamples, y: NDArray[Any], split: Split
) -> dict[str, NDArray[Any]]:
    """Predict the test side with the read-out and without, or read both from `path`."""

    def compute() -> dict[str, Any]:
        train, test = split
        result = run_fold("", 0, clf, X, y, train, test)
        alone = copy.copy(clf)
        alone.readout_ = None
        start = time.perf_counter()
        probabilities = {"alone": alone.predict_proba(X[test])}
        predict_s = time.perf_counter() - start
        probabilities["read-out"] = clf.predict_proba(X[test])
        cost = network_cost(clf)
        return {
            "train": train.astype(np.uint32),
            "test": test.astype(np.uint32),
            "classes": clf.classes_,
            **{name: one.astype(np.float16) for name, one in probabilities.items()},
            **{
                f"predicted {name}": clf.classes_[one.argmax(axis=1)]
                for name, one in probabilities.items()
            },
            "fit_s": result.fit_seconds,
            "predict_s": predict_s,
            "n_parameters": cost.n_parameters,
            "n_multiply_adds": cost.n_multiply_adds,
            "n_channels": clf.preprocessing_.transform(np.asarray(X[test[:1]])).shape[-1],
            "n_epochs": len(clf.history_),
            "environment": describe_environment(),
            "commit": commit(),
        }

    return computed_once(path, compute)


def lines_of(
    values: dict[str, NDArray[Any]], y: NDArray[Any], is_scored: NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    """Measure kept predictions: a line without the read-out and one with it.

    Shapes: `is_scored` (n_test,); the others are wrong.
    """
    for name in READOUTS:
        here = {**values, "predicted": np.where(is_scored, values[f"predicted {name}"], 0)}
        if is_scored.all():
            here["probabilities"] = values[name]
        kept = ("n_channels", "n_epochs", "n_multiply_adds")
        yield {
            "readout": name,
            **score(here, y),
            **{one: int(values[one]) for one in kept},
        }


def measure(
    scene_name: str, protocol: str, tasks: list[tuple[str, str]], arguments: argparse.Namespace
) -> None:
    """Measure networks under one protocol; record and print every fit when it is done."""
    X, y, splits = samples_and_splits(scene_name, protocol, arguments.draws, arguments.data)
    digest = joblib.hash(data_digest(X, y))
    part = f"{scene_name}-{protocol}"
    fits = []
    for network, setting in tasks:
        clf = make_estimator(network, setting, scene_name, arguments.max_epochs)
        is_used = np.ones(len(y), dtype=bool)
        if protocol.endswith(UNPADDED):
            is_used = has_whole_window(X, clf.window_size)
        for draw in range(arguments.first_draw, arguments.draws):
            train, test = splits[draw]
            split = train[is_used[train]], test
            seeded = with_random_state(clf, 0, draw)
            key = fit_key(seeded, digest, *split)
            path = CACHE / "networks" / part / file_name(key, f"{network}-{setting}", draw)
            fits.append((network, setting, draw, path.with_suffix(".npz"), seeded, split, is_used))
    pool = joblib.Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    results = pool(joblib.delayed(_measure_fit)(*fit, X, y) for fit in fits)
    for done, lines in enumerate(results, 1):
        record(FOLDER / f"{part}.csv", lines)
        accuracies = ", ".join(f"{one['readout']} {100 * one['OA']:.2f}" for one in lines)
        first = lines[0]
        print(
            f"{part} {done}/{len(fits)}: {first['network']}, {first['setting']}, draw "
            f"{first['draw']}: {accuracies}, fit {first['fit_s']:.0f} s",
            flush=True,
        )


def _measure_fit(
    network: str,
    setting: str,
    draw: int,
    path: Path,
    clf: Any,
    split: Split,
    is_used: NDArray[np.bool_],
    X: PixelSamples,
    y: NDArray[Any],
) -> list[dict[str, Any]]:
    settings = {"window_size": clf.window_size, "settings": describe_settings(clf)}
    given = {"network": network, "setting": setting, "draw": draw, "seed": draw, **settings}
    values = fit_and_predict(path, clf, X, y, split)
    return [{**given, **line} for line in lines_of(values, y, is_used[values["test"]])]


def record(path: Path, lines: list[dict[str, Any]]) -> None:
    """Put lines into a CSV file; a network has the same settings in all draws of a setting.

    A shortened training is a setting of its own, and so stands beside a whole one.
    """
    first = lines[0]
    kept = [
        old
        for old in read_rows(path)
        if (old["network"], setting_label(old)) != (first["network"], setting_label(first))
        or (old["draw"] != str(first["draw"]) and same_settings(old["settings"], first["settings"]))
    ]
    together: list[dict[str, Any]] = [*kept, *lines]
    together.sort(key=lambda line: [str(line[name]) for name in KEY])
    write_rows(path, COLUMNS, together)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    networks = [name for name in list_vision_encoders() if name not in PRETRAINED]
    protocols = list(dict.fromkeys(name for names in CELLS.values() for name in names))
    parser.add_argument("--network", nargs="+", choices=networks, default=networks)
    parser.add_argument("--setting", nargs="+", choices=("ours", "own"), default=["ours", "own"])
    parser.add_argument("--scene", nargs="+", choices=CELLS, default=list(CELLS))
    parser.add_argument("--protocol", nargs="+", choices=protocols, default=protocols)
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws per protocol")
    parser.add_argument("--first-draw", type=int, default=0, help="leave out those before it")
    parser.add_argument("--max-epochs", type=int, help="at most so many epochs")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    tasks = [
        (network, setting)
        for setting in arguments.setting
        for network in arguments.network
        if setting == "ours" or network in OWN
    ]
    for scene_name in arguments.scene:
        for protocol in CELLS[scene_name]:
            if protocol in arguments.protocol:
                here = [one for one in tasks if UNPADDED not in protocol or one[1] == "own"]
                measure(scene_name, protocol, here, arguments)
    write_pages()


if __name__ == "__main__":
    main()
