from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from hsvlm import Scene
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting import (
    ClassificationMapDisplay,
    PromptSimilarityDisplay,
    SceneDisplay,
    TrainingCurveDisplay,
    class_palette,
)


@pytest.fixture
def history():
    return [{"epoch": n, "train_loss": 1.0 / n, "lr": 1e-3 / n} for n in range(1, 6)]


class Fitted:
    """What the displays read from a fitted classifier."""

    def __init__(self, history):
        self.classes_ = np.array([1, 2])
        self.class_names = {1: "corn", 2: "oats", 3: "soil"}
        self.prototypes_ = np.array([[1.0, 0.0], [0.6, 0.8]])
        self.history_ = history

    def predict(self, cube):
        return np.where(cube[..., 0] > 0, 2, 1)


def test_bands_are_found_by_wavelength_and_stretched():
    cube = np.random.default_rng(0).normal(size=(10, 10, 4))
    scene = Scene(cube, wavelengths_nm=np.array([550.0, 640.0, 700.0, 870.0]), name="field")
    display = SceneDisplay.from_scene(scene).plot()
    low, high = np.percentile(cube[..., 3], [2, 98])
    expected = np.clip((cube[..., 3] - low) / (high - low), 0, 1)
    np.testing.assert_allclose(display.image[..., 0], expected)
    np.testing.assert_array_equal(
        SceneDisplay.from_scene(scene, bands=(3, 1, 0)).image, display.image
    )
    assert display.ax_.get_title() == "field"


def test_scenes_without_wavelengths_need_bands(cube):
    with pytest.raises(DataError) as error:
        SceneDisplay.from_scene(Scene(cube))
    assert str(error.value) == (
        "The scene has no wavelengths, so bands cannot be found by wavelength. Pass bands=(red, "
        "green, blue)."
    )


@pytest.mark.parametrize("bands", [(0, 12, 3), (-1, 0, 1), (0, 1)])
def test_bands_that_are_not_there(cube, bands):
    with pytest.raises(ParameterError) as error:
        SceneDisplay.from_scene(Scene(cube), bands=bands)
    assert str(error.value) == (
        f"Three bands from 0 to 11 are needed for red, green and blue, got {list(bands)}."
    )


def test_map_colours_and_legend(labels):
    display = ClassificationMapDisplay.from_labels(labels, {1: "corn", 2: "oats", 3: "soil"}).plot()
    assert [text.get_text() for text in display.legend_.get_texts()] == ["corn", "oats", "soil"]
    image = display.ax_.images[0].get_array()
    assert tuple(image[0, 0]) == (1.0, 1.0, 1.0)
    for label in (1, 2, 3):
        row, col = np.argwhere(labels == label)[0]
        assert tuple(image[row, col]) == to_rgb(class_palette(3)[label - 1])


def test_labels_without_a_name_or_colour_are_drawn_all_the_same(labels):
    display = ClassificationMapDisplay.from_labels(labels, {2: "oats"}, colors={3: "#123456"})
    assert display.names == {2: "oats", 1: "1", 3: "3"}
    assert display.colors[3] == "#123456"
    image = display.plot().ax_.images[0].get_array()
    assert not (image[labels != 0] == 1).all(axis=-1).any()
    assert [text.get_text() for text in display.legend_.get_texts()] == ["oats", "1", "3"]


@pytest.mark.parametrize("shape", [(145, 145), (20, 145), (145, 20), (1, 300)])
def test_nothing_of_a_map_is_cut_off(shape):
    label_map = np.resize(np.arange(17), shape)
    names = {label: f"class with a long name {label}" for label in range(1, 17)}
    figure = ClassificationMapDisplay.from_labels(label_map, names, title="map").plot().figure_
    figure.draw_without_rendering()
    drawn = figure.get_tightbbox()
    assert drawn.xmin >= 0
    assert drawn.ymin >= 0
    assert drawn.xmax <= figure.get_figwidth()
    assert drawn.ymax <= figure.get_figheight()
    width = figure.axes[0].get_position().width * figure.get_figwidth()
    height = figure.axes[0].get_position().height * figure.get_figheight()
    assert max(width, height) > 4


def test_maps_of_an_estimator(cube, history):
    display = ClassificationMapDisplay.from_estimator(Fitted(history), cube)
    assert display.names == {1: "corn", 2: "oats"}
    np.testing.assert_array_equal(display.label_map, np.where(cube[..., 0] > 0, 2, 1))


def test_no_prediction_is_background(cube, history):
    clf = Fitted(history)
    clf.classes_ = np.array([0, 1, 2])
    display = ClassificationMapDisplay.from_estimator(clf, cube)
    assert display.names == {0: "0", 1: "corn", 2: "oats"}
    assert [text.get_text() for text in display.legend_.get_texts()] == ["0", "corn", "oats"]
    assert ClassificationMapDisplay.from_estimator(clf, cube, unlabeled=2).names.keys() == {0, 1}


def test_every_label_is_drawn_if_none_is_background(labels):
    display = ClassificationMapDisplay.from_labels(labels, unlabeled=None)
    assert display.names == {0: "0", 1: "1", 2: "2", 3: "3"}
    assert not (display.ax_.images[0].get_array() == 1).all(axis=-1).any()


@pytest.mark.parametrize("hide", [np.ma.masked_invalid, np.asarray], ids=["masked", "NaN"])
def test_pixels_without_a_value_are_white(labels, hide):
    label_map = hide(np.where(labels == 2, np.nan, labels))
    display = ClassificationMapDisplay.from_labels(label_map, {1: "corn"}, unlabeled=None)
    assert display.names == {1: "corn", 0: "0.0", 3: "3.0"}
    white = (display.ax_.images[0].get_array() == 1).all(axis=-1)
    np.testing.assert_array_equal(white, labels == 2)


def test_masked_labels_are_not_drawn(labels):
    display = ClassificationMapDisplay.from_labels(np.ma.masked_equal(labels, 3))
    assert display.names == {1: "1", 2: "2"}
    white = (display.ax_.images[0].get_array() == 1).all(axis=-1)
    np.testing.assert_array_equal(white, (labels == 0) | (labels == 3))


def test_maps_must_be_maps():
    with pytest.raises(DataError) as error:
        ClassificationMapDisplay.from_labels([1, 2, 3])
    assert str(error.value) == "A label map has shape (height, width), got (3,)."


def test_palette_is_distinct_and_limited():
    colours = np.array([to_rgb(one) for one in class_palette(20)])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert apart[~np.eye(20, dtype=bool)].min() > 0.15
    # Deuteranopia and protanopia on linear RGB (Machado, Oliveira and Fernandes, 2009).
    for seen in (
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    ):
        dimmed = np.clip(colours**2.2 @ np.transpose(seen), 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(dimmed[:, None] - dimmed[None], axis=-1)
        assert apart[~np.eye(20, dtype=bool)].min() > 0.08
    with pytest.raises(ParameterError) as error:
        class_palette(21)
    assert str(error.value) == (
        "There are 20 distinct class colours, 21 are needed. Pass `colors` for all classes."
    )


def test_prompt_similarities(history):
    display = PromptSimilarityDisplay.from_estimator(Fitted(history)).plot()
    np.testing.assert_allclose(display.similarities, [[1, 0.6], [0.6, 1]])
    assert [one.get_text() for one in display.ax_.get_yticklabels()] == ["corn", "oats"]
    assert [one.get_text() for one in display.ax_.texts] == ["1", ".60", ".60", "1"]


def test_similarities_are_written_short_and_readable():
    embeddings = [[1, 0, 0], [-0.1, 1, 0], [0.001, 0, -1]]
    display = PromptSimilarityDisplay.from_embeddings(embeddings, ["a", "b", "c"]).plot()
    texts = display.ax_.texts
    expected = ["1", "\N{MINUS SIGN}.10", ".00", "\N{MINUS SIGN}.10", "1", ".00", ".00", ".00", "1"]
    assert [one.get_text() for one in texts] == expected
    assert [one.get_color() for one in texts[:2]] == ["black", "white"]


def test_embeddings_without_a_direction_or_a_name():
    with pytest.raises(DataError) as error:
        PromptSimilarityDisplay.from_embeddings([[0, 0], [1, 0], [np.nan, 1]], ["a", "b", "c"])
    assert str(error.value) == (
        "The embeddings of 'a', 'c' are zero or not finite, so they have no direction. Leave them "
        "out, or encode them again."
    )
    with pytest.raises(DataError) as error:
        PromptSimilarityDisplay.from_embeddings(np.eye(2), ["a", "b", "c"])
    assert str(error.value) == (
        "Embeddings of 3 classes have shape (3, n_features), got (2, 2). Pass one vector and one "
        "name per class."
    )


def test_similarities_need_prototypes(history):
    clf = Fitted(history)
    del clf.prototypes_
    with pytest.raises(ParameterError) as error:
        PromptSimilarityDisplay.from_estimator(clf)
    assert str(error.value) == (
        "The classifier has no prototypes: it is not fitted, or was fitted with "
        'criterion="cross-entropy". Fit it with another criterion.'
    )


def test_training_curves(history):
    display = TrainingCurveDisplay.from_estimator(Fitted(history)).plot()
    np.testing.assert_allclose(display.ax_.lines[0].get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert display.accuracy_ax_ is None
    np.testing.assert_allclose(display.lr_ax_.lines[0].get_ydata()[:2], [1e-3, 5e-4])
    watched = [{**one, "valid_loss": 1.0, "valid_acc": 0.5} for one in history]
    display = TrainingCurveDisplay(watched).plot(Figure().subplots())
    assert [one.get_label() for one in display.ax_.lines] == ["training loss", "validation loss"]
    assert display.accuracy_ax_.lines[0].get_ydata()[0] == 50
    assert display.lr_ax_ is None


def test_epochs_without_validation_leave_a_gap(history):
    history[1]["valid_acc"] = 0.25
    curve = TrainingCurveDisplay(history).plot().accuracy_ax_.lines[0]
    np.testing.assert_array_equal(curve.get_ydata(), [np.nan, 25, np.nan, np.nan, np.nan])


def test_curves_need_a_history(history):
    clf = Fitted(history)
    del clf.history_
    with pytest.raises(ParameterError) as error:
        TrainingCurveDisplay.from_estimator(clf)
    assert str(error.value) == (
        "The classifier has no training history, for it is not fitted. Call fit first."
    )


@pytest.mark.parametrize("make", ["scene", "map", "similarity", "curve"])
def test_displays_draw_into_given_axes(make, cube, labels, history):
    displays: dict[str, Any] = {
        "scene": SceneDisplay(np.zeros((4, 4, 3))),
        "map": ClassificationMapDisplay.from_labels(labels),
        "similarity": PromptSimilarityDisplay.from_embeddings(np.eye(3), list("abc")),
        "curve": TrainingCurveDisplay(history),
    }
    display = displays[make]
    axes = Figure().subplots()
    assert display.plot(axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
