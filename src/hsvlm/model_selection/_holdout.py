"""A share of the blocks of the training samples, held out to watch training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import ParameterError
from hsvlm.model_selection._positions import (
    block_counts,
    block_numbers,
    check_not_empty,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples

__all__ = ["spatial_holdout"]


def spatial_holdout(
    X: PixelSamples,
    y: NDArray[Any],
    fraction: float,
    block_size: int,
    random_state: np.random.RandomState,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Hold out whole square blocks of a scene.

    Blocks are drawn at random and held out as long as every class keeps at least half of its
    samples outside and no more than the wanted share is held out.

    Parameters
    ----------
    X : PixelSamples of shape (n_samples, n_bands)
        The samples.
    y : ndarray of shape (n_samples,)
        Their labels.
    fraction : float
        Share of the samples to hold out, in (0, 1).
    block_size : int
        Side of a block in pixels.
    random_state : numpy.random.RandomState
        Source of the draw.

    Returns
    -------
    kept, held_out : ndarray of int
        Indices of the samples, each sorted.

    Raises
    ------
    DataError
        If there are no samples.
    ParameterError
        If no block can be held out.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> from hsvlm.model_selection import spatial_holdout
    >>> X = PixelSamples(np.ones((8, 8, 2)), np.argwhere(np.ones((8, 8))))
    >>> kept, held = spatial_holdout(X, np.arange(64) % 2, 0.25, 4, np.random.RandomState(0))
    >>> len(kept), len(held)
    (48, 16)
    """
    check_not_empty(len(y), "spatial_holdout")
    _, block = block_numbers(np.column_stack([X.scene_ids, X.coords]), block_size)
    counts = block_counts(block, np.unique(y, return_inverse=True)[1])
    total = counts.sum(axis=0)
    taken = np.zeros_like(total)
    held = []
    for number in random_state.permutation(len(counts)):
        after = taken + counts[number]
        if (2 * after <= total).all() and after.sum() <= fraction * len(y):
            taken = after
            held.append(number)
    if not held:
        raise ParameterError(
            f"validation_fraction={fraction} leaves no block of {block_size} x {block_size} pixels "
            "that can be held out while every class keeps half of its samples. "
            "Raise the fraction, label more pixels, or pass validation_fraction=None."
        )
    mask = np.isin(block, held)
    return np.flatnonzero(~mask), np.flatnonzero(mask)
