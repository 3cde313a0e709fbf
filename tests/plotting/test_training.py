import numpy as np
import pytest
from matplotlib.figure import Figure

from hsvlm.exceptions import ParameterError
from hsvlm.plotting import TrainingCurveDisplay


@pytest.mark.slow
def test_training_curves(fitted, history):
    display = TrainingCurveDisplay.from_estimator(fitted).plot()
    np.testing.assert_allclose(display.ax_.lines[0].get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert display.accuracy_ax_ is None
    np.testing.assert_allclose(display.lr_ax_.lines[0].get_ydata()[:2], [1e-3, 5e-4])
    watched = [{**one, "valid_loss": 1.0, "valid_acc": 0.5} for one in history]
    display = TrainingCurveDisplay(watched).plot(Figure().subplots())
    assert [one.get_label() for one in display.ax_.lines] == ["training loss", "validation loss"]
    assert display.accuracy_ax_.lines[0].get_ydata()[0] == 50
    assert display.lr_ax_ is None


def test_accuracies_share_an_axis(history):
    watched = [{**one, "train_acc": 0.75, "valid_acc": 0.5} for one in history]
    curves = TrainingCurveDisplay(watched).plot().accuracy_ax_.lines
    assert {one.get_label(): one.get_ydata()[0] for one in curves} == {
        "training accuracy": 75,
        "validation accuracy": 50,
    }


def test_epochs_without_validation_leave_a_gap(history):
    history[1]["valid_acc"] = 0.25
    curve = TrainingCurveDisplay(history).plot().accuracy_ax_.lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), [np.nan, 25, np.nan, np.nan, np.nan])


def test_epochs_are_whole_numbers(history):
    display = TrainingCurveDisplay(history[:2]).plot()
    display.figure_.draw_without_rendering()
    ticks = display.ax_.get_xticks()
    np.testing.assert_array_equal(ticks, np.rint(ticks))


def test_curves_need_a_history(fitted):
    del fitted.history_
    with pytest.raises(ParameterError) as error:
        TrainingCurveDisplay.from_estimator(fitted)
    assert str(error.value) == (
        "The classifier is not fitted, so it has no training history. Call fit first."
    )


@pytest.mark.slow
def test_nothing_is_cut_off(history, is_cut_off):
    watched = [{**one, "train_acc": 1, "valid_loss": 1.0, "valid_acc": 0.5} for one in history]
    assert not is_cut_off(TrainingCurveDisplay(watched).plot().figure_)


def test_displays_draw_into_given_axes(history):
    axes = Figure().subplots()
    display = TrainingCurveDisplay(history)
    assert display.plot(axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
