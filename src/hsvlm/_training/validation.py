"""Hold training samples out for validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import train_test_split

from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import spatial_holdout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._training.settings import FitSettings
    from hsvlm.samples import PixelSamples

__all__ = ["random_validation", "spatial_validation"]


def spatial_validation(
    settings: FitSettings, X: PixelSamples, targets: NDArray[np.intp], block_size: int, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide samples of scenes in spatial blocks, into those to train on and those held out."""
    if settings.validation_fraction is None:
        return np.arange(len(targets)), np.arange(0)
    random_state = np.random.RandomState(seed)
    return spatial_holdout(X, targets, settings.validation_fraction, block_size, random_state)


def random_validation(
    settings: FitSettings, targets: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Divide samples without positions by a draw from every class."""
    fraction, every = settings.validation_fraction, np.arange(len(targets))
    if fraction is None:
        return every, every[:0]
    try:
        train, valid = train_test_split(
            every, test_size=float(fraction), stratify=targets, random_state=seed
        )
    except ValueError as error:
        raise ParameterError(
            f"validation_fraction={fraction} cannot be held out of {len(every)} "
            f"samples: {error} Change the fraction, give more samples, or pass "
            "validation_fraction=None."
        ) from error
    return np.sort(train), np.sort(valid)
