"""What is particular to the encoder `spectral-memory`."""

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.vision.spectral_memory import SpectralMemory


def make(seed=0, **params):
    torch.manual_seed(seed)
    return SpectralMemory(6, 5, 1, **params).eval()


@pytest.fixture
def windows():
    return torch.randn(40, 5, 5, 6, generator=torch.Generator().manual_seed(1))


def queries(windows, **params):
    """Features without a memory; the other weights are the same."""
    return make(n_prototypes=0, **params)(windows)


def test_features_are_means_of_prototypes_by_their_likeness_to_the_query(windows):
    encoder = make(n_prototypes=10, add_query=False)
    features = encoder(windows)
    for query, feature in zip(queries(windows), features, strict=True):
        scores = [(query @ prototype).item() / 8 for prototype in encoder.memory]
        weights = np.exp(scores) / np.exp(scores).sum()
        expected = sum(
            w * p.detach() for w, p in zip(weights.tolist(), encoder.memory, strict=True)
        )
        torch.testing.assert_close(feature, expected)


def test_the_query_is_added(windows):
    encoder = make(n_prototypes=10)
    together = queries(windows) + make(n_prototypes=10, add_query=False)(windows)
    expected = torch.nn.functional.layer_norm(together, (64,))
    torch.testing.assert_close(encoder(windows), expected)


def test_bands_are_not_interchangeable(windows):
    encoder = make()
    assert not torch.allclose(encoder(windows), encoder(windows.flip(3)), atol=1e-3)


def test_bands_are_dropped_in_training_only(windows):
    encoder = make(band_dropout=0.5)
    assert not encoder.independent_windows
    torch.testing.assert_close(encoder(windows), make(band_dropout=0.0)(windows))
    encoder.train()
    assert not torch.equal(encoder(windows), encoder(windows))


def test_prototypes_start_as_centers_of_queries(windows):
    # Two kinds of windows, and a prototype for each.
    windows[:20] += 3
    windows[20:] -= 3
    encoder = make(n_prototypes=2)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder.prepare(windows, torch.Generator().manual_seed(0))
    expected = queries(windows).view(2, 20, 64).mean(dim=1)
    order = torch.cdist(expected, encoder.memory).argmin(dim=1)
    torch.testing.assert_close(encoder.memory[order], expected)
    changed = [
        name for name, value in encoder.state_dict().items() if not value.equal(before[name])
    ]
    assert changed == ["memory"]
    assert encoder.memory.requires_grad


@pytest.mark.parametrize("params", [{"k_means_start": False}, {"n_prototypes": 0}])
def test_the_start_can_be_left_out(windows, params):
    encoder = make(**params)
    before = encoder(windows)
    encoder.prepare(windows, torch.Generator().manual_seed(0))
    assert torch.equal(encoder(windows), before)


def test_a_fit_prepares_the_memory(cube, labels, settings):
    changes = {
        "vision_encoder": "spectral-memory",
        "vision_params": {"n_prototypes": 5},
        "lr": 1e-30,
        "max_epochs": 1,
    }
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    encoder = clf.net_.module_.encoder
    # Means of queries, which all have length 8, lie inside the sphere; random prototypes do not.
    assert encoder.memory.norm(dim=1).max() < 8
    assert encoder.memory.norm(dim=1).min() > 4


def test_a_negative_number_of_prototypes_is_refused():
    with pytest.raises(ParameterError) as error:
        make(n_prototypes=-1)
    assert str(error.value) == (
        "n_prototypes=-1 is negative. Use about 10 per class, or 0 for none."
    )
