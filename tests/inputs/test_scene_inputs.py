"""Scenes go wherever cubes go, with their labels, class names and missing pixels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, Scene, SpectralPCA, pixel_samples
from hsvlm.exceptions import DataError, ParameterError

NAMES = {1: "oats", 2: "wheat", 3: "woods"}


class Letters:
    """Draws a row for the letters of a text."""

    def encode(self, texts):
        return [np.random.default_rng(list(text.encode())).normal(size=32) for text in texts]


@pytest.fixture
def scene(cube, labels):
    valid = np.ones(labels.shape, dtype=bool)
    valid[:5] = False
    values = np.where(valid[..., None], cube, -9999)
    return Scene(values, labels, NAMES, np.linspace(400, 900, 12), "field", valid=valid)


@pytest.fixture
def make(settings):
    few = {"max_epochs": 2, "text_encoder": Letters(), "padding": "zero"}

    def made(**parameters):
        return HSIPromptClassifier(**{**settings, **few, **parameters})

    return made


@pytest.fixture
def fitted(make, scene):
    return make().fit(scene)


@pytest.mark.slow
def test_a_scene_is_fitted_like_its_samples(make, scene, fitted):
    other = make(class_names=NAMES).fit(scene.masked_cube(), scene.labels)
    np.testing.assert_array_equal(fitted.predict(scene), other.predict(scene.masked_cube()))
    X, _ = scene.samples()
    np.testing.assert_array_equal(fitted.predict_proba(X), other.predict_proba(X))
    assert fitted.prompts_ == other.prompts_
    assert fitted.prompts_[1] == ("an aerial photograph of oats",)


@pytest.mark.parametrize(
    "method",
    ["predict", "predict_proba", "predict_log_proba", "decision_function", "transform"],
)
def test_every_method_takes_a_scene(fitted, scene, method):
    maps = getattr(fitted, method)(scene)
    np.testing.assert_array_equal(maps, getattr(fitted, method)(scene.masked_cube()))
    assert maps.shape[:2] == scene.shape
    missing = maps[:5] == 0 if method == "predict" else np.isnan(maps[:5])
    assert missing.all()


def test_the_score_of_a_scene_is_that_of_its_samples(fitted, scene):
    X, y = scene.samples()
    assert fitted.score(scene) == fitted.score(X, y) == fitted.score(scene, scene.labels)
    wrong = np.where(scene.labels == 1, 2, scene.labels)
    assert fitted.score(scene, wrong) < fitted.score(scene)


@pytest.mark.slow
def test_labels_given_beside_a_scene_take_the_place_of_its_own(make, scene):
    labels = np.where(scene.labels == 3, 0, scene.labels)
    clf = make(class_names=NAMES).fit(scene, labels)
    assert clf.classes_.tolist() == [1, 2]


@pytest.mark.slow
def test_weights_of_a_scene_are_a_map(make, scene):
    weights = np.where(scene.labels == 3, 0.0, 1.0)
    with pytest.warns(match="class 3 have weight 0"):
        clf = make(class_names=NAMES).fit(scene, sample_weight=weights)
    assert clf.classes_.tolist() == [1, 2]
    with pytest.raises(DataError, match="sample_weight has shape"):
        make().fit(scene, sample_weight=weights[1:])


@pytest.mark.slow
def test_several_scenes_are_joined_by_the_names_of_their_classes(make, scene):
    # The second scene numbers the same classes in another order.
    numbers = np.array([0, 3, 1, 2])
    second = replace(
        scene,
        labels=numbers[scene.labels],
        class_names={3: "oats", 1: "wheat", 2: "woods"},
        name="other",
    )
    clf = make(max_epochs=8).fit([scene, second])
    assert clf.prompts_[1] == ("an aerial photograph of oats",)
    assert clf.score([scene, second]) > 0.9


@pytest.mark.slow
def test_maps_of_several_scenes_are_lists(make, scene):
    clf = make(class_names=NAMES).fit([scene, scene], [scene.labels, scene.labels])
    assert clf.classes_.tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="Number of scenes in X: 2; number of maps: 1"):
        make().fit([scene, scene], scene.labels)


def test_scenes_that_cannot_be_used_are_refused(make, fitted, scene):
    with pytest.raises(DataError, match=r"'field' has no label map. .* read_scene\(path, labels="):
        make().fit(replace(scene, labels=None))
    with pytest.raises(DataError, match="Scene 2 has no label map"):
        make().fit([scene, replace(scene, labels=None, name="")])
    with pytest.raises(DataError, match="'field' has no label map"):
        fitted.score(replace(scene, labels=None))
    with pytest.raises(DataError, match="X contains scenes together with ndarray"):
        make().fit([scene, scene.cube])
    with pytest.raises(DataError, match="Predict them in turn"):
        fitted.predict([scene, scene])


def test_a_scene_of_other_wavelengths_is_refused(make, fitted, scene):
    turned = replace(scene, wavelengths_nm=scene.wavelengths_nm[::-1])
    for method in ("predict", "score", "transform"):
        with pytest.raises(DataError, match="bands of the scene are in another order"):
            getattr(fitted, method)(turned)
    with pytest.raises(DataError, match="bands of the scene are in another order"):
        make().fit([scene, turned])


@pytest.mark.slow
def test_a_pipeline_takes_a_scene(make, scene):
    pipeline = make_pipeline(SpectralPCA(6), make(n_components=None, max_epochs=6)).fit(scene)
    assert pipeline[-1].window_size_ == 5
    assert pipeline[-1].prompts_[1] == ("an aerial photograph of oats",)
    assert pipeline.score(scene, scene.labels) > 0.8
    X, y = scene.samples()
    other = make_pipeline(SpectralPCA(6), make(n_components=None, max_epochs=6)).fit(X, y)
    np.testing.assert_allclose(pipeline.predict_proba(X), other.predict_proba(X), atol=1e-5)


def test_logarithms_of_probabilities(fitted, scene):
    X, _ = scene.samples()
    logs = fitted.predict_log_proba(X)
    np.testing.assert_allclose(np.exp(logs), fitted.predict_proba(X), rtol=1e-5)
    np.testing.assert_allclose(softmax(logs, axis=1), fitted.predict_proba(X), rtol=1e-5)


def test_one_text_is_a_list_of_one_text(fitted, scene):
    one = fitted.similarity(scene, "a lake")
    np.testing.assert_array_equal(one, fitted.similarity(scene, ["a lake"]))
    assert one.shape == (*scene.shape, 1)


@pytest.mark.slow
@pytest.mark.parametrize("texts", ["", " ", [], ["a lake", ""], None, 5, [5]])
def test_texts_that_say_nothing_are_refused(fitted, scene, texts):
    with pytest.raises(ParameterError):
        fitted.similarity(scene, texts)


@pytest.mark.slow
@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_tables_become_frames_and_maps_stay_arrays(make, cube, labels, scene, container):
    pytest.importorskip(container)
    X, y = pixel_samples(cube, labels)
    clf = make(class_names=NAMES).fit(X, y).set_output(transform=container)
    names = clf.get_feature_names_out().tolist()
    assert list(clf.transform(X).columns) == names
    assert list(clf.transform(X[:3].windows(5, "zero")).columns) == names
    for maps in (clf.transform(cube), clf.transform(scene), clf.fit_transform(cube, labels)):
        assert isinstance(maps, np.ndarray)
        assert maps.shape == (*labels.shape, len(names))


def test_frames_of_spectra_keep_the_order_of_their_bands(make, cube, labels):
    X, y = pixel_samples(cube, labels)
    frame = pd.DataFrame(np.asarray(X), columns=[f"b{band}" for band in range(12)])
    clf = make(class_names=NAMES, padding="reflect").fit(frame, y)
    assert clf.feature_names_in_.tolist() == list(frame.columns)
    with pytest.raises(DataError, match="feature names should match those that were passed"):
        clf.predict(frame[frame.columns[::-1]])
