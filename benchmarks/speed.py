"""How far training and prediction are from what the machine could do at best.

``python -m benchmarks.speed`` measures on Indian Pines and prints ratios. The limit is the number
of multiplications and additions that the network needs, over the rate at which this machine forms
products of matrices in the same run; what is compared with is measured in the same run, too. The
figures go to ``benchmarks/results/speed/figures.csv`` under the name that ``--name`` gives, with
those of earlier states of the package, and the pages are rendered anew.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import GridSearchCV, StratifiedKFold, StratifiedShuffleSplit
from torch.nn import functional

from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, commit, read_rows, write_rows
from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import markdown_table
from hsvlm.evaluation._folds import describe_environment
from hsvlm.samples import PixelSamples
from hsvlm.vision._attention import attention as narrow_attention

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

PATH = RESULTS / "speed" / "figures.csv"
COLUMNS = ("state", "figure", "repeat", "value", "environment", "commit")
PAPER: dict[str, Any] = {
    **HSIPromptClassifier.from_preset("paper-indian-pines").get_params(deep=False),
    "text_encoder": "all-MiniLM-L6-v2",
}
ROWS = {
    "product rate, one thread (GFLOP/s)": "rate_one",
    "product rate, all threads (GFLOP/s)": "rate_all",
    "prediction of the scene: time / limit": "predict_limit",
    "prediction: loop over windows / ours": "predict_loop",
    "prediction: labels that are those of the loop (%)": "predict_same",
    "prediction: read out of the scene / window by window": "readout",
    "prediction: single precision / bfloat16": "predict_bfloat16",
    "prediction: labels that are those of single precision (%)": "same_bfloat16",
    "training: time / limit": "train_limit",
    "training: share outside of network and optimizer (%)": "train_overhead",
    "training: single precision / bfloat16": "train_bfloat16",
    "attention of the paper's setting, forward: fused kernel / ours": "attention_forward",
    "attention of the paper's setting, with gradient: fused kernel / ours": "attention_gradient",
    "attention: largest difference from the fused kernel (1e-6)": "attention_difference",
    "training in the paper's setting: time / limit": "paper_limit",
    "grid search: one worker / two workers": "workers",
    "grid search: one worker on one core / two workers": "workers_one_core",
}

_TEXT = """## Speed

{commands}

Ratios, with mean and standard deviation over repeats in one run. The limit is the number of
multiplications and additions that the network needs, three times as many in training as in
prediction, over the rate of products of square matrices of 1,024 rows on all cores, in single
precision: the best of four measurements in the run, of one in the first three columns. Prediction
is that of all 21,025 pixels of Indian Pines, from the cube to the label map; the loop passes one
window at a time through the same network. Training is that of default settings on a random tenth of
the labeled pixels, after its first epoch; *before* and *parts* had those of their time, a
transformer on windows of 15 pixels in patches of 3, the others have the present ones, *small
windows* with the parts of *parts*. The paper's setting has a window of 33 pixels and 16 heads of
width 4, and 256 of these samples. Attention is measured on one core, for 32 windows. The grid
search has two settings, two folds of a random tenth, and twenty epochs, eight in the first two
columns; one worker uses more than one core by itself in all columns but the first. *bfloat16* is
`precision="bfloat16"`, measured on a processor with AVX-512 BF16; its labels of the scene are
compared for the same weights.

{table}

What was slow in the column *before*, and what changed:

- Batches were computed on one thread, because operations on 32 windows are over before a second
  thread has joined in. Now every thread has a part of the batch, and the parts meet once per pass.
- In predictions, 512 windows at a time overflowed the cache. Parts of predictions now hold 32,768
  pixels, or 145 windows.
- Attention with heads of width 4 spent its time in products with four columns, which fill a quarter
  of a vector register, and in exponentials. Products now have the tokens as their long side, and
  powers of two, which torch computes faster than exponentials, take their place.
- AdamW stepped from parameter to parameter in Python; its fused form does not.
- Batches of 64 small windows made four parts (*small windows*). More parts than cores take longer,
  since each is so many more small operations; they make two now (*two parts*).

What is left of a training step: products of small matrices, below the rate of large square ones;
attention, normalization, GELU and copies between layouts, each bound by memory and by the cost of
calling many small operations, in which threads of Python get in each other's way.
"""


def timed(function: Callable[[], Any], repeats: int) -> NDArray[np.float64]:
    """Seconds of every call but the first."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return np.array(seconds[1:])


def product_rate(n_threads: int) -> float:
    """Floating-point operations per second in products of square matrices."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    matrix = torch.randn(1024, 1024)
    seconds = timed(lambda: matrix @ matrix, 40)
    torch.set_num_threads(before)
    return float(2 * 1024**3 / np.median(seconds))


def operations(model: Any) -> int:
    """Operations that one window needs: the last layer is wanted for the class token alone."""
    encoder = model.encoder
    width, n_patch_values = encoder.n_features, encoder.embed.in_features
    n_tokens = encoder.positions.shape[1]
    n_patches = n_tokens - 1
    total = n_patches * n_patch_values * width
    for number, block in enumerate(encoder.blocks, start=1):
        wanted = 1 if number == len(encoder.blocks) else n_tokens
        total += (wanted + 2 * n_tokens) * width**2  # query, key and value
        total += 2 * wanted * n_tokens * width  # scores and mixture
        total += wanted * (width**2 + 2 * width * block.mlp[0].out_features)
    total += width * model.text_embeddings.shape[1]
    return 2 * int(total)


class Clock:
    """Adds up the time in some methods of an object."""

    def __init__(self, owner: type, *names: str) -> None:
        self.seconds = 0.0
        self._owner, self._methods = owner, {name: getattr(owner, name) for name in names}

    def __enter__(self) -> Clock:
        for name, method in self._methods.items():

            def call(*args: Any, method: Any = method, **kwargs: Any) -> Any:
                start = time.perf_counter()
                try:
                    return method(*args, **kwargs)
                finally:
                    self.seconds += time.perf_counter() - start

            setattr(self._owner, name, call)
        return self

    def __exit__(self, *_: object) -> None:
        for name, method in self._methods.items():
            setattr(self._owner, name, method)


def classifier(**changes: Any) -> HSIPromptClassifier:
    fixed = {"prompts": "indian-pines", "random_state": 0, "device": "cpu"}
    return HSIPromptClassifier(**{**changes, **fixed})


def training(X: PixelSamples, y: Any, n_epochs: int, **changes: Any) -> Any:
    """Operations per second in later epochs, the share outside the network, the classifier."""
    from hsvlm._training import net as _net

    with (
        Clock(_net._AlignmentNet, "train_step_single") as network,
        Clock(torch.optim.AdamW, "step") as optimizer,
    ):
        clf = classifier(**{**changes, "max_epochs": n_epochs}).fit(X, y)
    epochs = np.array(clf.history_[:, "dur"])
    # A step of the optimizer calls for the gradients, which are the network's.
    busy = max(optimizer.seconds, network.seconds)
    needed = 3 * len(y) * operations(clf.net_.module_)
    return needed / epochs[1:], 100 * (1 - busy / epochs.sum()), clf


def prediction(clf: Any, cube: NDArray[Any], repeats: int) -> tuple[Any, dict[str, Any]]:
    """Operations per second in a whole scene, and the time of a loop over windows over ours."""
    seconds = timed(lambda: clf.predict(cube), repeats)
    n_pixels = cube.shape[0] * cube.shape[1]
    rng = np.random.default_rng(0)
    some = rng.permutation(np.argwhere(np.ones(cube.shape[:2], dtype=bool)))[:600]
    reduced = clf.preprocessing_.transform(cube).astype(np.float32)
    windows = torch.from_numpy(PixelSamples(reduced, some).windows(clf.window_size_))
    module = clf.net_.module_

    @torch.inference_mode()
    def loop() -> list[int]:
        return [int(module(one[None]).argmax()) for one in windows]

    per_window = timed(loop, repeats) / len(windows)
    same = clf.classes_[loop()] == clf.predict(PixelSamples(cube, some))
    found = {
        "predict_loop": n_pixels * per_window / seconds.mean(),
        "predict_same": 100 * same.mean(),
    }
    return n_pixels * operations(module) / seconds, found


def bfloat16(X: PixelSamples, y: Any, cube: NDArray[Any], repeats: int) -> dict[str, Any]:
    """Seconds of epochs and of the scene over those in bfloat16, and labels that stay."""
    clfs = [
        classifier(max_epochs=1 + repeats, spatial=None, precision=precision).fit(X, y)
        for precision in ("float32", "bfloat16")
    ]
    epochs = [np.array(clf.history_[1:, "dur"]) for clf in clfs]
    weights = [clf.net_.module_.state_dict() for clf in clfs]
    clfs[1].net_.module_.load_state_dict(weights[0])
    turns = [[timed(partial(clf.predict, cube), 1)[0] for clf in clfs] for _ in range(repeats)]
    scene = np.array(turns).T
    one, other = (clf.predict(cube) for clf in clfs)
    return {
        "train_bfloat16": epochs[0].mean() / epochs[1],
        "predict_bfloat16": scene[0] / scene[1],
        "same_bfloat16": 100 * (one == other).mean(),
    }


def attention(repeats: int) -> dict[str, Any]:
    """The fused kernel of torch over ours, for 32 windows of 33 pixels and 16 heads of width 4."""
    qkv = torch.randn(32, 122, 192, requires_grad=True)

    def fused(qkv: Any) -> Any:
        query, key, value = qkv.view(32, 122, 3, 16, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).flatten(2)

    ours = partial(narrow_attention, n_heads=16)
    difference = float((fused(qkv) - ours(qkv)).detach().abs().max())
    upstream = torch.randn(32, 122, 64)

    def gradient(function: Callable[[Any], Any]) -> Any:
        return torch.autograd.grad(function(qkv), qkv, upstream)

    ratios: dict[str, list[float]] = {"attention_forward": [], "attention_gradient": []}
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    # Turn by turn, so that a machine that slows down does so for both.
    for _ in range(repeats):
        with torch.inference_mode():
            forward = [np.median(timed(partial(one, qkv.detach()), 10)) for one in (fused, ours)]
        backward = [np.median(timed(partial(gradient, one), 10)) for one in (fused, ours)]
        ratios["attention_forward"].append(forward[0] / forward[1])
        ratios["attention_gradient"].append(backward[0] / backward[1])
    torch.set_num_threads(before)
    return {**ratios, "attention_difference": 1e6 * difference}


def workers(X: PixelSamples, y: Any, repeats: int) -> dict[str, Any]:
    """Seconds of a small search with one worker, on all cores and on one, over those with two."""
    search = GridSearchCV(
        classifier(max_epochs=20, spatial=None),
        {"lr": [5e-4, 1e-3]},
        cv=StratifiedKFold(2),
        refit=False,
    )
    before = torch.get_num_threads()
    seconds = {}
    for name, n_jobs, n_threads in (("all", 1, before), ("one", 1, 1), ("two", 2, before)):
        search.set_params(n_jobs=n_jobs)
        torch.set_num_threads(n_threads)
        seconds[name] = timed(partial(search.fit, X, y), repeats)
        torch.set_num_threads(before)
    return {
        "workers": seconds["all"].mean() / seconds["two"],
        "workers_one_core": seconds["one"].mean() / seconds["two"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="now", help="name of the state of the package")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    scene = load_indian_pines()
    X, y = scene.samples()
    split = StratifiedShuffleSplit(1, train_size=0.1, random_state=0)
    train, _ = next(split.split(np.zeros(len(y)), y))
    n_threads = torch.get_num_threads()
    found: dict[str, Any] = {"rate_one": product_rate(1) / 1e9}
    rates, achieved = [product_rate(n_threads)], {}
    achieved["train_limit"], found["train_overhead"], clf = training(
        X[train], y[train], 1 + given.repeats, spatial_params={"weights": (0.5, 0.5)}
    )
    rates.append(product_rate(n_threads))
    whole = timed(lambda: clf.predict(scene.cube), given.repeats)
    clf.set_params(spatial=None)
    achieved["predict_limit"], others = prediction(clf, scene.cube, given.repeats)
    found |= others
    rates.append(product_rate(n_threads))
    found["readout"] = whole / timed(lambda: clf.predict(scene.cube), given.repeats).mean()
    found |= bfloat16(X[train], y[train], scene.cube, given.repeats)
    found |= attention(4 * given.repeats)
    achieved["paper_limit"], _, _ = training(X[train][:256], y[train][:256], 3, **PAPER)
    # The limit is what the machine can do; others on the same host slow it down at times.
    rates.append(product_rate(n_threads))
    found["rate_all"] = max(rates) / 1e9
    found |= {name: max(rates) / one for name, one in achieved.items()}
    found |= workers(X[train], y[train], 3)
    write(given.name, {name: np.atleast_1d(one).tolist() for name, one in found.items()})
    write_pages()


def write(state: str, figures: dict[str, list[float]]) -> None:
    """Replace the figures of one state of the package."""
    rows = [
        {
            "state": state,
            "figure": figure,
            "repeat": repeat,
            "value": value,
            "environment": describe_environment(),
            "commit": commit(),
        }
        for figure, values in figures.items()
        for repeat, value in enumerate(values)
    ]
    others = [line for line in read_rows(PATH) if line["state"] != state]
    write_rows(PATH, COLUMNS, [*others, *rows])


def render() -> str:
    lines = read_rows(PATH)
    last = lines[-1]["state"]
    return _TEXT.format(
        commands=commands(f"python -m benchmarks.speed --name {last!r}", "speed"),
        table=table(lines),
    )


def table(lines: list[dict[str, str]]) -> str:
    """A column for every state, with mean and standard deviation of its repeats."""
    values: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        values.setdefault((line["state"], line["figure"]), []).append(float(line["value"]))
    states = {line["state"]: line["environment"] for line in lines}

    def cell(repeats: list[float]) -> str:
        if not repeats:
            return ""
        mean = f"{np.mean(repeats):.2f}"
        return mean if len(repeats) < 2 else f"{mean} ± {np.std(repeats, ddof=1):.2f}"

    rows = [
        [title, *(cell(values.get((state, figure), [])) for state in states)]
        for title, figure in ROWS.items()
    ]
    machines = [f"- *{state}*: {environment}" for state, environment in states.items()]
    return "\n".join([markdown_table(["", *states], rows), "", *machines])


if __name__ == "__main__":
    main()
