"""Two transformers side by side: one over the pixels of the window, one over its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import check_range, check_share

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FactoFormer"]


class FactoFormer(nn.Module):
    """Factorized spatial and spectral transformer.

    The tokens of the spatial branch are the pixels of the window, each with its spectrum; those of
    the spectral branch are the bands, each with its values at all pixels. A branch has five
    transformer layers with four heads, of width 64 over pixels and 32 over bands. Both class tokens
    together pass through a linear layer of 96 units [1]_. With 200 bands and windows of 7 pixels it
    has the 147,068 parameters of the publication's code without the last layer. As there, hidden
    layers are only 8 and 4 units wide, two layer normalizations follow each other, and there is no
    activation behind the linear layer.

    The accuracies in [1]_ were reached after both branches had been trained to reconstruct masked
    tokens, without labels. This class starts from random weights, so expect less.

    Parameters
    ----------
    n_channels : int
        Number of channels of a pixel; all bands in [1]_.
    window_size : int
        Side of the window in pixels; 7 in [1]_.
    dropout : float, default=0.1
        Share of numbers zeroed in training: of tokens, attention weights and outputs of layers.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 96.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side in training: only without dropout.

    Raises
    ------
    ParameterError
        If a size is below 1, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] S. Mohamed, M. Haghighat, T. Fernando, S. Sridharan, C. Fookes and P. Moghadam,
       "FactoFormer: factorized hyperspectral transformers with self-supervised pretraining", IEEE
       Transactions on Geoscience and Remote Sensing 62, 5501614, 2024,
       doi:10.1109/TGRS.2023.3343392.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.factoformer import FactoFormer
    >>> encoder = FactoFormer(n_channels=200, window_size=7).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    147068
    >>> encoder(torch.zeros(2, 7, 7, 200)).shape
    torch.Size([2, 96])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(self, n_channels: int, window_size: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_share("dropout", dropout)
        n_pixels, pixel_width, band_width = window_size**2, 64, 32
        self.n_features = pixel_width + band_width
        self.independent_windows = dropout == 0
        self.over_pixels = _Branch(n_pixels, n_channels, pixel_width, 8, dropout)
        self.over_bands = _Branch(n_channels, n_pixels, band_width, 4, dropout)
        self.linear = nn.Linear(self.n_features, self.n_features)

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized to unit length.
        """
        pixels = windows.flatten(1, 2)
        both = [self.over_pixels(pixels), self.over_bands(pixels.transpose(1, 2))]
        features: Tensor = self.linear(torch.cat(both, dim=1))
        return features


class _Branch(nn.Module):
    """Transformer over tokens, read at its class token.

    Shapes: `tokens` (n_windows, n_tokens, n_values); returns (n_windows, width).
    """

    def __init__(
        self, n_tokens: int, n_values: int, width: int, mlp_width: int, dropout: float
    ) -> None:
        super().__init__()
        depth, n_heads = 5, 4
        self.embed = nn.Linear(n_values, width)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, n_tokens + 1, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, n_heads, mlp_width, dropout=dropout, attention_dropout=dropout)
            for _ in range(depth)
        )
        self.norms = nn.Sequential(nn.LayerNorm(width), nn.LayerNorm(width, eps=1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        first = self.class_token.expand(len(tokens), -1, -1)
        tokens = self.dropout(torch.cat([first, self.embed(tokens)], dim=1) + self.positions)
        # Only the class token is read after the last layer.
        for number, block in enumerate(self.blocks, start=1):
            tokens = block(tokens, 1 if number == len(self.blocks) else None)
        features: Tensor = self.norms(tokens[:, 0])
        return features
