import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import entropy as shannon
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from hsvlm import (
    HSIPromptClassifier,
    PixelSamples,
    Scene,
    SpectralPCA,
    SpectralTransformer,
    pixel_samples,
)
from hsvlm._data.lazy import MaskedCube
from hsvlm.evaluation import SmoothedSVM
from hsvlm.exceptions import DataError, FileError, HSVLMWarning, ParameterError
from hsvlm.io import match_bands
from hsvlm.mapping import predict_scene
from hsvlm.mapping._predictor import normalized_entropy
from hsvlm.plotting import ClassificationMapDisplay
from hsvlm.prompts import load_class_colors


def in_memory(clf, cube, valid):
    """Labels and probabilities of all valid pixels at once, on the grid of the scene."""
    if valid is None:
        return clf.predict(cube), clf.predict_proba(cube)
    X = PixelSamples(MaskedCube(cube, valid), np.argwhere(valid))
    labels = np.zeros(valid.shape, dtype=int)
    labels[valid] = clf.predict(X)
    probabilities = np.full((*valid.shape, 3), np.nan, dtype=np.float32)
    probabilities[valid] = clf.predict_proba(X)
    return labels, probabilities


def assert_same(found, expected):
    labels, probabilities = expected
    np.testing.assert_array_equal(found.label_map, labels)
    np.testing.assert_array_equal(found.probabilities, probabilities)


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize(
    ("window", "padding"),
    [(1, "reflect"), (3, "zero"), (9, "reflect"), (9, "zero")],  # a window of 1 has no padding
)
def test_maps_are_those_of_the_classifier_to_the_last_bit(
    cube, labels, valid, settings, block_size, counting, window, padding, masked
):
    mask = valid if masked else None
    changed = {"window_size": window, "padding": padding, "max_epochs": 1}
    clf = HSIPromptClassifier(**{**settings, **changed}).fit(*pixel_samples(cube, labels))
    for size in (2**14, 100, 17):
        block_size(size)
        expected = in_memory(clf, cube, mask)
        scene = Scene(counting(cube), valid=mask)
        found = predict_scene(clf, scene, probabilities=True, entropy=True)
        assert_same(found, expected)
        np.testing.assert_array_equal(np.isnan(found.entropy), ~valid if masked else False)


@pytest.mark.slow
def test_scenes_of_several_blocks_are_predicted_in_those_of_the_classifier(fitted, cube, counting):
    large = np.tile(cube, (8, 8, 1))
    assert large.shape[0] * large.shape[1] > 2**14
    found = predict_scene(fitted, counting(large), probabilities=True)
    assert_same(found, in_memory(fitted, large, None))


@pytest.mark.slow
@pytest.mark.parametrize("criterion", ["cross-entropy", "hard-semi-hard"])
def test_two_classes(cube, labels, settings, criterion):
    two = np.where(labels == 3, 0, labels)
    settings = {**settings, "text_encoder": np.eye(2, 8), "criterion": criterion}
    clf = HSIPromptClassifier(**settings).fit(cube, two)
    found = predict_scene(clf, cube, probabilities=True)
    assert_same(found, (clf.predict(cube), clf.predict_proba(cube)))


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1)], ids=["bip", "bil", "bsq"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<i2"])
def test_memory_mapped_files_of_any_interleave(tmp_path, fitted, cube, order, dtype):
    stored = (3 * cube if dtype == "<i2" else cube).transpose(order).astype(dtype)
    np.save(tmp_path / "cube.npy", stored)
    mapped = np.moveaxis(np.load(tmp_path / "cube.npy", mmap_mode="r"), range(3), order)
    found = predict_scene(fitted, mapped, probabilities=True)
    assert_same(found, in_memory(fitted, np.ascontiguousarray(mapped), None))


@pytest.mark.slow
def test_selected_bands_of_a_file(tmp_path, labels, settings, cube, block_size):
    block_size(50)
    np.save(tmp_path / "cube.npy", cube)
    mapped = np.load(tmp_path / "cube.npy", mmap_mode="r")
    scene = Scene(mapped, labels).select_bands([1, 2, 3, 7, 8, 9, 10])
    clf = HSIPromptClassifier(**settings).fit(*scene.samples())
    assert_same(
        predict_scene(clf, scene, probabilities=True),
        (clf.predict(scene.cube), clf.predict_proba(scene.cube)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 5])
@pytest.mark.parametrize("lazy", [False, True])
def test_rows_are_read_once(cube, labels, settings, block_size, counting, window, lazy):
    settings = {**settings, "window_size": window}
    clf = HSIPromptClassifier(**settings).fit(*pixel_samples(cube, labels))
    block_size(30)
    source = counting(cube)
    scene = Scene(source).select_bands(range(12)) if lazy else Scene(source)
    source.reads[:] = 0
    predict_scene(clf, scene)
    assert source.reads.tolist() == [1] * 18


PIPELINES = {
    "components": lambda settings: make_pipeline(
        SpectralPCA(6), HSIPromptClassifier(**{**settings, "n_components": None})
    ),
    "two steps": lambda settings: make_pipeline(
        SpectralTransformer(StandardScaler()),
        "passthrough",
        SpectralPCA(6),
        HSIPromptClassifier(**{**settings, "n_components": None}),
    ),
    "spectra": lambda settings: make_pipeline(StandardScaler(), GaussianNB()),
    "samples, then spectra": lambda settings: make_pipeline(
        SpectralPCA(6), StandardScaler(), GaussianNB()
    ),
    "one step": lambda settings: make_pipeline(GaussianNB()),
    "no pipeline": lambda settings: GaussianNB(),
}


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 2**26], ids=["lazily", "at once"])
@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines(cube, labels, valid, settings, block_size, monkeypatch, counting, name, limit):
    monkeypatch.setattr("hsvlm.samples._MAX_EAGER_VALUES", limit)
    block_size(70)
    clf = PIPELINES[name](settings).fit(*pixel_samples(cube, labels))
    X = PixelSamples(MaskedCube(cube, valid), np.argwhere(valid))
    found = predict_scene(clf, Scene(counting(cube), valid=valid), probabilities=True)
    np.testing.assert_array_equal(found.label_map[valid], clf.predict(X))
    expected = clf.predict_proba(X).astype(np.float32)
    if "Prompt" in str(clf):
        np.testing.assert_array_equal(found.probabilities[valid], expected)
    else:
        np.testing.assert_allclose(found.probabilities[valid], expected, atol=1e-6)


@pytest.mark.slow
def test_transformers_of_samples_see_the_scene_once(cube, labels, settings, block_size):
    calls = []

    def watched(spectra):
        calls.append(len(spectra))
        return spectra

    block_size(40)
    clf = make_pipeline(
        SpectralTransformer(FunctionTransformer(watched)), HSIPromptClassifier(**settings)
    ).fit(*pixel_samples(cube, labels))
    calls.clear()
    predict_scene(clf, cube)
    assert calls == [360]


def test_classifiers_that_look_around_a_pixel_find_the_scene(cube, labels, block_size):
    X, y = pixel_samples(cube, labels)
    clf = SmoothedSVM(sigma=1.0).fit(X, y)
    expected = clf.predict(PixelSamples(cube, np.argwhere(np.ones(labels.shape))))
    block_size(90)
    found = predict_scene(clf, cube)
    np.testing.assert_array_equal(found.label_map.ravel(), expected)
    assert found.mean_confidence is None


def test_a_classifier_without_probabilities(cube, labels):
    X, y = pixel_samples(cube, labels)
    clf = LinearSVC().fit(np.asarray(X), y)
    expected = clf.predict(cube.reshape(-1, 12)).reshape(18, 20)
    np.testing.assert_array_equal(predict_scene(clf, cube).label_map, expected)
    with pytest.raises(ParameterError) as caught:
        predict_scene(clf, cube, entropy=True)
    assert str(caught.value) == (
        "LinearSVC has no predict_proba, so neither probabilities nor their entropy can be "
        "computed. "
        "Leave them out, or fit a classifier with probabilities, such as CalibratedClassifierCV "
        "around this one."
    )


@pytest.mark.parametrize(
    ("names", "unlabeled"),
    [
        (["corn", "oats", "rye"], ""),
        ([0, 1, 2], -1),
        ([-5, 0, 70_000], -1),
        ([2, 3, 300], 0),
        ([2.0, 3.0, 300.0], 0),
        ([False, True, True], -1),
    ],
    ids=str,
)
def test_labels_of_any_kind(cube, labels, valid, names, unlabeled):
    X, y = pixel_samples(cube, labels)
    clf = GaussianNB().fit(X, np.array(names)[y - 1])
    found = predict_scene(clf, Scene(cube, valid=valid))
    assert found.unlabeled == unlabeled
    np.testing.assert_array_equal(found.label_map[valid], clf.predict(cube[valid]))
    assert (found.label_map[~valid] == unlabeled).all()
    assert found.values.dtype == (np.uint16 if 300 in names else np.uint8)
    assert list(found.numbers.values()) == (
        names if 300 in names else [1, 2, 3][: len(clf.classes_)]
    )
    whole = predict_scene(clf, cube).label_map
    np.testing.assert_array_equal(whole.ravel(), clf.predict(cube.reshape(-1, 12)))
    if unlabeled != -1:
        assert whole.dtype == clf.classes_.dtype


def test_counts_and_mean_confidences(fitted, cube, valid, block_size):
    block_size(55)
    found = predict_scene(fitted, Scene(cube, valid=valid), probabilities=True)
    best = found.probabilities.max(axis=2)
    for label in (1, 2, 3):
        here = found.label_map == label
        assert found.counts[label] == here.sum()
        assert found.mean_confidence[label] == pytest.approx(best[here].mean())
    assert predict_scene(fitted, cube).mean_confidence is not None


def test_confidence_is_that_of_the_predicted_class(cube, labels):
    class Contrary(GaussianNB):
        def predict_proba(self, X):
            return np.tile([0.5, 0.25, 0.25], (len(X), 1))

    clf = Contrary().fit(*pixel_samples(cube, labels))
    found = predict_scene(clf, cube, probabilities=True)
    assert found.mean_confidence == {1: 0.5, 2: 0.25, 3: 0.25}


def test_classes_without_pixels_have_no_confidence(fitted, cube):
    found = predict_scene(fitted, cube[4:9, 3:7])
    present = np.unique(found.label_map).tolist()
    assert len(present) < 3
    for label in (1, 2, 3):
        assert np.isnan(found.mean_confidence[label]) == (label not in present)


@pytest.mark.slow
@given(arrays.arrays(np.float32, (4, 3), elements=st.floats(0.0078125, 1, width=32)))
def test_entropy_is_a_share_of_its_maximum(values):
    probabilities = values / values.sum(axis=1, keepdims=True)
    found = normalized_entropy(probabilities)
    expected = shannon(probabilities.astype(float), axis=1) / np.log(3)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_entropy_of_certainty_and_of_none():
    found = normalized_entropy(np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], dtype=np.float32))
    np.testing.assert_array_equal(found, [0, 1])


@pytest.mark.slow
def test_names_and_colours(cube, labels, settings):
    clf = HSIPromptClassifier(**settings, class_names={1: "corn", 2: "oats"}).fit(cube, labels)
    scene = Scene(
        cube,
        class_names={2: "wheat", 3: "rye", 4: "fen"},
        class_colors={1: "#101010", 2: "#202020"},
    )
    found = predict_scene(clf, scene, class_names={1: "maize"}, class_colors={2: "#222222"})
    # Class 2 has two names, so the numbers of the scene are not those of the classifier.
    assert found.class_names == {1: "maize", 2: "oats", 3: "3"}
    assert found.class_colors == {1: "#101010", 2: "#222222", 3: "#009E73"}


@pytest.mark.slow
def test_colours_are_those_of_the_prompt_set_unless_others_are_stated(cube, labels, settings):
    own = load_class_colors("pavia-university")
    clf = HSIPromptClassifier(**{**settings, "prompts": "pavia-university"}).fit(cube, labels)
    assert predict_scene(clf, cube).class_colors == {label: own[label] for label in (1, 2, 3)}
    # With names, which are in another order than in the set.
    named = copy.deepcopy(clf)
    named.class_names_ = {1: "gravel", 2: "Asphalt", 3: "meadows"}
    expected = {1: own[3], 2: own[1], 3: own[2]}
    assert predict_scene(named, cube).class_colors == expected
    drawn = ClassificationMapDisplay.from_estimator(clf, cube)
    assert drawn.colors == {label: own[label] for label in (1, 2, 3)}
    # Those of files win: of the scene, and then of the files of the training.
    scene = Scene(cube, class_colors={1: "#101010", 2: "#202020"})
    assert predict_scene(clf, scene).class_colors == {1: "#101010", 2: "#202020", 3: own[3]}
    clf.metadata_ = {"class_colors": [[2, "#212121"]]}
    assert predict_scene(clf, scene).class_colors == {1: "#101010", 2: "#212121", 3: own[3]}
    drawn = ClassificationMapDisplay.from_estimator(clf, scene, colors={3: "#303030"})
    assert drawn.colors == {1: "#101010", 2: "#212121", 3: "#303030"}


@pytest.mark.slow
def test_names_are_those_of_the_classifier_in_a_pipeline(cube, labels, settings):
    inner = HSIPromptClassifier(**settings, class_names={1: "corn"})
    clf = make_pipeline(SpectralPCA(6), inner).fit(*pixel_samples(cube, labels))
    assert predict_scene(clf, cube).class_names == {1: "corn", 2: "2", 3: "3"}


def test_progress_is_shown_when_asked_for(fitted, cube, block_size, capsys):
    block_size(100)
    predict_scene(fitted, cube)
    assert capsys.readouterr().err == ""
    predict_scene(fitted, cube, verbose=1)
    shown = capsys.readouterr().err
    assert "mapping: 100%" in shown
    assert "360/360" in shown


def test_a_classifier_for_other_bands_is_refused_before_anything_is_read(fitted, cube, counting):
    source = counting(cube[..., :7])
    with pytest.raises(DataError, match=r"X has 7 features .* expecting 12 features"):
        predict_scene(fitted, source)
    assert not source.reads.any()


def test_a_scene_without_valid_pixels_is_refused(fitted, cube):
    with pytest.raises(DataError) as caught:
        predict_scene(fitted, Scene(cube, valid=np.zeros((18, 20), dtype=bool)))
    assert str(caught.value) == "No pixel of the scene is valid, so there is nothing to map."


def test_what_is_no_fitted_classifier_is_refused(cube):
    with pytest.raises(NotFittedError):
        predict_scene(SVC(), cube)
    with pytest.raises(NotFittedError):
        predict_scene(HSIPromptClassifier(), cube)
    with pytest.raises(ParameterError) as caught:
        predict_scene(StandardScaler().fit(cube[0]), cube)
    assert str(caught.value) == (
        "StandardScaler is not a classifier: it has no predict or no classes_. Pass a fitted "
        "HSIPromptClassifier, another classifier of scikit-learn, or a pipeline ending in one."
    )


def test_a_masked_cube_is_a_scene_with_a_mask(fitted, cube, valid):
    found = predict_scene(fitted, MaskedCube(cube, valid), probabilities=True)
    assert_same(found, in_memory(fitted, cube, valid))


def test_bands_are_told_by_their_wavelengths(fitted, cube):
    trained_on = np.linspace(400, 950, 12)
    clf = copy.copy(fitted)
    clf.metadata_ = {"wavelengths_nm": trained_on.tolist()}
    expected = predict_scene(fitted, Scene(cube)).label_map
    scene = Scene(cube, wavelengths_nm=trained_on + 3)
    np.testing.assert_array_equal(predict_scene(clf, scene).label_map, expected)
    with pytest.raises(DataError, match="has no band within"):
        predict_scene(clf, Scene(cube, wavelengths_nm=trained_on + 300))
    turned = Scene(cube[..., ::-1], wavelengths_nm=trained_on[::-1])
    with pytest.raises(DataError) as caught:
        predict_scene(clf, turned)
    assert str(caught.value) == (
        "The bands of the scene are in another order than those that the classifier was trained "
        'on. Pass match_bands(scene, clf.metadata_["wavelengths_nm"]) of hsvlm.io.'
    )
    with pytest.warns(HSVLMWarning, match="wavelengths are not known of the scene"):
        np.testing.assert_array_equal(predict_scene(clf, Scene(cube)).label_map, expected)
    clf.metadata_ = {"wavelengths_nm": None}
    with pytest.warns(HSVLMWarning, match="wavelengths are not known of the model"):
        np.testing.assert_array_equal(predict_scene(clf, scene).label_map, expected)
    np.testing.assert_array_equal(predict_scene(clf, Scene(cube)).label_map, expected)
    clf.metadata_ = {"wavelengths_nm": trained_on.tolist()}
    matched = match_bands(turned, clf.metadata_["wavelengths_nm"])
    np.testing.assert_array_equal(predict_scene(clf, matched).label_map, expected)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("make", [HistGradientBoostingClassifier, RandomForestClassifier])
def test_classifiers_that_take_nan_get_none(cube, labels, make, value):
    clf = make(random_state=0).fit(*pixel_samples(cube, labels))
    broken = cube.copy()
    broken[3:6] = value
    with pytest.raises(DataError, match="NaN or infinite values"):
        predict_scene(clf, broken)
    valid = np.isfinite(broken).all(axis=2)
    found = predict_scene(clf, Scene(broken, valid=valid))
    np.testing.assert_array_equal(found.label_map == found.unlabeled, ~valid)


@pytest.mark.filterwarnings("ignore:Outlier label")
@pytest.mark.parametrize("outlier", [-1, 0, 99])
def test_labels_that_are_no_classes_are_refused(cube, labels, outlier):
    X, y = pixel_samples(cube, labels)
    clf = RadiusNeighborsClassifier(radius=1e-6, outlier_label=outlier)
    clf.fit(np.asarray(X), y.astype(int))
    with pytest.raises(DataError, match=r"RadiusNeighborsClassifier predicts .* none of its class"):
        predict_scene(clf, cube + 0.01)


@pytest.mark.parametrize("color", ["red", "#F00", "#ff0000ff", (1, 0, 0), None])
def test_colours_that_files_cannot_hold(tmp_path, fitted, cube, color):
    with pytest.raises(ParameterError, match=r"class_colors\[1\]=.* is not a color"):
        predict_scene(fitted, cube, tmp_path / "map.tif", class_colors={1: color})
    assert not (tmp_path / "map.tif.partial").exists()


@pytest.mark.parametrize("argument", ["class_names", "class_colors"])
def test_labels_of_another_type_in_a_legend(fitted, cube, argument):
    with pytest.raises(ParameterError, match=f"{argument} has the key '1', but that label"):
        predict_scene(fitted, cube, **{argument: {"1": "#000000"}})


@pytest.mark.parametrize("suffix", [".tif", ".hdr"])
def test_a_file_that_holds_another_map_by_now(tmp_path, cube, labels, suffix):
    pytest.importorskip("rasterio")
    pytest.importorskip("spectral")
    X, y = pixel_samples(cube, labels)
    path = tmp_path / f"map{suffix}"
    first = predict_scene(GaussianNB().fit(X, y), cube, path)
    again = predict_scene(GaussianNB().fit(X, y), cube, path)
    assert first.area_report().classes == again.area_report().classes
    other = predict_scene(GaussianNB().fit(X, np.array(["a", "b", "c"])[(y + 1) % 3]), cube, path)
    assert set(np.unique(other.label_map)) <= {"a", "b", "c"}
    for use in (lambda: first.label_map, first.area_report):
        with pytest.raises(FileError, match="no longer holds the map that was made"):
            use()
