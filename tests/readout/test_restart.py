"""How far class scores are carried, chosen inside the training labels."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._training.fit import fit_net
from hsvlm.datasets import make_synthetic_scene
from hsvlm.estimator import fitted_model
from hsvlm.exceptions import HSVLMWarning, ParameterError
from hsvlm.model_selection import spatial_holdout
from hsvlm.readout.restart import _CANDIDATES as CANDIDATES
from hsvlm.readout.restart import _DEFAULT as DEFAULT
from hsvlm.readout.restart import _clearly_best, choose_restart
from hsvlm.readout.scene import fit_readout

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
def found_wrong(monkeypatch):
    """Lets held-out samples have the Brier scores that the test says."""

    def set_scores(scores):
        monkeypatch.setattr(
            "hsvlm.readout.restart._brier_scores",
            lambda _, targets: np.tile(np.asarray(scores, float)[:, None], len(targets)),
        )

    return set_scores


def choose(clf, training, fit_part=None, weights=None, seed=0):
    X, y = training
    targets = np.searchsorted(clf.classes_, y)
    weights = np.ones(len(y)) if weights is None else weights
    fit_part = fit_part or (lambda _: fitted_model(clf))
    clf.readout_, interrupted = choose_restart(clf.readout_, X, targets, weights, fit_part, seed)
    clf.interrupted_ |= interrupted
    return clf.readout_


def test_brier_scores_on_held_out_labels_decide(open_choice, training):
    X, y = training
    targets = np.searchsorted(open_choice.classes_, y)
    weights = np.random.default_rng(0).uniform(0.1, 2, len(y))
    loss, total = np.zeros(len(CANDIDATES)), 0.0
    for number in range(3):
        random_state = np.random.RandomState(7 + number)
        kept, held = spatial_holdout(X, targets, 1 / 3, 8, random_state)
        readout = fit_readout(open_choice.spatial_params, X[kept], targets[kept], weights[kept])
        for candidate, restart in enumerate(CANDIDATES):
            other = copy.copy(open_choice)
            other.readout_ = replace(readout, restart=restart)
            wrong = other.predict_proba(X[held]) - np.eye(4)[targets[held]]
            loss[candidate] += weights[held] @ (wrong**2).sum(axis=1)
        total += weights[held].sum()
    chosen = choose(open_choice, training, weights=weights, seed=7)
    assert list(chosen.brier_scores) == list(CANDIDATES)
    np.testing.assert_allclose(list(chosen.brier_scores.values()), loss / total, rtol=1e-4)
    assert len(set(chosen.brier_scores.values())) > 1
    assert chosen.scenes is open_choice.readout_.scenes


@pytest.mark.parametrize("best", range(len(CANDIDATES)))
def test_every_candidate_can_be_taken(open_choice, training, found_wrong, best):
    found_wrong(1 - np.eye(len(CANDIDATES))[best])
    assert choose(open_choice, training).restart == CANDIDATES[best]


def test_without_a_gain_the_default_stays(open_choice, training, found_wrong):
    for scores in (np.zeros(len(CANDIDATES)), np.array([one != DEFAULT for one in CANDIDATES])):
        found_wrong(scores)
        assert choose(open_choice, training).restart == DEFAULT


def losses_of(gains, candidate=0):
    """Of one sample per block, where a candidate gains that much on the default."""
    losses = np.ones((len(CANDIDATES), len(gains)))
    losses[candidate] -= gains
    return losses, np.arange(len(gains))


def test_a_gain_must_be_clear():
    usual = CANDIDATES.index(DEFAULT)
    # Mean 1 and standard deviation 1 of ten: a standard error of 0.35; of three: 0.71.
    gains = np.tile([0.0, 2.0], 5)
    assert _clearly_best(*losses_of(gains)) == 0
    assert _clearly_best(*losses_of(-gains)) == usual
    assert _clearly_best(*losses_of(gains[:3])) == usual
    assert _clearly_best(*losses_of([5.0])) == usual
    # The same gains of ten pixels in two blocks.
    losses, _ = losses_of(gains)
    assert _clearly_best(losses, np.arange(10) % 2) == usual
    losses[1] -= 0.9 * gains
    losses[2] += 0.5 * gains
    assert _clearly_best(losses, np.arange(10)) == 0


def test_the_threshold_is_two_standard_errors_of_the_sum():
    for seed in range(20):
        gains = np.random.default_rng(seed).normal(0.8, 1, 12)
        clear = gains.mean() > 2 * gains.std(ddof=1) / np.sqrt(len(gains))
        assert (_clearly_best(*losses_of(gains, 3)) == 3) == clear


def test_a_block_counts_once_however_often_it_is_held_out(open_choice, training, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "hsvlm.readout.restart._clearly_best", lambda losses, block: seen.append(block) or 0
    )
    X, y = training
    targets = np.searchsorted(open_choice.classes_, y)
    choose(open_choice, training, seed=7)
    held = [
        spatial_holdout(X, targets, 1 / 3, 8, np.random.RandomState(7 + number))[1]
        for number in range(3)
    ]
    blocks = X.coords[np.concatenate(held)] // 8
    assert len(np.unique(seen[0])) == len(np.unique(blocks, axis=0))
    for number in np.unique(seen[0]):
        assert len(np.unique(blocks[seen[0] == number], axis=0)) == 1


def test_parts_are_whole_blocks_of_the_training_and_drawn_anew(open_choice, training):
    X, _ = training
    parts = []
    choose(open_choice, training, lambda part: parts.append(part) or fitted_model(open_choice))
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
    assert clf.readout_.brier_scores is None
    np.testing.assert_array_equal(clf.predict(X[few]), y[few])


def test_labels_that_are_too_few_for_a_later_draw_count_as_they_are(
    open_choice, training, found_wrong, monkeypatch
):
    draws = iter([spatial_holdout, None])

    def once(*arguments):
        draw = next(draws)
        if draw is None:
            message = "too few"
            raise ParameterError(message)
        return draw(*arguments)

    monkeypatch.setattr("hsvlm.readout.restart.spatial_holdout", once)
    found_wrong(1 - np.eye(len(CANDIDATES))[-1])
    assert choose(open_choice, training).restart == CANDIDATES[-1]


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


def test_no_label_beside_those_of_the_training_is_looked_at(make, fitted, training, monkeypatch):
    X, y = training
    seen = []

    def record(X, y, *others):
        seen.append((X, y))
        return spatial_holdout(X, y, *others)

    monkeypatch.setattr("hsvlm.readout.restart.spatial_holdout", record)
    label_map = np.zeros((24, 28), dtype=int)
    label_map[tuple(X.coords.T)] = y
    clf = make().fit(X.cubes[0], label_map)
    assert clf.readout_.brier_scores == fitted.readout_.brier_scores
    for samples, targets in seen:
        np.testing.assert_array_equal(clf.classes_[targets], label_map[tuple(samples.coords.T)])


def test_samples_that_watch_the_training_are_not_looked_at(make, training, monkeypatch):
    X, y = training
    seen = []

    def record(X, *others):
        seen.append(X)
        return spatial_holdout(X, *others)

    monkeypatch.setattr("hsvlm.readout.restart.spatial_holdout", record)
    clf = make(validation_fraction=0.3).fit(X, y)
    (scene,) = clf.readout_.scenes
    assert len(scene.coords) < len(X)
    for one in seen:
        np.testing.assert_array_equal(one.coords, scene.coords)


def test_a_continued_fit_keeps_the_choice(make, training, found_wrong, monkeypatch):
    X, y = training
    found_wrong(1 - np.eye(len(CANDIDATES))[4])
    clf = make(warm_start=True).fit(X, y)
    assert clf.readout_.restart == CANDIDATES[4]
    found_wrong(1 - np.eye(len(CANDIDATES))[2])
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
        "max_epochs": 4,
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
    assert len(clf.history_) == 4
    assert_usable(clf, make(spatial_params={"restart": DEFAULT}, **settings).fit(*training), scene)
