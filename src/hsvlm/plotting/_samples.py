"""Labelled samples, however they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._inputs import is_cube, labeled_samples
from hsvlm.exceptions import DataError
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["labelled_samples"]


def labelled_samples(X: Any, y: Any, unlabeled: Any = 0) -> tuple[Any, NDArray[Any]]:
    """Bring a cube with its label map, or samples with their labels, to samples and labels."""
    if is_cube(X):
        X, y, _ = labeled_samples(X, y, None, unlabeled)
    samples = X if isinstance(X, PixelSamples) else np.asarray(X)
    labels = np.asarray(y)
    if labels.shape != (len(samples),):
        message = (
            f"There are {len(samples)} samples, but y has shape {labels.shape}. Give one label "
            "per sample, or a cube and its label map."
        )
        raise DataError(message)
    return samples, labels
