"""Windows that the predictions of estimators read."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from sklearn.dummy import DummyClassifier

from hsvlm.evaluation._baselines import CoordinateNeighbors
from hsvlm.evaluation._cost import last_step
from hsvlm.evaluation._pretraining import window_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["largest_window", "window_of"]


def largest_window(estimators: Iterable[Any]) -> int:
    """Return the side of the largest window that estimators are set to read, or 1."""
    sizes = [
        value
        for estimator in estimators
        for value in window_sizes(estimator)
        if isinstance(value, Integral)
    ]
    return int(max(sizes, default=1))


def window_of(estimator: Any) -> int | None:
    """Return the side of the window that a fitted estimator reads; None if it reads no spectra."""
    last = last_step(estimator)
    if isinstance(last, (CoordinateNeighbors, DummyClassifier)):
        return None
    return int(getattr(last, "window_size_", largest_window([estimator])))
