"""Accuracy on Indian Pines: two protocols beside baselines, and the settings one by one.

Writes ``benchmarks/results/indian_pines_protocols.md`` (the default, the same without text, and two
baselines without a network, under both protocols) or ``..._settings.md`` (the default with one
setting changed at a time, random split). Both protocols train on about a tenth of the labels:

random   a tenth of the pixels of every class, drawn at random, the protocol of most papers;
blocks   whole blocks of 8 x 8 pixels, with no test pixel within 7 pixels of a training pixel, so
         that no window of 15 pixels around a test pixel contains a training pixel.

``make benchmark`` writes both tables; ``--seeds`` and ``--epochs`` make it shorter.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import hsvlm
from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import coordinate_predictions, leaking_share
from hsvlm.metrics import classification_summary

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
Predict = Callable[[PixelSamples, NDArray[Any], PixelSamples, int], NDArray[Any]]

WINDOW_PX = 15
BLOCK_PX = 8
BUFFER_PX = 7
RESULTS = Path(__file__).parent / "results"


def random_split(X: PixelSamples, y: NDArray[Any], seed: int) -> Split:
    train, test = train_test_split(np.arange(len(y)), train_size=0.1, stratify=y, random_state=seed)
    return train, test


def block_split(X: PixelSamples, y: NDArray[Any], seed: int) -> Split:
    """Draw blocks until a tenth is labelled and every class is there; buffer the test side."""
    rng = np.random.default_rng(seed)
    _, block = np.unique(X.coords // BLOCK_PX, axis=0, return_inverse=True)
    chosen: set[int] = set()
    for label in np.unique(y):
        blocks = np.unique(block[y == label])
        if not chosen & set(blocks.tolist()):
            chosen.add(int(rng.choice(blocks)))
    for candidate in rng.permutation(block.max() + 1).tolist():
        if np.isin(block, list(chosen)).mean() >= 0.1:
            break
        chosen.add(candidate)
    training = np.isin(block, list(chosen))
    distance = cKDTree(X.coords[training]).query(X.coords, p=np.inf)[0]
    return np.flatnonzero(training), np.flatnonzero(distance > BUFFER_PX)


def classifier(**parameters: Any) -> Predict:
    def predict(
        X_train: PixelSamples, y_train: NDArray[Any], X_test: PixelSamples, seed: int
    ) -> NDArray[Any]:
        settings = {"prompts": "indian-pines", "random_state": seed, **parameters}
        clf = HSIPromptClassifier(**settings)
        return np.asarray(clf.fit(X_train, y_train).predict(X_test))

    return predict


def coordinates(
    X_train: PixelSamples, y_train: NDArray[Any], X_test: PixelSamples, _: int
) -> NDArray[Any]:
    return coordinate_predictions(X_train, y_train, X_test)


def spectral_svm(
    X_train: PixelSamples, y_train: NDArray[Any], X_test: PixelSamples, _: int
) -> NDArray[Any]:
    svm = make_pipeline(StandardScaler(), SVC(C=100.0, gamma="scale"))
    return np.asarray(svm.fit(np.asarray(X_train), y_train).predict(np.asarray(X_test)))


def mean_and_deviation(values: list[float], scale: float = 100.0) -> str:
    return f"{scale * np.mean(values):.2f} ± {scale * np.std(values, ddof=1):.2f}"


def measure(
    methods: dict[str, Predict], protocols: dict[str, Any], seeds: int
) -> tuple[list[str], dict[str, list[float]]]:
    scene = load_indian_pines()
    X, y = pixel_samples(scene.cube, scene.labels)
    lines, leaking = [], {}
    for protocol, split in protocols.items():
        splits = [split(X, y, seed) for seed in range(seeds)]
        leaking[protocol] = [leaking_share(X[a], X[b], WINDOW_PX) for a, b in splits]
        for name, predict in methods.items():
            summaries, seconds = [], []
            for seed, (train, test) in enumerate(splits):
                start = time.perf_counter()
                y_pred = predict(X[train], y[train], X[test], seed)
                seconds.append(time.perf_counter() - start)
                summaries.append(classification_summary(y[test], y_pred))
                print(protocol, name, seed, f"{summaries[-1].overall_accuracy:.4f}", flush=True)
            cells = [
                mean_and_deviation([one.overall_accuracy for one in summaries]),
                mean_and_deviation([one.average_accuracy for one in summaries]),
                mean_and_deviation([one.kappa for one in summaries]),
                f"{np.mean(seconds):.1f}",
            ]
            lines.append(f"| {protocol} | {name} | {' | '.join(cells)} |")
    return lines, leaking


def protocol_methods(epochs: dict[str, int]) -> dict[str, Predict]:
    return {
        "hsvlm, default": classifier(**epochs),
        'hsvlm, vision only (`criterion="cross-entropy"`)': classifier(
            criterion="cross-entropy", **epochs
        ),
        "RBF-SVM on spectra": spectral_svm,
        "1-NN on (row, col), no spectra": coordinates,
    }


def setting_methods(epochs: dict[str, int]) -> dict[str, Predict]:
    changes: list[dict[str, Any]] = [
        {},
        {"augment": False},
        {"lr_schedule": "constant"},
        {"batch_size": 64},
        {"vision_params": {"depth": 3}},
        {"vision_params": {"n_heads": 16}},
        {"window_size": 9},
        {"window_size": 21},
        {"projection": "text"},
        {"prompts": None},
    ]
    return {
        ", ".join(f"`{name}={value!r}`" for name, value in one.items()) or "default": classifier(
            **epochs, **one
        )
        for one in changes
    }


def report(lines: list[str], leaking: dict[str, list[float]], seeds: int, command: str) -> str:
    shares = "; ".join(f"{name} {100 * np.mean(one):.1f} %" for name, one in leaking.items())
    head = f"""# Indian Pines

Cube of 145 x 145 pixels and 200 bands, 10,249 labelled pixels, 16 classes
(doi:10.4231/R7RX991C). Mean ± standard deviation in percent over {seeds} seeds, each with a split
of its own; seconds are those of fit and prediction of the test pixels.

- random: 10 % of the pixels of every class for training, all others for test.
- blocks: whole blocks of {BLOCK_PX} x {BLOCK_PX} pixels until 10 % are training pixels; test
  pixels lie more than {BUFFER_PX} pixels from every training pixel.

Test windows of {WINDOW_PX} x {WINDOW_PX} pixels that contain a training pixel: {shares}.

| split | method | OA | AA | kappa | seconds |
|---|---|---|---|---|---|
"""
    foot = f"""

Command: `{command}`. hsvlm {hsvlm.__version__}, torch {torch.__version__}, Python
{platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPU cores, no GPU.
"""
    return head + "\n".join(lines) + foot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=["protocols", "settings"])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    epochs = {} if arguments.epochs is None else {"max_epochs": arguments.epochs}
    methods, splits = {
        "protocols": (protocol_methods(epochs), {"random": random_split, "blocks": block_split}),
        "settings": (setting_methods(epochs), {"random": random_split}),
    }[arguments.table]
    lines, leaking = measure(methods, splits, arguments.seeds)
    command = f"python benchmarks/indian_pines.py {arguments.table} --seeds {arguments.seeds}"
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / f"indian_pines_{arguments.table}.md"
    path.write_text(report(lines, leaking, arguments.seeds, command), encoding="utf-8")


if __name__ == "__main__":
    main()
