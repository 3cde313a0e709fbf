"""A vision transformer over overlapping patches, for the bands of any sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm.vision.overlap import OverlapViT
from hsvlm.vision.wavelengths import WavelengthEmbedding, check_wavelengths

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WavelengthViT"]


class WavelengthViT(OverlapViT):
    """Vision transformer over overlapping patches that is told the wavelengths of the bands.

    It is :class:`~hsvlm.vision.overlap.OverlapViT` with another embedding,
    :class:`~hsvlm.vision.wavelengths.WavelengthEmbedding`. None of its weights belongs to a band,
    so that weights that were trained on the bands of one sensor can be used with those of another.

    Parameters
    ----------
    n_channels : int
        Number of bands of a pixel.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side of a patch in pixels, at most `window_size`.
    wavelengths_nm : sequence of float of length n_channels
        Band centers in nanometers, in any order. A classifier takes them from the data.
    width : int, default=128
        Length of a token.
    depth : int, default=2
        Number of layers.
    n_heads : int, default=4
        Number of attention heads; must divide `width`.
    mlp_width : int, default=256
        Hidden length of the feed-forward part of a layer.
    mask_ratio : float, default=0.0
        Share of the patch tokens dropped at random in training.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True without masking.

    Raises
    ------
    ParameterError
        If the number of wavelengths is not `n_channels`, or a wavelength is unknown (None, 0 or
        NaN), negative, infinite or in micrometers; if the patch is larger than the window, a size
        is below 1, the heads do not divide the width, or the mask ratio lies outside [0, 1).

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.wavelength_vit import WavelengthViT
    >>> encoder = WavelengthViT(4, 5, 3, wavelengths_nm=[450, 550, 650, 850])
    >>> encoder(torch.zeros(2, 5, 5, 4)).shape
    torch.Size([2, 128])
    """

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        patch_size: int,
        *,
        wavelengths_nm: Sequence[float],
        width: int = 128,
        depth: int = 2,
        n_heads: int = 4,
        mlp_width: int = 256,
        mask_ratio: float = 0.0,
    ) -> None:
        super().__init__(
            n_channels,
            window_size,
            patch_size,
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            mask_ratio=mask_ratio,
        )
        check_wavelengths(wavelengths_nm, n_channels)
        self.embed = WavelengthEmbedding(wavelengths_nm, width)
