"""What the classifier adds to the time of its network, for every vision encoder.

``python -m benchmarks.overhead`` trains and predicts on Indian Pines with the classifier and with
the network alone, in turns on one thread, writes both to ``benchmarks/results/overhead/steps.csv``
and renders the pages anew. ``--network`` measures some encoders and keeps the others, and
``--batch-size`` shortens the steps of heavy ones, which the page states.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit
from skorch.callbacks import Callback

from benchmarks.big_scene import machine
from benchmarks.networks import PRETRAINED, make_estimator
from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, commit, read_rows, update_rows
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import markdown_table, network_cost
from hsvlm.samples import PixelSamples
from hsvlm.vision import list_vision_encoders

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from hsvlm import HSIPromptClassifier, Scene

PATH = RESULTS / "overhead" / "steps.csv"
COLUMNS = (
    "network", "repeat", "batch_size", "window_size", "n_channels", "n_multiply_adds", "n_steps",
    "step_ms", "network_step_ms", "n_windows", "window_us", "network_window_us", "start_s",
    "environment", "commit",
)  # fmt: skip
NETWORKS = [name for name in list_vision_encoders() if name not in PRETRAINED]
GOAL = 2.0
REPEATS = 5
BATCH_SIZE = 64
TRAINING_SHARE = 0.1
# What the network alone is to take in a repeat, unless a few steps or rows take longer.
SECONDS = 0.5
MOST_EPOCHS = 30
LEAST_STEPS = 4
LEAST_ROWS = 2
PREDICTED_TOGETHER = 512  # windows in a pass of the network alone

_TEXT = """## Overhead

{commands}

Every encoder is trained from random weights on a random tenth of the labeled pixels of Indian
Pines, or a part of them where a step takes long, window by window (`spatial=None`), with all else
at its default, in the smallest window of 5 pixels or more that it takes. *Alone* is the same
network with the same loss and optimizer in a loop of plain torch, with all batches cut beforehand,
neither augmented nor drawn anew. What the classifier does besides is to cut, draw and augment
windows, to adapt the learning rate, to keep the best weights and the history, and to check for
divergence; in predictions, to read, normalize and reduce the spectra of the scene, to cut windows,
and to compare the spectra with those of the training. Predictions are of the first rows of the
scene. Figures are medians over {repeats} repeats in one process, in which both sides take turns.
Times are of the processor, on one thread, often with other processes beside it, so that ratios near
1 lie within the noise. A step has {batch_size} windows{batches}. *Start* is the time from the call
of `fit` to its first step: texts, preprocessing and windows. Encoders made for pre-trained weights
are left out.{missing}

The goal is a ratio of at most {goal:g}. {verdict}

{table}
"""


class EpochStarts(Callback):  # type: ignore[misc]
    """Note the processor time at which every epoch begins."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_epoch_begin(self, net: Any, **_: Any) -> None:
        """Note the time."""
        self.seconds.append(time.process_time())

    def on_train_end(self, net: Any, **_: Any) -> None:
        """Note the time."""
        self.seconds.append(time.process_time())


class Alone:
    """The network of a fitted classifier, in plain torch.

    Shapes: `samples` and `targets` (n_samples,).
    """

    def __init__(self, clf: HSIPromptClassifier, samples: PixelSamples, y: NDArray[Any]) -> None:
        net = clf.net_
        self.module = copy.deepcopy(net.module_)
        self.criterion = copy.deepcopy(net.criterion_)
        self.optimizer = torch.optim.AdamW(
            self.module.parameters(), lr=clf.lr, weight_decay=clf.weight_decay, fused=True
        )
        targets = torch.from_numpy(np.searchsorted(clf.classes_, y))
        windows = cut_windows(clf, samples)
        self.batches = list(
            zip(windows.split(clf.batch_size), targets.split(clf.batch_size), strict=True)
        )

    def train(self, n_epochs: int) -> None:
        """Train as a loop of plain torch does."""
        self.module.train()
        for _ in range(n_epochs):
            for windows, targets in self.batches:
                self.optimizer.zero_grad()
                self.criterion(self.module(windows), targets).mean().backward()
                self.optimizer.step()

    @torch.inference_mode()
    def predict(self, windows: Tensor) -> Tensor:
        """Return the probabilities, (n_windows, n_classes)."""
        self.module.eval()
        return torch.cat([self.module(one).softmax(1) for one in windows.split(PREDICTED_TOGETHER)])


def cut_windows(clf: HSIPromptClassifier, samples: PixelSamples) -> Tensor:
    """Cut the windows of samples of a single scene, as the network is given them."""
    reduced = clf.preprocessing_.transform(samples.cubes[0]).astype(np.float32)
    cut = PixelSamples(reduced, samples.coords).windows(clf.window_size_)
    return torch.from_numpy(cut)


def seconds_of(function: Callable[[], Any], n_calls: int = 1) -> float:
    """Return the processor time of a call, the mean of several."""
    start = time.process_time()
    for _ in range(n_calls):
        function()
    return (time.process_time() - start) / n_calls


def measure_training(
    clf: HSIPromptClassifier, samples: PixelSamples, y: NDArray[Any]
) -> list[dict[str, Any]]:
    """Train in turns. The first epoch of the classifier warms up."""
    few = LEAST_STEPS * clf.batch_size
    clf.fit(samples[:few], y[:few])
    start = Alone(clf, samples[:few], y[:few])
    start.train(1)
    per_step = max(seconds_of(partial(start.train, 1)) / LEAST_STEPS, 1e-6)
    n_steps = max(LEAST_STEPS, math.ceil(SECONDS / per_step))
    n_samples = min(len(samples), n_steps * clf.batch_size)
    samples, y = samples[:n_samples], y[:n_samples]
    clf.fit(samples, y)
    alone = Alone(clf, samples, y)
    n_epochs = min(MOST_EPOCHS, math.ceil(n_steps / len(alone.batches)))
    n_steps = n_epochs * len(alone.batches)
    figures = []
    for _ in range(REPEATS):
        starts = EpochStarts()
        clf.set_params(max_epochs=1 + n_epochs, callbacks=[starts])
        before = time.process_time()
        clf.fit(samples, y)
        by_network = seconds_of(partial(alone.train, n_epochs))
        figures.append(
            {
                "n_steps": n_steps,
                "step_ms": 1e3 * (starts.seconds[-1] - starts.seconds[1]) / n_steps,
                "network_step_ms": 1e3 * by_network / n_steps,
                "start_s": starts.seconds[0] - before,
            }
        )
    return figures


def measure_prediction(
    clf: HSIPromptClassifier, alone: Alone, cube: NDArray[Any]
) -> list[dict[str, Any]]:
    """Predict the first rows of a scene in turns."""
    height, width = cube.shape[:2]
    coords = np.argwhere(np.ones((height, width), dtype=bool))
    few = cut_windows(clf, PixelSamples(cube, coords[: LEAST_ROWS * width]))
    alone.predict(few)
    per_row = max(seconds_of(partial(alone.predict, few)) / LEAST_ROWS, 1e-6)
    n_rows = int(np.clip(SECONDS / per_row, LEAST_ROWS, height))
    samples = PixelSamples(cube, coords[: n_rows * width])
    windows = cut_windows(clf, samples)
    n_calls = math.ceil(SECONDS / (per_row * n_rows))
    np.testing.assert_allclose(
        clf.predict_proba(samples[:width]), alone.predict(windows[:width]), atol=1e-4
    )
    scale = 1e6 / len(samples)
    return [
        {
            "n_windows": len(samples),
            "window_us": scale * seconds_of(partial(clf.predict_proba, samples), n_calls),
            "network_window_us": scale * seconds_of(partial(alone.predict, windows), n_calls),
        }
        for _ in range(REPEATS)
    ]


def measure(network: str, scene: Scene, batch_size: int) -> list[dict[str, Any]]:
    """Measure an encoder: a line for each repeat."""
    X, y = scene.samples()
    split = StratifiedShuffleSplit(1, train_size=TRAINING_SHARE, random_state=0)
    train, _ = next(split.split(np.zeros(len(y)), y))
    samples, labels = X[train], y[train]
    clf = make_estimator(network, "ours", "indian-pines", 1)
    clf.set_params(spatial=None, device="cpu", random_state=0, batch_size=batch_size)
    training = measure_training(clf, samples, labels)
    alone = Alone(clf, samples[: clf.batch_size], labels[: clf.batch_size])
    n_channels = clf.net_.module__encoder_params["n_channels"]
    shape = clf.window_size_, clf.window_size_, n_channels
    known = {
        "network": network,
        "batch_size": batch_size,
        "window_size": clf.window_size_,
        "n_channels": n_channels,
        "n_multiply_adds": network_cost(alone.module.encoder, shape).n_multiply_adds,
        "environment": machine(),
        "commit": commit(),
    }
    prediction = measure_prediction(clf, alone, scene.cube)
    return [
        {**known, "repeat": repeat, **one, **other}
        for repeat, (one, other) in enumerate(zip(training, prediction, strict=True))
    ]


def medians(lines: list[dict[str, str]]) -> dict[str, dict[str, float]]:
    """Return times and ratios of every network, medians over its repeats."""
    grouped: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        grouped.setdefault(line["network"], []).append(line)
    times = ("step_ms", "network_step_ms", "window_us", "network_window_us", "start_s")
    result = {}
    for network, repeats in grouped.items():
        figures = {name: [float(line[name]) for line in repeats] for name in times}
        figures["training"] = _ratios(figures["step_ms"], figures["network_step_ms"])
        figures["prediction"] = _ratios(figures["window_us"], figures["network_window_us"])
        result[network] = {name: statistics.median(values) for name, values in figures.items()}
    return result


def _ratios(ours: list[float], alone: list[float]) -> list[float]:
    return [one / other for one, other in zip(ours, alone, strict=True)]


def render() -> str:
    """Render the page."""
    lines = read_rows(PATH)
    figures = medians(lines)
    work = {line["network"]: int(line["n_multiply_adds"]) for line in lines}
    beyond = {
        kind: [name for name, one in figures.items() if one[kind] > GOAL]
        for kind in ("training", "prediction")
    }
    missed = [f"{kind} with {', '.join(names)}" for kind, names in beyond.items() if names]
    verdict = (
        f"It is missed in {' and in '.join(missed)}."
        if missed
        else "All that are measured reach it."
    )
    header = ["network", "multiply-adds, M", "step, ms", "alone, ms", "ratio"]
    header += ["window, µs", "alone, µs", "ratio", "start, s"]
    body = [
        [
            name,
            f"{work[name] / 1e6:.2f}",
            f"{one['step_ms']:.2f}",
            f"{one['network_step_ms']:.2f}",
            f"{one['training']:.2f}",
            f"{one['window_us']:.1f}",
            f"{one['network_window_us']:.1f}",
            f"{one['prediction']:.2f}",
            f"{one['start_s']:.2f}",
        ]
        for name, one in sorted(figures.items())
    ]
    missing = [name for name in NETWORKS if name not in figures]
    smaller = {
        line["network"]: f", or {line['batch_size']} with {line['network']} (`--batch-size`)"
        for line in lines
        if line["batch_size"] != str(BATCH_SIZE)
    }
    return _TEXT.format(
        missing=f"\nNot measured yet: {', '.join(missing)}." if missing else "",
        commands=commands("python -m benchmarks.overhead", "overhead"),
        batches="".join(smaller.values()),
        batch_size=BATCH_SIZE,
        repeats=REPEATS,
        goal=GOAL,
        verdict=verdict,
        table=markdown_table(header, body),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="windows in a step")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    scene = load_indian_pines()
    for network in arguments.network:
        lines = measure(network, scene, arguments.batch_size)
        update_rows(PATH, COLUMNS, ("network", "repeat"), lines)
        one = medians(read_rows(PATH))[network]
        print(
            f"{network}: training {one['training']:.2f}, prediction {one['prediction']:.2f}",
            flush=True,
        )
    write_pages()


if __name__ == "__main__":
    main()
