import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.datasets import make_blobs
from sklearn.svm import SVC

from hsvlm.evaluation._coupling import CoupledSVC, _couple


def pairs_of(n_classes):
    return [(i, j) for i in range(n_classes) for j in range(i + 1, n_classes)]


def mismatch(p, pairwise, pairs):
    return sum(((1 - r) * p[i] - r * p[j]) ** 2 for r, (i, j) in zip(pairwise, pairs, strict=True))


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_coupling_fits_the_pairwise_probabilities_best(n_classes, seed):
    pairs = pairs_of(n_classes)
    pairwise = np.random.default_rng(seed).uniform(0.02, 0.98, size=len(pairs))
    (probabilities,) = _couple(pairwise[None], pairs, n_classes)
    best = minimize(
        mismatch,
        np.full(n_classes, 1 / n_classes),
        (pairwise, pairs),
        method="SLSQP",
        bounds=[(0, 1)] * n_classes,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert best.success
    np.testing.assert_allclose(probabilities, best.x, atol=1e-4)
    assert mismatch(probabilities, pairwise, pairs) <= best.fun + 1e-12


@pytest.mark.slow
@given(st.integers(2, 6), st.data())
def test_coupling_of_certain_and_contradictory_pairs(n_classes, data):
    pairs = pairs_of(n_classes)
    values = st.lists(
        st.sampled_from([1e-7, 0.5, 1 - 1e-7]), min_size=len(pairs), max_size=len(pairs)
    )
    pairwise = np.array([data.draw(values)])
    probabilities = _couple(pairwise, pairs, n_classes)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_pairwise_probabilities_of_some_classes_are_met_exactly():
    expected = np.array([[0.5, 0.2, 0.2, 0.1], [0.01, 0.09, 0.4, 0.5]])
    pairs = pairs_of(4)
    pairwise = np.column_stack(
        [expected[:, i] / (expected[:, i] + expected[:, j]) for i, j in pairs]
    )
    np.testing.assert_allclose(_couple(pairwise, pairs, 4), expected)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_probabilities_of_well_separated_classes(n_classes):
    X, y = make_blobs(40 * n_classes, centers=n_classes, cluster_std=0.4, random_state=3)
    names = np.array(["corn", "oats", "rye", "soy", "woods"])[y]
    model = CoupledSVC(C=10.0, random_state=0).fit(X, names)
    probabilities = model.predict_proba(X)
    assert model.classes_.tolist() == sorted(set(names))
    assert probabilities.shape == (len(X), n_classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities >= 0).all()
    predicted = model.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(predicted, SVC(C=10.0).fit(X, names).predict(X))
    assert (predicted == names).mean() > 0.95


def test_probabilities_grow_with_the_margin():
    X = np.concatenate([np.linspace(-2, 0.5, 40), np.linspace(-0.5, 2, 40)])[:, None]
    model = CoupledSVC(random_state=0).fit(X, np.repeat(["left", "right"], 40))
    rising = model.predict_proba(np.linspace(-1, 1, 9)[:, None])[:, 1]
    assert (np.diff(rising) > 0).all()
    assert rising[0] < 0.2
    assert rising[-1] > 0.8
    assert rising[4] == pytest.approx(0.5, abs=0.1)


def test_classes_of_few_samples():
    X, y = make_blobs([30, 3, 1], centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    probabilities = CoupledSVC(C=10.0, random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), y)


def test_same_seed_same_probabilities():
    X, y = make_blobs(60, centers=3, cluster_std=3.0, random_state=0)
    model = CoupledSVC(random_state=1)
    first, second = (clone(model).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = CoupledSVC(random_state=2).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)
