"""Convolutions and a transformer over a few learned mean pixels of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import Tokenizer, check_range, check_share, to_planes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SSFTT"]


class SSFTT(nn.Module):
    """Spectral-spatial feature tokenization transformer.

    A 3-D convolution of 8 maps along rows, columns and channels and a 2-D convolution of 64 maps,
    both 3 wide and unpadded, are followed by four weighted means over the pixels, whose weights
    follow from the pixels. These four tokens and a class token pass through one transformer layer,
    and the class token is the feature vector [1]_. With 30 components and any window it has the
    152,184 parameters of the publication's code without the last layer; the attention is scaled by
    the square root of the model width, as there, not of the width of a head.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel, at least 3; 30 components in [1]_.
    window_size : int
        Side of the window in pixels, at least 5; 13 in [1]_.
    dropout : float, default=0.1
        Share of numbers zeroed in training: of the tokens, and in the transformer layer.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 64.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] L. Sun, G. Zhao, Y. Zheng and Z. Wu, "Spectral-spatial feature tokenization transformer
       for hyperspectral image classification", IEEE Transactions on Geoscience and Remote Sensing
       60, 5522214, 2022, doi:10.1109/TGRS.2022.3144158.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.ssftt import SSFTT
    >>> encoder = SSFTT(n_channels=30, window_size=13).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    152184
    >>> encoder(torch.zeros(2, 13, 13, 30)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 5
    MIN_CHANNELS: ClassVar[int] = 3

    def __init__(self, n_channels: int, window_size: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        check_range(
            self,
            n_channels,
            window_size,
            window_needs="whose two unpadded 3x3 convolutions need",
            channels_need="whose unpadded 3-D convolution needs",
        )
        check_share("dropout", dropout)
        width, n_tokens, n_planes = 64, 4, 8
        self.n_features = width
        self.volumes = nn.Sequential(nn.Conv3d(1, n_planes, 3), nn.BatchNorm3d(n_planes), nn.ReLU())
        self.maps = nn.Sequential(
            nn.Conv2d(n_planes * (n_channels - 2), width, 3), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.tokenizer = Tokenizer(width, n_tokens, width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, n_tokens + 1, width))
        nn.init.normal_(self.positions, std=0.02)
        self.dropout = nn.Dropout(dropout)
        self.block = TransformerBlock(width, 8, 8, scale=width**-0.5, dropout=dropout)

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
        maps = self.maps(self.volumes(to_planes(windows)).flatten(1, 2))
        tokens = self.tokenizer(maps.flatten(2).transpose(1, 2))
        first = self.class_token.expand(len(tokens), -1, -1)
        tokens = self.dropout(torch.cat([first, tokens], dim=1) + self.positions)
        features: Tensor = self.block(tokens, 1)[:, 0]
        return features
