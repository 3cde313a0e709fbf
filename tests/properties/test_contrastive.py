"""Negatives and losses against sums written out in NumPy, also where numbers are extreme."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from hsvlm.contrastive.losses import make_criterion
from hsvlm.contrastive.losses.clip import clip_loss
from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.negatives import select_negatives


@st.composite
def problems(draw, max_classes=12):
    """Cosines of samples with prototypes, some of them equal, and the true classes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_classes, n_samples = draw(st.integers(2, max_classes)), draw(st.integers(1, 8))
    unit = [rng.normal(size=(count, 4)) for count in (n_samples, n_classes)]
    copies = rng.integers(0, n_classes, size=n_classes)
    repeated = rng.random(n_classes) < draw(st.sampled_from([0, 0.5, 1]))
    unit[1][repeated] = unit[1][copies[repeated]]
    samples, prototypes = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in unit)
    return samples @ prototypes.T, rng.integers(0, n_classes, size=n_samples)


def drawn(cosines, targets, n_hard, n_semi_hard, seed=0):
    generator = torch.Generator().manual_seed(seed)
    similarities, classes = torch.from_numpy(cosines), torch.from_numpy(targets)
    return select_negatives(similarities, classes, n_hard, n_semi_hard, generator).numpy()


def log_of_sum(values):
    highest = max(values)
    return highest + np.log(sum(np.exp(one - highest) for one in values))


def naive_loss(logits, targets, negatives):
    return np.array(
        [
            log_of_sum([row[target], *row[mask & (np.arange(len(row)) != target)]]) - row[target]
            for row, target, mask in zip(logits, targets, negatives, strict=True)
        ]
    )


def naive_clip(logits, targets):
    pairs = logits[:, targets]
    return np.array(
        [
            (log_of_sum(pairs[n]) + log_of_sum(pairs[:, n])) / 2 - pairs[n, n]
            for n in range(len(targets))
        ]
    )


@pytest.mark.slow
@given(problems(), st.integers(0, 14), st.integers(0, 14), st.integers(0, 99))
def test_negatives_are_the_hardest_and_a_draw_from_the_rest(problem, n_hard, n_semi_hard, seed):
    cosines, targets = problem
    hard = drawn(cosines, targets, n_hard, 0)
    both = drawn(cosines, targets, n_hard, n_semi_hard, seed)
    for row, target, first, mask in zip(cosines, targets, hard, both, strict=True):
        wrong = np.delete(np.arange(len(row)), target)
        assert not mask[target]
        assert first.sum() == min(n_hard, len(wrong))
        # Among equals any may be taken, but the similarities are those of the hardest.
        hardest = np.sort(row[wrong])[::-1][:n_hard]
        np.testing.assert_array_equal(np.sort(row[first])[::-1], hardest)
        assert (mask >= first).all()
        assert (mask & ~first).sum() == min(n_semi_hard, len(wrong) - first.sum())


@pytest.mark.slow
@given(st.integers(2, 6), st.integers(0, 2), st.integers(1, 3))
def test_every_choice_of_semi_hard_negatives_occurs(n_classes, n_hard, n_semi_hard):
    cosines = np.tile(-np.arange(n_classes, dtype=float), (600, 1))
    found = drawn(cosines, np.zeros(600, dtype=int), n_hard, n_semi_hard)
    rest = n_classes - 1 - min(n_hard, n_classes - 1)
    kinds, counts = np.unique(found, axis=0, return_counts=True)
    expected = 1
    for taken in range(min(n_semi_hard, rest)):
        expected = expected * (rest - taken) // (taken + 1)
    assert len(kinds) == expected
    assert counts.min() > 0.5 * 600 / expected


@pytest.mark.slow
@given(problems(), st.integers(0, 4), st.integers(0, 99))
def test_the_names_of_classes_do_not_matter(problem, n_hard, seed):
    cosines, targets = problem
    order = np.random.default_rng(seed).permutation(cosines.shape[1])
    renamed = np.argsort(order)[targets]
    distinct = cosines + 1e-3 * np.argsort(np.argsort(cosines, axis=1), axis=1)
    mask = drawn(distinct, targets, n_hard, 0)
    other = drawn(distinct[:, order], renamed, n_hard, 0)
    np.testing.assert_array_equal(other, mask[:, order])
    losses = [
        contrastive_loss(*map(torch.from_numpy, (30 * one, classes, chosen)))
        for one, classes, chosen in (
            (distinct, targets, mask),
            (distinct[:, order], renamed, other),
        )
    ]
    torch.testing.assert_close(losses[1], losses[0])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(
    problem=problems(),
    scale=st.sampled_from([1, 14, 100, 1e4, 1e30]),
    offset=st.sampled_from([0, -1e4, 1e4]),
    n_negatives=st.tuples(st.integers(0, 6), st.integers(0, 6)),
)
def test_losses_are_exact_and_finite_however_sure_the_model_is(
    dtype, problem, scale, offset, n_negatives
):
    cosines, targets = problem
    logits = torch.from_numpy(scale * cosines + offset).to(dtype)
    exact, classes = logits.double().numpy(), torch.from_numpy(targets)
    every = np.ones(cosines.shape, dtype=bool)
    generator = torch.Generator().manual_seed(0)
    negatives = select_negatives(logits, classes, *n_negatives, generator)
    expected = {
        "hard-semi-hard": naive_loss(exact, targets, negatives.numpy()),
        "all-negatives": naive_loss(exact, targets, every),
        "clip": naive_clip(exact, targets),
        "cross-entropy": naive_loss(exact, targets, every),
    }
    step = torch.finfo(dtype).eps
    for criterion, values in expected.items():
        given_logits = logits.clone().requires_grad_()
        if criterion == "hard-semi-hard":
            if not sum(n_negatives):
                continue  # refused
            numbers = dict(zip(("n_hard", "n_semi_hard"), n_negatives, strict=True))
            found = make_criterion(criterion, numbers)(
                given_logits, classes, generator=generator.manual_seed(0)
            )
        else:
            found = make_criterion(criterion)(given_logits, classes)
        np.testing.assert_allclose(
            found.detach().numpy(), values, rtol=20 * step, atol=20 * step * abs(exact).max()
        )
        found.sum().backward()
        assert torch.isfinite(given_logits.grad).all()


@pytest.mark.slow
@pytest.mark.parametrize("clip", [False, True])
@given(problem=problems(max_classes=6), n_negatives=st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_gradients_are_those_of_finite_differences(clip, problem, n_negatives):
    cosines, targets = problem
    negatives = drawn(cosines, targets, *n_negatives)
    weights = np.arange(1.0, len(targets) + 1)

    def naive(flat):
        logits = flat.reshape(cosines.shape)
        losses = naive_clip(logits, targets) if clip else naive_loss(logits, targets, negatives)
        return weights @ losses

    logits = torch.from_numpy(5 * cosines).requires_grad_()
    classes, chosen = torch.from_numpy(targets), torch.from_numpy(negatives)
    losses = clip_loss(logits, classes) if clip else contrastive_loss(logits, classes, chosen)
    (losses @ torch.from_numpy(weights)).backward()
    expected = approx_fprime(5 * cosines.ravel(), naive, 1e-6).reshape(cosines.shape)
    np.testing.assert_allclose(logits.grad.numpy(), expected, atol=1e-3)


@pytest.mark.slow
@given(st.integers(1, 8), st.integers(2, 9), st.integers(1, 4), st.integers(0, 4))
def test_classes_with_one_text_are_told_apart_by_chance(n_samples, n_classes, n_hard, n_semi_hard):
    logits = torch.full((n_samples, n_classes), 100.0)
    classes = torch.arange(n_samples) % n_classes
    numbers = {"n_hard": n_hard, "n_semi_hard": n_semi_hard}
    losses = make_criterion("hard-semi-hard", numbers)(logits, classes)
    kept = 1 + min(n_hard + n_semi_hard, n_classes - 1)
    np.testing.assert_allclose(losses.numpy(), np.log(kept), rtol=1e-5)
    np.testing.assert_allclose(clip_loss(logits, classes).numpy(), np.log(n_samples), atol=1e-5)
