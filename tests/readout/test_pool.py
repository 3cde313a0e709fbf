"""Two opinions become one, weighed by labels of which some are wrong."""

import itertools

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from hsvlm.readout import fit_pool, pool_opinions

# The penalty, and what is known of the noise before; the documentation states both in words.
from hsvlm.readout._pool import _LABELS_BEFORE as LABELS_BEFORE
from hsvlm.readout._pool import _STRENGTH as STRENGTH
from hsvlm.readout._pool import _WRONG_BEFORE as WRONG_BEFORE


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def opine(rng, truth, sharpness, n_classes=4):
    """Calibrated opinions that are independent of each other, given the truth."""
    seen = sharpness * np.eye(n_classes)[truth] + rng.normal(size=(len(truth), n_classes))
    return log_softmax(sharpness * seen, axis=1)


def corrupt(rng, truth, share, n_classes=4):
    """Labels of which a share is any other class, and which these are."""
    is_wrong = rng.random(len(truth)) < share
    return (truth + is_wrong * rng.integers(1, n_classes, len(truth))) % n_classes, is_wrong


def make_labels(rng, n_labels, sharpness=(2.0, 2.0), share=0.0):
    """Two opinions about labels, the labels, and which of them are wrong."""
    truth = rng.integers(4, size=n_labels)
    return *(opine(rng, truth, one) for one in sharpness), *corrupt(rng, truth, share)


def fit(walks, windows, labels, weights=None):
    return fit_pool(
        [walks, windows], labels, np.ones(len(labels)) if weights is None else weights, [0.5, 0.5]
    )


# The pool


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_pool_is_a_weighted_geometric_mean(rng, dtype):
    walks, windows = (log_softmax(rng.normal(size=(3, 5, 4)), axis=2).astype(dtype) for _ in "ab")
    pooled = pool_opinions([walks, windows], (1.5, 0.25))
    expected = np.exp(walks) ** 1.5 * np.exp(windows) ** 0.25
    np.testing.assert_allclose(
        np.exp(pooled), expected / expected.sum(axis=2, keepdims=True), rtol=1e-5
    )
    assert pooled.dtype == dtype
    np.testing.assert_allclose(pool_opinions([walks, windows], (1.0, 0.0)), walks, atol=1e-6)
    np.testing.assert_allclose(pool_opinions([walks, windows], (0.0, 1.0)), windows, atol=1e-6)


def test_improbable_classes_stay_finite():
    walks = np.array([[0, -20, -20], [-20, 0, -20]], dtype=np.float32)
    pooled = pool_opinions([walks, walks[::-1]], (100.0, 100.0))
    assert np.isfinite(pooled).all()
    np.testing.assert_allclose(np.exp(pooled), [[0.5, 0.5, 0]] * 2, atol=1e-6)


# The weights


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_the_weights_are_the_most_probable_ones(rng, share):
    walks, windows, labels, _ = make_labels(rng, 60, (1.0, 1.5), share)
    importance = rng.uniform(0.2, 3, 60)
    pool = fit(walks, windows, labels, importance)
    counts, rows = importance / importance.mean(), np.arange(60)

    def loss(pair):
        pooled = log_softmax(pair[0] * walks + pair[1] * windows, axis=1)
        beyond = np.subtract(pair, 0.5)
        return STRENGTH * beyond @ beyond - (counts * pool.trust) @ pooled[rows, labels]

    axis = np.linspace(0, 2, 81)
    best = min(itertools.product(axis, axis), key=loss)
    np.testing.assert_allclose(pool.weights, best, atol=0.02)
    assert loss(pool.weights) <= loss(best) + 1e-4


def test_trust_and_noise_explain_each_other(rng):
    walks, windows, labels, _ = make_labels(rng, 200, share=0.2)
    importance = rng.uniform(0.2, 3, 200)
    pool = fit(walks, windows, labels, importance)
    pooled = softmax(pool.weights[0] * walks + pool.weights[1] * windows, axis=1)
    fits = pooled[np.arange(200), labels]
    right, wrong = (1 - pool.noise) * fits, pool.noise * (1 - fits) / 3
    np.testing.assert_allclose(pool.trust, right / (right + wrong), atol=1e-3)
    counts = importance / importance.mean()
    noise = (counts @ (1 - pool.trust) + WRONG_BEFORE) / (200 + LABELS_BEFORE)
    assert pool.noise == pytest.approx(noise, abs=1e-4)


@pytest.mark.slow
def test_calibrated_opinions_count_in_full(rng):
    # Independent ones both count in full, copies share it, and too sharp ones count less.
    walks, windows, labels, _ = make_labels(rng, 4000, (1.0, 1.5))
    np.testing.assert_allclose(fit(walks, windows, labels).weights, [1, 1], atol=0.1)
    np.testing.assert_allclose(fit(walks, walks, labels).weights, [0.5, 0.5], atol=0.05)
    np.testing.assert_allclose(fit(2 * walks, windows, labels).weights, [0.5, 1], atol=0.1)


@pytest.mark.parametrize("which", [0, 1])
def test_an_opinion_that_knows_nothing_does_not_count(rng, which):
    walks, windows, labels, _ = make_labels(rng, 1000)
    opinions = [walks, windows]
    opinions[which] = opine(rng, rng.integers(4, size=1000), 2.0)
    weights = fit(*opinions, labels).weights
    assert weights[which] < 0.05
    assert weights[1 - which] > 0.9


def test_no_weight_is_negative(rng):
    walks, windows, labels, _ = make_labels(rng, 300)
    assert fit(walks, -windows, labels).weights[1] == 0


def test_few_labels_leave_the_weights_as_they_are(rng):
    distances = []
    for n_labels in (3, 30, 1000):
        walks, windows, labels, _ = make_labels(rng, n_labels, (2.0, 0.0))
        distances.append(np.abs(np.subtract(fit(walks, windows, labels).weights, 0.5)).max())
    assert distances[0] < 0.2
    assert distances[0] < distances[1] < distances[2]


# How much labels count


def test_a_weight_of_two_is_a_label_twice(rng):
    walks, windows, labels, _ = make_labels(rng, 90, share=0.1)
    first = np.arange(90) < 30
    twice = np.concatenate([np.flatnonzero(first), np.arange(90)])
    # With a third group that does not count, weights have the mean one, and priors count the same.
    padded = np.concatenate([np.arange(90), np.arange(30)])
    weights = np.where(first, 2.0, 1.0)
    weighed = fit(
        *(one[padded] for one in (walks, windows, labels)), np.append(weights, [1e-9] * 30)
    )
    repeated = fit(walks[twice], windows[twice], labels[twice])
    np.testing.assert_allclose(weighed.weights, repeated.weights, atol=1e-3)
    assert weighed.noise == pytest.approx(repeated.noise, abs=1e-4)
    np.testing.assert_allclose(weighed.trust[:90], repeated.trust[30:], atol=1e-3)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_unit_of_the_weights_does_not_count(rng, unit):
    walks, windows, labels, _ = make_labels(rng, 50, share=0.1)
    importance = rng.uniform(0.2, 3, 50)
    found, scaled = (fit(walks, windows, labels, factor * importance) for factor in (1, unit))
    np.testing.assert_allclose(scaled.weights, found.weights, rtol=1e-4)
    np.testing.assert_allclose(scaled.trust, found.trust, atol=1e-4)


@pytest.mark.slow
def test_the_order_of_labels_does_not_count(rng):
    walks, windows, labels, _ = make_labels(rng, 80, share=0.2)
    order = rng.permutation(80)
    found, other = fit(walks, windows, labels), fit(walks[order], windows[order], labels[order])
    np.testing.assert_allclose(other.weights, found.weights, atol=1e-3)
    np.testing.assert_allclose(other.trust, found.trust[order], atol=1e-3)
    np.testing.assert_array_equal(other.suggested, found.suggested[order])


# Labels that are wrong


@pytest.mark.slow
@pytest.mark.parametrize("n_labels", [200, 2000])
def test_wrong_labels_are_found(rng, n_labels):
    walks, windows, labels, is_wrong = make_labels(rng, n_labels, (3.0, 3.0), 0.2)
    pool = fit(walks, windows, labels)
    assert pool.noise == pytest.approx(is_wrong.mean(), abs=0.03)
    assert ((pool.trust < 0.5) != is_wrong).mean() < 0.002
    assert ((pool.trust >= 0) & (pool.trust <= 1)).all()


@pytest.mark.slow
def test_trust_is_calibrated(rng):
    walks, windows, labels, is_wrong = make_labels(rng, 10000, (1.5, 1.5), 0.2)
    pool = fit(walks, windows, labels)
    assert pool.noise == pytest.approx(0.2, abs=0.03)
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        here = (pool.trust >= low) & (pool.trust < low + 0.2)
        assert (~is_wrong[here]).mean() == pytest.approx(pool.trust[here].mean(), abs=0.1)


@pytest.mark.slow
def test_wrong_labels_do_not_change_the_weights_much(rng):
    truth = rng.integers(4, size=2000)
    opinions = opine(rng, truth, 2.0), opine(rng, truth, 2.0)
    clean, noisy = fit(*opinions, truth), fit(*opinions, corrupt(rng, truth, 0.2)[0])
    np.testing.assert_allclose(noisy.weights, clean.weights, atol=0.2)


@pytest.mark.parametrize("sharpness", [0.0, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("n_labels", [5, 40, 1000])
def test_where_no_label_is_wrong_none_seems_so(rng, sharpness, n_labels):
    walks, windows, labels, _ = make_labels(rng, n_labels, (sharpness, sharpness))
    pool = fit(walks, windows, labels)
    assert pool.noise < 0.03
    assert (pool.trust < 0.5).mean() <= 0.002


@pytest.mark.slow
def test_opinions_that_are_too_sharp_dispute_little(rng):
    # Wrong in a third of the labels, and sure of it.
    truth = rng.integers(4, size=900)
    walks, windows = 5 * opine(rng, truth, 1.0), 5 * opine(rng, truth, 1.0)
    assert (walks.argmax(axis=1) != truth).mean() > 0.3
    assert (fit(walks, windows, truth).trust < 0.5).mean() < 0.01


def test_the_suggestion_is_the_most_probable_of_the_others(rng):
    walks, windows, labels, _ = make_labels(rng, 300, (3.0, 3.0), 0.2)
    pool = fit(walks, windows, labels)
    pooled = pool.weights[0] * walks + pool.weights[1] * windows
    pooled[np.arange(300), labels] = -np.inf
    np.testing.assert_array_equal(pool.suggested, pooled.argmax(axis=1))
    assert (pool.suggested != labels).all()


# Numbers at the limits of their kind


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("floor", [-20.0, -700.0])
def test_certain_opinions_against_labels_are_computed_with(dtype, floor):
    truth = np.arange(40) % 3
    sure = np.where(np.eye(3)[truth] > 0, 0.0, floor).astype(dtype)
    labels = truth.copy()
    labels[0] = 2
    pool = fit(sure, sure, labels)
    assert np.isfinite([*pool.weights, pool.noise]).all()
    np.testing.assert_allclose(pool.trust, np.arange(40) > 0, atol=1e-3)
    assert pool.suggested[0] == 0


def test_opinions_that_rule_out_every_label(rng):
    labels = rng.integers(3, size=30)
    against = np.where(np.eye(3)[labels] > 0, -20.0, np.log(0.5))
    pool = fit(against, against, labels)
    assert np.isfinite([*pool.weights, pool.noise, *pool.trust]).all()
    assert max(pool.weights) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 30])
def test_any_number_of_classes(rng, n_classes):
    truth = rng.integers(n_classes, size=1000)
    opinions = opine(rng, truth, 2.0, n_classes), opine(rng, truth, 2.5, n_classes)
    labels, is_wrong = corrupt(rng, truth, 0.2, n_classes)
    pool = fit(*opinions, labels)
    disputed = pool.trust < 0.5
    assert is_wrong[disputed].mean() > 0.95
    assert disputed[is_wrong].mean() > 0.5
    assert (pool.suggested[is_wrong] == truth[is_wrong]).mean() > 0.8


def test_a_single_label():
    pool = fit(np.log([[0.9, 0.1]]), np.log([[0.8, 0.2]]), np.array([0]))
    np.testing.assert_allclose(pool.weights, [0.5, 0.5], atol=0.1)
    assert pool.trust[0] > 0.9


@pytest.mark.slow
def test_sharp_opinions_of_two_classes_find_wrong_labels():
    rng = np.random.default_rng(0)
    truth = rng.integers(2, size=1000)
    scores = rng.uniform(2, 30, size=(1000, 1)) * np.eye(2)[truth]
    sure = log_softmax(scores, axis=1)
    is_wrong = rng.random(1000) < 0.2
    pool = fit_pool([sure, sure], truth ^ is_wrong, np.ones(1000), [0.5, 0.5])
    assert pool.noise == pytest.approx(0.2, abs=0.03)
    assert ((pool.trust < 0.5) == is_wrong).mean() > 0.99
