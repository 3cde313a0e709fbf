"""Few, round ticks for coordinates. Imports matplotlib: import it where something is drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import Formatter, MaxNLocator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_MAX_TICKS = 4
# Eastings and northings are long, and labels at the corners would meet.
_INCHES_PER_TICK = 0.75
_MARGIN = 0.09


class CoordinateLocator(MaxNLocator):
    """Ticks at round coordinates, not close to the ends of an axis."""

    def __init__(self) -> None:
        super().__init__(steps=[1, 2, 5, 10], min_n_ticks=2)
        self._most = _MAX_TICKS

    def __call__(self) -> Sequence[float]:
        """Return the ticks for the size and limits of the axis."""
        axes = self.axis.axes  # type: ignore[union-attr]
        box = axes.get_window_extent()
        is_x = self.axis is axes.xaxis
        inches = (box.width if is_x else box.height) / axes.figure.dpi
        self._most = int(np.clip(inches / _INCHES_PER_TICK, 1, _MAX_TICKS))
        return super().__call__()

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """Return the ticks between two values."""
        low, high = sorted((vmin, vmax))
        margin = _MARGIN * (high - low)
        chosen = np.empty(0)
        for n_intervals in range(1, 2 * _MAX_TICKS):
            self.set_params(nbins=n_intervals)
            ticks = np.asarray(super().tick_values(low, high))
            ticks = ticks[(ticks >= low + margin) & (ticks <= high - margin)]
            if len(chosen) < len(ticks) <= self._most:
                chosen = ticks
            elif len(ticks) > self._most and not len(chosen):
                chosen = ticks[[len(ticks) // 2]]
        return chosen


class CoordinateFormatter(Formatter):
    """Thousands apart, and as many decimals as the distance of the ticks needs."""

    def __init__(self) -> None:
        self._ticks = np.empty(0)

    def set_locs(self, locs: Any) -> None:
        """Keep the ticks, before any of them is formatted."""
        self._ticks = np.sort(np.asarray(locs, dtype=float))

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the text of a tick."""
        step = np.diff(self._ticks).min() if len(self._ticks) > 1 else 0.0
        decimals = max(0, math.ceil(-math.log10(step) - 1e-6)) if step > 0 else _decimals(x)
        return f"{x:,.{decimals}f}"


def _decimals(value: float) -> int:
    return len(f"{value:.9f}".rstrip("0").partition(".")[2])
