"""How far class scores are carried, chosen inside the training labels."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._training.fit import fit_net
from hsvlm.datasets import make_synthetic_scene
from hsvlm.estimator import fitted_model
from hsvlm.exceptions import HSVLMWarning
from hsvlm.model_selection import distance_matched_folds
from hsvlm.readout.restart import _CANDIDATES as CANDIDATES
from hsvlm.readout.restart import _DEFAULT as DEFAULT
from hsvlm.readout.restart import (
    _least_carried,
    _log_probabilities,
    _patches,
    _temperature,
    choose_restart,
)
from hsvlm.readout.scene import fit_readout
from hsvlm.readout.tiles import SceneTiles

INTERRUPTED = (
    f"The restart probability could not be chosen (KeyboardInterrupt); {DEFAULT} is taken. "
    "The network is trained and can be used."
)


class Stopping(torch.nn.Module):
    """An encoder that raises Ctrl-C in a step of training, counted over all of its kind."""

    n_left = 0

    def __init__(self, n_channels, window_size, patch_size):
        super().__init__()
        self.n_features = n_channels
        self.layer = torch.nn.Linear(n_channels, n_channels)

    def forward(self, windows):
        Stopping.n_left -= self.training
        if self.training and Stopping.n_left == 0:
            raise KeyboardInterrupt
        return self.layer(windows.mean(dim=(1, 2)))


@pytest.fixture(scope="module")
def scene():
    """24 x 28 pixels, so noisy that the choice matters."""
    return make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.5, random_state=3)


@pytest.fixture(scope="module")
def training(scene):
    """A third of the labelled pixels."""
    X, y = pixel_samples(scene.cube, scene.labels)
    return X[::3], y[::3]


@pytest.fixture(scope="module")
def make():
    """Makes a classifier that trains in a moment."""
    fast = {
        "text_encoder": np.eye(4),
        "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
        "max_epochs": 2,
        "lr": 5e-3,
        "device": "cpu",
        "random_state": 0,
    }
    return lambda **changes: HSIPromptClassifier(**{**fast, **changes})


@pytest.fixture(scope="module")
def fitted(make, training):
    """A value was chosen for it; not to be changed."""
    return make().fit(*training)


@pytest.fixture
def open_choice(fitted):
    """The same without the choice."""
    clf = copy.copy(fitted)
    clf.readout_ = replace(fitted.readout_, restart=None, brier_scores=None)
    return clf


@pytest.fixture
def set_brier_scores(monkeypatch):
    """Lets held-out samples have the Brier scores that the test says."""

    def set_scores(scores):
        monkeypatch.setattr(
            "hsvlm.readout.restart._brier_scores",
            lambda _, targets: np.tile(np.asarray(scores, float)[:, None], len(targets)),
        )

    return set_scores


@pytest.fixture
def set_folds(monkeypatch):
    """Divides training labels as the test says."""
    return lambda fold: monkeypatch.setattr(
        "hsvlm.readout.restart.distance_matched_folds", lambda *_, **__: fold
    )


@pytest.fixture
def divided(monkeypatch):
    """Positions, map and classes that were divided into folds."""
    seen = []

    def record(positions, map_positions, n_splits, *, y, random_state):
        seen.append((positions, map_positions, y))
        return distance_matched_folds(
            positions, map_positions, n_splits, y=y, random_state=random_state
        )

    monkeypatch.setattr("hsvlm.readout.restart.distance_matched_folds", record)
    return seen


@pytest.fixture
def small_patches(monkeypatch):
    """Two patches of at most 16 x 16 pixels per fold: less than the scene."""
    monkeypatch.setattr("hsvlm.readout.restart._MAX_PIXELS", 2 * 16**2)
    monkeypatch.setattr("hsvlm.readout.restart._PATCH", 8)
    monkeypatch.setattr("hsvlm.readout.restart._MARGIN", 4)


def choose(clf, training, fit_part=None, weights=None, seed=0):
    X, y = training
    targets = np.searchsorted(clf.classes_, y)
    weights = np.ones(len(y)) if weights is None else weights
    fit_part = fit_part or (lambda _: fitted_model(clf))
    clf.readout_, interrupted = choose_restart(clf.readout_, X, targets, weights, fit_part, seed)
    clf.interrupted_ |= interrupted
    return clf.readout_


def record_parts(clf, training, seed=0):
    """Numbers of the samples that networks for the choice are trained on."""
    parts = []
    choose(clf, training, lambda part: parts.append(part) or fitted_model(clf), seed=seed)
    return parts


# The rule


@pytest.mark.parametrize("params", [{}, {"n_steps": 2, "contrast": 1.0}], ids=["usual", "given"])
def test_brier_scores_are_those_of_classifiers_without_a_fold(make, training, params, monkeypatch):
    monkeypatch.setattr("hsvlm.readout.restart._TOLERANCE", 1e-6)
    X, y = training
    clf = make(spatial_params={**params, "restart": 0.1}).fit(X, y)
    clf.readout_ = replace(clf.readout_, restart=None)
    targets = np.searchsorted(clf.classes_, y)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    positions = np.column_stack([np.zeros(len(X), dtype=int), X.coords])
    pixels = np.insert(np.argwhere(np.ones((24, 28))), 0, 0, axis=1)
    fold = distance_matched_folds(positions, pixels, 3, y=targets, random_state=7)
    compared = CANDIDATES[1::2]
    expected = np.zeros(len(compared))
    for number in range(3):
        kept, held = fold != number, fold == number
        readout = fit_readout(params, X[kept], targets[kept], weights[kept])
        for candidate, restart in enumerate(compared):
            other = copy.copy(clf)
            other.readout_ = replace(readout, restart=restart)
            wrong = other.predict_proba(X[held]) - np.eye(4)[targets[held]]
            expected[candidate] += weights[held] @ (wrong**2).sum(axis=1) / weights.sum()
    scores = choose(clf, training, weights=weights, seed=7).brier_scores
    assert list(scores) == list(CANDIDATES)
    assert len(set(scores.values())) > 1
    np.testing.assert_allclose([scores[one] for one in compared], expected, rtol=1e-4)


def test_scores_to_choose_by_need_fewer_steps(open_choice, training, monkeypatch):
    short = choose(copy.copy(open_choice), training).brier_scores
    monkeypatch.setattr("hsvlm.readout.restart._TOLERANCE", 1e-9)
    whole = choose(open_choice, training).brier_scores
    assert short != whole
    np.testing.assert_allclose(list(short.values()), list(whole.values()), atol=2e-3)


@pytest.mark.parametrize("best", range(len(CANDIDATES)))
def test_every_candidate_can_be_taken(open_choice, training, set_brier_scores, best):
    set_brier_scores(1 - np.eye(len(CANDIDATES))[best])
    assert choose(open_choice, training).restart == CANDIDATES[best]


def test_of_equals_the_larger_is_taken(open_choice, training, set_brier_scores):
    assert list(CANDIDATES) == sorted(CANDIDATES)
    set_brier_scores(np.zeros(len(CANDIDATES)))
    assert choose(open_choice, training).restart == 1.0
    set_brier_scores([1, 0, 1, 0, 1, 1])
    assert choose(open_choice, training).restart == CANDIDATES[3]


def losses_of(gains, candidate=0):
    """Of as many samples as gains, by which one candidate is better than all others."""
    losses = np.ones((len(CANDIDATES), len(gains)))
    losses[candidate] -= gains
    return losses


def test_a_candidate_that_carries_farther_must_be_better_by_one_standard_error():
    last = len(CANDIDATES) - 1
    # Mean 0.2 and standard deviation 1: a standard error of 0.32 for ten samples, 0.1 for 100.
    gains = np.tile([-0.8, 1.2], 50)
    assert _least_carried(losses_of(gains[:10])) == last
    assert _least_carried(losses_of(gains)) == 0
    assert _least_carried(losses_of(gains, last)) == last
    # Another that is nearly as good, and carries less far.
    losses = losses_of(gains)
    losses[2] -= np.roll(gains, 1) - 0.01
    assert _least_carried(losses) == 2
    losses[3] = losses[0] + 0.01
    assert _least_carried(losses) == 2


@pytest.mark.parametrize("seed", range(5))
def test_candidates_are_compared_sample_by_sample(seed):
    rng = np.random.default_rng(seed)
    # Hard and easy samples are so for all candidates alike.
    losses = rng.uniform(0, 10, 40) + rng.normal([[0.5]] * 3 + [[0.0]] * 3, 0.1, (6, 40))
    best = losses.mean(axis=1).argmin()
    allowed = [
        number
        for number, row in enumerate(losses)
        if (row - losses[best]).mean() <= np.std(row - losses[best]) / np.sqrt(40)
    ]
    assert allowed[0] >= 3
    assert _least_carried(losses) == allowed[-1]


def test_the_choice_keeps_the_scenes_with_all_labels(open_choice, training):
    scenes = open_choice.readout_.scenes
    assert choose(open_choice, training).scenes is scenes
    assert len(scenes[0].coords) == len(training[0])


def test_the_temperature_undoes_too_much_confidence():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    targets = np.array([rng.choice(3, p=np.exp(row)) for row in log_softmax(logits, axis=1)])
    for factor in (0.5, 2.0):
        sharp = log_softmax(factor * logits, axis=1)
        found = _temperature(sharp, targets, np.ones(len(targets)))
        assert found == pytest.approx(factor, rel=0.1)
    # Samples without weight change nothing.
    doubled = np.concatenate([sharp, 9 * sharp])
    weights = np.repeat([1.0, 0.0], len(targets))
    assert _temperature(doubled, np.tile(targets, 2), weights) == pytest.approx(found)


# Folds


def test_every_label_is_held_out_once(open_choice, training):
    X, _ = training
    parts = record_parts(open_choice, training)
    held = [np.setdiff1d(np.arange(len(X)), part) for part in parts]
    assert len(held) == 3
    np.testing.assert_array_equal(np.sort(np.concatenate(held)), np.arange(len(X)))


def test_the_seed_draws_the_folds(open_choice, training):
    first, again, other = (
        record_parts(copy.copy(open_choice), training, seed) for seed in (4, 4, 5)
    )
    for one, same, another in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.array_equal(one, another)


def test_folds_are_as_far_apart_as_the_map_is_from_the_labels(open_choice, training):
    X, y = training
    corner = (X.coords < 12).all(axis=1)
    near = record_parts(copy.copy(open_choice), (X[corner], y[corner]))
    held = np.setdiff1d(np.arange(corner.sum()), near[0])
    coords = X.coords[corner]
    distances = np.linalg.norm(coords[held][:, None] - coords[near[0]], axis=2).min(axis=1)
    assert distances.max() > 3


def test_trainings_that_would_know_one_class_are_left_out(open_choice, training, set_folds):
    _, y = training
    fold = np.where(y == y[0], np.arange(len(y)) % 2, 0)
    set_folds(fold)
    (part,) = record_parts(open_choice, training)
    np.testing.assert_array_equal(part, np.flatnonzero(fold == 0))
    assert open_choice.readout_.brier_scores is not None


def test_with_no_training_left_the_default_is_taken(open_choice, training, set_folds):
    _, y = training
    keep = np.isin(y, np.unique(y)[:2])
    set_folds((y[keep] == y[keep][0]).astype(int))
    assert not record_parts(open_choice, (training[0][keep], y[keep]))
    assert open_choice.readout_.restart == DEFAULT
    assert open_choice.readout_.brier_scores is None


def test_with_fewer_labels_than_folds_the_default_is_taken(make, training):
    X, y = training
    few = np.sort(np.unique(y, return_index=True)[1])[:2]
    clf = make(text_encoder=np.eye(2, 4)).fit(X[few], y[few])
    assert clf.readout_.restart == DEFAULT
    assert clf.readout_.brier_scores is None
    assert clf.readout_.temperature == 1
    np.testing.assert_array_equal(clf.predict(X[few]), y[few])


def test_scenes_whose_labels_are_all_held_out_are_not_read_out(make, training, scene, set_folds):
    X, y = training
    cubes = [scene.cube, scene.cube[:, ::-1]]
    ids = np.repeat([0, 1], len(X))
    both = PixelSamples(cubes, np.tile(X.coords, (2, 1)), ids), np.tile(y, 2)
    set_folds(ids)
    clf = make().fit(*both)
    assert clf.readout_.restart == DEFAULT
    assert clf.readout_.brier_scores is None
    set_folds(np.concatenate([np.arange(len(X)) % 2, np.zeros(len(X), dtype=int)]))
    assert make().fit(*both).readout_.restart in CANDIDATES


def test_background_is_not_part_of_the_map(make, scene, divided):
    cube = np.array(scene.cube)
    cube[:10] = 0
    X, y = pixel_samples(np.ma.masked_equal(cube, 0), np.where(cube.any(axis=2), scene.labels, 0))
    make(max_epochs=1).fit(X[::3], y[::3])
    ((_, pixels, _),) = divided
    assert set(map(tuple, pixels)) == {(0, *one) for one in np.argwhere(cube.any(axis=2)).tolist()}


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


def test_samples_keep_their_scores_when_patches_are_read_out(open_choice, training, small_patches):
    X, y = training
    targets = np.searchsorted(open_choice.classes_, y)
    readout = fit_readout({}, X[::2], targets[::2], np.ones(len(X[::2])))
    held = X[1::2]
    numbers, scores = _log_probabilities(fitted_model(open_choice), readout, held)
    assert 0 < len(numbers) < len(held)
    assert len(np.unique(numbers)) == len(numbers)
    alone = open_choice.set_params(spatial=None).predict_proba(held[numbers])
    np.testing.assert_allclose(np.exp(scores[-1]), alone, atol=1e-5)
    np.testing.assert_allclose(np.exp(scores).sum(axis=2), 1, atol=1e-5)


def test_labels_outside_of_the_patches_do_not_count(
    open_choice, training, small_patches, monkeypatch
):
    _, y = training
    numbers, scores = np.array([5, 2]), np.log(np.full((len(CANDIDATES), 2, 4), 0.25))
    scores[2] = np.log(np.eye(4) * 0.97 + 0.01)[np.searchsorted(open_choice.classes_, y)[numbers]]
    monkeypatch.setattr("hsvlm.readout.restart._log_probabilities", lambda *_: (numbers, scores))
    monkeypatch.setattr(
        "hsvlm.readout.restart._folds",
        lambda X, *_: [np.arange(len(X)) < 6],
    )
    weights = np.full(len(y), 1e9)
    weights[numbers] = 1, 3
    chosen = choose(open_choice, training, weights=weights)
    assert chosen.restart == CANDIDATES[2]
    assert chosen.brier_scores[1.0] == pytest.approx(0.75)


def test_the_cost_does_not_grow_with_the_scene(make, training, scene, small_patches, monkeypatch):
    X, y = training
    n_pixels = []
    region = SceneTiles.region

    def record(self, rows, cols):
        n_pixels.append((rows[1] - rows[0]) * (cols[1] - cols[0]))
        return region(self, rows, cols)

    monkeypatch.setattr(SceneTiles, "region", record)
    for repeats in (1, 4):
        n_pixels.clear()
        cube = np.tile(scene.cube, (repeats, repeats, 1))
        clf = make(max_epochs=1).fit(PixelSamples([cube], X.coords), y)
        assert clf.readout_.restart in CANDIDATES
        assert len(n_pixels) == 6
        assert 0 < sum(n_pixels) <= 3 * 2 * 16**2


# Through the classifier


def test_a_fit_chooses_and_chooses_the_same_again(make, fitted, training, scene):
    assert fitted.readout_.restart in CANDIDATES
    assert all(0 < one <= 2 for one in fitted.readout_.brier_scores.values())
    again = make().fit(*training)
    assert again.readout_.brier_scores == fitted.readout_.brier_scores
    assert again.readout_.restart == fitted.readout_.restart
    np.testing.assert_array_equal(again.predict_proba(scene.cube), fitted.predict_proba(scene.cube))
    other = make(random_state=1).fit(*training)
    assert other.readout_.brier_scores != fitted.readout_.brier_scores


def test_the_choice_does_not_change_the_network(make, fitted, training, scene):
    given = make(spatial_params={"restart": fitted.readout_.restart}).fit(*training)
    assert given.readout_.brier_scores is None
    assert given.readout_.temperature == 1
    np.testing.assert_array_equal(given.transform(scene.cube), fitted.transform(scene.cube))
    np.testing.assert_array_equal(given.predict(scene.cube), fitted.predict(scene.cube))
    assert len(fitted.history_) == 2


def test_networks_for_the_choice_are_trained_in_an_eighth_of_the_epochs(
    make, training, monkeypatch
):
    n_epochs = []

    def record(params, settings, *arguments, **keywords):
        n_epochs.append(settings.max_epochs)
        return fit_net(params, settings, *arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", record)
    make(max_epochs=9).fit(*training)
    assert n_epochs == [9, 2, 2, 2]


def test_no_label_beside_those_of_the_training_is_looked_at(make, fitted, training, divided):
    X, y = training
    label_map = np.zeros((24, 28), dtype=int)
    label_map[tuple(X.coords.T)] = y
    clf = make().fit(X.cubes[0], label_map)
    assert clf.readout_.brier_scores == fitted.readout_.brier_scores
    ((positions, _, targets),) = divided
    np.testing.assert_array_equal(clf.classes_[targets], label_map[tuple(positions[:, 1:].T)])


def test_samples_that_watch_the_training_are_not_looked_at(make, training, divided):
    X, y = training
    clf = make(validation_fraction=0.3).fit(X, y)
    (scene,) = clf.readout_.scenes
    assert len(scene.coords) < len(X)
    ((positions, _, _),) = divided
    np.testing.assert_array_equal(positions[:, 1:], scene.coords)


def test_a_continued_fit_keeps_the_choice(make, training, set_brier_scores, monkeypatch):
    X, y = training
    set_brier_scores(1 - np.eye(len(CANDIDATES))[4])
    clf = make(warm_start=True).fit(X, y)
    assert clf.readout_.restart == CANDIDATES[4]
    set_brier_scores(1 - np.eye(len(CANDIDATES))[2])
    clf.fit(X[::2], y[::2])
    assert clf.readout_.restart == CANDIDATES[4]
    assert len(clf.readout_.scenes[0].coords) == len(X[::2])
    clf.set_params(warm_start=False).fit(X, y)
    assert clf.readout_.restart == CANDIDATES[2]


def test_several_scenes(make, training, scene):
    X, y = training
    second = make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.5, random_state=5)
    coords = np.concatenate([X.coords, np.argwhere(second.labels)[::3]])
    ids = np.repeat([0, 1], [len(X), len(coords) - len(X)])
    labels = np.concatenate([y, second.labels[second.labels > 0][::3]])
    clf = make().fit(PixelSamples([scene.cube, second.cube], coords, ids), labels)
    assert max(clf.readout_.brier_scores.values()) < 0.9


# Ctrl-C


def assert_usable(clf, expected, scene):
    assert clf.interrupted_
    assert clf.readout_.restart == DEFAULT
    assert clf.readout_.brier_scores is None
    np.testing.assert_array_equal(clf.predict_proba(scene.cube), expected.predict_proba(scene.cube))


def test_ctrl_c_while_tiles_are_computed(make, training, scene, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm.readout.restart._log_probabilities", stop)
    with pytest.warns(HSVLMWarning) as caught:
        clf = make().fit(*training)
    assert [str(one.message) for one in caught] == [INTERRUPTED]
    expected = make(spatial_params={"restart": DEFAULT}).fit(*training)
    assert_usable(clf, expected, scene)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("number", [1, 3])
def test_ctrl_c_in_a_training_for_the_choice(make, training, scene, monkeypatch, number, step):
    # An epoch is one step.
    settings = {
        "vision_encoder": Stopping,
        "vision_params": None,
        "batch_size": 1000,
        "max_epochs": 9,
    }
    trainings = iter(range(9))

    def arm(*arguments, **keywords):
        Stopping.n_left = step if next(trainings) == number else 0
        return fit_net(*arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", arm)
    with pytest.warns(HSVLMWarning) as caught:
        clf = make(**settings).fit(*training)
    assert [str(one.message) for one in caught] == [INTERRUPTED]
    assert next(trainings) == number + 1
    assert len(clf.history_) == 9
    assert_usable(clf, make(spatial_params={"restart": DEFAULT}, **settings).fit(*training), scene)
