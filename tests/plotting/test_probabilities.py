import copy
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from sklearn.naive_bayes import GaussianNB

from hsvlm import HSIPromptClassifier, Scene
from hsvlm._data import lazy
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError, UnknownNameError
from hsvlm.mapping import predict_scene
from hsvlm.plotting import ProbabilityMapDisplay
from hsvlm.plotting import _raster as raster


@pytest.fixture
def probabilities():
    values = np.random.default_rng(0).random((8, 9, 4)).astype(np.float32)
    return values / values.sum(axis=-1, keepdims=True)


def test_confidence_is_the_largest_probability(probabilities):
    display = ProbabilityMapDisplay.from_probabilities(probabilities, title="here")
    np.testing.assert_array_equal(display.values, probabilities.max(axis=-1))
    assert display.limits == (0.0, 1.0)
    assert display.colorbar_.ax.get_ylabel() == "probability of the mapped class"
    assert display.ax_.images[0].get_clim() == (0.0, 1.0)
    assert display.legend_ is None
    assert display.ax_.get_title() == "here"
    assert display.scale_bar_ is None


def test_entropy_is_over_its_maximum(probabilities):
    display = ProbabilityMapDisplay.from_probabilities(probabilities, kind="entropy")
    expected = -(probabilities * np.log(probabilities)).sum(axis=-1) / np.log(4)
    np.testing.assert_allclose(display.values, expected, rtol=1e-5)
    assert display.limits == (0.0, 1.0)


@pytest.mark.slow
@given(n_classes=st.integers(2, 20))
def test_entropy_of_certain_and_of_equal_probabilities(n_classes):
    values = np.stack([np.eye(n_classes)[0], np.full(n_classes, 1 / n_classes)])[None]
    display = ProbabilityMapDisplay.from_probabilities(
        values, kind="entropy", ax=Figure().subplots()
    )
    np.testing.assert_allclose(display.values, [[0, 1]], atol=1e-12)


def test_probability_of_one_class(probabilities):
    display = ProbabilityMapDisplay.from_probabilities(
        probabilities, label="oats", classes=["corn", "oats", "soil", "rye"]
    )
    np.testing.assert_array_equal(display.values, probabilities[..., 1])
    assert display.value_label == "probability of oats"
    assert display.limits == (0.0, 1.0)


@pytest.mark.slow
def test_pixels_without_data_are_masked(probabilities):
    probabilities[0, 0] = np.nan
    valid = np.ones((8, 9), dtype=bool)
    valid[3] = False
    masked = np.ma.array(probabilities)
    masked[5, 5] = np.ma.masked
    scene = Scene(np.zeros((8, 9, 2)), valid=valid)
    hidden = ~valid
    hidden[0, 0] = hidden[5, 5] = True
    for options in ({}, {"kind": "entropy"}, {"label": 3, "classes": [1, 2, 3, 4]}):
        display = ProbabilityMapDisplay.from_probabilities(masked, scene=scene, **options)
        np.testing.assert_array_equal(np.ma.getmaskarray(display.values), hidden)
        np.testing.assert_array_equal(np.ma.getmaskarray(display.ax_.images[0].get_array()), hidden)
    assert not np.ma.getmaskarray(masked)[3].any()


def test_pixels_without_data_are_gray_and_named(probabilities):
    probabilities[0, 0] = np.nan
    display = ProbabilityMapDisplay.from_probabilities(probabilities)
    assert [text.get_text() for text in display.legend_.get_texts()] == ["no data"]
    image = display.ax_.images[0]
    [patch] = display.legend_.get_patches()
    np.testing.assert_allclose(image.cmap(image.norm(image.get_array()))[0, 0], to_rgba("#C4C4C4"))
    assert patch.get_facecolor() == to_rgba("#C4C4C4")


def test_a_note_on_the_values(probabilities):
    display = ProbabilityMapDisplay.from_probabilities(probabilities, note="of the model")
    assert display.value_label == "probability of the mapped class\n(of the model)"


@pytest.fixture(scope="module")
def with_readout(cube, labels, settings):
    chosen = {**settings, "spatial": "random-walk", "max_epochs": 2}
    return HSIPromptClassifier(**chosen).fit(cube, labels)


@pytest.mark.slow
def test_whether_probabilities_are_calibrated_is_said(cube, with_readout, classifier):
    def note(clf, data):
        label = ProbabilityMapDisplay.from_estimator(clf, data).value_label
        return label.removeprefix("probability of the mapped class\n")

    assert with_readout.readout_.temperature != 1.0
    assert note(with_readout, cube) == "(calibrated on training pixels that were held out)"
    assert note(with_readout, Scene(cube)) == note(with_readout, cube)
    with pytest.warns(HSVLMWarning, match="not of a scene"):
        assert note(with_readout, cube[1:]) == "(not calibrated: not a scene of the training)"
    alone = copy.copy(with_readout).set_params(spatial=None)
    assert note(alone, cube) == note(classifier, cube) == "(not calibrated)"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["confidence", "entropy"])
@pytest.mark.parametrize("suffix", [None, "tif", "hdr"])
def test_maps_in_memory_and_in_files(cube, labels, kind, suffix, tmp_path, monkeypatch):
    if suffix:
        pytest.importorskip("rasterio")
    valid = np.ones(labels.shape, dtype=bool)
    valid[3:9, 2:5] = False
    scene = Scene(cube, labels, valid=valid, crs="EPSG:32616", transform=(20, 0, 0, 0, -20, 0))
    clf = GaussianNB().fit(*scene.samples())
    files = dict.fromkeys(("probabilities", "entropy"), True)
    if suffix:
        files = {name: tmp_path / f"{name}.{suffix}" for name in files}
    out = tmp_path / f"map.{suffix}" if suffix else None
    scene_map = predict_scene(clf, scene, out, **files)
    monkeypatch.setattr(raster, "_MAX_SIDE_PX", 10)
    monkeypatch.setattr(lazy, "_BLOCK_VALUES", 3 * 20 * 3)
    display = ProbabilityMapDisplay.from_map(scene_map, kind=kind, estimator=clf)
    probabilities = np.full((18, 20, 3), np.nan)
    probabilities[valid] = clf.predict_proba(cube[valid])
    expected = ProbabilityMapDisplay.from_probabilities(probabilities, kind=kind, scene=scene)
    np.testing.assert_allclose(display.values, expected.values, atol=1e-6)
    np.testing.assert_array_equal(display.values.mask, ~valid[::2, ::2])
    assert display.value_label == expected.value_label
    assert display.ax_.images[0].get_extent() == expected.ax_.images[0].get_extent()
    without = dataclasses.replace(scene_map, entropy=None, entropy_path=None)
    again = ProbabilityMapDisplay.from_map(without, kind=kind)
    np.testing.assert_allclose(again.values, expected.values, atol=1e-6)


def test_maps_without_probabilities(cube, labels):
    scene = Scene(cube, labels)
    scene_map = predict_scene(GaussianNB().fit(*scene.samples()), scene, entropy=True)
    with pytest.raises(DataError) as error:
        ProbabilityMapDisplay.from_map(scene_map)
    assert str(error.value) == (
        "The map was made without what its confidence is drawn from. Make it with "
        "predict_scene(..., probabilities=True), or with the path of a file in place of True."
    )
    with pytest.raises(UnknownNameError):
        ProbabilityMapDisplay.from_map(scene_map, kind="margin")


def test_large_maps_are_thinned(probabilities, monkeypatch):
    monkeypatch.setattr(raster, "_MAX_SIDE_PX", 5)
    display = ProbabilityMapDisplay.from_probabilities(probabilities)
    np.testing.assert_array_equal(display.values, probabilities[::2, ::2].max(axis=-1))
    assert display.ax_.images[0].get_extent() == [-0.5, 9.5, 7.5, -0.5]


def test_probabilities_of_an_estimator(cube, labels, fitted, classifier):
    display = ProbabilityMapDisplay.from_estimator(fitted, cube, label=2)
    np.testing.assert_array_equal(display.values, np.where(cube[..., 0] > 0, 0.9, 0.2))
    assert display.value_label == "probability of oats"
    valid = labels != 1
    display = ProbabilityMapDisplay.from_estimator(classifier, Scene(cube, valid=valid))
    np.testing.assert_array_equal(np.ma.getmaskarray(display.values), ~valid)
    assert display.values.min() >= 1 / 3


def test_names_of_the_scene(probabilities):
    scene = Scene(np.zeros((8, 9, 2)), class_names={7: "rye"})
    display = ProbabilityMapDisplay.from_probabilities(
        probabilities, label=7, classes=[1, 3, 5, 7], scene=scene
    )
    assert display.value_label == "probability of rye"


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(145, 145), (30, 300), (300, 30)])
def test_nothing_is_cut_off(shape, is_cut_off):
    display = ProbabilityMapDisplay.from_probabilities(np.full((*shape, 2), 0.5), title="map")
    assert not is_cut_off(display.figure_)


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 1)])
def test_maps_of_probabilities_have_classes(shape):
    with pytest.raises(DataError) as error:
        ProbabilityMapDisplay.from_probabilities(np.ones(shape))
    assert str(error.value) == (
        "Probabilities of a map have shape (height, width, n_classes) with at least two classes, "
        f"got {shape}. Pass the result of predict_proba for a cube."
    )


def test_scores_are_no_probabilities():
    with pytest.raises(DataError) as error:
        ProbabilityMapDisplay.from_probabilities([[[3.0, -1.0], [0.5, 0.5]]])
    assert str(error.value) == (
        "The values of a pixel lie between -1 and 3 and add up to 1 to 2, so they are not "
        "probabilities. Pass the result of predict_proba, in [0, 1]."
    )


def test_maps_without_a_value():
    with pytest.raises(DataError) as error:
        ProbabilityMapDisplay.from_probabilities(np.full((2, 2, 3), np.nan))
    assert str(error.value) == (
        "No pixel has probabilities: all are masked, NaN or without data in the scene."
    )


def test_maps_must_be_those_of_the_scene(probabilities, cube):
    with pytest.raises(DataError) as error:
        ProbabilityMapDisplay.from_probabilities(probabilities, scene=Scene(cube))
    assert str(error.value) == (
        "The scene is 18 x 20 pixels, but the map of probabilities has shape (8, 9, 4). Pass the "
        "scene that the map was made from, or no scene."
    )


def test_kinds_are_known(probabilities):
    with pytest.raises(UnknownNameError) as error:
        ProbabilityMapDisplay.from_probabilities(probabilities, kind="margin")
    assert str(error.value) == (
        "Unknown kind of map 'margin'. Known: 'confidence', 'entropy'. Or pass label for the "
        "probability of one class."
    )


def test_the_class_must_be_known(probabilities):
    with pytest.raises(ParameterError) as error:
        ProbabilityMapDisplay.from_probabilities(probabilities, label=2)
    assert str(error.value) == (
        "label=2 needs the labels of the 4 classes in the order of the probabilities, got "
        "classes=None. Pass classes=clf.classes_."
    )
    with pytest.raises(ParameterError) as error:
        ProbabilityMapDisplay.from_probabilities(probabilities, label=9, classes=[1, 2, 3, 4])
    assert str(error.value) == "label=9 is not one of the classes [1, 2, 3, 4]."


@pytest.mark.slow
def test_displays_draw_into_given_axes(probabilities):
    axes = Figure().subplots()
    display = ProbabilityMapDisplay.from_probabilities(probabilities, ax=axes)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
    assert display.colorbar_.ax in axes.figure.axes
