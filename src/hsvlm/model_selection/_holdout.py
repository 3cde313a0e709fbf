"""Hold out blocks of the training samples for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import ParameterError
from hsvlm.model_selection._positions import block_counts, block_numbers, check_not_empty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.samples import PixelSamples


def spatial_holdout(
    X: PixelSamples,
    y: NDArray[Any],
    fraction: float,
    block_size: int,
    random_state: np.random.RandomState,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Hold out whole square blocks of a scene.

    Blocks are drawn at random. A block is held out if every class then keeps at least half of its
    samples outside, and if no more than `fraction` of the samples is held out.

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
    train_index, valid_index : ndarray of int
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
    >>> train, valid = spatial_holdout(X, np.arange(64) % 2, 0.25, 4, np.random.RandomState(0))
    >>> len(train), len(valid)
    (48, 16)
    """
    check_not_empty(len(y), "spatial_holdout")
    _, block = block_numbers(np.column_stack([X.scene_ids, X.coords]), block_size)
    counts = block_counts(block, np.unique(y, return_inverse=True)[1])
    total = counts.sum(axis=0)
    taken = np.zeros_like(total)
    held_out = []
    for number in random_state.permutation(len(counts)):
        after = taken + counts[number]
        if (2 * after <= total).all() and after.sum() <= fraction * len(y):
            taken = after
            held_out.append(number)
    if not held_out:
        raise ParameterError(
            f"validation_fraction={fraction} leaves no block of {block_size} x {block_size} pixels "
            "that can be held out while every class keeps half of its samples. "
            "Raise the fraction, label more pixels, or pass validation_fraction=None."
        )
    mask = np.isin(block, held_out)
    return np.flatnonzero(~mask), np.flatnonzero(mask)
