"""Cross-entropy of a linear head, with label smoothing and without."""

import math

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.contrastive.losses import make_criterion
from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.negatives import all_negatives
from hsvlm.exceptions import ParameterError


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    outputs = 3 * torch.randn(7, 5, generator=generator)
    return outputs, torch.randint(5, (7,), generator=generator)


def smoothed(**changes):
    return make_criterion("cross-entropy", changes)


def test_without_smoothing_it_is_the_loss_against_all_classes(problem):
    outputs, targets = problem
    expected = contrastive_loss(outputs, targets, all_negatives(outputs, targets))
    assert torch.equal(smoothed()(outputs, targets), expected)
    assert torch.equal(smoothed(label_smoothing=0)(outputs, targets), expected)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_the_target_is_spread_over_all_classes(problem, share):
    outputs, targets = problem
    found = smoothed(label_smoothing=share)(outputs, targets)
    for row, target, loss in zip(outputs.tolist(), targets.tolist(), found.tolist(), strict=True):
        total = sum(math.exp(value) for value in row)
        logs = [math.log(math.exp(value) / total) for value in row]
        expected = -(1 - share) * logs[target] - share / len(row) * sum(logs)
        assert loss == pytest.approx(expected, rel=1e-5)


def test_the_least_loss_is_at_the_smoothed_target():
    # With the probabilities (0.95, 0.05), the target itself, there is no gradient.
    outputs = torch.tensor([[math.log(0.95), math.log(0.05)]], requires_grad=True)
    smoothed(label_smoothing=0.1)(outputs, torch.tensor([0])).sum().backward()
    torch.testing.assert_close(outputs.grad, torch.zeros(1, 2), rtol=0, atol=1e-6)


@pytest.mark.parametrize("share", [-0.1, 1, 1.5, math.nan])
def test_shares_outside_the_range_are_refused(cube, labels, settings, share):
    changes = {"criterion": "cross-entropy", "criterion_params": {"label_smoothing": share}}
    with pytest.raises(ParameterError) as error:
        HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    assert str(error.value) == (
        f"label_smoothing={share} is not in [0, 1). Use 0 for labels as they are, or a small share "
        "such as 0.1."
    )


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ParameterError, match="Its parameters: label_smoothing"):
        smoothed(label_smoothing="much")


@pytest.fixture
def fit(cube, labels, settings):
    X, y = pixel_samples(cube, labels)

    def fit(share, weights=None, **changes):
        params = {"criterion": "cross-entropy", "criterion_params": {"label_smoothing": share}}
        clf = HSIPromptClassifier(**{**settings, **params, "max_epochs": 40, **changes})
        return clf.fit(X, y, sample_weight=weights).predict_proba(X)

    return fit


@pytest.mark.slow
def test_smoothed_trainings_are_less_sure(fit):
    sure, unsure = fit(0.0).max(axis=1), fit(0.3).max(axis=1)
    # The target of the true class is 0.7 + 0.3 / 3.
    assert unsure.mean() == pytest.approx(0.8, abs=0.05)
    assert sure.mean() > 0.95


@pytest.mark.slow
def test_weights_multiply_the_smoothed_loss(fit, labels):
    y = labels[labels > 0]
    few = {"max_epochs": 8}
    plain = fit(0.2, **few)
    heavy = np.where(y == 1, 10.0, 1.0)
    by_sample = fit(0.2, heavy, **few)
    by_class = fit(0.2, class_weight={1: 10.0, 2: 1.0, 3: 1.0}, **few)
    np.testing.assert_array_equal(by_sample, by_class)
    assert not np.allclose(by_sample, plain, atol=1e-3)
