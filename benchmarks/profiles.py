"""Where the time of training and prediction goes, operation by operation.

``python -m benchmarks.profiles`` profiles both on one core, writes the shares to
``benchmarks/results/profiles/profiles.csv`` under the name that ``--name`` gives, and renders the
pages anew; ``--former`` takes the former default settings.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit
from torch.profiler import ProfilerActivity, profile

from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, commit, read_rows, update_rows
from benchmarks.variants import FORMER
from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import markdown_table
from hsvlm.evaluation._folds import describe_environment

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = RESULTS / "profiles" / "profiles.csv"
COLUMNS = ("state", "step", "operations", "seconds", "environment", "commit")
# The first group of which a part occurs in the name of an operation.
GROUPS = {
    "products of matrices": ("mm", "linear"),
    "attention": ("attention", "softmax", "exp2", "NarrowHeads"),
    "normalization of layers": ("layer_norm",),
    "GELU": ("gelu",),
    "optimizer": ("adam", "_foreach", "addcmul", "addcdiv", "lerp", "sqrt"),
    "copies and gathering": ("copy_", "cat", "index", "gather", "clone", "fill_", "zero_", "flip"),
}
OTHERS = "other operations"
REST = "Python and scikit-learn"

_TEXT = """## Profiles

{commands}

Share of wall time in percent on one core: two epochs on a random tenth of the labeled pixels of
Indian Pines, preparations included, and the prediction of the scene window by window. Time that
torch's profiler sees in no operation counts as Python. *before*: the package before attention and
threads were looked at (the parent of commit 6f7e20c), with its default settings; *now, same
network*: the same settings today; *now*: today's default. Last row: wall time over that of the
first column, with the profiler on.

Training:

{training}

Prediction:

{prediction}

The profiler slows Python down, so that its share is an upper bound; what two cores gain is in the
table of speeds. What changed on one core: the last layer computes the class token alone, the
optimizer is fused, and a batch has two parts, for the sake of more cores: one core has twice as
many operations to call for it. What is left in training, besides the products: many small
operations of a few microseconds each, and the Python that calls them.
"""


def shares(function: Callable[[], Any]) -> dict[str, float]:
    """Seconds of a call in each group of operations."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        start = time.perf_counter()
        function()
        seconds = time.perf_counter() - start
    times = dict.fromkeys([*GROUPS, OTHERS], 0.0)
    for event in profiled.key_averages():
        if event.key.startswith("Optimizer.step"):
            # The whole step, whose own time is Python's.
            continue
        parts = ((group, part) for group, names in GROUPS.items() for part in names)
        group = next((group for group, part in parts if part in event.key), OTHERS)
        times[group] += event.self_cpu_time_total / 1e6
    times[REST] = seconds - sum(times.values())
    return times


def measure(former: bool) -> dict[str, dict[str, float]]:
    """Profiles of a training and of a prediction."""
    torch.set_num_threads(1)
    scene = load_indian_pines()
    X, y = pixel_samples(scene.cube, scene.labels)
    split = StratifiedShuffleSplit(1, train_size=0.1, random_state=0)
    train, _ = next(split.split(np.zeros(len(y)), y))
    known = HSIPromptClassifier().get_params()
    settings: dict[str, Any] = {**(FORMER if former else {}), "spatial": None, "max_epochs": 2}
    fixed: dict[str, Any] = {"prompts": "indian-pines", "random_state": 0, "device": "cpu"}
    taken = {name: one for name, one in settings.items() if name in known}
    clf = HSIPromptClassifier(**taken, **fixed).fit(X[train], y[train])
    return {
        "training": shares(lambda: clf.fit(X[train], y[train])),
        "prediction": shares(lambda: clf.predict(scene.cube)),
    }


def table(step: str) -> str:
    """A column for every state."""
    states: dict[str, dict[str, float]] = {}
    for line in read_rows(PATH):
        if line["step"] == step:
            states.setdefault(line["state"], {})[line["operations"]] = float(line["seconds"])
    totals = [sum(seconds.values()) for seconds in states.values()]
    rows = [
        [
            name,
            *(
                f"{100 * seconds[name] / total:.0f}"
                for seconds, total in zip(states.values(), totals, strict=True)
            ),
        ]
        for name in [*GROUPS, OTHERS, REST]
    ]
    rows.append(["time", *(f"{total / totals[0]:.2f}" for total in totals)])
    return markdown_table(["", *states], rows)


def render() -> str:
    return _TEXT.format(
        commands=commands("python -m benchmarks.profiles --name now", "profiles"),
        training=table("training"),
        prediction=table("prediction"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="now", help="name of the state of the package")
    parser.add_argument("--former", action="store_true", help="the former default settings")
    given = parser.parse_args()
    rows = [
        {
            "state": given.name,
            "step": step,
            "operations": operations,
            "seconds": seconds,
            "environment": describe_environment(),
            "commit": commit(),
        }
        for step, times in measure(given.former).items()
        for operations, seconds in times.items()
    ]
    update_rows(PATH, COLUMNS, ("state", "step", "operations"), rows)
    write_pages()


if __name__ == "__main__":
    main()
