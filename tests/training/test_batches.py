"""How an epoch is divided: no batch of a single window is left over."""

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm._inputs.batches import split_batches
from hsvlm._training.settings import count_batches


class WithBatchNorm(torch.nn.Module):
    """Cannot be trained on a batch of one window."""

    def __init__(self, n_channels, window_size):
        super().__init__()
        self.n_features = n_channels
        self.norm = torch.nn.BatchNorm1d(n_channels)

    def forward(self, windows):
        return self.norm(windows[:, 2, 2])


@pytest.mark.parametrize(
    ("n_windows", "batch_size", "sizes"),
    [
        (10, 4, [4, 4, 2]),
        (9, 4, [4, 5]),
        (8, 4, [4, 4]),
        (5, 4, [5]),
        (3, 4, [3]),
        (1, 4, [1]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_a_last_window_joins_the_batch_before_it(n_windows, batch_size, sizes):
    order = torch.arange(n_windows)
    batches = split_batches(order, batch_size)
    assert [len(batch) for batch in batches] == sizes
    assert torch.equal(torch.cat(batches), order)


def test_batches_are_counted_as_they_are_made():
    for batch_size in (1, 2, 3, 8):
        for n_windows in range(1, 30):
            batches = split_batches(torch.arange(n_windows), batch_size)
            assert count_batches(n_windows, batch_size) == len(batches)


@pytest.mark.slow
def test_a_fit_with_one_window_left_over_is_that_with_larger_batches(cube, labels, settings):
    X, y = pixel_samples(cube, labels)
    fits = [
        HSIPromptClassifier(**{**settings, "batch_size": size}).fit(X, y)
        for size in (len(y) - 1, len(y))
    ]
    sizes = [fit.history_[-1, "batches", :, "train_batch_size"] for fit in fits]
    assert sizes == [[len(y)], [len(y)]]
    # The learning rate is planned for these steps, too.
    assert fits[0].history_[:, "lr"] == fits[1].history_[:, "lr"]
    np.testing.assert_array_equal(*[fit.predict_proba(X) for fit in fits])


@pytest.mark.slow
def test_batch_normalization_trains_with_one_window_left_over(cube, labels, settings):
    X, y = pixel_samples(cube, labels)
    X, y = X[3:], y[3:]
    assert len(y) % 20 == 1
    changes = {"vision_encoder": WithBatchNorm, "vision_params": None, "batch_size": 20, "lr": 0.1}
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(X, y)
    assert clf.history_[-1, "batches", :, "train_batch_size"] == [20] * 10 + [21]
    assert clf.score(X, y) > 0.9
