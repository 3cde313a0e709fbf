"""Class scores are read out of the scene that a classifier was fitted on, and of no other."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, PixelSamples, SpectralPCA, pixel_samples
from hsvlm._data.lazy import MaskedCube
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.mapping import predict_scene
from hsvlm.model_selection import PerClassShuffleSplit
from hsvlm.readout import pool_opinions
from hsvlm.readout.discriminant import fit_discriminant, spectral_opinions
from hsvlm.readout.regions import SceneRegions

STRANGE = (
    "These samples are not of a scene that the classifier was fitted on: every window is predicted "
    "by itself, without the read-out over the scene. Fit with spatial=None to do so everywhere."
)


class Letters:
    """A text encoder that counts letters."""

    def encode(self, texts):
        return np.array([[text.count(one) for one in "abcd"] for text in texts])


@pytest.fixture(scope="module")
def scene():
    """24 x 28 pixels, so noisy that windows alone are often wrong."""
    return make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.3, random_state=3)


@pytest.fixture(scope="module")
def training(scene):
    """Ten pixels of every class."""
    X, y = pixel_samples(scene.cube, scene.labels)
    index, _ = next(PerClassShuffleSplit(1, train_per_class=10, random_state=0).split(X, y))
    return X[index], y[index]


@pytest.fixture(scope="module")
def make(fast):
    """Makes a classifier that trains in a moment."""
    return lambda **changes: HSIPromptClassifier(
        **{
            **fast,
            "spatial_params": {"restart": 0.01, "weights": (0.8, 0.4)},
            "max_epochs": 3,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def fitted(make, training):
    """Not to be changed."""
    return make().fit(*training)


@pytest.fixture(scope="module")
def alone(make, training):
    """The same network, window by window."""
    return make(spatial=None).fit(*training)


@pytest.fixture
def small_tiles(monkeypatch):
    """Divides the scene into twelve tiles, and predictions into small blocks."""
    monkeypatch.setattr("hsvlm.readout.tiles._TILE", 8)
    monkeypatch.setattr("hsvlm.readout.tiles._MARGIN", 3)
    for module in ("hsvlm._prediction.windows", "hsvlm.mapping._predict"):
        monkeypatch.setattr(f"{module}.BLOCK_SIZE", 50)


def grid(cube):
    return np.argwhere(np.ones(cube.shape[:2], dtype=bool))


# The scene of the fit


@pytest.mark.slow
def test_the_read_out_makes_predictions_better(fitted, alone, scene):
    assert alone.readout_ is None
    assert fitted.readout_.restart == 0.01
    assert fitted.readout_.weights == (0.8, 0.4, 0.0)
    found = [one.score(scene.cube, scene.labels) for one in (alone, fitted)]
    assert found[1] > found[0] + 0.05


def test_training_pixels_get_their_labels(fitted, training):
    X, y = training
    np.testing.assert_array_equal(fitted.predict(X), y)
    given = fitted.predict_proba(X)[np.arange(len(y)), np.searchsorted(fitted.classes_, y)]
    np.testing.assert_allclose(given, 1, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("tiles", [None, "small_tiles"])
def test_predictions_do_not_depend_on_what_is_asked_for(fitted, scene, tiles, request):
    if tiles:
        request.getfixturevalue(tiles)
    expected = fitted.predict_proba(scene.cube)
    np.testing.assert_array_equal(
        fitted.predict(scene.cube), fitted.classes_[expected.argmax(axis=2)]
    )
    rng = np.random.default_rng(0)
    coords = grid(scene.cube)
    for chosen in (rng.permutation(len(coords)), rng.choice(len(coords), 40), [0], [-1], [333]):
        here = coords[chosen]
        found = fitted.predict_proba(PixelSamples(scene.cube, here))
        np.testing.assert_array_equal(found, expected[here[:, 0], here[:, 1]])


@pytest.mark.slow
@pytest.mark.parametrize("tiles", [None, "small_tiles"])
@pytest.mark.parametrize("criterion", ["hard-semi-hard", "cross-entropy"])
def test_maps_are_those_of_the_classifier_to_the_last_bit(
    make, training, scene, criterion, tiles, request
):
    clf = make(criterion=criterion).fit(*training)
    if tiles:
        request.getfixturevalue(tiles)
    found = predict_scene(clf, scene.cube, probabilities=True)
    np.testing.assert_array_equal(found.label_map, clf.predict(scene.cube))
    np.testing.assert_array_equal(found.probabilities, clf.predict_proba(scene.cube))
    X, y = training
    np.testing.assert_array_equal(found.label_map[tuple(X.coords.T)], y)


@pytest.mark.slow
def test_tiles_with_margins_that_reach_everywhere(fitted, scene, monkeypatch):
    expected = fitted.predict_proba(scene.cube)
    monkeypatch.setattr("hsvlm.readout.tiles._TILE", 9)
    np.testing.assert_array_equal(fitted.predict_proba(scene.cube), expected)
    monkeypatch.setattr("hsvlm.readout.tiles._MARGIN", 2)
    assert (fitted.predict_proba(scene.cube) != expected).any()


@pytest.mark.slow
def test_tiles_are_computed_once_in_a_map(fitted, scene, small_tiles, monkeypatch):
    bounds, region = [], SceneRegions.region

    def count(self, rows, cols):
        bounds.append((rows, cols))
        return region(self, rows, cols)

    monkeypatch.setattr(SceneRegions, "region", count)
    predict_scene(fitted, scene.cube)
    assert len(bounds) == len(set(bounds)) == 3 * 4


def test_scores_are_logarithms_of_probabilities(fitted, scene):
    scores = fitted.decision_function(scene.cube)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(np.exp(scores), fitted.predict_proba(scene.cube), atol=1e-6)


@pytest.mark.slow
def test_binary_scores_are_differences(make, scene):
    labels = np.where(scene.labels > 2, 0, scene.labels)
    clf = make(text_encoder=np.eye(2)).fit(scene.cube, labels)
    scores = clf.decision_function(scene.cube)
    assert scores.shape == (24, 28)
    logarithms = np.log(clf.predict_proba(scene.cube))
    np.testing.assert_allclose(scores, logarithms[..., 1] - logarithms[..., 0], atol=1e-4)
    np.testing.assert_array_equal(clf.predict(scene.cube), np.where(scores > 0, 2, 1))
    known = labels > 0
    np.testing.assert_array_equal((scores > 0)[known], labels[known] == 2)


def test_conflicting_labels_of_a_pixel_share_it_by_their_weights(make, training):
    X, y = training
    again = PixelSamples(X.cubes, np.concatenate([X.coords, X.coords[:1]]))
    other = next(one for one in np.unique(y) if one != y[0])
    weights = np.ones(len(y) + 1)
    weights[-1] = 3
    clf = make().fit(again, np.append(y, other), sample_weight=weights)
    found = dict(zip(clf.classes_.tolist(), clf.predict_proba(X[:1])[0], strict=True))
    assert found[y[0]] == pytest.approx(0.25, abs=1e-6)
    assert found[other] == pytest.approx(0.75, abs=1e-6)


def test_samples_without_weight_are_not_known(make, training):
    X, y = training
    weights = np.ones(len(y))
    weights[0] = 0
    clf = make().fit(X, y, sample_weight=weights)
    assert len(clf.readout_.scenes[0].coords) == len(y) - 1
    assert clf.predict_proba(X[:1]).max() < 1 - 1e-6


def test_pickles_give_the_same_bits(fitted, scene):
    restored = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(
        restored.predict_proba(scene.cube), fitted.predict_proba(scene.cube)
    )


# Copies of it


@pytest.mark.parametrize("copied", [np.copy, np.asfortranarray, lambda cube: cube.astype(">f4")])
def test_a_copy_of_the_scene_is_known_again(fitted, scene, copied):
    expected = fitted.predict_proba(scene.cube)
    np.testing.assert_array_equal(fitted.predict_proba(copied(scene.cube)), expected)


def test_a_copy_in_double_precision_is_known_again(fitted, scene):
    expected = fitted.predict_proba(scene.cube)
    found = fitted.predict_proba(scene.cube.astype(np.float64))
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.slow
def test_a_transformed_scene_is_known_again(make, training, scene):
    X, y = training
    pipeline = make_pipeline(SpectralPCA(8), make()).fit(X, y)
    assert pipeline[-1].readout_ is not None
    found = pipeline.predict_proba(scene.cube)
    coords = grid(scene.cube)[::5]
    np.testing.assert_allclose(
        pipeline.predict_proba(PixelSamples(scene.cube, coords)),
        found[coords[:, 0], coords[:, 1]],
        atol=1e-5,
    )
    np.testing.assert_array_equal(pipeline.predict(X), y)
    mapped = predict_scene(pipeline, scene.cube, probabilities=True)
    np.testing.assert_array_equal(mapped.label_map, pipeline.predict(scene.cube))


@pytest.mark.slow
def test_cross_validation(make, scene):
    X, y = pixel_samples(scene.cube, scene.labels)
    clf = make(max_epochs=1)
    cv = PerClassShuffleSplit(2, train_per_class=10, random_state=0)
    found = cross_val_score(clf, X, y, cv=cv)
    expected = [
        clone(clf).fit(X[train], y[train]).score(X[test], y[test]) for train, test in cv.split(X, y)
    ]
    np.testing.assert_allclose(found, expected)


# Other data


@pytest.mark.parametrize("copied", [np.copy, lambda cube: MaskedCube(cube, cube[..., 0] < 99)])
def test_a_scene_in_two_parts_is_one(make, training, scene, copied):
    X, y = training
    parts = [PixelSamples(copied(scene.cube), X.coords[start::2]) for start in range(2)]
    labels = [y[start::2] for start in range(2)]
    clf = make(spatial_params={"weights": (1, 0)})
    clf.fit(PixelSamples.concatenate(parts), np.concatenate(labels))
    for part, label in zip(parts, labels, strict=True):
        np.testing.assert_array_equal(clf.predict(part), label)


def test_another_scene_is_predicted_window_by_window(fitted, alone, scene):
    other = make_synthetic_scene(height=24, width=28, n_bands=18, random_state=4).cube
    for strange in (other, scene.cube[:, :-1], scene.cube * np.float32(1.01)):
        with pytest.warns(HSVLMWarning) as caught:
            found = fitted.predict_proba(strange)
        assert [str(one.message) for one in caught] == [STRANGE]
        np.testing.assert_array_equal(found, alone.predict_proba(strange))


def test_ready_made_windows_are_predicted_as_they_are(fitted, alone, training):
    windows = training[0].windows(5)
    with pytest.warns(HSVLMWarning) as caught:
        found = fitted.decision_function(windows)
    assert [str(one.message) for one in caught] == [STRANGE]
    np.testing.assert_array_equal(found, alone.decision_function(windows))


def test_spectra_are_predicted_as_they_are(make, training):
    pixels = {"window_size": 1, "patch_size": 1}
    fitted, alone = (make(spatial=one, **pixels).fit(*training) for one in ("random-walk", None))
    spectra = np.asarray(training[0])
    with pytest.warns(HSVLMWarning) as caught:
        found = fitted.predict_proba(spectra)
    assert [str(one.message) for one in caught] == [STRANGE]
    np.testing.assert_array_equal(found, alone.predict_proba(spectra))


def test_a_fit_without_a_scene_reads_nothing_out(make, training):
    X, y = training
    for data in (np.asarray(X), X.windows(5)):
        clf = make().fit(data, y)
        assert clf.readout_ is None
        clf.predict(data)


@pytest.mark.slow
def test_other_prompts_are_for_other_classes(make, training, scene):
    given = {"prompts": dict(enumerate("abcd", start=1)), "text_encoder": Letters()}
    fitted, alone = (make(spatial=one, **given).fit(*training) for one in ("random-walk", None))
    prompts = {"wet": "b", "dry": "ad"}
    other = fitted.with_prompts(prompts)
    assert other.readout_ is None
    assert fitted.readout_ is not None
    np.testing.assert_array_equal(
        other.predict_proba(scene.cube), alone.with_prompts(prompts).predict_proba(scene.cube)
    )


@pytest.mark.slow
def test_several_scenes(make, scene):
    second = make_synthetic_scene(height=16, width=28, n_bands=18, noise=0.3, random_state=3)
    cubes = [scene.cube, second.cube]
    both, labels = pixel_samples(cubes, [scene.labels, second.labels])
    clf = make().fit(both[::7], labels[::7])
    assert [one.shape for one in clf.readout_.scenes] == [(24, 28, 18), (16, 28, 18)]
    assert sum(len(one.coords) for one in clf.readout_.scenes) == len(labels[::7])
    found = clf.predict_proba(both)
    for number, cube in enumerate(cubes):
        here = both.scene_ids == number
        rows, cols = both.coords[here].T
        np.testing.assert_array_equal(found[here], clf.predict_proba(cube)[rows, cols])
    np.testing.assert_array_equal(clf.predict(both[::7]), labels[::7])


def test_samples_of_the_scene_and_of_another(fitted, alone, training, scene):
    other = make_synthetic_scene(height=16, width=16, n_bands=18, random_state=4).cube
    coords = np.array([[3, 4], [5, 6], [7, 8], [9, 1]])
    X = PixelSamples([other, scene.cube], coords, [1, 0, 1, 0])
    with pytest.warns(HSVLMWarning) as caught:
        found = fitted.decision_function(X)
    assert [str(one.message) for one in caught] == [STRANGE]
    own = X.scene_ids == 1
    np.testing.assert_array_equal(found[own], fitted.decision_function(X[own]))
    np.testing.assert_array_equal(found[~own], alone.decision_function(X[~own]))


# Pixels that cannot be computed with


@pytest.fixture(scope="module")
def valid(scene, training):
    """Without a row, a corner and some more pixels."""
    mask = np.random.default_rng(0).random(scene.labels.shape) > 0.1
    mask[9] = mask[:4, -5:] = False
    mask[tuple(training[0].coords.T)] = True
    return mask


@pytest.mark.slow
@pytest.mark.parametrize("tiles", [None, "small_tiles"])
def test_masked_pixels(make, training, scene, valid, tiles, request):
    cube = MaskedCube(scene.cube, valid)
    X, y = training
    clf = make().fit(PixelSamples(cube, X.coords), y)
    if tiles:
        request.getfixturevalue(tiles)
    labels, found = clf.predict(cube), clf.predict_proba(cube)
    assert (labels[~valid] == 0).all()
    assert np.isnan(found[~valid]).all()
    np.testing.assert_allclose(found[valid].sum(axis=1), 1, rtol=1e-5)
    mapped = predict_scene(clf, cube, probabilities=True)
    np.testing.assert_array_equal(mapped.label_map, labels)
    np.testing.assert_array_equal(mapped.probabilities, found)
    np.testing.assert_array_equal(labels[tuple(X.coords.T)], y)
    rubbish = scene.cube.copy()
    rubbish[~valid] = 1e6
    np.testing.assert_array_equal(clf.predict_proba(MaskedCube(rubbish, valid)), found)


@pytest.mark.slow
@pytest.mark.parametrize("tile", [512, 8])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e35])
def test_broken_pixels_stop_nothing_but_themselves(make, training, scene, value, tile, monkeypatch):
    X, y = training
    free = np.ones(scene.labels.shape, dtype=bool)
    for row, col in X.coords:
        free[max(0, row - 2) : row + 3, max(0, col - 2) : col + 3] = False
    broken = np.argwhere(free)[::6]
    cube = scene.cube.copy()
    cube[broken[:, 0], broken[:, 1], 5] = value
    clf = make().fit(PixelSamples(cube, X.coords), y)
    monkeypatch.setattr("hsvlm.readout.tiles._TILE", tile)
    monkeypatch.setattr("hsvlm.readout.tiles._MARGIN", 3)
    whole = np.ones(scene.labels.shape, dtype=bool)
    for row, col in broken:
        whole[max(0, row - 2) : row + 3, max(0, col - 2) : col + 3] = False
    found = clf.predict_proba(PixelSamples(cube, np.argwhere(whole)))
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(clf.predict(X), y)
    for asked in (broken[:1], np.argwhere(~whole & free)[:1]):
        with pytest.raises(DataError, match=r"^The data hold .*5 \("):
            clf.predict(PixelSamples(cube, asked))


# Settings


def test_settings_are_looked_at_before_training(make, training, monkeypatch):
    monkeypatch.setattr("hsvlm._training.fit.fit_net", None)
    with pytest.raises(ParameterError) as caught:
        make(spatial_params={"restart": 2}).fit(*training)
    assert str(caught.value) == (
        "spatial_params: restart=2 must be a float in the range (0.0, 1.0]."
    )


@pytest.mark.parametrize(
    "given",
    [{"restart": 1}, {"contrast": 0}, {"agreement": 0}, {"n_steps": 1}, {"weights": (0.5, 0.5)}],
)
def test_settings_are_used(make, training, scene, fitted, given):
    clf = make(spatial_params={**fitted.spatial_params, **given}).fit(*training)
    assert (clf.predict_proba(scene.cube) != fitted.predict_proba(scene.cube)).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "given", [{"weights": (0, 1)}, {"restart": 1.0, "weights": (0.5, 0.5)}], ids=["zero", "at once"]
)
def test_walks_that_do_not_count_leave_the_windows(make, training, scene, alone, unknown, given):
    found = make(spatial_params=given).fit(*training).predict_proba(scene.cube)
    expected = alone.predict_proba(scene.cube)
    np.testing.assert_allclose(found[unknown], expected[unknown], atol=1e-5)


# Walks and windows


@pytest.fixture
def unknown(training, scene):
    """Pixels without a training label."""
    mask = np.ones(scene.labels.shape, dtype=bool)
    mask[tuple(training[0].coords.T)] = False
    return mask


@pytest.fixture
def weighed(fitted):
    """The same classifier with other weights and another temperature."""

    def change(**changes):
        clf = copy.copy(fitted)
        clf.readout_ = replace(fitted.readout_, **changes)
        return clf

    return change


@pytest.mark.parametrize("weights", [(0.8, 0.4), (0.5, 0.5), (2.0, 0.1), (100.0, 100.0)])
def test_probabilities_are_those_of_the_pool(weighed, scene, unknown, weights):
    walks, windows = (
        weighed(weights=(*one, 0)).decision_function(scene.cube)[unknown]
        for one in ((1, 0), (0, 1))
    )
    found = weighed(weights=(*weights, 0)).decision_function(scene.cube)[unknown]
    expected = pool_opinions([walks.astype(float), windows.astype(float)], weights)
    np.testing.assert_allclose(np.exp(found), np.exp(expected), atol=1e-4)
    assert np.isfinite(found).all()


@pytest.mark.slow
def test_spectra_are_the_third_opinion(make, training, scene, unknown):
    X, y = training
    clf = make(spatial_params={"weights": (0, 0, 1)}).fit(X, y)
    found = clf.predict_proba(scene.cube)[unknown]
    targets = np.searchsorted(clf.classes_, y)
    rule = fit_discriminant(X, targets, np.ones(len(y)), len(clf.classes_))
    expected = np.exp(spectral_opinions(rule, scene.cube[unknown]))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    parts = [make(spatial_params={"weights": one}).fit(X, y) for one in np.eye(3).tolist()]
    opinions = [one.decision_function(scene.cube)[unknown] for one in parts]
    both = make(spatial_params={"weights": (0.8, 0.4, 0.3)}).fit(X, y)
    np.testing.assert_allclose(
        both.predict_proba(scene.cube)[unknown],
        np.exp(pool_opinions(opinions, (0.8, 0.4, 0.3))),
        atol=1e-5,
    )


def test_the_temperature_is_that_of_the_windows(weighed, alone, scene, unknown):
    walks, windows = (
        weighed(weights=(*one, 0), temperature=3.0).predict_proba(scene.cube)[unknown]
        for one in ((1, 0), (0, 1))
    )
    expected = softmax(alone.decision_function(scene.cube)[unknown] / 3, axis=-1)
    np.testing.assert_allclose(windows, expected, atol=1e-5)
    # Walks end with these probabilities.
    assert (walks != weighed(weights=(1, 0, 0)).predict_proba(scene.cube)[unknown]).any()


@pytest.mark.parametrize("weights", [(0, 1), (1, 0), (0.01, 0.01), (100, 100)])
@pytest.mark.parametrize("temperature", [0.25, 8.0])
def test_known_pixels_need_no_opinion(weighed, training, weights, temperature):
    X, y = training
    clf = weighed(weights=(*weights, 0), temperature=temperature)
    np.testing.assert_array_equal(clf.predict(X), y)
    np.testing.assert_allclose(clf.predict_proba(X).max(axis=1), 1, atol=1e-6)
    assert np.isfinite(clf.decision_function(X)).all()
