"""How far class scores are carried, chosen inside the training labels."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._fitted_scene import fit_readout
from hsvlm._fitting import fit_net
from hsvlm._restart import _CANDIDATES as CANDIDATES
from hsvlm._restart import _DEFAULT as DEFAULT
from hsvlm._restart import choose_restart
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import HSVLMWarning, ParameterError
from hsvlm.model_selection import spatial_holdout

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
    clf.readout_ = replace(fitted.readout_, restart=None, accuracies=None)
    return clf


@pytest.fixture
def found_correct(monkeypatch):
    """Lets held-out samples be right as often as the test says."""

    def set_counts(counts):
        monkeypatch.setattr(
            "hsvlm._restart._accuracies", lambda *_: np.asarray(counts, dtype=float)
        )

    return set_counts


def choose(clf, training, fit_part=None, weights=None, seed=0):
    X, y = training
    targets = np.searchsorted(clf.classes_, y)
    weights = np.ones(len(y)) if weights is None else weights
    choose_restart(clf, X, targets, weights, fit_part or (lambda _: clf), seed)
    return clf.readout_


def test_the_most_accurate_on_held_out_labels_is_taken(open_choice, training):
    X, y = training
    targets = np.searchsorted(open_choice.classes_, y)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    correct, total = np.zeros(len(CANDIDATES)), 0.0
    for number in range(3):
        random_state = np.random.RandomState(7 + number)
        kept, held = spatial_holdout(X, targets, 1 / 3, 8, random_state)
        readout = fit_readout(open_choice, X[kept], targets[kept], weights[kept])
        for candidate, restart in enumerate(CANDIDATES):
            other = copy.copy(open_choice)
            other.readout_ = replace(readout, restart=restart)
            correct[candidate] += weights[held] @ (other.predict(X[held]) == y[held])
        total += weights[held].sum()
    chosen = choose(open_choice, training, weights=weights, seed=7)
    assert list(chosen.accuracies) == list(CANDIDATES)
    np.testing.assert_allclose(list(chosen.accuracies.values()), correct / total)
    assert len(set(chosen.accuracies.values())) > 1
    assert chosen.accuracies[chosen.restart] == max(chosen.accuracies.values())
    assert chosen.scenes is open_choice.readout_.scenes


@pytest.mark.parametrize("best", range(len(CANDIDATES)))
def test_every_candidate_can_be_taken(open_choice, training, found_correct, best):
    found_correct(np.eye(len(CANDIDATES))[best])
    assert choose(open_choice, training).restart == CANDIDATES[best]


def test_of_equally_good_values_the_one_nearest_to_the_default(
    open_choice, training, found_correct
):
    n = len(CANDIDATES)
    for counts in (np.zeros(n), np.ones(n)):
        found_correct(counts)
        assert choose(open_choice, training).restart == DEFAULT
    for first in range(n):
        found_correct(np.arange(n) >= first)
        assert choose(open_choice, training).restart == max(CANDIDATES[first], DEFAULT)


def test_parts_are_whole_blocks_of_the_training_and_drawn_anew(open_choice, training):
    X, _ = training
    parts = []
    choose(open_choice, training, lambda part: parts.append(part) or open_choice)
    assert len(parts) == 3
    assert len({tuple(one) for one in parts}) == 3
    blocks = X.coords // 8
    for part in parts:
        held = np.setdiff1d(np.arange(len(X)), part)
        assert 0 < len(held) <= len(X) / 3
        apart = {tuple(one) for one in blocks[part]} & {tuple(one) for one in blocks[held]}
        assert not apart


def test_with_too_few_labels_the_default_is_taken(make, training):
    X, y = training
    few = np.sort(np.unique(y, return_index=True)[1])
    clf = make().fit(X[few], y[few])
    assert clf.readout_.restart == DEFAULT
    assert clf.readout_.accuracies is None
    np.testing.assert_array_equal(clf.predict(X[few]), y[few])


def test_labels_that_are_too_few_for_a_later_draw_count_as_they_are(
    open_choice, training, found_correct, monkeypatch
):
    draws = iter([spatial_holdout, None])

    def once(*arguments):
        draw = next(draws)
        if draw is None:
            message = "too few"
            raise ParameterError(message)
        return draw(*arguments)

    monkeypatch.setattr("hsvlm._restart.spatial_holdout", once)
    found_correct(np.eye(len(CANDIDATES))[-1])
    assert choose(open_choice, training).restart == CANDIDATES[-1]


# Through the classifier


def test_a_fit_chooses_and_chooses_the_same_again(make, fitted, training, scene):
    assert fitted.readout_.restart in CANDIDATES
    assert all(0 < one <= 1 for one in fitted.readout_.accuracies.values())
    again = make().fit(*training)
    assert again.readout_.accuracies == fitted.readout_.accuracies
    assert again.readout_.restart == fitted.readout_.restart
    np.testing.assert_array_equal(again.predict_proba(scene.cube), fitted.predict_proba(scene.cube))
    other = make(random_state=1).fit(*training)
    assert other.readout_.accuracies != fitted.readout_.accuracies


def test_the_choice_does_not_change_the_network(make, fitted, training, scene):
    given = make(spatial_params={"restart": fitted.readout_.restart}).fit(*training)
    assert given.readout_.accuracies is None
    assert given.readout_.temperature == 1
    np.testing.assert_array_equal(given.transform(scene.cube), fitted.transform(scene.cube))
    np.testing.assert_array_equal(given.predict(scene.cube), fitted.predict(scene.cube))
    assert len(fitted.history_) == 2


def test_no_label_beside_those_of_the_training_is_looked_at(make, fitted, training, monkeypatch):
    X, y = training
    seen = []

    def record(X, y, *others):
        seen.append((X, y))
        return spatial_holdout(X, y, *others)

    monkeypatch.setattr("hsvlm._restart.spatial_holdout", record)
    label_map = np.zeros((24, 28), dtype=int)
    label_map[tuple(X.coords.T)] = y
    clf = make().fit(X.cubes[0], label_map)
    assert clf.readout_.accuracies == fitted.readout_.accuracies
    for samples, targets in seen:
        np.testing.assert_array_equal(clf.classes_[targets], label_map[tuple(samples.coords.T)])


def test_samples_that_watch_the_training_are_not_looked_at(make, training, monkeypatch):
    X, y = training
    seen = []

    def record(X, *others):
        seen.append(X)
        return spatial_holdout(X, *others)

    monkeypatch.setattr("hsvlm._restart.spatial_holdout", record)
    clf = make(validation_fraction=0.3).fit(X, y)
    (scene,) = clf.readout_.scenes
    assert len(scene.coords) < len(X)
    for one in seen:
        np.testing.assert_array_equal(one.coords, scene.coords)


def test_a_continued_fit_keeps_the_choice(make, training, found_correct, monkeypatch):
    X, y = training
    found_correct(np.eye(len(CANDIDATES))[4])
    clf = make(warm_start=True).fit(X, y)
    assert clf.readout_.restart == CANDIDATES[4]
    found_correct(np.eye(len(CANDIDATES))[2])
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
    assert max(clf.readout_.accuracies.values()) > 0.3


# Ctrl-C


def assert_usable(clf, expected, scene):
    assert clf.interrupted_
    assert clf.readout_.restart == DEFAULT
    assert clf.readout_.accuracies is None
    np.testing.assert_array_equal(clf.predict_proba(scene.cube), expected.predict_proba(scene.cube))


def test_ctrl_c_while_tiles_are_computed(make, training, scene, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm._restart._log_probabilities", stop)
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
        "max_epochs": 4,
    }
    trainings = iter(range(9))

    def arm(*arguments, **keywords):
        Stopping.n_left = step if next(trainings) == number else 0
        return fit_net(*arguments, **keywords)

    monkeypatch.setattr("hsvlm._fitting.fit_net", arm)
    with pytest.warns(HSVLMWarning) as caught:
        clf = make(**settings).fit(*training)
    assert [str(one.message) for one in caught] == [INTERRUPTED]
    assert next(trainings) == number + 1
    assert len(clf.history_) == 4
    assert_usable(clf, make(spatial_params={"restart": DEFAULT}, **settings).fit(*training), scene)
