"""Windows that the predictions of estimators read."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

from sklearn.dummy import DummyClassifier

from hsvlm.evaluation._baselines import CoordinateNeighbors
from hsvlm.evaluation._cost import last_step
from hsvlm.evaluation._pretraining import window_sizes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    if hasattr(last, "window_size_"):
        return int(last.window_size_)
    return int(max([largest_window([estimator]), *_fitted_windows(last)]))


def _fitted_windows(ensemble: Any, seen: frozenset[int] = frozenset()) -> Iterator[int]:
    """Yield the windows of the fitted estimators that an ensemble consists of."""
    seen |= {id(ensemble)}  # parts may refer to the whole
    for value in getattr(ensemble, "__dict__", {}).values():
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if not (hasattr(part, "predict") or hasattr(part, "predict_proba")):
                continue
            member = last_step(part)
            if hasattr(member, "window_size_"):
                yield int(member.window_size_)
            elif id(member) not in seen:
                yield from _fitted_windows(member, seen)
