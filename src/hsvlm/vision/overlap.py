"""A vision transformer over overlapping patches, for small windows of many bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hsvlm.vision._blocks import TokenTransformer
from hsvlm.vision._parts import check_patch, check_range, overlapping_means

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OverlapViT"]


class OverlapViT(TokenTransformer):
    """Vision transformer whose tokens are the mean spectra of overlapping patches.

    A patch of ``patch_size`` x ``patch_size`` pixels stands around every pixel for which it fits
    into the window; its mean spectrum, which has less noise than that of a pixel, becomes one
    token. Small windows of whole spectra describe the material of a pixel more than its
    surroundings, which carries over to fields that hold no training pixel.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side of a patch in pixels, at most `window_size`.
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
        If the patch is larger than the window, a size is below 1, the heads do not divide the
        width, or the mask ratio lies outside [0, 1).

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.overlap import OverlapViT
    >>> encoder = OverlapViT(n_channels=200, window_size=5, patch_size=3)
    >>> encoder(torch.zeros(2, 5, 5, 200)).shape
    torch.Size([2, 128])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        patch_size: int,
        *,
        width: int = 128,
        depth: int = 2,
        n_heads: int = 4,
        mlp_width: int = 256,
        mask_ratio: float = 0.0,
    ) -> None:
        check_range(self, n_channels, window_size)
        check_patch(patch_size, window_size)
        super().__init__(
            (window_size - patch_size + 1) ** 2,
            n_channels,
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            mask_ratio=mask_ratio,
        )
        self.patch_size = patch_size

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized.
        """
        return self.encode(self.token_values(windows))

    def token_values(self, windows: Tensor) -> Tensor:
        """Return the values that each token is embedded from.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_patches, n_channels)
            The mean spectrum of each patch.
        """
        return overlapping_means(windows, self.patch_size)
