"""What each part of the encoder ``spectral-memory`` contributes, on three scenes.

``python -m benchmarks.spectral_memory --data FOLDER --jobs 2`` trains it whole and with one part
left out at a time, and a small fully connected network beside it. It writes a CSV file per scene
and protocol and the courses of the trainings to ``benchmarks/results/spectral_memory/``.
``--scene``, ``--protocol``, ``--row`` and ``--draws`` measure a part; ``--max-epochs`` shortens the
trainings, which the page states. Fits stay in ``benchmarks/.cache/spectral_memory``, so that a run
that was stopped continues where it was.
"""

from __future__ import annotations

import argparse
import copy
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from skorch.callbacks import Callback

from benchmarks.accuracy import chosen
from benchmarks.development_scenes import load_scene
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
from benchmarks.scenes import make_splits
from benchmarks.spectral_memory_page import FOLDER, PROTOCOLS, SCENES
from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import network_cost
from hsvlm.evaluation._folds import (
    describe_environment,
    file_name,
    with_random_state,
)
from hsvlm.evaluation._keys import data_digest, fit_key
from hsvlm.exceptions import HSVLMWarning
from hsvlm.metrics import classification_summary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.scenes import Split
    from hsvlm import PixelSamples, Scene

DRAWS = 3
# A sensor that is calibrated anew: every band of the test pixels is multiplied by a gain of its
# own, with mean 1 and this standard deviation.
GAIN_DEVIATION = 0.05
# The course of a training is looked at so often, on so many test pixels.
N_POINTS = 32
N_WATCHED = 512
_SMOOTHING = {"label_smoothing": 0.1}
# What a row changes of the whole: parameters of the encoder, and those of the loss. The whole is
# the idea as it was stated, where the classifier sees the mean of the prototypes only.
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "all parts": ({}, _SMOOTHING),
    "random start": ({"k_means_start": False}, _SMOOTHING),
    "no label smoothing": ({}, {}),
    "no band dropout": ({"band_dropout": 0.0}, _SMOOTHING),
    "no memory": ({"n_prototypes": 0}, _SMOOTHING),
    "attention only": ({"n_prototypes": 0, "band_dropout": 0.0}, {}),
    "query added": ({"add_query": True}, _SMOOTHING),
    "query added, random start": ({"add_query": True, "k_means_start": False}, _SMOOTHING),
}
BASELINE = "mlp"
COLUMNS = (
    "row", "draw", "seed", "OA", "AA", "kappa", "OA_gain", "n_train", "n_test", "n_epochs",
    "n_parameters", "n_multiply_adds", "fit_s", "predict_s", "commit", "environment", "settings",
)  # fmt: skip
COURSE_COLUMNS = ("scene", "protocol", "row", "draw", "epoch", "OA", "train_loss")


class Snapshots(Callback):  # type: ignore[misc]
    """Keeps the weights after each of `N_POINTS` parts of a training."""

    def on_train_begin(self, net: Any, **_: Any) -> None:
        """Find out which epochs end a part."""
        steps = np.arange(1, N_POINTS + 1) / N_POINTS
        self.due_ = set(np.ceil(steps * net.max_epochs).astype(int).tolist())
        self.kept_: list[tuple[int, dict[str, Any]]] = []

    def on_epoch_end(self, net: Any, **_: Any) -> None:
        """Keep the weights if a part has ended."""
        if len(net.history) in self.due_:
            self.kept_.append((len(net.history), copy.deepcopy(net.module_.state_dict())))


def make_estimator(row: str, n_classes: int, max_epochs: int | None) -> HSIPromptClassifier:
    """Make the classifier of a row."""
    common: dict[str, Any] = {"criterion": "cross-entropy", "n_components": None, "spatial": None}
    if max_epochs is not None:
        common["max_epochs"] = max_epochs
    if row == BASELINE:
        return HSIPromptClassifier(vision_encoder="mlp", **common)
    vision_params, criterion_params = ROWS[row]
    return HSIPromptClassifier(
        vision_encoder="spectral-memory",
        vision_params={"n_prototypes": 10 * n_classes, "add_query": False, **vision_params},
        criterion_params=criterion_params or None,
        **common,
    )


def with_other_gain(scene: Scene, draw: int) -> PixelSamples:
    """Return the samples of a scene whose bands have another gain."""
    cube = np.asarray(scene.cube)
    gain = np.random.default_rng(draw).normal(1, GAIN_DEVIATION, cube.shape[2])
    return replace(scene, cube=(cube * gain).astype(np.float32)).samples()[0]


def fit_and_look(
    path: Path, clf: Any, scene: Scene, split: Split, draw: int
) -> dict[str, NDArray[Any]]:
    """Train, look at test pixels and at the course of the training, or read both from `path`."""

    def compute() -> dict[str, Any]:
        X, y = scene.samples()
        train, test = split
        clf.set_params(callbacks=[("snapshots", Snapshots())])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HSVLMWarning)
            start = time.perf_counter()
            clf.fit(X[train], y[train])
            fitted = time.perf_counter()
            predicted = clf.predict(X[test])
            predict_s = time.perf_counter() - fitted
            other = clf.predict(with_other_gain(scene, draw)[test])
            watched = np.random.default_rng(draw).permutation(test)[:N_WATCHED]
            epochs, course = _course(clf, X[watched], y[watched])
        cost = network_cost(clf)
        return {
            "predicted": predicted,
            "predicted_gain": other,
            "epochs": epochs,
            "course": course,
            "train_loss": np.array(clf.history_[:, "train_loss"])[epochs - 1],
            "fit_s": fitted - start,
            "predict_s": predict_s,
            "n_epochs": len(clf.history_),
            "n_parameters": cost.n_parameters,
            "n_multiply_adds": cost.n_multiply_adds,
            "environment": describe_environment(),
            "commit": commit(),
        }

    return computed_once(path, compute)


def _course(
    clf: Any, X: PixelSamples, y: NDArray[Any]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return epochs, and the accuracy with the weights that the network had after them."""
    net = clf.net_
    last = copy.deepcopy(net.module_.state_dict())
    epochs, accuracies = [], []
    for epoch, weights in dict(net.callbacks_)["snapshots"].kept_:
        net.module_.load_state_dict(weights)
        epochs.append(epoch)
        accuracies.append(float((clf.predict(X) == y).mean()))
    net.module_.load_state_dict(last)
    return np.array(epochs), np.array(accuracies)


def measure(
    scene_name: str, scene: Scene, protocol: str, rows: list[str], arguments: argparse.Namespace
) -> None:
    """Measure rows in a scene under one protocol; record and print every fit when it is done."""
    X, y = scene.samples()
    splits = make_splits(protocol, scene, X, y, arguments.draws)
    digest = joblib.hash(data_digest(X, y))
    n_classes, part = len(np.unique(y)), f"{scene_name}-{protocol}"
    fits = []
    for row in rows:
        for draw, split in enumerate(splits):
            clf = with_random_state(make_estimator(row, n_classes, arguments.max_epochs), 0, draw)
            key = fit_key(clf, digest, *split)
            path = CACHE / "spectral_memory" / part / file_name(key, row, draw)
            fits.append((row, draw, path.with_suffix(".npz"), clf, split))
    pool = joblib.Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")
    results = pool(
        joblib.delayed(_measure_fit)(row, draw, path, clf, scene, split)
        for row, draw, path, clf, split in fits
    )
    for done, (line, course) in enumerate(results, 1):
        record(FOLDER / f"{part}.csv", line)
        place = {"scene": scene_name, "protocol": protocol, "row": line["row"]}
        record_course([{**place, "draw": line["draw"], **point} for point in course])
        print(
            f"{part} {done}/{len(fits)}: {line['row']}, draw {line['draw']}: OA "
            f"{100 * line['OA']:.2f}, with other gain {100 * line['OA_gain']:.2f}, fit "
            f"{line['fit_s']:.0f} s",
            flush=True,
        )


def _measure_fit(
    row: str, draw: int, path: Path, clf: Any, scene: Scene, split: Split
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    settings = describe_settings(clf)
    values = fit_and_look(path, clf, scene, split, draw)
    truth = scene.samples()[1][split[1]]
    summary = classification_summary(truth, values["predicted"])
    line = {
        "row": row,
        "draw": draw,
        "seed": draw,
        "OA": summary.overall_accuracy,
        "AA": summary.average_accuracy,
        "kappa": summary.kappa,
        "OA_gain": float((values["predicted_gain"] == truth).mean()),
        "n_train": len(split[0]),
        "n_test": len(split[1]),
        "settings": settings,
        **{name: int(values[name]) for name in ("n_epochs", "n_parameters", "n_multiply_adds")},
        **{name: round(float(values[name]), 3) for name in ("fit_s", "predict_s")},
        **{name: str(values[name]) for name in ("commit", "environment")},
    }
    points = zip(values["epochs"], values["course"], values["train_loss"], strict=True)
    course = [
        {"epoch": int(epoch), "OA": float(accuracy), "train_loss": float(loss)}
        for epoch, accuracy, loss in points
    ]
    return line, course


def record(path: Path, line: dict[str, Any]) -> None:
    """Put a line into a CSV file, in place of its row and draw; a row has one setting at a time."""
    kept = [
        old
        for old in read_rows(path)
        if old["row"] != line["row"]
        or (old["draw"] != str(line["draw"]) and same_settings(old["settings"], line["settings"]))
    ]
    lines: list[dict[str, Any]] = [*kept, line]
    order = [*ROWS, BASELINE]
    lines.sort(key=lambda each: (order.index(each["row"]), int(each["draw"])))
    write_rows(path, COLUMNS, lines)


def record_course(course: list[dict[str, Any]]) -> None:
    """Put the course of a training into the file of all, in place of that of the same fit."""
    path, fit = FOLDER / "course.csv", COURSE_COLUMNS[:4]
    places = {tuple(str(point[name]) for name in fit) for point in course}
    kept = [old for old in read_rows(path) if tuple(old[name] for name in fit) not in places]
    points: list[dict[str, Any]] = [*kept, *course]
    points.sort(key=lambda point: [*(str(point[name]) for name in fit), int(point["epoch"])])
    write_rows(path, COURSE_COLUMNS, points)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--protocol", nargs="+", choices=PROTOCOLS, default=list(PROTOCOLS))
    parser.add_argument("--row", nargs="+", help="some rows only, by their names in the tables")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws per protocol")
    parser.add_argument("--max-epochs", type=int, help="so many epochs")
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    arguments = parser.parse_args()
    arguments.row = chosen(parser, [*ROWS, BASELINE], arguments.row)
    return arguments


def main() -> None:
    arguments = parse_arguments()
    for scene_name in arguments.scene:
        scene = load_scene(scene_name, arguments.data)
        for protocol in arguments.protocol:
            measure(scene_name, scene, protocol, arguments.row, arguments)
    write_pages()


if __name__ == "__main__":
    main()
