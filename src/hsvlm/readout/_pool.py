"""Several opinions as one, weighed by labels that may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["OpinionPool", "fit_pool", "pool_opinions"]

# How much labels have to say against the usual weights.
_STRENGTH = 2.0
# Before any label is looked at, about one in forty is wrong; as much is known as from 20 labels.
_WRONG_BEFORE, _LABELS_BEFORE = 0.5, 20.0
_LEAST_NOISE = _WRONG_BEFORE / _LABELS_BEFORE
_N_ROUNDS = 50


class OpinionPool(NamedTuple):
    """Weights of opinions, and what they say about the labels that they were fitted to.

    Attributes
    ----------
    weights : tuple of float
        Of the opinions, 0 or more.
    noise : float
        Share of labels that are wrong.
    trust : ndarray of shape (n_labels,), float64
        Probability that each label is right.
    suggested : ndarray of shape (n_labels,), intp
        The most probable of the other classes.
    """

    weights: tuple[float, ...]
    noise: float
    trust: NDArray[np.float64]
    suggested: NDArray[np.intp]


def pool_opinions(
    opinions: Sequence[NDArray[np.floating]], weights: Sequence[float]
) -> NDArray[np.floating]:
    r"""Combine distributions over the classes to one.

    In the logarithmic opinion pool [1]_, probabilities are

    .. math:: q_k \propto \prod_i p_{ik}^{\gamma_i}

    with the probabilities :math:`p_i` of each opinion.

    Parameters
    ----------
    opinions : sequence of ndarray of shape (..., n_classes), floating
        Logarithms of class probabilities.
    weights : sequence of float
        The exponents :math:`\gamma_i`.

    Returns
    -------
    ndarray of shape (..., n_classes), floating
        Logarithms of the probabilities q.

    References
    ----------
    .. [1] C. Genest and J. V. Zidek, "Combining probability distributions: a critique and an
       annotated bibliography", Statistical Science 1, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.readout import pool_opinions
    >>> walks, windows = np.log([0.5, 0.5]), np.log([0.9, 0.1])
    >>> np.exp(pool_opinions([walks, windows], [1.0, 0.5])).round(2)
    array([0.75, 0.25])
    """
    total = sum(one.dtype.type(weight) * one for one, weight in zip(opinions, weights, strict=True))
    pooled: NDArray[np.floating] = log_softmax(total, axis=-1)
    return pooled


def fit_pool(
    opinions: Sequence[NDArray[np.floating]],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
    usual: Sequence[float],
) -> OpinionPool:
    r"""Weigh opinions by labels of which some may be wrong.

    A label is right with probability :math:`1 - \varepsilon`, and else any other class. The weights
    of the pool [1]_ and the noise :math:`\varepsilon` are those under which the labels are most
    probable, by expectation maximization as in [2]_. With few labels, the weights stay near the
    usual ones and the noise near one in forty.

    Parameters
    ----------
    opinions : sequence of ndarray of shape (n_labels, n_classes), floating
        Logarithms of class probabilities that know nothing of the label.
    targets : ndarray of shape (n_labels,), intp
        Class indices of the labels.
    weights : ndarray of shape (n_labels,), float64
        How much each label counts, above 0.
    usual : sequence of float
        Weights of the opinions where no label says anything.

    Returns
    -------
    OpinionPool
        With as many labels.

    References
    ----------
    .. [1] T. Heskes, "Selecting weighting factors in logarithmic opinion pools", NIPS 10, 1997.
    .. [2] A. P. Dawid and A. M. Skene, "Maximum likelihood estimation of observer error-rates using
       the EM algorithm", Applied Statistics 28, 1979.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.readout import fit_pool
    >>> sure = np.log(np.array([[0.99, 0.01], [0.01, 0.99]]))[[0, 1] * 50]
    >>> targets = np.array([0, 1] * 50)
    >>> targets[0] = 1
    >>> pool = fit_pool([sure, sure], targets, np.ones(100), [0.5, 0.5])
    >>> np.flatnonzero(pool.trust < 0.5), pool.suggested[0]
    (array([0]), np.int64(0))
    """
    exact = [one.astype(np.float64) for one in opinions]
    before = np.asarray(usual, dtype=np.float64)
    counts = weights / weights.mean()
    # Sharp opinions fitted to all labels become so soft that they no longer speak against any;
    # the other start believes them first.
    starts = np.ones(len(targets)), _state(exact, targets, before, _LEAST_NOISE).trust
    found = [_maximized(exact, targets, counts, trust, before) for trust in starts]
    best = max(found, key=lambda one: one.log_likelihood(counts, before))
    pooled = best.pooled.copy()
    pooled[np.arange(len(targets)), targets] = -1
    return OpinionPool(
        tuple(best.exponents.tolist()), float(best.noise), best.trust, pooled.argmax(axis=1)
    )


class _State(NamedTuple):
    """Exponents and noise, and what follows from them for every label."""

    exponents: NDArray[np.float64]
    noise: float
    pooled: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    trust: NDArray[np.float64]

    def log_likelihood(self, counts: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
        """Of the labels, with what is known before."""
        beyond = self.exponents - usual
        before = _WRONG_BEFORE * np.log(self.noise)
        before += (_LABELS_BEFORE - _WRONG_BEFORE) * np.log(1 - self.noise)
        return float(counts @ np.log(self.likelihood) - _STRENGTH * beyond @ beyond + before)


def _state(
    opinions: list[NDArray[np.float64]],
    targets: NDArray[np.intp],
    exponents: NDArray[np.float64],
    noise: float,
) -> _State:
    pooled = np.exp(pool_opinions(opinions, exponents.tolist()))
    of_label = pooled[np.arange(len(targets)), targets]
    right = (1 - noise) * of_label
    likelihood = right + noise * (1 - of_label) / (pooled.shape[1] - 1)
    return _State(exponents, noise, pooled, likelihood, right / likelihood)


def _maximized(
    opinions: list[NDArray[np.float64]],
    targets: NDArray[np.intp],
    counts: NDArray[np.float64],
    trust: NDArray[np.float64],
    usual: NDArray[np.float64],
) -> _State:
    """Alternate between the weights and the trust in the labels, from a trust on."""
    exponents, noise = usual, 0.0
    for _ in range(_N_ROUNDS):
        before = noise
        noise = (counts @ (1 - trust) + _WRONG_BEFORE) / (counts.sum() + _LABELS_BEFORE)
        exponents = _most_probable(opinions, targets, counts * trust, exponents, usual)
        state = _state(opinions, targets, exponents, noise)
        trust = state.trust
        if abs(noise - before) < 1e-5:
            break
    return state


def _most_probable(
    opinions: list[NDArray[np.float64]],
    targets: NDArray[np.intp],
    counts: NDArray[np.float64],
    start: NDArray[np.float64],
    usual: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find the exponents under which labels are most probable; a convex problem."""
    rows = np.arange(len(targets))

    def loss(exponents: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_pooled = pool_opinions(opinions, exponents.tolist())
        pooled = np.exp(log_pooled)
        slopes = [
            -counts @ (one[rows, targets] - np.einsum("ij,ij->i", pooled, one)) for one in opinions
        ]
        beyond = exponents - usual
        value = -counts @ log_pooled[rows, targets] + _STRENGTH * beyond @ beyond
        return float(value), np.array(slopes) + 2 * _STRENGTH * beyond

    bounds = [(0, None)] * len(opinions)
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)
