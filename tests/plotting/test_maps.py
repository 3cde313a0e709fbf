import dataclasses
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB

from hsvlm import Scene
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.mapping import predict_scene
from hsvlm.plotting import ClassificationMapDisplay, SceneDisplay, class_palette
from hsvlm.plotting import _raster as raster

NAMES = {1: "corn", 2: "oats", 3: "soil"}


def legend(display):
    return [text.get_text() for text in display.legend_.get_texts()]


def image_of(ax):
    return ax.images[0].get_array()


def white(ax):
    return (image_of(ax) == 1).all(axis=-1)


@pytest.fixture
def scene(cube, labels):
    colors = {0: "#000000", 1: "#111111", 2: "#222222", 3: "#333333"}
    return Scene(cube, labels, {0: "nothing", **NAMES}, class_colors=colors)


def test_map_colors_and_legend(labels):
    display = ClassificationMapDisplay.from_labels(labels, NAMES).plot()
    assert legend(display) == ["corn", "oats", "soil"]
    assert white(display.ax_)[0, 0]
    assert display.scale_bar_ is None
    for label in (1, 2, 3):
        row, col = np.argwhere(labels == label)[0]
        expected = to_rgb(class_palette(3)[label - 1])
        np.testing.assert_allclose(image_of(display.ax_)[row, col], expected, atol=1e-6)


def test_names_and_colors_of_a_scene(scene, labels):
    display = ClassificationMapDisplay.from_labels(labels, scene=scene)
    assert display.names == NAMES
    assert display.colors == {1: "#111111", 2: "#222222", 3: "#333333"}
    np.testing.assert_array_equal(white(display.ax_), labels == 0)
    other = ClassificationMapDisplay.from_labels(
        labels, {1: "maize"}, scene=scene, colors={2: "red"}
    )
    assert other.names == {1: "maize", 2: "2", 3: "3"}
    assert other.colors == {1: "#111111", 2: "red", 3: "#333333"}


def test_labels_without_a_name_or_color_are_drawn_all_the_same(labels):
    display = ClassificationMapDisplay.from_labels(labels, {2: "oats"}, colors={3: "#123456"})
    assert display.names == {2: "oats", 1: "1", 3: "3"}
    assert display.colors[3] == "#123456"
    assert not white(display.ax_)[labels != 0].any()
    assert legend(display) == ["oats", "1", "3"]


@pytest.mark.slow
def test_more_classes_than_the_palette_has(labels):
    label_map = np.arange(1, 31).reshape(5, 6)
    display = ClassificationMapDisplay.from_labels(label_map)
    assert len(set(display.colors.values())) == 30
    assert len(np.unique(image_of(display.ax_).reshape(-1, 3), axis=0)) == 30


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "many"),
    [((145, 145), 16), ((145, 145), 30), ((20, 145), 30), ((145, 20), 30), ((1, 300), 30)],
)
def test_nothing_of_a_map_is_cut_off(shape, many, is_cut_off):
    label_map = np.resize(np.arange(many + 1), shape)
    names = {label: f"class with a long name {label}" for label in range(1, many + 1)}
    figure = ClassificationMapDisplay.from_labels(label_map, names, title="map").figure_
    assert not is_cut_off(figure)
    place = figure.axes[0].get_position()
    drawn = (place.width * figure.get_figwidth(), place.height * figure.get_figheight())
    assert max(drawn) > 3.5
    assert figure.get_figwidth() < 5.5


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(145, 145), (40, 145), (145, 40)])
def test_nothing_of_a_comparison_is_cut_off(shape, is_cut_off):
    label_map = np.resize(np.arange(17), shape)
    names = {label: f"class with a long name {label}" for label in range(1, 17)}
    display = ClassificationMapDisplay.from_predictions(label_map, label_map[::-1], names)
    assert not is_cut_off(display.figure_)
    assert display.figure_.get_figwidth() <= 7.2
    boxes = [ax.get_window_extent() for ax in display.ax_]
    assert not any(one.overlaps(other) for one, other in pairwise(boxes))
    assert not any(display.legend_.get_window_extent().overlaps(box) for box in boxes)


@pytest.mark.slow
def test_maps_of_an_estimator(cube, fitted):
    display = ClassificationMapDisplay.from_estimator(fitted, cube)
    assert display.names == {1: "corn", 2: "oats"}
    np.testing.assert_array_equal(display.label_map, np.where(cube[..., 0] > 0, 2, 1))


@pytest.mark.slow
def test_maps_of_a_scene(scene, classifier, fitted):
    valid = np.ones(scene.shape, dtype=bool)
    valid[3:6, 4:9] = False
    display = ClassificationMapDisplay.from_estimator(
        fitted, dataclasses.replace(scene, valid=valid)
    )
    assert display.names == {1: "corn", 2: "oats"}
    assert display.colors == {1: "#111111", 2: "#222222"}
    np.testing.assert_array_equal(white(display.ax_), ~valid)
    trained = ClassificationMapDisplay.from_estimator(classifier, scene)
    assert trained.names == {1: "corn", 2: "oats", 3: "soil"}
    np.testing.assert_array_equal(trained.label_map, classifier.predict(scene.cube))


def test_numbers_of_a_scene_give_no_colours_to_other_classes(scene, fitted):
    names = {1: "oats", 2: "wheat"}
    other = dataclasses.replace(
        scene, labels=None, class_names=names, class_colors={1: "#123456", 2: "#654321"}
    )
    colors = ClassificationMapDisplay.from_estimator(fitted, other).colors
    assert colors[2] == "#123456"  # of oats
    assert colors[1] not in ("#123456", "#654321")


def test_no_prediction_is_background(cube, fitted):
    fitted.classes_ = np.array([0, 1, 2])
    display = ClassificationMapDisplay.from_estimator(fitted, cube)
    assert display.names == {0: "0", 1: "corn", 2: "oats"}
    assert legend(display) == ["0", "corn", "oats"]
    assert ClassificationMapDisplay.from_estimator(fitted, cube, unlabeled=2).names.keys() == {0, 1}


def test_every_label_is_drawn_if_none_is_background(labels):
    display = ClassificationMapDisplay.from_labels(labels, unlabeled=None)
    assert display.names == {0: "0", 1: "1", 2: "2", 3: "3"}
    assert not white(display.ax_).any()


@pytest.mark.parametrize("hide", [np.ma.masked_invalid, np.asarray], ids=["masked", "NaN"])
def test_pixels_without_a_value_are_white(labels, hide):
    label_map = hide(np.where(labels == 2, np.nan, labels))
    display = ClassificationMapDisplay.from_labels(label_map, {1: "corn"}, unlabeled=None)
    assert display.names == {1: "corn", 0: "0.0", 3: "3.0"}
    np.testing.assert_array_equal(white(display.ax_), labels == 2)


def test_masked_labels_are_not_drawn(labels):
    display = ClassificationMapDisplay.from_labels(np.ma.masked_equal(labels, 3))
    assert display.names == {1: "1", 2: "2"}
    np.testing.assert_array_equal(white(display.ax_), (labels == 0) | (labels == 3))


def test_large_maps_are_thinned_for_drawing_only(labels, monkeypatch):
    monkeypatch.setattr(raster, "_MAX_SIDE_PX", 10)
    display = ClassificationMapDisplay.from_labels(labels)
    assert display.label_map.shape == (18, 20)
    np.testing.assert_array_equal(white(display.ax_), labels[::2, ::2] == 0)
    assert display.ax_.images[0].get_extent() == [-0.5, 19.5, 17.5, -0.5]


def test_reference_prediction_and_errors(labels):
    predicted = np.where(labels == 0, 3, labels)
    predicted[2:4, 2:7] = 2
    display = ClassificationMapDisplay.from_predictions(labels, predicted, NAMES)
    wrong = (labels != 0) & (labels != predicted)
    share, count = wrong.sum() / (labels != 0).sum(), int((labels != 0).sum())
    titles = [ax.get_title() for ax in display.ax_]
    assert titles == ["reference", "prediction", f"errors: {share:.1%}"]
    errors = [f"correct ({count - wrong.sum()})", f"wrong ({wrong.sum()})"]
    assert legend(display) == ["corn", "oats", "soil", *errors]
    reference, prediction, error = display.ax_
    np.testing.assert_array_equal(white(reference), labels == 0)
    assert not white(prediction).any()
    np.testing.assert_array_equal(white(error), labels == 0)
    vermilion = np.isclose(image_of(error), to_rgb("#D55E00")).all(axis=-1)
    np.testing.assert_array_equal(vermilion, wrong)


@pytest.mark.slow
def test_errors_are_counted_where_both_maps_have_a_label(labels):
    predicted = np.ma.masked_where(labels == 1, np.full_like(labels, 2))
    display = ClassificationMapDisplay.from_predictions(labels, predicted)
    assert legend(display)[-2:] == [
        f"correct ({(labels == 2).sum()})",
        f"wrong ({(labels == 3).sum()})",
    ]
    truth = np.where(labels == 3, np.nan, labels)
    display = ClassificationMapDisplay.from_predictions(truth, np.full_like(labels, 2))
    assert legend(display)[-1] == f"wrong ({(labels == 1).sum()})"


def test_a_prediction_of_no_label_is_an_error():
    display = ClassificationMapDisplay.from_predictions([[1, 2, 0]], [[1, 0, 0]])
    assert legend(display) == ["1", "2", "correct (1)", "wrong (1)"]
    assert white(display.ax_[1]).tolist() == [[False, True, True]]


def test_an_image_beside_the_map(scene, labels):
    spectral = dataclasses.replace(scene, wavelengths_nm=np.linspace(450, 900, 12))
    display = ClassificationMapDisplay.from_labels(labels, scene=spectral, image=True, title="farm")
    image, label_map = display.ax_
    assert [ax.get_title() for ax in display.ax_] == ["false color (859, 655, 532 nm)", "map"]
    assert display.figure_.get_suptitle() == "farm"
    drawn = SceneDisplay.from_scene(spectral).ax_
    np.testing.assert_array_equal(image_of(image), image_of(drawn))
    np.testing.assert_array_equal(white(label_map), labels == 0)
    assert legend(display) == ["corn", "oats", "soil"]


@pytest.mark.parametrize(
    ("wavelengths", "title"),
    [
        (np.linspace(450, 650, 12), "true color (650, 541, 468 nm)"),
        (None, "bands 10, 6, 2"),
    ],
)
def test_images_of_scenes_without_infrared_or_wavelengths(scene, labels, wavelengths, title):
    spectral = dataclasses.replace(scene, wavelengths_nm=wavelengths)
    display = ClassificationMapDisplay.from_labels(labels, scene=spectral, image=True)
    assert display.ax_[0].get_title() == title


def test_an_image_of_a_single_band(labels):
    bad = np.array([True, False, True])
    scene = Scene(np.random.default_rng(0).random((18, 20, 3)), bad_bands=bad)
    display = ClassificationMapDisplay.from_labels(labels, scene=scene, image=True)
    assert display.ax_[0].get_title() == "bands 1, 1, 1"


def test_images_need_a_scene_and_two_axes(scene, labels):
    with pytest.raises(ParameterError) as error:
        ClassificationMapDisplay.from_labels(labels, image=True)
    assert str(error.value) == (
        "image=True draws an image of the scene, and no scene was passed. Pass scene=..."
    )
    axes = Figure().subplots(1, 2)
    display = ClassificationMapDisplay.from_labels(labels, scene=scene, image=True, ax=axes)
    assert list(display.ax_) == list(axes)
    with pytest.raises(ParameterError) as error:
        ClassificationMapDisplay.from_labels(labels, scene=scene, image=True, ax=axes[0])
    assert str(error.value) == (
        "An image and a map need two axes, got 1. Pass them all, or ax=None for a new figure."
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "crs"),
    [
        ((60, 60), None),
        ((60, 60), "EPSG:4326"),
        ((20, 100), "EPSG:32616"),
        ((100, 20), "EPSG:4326"),
        ((100, 20), "EPSG:32616"),
    ],
)
def test_nothing_of_an_image_and_a_map_is_cut_off(shape, crs, is_cut_off):
    step = 20 if crs == "EPSG:32616" else 1e-4
    scene = Scene(
        np.random.default_rng(0).random((*shape, 3)), crs=crs, transform=(step, 0, 45, 0, -step, 45)
    )
    names = {label: f"class with a long name {label}" for label in range(1, 17)}
    label_map = np.resize(np.arange(17), shape)
    title = "a long title of many words that does not fit into a single line " * 3
    display = ClassificationMapDisplay.from_labels(
        label_map, names, scene=scene, image=True, title=title
    )
    assert not is_cut_off(display.figure_)
    assert display.figure_.get_figwidth() <= 7.2
    boxes = [ax.get_window_extent() for ax in display.ax_]
    boxes += [display.legend_.get_window_extent(), display.figure_._suptitle.get_window_extent()]
    assert not any(box.overlaps(other) for box, other in combinations(boxes, 2))


@pytest.mark.parametrize("is_whole", [True, False])
def test_maps_of_scenes(scene, is_whole):
    valid = np.ones(scene.shape, dtype=bool)
    valid[2:5, 2:5] = is_whole
    holed = dataclasses.replace(scene, valid=valid, class_names=NAMES)
    scene_map = predict_scene(GaussianNB().fit(*holed.samples()), holed)
    display = ClassificationMapDisplay.from_map(scene_map, image=True, title="here")
    assert legend(display) == ["corn", "oats", "soil", *([] if is_whole else ["no data"])]
    np.testing.assert_array_equal(white(display.ax_[1]), ~valid)
    assert display.colors[1] == scene_map.class_colors[1]
    assert display.figure_.get_suptitle() == "here"


@pytest.mark.slow
def test_wide_maps_stand_one_below_the_other():
    wide = np.ones((10, 40), dtype=int)
    tops = [ax.get_subplotspec().rowspan.start for ax in compared(wide)]
    assert tops == [0, 1, 2]
    assert [ax.get_subplotspec().colspan.start for ax in compared(wide.T)] == [0, 1, 2]


def compared(label_map):
    return ClassificationMapDisplay.from_predictions(label_map, label_map).ax_


def test_comparisons_may_stand_anywhere_in_a_figure(labels):
    figure = Figure()
    axes = [figure.add_axes((left, 0.1, 0.2, 0.8)) for left in (0.1, 0.4, 0.7)]
    display = ClassificationMapDisplay.from_predictions(labels, labels, ax=axes)
    assert list(display.ax_) == axes
    assert [len(ax.images) for ax in axes] == [1, 1, 1]


def test_comparisons_draw_into_given_axes(labels):
    axes = Figure().subplots(1, 3)
    display = ClassificationMapDisplay.from_predictions(labels, labels, ax=list(axes))
    assert list(display.ax_) == list(axes)
    assert display.figure_ is axes[0].figure
    with pytest.raises(ParameterError) as error:
        ClassificationMapDisplay.from_predictions(labels, labels, ax=axes[0])
    assert str(error.value) == (
        "Reference, prediction and errors need three axes, got 1. Pass them all, or ax=None for a "
        "new figure."
    )


def test_maps_that_cannot_be_compared(labels):
    with pytest.raises(DataError) as error:
        ClassificationMapDisplay.from_predictions(labels, labels[1:])
    assert str(error.value) == (
        "The reference has shape (18, 20) and the prediction (17, 20). Both must cover the same "
        "pixels."
    )
    with pytest.raises(DataError) as error:
        ClassificationMapDisplay.from_predictions(labels, np.ma.masked_not_equal(labels, 0))
    assert str(error.value) == (
        "No pixel has both a reference label and a prediction, so there is nothing to compare. "
        "Check `unlabeled` and the masks of both maps."
    )


def test_maps_must_be_maps():
    with pytest.raises(DataError) as error:
        ClassificationMapDisplay.from_labels([1, 2, 3])
    assert str(error.value) == "A label map has shape (height, width), got (3,)."


def test_maps_must_be_those_of_the_scene(scene, labels):
    with pytest.raises(DataError) as error:
        ClassificationMapDisplay.from_labels(labels[1:], scene=scene)
    assert str(error.value) == (
        "The scene is 18 x 20 pixels, but the label map has shape (17, 20). Pass the scene that "
        "the map was made from, or no scene."
    )


def test_colors_must_be_colors(labels):
    with pytest.raises(ParameterError) as error:
        ClassificationMapDisplay.from_labels(labels, colors={2: "reddish"})
    assert str(error.value) == (
        "colors[2]='reddish' is not a color. Give a name that matplotlib knows, or \"#rrggbb\"."
    )


def test_displays_draw_into_given_axes(labels):
    display = ClassificationMapDisplay.from_labels(labels)
    axes = Figure().subplots()
    assert display.plot(axes) is display
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert axes.get_legend() is display.legend_
