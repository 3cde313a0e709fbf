"""Class probabilities regularized over a scene, by a random walk that shuns spectral edges."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NEIGHBORS", "neighbor_distances", "random_walk", "steps_until", "transitions"]

# Half of the eight neighbors of a pixel; the other half sees it from the other side.
NEIGHBORS = ((0, 1), (1, -1), (1, 0), (1, 1))

# A pixel unlike all its neighbors still belongs to one of them.
_LEAST_WEIGHT = 1e-4
# An error that single precision hardly shows.
_NEGLIGIBLE = 1e-6


def neighbor_distances(
    features: NDArray[np.floating], valid: NDArray[np.bool_], step: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Squared distances between the features of neighboring pixels.

    Parameters
    ----------
    features : ndarray of shape (height, width, n_features)
        What edges are seen in.
    valid : ndarray of shape (height, width), dtype bool
        False where a pixel holds no data.
    step : tuple of int
        Rows and columns from a pixel to its neighbor, one of `NEIGHBORS`.

    Returns
    -------
    first, second : ndarray of shape (n_pairs,), dtype intp
        Positions of the two pixels in the flattened scene.
    distances : ndarray of shape (n_pairs,), float64
        Squared Euclidean distances.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.readout import neighbor_distances
    >>> features = np.array([[[0.0], [3.0]]])
    >>> neighbor_distances(features, np.ones((1, 2), dtype=bool), (0, 1))
    (array([0]), array([1]), array([9.]))
    """
    height, width = valid.shape
    down, right = step
    one = slice(0, height - down), slice(max(0, -right), width - max(0, right))
    other = slice(down, height), slice(max(0, right), width - max(0, -right))
    both = valid[one] & valid[other]
    position = np.arange(height * width).reshape(height, width)
    difference = features[one][both] - features[other][both]
    distances = np.square(difference, dtype=np.float64).sum(axis=1)
    return position[one][both], position[other][both], distances


def transitions(
    features: NDArray[np.floating],
    valid: NDArray[np.bool_],
    scale: float,
    contrast: float,
    probabilities: NDArray[np.float32] | None = None,
    agreement: float = 2.0,
) -> sparse.csr_array:
    r"""Probabilities with which a random walk goes from a pixel to each of its neighbors.

    They are proportional to

    .. math:: w_{ij} = \frac{1}{|i - j|^2}
       \left(\varepsilon + \left(1 + c\, \frac{d_{ij}^2}{s}\right)^{-2}
       \left(\sum_k \sqrt{p_{ik}\, p_{jk}}\right)^{a}\right)

    for the eight neighbors j of pixel i, with spectral distances d, their scale s, the contrast c,
    class probabilities p, the agreement a and a trace :math:`\varepsilon = 10^{-4}`: the squared
    edge-stopping function of anisotropic diffusion [1]_, in the weights of a random walk over an
    image [2]_, times a power of the affinity of the pixels' class probabilities [3]_.

    Parameters
    ----------
    features : ndarray of shape (height, width, n_features)
        What edges are seen in.
    valid : ndarray of shape (height, width), dtype bool
        False where a pixel holds no data; the walk does not enter it.
    scale : float
        Squared distance of neighbors that is usual.
    contrast : float
        How much an edge stops the walk; 0 does not look at the features.
    probabilities : ndarray of shape (height * width, n_classes), float32, optional
        Of the classes of every pixel by itself, in which edges are seen as well.
    agreement : float
        How much it stops the walk that two pixels seem to be of different classes; 0 does not look
        at the probabilities.

    Returns
    -------
    sparse array of shape (height * width, height * width), float32
        Rows sum to one; a pixel without neighbors stays where it is.

    References
    ----------
    .. [1] P. Perona and J. Malik, "Scale-space and edge detection using anisotropic diffusion",
       IEEE TPAMI 12, 1990, section V.
    .. [2] L. Grady, "Random walks for image segmentation", IEEE TPAMI 28, 2006.
    .. [3] A. Bhattacharyya, "On a measure of divergence between two multinomial populations",
       Sankhyā 7, 1946.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.readout import transitions
    >>> features = np.array([[[0.0], [0.0], [9.0]]])
    >>> valid = np.ones((1, 3), dtype=bool)
    >>> transitions(features, valid, scale=1.0, contrast=4.0).toarray().round(2)
    array([[0., 1., 0.],
           [1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    root = None if probabilities is None or agreement == 0 else np.sqrt(probabilities)
    pairs = []
    for step in NEIGHBORS:
        first, second, distances = neighbor_distances(features, valid, step)
        alike = (1 + contrast * distances / scale) ** -2
        if root is not None:
            alike *= np.einsum("ij,ij->i", root[first], root[second]) ** agreement
        pairs.append((first, second, (_LEAST_WEIGHT + alike) / (step[0] ** 2 + step[1] ** 2)))
    first, second, weights = (np.concatenate(one) for one in zip(*pairs, strict=True))
    alone = np.ones(valid.size)
    alone[first] = alone[second] = 0
    stay = np.flatnonzero(alone)
    weights = np.concatenate([weights, weights, alone[stay]])
    rows = np.concatenate([first, second, stay])
    columns = np.concatenate([second, first, stay])
    total = np.bincount(rows, weights, minlength=valid.size)
    share = (weights / total[rows]).astype(np.float32)
    return sparse.coo_array((share, (rows, columns)), shape=(valid.size, valid.size)).tocsr()


def random_walk(
    walk: sparse.csr_array,
    probabilities: NDArray[np.float32],
    known: NDArray[np.intp],
    targets: NDArray[np.float32],
    restart: float,
    n_steps: int,
) -> NDArray[np.float32]:
    r"""Class probabilities where a random walk ends.

    From every pixel a walk starts. In each step it ends with probability :math:`\alpha`, and draws
    a class from the probabilities of the pixel it is at; where the class of a pixel is known, it
    ends in any case. The distribution of the drawn class solves

    .. math:: f_i = (1 - \alpha) \sum_j P_{ij} f_j + \alpha\, p_i, \qquad
       f_i = t_i \text{ where the class is known},

    a random walk with restart [1]_ that labels absorb as in [2]_. It is approximated by Chebyshev
    semi-iteration [3]_, in which a pixel depends on others at most `n_steps` pixels away; the cost
    is linear in the number of pixels.

    Parameters
    ----------
    walk : sparse array of shape (n_pixels, n_pixels)
        Result of `transitions`.
    probabilities : ndarray of shape (n_pixels, n_classes), float32
        Of every pixel by itself.
    known : ndarray of shape (n_known,), dtype intp
        Pixels whose class is known.
    targets : ndarray of shape (n_known, n_classes), float32
        Their classes as probabilities.
    restart : float
        :math:`\alpha`, in (0, 1]: the probability that a walk ends at a pixel of unknown class. A
        walk takes :math:`1 / \alpha` steps in the mean; 1 leaves unknown pixels as they are.
    n_steps : int
        Largest number of iterations, at least 1; fewer are made where more would change nothing.

    Returns
    -------
    ndarray of shape (n_pixels, n_classes), float32
        Positive, and one in sum over the classes.

    References
    ----------
    .. [1] J.-Y. Pan et al., "Automatic multimedia cross-modal correlation discovery", KDD 2004.
    .. [2] X. Zhu, Z. Ghahramani and J. Lafferty, "Semi-supervised learning using Gaussian fields
       and harmonic functions", ICML 2003.
    .. [3] G. H. Golub and R. S. Varga, "Chebyshev semi-iterative methods", Numerische Mathematik
       3, 1961.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.readout import random_walk, transitions
    >>> walk = transitions(np.zeros((1, 3, 1)), np.ones((1, 3), dtype=bool), 1.0, 4.0)
    >>> alone = np.full((3, 2), 0.5, dtype=np.float32)
    >>> known, targets = np.array([0]), np.array([[1, 0]], dtype=np.float32)
    >>> random_walk(walk, alone, known, targets, restart=0.1, n_steps=100).round(2)
    array([[1.  , 0.  ],
           [0.88, 0.12],
           [0.84, 0.16]], dtype=float32)
    """
    unknown = np.ones((len(probabilities), 1), dtype=np.float32)
    unknown[known] = 0
    before = np.array(probabilities, dtype=np.float32)
    before[known] = targets
    source = before * np.where(unknown, np.float32(restart), np.float32(1))
    onward = unknown * np.float32(1 - restart)
    current = onward * (walk @ before) + source
    radius = (1 - restart) ** 2
    weight = 2.0
    for _ in range(min(n_steps, steps_until(_NEGLIGIBLE, restart)) - 1):
        weight = 1 / (1 - radius * weight / 4)
        update = onward * (walk @ current)
        update += source
        update -= before
        update *= np.float32(weight)
        update += before
        before, current = current, update
    # The approximation overshoots by a trace where a class has next to no probability.
    current = current.clip(np.finfo(np.float32).tiny ** 0.25)
    positive: NDArray[np.float32] = current / current.sum(axis=1, keepdims=True)
    return positive


def steps_until(error: float, restart: float) -> int:
    r"""Number of iterations of `random_walk` after which its error is negligible.

    The error of Chebyshev semi-iteration falls by a factor of

    .. math:: \sigma = \frac{\rho}{1 + \sqrt{1 - \rho^2}}, \qquad \rho = 1 - \alpha

    per step, and starts from twice that of the first guess [1]_.

    Parameters
    ----------
    error : float
        What remains of the error of the first guess, above 0.
    restart : float
        The restart probability :math:`\alpha`, in (0, 1].

    Returns
    -------
    int
        At least 1.

    References
    ----------
    .. [1] G. H. Golub and R. S. Varga, "Chebyshev semi-iterative methods", Numerische Mathematik
       3, 1961.

    Examples
    --------
    >>> from hsvlm.readout import steps_until
    >>> [steps_until(1e-6, restart) for restart in (0.001, 0.05, 1.0)]
    [325, 45, 1]
    """
    # Below this, numbers do not tell the restart from none.
    radius = 1 - max(float(restart), 2.0**-53)
    if radius <= 0:
        return 1
    factor = radius / (1 + math.sqrt(1 - radius**2))
    return max(1, math.ceil(math.log(error / 2) / math.log(factor)))
