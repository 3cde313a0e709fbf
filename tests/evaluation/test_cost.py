"""Parameters and multiply-adds of networks, against sums written out."""

import numpy as np
import pytest
import torch
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from torch import nn
from torch.nn import functional

from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import NetworkCost, network_cost
from hsvlm.exceptions import ParameterError
from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import encoder_arguments, required_params


class Small(nn.Module):
    """A convolution, attention of two heads and a frozen layer; sides 4 -> 2, so 4 tokens."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3)
        self.qkv = nn.Linear(8, 24, bias=False)
        self.frozen = nn.Linear(8, 5).requires_grad_(False)
        self.norm = nn.BatchNorm1d(5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, windows):
        tokens = self.convolution(windows.permute(0, 3, 1, 2)).flatten(2).transpose(1, 2)
        query, key, value = self.qkv(tokens).view(-1, 4, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.norm(self.frozen(self.dropout(mixed.transpose(1, 2).flatten(2)[:, 0])))


CONVOLUTION, QKV, ATTENTION, LAST = 4 * 8 * 3 * 9, 4 * 8 * 24, 2 * 2 * 4 * 4 * 4, 8 * 5


def test_layers_and_attention_are_counted():
    cost = network_cost(Small(), (4, 4, 3))
    assert cost == NetworkCost(
        n_parameters=3 * 8 * 9 + 8 + 8 * 24 + 2 * 5,
        n_multiply_adds=CONVOLUTION + QKV + ATTENTION + LAST,
    )


class ReadsValues(Small):
    def forward(self, windows):
        return super().forward(windows * float(windows.sum().item() >= 0))


def test_layers_that_look_at_values_are_counted_with_zeros():
    assert network_cost(ReadsValues(), (4, 4, 3)) == network_cost(Small(), (4, 4, 3))


def test_a_network_is_left_as_it_was():
    network = Small().train()
    network.norm.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    network_cost(network, (4, 4, 3))
    assert torch.equal(torch.get_rng_state(), state)
    assert (network.training, network.norm.training, network.dropout.training) == (
        True,
        False,
        True,
    )
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


WITHOUT_PARAMS = [
    name for name in list_vision_encoders() if not required_params(get_vision_encoder(name))
]


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_PARAMS)
def test_every_encoder_can_be_counted(name):
    encoder = get_vision_encoder(name)
    size, n_channels = max(getattr(encoder, "MIN_WINDOW", 1), 9), 24
    arguments = encoder_arguments(
        encoder,
        n_channels=n_channels,
        window_size=size,
        patch_size=3,
        params=None,
        wavelengths_nm=[400.0 + 90 * channel for channel in range(n_channels)],
    )
    with torch.device("meta"):
        made = encoder(**arguments)
    cost = network_cost(made, (size, size, n_channels))
    assert cost.n_parameters == sum(weight.numel() for weight in made.parameters())
    assert cost.n_multiply_adds > 1000


@pytest.mark.parametrize(
    "changes",
    [{}, {"projection": "text"}, {"criterion": "cross-entropy"}, {"precision": "bfloat16"}],
)
def test_a_classifier_counts_the_step_to_the_classes(cube, labels, settings, changes):
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1, **changes}).fit(cube, labels)
    module = clf.net_.module_
    encoder = network_cost(module.encoder, (5, 5, 6)).n_multiply_adds
    n_features, n_classes, n_text = 16, 3, 8
    scores = {
        "text": n_features * n_classes,
        "vision": n_features * n_text + n_text * n_classes,
    }[changes.get("projection", "vision")]
    if "criterion" in changes:
        scores = n_features * n_classes
    cost = network_cost(clf)
    assert cost.n_multiply_adds == encoder + scores
    assert cost.n_parameters == sum(weight.numel() for weight in module.parameters())
    assert network_cost(make_pipeline("passthrough", clf)) == cost


def test_what_has_no_cost():
    with pytest.raises(ParameterError) as error:
        network_cost(Small())
    assert str(error.value) == (
        "The cost of a module depends on its window. Pass window_shape=(size, size, n_channels)."
    )
    for estimator in (HSIPromptClassifier(), GaussianNB().fit(np.eye(2), [0, 1])):
        with pytest.raises(ParameterError) as error:
            network_cost(estimator)
        assert str(error.value) == (
            f"{type(estimator).__name__} is not a fitted HSIPromptClassifier. Fit it first, or "
            "pass a torch.nn.Module and window_shape=(size, size, n_channels)."
        )
