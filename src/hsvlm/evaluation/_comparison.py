"""Paired significance tests between two estimators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from hsvlm._reports.notebook import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm.evaluation._folds import FoldResult

# With fewer disagreements than this, the binomial distribution is used.
_MIN_DISAGREEMENTS = 25


@dataclass(frozen=True)
class Comparison:
    """Outcome of a paired test of two estimators.

    Attributes
    ----------
    first, second : str
        The estimators.
    method : str
        The test.
    difference : float
        Overall accuracy of the first minus that of the second, in [-1, 1].
    statistic : float
        Student's t, or McNemar's chi-squared with continuity correction; for McNemar's exact test
        the number of samples that only the first classified correctly.
    p_value : float
        Two-sided probability of a difference at least as large if there were none.
    """

    first: str
    second: str
    method: str
    difference: float
    statistic: float
    p_value: float

    def _repr_html_(self) -> str:
        return note(self)

    def __str__(self) -> str:
        return (
            f"{self.first} minus {self.second}: {100 * self.difference:+.2f} points of overall "
            f"accuracy, p = {self.p_value:.3g} ({self.method})"
        )


def compare_scores(
    names: tuple[str, str], first: Sequence[FoldResult], second: Sequence[FoldResult]
) -> Comparison:
    """Run the corrected resampled t-test of Nadeau and Bengio (2003)."""
    # Training sets overlap: the variance of the mean difference over k splits is estimated as
    # (1/k + n_test/n_train) times the variance of the differences.
    differences = np.array(
        [a.overall_accuracy - b.overall_accuracy for a, b in zip(first, second, strict=True)]
    )
    mean, variance = differences.mean(), differences.var(ddof=1)
    ratio = np.mean([result.n_test / result.n_train for result in first])
    scale = np.sqrt((1 / len(differences) + ratio) * variance)
    # Equal differences leave no noise to estimate.
    statistic = mean / scale if scale > 0 else float(np.sign(mean) * np.inf) if mean else 0.0
    p_value = 2 * stats.t.sf(abs(statistic), df=len(differences) - 1)
    return Comparison(
        *names, "corrected resampled t-test", float(mean), float(statistic), float(p_value)
    )


def compare_hits(
    names: tuple[str, str], first: Sequence[FoldResult], second: Sequence[FoldResult]
) -> Comparison:
    """Run McNemar's test (1947) on the test samples of all splits."""
    hits = [np.concatenate([result.correct for result in results]) for results in (first, second)]
    only_first = int((hits[0] & ~hits[1]).sum())
    only_second = int((hits[1] & ~hits[0]).sum())
    disagreeing = only_first + only_second
    difference = (only_first - only_second) / len(hits[0])
    if disagreeing < _MIN_DISAGREEMENTS:
        p_value = stats.binomtest(only_first, disagreeing).pvalue if disagreeing else 1.0
        return Comparison(
            *names, "McNemar's test, exact", difference, float(only_first), float(p_value)
        )
    statistic = max(abs(only_first - only_second) - 1, 0) ** 2 / disagreeing
    return Comparison(
        *names, "McNemar's test", difference, statistic, float(stats.chi2.sf(statistic, df=1))
    )
