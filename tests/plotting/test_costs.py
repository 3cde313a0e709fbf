"""Accuracy against multiply-adds."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting import AccuracyCostDisplay


def row(name, protocol, accuracy, cost, deviation=0.02):
    return {
        "estimator": name,
        "protocol": protocol,
        "verdict": "flattering" if protocol == "random-10" else "honest",
        "overall_accuracy": accuracy,
        "overall_accuracy_deviation": deviation,
        "n_multiply_adds": cost,
    }


@pytest.fixture
def rows():
    return [
        row("vit", "random-10", 0.98, 4e6),
        row("vit", "blocks", 0.70, 4e6),
        row("mlp", "random-10", 0.85, 8e4, deviation=None),
        row("mlp", "blocks", None, None),
        row("svm", "random-10", 0.80, None),
        row("svm", "blocks", 0.65, None),
    ]


class Table:
    def __init__(self, rows):
        self._rows = rows

    def rows(self):
        return self._rows


def points(ax):
    """Places of the estimators, without error bars and lines across the panel."""
    lines = [
        line for line in ax.lines if line.get_marker() in "osD^vPX*<>" and len(line.get_xdata())
    ]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


@pytest.mark.slow
def test_panels_stand_next_to_each_other(rows):
    display = AccuracyCostDisplay.from_table(Table(rows))
    first, second = display.ax_
    assert [ax.get_title() for ax in display.ax_] == ["random-10 (flattering)", "blocks (honest)"]
    assert points(first) == [(4e6, 98.0), (8e4, 85.0)]
    assert points(second) == [(4e6, 70.0)]
    assert first.get_xscale() == second.get_xscale() == "log"
    assert first.get_ylim() == second.get_ylim()
    across = [line for line in second.lines if list(line.get_xdata()) == [0, 1]]
    assert [line.get_ydata()[0] for line in across] == [65.0]


@pytest.mark.slow
def test_lines_far_below_are_named_instead(rows):
    low = [row("majority", name, 0.1, None) for name in ("random-10", "blocks")]
    display = AccuracyCostDisplay([*rows, *low]).plot()
    for ax in display.ax_:
        assert [text.get_text() for text in ax.texts] == ["below this panel:\n10.0: majority"]
        # Networks from 68 to 98 fill the upper half of the panel.
        assert ax.get_ylim()[0] == pytest.approx(68 - 30)
    assert not any(ax.texts for ax in AccuracyCostDisplay(rows).plot().ax_)
    alone = AccuracyCostDisplay(low).plot()
    assert not any(ax.texts for ax in alone.ax_)


def test_the_legend_names_what_is_drawn(rows):
    display = AccuracyCostDisplay(rows).plot()
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["vit", "mlp", "svm"]


def test_deviations_are_bars(rows):
    display = AccuracyCostDisplay(rows).plot()
    (bars,) = display.ax_[1].collections
    np.testing.assert_allclose(bars.get_segments()[0], [[4e6, 68], [4e6, 72]])


def test_one_protocol_has_one_axes(rows):
    display = AccuracyCostDisplay([one for one in rows if one["protocol"] == "blocks"]).plot()
    assert display.ax_.get_title() == "blocks (honest)"


def test_given_axes(rows):
    axes = Figure().subplots(1, 2)
    display = AccuracyCostDisplay(rows).plot(axes)
    assert display.ax_.tolist() == axes.tolist()
    assert not display.figure_.legends
    assert axes[1].get_legend() is not None
    with pytest.raises(ParameterError) as error:
        AccuracyCostDisplay(rows).plot(axes[0])
    assert str(error.value) == (
        "There are 2 protocols, and 1 axes. Pass one for each, or ax=None for a new figure."
    )


@pytest.mark.slow
@pytest.mark.parametrize("n_networks", [1, 30])
def test_nothing_is_cut_off(rows, n_networks, is_cut_off):
    many = [
        row(f"network {n}: with a long name", name, 0.5 + n / 100, 1e5 * 1.5**n)
        for n in range(n_networks)
        for name in ("random-10", "blocks")
    ]
    assert not is_cut_off(AccuracyCostDisplay([*many, *rows]).plot().figure_)
    assert not is_cut_off(AccuracyCostDisplay(many[:1]).plot().figure_)


def test_nothing_to_draw(rows):
    with pytest.raises(DataError) as error:
        AccuracyCostDisplay([rows[3]]).plot()
    assert str(error.value) == (
        "No estimator has an accuracy, so there is nothing to draw. The rows of the table say why."
    )
