"""Where the time of training and prediction goes, operation by operation.

``python -m benchmarks.profiles`` profiles both on one core and keeps the shares in
``benchmarks/results/profiles`` under the name that ``--name`` gives; ``--former`` takes the former
default settings. The table of all that are kept goes to ``benchmarks/results/speed_profiles.md``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit
from torch.profiler import ProfilerActivity, profile

from benchmarks.page import write_page
from benchmarks.variants import FORMER
from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import markdown_table

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results"
RUNS = RESULTS / "profiles"
# The first group of which a part occurs in the name of an operation.
GROUPS = {
    "products of matrices": ("mm", "linear"),
    "attention": ("attention", "softmax", "exp2", "NarrowHeads"),
    "normalisation of layers": ("layer_norm",),
    "GELU": ("gelu",),
    "optimiser": ("adam", "_foreach", "addcmul", "addcdiv", "lerp", "sqrt"),
    "copies and gathering": ("copy_", "cat", "index", "gather", "clone", "fill_", "zero_", "flip"),
}
OTHERS = "other operations"
REST = "Python and scikit-learn"

_TEXT = """## Profiles

`{command}`

Share of wall time in percent on one core: two epochs on a random tenth of the labelled pixels of
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
optimiser is fused, and a batch has two parts, for the sake of more cores: one core has twice as
many operations to call for it. What is left in training, besides the products: many small
operations of a few microseconds each, and the Python that calls them.
"""


def shares(function: Callable[[], Any]) -> dict[str, float]:
    """Percent of the wall time of a call in each group, and its seconds."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        start = time.perf_counter()
        function()
        seconds = time.perf_counter() - start
    times = dict.fromkeys([*GROUPS, OTHERS], 0.0)
    for event in found.key_averages():
        if event.key.startswith("Optimizer.step"):
            # The whole step, whose own time is Python's.
            continue
        parts = ((group, part) for group, names in GROUPS.items() for part in names)
        group = next((group for group, part in parts if part in event.key), OTHERS)
        times[group] += event.self_cpu_time_total / 1e6
    times[REST] = seconds - sum(times.values())
    return {**{name: 100 * one / seconds for name, one in times.items()}, "seconds": seconds}


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


def table(runs: dict[str, Any], step: str) -> str:
    """A column for every run."""
    first = next(iter(runs.values()))[step]
    rows = [[name, *(f"{one[step][name]:.0f}" for one in runs.values())] for name in first]
    rows[-1] = [
        "time",
        *(f"{one[step]['seconds'] / first['seconds']:.2f}" for one in runs.values()),
    ]
    return markdown_table(["", *runs], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="now", help="what the figures are kept under")
    parser.add_argument("--former", action="store_true", help="the former default settings")
    given = parser.parse_args()
    RUNS.mkdir(exist_ok=True)
    path = RUNS / f"{given.name}.json"
    path.write_text(json.dumps(measure(given.former), indent=1) + "\n", encoding="utf-8")
    order = ["before", "now, same network", "now"]
    names = [name for name in order if (RUNS / f"{name}.json").is_file()]
    runs = {name: json.loads((RUNS / f"{name}.json").read_text()) for name in names}
    text = _TEXT.format(
        command=f"python -m benchmarks.profiles --name {given.name}",
        training=table(runs, "training"),
        prediction=table(runs, "prediction"),
    )
    print(text)
    (RESULTS / "speed_profiles.md").write_text(text, encoding="utf-8")
    write_page()


if __name__ == "__main__":
    main()
