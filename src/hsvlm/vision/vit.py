"""The masked vision transformer of the reference method."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hsvlm.exceptions import ParameterError
from hsvlm.vision._blocks import TokenTransformer
from hsvlm.vision._parts import check_patch, check_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MaskedViT"]


class MaskedViT(TokenTransformer):
    """Vision transformer over square patches of a window, with optional token masking.

    Every patch of ``patch_size`` x ``patch_size`` pixels becomes one token; a class token is
    prepended, learned positions are added, and the normalized class token after the last layer is
    the feature vector. With a window of 33 pixels, patches of 3 and 25 channels it has the
    173,760 parameters of the reference [1]_.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel.
    window_size : int
        Side of the window in pixels, a multiple of `patch_size`.
    patch_size : int
        Side of a patch in pixels.
    width : int, default=64
        Length of a token.
    depth : int, default=6
        Number of layers.
    n_heads : int, default=4
        Number of attention heads; must divide `width`. The reference has 16, at twice the time of
        4 on a CPU.
    mlp_width : int, default=64
        Hidden length of the feed-forward part of a layer.
    mask_ratio : float, default=0.0
        Share of the patch tokens that is dropped at random from every window during training, in
        the manner of masked autoencoders [2]_. At least one patch is kept.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True without masking.

    Raises
    ------
    ParameterError
        If the window is not a multiple of the patch, a size is below 1, the heads do not divide
        the width, or the mask ratio lies outside [0, 1).

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025.
    .. [2] K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.vit import MaskedViT
    >>> encoder = MaskedViT(n_channels=25, window_size=33, patch_size=3)
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    173760
    >>> encoder(torch.zeros(2, 33, 33, 25)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1
    WHOLE_PATCHES: ClassVar[bool] = True

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        patch_size: int,
        *,
        width: int = 64,
        depth: int = 6,
        n_heads: int = 4,
        mlp_width: int = 64,
        mask_ratio: float = 0.0,
    ) -> None:
        check_range(self, n_channels, window_size)
        check_patch(patch_size)
        if window_size % patch_size:
            raise ParameterError(
                f"window_size={window_size} is not a multiple of patch_size={patch_size}. "
                "Choose them so that whole patches fill the window."
            )
        super().__init__(
            (window_size // patch_size) ** 2,
            patch_size**2 * n_channels,
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
        Tensor of shape (n_windows, n_patches, patch_size ** 2 * n_channels)
            The pixels of each patch, one after the other.
        """
        side = windows.shape[1] // self.patch_size
        split = windows.unflatten(2, (side, self.patch_size)).unflatten(1, (side, self.patch_size))
        patches: Tensor = split.transpose(2, 3).reshape(len(windows), side * side, -1)
        return patches
