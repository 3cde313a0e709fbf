"""The windows of a classifier's inputs, preprocessed and on the device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._windows import WindowSource
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

__all__ = ["input_source"]


def input_source(
    clf: Any,
    X: PixelSamples | NDArray[Any],
    device: torch.device,
    seen: Callable[[NDArray[Any]], None] | None = None,
) -> WindowSource:
    """Windows of a classifier's inputs, preprocessed.

    Parameters
    ----------
    clf : HSIPromptClassifier
        With ``preprocessing_`` and ``window_size_`` set.
    X : PixelSamples or ndarray of 2 or 4 dimensions
        The samples.
    device : torch.device
        Where the windows are needed.
    seen : callable, default=None
        Called with the spectra, piece by piece, before they are preprocessed.

    Returns
    -------
    WindowSource
        In the order of `X`.
    """

    def reduce(spectra: NDArray[Any]) -> NDArray[Any]:
        if seen is not None:
            seen(spectra)
        reduced: NDArray[Any] = clf.preprocessing_.transform(spectra)
        return reduced

    if isinstance(X, PixelSamples):
        return WindowSource.from_samples(X, reduce, clf.window_size_, clf.padding_, device)
    return WindowSource.from_array(X, reduce, device)
