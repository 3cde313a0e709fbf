"""Batch normalization looks at all windows of a batch in training, and at none in predictions."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import ParameterError


class WithBatchNorm(nn.Module):
    """Normalizes maps and features."""

    tracks = True

    def __init__(self, n_channels, window_size):
        super().__init__()
        self.n_features = 8
        self.maps = nn.Sequential(
            nn.Conv2d(n_channels, 8, 3), nn.BatchNorm2d(8, track_running_stats=self.tracks)
        )
        self.norm = nn.BatchNorm1d(8)

    def forward(self, windows):
        return self.norm(self.maps(windows.permute(0, 3, 1, 2)).relu().mean(dim=(2, 3)))


class Untracked(WithBatchNorm):
    """Has no statistics of its own in predictions."""

    tracks = False


class Wrong(WithBatchNorm):
    """States what is not true."""

    independent_windows = True


class Frozen(Wrong):
    """Uses its statistics in training as well."""

    def train(self, mode=True):
        return super().train(False)


@pytest.fixture
def make(settings):
    fixed = {**settings, "vision_encoder": WithBatchNorm, "vision_params": None}
    return lambda **changes: HSIPromptClassifier(**{**fixed, **changes})


@pytest.fixture
def samples(cube, labels):
    return pixel_samples(cube, labels)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [{}, {"validation_fraction": 0.3}, {"max_epochs": 1}, {"criterion": "cross-entropy"}],
    ids=["default", "held-out", "one-epoch", "head"],
)
def test_predictions_do_not_depend_on_other_windows(make, samples, changes):
    X, y = samples
    clf = make(**changes).fit(X, y)
    together = clf.decision_function(X)
    alone = np.concatenate([clf.decision_function(X[[row]]) for row in range(5)])
    np.testing.assert_allclose(alone, together[:5], rtol=1e-4, atol=1e-5)
    # The same bits if the others are of one class only, or far away.
    windows = np.random.default_rng(0).normal(size=(40, 5, 5, 12)).astype(np.float32)
    on_windows = make(**changes).fit(windows, np.arange(40) % 3 + 1)
    before = on_windows.decision_function(windows)
    windows[20:] *= 50
    np.testing.assert_array_equal(on_windows.decision_function(windows)[:20], before[:20])


@pytest.mark.slow
def test_predictions_in_threads_and_of_loaded_models_are_the_same(make, samples, tmp_path):
    X, y = samples
    clf = make().fit(X, y)
    state = {name: value.clone() for name, value in clf.net_.module_.state_dict().items()}
    expected = clf.predict_proba(X)
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), vision_encoder=WithBatchNorm)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda each: each.predict_proba(X), [clf, loaded] * 4):
            np.testing.assert_array_equal(found, expected)
    # Predicting is not training: running statistics stay.
    for name, value in clf.net_.module_.state_dict().items():
        assert torch.equal(value, state[name]), name


@pytest.mark.slow
def test_statistics_follow_the_training_windows(make, samples):
    clf = make().fit(*samples)
    norm = clf.net_.module_.encoder.norm
    assert norm.num_batches_tracked == 8 * 4  # epochs times batches
    assert norm.running_mean.abs().sum() > 0


def test_what_cannot_work_is_refused(make, samples):
    def message(**changes):
        with pytest.raises(ParameterError) as error:
            make(**changes).fit(*samples)
        return str(error.value)

    assert message(vision_encoder=Untracked) == (
        "Batch normalization of the vision encoder 'Untracked' keeps no running statistics, so "
        "that predictions would depend on the other windows of a batch. Make it with "
        "track_running_stats=True."
    )
    assert message(vision_encoder=Wrong) == (
        "The vision encoder 'Wrong' states independent_windows=True, but has batch normalization, "
        "which looks at all windows of a batch. State False."
    )
    assert message(batch_size=1) == (
        "batch_size=1 leaves the batch normalization of the vision encoder 'WithBatchNorm' a "
        "single window. Use 2 or more."
    )


def test_frozen_statistics_are_not_refused(make, samples):
    clf = make(vision_encoder=Frozen, max_epochs=1).fit(*samples)
    assert clf.net_.module_.encoder.norm.num_batches_tracked == 0
