"""Accuracy against the work for one window."""

from __future__ import annotations

import math
from itertools import cycle
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.palette import distinct_colors
from hsvlm._system.optional import import_optional
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._base import Display, new_axes
from hsvlm.plotting._fonts import plain
from hsvlm.plotting._legend import columns_below, height_below, text_inches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKERS = "osD^vPX*<>"
_LINES = ("-", "--", "-.", ":")
_PANEL_INCHES = 3.4
_MAX_PANELS_ACROSS = 3
_PAGE_INCHES = 7.2
_LEGEND_POINTS = 8.5
_MIN_SPREAD = 0.02  # of accuracies, so that differences without meaning do not fill a panel


class AccuracyCostDisplay(Display):
    """Overall accuracy against multiply-adds per window, a panel per protocol.

    Estimators without a network are horizontal lines, or named where they lie far below all
    networks; those without an accuracy are left out. Bars are standard deviations over the splits.

    Parameters
    ----------
    rows : list of dict
        ``estimator``, ``protocol``, ``verdict``, ``overall_accuracy`` and
        ``overall_accuracy_deviation`` in [0, 1], and ``n_multiply_adds``, as
        :meth:`hsvlm.evaluation.ComparisonTable.rows` returns them.

    Attributes
    ----------
    ax_ : matplotlib Axes or ndarray of them
        One per protocol, after :meth:`plot`.
    figure_ : matplotlib Figure
        Their figure.

    Examples
    --------
    >>> from hsvlm.plotting import AccuracyCostDisplay
    >>> row = {
    ...     "estimator": "vit",
    ...     "protocol": "blocks",
    ...     "verdict": "honest",
    ...     "overall_accuracy": 0.7,
    ...     "overall_accuracy_deviation": 0.05,
    ...     "n_multiply_adds": 4_000_000,
    ... }
    >>> AccuracyCostDisplay([row]).plot().ax_.get_title()
    'blocks (honest)'
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows

    @classmethod
    def from_table(cls, table: Any, *, ax: Any = None) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        table : ComparisonTable
            See :class:`hsvlm.evaluation.ComparisonTable`.
        ax : matplotlib Axes or array of them, default=None
            Where to draw, one per protocol; None makes a figure.

        Returns
        -------
        AccuracyCostDisplay
            Drawn.

        Raises
        ------
        DataError
            If no estimator has an accuracy.
        ParameterError
            If the number of axes is not that of the protocols.
        """
        return cls(table.rows()).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Where to draw, one per protocol; None makes a figure with a legend below.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.

        Raises
        ------
        DataError
            If no estimator has an accuracy.
        ParameterError
            If the number of axes is not that of the protocols.
        """
        rows = [row for row in self.rows if row["overall_accuracy"] is not None]
        if not rows:
            raise DataError(
                "No estimator has an accuracy, so there is nothing to draw. The rows of the table "
                "say why."
            )
        protocols = list(dict.fromkeys(row["protocol"] for row in rows))
        styles = _styles(rows)
        axes, columns = _panels(ax, len(protocols), list(styles))
        floor = _floor(rows)
        for panel, protocol in zip(axes, protocols, strict=True):
            chosen = [row for row in rows if row["protocol"] == protocol]
            _draw_panel(panel, chosen, styles, floor)
            spec = panel.get_subplotspec()
            if spec is None or spec.is_first_col():
                panel.set_ylabel("overall accuracy (%)")
        handles = _legend_handles(styles)
        if columns is None:
            axes[-1].legend(handles=handles, fontsize=_LEGEND_POINTS)
        else:
            axes[0].figure.legend(
                handles=handles,
                loc="outside lower center",
                ncols=columns,
                frameon=False,
                fontsize=_LEGEND_POINTS,
            )
        self._keep(axes[0])
        if len(axes) > 1:
            self.ax_ = axes
        return self


def _styles(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return color and marker of each network, and the dashes of each other estimator."""
    has_cost = {row["estimator"]: False for row in rows}
    for row in rows:
        has_cost[row["estimator"]] |= row["n_multiply_adds"] is not None
    networks = [name for name, is_network in has_cost.items() if is_network]
    markers = dict(
        zip(networks, zip(distinct_colors(len(networks)), cycle(_MARKERS)), strict=False)
    )
    others = [name for name, is_network in has_cost.items() if not is_network]
    lines = dict(zip(others, cycle(_LINES), strict=False))
    return {
        name: {"color": markers[name][0], "marker": markers[name][1], "linestyle": "none"}
        if name in markers
        else {"color": "0.45", "linestyle": lines[name], "linewidth": 1.2}
        for name in has_cost
    }


def _panels(ax: Any, n_panels: int, names: list[str]) -> tuple[Any, int | None]:
    """Return axes, and the columns of a legend below a new figure."""
    if ax is not None:
        axes = np.array(ax, dtype=object).ravel()
        if axes.size != n_panels:
            raise ParameterError(
                f"There are {n_panels} protocols, and {axes.size} axes. Pass one for each, or "
                "ax=None for a new figure."
            )
        return axes, None
    across = n_panels if n_panels <= _MAX_PANELS_ACROSS else 2
    down = math.ceil(n_panels / across)
    width = max(min(_PANEL_INCHES * across, _PAGE_INCHES), text_inches(names) + 1.0)
    columns = columns_below(names, width - 0.3, has_lines=True)
    size = (width, _PANEL_INCHES * down + height_below(names, columns))
    grid: dict[str, Any] = {"nrows": down, "ncols": across, "sharey": True, "squeeze": False}
    made = new_axes(None, size, layout="constrained", **grid).ravel()
    for unused in made[n_panels:]:
        unused.remove()
    return made[:n_panels], columns


def _floor(rows: Sequence[Mapping[str, Any]]) -> float:
    """Return the percentage below which lines would squeeze the networks into half a panel."""
    networks = [row for row in rows if row["n_multiply_adds"] is not None]
    lows = [row["overall_accuracy"] - (row["overall_accuracy_deviation"] or 0) for row in networks]
    if not lows:
        return 0.0
    top = max(row["overall_accuracy"] for row in rows)
    return float(100 * (min(lows) - max(top - min(lows), _MIN_SPREAD)))


def _draw_panel(
    ax: Any,
    rows: Sequence[Mapping[str, Any]],
    styles: Mapping[str, Mapping[str, Any]],
    floor: float,
) -> None:
    below = []
    for row in rows:
        percent = 100 * row["overall_accuracy"]
        style = styles[row["estimator"]]
        if row["n_multiply_adds"] is not None:
            deviation = row["overall_accuracy_deviation"]
            bar = None if deviation is None else 100 * deviation
            ax.errorbar(row["n_multiply_adds"], percent, bar, capsize=2.5, zorder=2, **style)
        elif percent >= floor:
            ax.axhline(percent, zorder=1, **style)
        else:
            below.append(f"{percent:.1f}: {row['estimator']}")
    if below:
        text = "\n".join(["below this panel:", *below])
        ax.text(0.03, 0.03, text, transform=ax.transAxes, fontsize=7.5, color="0.35")
        ax.set_ylim(bottom=floor)
    verdicts = " and ".join(dict.fromkeys(row["verdict"] for row in rows))
    ax.set_title(f"{rows[0]['protocol']} ({verdicts})", fontsize=10)
    ax.set(xscale="log", xlabel="multiply-adds per window")
    ax.grid(alpha=0.25, linewidth=0.6)


def _legend_handles(styles: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    line = import_optional("matplotlib.lines", "plot").Line2D
    return [line([], [], label=plain(name), **style) for name, style in styles.items()]
