"""Labels that are held out weigh walks and windows, and tell which labels are wrong."""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._prediction.windows import window_scores
from hsvlm.datasets import make_synthetic_scene
from hsvlm.estimator import fitted_model
from hsvlm.exceptions import DeviceMemoryError, HSVLMWarning, TrainingDivergedError
from hsvlm.model_selection import distance_matched_folds
from hsvlm.readout import fit_pool, pool_opinions

# What a fit asks of held-out labels, without the fit around it.
from hsvlm.readout.held_out import (
    _Fold,
    _halves,
    _patches,
    _temperature,
    _window_temperature,
    hold_out,
)
from hsvlm.readout.regions import SceneRegions
from hsvlm.readout.scene import fit_readout

EQUAL = (0.5, 0.5, 0.0)


@pytest.fixture(scope="module")
def scene():
    """24 x 28 pixels, so noisy that windows alone are often wrong."""
    return make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.5, random_state=3)


@pytest.fixture(scope="module")
def training(scene):
    """A third of the labeled pixels."""
    X, y = pixel_samples(scene.cube, scene.labels)
    return X[::3], y[::3]


@pytest.fixture(scope="module")
def make(fast):
    """Makes a classifier that trains in a moment."""
    return lambda **changes: HSIPromptClassifier(
        **{**fast, "spatial_params": {"weights": EQUAL}, **changes}
    )


@pytest.fixture(scope="module")
def fitted(make, training):
    """With equal weights; not to be changed."""
    return make().fit(*training)


@pytest.fixture
def set_folds(monkeypatch):
    """Divides training labels as the test says."""
    return lambda fold: monkeypatch.setattr(
        "hsvlm.readout.held_out.distance_matched_folds", lambda *_, **__: fold
    )


@pytest.fixture
def small_patches(monkeypatch):
    """Two patches of at most 16 x 16 pixels per fold: less than the scene."""
    monkeypatch.setattr("hsvlm.readout.held_out._MAX_PIXELS", 2 * 16**2)
    monkeypatch.setattr("hsvlm.readout.held_out._PATCH", 8)
    monkeypatch.setattr("hsvlm.readout.held_out._MARGIN", 4)


def hold(clf, training, fit_part=None, weights=None, seed=0):
    """Hold labels out; by default, the network has been trained with all of them."""
    X, y = training
    targets = np.searchsorted(clf.classes_, y)
    weights = np.ones(len(y)) if weights is None else weights
    fit_part = fit_part or (lambda _: fitted_model(clf))
    return hold_out(clf.readout_, X, targets, weights, fit_part, seed)


def record_parts(clf, training, seed=0):
    """Numbers of the samples that networks are trained on."""
    parts = []
    hold(clf, training, lambda part: parts.append(part) or fitted_model(clf), seed=seed)
    return parts


def is_asked(findings, training, clf):
    """Which labels were held out and read out: another class is suggested for them."""
    return clf.classes_[findings.suggested] != training[1]


def assert_nothing_known(findings, training, clf):
    assert findings.readout is clf.readout_
    np.testing.assert_array_equal(findings.trust, 1)
    assert not is_asked(findings, training, clf).any()


# What is found


@pytest.mark.slow
@pytest.mark.parametrize("params", [{}, {"n_steps": 2, "contrast": 1.0, "restart": 0.2}])
def test_findings_are_those_of_classifiers_without_a_fold(make, training, params, monkeypatch):
    X, y = training
    clf = make(spatial_params={**params, "weights": EQUAL}).fit(X, y)
    targets = np.searchsorted(clf.classes_, y)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    positions = np.column_stack([np.zeros(len(X), dtype=int), X.coords])
    pixels = np.insert(np.argwhere(np.ones((24, 28))), 0, 0, axis=1)
    fold = distance_matched_folds(positions, pixels, 3, y=targets, random_state=7)
    monkeypatch.setattr("hsvlm.readout.regions._thinned", lambda usable, _: usable)
    findings = hold(clf, training, weights=weights, seed=7)
    far, near, alone, spectral, share = (*np.empty((4, len(y), 4)), np.empty(len(y)))
    for number, part in itertools.product(range(3), range(2)):
        half = _halves(fold == number, targets, 7)
        asked = half == part
        share[asked] = [np.mean(half[targets == one] == -1) for one in targets[asked]]
        for found, known, triple in [
            (far, half == -1, (1.0, 0.0, 0.0)),
            (near, half != part, (1.0, 0.0, 0.0)),
            (alone, half == -1, (0.0, 1.0, 0.0)),
            (spectral, half == -1, (0.0, 0.0, 1.0)),
        ]:
            other = copy.copy(clf)
            without = fit_readout(params, X[known], targets[known], weights[known], 4)
            other.readout_ = replace(
                clf.readout_,
                scenes=without.scenes,
                discriminant=without.discriminant,
                weights=triple,
                temperature=findings.readout.temperature,
            )
            found[asked] = other.decision_function(X[asked])
    balanced = share * weights / np.bincount(targets, weights=weights)[targets]
    opinions = [np.concatenate(two) for two in ((far, near), (alone,) * 2, (spectral,) * 2)]
    twice = np.tile(targets, 2)
    expected = fit_pool(opinions, twice, np.tile(balanced, 2), EQUAL)
    believed = np.tile(weights / weights.mean(), 2) * expected.trust
    softness = _temperature(pool_opinions(opinions, expected.weights), twice, believed)
    found = findings.readout.weights
    assert found == pytest.approx(np.divide(expected.weights, softness), abs=1e-3)
    assert found != EQUAL
    assert softness != pytest.approx(1, abs=0.01)
    doubt = fit_pool([near, alone, spectral], targets, weights, EQUAL)
    assert findings.readout.noise == pytest.approx(doubt.noise, abs=1e-4)
    np.testing.assert_allclose(findings.trust, doubt.trust, atol=1e-3)
    np.testing.assert_array_equal(findings.suggested, doubt.suggested)


@pytest.mark.slow
def test_findings_keep_the_settings_and_the_scenes_with_all_labels(fitted, training):
    found = hold(fitted, training).readout
    assert found.scenes is fitted.readout_.scenes
    assert len(found.scenes[0].coords) == len(training[0])
    for name in ("restart", "contrast", "agreement", "n_steps", "edges", "scale"):
        assert getattr(found, name) is getattr(fitted.readout_, name)
    assert type(found.temperature) is type(found.noise) is float


@pytest.mark.slow
def test_wrong_labels_lose_trust(fitted, training):
    X, y = training
    wrong = np.random.default_rng(1).choice(len(y), 10, replace=False)
    labels = y.copy()
    labels[wrong] = labels[wrong] % 4 + 1
    findings = hold(fitted, (X, labels))
    assert np.median(findings.trust[wrong]) < 0.5
    assert np.median(np.delete(findings.trust, wrong)) > 0.99
    suggested = fitted.classes_[findings.suggested[wrong]]
    assert (suggested == y[wrong]).mean() >= 0.8


# How sure the map is


@pytest.mark.slow
def test_the_map_is_as_sure_as_most_labels_are_easy(fitted, training, monkeypatch):
    """Classes that count the same say whom to believe; all labels as they are say how far."""
    X, y = training
    rare = np.flatnonzero(y == 1)[:8]
    keep = np.union1d(np.flatnonzero(y != 1), rare)
    seen = []

    def record(opinions, targets, *others):
        # The rare class is hard: nothing tells it from another one.
        hidden = targets == 0
        for one in opinions:
            one[hidden] = one[hidden][:, [1, 0, 2, 3]]
        seen.append(fit_pool(opinions, targets, *others))
        return seen[-1]

    monkeypatch.setattr("hsvlm.readout.held_out.fit_pool", record)
    found = hold(fitted, (X[keep], y[keep])).readout.weights
    before = np.array(seen[-1].weights)
    np.testing.assert_allclose(found / before, found[0] / before[0])
    assert found[0] > 1.1 * before[0]


# The temperature


def temperature(monkeypatch, scores, targets, weights=None):
    """As if a network gave these scores to pixels of a scene of one row."""
    cube = np.zeros((1, len(scores), 2))
    X = PixelSamples(cube, np.argwhere(np.ones(cube.shape[:2])))
    monkeypatch.setattr(
        "hsvlm.readout.held_out.window_scores", lambda _, samples: scores[samples.coords[:, 1]]
    )
    halves = np.arange(len(scores)) % 2
    folds = [
        _Fold(None, np.flatnonzero(halves == one), halves, np.ones(len(scores))) for one in (0, 1)
    ]
    weights = np.ones(len(scores)) if weights is None else weights
    return _window_temperature(folds, X, targets, weights)


@pytest.fixture
def calibrated():
    """Scores under which classes are drawn, and the classes."""
    rng = np.random.default_rng(0)
    scores = log_softmax(2 * rng.normal(size=(4000, 3)), axis=1)
    return scores, np.array([rng.choice(3, p=np.exp(row)) for row in scores])


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_wrong_confidence(monkeypatch, calibrated, factor):
    scores, targets = calibrated
    found = temperature(monkeypatch, factor * scores, targets)
    assert found == pytest.approx(factor, rel=0.1)


@pytest.mark.slow
def test_the_temperature_has_bounds(monkeypatch, calibrated):
    targets = calibrated[1]
    sure = 50 * np.eye(3)[targets]
    assert temperature(monkeypatch, np.roll(sure, 1, axis=0), targets) == pytest.approx(8, rel=0.01)
    assert temperature(monkeypatch, sure / 500, targets) == pytest.approx(0.25, rel=0.01)


def test_few_labels_change_the_temperature_less(monkeypatch, calibrated):
    scores, targets = calibrated
    found = [temperature(monkeypatch, 4 * scores[:n], targets[:n]) for n in (4, 40, 4000)]
    assert 1 < found[0] < found[1] < found[2]
    assert found[0] < 2.5


def test_samples_without_weight_do_not_change_the_temperature(monkeypatch, calibrated):
    scores, targets = calibrated
    both, twice = np.concatenate([2 * scores, 9 * scores]), np.tile(targets, 2)
    found = temperature(monkeypatch, both, twice, np.repeat([7.0, 0.0], 4000))
    assert found == pytest.approx(temperature(monkeypatch, 2 * scores, targets), rel=0.01)


@pytest.mark.slow
def test_windows_are_calibrated_before_walks_see_them(fitted, training, monkeypatch):
    seen, region = [], SceneRegions.region

    def record(self, rows, cols, only):
        seen.append((self._readout.temperature, region(self, rows, cols, only)))
        return seen[-1][1]

    monkeypatch.setattr(SceneRegions, "region", record)
    monkeypatch.setattr("hsvlm.readout.regions._thinned", lambda usable, _: usable)
    found = hold(fitted, training).readout.temperature
    assert found != 1
    X = training[0]
    expected = log_softmax(window_scores(fitted_model(fitted), X) / found, axis=1)
    for used, tile in seen:
        assert used == found
        np.testing.assert_allclose(tile.windows()[tuple(X.coords.T)], expected, atol=1e-4)


# Folds


@pytest.mark.slow
def test_every_label_is_held_out_once(fitted, training):
    X, _ = training
    parts = record_parts(fitted, training)
    held = [np.setdiff1d(np.arange(len(X)), part) for part in parts]
    assert len(held) == 3
    np.testing.assert_array_equal(np.sort(np.concatenate(held)), np.arange(len(X)))


@pytest.mark.slow
def test_the_seed_draws_the_folds(fitted, training):
    first, again, other = (record_parts(fitted, training, seed) for seed in (4, 4, 5))
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, another)


@pytest.mark.slow
def test_folds_are_as_far_apart_as_the_map_is_from_the_labels(fitted, training):
    X, y = training
    corner = (X.coords < 12).all(axis=1)
    near = record_parts(fitted, (X[corner], y[corner]))
    held = np.setdiff1d(np.arange(corner.sum()), near[0])
    coords = X.coords[corner]
    distances = np.linalg.norm(coords[held][:, None] - coords[near[0]], axis=2).min(axis=1)
    assert distances.max() > 3


@pytest.mark.slow
def test_trainings_that_would_know_one_class_are_left_out(fitted, training, set_folds):
    y = training[1]
    fold = np.where(y == y[0], np.arange(len(y)) % 2, 0)
    set_folds(fold)
    (part,) = record_parts(fitted, training)
    np.testing.assert_array_equal(part, np.flatnonzero(fold == 0))
    findings = hold(fitted, training)
    assert findings.readout.weights != EQUAL
    np.testing.assert_array_equal(findings.trust[fold == 0], 1)
    np.testing.assert_array_equal(is_asked(findings, training, fitted), fold == 1)


@pytest.mark.slow
def test_a_class_that_is_held_out_as_a_whole_is_not_asked_about(fitted, training, set_folds):
    _, y = training
    set_folds(np.where(y == y[0], 0, 1 + np.arange(len(y)) % 2))
    findings = hold(fitted, training)
    np.testing.assert_array_equal(findings.trust[y == y[0]], 1)
    np.testing.assert_array_equal(is_asked(findings, training, fitted), y != y[0])


def test_with_no_training_left_nothing_is_known(fitted, training, set_folds):
    X, y = training
    keep = np.isin(y, np.unique(y)[:2])
    two = X[keep], y[keep]
    set_folds((two[1] == two[1][0]).astype(int))
    assert not record_parts(fitted, two)
    assert_nothing_known(hold(fitted, two), two, fitted)


@pytest.mark.slow
def test_walks_know_half_of_the_labels_of_a_scene_that_the_network_does_not(
    fitted, training, scene, set_folds
):
    X, y = training
    cubes = [scene.cube, scene.cube[:, ::-1]]
    ids = np.repeat([0, 1], len(X))
    both = PixelSamples(cubes, np.tile(X.coords, (2, 1)), ids), np.tile(y, 2)
    set_folds(ids)
    assert is_asked(hold(fitted, both), both, fitted).all()


def test_halves_share_every_class():
    targets = np.repeat([0, 1, 2], [10, 7, 5])
    fold = np.arange(22) % 3 != 0
    half = _halves(fold, targets, 0)
    np.testing.assert_array_equal(half == -1, ~fold)
    for label in range(3):
        counts = np.bincount(half[fold & (targets == label)], minlength=2)
        assert abs(counts[0] - counts[1]) <= 1
    np.testing.assert_array_equal(half, _halves(fold, targets, 0))
    assert not np.array_equal(half, _halves(fold, targets, 1))


# Patches of larger scenes


@pytest.mark.parametrize("max_pixels", [1, 64**2, 3 * 64**2, 10**5])
def test_patches_are_those_with_most_labels_within_the_limit(max_pixels):
    shape = 333, 400
    coords = np.random.default_rng(1).integers(np.multiply(shape, 0.9), size=(500, 2))
    counts = np.unique(coords // 32, axis=0, return_counts=True)[1]
    patches = list(_patches(coords, (*shape, 12), max_pixels))
    assert len(patches) == max(1, max_pixels // 64**2)
    assert [len(inside) for _, inside in patches] == sorted(counts)[::-1][: len(patches)]
    assert len(np.unique(np.concatenate([inside for _, inside in patches]))) == sum(
        len(inside) for _, inside in patches
    )
    areas = [(bottom - top) * (right - left) for ((top, bottom), (left, right)), _ in patches]
    assert sum(areas) <= max(max_pixels, 64**2)
    for ((top, bottom), (left, right)), inside in patches:
        assert 0 <= top < bottom <= shape[0]
        assert 0 <= left < right <= shape[1]
        distance = np.minimum(
            coords[inside] - (top, left), np.subtract((bottom, right), 1) - coords[inside]
        )
        at_rim = np.array([[top, left], [bottom, right]]) == [[0, 0], shape]
        assert (distance >= 16)[:, ~at_rim.any(axis=0)].all()


def test_small_scenes_are_one_patch():
    coords = np.array([[3, 4], [99, 0]])
    ((bounds, inside),) = _patches(coords, (100, 50, 7), 5000)
    assert bounds == ((0, 100), (0, 50))
    np.testing.assert_array_equal(inside, [0, 1])
    assert next(_patches(coords, (100, 50, 7), 4999))[0] != bounds


@pytest.mark.slow
def test_labels_outside_of_the_patches_are_trusted(fitted, training, small_patches, monkeypatch):
    y = training[1]
    asked = []

    def record(opinions, targets, weights, usual):
        asked.append((targets, weights))
        return fit_pool(opinions, targets, weights, usual)

    monkeypatch.setattr("hsvlm.readout.held_out.fit_pool", record)
    weights = np.arange(1.0, len(y) + 1)
    findings = hold(fitted, training, weights=weights)
    seen = is_asked(findings, training, fitted)
    assert 0.1 < seen.mean() < 0.9
    np.testing.assert_array_equal(findings.trust[~seen], 1)
    assert len(asked) == 2  # for the weights, and for the trust
    targets, used = asked[0]
    order = used.astype(int) - 1
    np.testing.assert_array_equal(np.sort(order), np.flatnonzero(seen))
    np.testing.assert_array_equal(fitted.classes_[targets], y[order])


@pytest.mark.slow
def test_the_cost_does_not_grow_with_the_scene(fitted, training, scene, small_patches, monkeypatch):
    X, y = training
    n_pixels, region = [], SceneRegions.region

    def record(self, rows, cols, only):
        n_pixels.append((rows[1] - rows[0]) * (cols[1] - cols[0]))
        return region(self, rows, cols, only)

    monkeypatch.setattr(SceneRegions, "region", record)
    for repeats in (1, 4):
        n_pixels.clear()
        cube = np.tile(scene.cube, (repeats, repeats, 1))
        findings = hold(fitted, (PixelSamples([cube], X.coords), y))
        assert findings.readout.weights != EQUAL
        assert len(n_pixels) == 6
        assert 0 < sum(n_pixels) <= 3 * 2 * 16**2


# What goes wrong


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("error", [TrainingDivergedError, DeviceMemoryError, MemoryError])
def test_a_training_that_fails_leaves_equal_weights(fitted, training, error, number):
    parts = []

    def fit_part(part):
        parts.append(part)
        if len(parts) > number:
            raise error("x")
        return fitted_model(fitted)

    with pytest.warns(HSVLMWarning) as caught:
        findings = hold(fitted, training, fit_part)
    assert [str(one.message) for one in caught] == [
        f"The weights of the read-out could not be found ({error.__name__}): walks and windows "
        "count the same."
    ]
    assert_nothing_known(findings, training, fitted)


def test_memory_that_walks_lack_leaves_equal_weights(fitted, training, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(SceneRegions, "region", fail)
    with pytest.warns(HSVLMWarning, match=r"\(MemoryError\): walks and windows count the same"):
        assert_nothing_known(hold(fitted, training), training, fitted)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_everything_else_ends_the_fit(fitted, training, error):
    def fit_part(_):
        raise error

    with pytest.raises(error):
        hold(fitted, training, fit_part)
