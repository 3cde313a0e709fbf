"""Walks and windows as one opinion, weighed by labels that may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["OpinionPool", "fit_pool", "pool_opinions"]

# Where few labels say nothing else, the geometric mean of both opinions.
_USUAL = np.array([0.5, 0.5])
_STRENGTH = 2.0
# Before any label is looked at, about one in forty is wrong; as much is known as from 20 labels.
_WRONG_BEFORE, _LABELS_BEFORE = 0.5, 20.0
_LEAST_NOISE = _WRONG_BEFORE / _LABELS_BEFORE
_N_ROUNDS = 50


class OpinionPool(NamedTuple):
    """Weights of two opinions, and what they say about the labels that they were fitted to.

    Attributes
    ----------
    weights : tuple of float
        Of the walks and of the windows, 0 or more.
    noise : float
        Share of labels that are wrong.
    trust : ndarray of shape (n_labels,), float64
        Probability that each label is right.
    suggested : ndarray of shape (n_labels,), intp
        The most probable of the other classes.
    """

    weights: tuple[float, float]
    noise: float
    trust: NDArray[np.float64]
    suggested: NDArray[np.intp]


def pool_opinions(
    walks: NDArray[np.floating], windows: NDArray[np.floating], weights: tuple[float, float]
) -> NDArray[np.floating]:
    r"""Combine two distributions over the classes to one.

    In the logarithmic opinion pool [1]_, probabilities are

    .. math:: q_k \propto f_k^{\gamma}\, p_k^{\delta}

    with the probabilities f of the walks and p of the windows.

    Parameters
    ----------
    walks, windows : ndarray of shape (..., n_classes), floating
        Logarithms of class probabilities.
    weights : tuple of float
        The exponents :math:`\gamma` and :math:`\delta`.

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
    >>> np.exp(pool_opinions(walks, windows, (1.0, 0.5))).round(2)
    array([0.75, 0.25])
    """
    on_walks, on_windows = (walks.dtype.type(weight) for weight in weights)
    pooled: NDArray[np.floating] = log_softmax(on_walks * walks + on_windows * windows, axis=-1)
    return pooled


def fit_pool(
    walks: NDArray[np.floating],
    windows: NDArray[np.floating],
    targets: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> OpinionPool:
    r"""Weigh two opinions by labels of which some may be wrong.

    A label is right with probability :math:`1 - \varepsilon`, and else any other class. The weights
    of the pool [1]_ and the noise :math:`\varepsilon` are those under which the labels are most
    probable, by expectation maximization as in [2]_. With few labels, the weights stay near one
    half and the noise near one in forty.

    Parameters
    ----------
    walks, windows : ndarray of shape (n_labels, n_classes), floating
        Logarithms of class probabilities that know nothing of the label.
    targets : ndarray of shape (n_labels,), intp
        Class indices of the labels.
    weights : ndarray of shape (n_labels,), float64
        How much each label counts, above 0.

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
    >>> pool = fit_pool(sure, sure, targets, np.ones(100))
    >>> np.flatnonzero(pool.trust < 0.5), pool.suggested[0]
    (array([0]), np.int64(0))
    """
    opinions = walks.astype(np.float64), windows.astype(np.float64)
    counts = weights / weights.mean()
    # Sharp opinions fitted to all labels become so soft that they no longer speak against any;
    # the other start believes them first.
    starts = np.ones(len(targets)), _state(opinions, targets, _USUAL, _LEAST_NOISE).trust
    found = [_maximized(opinions, targets, counts, trust) for trust in starts]
    best = max(found, key=lambda one: one.log_likelihood(counts))
    pooled = best.pooled.copy()
    pooled[np.arange(len(targets)), targets] = -1
    pair = float(best.exponents[0]), float(best.exponents[1])
    return OpinionPool(pair, float(best.noise), best.trust, pooled.argmax(axis=1))


class _State(NamedTuple):
    """Exponents and noise, and what follows from them for every label."""

    exponents: NDArray[np.float64]
    noise: float
    pooled: NDArray[np.float64]
    likelihood: NDArray[np.float64]
    trust: NDArray[np.float64]

    def log_likelihood(self, counts: NDArray[np.float64]) -> float:
        """Of the labels, with what is known before."""
        beyond = self.exponents - _USUAL
        before = _WRONG_BEFORE * np.log(self.noise)
        before += (_LABELS_BEFORE - _WRONG_BEFORE) * np.log(1 - self.noise)
        return float(counts @ np.log(self.likelihood) - _STRENGTH * beyond @ beyond + before)


def _state(
    opinions: tuple[NDArray[np.float64], NDArray[np.float64]],
    targets: NDArray[np.intp],
    exponents: NDArray[np.float64],
    noise: float,
) -> _State:
    pooled = np.exp(pool_opinions(*opinions, (exponents[0], exponents[1])))
    of_label = pooled[np.arange(len(targets)), targets]
    right = (1 - noise) * of_label
    likelihood = right + noise * (1 - of_label) / (pooled.shape[1] - 1)
    return _State(exponents, noise, pooled, likelihood, right / likelihood)


def _maximized(
    opinions: tuple[NDArray[np.float64], NDArray[np.float64]],
    targets: NDArray[np.intp],
    counts: NDArray[np.float64],
    trust: NDArray[np.float64],
) -> _State:
    """Alternate between the weights and the trust in the labels, from a trust on."""
    exponents, noise = _USUAL, 0.0
    for _ in range(_N_ROUNDS):
        before = noise
        noise = (counts @ (1 - trust) + _WRONG_BEFORE) / (counts.sum() + _LABELS_BEFORE)
        exponents = _most_probable(opinions, targets, counts * trust, exponents)
        state = _state(opinions, targets, exponents, noise)
        trust = state.trust
        if abs(noise - before) < 1e-5:
            break
    return state


def _most_probable(
    opinions: tuple[NDArray[np.float64], NDArray[np.float64]],
    targets: NDArray[np.intp],
    counts: NDArray[np.float64],
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Find the exponents under which labels are most probable; a convex problem."""
    walks, windows = opinions
    rows = np.arange(len(targets))

    def loss(exponents: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        log_pooled = log_softmax(exponents[0] * walks + exponents[1] * windows, axis=1)
        pooled = np.exp(log_pooled)
        slopes = [
            -counts @ (one[rows, targets] - np.einsum("ij,ij->i", pooled, one)) for one in opinions
        ]
        beyond = exponents - _USUAL
        value = -counts @ log_pooled[rows, targets] + _STRENGTH * beyond @ beyond
        return float(value), np.array(slopes) + 2 * _STRENGTH * beyond

    bounds = [(0, None)] * 2
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)
