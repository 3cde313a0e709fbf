import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.contrastive.losses import make_criterion
from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.negatives import all_negatives, select_negatives
from hsvlm.contrastive.scale import LogitScale

PROBLEMS = st.tuples(st.integers(2, 10), st.integers(1, 8), st.integers(0, 99))


def problem(n_classes, n_samples, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(n_samples, n_classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(n_classes, (n_samples,), generator=generator), generator


@pytest.mark.slow
@given(PROBLEMS)
def test_all_negatives_is_plain_cross_entropy(values):
    logits, targets, _ = problem(*values)
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    torch.testing.assert_close(make_criterion("all-negatives")(logits, targets), expected)
    torch.testing.assert_close(make_criterion("cross-entropy")(logits, targets), expected)
    enough = make_criterion("hard-semi-hard", {"n_hard": 5, "n_semi_hard": 5})
    torch.testing.assert_close(enough(logits, targets), expected)


@pytest.mark.slow
@given(PROBLEMS)
def test_fewer_negatives_never_raise_the_loss(values):
    logits, targets, generator = problem(*values)
    some = contrastive_loss(logits, targets, select_negatives(logits, targets, 1, 1, generator))
    every = contrastive_loss(logits, targets, all_negatives(logits, targets))
    assert (some <= every + 1e-9).all()


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
