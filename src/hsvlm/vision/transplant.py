"""The body of a pre-trained vision transformer behind an embedding of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.vision._parts import check_patch, check_range, overlapping_means
from hsvlm.vision._transformer import PlainTransformer

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PretrainedViT"]


class PretrainedViT(PlainTransformer):
    """Body of a plain vision transformer, behind tokens of overlapping patches.

    The layers are those of timm and of masked autoencoders [1]_, with the same names of weights, so
    that those of published models can be put in: see :func:`hsvlm.pretraining.load_pretrained`.
    What such models see, a few bands in patches of 8 or 16 pixels, is exchanged: every patch of
    ``patch_size`` x ``patch_size`` pixels around which the window has room becomes one token, a
    linear map of its mean spectrum, and learned positions are added. The feature vector is the mean
    of the normalized tokens after the last layer.

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
    depth : int, default=4
        Number of layers.
    n_heads : int, default=8
        Number of attention heads; must divide `width`.
    mlp_width : int, default=512
        Hidden length of the feed-forward part of a layer.
    norm_eps : float, default=1e-6
        Added to the variance by which a token is normalized.
    qkv_bias : bool, default=True
        Whether queries, keys and values have a bias.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    independent_windows : bool
        True: parts of a batch may be encoded side by side.

    Raises
    ------
    ParameterError
        If the patch is larger than the window, a size is below 1, `norm_eps` is not positive, or
        the heads do not divide the width.

    References
    ----------
    .. [1] K. He et al., "Masked autoencoders are scalable vision learners", CVPR 2022.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.transplant import PretrainedViT
    >>> encoder = PretrainedViT(n_channels=200, window_size=5, patch_size=3)
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
        depth: int = 4,
        n_heads: int = 8,
        mlp_width: int = 512,
        norm_eps: float = 1e-6,
        qkv_bias: bool = True,
    ) -> None:
        check_range(self, n_channels, window_size)
        check_patch(patch_size, window_size)
        super().__init__(
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            norm_eps=norm_eps,
            qkv_bias=qkv_bias,
        )
        self.patch_size = patch_size
        self.embedding = nn.Linear(n_channels, width)
        n_patches = (window_size - patch_size + 1) ** 2
        self.positions = nn.Parameter(torch.empty(1, n_patches, width))
        # As large as the embedded patches that they are added to.
        nn.init.normal_(self.positions, std=0.5)

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
        return self.run_tokens(self.to_tokens(windows)).mean(dim=1)

    def token_values(self, windows: Tensor) -> Tensor:
        """Return the values that each token is embedded from.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_patches, n_channels)
            The mean spectrum of each patch, row by row.
        """
        return overlapping_means(windows, self.patch_size)

    def to_tokens(self, windows: Tensor) -> Tensor:
        """Embed the patches of windows, with positions.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_patches, width)
            One token per patch.
        """
        result: Tensor = self.embedding(self.token_values(windows)) + self.positions
        return result
