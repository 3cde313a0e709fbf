import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betainc

from hsvlm.evaluation import Comparison, EvaluationReport, FoldResult, LeakageReport
from hsvlm.exceptions import ParameterError, UnknownNameError


def report_of(hits, n_train=(100,), disjoint=True):
    """Report of estimators "a" and "b" that classify these test samples correctly."""
    results, leakage = [], []
    for name, splits in hits.items():
        for number, correct in enumerate(splits):
            accuracy = float(np.mean(correct))
            size = n_train[number % len(n_train)]
            results.append(
                FoldResult(
                    estimator=name,
                    split=number,
                    overall_accuracy=accuracy,
                    average_accuracy=accuracy,
                    kappa=accuracy,
                    recall={1: accuracy},
                    n_train=size,
                    n_test=len(correct),
                    fit_seconds=1.0,
                    predict_seconds=1.0,
                    n_parameters=None,
                    environment="",
                    correct=np.array(correct, dtype=bool),
                )
            )
            leakage.append(LeakageReport(1, size, len(correct), 0.0, 0.0, {0.5: 1.0}))
    n_splits = len(next(iter(hits.values())))
    return EvaluationReport(
        tuple(results), tuple(leakage[:n_splits]), tuple(hits), 1, "protocol", {}, disjoint
    )


@st.composite
def paired_hits(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    sizes = rng.integers(5, 40, draw(st.integers(2, 4)))
    shares = rng.uniform(0.1, 0.9, 2)
    first, second = ([rng.random(size) < share for size in sizes] for share in shares)
    return {"a": first, "b": second}


@pytest.mark.slow
@given(paired_hits())
def test_corrected_resampled_t(hits):
    n_train = (50, 80)
    found = report_of(hits, n_train).compare("a", "b")
    differences = [a.mean() - b.mean() for a, b in zip(hits["a"], hits["b"], strict=True)]
    k = len(differences)
    mean = sum(differences) / k
    variance = sum((one - mean) ** 2 for one in differences) / (k - 1)
    ratio = sum(len(one) / n_train[n % 2] for n, one in enumerate(hits["a"])) / k
    assert found.difference == pytest.approx(mean)
    if variance > 1e-20:
        t = mean / math.sqrt((1 / k + ratio) * variance)
        # The two tails of Student's t with k - 1 degrees of freedom, as an incomplete beta.
        p_value = betainc((k - 1) / 2, 0.5, (k - 1) / (k - 1 + t**2))
        assert found.statistic == pytest.approx(t)
        assert found.p_value == pytest.approx(p_value)


@pytest.mark.slow
@given(paired_hits())
def test_mcnemar(hits):
    found = report_of(hits).compare("a", "b", method="mcnemar")
    a, b = (np.concatenate(hits[name]) for name in "ab")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    n = only_a + only_b
    assert found.difference == pytest.approx(a.mean() - b.mean())
    if n < 25:
        tail = sum(math.comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n
        assert found.method == "McNemar's test, exact"
        assert found.statistic == only_a
        assert found.p_value == pytest.approx(min(1, 2 * tail))
    else:
        statistic = max(abs(only_a - only_b) - 1, 0) ** 2 / n
        assert found.method == "McNemar's test"
        assert found.statistic == pytest.approx(statistic)
        # The tail of chi-squared with one degree of freedom.
        assert found.p_value == pytest.approx(math.erfc(math.sqrt(statistic / 2)))


@pytest.mark.parametrize(
    ("only_a", "only_b", "method"),
    [(24, 0, "McNemar's test, exact"), (24, 1, "McNemar's test"), (13, 12, "McNemar's test")],
)
def test_mcnemar_is_exact_for_few(only_a, only_b, method):
    a = [True] * only_a + [False] * only_b + [True] * 9
    b = [False] * only_a + [True] * only_b + [True] * 9
    found = report_of({"a": [a], "b": [b]}).compare("a", "b", "mcnemar")
    assert found.method == method
    # Known without any formula: as good as even odds are no evidence, 24 to 0 is overwhelming.
    assert found.p_value == 1 if only_a == 13 else found.p_value < 1e-4


@pytest.mark.parametrize("method", ["t-test", "mcnemar"])
def test_order_changes_the_sign_only(method):
    rng = np.random.default_rng(0)
    report = report_of(
        {name: rng.random((3, 200)) < share for name, share in (("a", 0.8), ("b", 0.7))}
    )
    one, other = report.compare("a", "b", method), report.compare("b", "a", method)
    assert one.difference == pytest.approx(-other.difference)
    assert one.difference > 0
    assert one.p_value == pytest.approx(other.p_value)


@pytest.mark.parametrize("method", ["t-test", "mcnemar"])
def test_no_difference(method):
    report = report_of({"a": [[True, False]] * 2, "b": [[True, False]] * 2})
    found = report.compare("a", "b", method)
    assert (found.difference, found.p_value) == (0, 1)


def test_the_same_difference_in_every_split():
    report = report_of({"a": [[True, True]] * 2, "b": [[True, False]] * 2})
    found = report.compare("a", "b")
    assert (found.difference, found.statistic, found.p_value) == (0.5, np.inf, 0)
    assert report.compare("b", "a").statistic == -np.inf


def test_prints_as_a_sentence():
    comparison = Comparison("a", "b", "McNemar's test", -0.0123, 4.0, 0.0455)
    assert str(comparison) == (
        "a minus b: -1.23 points of overall accuracy, p = 0.0455 (McNemar's test)"
    )


def test_errors():
    report = report_of({"a": [[True]], "b": [[False]]}, disjoint=False)

    def message(error, *args):
        with pytest.raises(error) as caught:
            report.compare(*args)
        return str(caught.value)

    assert message(ParameterError, "a", "b") == (
        "The t-test needs at least two splits, and there is one. Use 'mcnemar'."
    )
    assert message(ParameterError, "a", "b", "mcnemar") == (
        "McNemar's test needs every sample on one test side only, and these splits test some "
        "samples several times. Use 't-test'."
    )
    assert message(UnknownNameError, "a", "c") == "Unknown estimator 'c'. Known: 'a', 'b'."
    assert message(UnknownNameError, "a", "b", "wilcoxon") == (
        "Unknown test 'wilcoxon'. Known: 'mcnemar', 't-test'."
    )
