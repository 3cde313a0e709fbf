"""How accurate the default is on several scenes, under random and separated protocols.

``python -m benchmarks.scenes --data FOLDER --jobs 2`` measures all rows on the development scenes
and writes a CSV file per scene and protocol to ``benchmarks/results/scenes/``. ``--scene``,
``--protocol``, ``--row`` and ``--draws`` measure a part; ``--name`` keeps the results of a trial
apart. Predictions and probabilities stay in ``benchmarks/.cache/scenes``, so that a run that was
stopped continues where it was, and later measures need no training.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.accuracy import chosen
from benchmarks.calibration import expected_calibration_error
from benchmarks.chosen_svm import chosen_svm
from benchmarks.development_scenes import SCENES, load_scene
from benchmarks.page import write_pages
from benchmarks.records import (
    CACHE,
    commit,
    computed_once,
    describe_settings,
    read_rows,
    same_settings,
    write_rows,
)
from benchmarks.scenes_page import BASELINE_ROWS, DEFAULT, WINDOWS, render, results_folder
from hsvlm import HSIPromptClassifier
from hsvlm._training.presets import list_presets
from hsvlm.evaluation import CoordinateNeighbors, SmoothedSVM
from hsvlm.evaluation._folds import (
    describe_environment,
    file_name,
    run_fold,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.exceptions import HSVLMWarning
from hsvlm.metrics import classification_summary
from hsvlm.model_selection import (
    GroupMapKFold,
    PerClassShareSplit,
    PerClassShuffleSplit,
    SpatialBlockShuffleSplit,
    nearest_distance,
)
from hsvlm.prompts import list_prompt_sets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hsvlm import PixelSamples, Scene

Split = tuple["NDArray[np.intp]", "NDArray[np.intp]"]

# Draws by default.
PROTOCOLS = {
    "random-10": 4,
    "five-per-class": 10,
    "ten-per-class": 10,
    "blocks": 10,
    "fields": 10,
}
COLUMNS = (
    "row", "draw", "seed", "OA", "AA", "kappa", "calibration_error", "brier_score", "n_train",
    "n_test", "fit_s", "predict_s", "n_parameters", "commit", "environment", "settings",
)  # fmt: skip
BUFFER = 7
N_FIELD_FOLDS = 5
N_PER_CLASS_IN_FIELDS = 40


def make_rows(scene_name: str) -> dict[str, Any]:
    """Make what is compared; classes have the packaged prompts of the scene, if there are any."""
    prompts = scene_name if scene_name in list_prompt_sets() else None
    presets = [name for name in list_presets() if not name.startswith("paper-")]
    baselines = chosen_svm(), chosen_svm(normalized=True), SmoothedSVM(), CoordinateNeighbors()
    return {
        DEFAULT: HSIPromptClassifier(prompts=prompts),
        WINDOWS: HSIPromptClassifier(prompts=prompts, spatial=None),
        "vision only": HSIPromptClassifier(criterion="cross-entropy"),
        **{
            f"preset {name}": HSIPromptClassifier.from_preset(name, prompts=prompts)
            for name in presets
        },
        **dict(zip(BASELINE_ROWS, baselines, strict=True)),
    }


def make_splits(
    protocol: str, scene: Scene, X: PixelSamples, y: NDArray[Any], n_draws: int
) -> list[Split]:
    """Draw training and test indices; the first draws do not depend on `n_draws`."""
    if protocol == "fields":
        return [split for split, _ in zip(field_splits(scene, X, y), range(n_draws), strict=False)]
    splitter = {
        "random-10": PerClassShareSplit(n_draws, train_size=0.1),
        "five-per-class": PerClassShuffleSplit(n_draws, train_per_class=5),
        "ten-per-class": PerClassShuffleSplit(n_draws, train_per_class=10),
        "blocks": SpatialBlockShuffleSplit(n_draws, 0.1, block_size=8, buffer=BUFFER),
    }[protocol]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HSVLMWarning)
        return [(train, np.sort(test)) for train, test in splitter.split(X, y)]


def field_splits(scene: Scene, X: PixelSamples, y: NDArray[Any]) -> Iterator[Split]:
    """Leave out whole fields, a fifth at a time, then again in other folds, without end."""
    positions = np.column_stack([X.scene_ids, X.coords])
    seed = 0
    while True:
        folds = GroupMapKFold(scene.groups, N_FIELD_FOLDS, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HSVLMWarning)
            splits = list(folds.split(X, y))
        for candidates, test in splits:
            # In random order, so that the first ones of a class are a draw.
            far = candidates[nearest_distance(positions[candidates], positions[test]) > BUFFER]
            train = np.concatenate(
                [far[y[far] == label][:N_PER_CLASS_IN_FIELDS] for label in np.unique(y[far])]
            )
            yield train, np.sort(test[np.isin(y[test], y[train])])
        seed += 1


def fit_and_predict(
    path: Path, estimator: Any, X: PixelSamples, y: NDArray[Any], split: Split
) -> dict[str, NDArray[Any]]:
    """Predict the test side and keep labels and probabilities, or read them from `path`."""

    def compute() -> dict[str, Any]:
        train, test = split
        result = run_fold("", 0, estimator, X, y, train, test)
        values = {
            "train": train.astype(np.uint32),
            "test": test.astype(np.uint32),
            "classes": estimator.classes_,
            "predicted": estimator.predict(X[test]).astype(np.uint8),
            "fit_s": result.fit_seconds,
            "predict_s": result.predict_seconds,
            "n_parameters": -1 if result.n_parameters is None else result.n_parameters,
            "environment": describe_environment(),
            "commit": commit(),
        }
        if hasattr(estimator, "predict_proba"):
            values["probabilities"] = estimator.predict_proba(X[test]).astype(np.float16)
        return values

    return computed_once(path, compute)


def score(values: dict[str, NDArray[Any]], y: NDArray[Any]) -> dict[str, Any]:
    """Measure accuracy and calibration of kept predictions."""
    truth = y[values["test"]]
    summary = classification_summary(truth, values["predicted"])
    n_parameters = int(values["n_parameters"])
    scores = {
        "OA": summary.overall_accuracy,
        "AA": summary.average_accuracy,
        "kappa": summary.kappa,
        "n_train": len(values["train"]),
        "n_test": len(truth),
        "fit_s": round(float(values["fit_s"]), 3),
        "predict_s": round(float(values["predict_s"]), 3),
        "n_parameters": None if n_parameters < 0 else n_parameters,
        "commit": str(values["commit"]),
        "environment": str(values["environment"]),
    }
    if "probabilities" in values:
        probabilities = values["probabilities"].astype(np.float64)
        correct = values["predicted"] == truth
        scores["calibration_error"] = expected_calibration_error(probabilities, correct)
        scores["brier_score"] = brier_score(probabilities, values["classes"], truth)
    return scores


def brier_score(
    probabilities: NDArray[np.float64], classes: NDArray[Any], truth: NDArray[Any]
) -> float:
    """Compute the mean squared distance, in [0, 2], of probabilities to the true classes."""
    # A class that was not trained on has probability 0.
    every = np.union1d(classes, truth)
    target = truth[:, None] == every
    full = np.zeros(target.shape)
    full[:, np.searchsorted(every, classes)] = probabilities
    return float(((full - target) ** 2).sum(axis=1).mean())


def measure(
    scene_name: str,
    scene: Scene,
    protocol: str,
    row_names: list[str],
    draws: range,
    name: str,
    jobs: int,
) -> None:
    """Measure rows under one protocol; record and print every fit when it is done."""
    X, y = scene.samples()
    splits = make_splits(protocol, scene, X, y, draws.stop)
    rows = make_rows(scene_name)
    digest = joblib.hash((data_digest(X, y), scene.class_names))
    part = f"{scene_name}-{protocol}"
    tasks = []
    for row_name in row_names:
        for draw in draws:
            split = splits[draw]
            clf = with_random_state(rows[row_name], 0, draw)
            key = fit_key(clf, digest, *split)
            path = CACHE / "scenes" / name / part / file_name(key, row_name, draw)
            tasks.append((row_name, draw, path.with_suffix(".npz"), clf, split))
    pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")
    start = time.perf_counter()
    results = pool(
        joblib.delayed(_measure_task)(row_name, draw, path, clf, X, y, split)
        for row_name, draw, path, clf, split in tasks
    )
    for done, line in enumerate(results, 1):
        line["settings"] = describe_settings(rows[line["row"]])
        record(results_folder(name) / f"{part}.csv", line, list(rows))
        print(
            f"{part} {done}/{len(tasks)}, {time.perf_counter() - start:.0f} s: {line['row']}, "
            f"draw {line['draw']}: OA {100 * line['OA']:.2f}, AA {100 * line['AA']:.2f}, "
            f"fit {line['fit_s']:.1f} s, predict {line['predict_s']:.1f} s",
            flush=True,
        )


def _measure_task(
    row_name: str,
    draw: int,
    path: Path,
    estimator: Any,
    X: PixelSamples,
    y: NDArray[Any],
    split: Split,
) -> dict[str, Any]:
    seeded = any(name.rpartition("__")[2] == "random_state" for name in estimator.get_params())
    scores = score(fit_and_predict(path, estimator, X, y, split), y)
    return {"row": row_name, "draw": draw, "seed": draw if seeded else None, **scores}


def record(path: Path, line: dict[str, Any], order: list[str]) -> None:
    """Put a line into a CSV file, in place of its row and draw; a row has one setting at a time."""
    kept = [
        old
        for old in read_rows(path)
        if old["row"] != line["row"]
        or (old["draw"] != str(line["draw"]) and same_settings(old["settings"], line["settings"]))
    ]
    lines: list[dict[str, Any]] = [*kept, line]
    names = list(dict.fromkeys([*order, *(line["row"] for line in lines)]))
    lines.sort(key=lambda line: (names.index(line["row"]), int(line["draw"])))
    write_rows(path, COLUMNS, lines)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--row", nargs="+", help="some rows only, by their names in the tables")
    parser.add_argument("--draws", type=int, help="draws per protocol; by default 10, or 4 random")
    parser.add_argument("--first-draw", type=int, default=0, help="leave out those before it")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--name", default="scenes", help="other names keep trials out of results/")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    arguments.row = chosen(parser, make_rows(""), arguments.row)
    return arguments


def main() -> None:
    arguments = parse_arguments()
    for scene_name in arguments.scene:
        scene = load_scene(scene_name, arguments.data)
        for protocol in arguments.protocol:
            if protocol == "fields" and scene.groups is None:
                continue
            n_draws = arguments.draws or PROTOCOLS[protocol]
            measure(
                scene_name,
                scene,
                protocol,
                arguments.row,
                range(arguments.first_draw, n_draws),
                arguments.name,
                arguments.jobs,
            )
    if arguments.name == "scenes":
        write_pages()
    else:
        page = results_folder(arguments.name) / "scenes.md"
        page.write_text(render(arguments.name), encoding="utf-8")
        print(page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
