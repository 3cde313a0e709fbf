"""Fail if training or prediction have become much slower, compared within one run.

``python -m benchmarks.speed_gate`` measures some of the ratios of ``benchmarks.speed`` in about two
minutes. The machine does not matter much, because each ratio compares with what the same machine
reaches in the same run, on two threads at most. A ratio beyond its limit is measured again, up to
three times in all: a busy machine slows one measurement, a slow program slows all of them.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit

from benchmarks.speed import ROWS, attention, prediction, product_rate, training
from hsvlm.datasets import load_indian_pines

ATTEMPTS = 3
REPEATS = 3


class Limit(NamedTuple):
    """The range in which a ratio has to lie."""

    low: float = -np.inf
    high: float = np.inf

    def holds(self, value: float) -> bool:
        """Whether a value lies in the range; NaN does not."""
        return self.low <= value <= self.high

    def better(self, one: float, other: float) -> float:
        """Return the value that is farther from the limit."""
        return max(one, other) if np.isfinite(self.low) else min(one, other)


# Between the last column of the table in benchmarks/results/speed.md and its first, "before", which
# was the state without the measures described there. Losing any of them fails.
LIMITS = {
    "predict_limit": Limit(high=5.0),  # last 2.5, before 7.8
    "predict_loop": Limit(low=5.0),  # last 12.4, before 3.5
    "predict_same": Limit(low=99.9),
    "train_limit": Limit(high=7.0),  # last 4.0, before 7.3
    "attention_forward": Limit(low=1.4),  # last 2.0, before 1.0
    "attention_gradient": Limit(low=1.35),  # last 2.1, before 1.2
    "attention_difference": Limit(high=10.0),
}


def measure() -> dict[str, float]:
    """Measure every ratio that has a limit; the mean where there are several values."""
    scene = load_indian_pines()
    X, y = scene.samples()
    split = StratifiedShuffleSplit(1, train_size=0.1, random_state=0)
    train, _ = next(split.split(np.zeros(len(y)), y))
    n_threads = torch.get_num_threads()
    rates = [product_rate(n_threads)]
    trained, _, clf = training(X[train], y[train], 1 + REPEATS, spatial=None)
    rates.append(product_rate(n_threads))
    predicted, figures = prediction(clf, scene.cube, REPEATS)
    figures |= attention(2 * REPEATS)
    rates.append(product_rate(n_threads))
    figures["train_limit"] = max(rates) / trained
    figures["predict_limit"] = max(rates) / predicted
    return {name: float(np.mean(figures[name])) for name in LIMITS}


def beyond(figures: dict[str, float]) -> list[str]:
    """Return the names of the ratios that are beyond their limits."""
    return [name for name, limit in LIMITS.items() if not limit.holds(figures[name])]


def main() -> None:
    """Measure, print every ratio with its limit, and exit with 1 if one is beyond it."""
    torch.set_num_threads(min(2, torch.get_num_threads()))
    figures = measure()
    for _ in range(ATTEMPTS - 1):
        if not beyond(figures):
            break
        print(f"Measuring again: {', '.join(beyond(figures))}", flush=True)
        again = measure()
        figures = {name: LIMITS[name].better(figures[name], again[name]) for name in LIMITS}
    titles = {key: title for title, key in ROWS.items()}
    failed = beyond(figures)
    for name, (low, high) in LIMITS.items():
        bound = f"at least {low:g}" if np.isfinite(low) else f"at most {high:g}"
        verdict = "FAILED" if name in failed else "ok"
        print(f"{verdict:7}{figures[name]:8.2f}  ({bound})  {titles[name]}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
