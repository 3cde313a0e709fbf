"""A fit weighs walks and windows before it trains."""

import re

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._training.fit import fit_net
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import HSVLMWarning
from hsvlm.model_selection import distance_matched_folds

EQUAL = (0.5, 0.5, 0.0)


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


class CountEpochs(Callback):
    """Epochs of each training that it has seen."""

    def __init__(self):
        self.counts = []

    def on_train_begin(self, net, **_):
        self.counts.append(0)

    def on_epoch_end(self, net, **_):
        self.counts[-1] += 1


@pytest.fixture(scope="module", autouse=True)
def no_disputes():
    """Use every label; tests/readout/test_disputed.py is about the others."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "hsvlm._training.fit.find_disputed", lambda targets, *_: np.zeros(len(targets), bool)
        )
        yield


@pytest.fixture(scope="module")
def scene():
    """24 x 28 pixels in four classes."""
    return make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.2, random_state=1)


@pytest.fixture(scope="module")
def training(scene):
    """A third of the labeled pixels."""
    X, y = pixel_samples(scene.cube, scene.labels)
    return X[::3], y[::3]


@pytest.fixture(scope="module")
def make(fast):
    """Makes a classifier that trains in a moment."""
    return lambda **changes: HSIPromptClassifier(**{**fast, **changes})


@pytest.fixture(scope="module")
def fitted(make, training):
    """Not to be changed."""
    return make().fit(*training)


@pytest.fixture
def divided(monkeypatch):
    """Positions, map and classes that were divided into folds."""
    seen = []

    def record(positions, map_positions, n_splits, *, y, random_state):
        seen.append((positions, map_positions, y))
        return distance_matched_folds(
            positions, map_positions, n_splits, y=y, random_state=random_state
        )

    monkeypatch.setattr("hsvlm.readout.held_out.distance_matched_folds", record)
    return seen


@pytest.fixture
def trained(monkeypatch):
    """Numbers of epochs and samples of every training."""
    seen = []

    def record(params, settings, data, *arguments, **keywords):
        seen.append((settings.max_epochs, len(data)))
        return fit_net(params, settings, data, *arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", record)
    return seen


def found(clf):
    return clf.readout_.temperature, clf.readout_.weights, clf.readout_.noise


@pytest.mark.slow
def test_a_fit_finds_weights_and_finds_the_same_again(make, fitted, training, scene):
    temperature, weights, noise = found(fitted)
    assert temperature != 1
    assert weights != EQUAL
    assert 0 < noise < 0.02
    again = make().fit(*training)
    assert found(again) == found(fitted)
    np.testing.assert_array_equal(again.predict_proba(scene.cube), fitted.predict_proba(scene.cube))
    assert found(make(random_state=1).fit(*training)) != found(fitted)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [(2, 0.5), [0, 1], np.array([1.0, 0.0])])
def test_given_weights_are_taken(make, fitted, training, scene, trained, pair):
    clf = make(spatial_params={"weights": pair}).fit(*training)
    assert found(clf) == (1, (*pair, 0), 0)
    assert len(trained) == 1
    # The network does not depend on them.
    np.testing.assert_array_equal(clf.transform(scene.cube), fitted.transform(scene.cube))
    assert (clf.predict_proba(scene.cube) != fitted.predict_proba(scene.cube)).any()


@pytest.mark.slow
def test_short_trainings_come_first(make, training, trained):
    callback = CountEpochs()
    clf = make(max_epochs=13, callbacks=[callback]).fit(*training)
    epochs, sizes = zip(*trained, strict=True)
    n_samples = len(training[1])
    assert epochs == (2, 2, 2, 13)
    assert sizes[-1] == n_samples
    assert sum(sizes[:3]) == 2 * n_samples
    # Callbacks and the history are those of the last.
    assert callback.counts == [13]
    assert len(clf.history_) == 13


@pytest.mark.slow
def test_short_trainings_show_their_progress_under_another_name(make, training, capsys):
    make(max_epochs=13, verbose=1).fit(*training)
    bars = [line for line in re.split(r"[\r\n]", capsys.readouterr().err) if "100%" in line]
    ends = [re.search(r"^([a-z-]+): .* (\d+/\d+) \[", line).groups() for line in bars]
    assert dict.fromkeys(ends) == {("read-out", "2/2"): None, ("training", "13/13"): None}


@pytest.mark.slow
def test_no_label_beside_those_of_the_training_is_looked_at(make, fitted, training, divided):
    X, y = training
    label_map = np.zeros((24, 28), dtype=int)
    label_map[tuple(X.coords.T)] = y
    clf = make().fit(X.cubes[0], label_map)
    assert found(clf) == found(fitted)
    ((positions, _, targets),) = divided
    np.testing.assert_array_equal(clf.classes_[targets], label_map[tuple(positions[:, 1:].T)])


@pytest.mark.slow
def test_samples_that_watch_the_training_are_not_looked_at(make, training, divided):
    X, y = training
    clf = make(validation_fraction=0.3).fit(X, y)
    (scene,) = clf.readout_.scenes
    assert len(scene.coords) < len(X)
    ((positions, _, _),) = divided
    np.testing.assert_array_equal(positions[:, 1:], scene.coords)


@pytest.mark.slow
def test_background_is_not_part_of_the_map(make, scene, divided):
    cube = np.array(scene.cube)
    cube[:10] = 0
    X, y = pixel_samples(np.ma.masked_equal(cube, 0), np.where(cube.any(axis=2), scene.labels, 0))
    make(max_epochs=1).fit(X[::2], y[::2])
    ((_, pixels, _),) = divided
    assert set(map(tuple, pixels)) == {(0, *one) for one in np.argwhere(cube.any(axis=2)).tolist()}


def test_with_fewer_labels_than_folds_walks_and_windows_count_the_same(make, training):
    X, y = training
    few = np.sort(np.unique(y, return_index=True)[1])[:2]
    clf = make(text_encoder=np.eye(2, 4)).fit(X[few], y[few])
    assert found(clf) == (1, EQUAL, 0)
    assert len(clf.disputed_labels_) == 0
    np.testing.assert_array_equal(clf.predict(X[few]), y[few])


@pytest.mark.slow
def test_a_continued_fit_keeps_what_was_found(make, training, trained):
    X, y = training
    clf = make(warm_start=True).fit(X, y)
    before = found(clf)
    trained.clear()
    clf.fit(X[::2], y[::2])
    assert len(trained) == 1
    assert found(clf) == before
    assert len(clf.readout_.scenes[0].coords) == len(X[::2])
    clf.set_params(warm_start=False).fit(X[::2], y[::2])
    assert found(clf) != before


@pytest.mark.slow
def test_several_scenes(make, training, scene):
    X, y = training
    second = make_synthetic_scene(height=24, width=28, n_bands=18, noise=0.2, random_state=0)
    coords = np.concatenate([X.coords, np.argwhere(second.labels)[::3]])
    ids = np.repeat([0, 1], [len(X), len(coords) - len(X)])
    labels = np.concatenate([y, second.labels[second.labels > 0][::3]])
    clf = make().fit(PixelSamples([scene.cube, second.cube], coords, ids), labels)
    assert found(clf)[1] != EQUAL
    assert [len(one.coords) for one in clf.readout_.scenes] == np.bincount(ids).tolist()


# Ctrl-C, and trainings that fail


@pytest.mark.parametrize("number", [0, 2])
def test_ctrl_c_in_a_short_training_ends_the_fit(make, training, monkeypatch, number):
    # An epoch is one step; the first has been done.
    trainings = iter(range(9))

    def arm(*arguments, **keywords):
        Stopping.n_left = 2 if next(trainings) == number else 0
        return fit_net(*arguments, **keywords)

    monkeypatch.setattr("hsvlm._training.fit.fit_net", arm)
    clf = make(vision_encoder=Stopping, vision_params=None, batch_size=1000, max_epochs=16)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*training)
    assert next(trainings) == number + 1
    with pytest.raises(NotFittedError):
        clf.predict(training[0])


@pytest.mark.slow
def test_ctrl_c_leaves_the_former_fit(make, training, scene, monkeypatch):
    clf = make().fit(*training)
    expected = clf.predict_proba(scene.cube)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm.readout.held_out._opinions", stop)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(training[0][::2], training[1][::2])
    np.testing.assert_array_equal(clf.predict_proba(scene.cube), expected)


@pytest.mark.slow
def test_a_fit_without_weights_is_as_with_equal_ones(make, training, scene, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("hsvlm.readout.held_out._opinions", fail)
    with pytest.warns(HSVLMWarning, match="walks and windows count the same"):
        clf = make().fit(*training)
    assert found(clf) == (1, EQUAL, 0)
    expected = make(spatial_params={"weights": EQUAL}).fit(*training)
    np.testing.assert_array_equal(clf.predict_proba(scene.cube), expected.predict_proba(scene.cube))
