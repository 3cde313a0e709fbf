"""A vision transformer over overlapping patches, for small windows of many bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision.vit import MaskedViT

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OverlapViT"]


class OverlapViT(MaskedViT):
    """Vision transformer whose tokens are the mean spectra of overlapping patches."""

    # A patch of ``patch_size`` x ``patch_size`` pixels stands around every pixel for which it fits
    # into the window; its mean spectrum, which has less noise than that of a pixel, becomes one
    # token. Small windows of whole spectra keep to what a pixel is made of: what carries over to
    # fields that hold no training pixel.

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
        if patch_size > window_size:
            raise ParameterError(
                f"patch_size={patch_size} is larger than window_size={window_size}. Choose a "
                "patch that fits into the window."
            )
        side = window_size - patch_size + 1
        # A token of one pixel for every place of a patch.
        super().__init__(
            n_channels,
            side,
            1,
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            mask_ratio=mask_ratio,
        )
        self.patch_size = patch_size

    def _patches(self, windows: Tensor) -> Tensor:
        means = functional.avg_pool2d(windows.permute(0, 3, 1, 2), self.patch_size, stride=1)
        return means.flatten(2).transpose(1, 2)
