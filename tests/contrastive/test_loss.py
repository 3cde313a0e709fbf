import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.contrastive.loss import (
    CRITERIA,
    LogitScale,
    contrastive_loss,
    criterion_loss,
)
from hsvlm.contrastive.negatives import all_negatives, select_negatives
from hsvlm.exceptions import UnknownNameError

PROBLEMS = st.tuples(st.integers(2, 10), st.integers(1, 8), st.integers(0, 99))


def problem(n_classes, n_samples, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(n_samples, n_classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(n_classes, (n_samples,), generator=generator), generator


@given(PROBLEMS)
def test_all_negatives_is_plain_cross_entropy(values):
    logits, targets, _ = problem(*values)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(criterion_loss("all-negatives", logits, targets), expected)
    torch.testing.assert_close(criterion_loss("cross-entropy", logits, targets), expected)
    enough = criterion_loss("hard-semi-hard", logits, targets, n_hard=5, n_semi_hard=5)
    torch.testing.assert_close(enough, expected)


@given(PROBLEMS)
def test_fewer_negatives_never_raise_the_loss(values):
    logits, targets, generator = problem(*values)
    some = contrastive_loss(logits, targets, select_negatives(logits, targets, 1, 1, generator))
    every = contrastive_loss(logits, targets, all_negatives(logits, targets))
    assert (some <= every + 1e-9).all()


@pytest.mark.parametrize("criterion", CRITERIA)
def test_one_finite_loss_and_gradient_per_sample(criterion):
    logits, targets, generator = problem(6, 5, 3)
    logits.requires_grad_()
    losses = criterion_loss(criterion, logits, targets, generator=generator)
    assert losses.shape == (5,)
    losses.sum().backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad.abs().sum() > 0


def test_classes_that_are_not_negatives_receive_no_gradient():
    logits = torch.zeros(1, 5, requires_grad=True)
    negatives = torch.tensor([[False, True, False, False, True]])
    contrastive_loss(logits, torch.tensor([0]), negatives).sum().backward()
    assert (logits.grad != 0).tolist() == [[True, True, False, False, True]]


def test_the_scale_stays_within_its_range():
    scale = LogitScale()
    assert scale().item() == pytest.approx(1 / 0.07)
    for value, expected in ((50.0, 100.0), (-3.0, 1.0), (math.log(20), 20.0)):
        scale.log_scale.data.fill_(value)
        scale.clamp_()
        assert scale().item() == pytest.approx(expected)
    assert scale().requires_grad


def test_unknown_criteria_list_the_known_ones():
    with pytest.raises(UnknownNameError) as error:
        criterion_loss("triplet", torch.zeros(1, 2), torch.tensor([0]))
    known = ", ".join(map(repr, sorted(CRITERIA)))
    assert str(error.value) == f"Unknown criterion 'triplet'. Known: {known}."
