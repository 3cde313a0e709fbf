"""Samples of the same pixel, in one scene or in several that show the same ground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.same_cubes import first_alike, number_pixels
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from numpy.typing import NDArray


def ground_numbers(X: PixelSamples) -> NDArray[np.intp]:
    """Return scene numbers (n_samples,); of scenes that show the same pixels, the first one."""
    numbers: NDArray[np.intp] = first_alike(X.cubes, X.coords, X.scene_ids)[X.scene_ids]
    return numbers


def repeated_pixels(X: Any) -> NDArray[np.intp] | None:
    """Number the pixels of samples (n_samples,); None if each is sampled once, or unknown."""
    if not isinstance(X, PixelSamples):
        return None
    pixel: NDArray[np.intp] = number_pixels(X.cubes, X.coords, ground_numbers(X))
    return pixel if len(np.unique(pixel)) < len(pixel) else None


def describe_shared(
    pixel: NDArray[np.intp], train: NDArray[np.intp], test: NDArray[np.intp], split: int
) -> str:
    """Say how many test samples are pixels that a split trains on; empty if none is."""
    n_shared = int(np.isin(pixel[test], pixel[train]).sum())
    if not n_shared:
        return ""
    return (
        f"{n_shared} of {len(test)} test samples of split {split} are pixels that it trains on, so "
        "their labels are known. Train and test on different pixels; where samples repeat pixels, "
        "keep one of each: np.unique(np.c_[X.scene_ids, X.coords], axis=0, return_index=True)[1]."
    )
