"""A transformer over the bands, each seen with its neighbors and with the pixels of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import check_range, check_share

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SpectralFormer"]


class SpectralFormer(nn.Module):
    """Transformer over groups of neighboring bands, with connections across layers.

    A token holds all pixels of a band and of its neighbors. From the third of five layers on, the
    tokens are mixed with those that entered two layers before, by a convolution in which the tokens
    are the channels [1]_. The class token is the feature vector. Channels have to be bands
    (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel.
    window_size : int
        Side of the window in pixels; 1 and 7 in [1]_.
    n_neighbors : int, default=3
        Number of bands of a token, odd; 7 in [1]_ for windows of Pavia University. Beyond the first
        and the last band, those of the other end follow, as in the publication's code.
    dropout : float, default=0.1
        Share of numbers zeroed in training, in and before the layers.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 64.

    Raises
    ------
    ParameterError
        If a size is below 1, `n_neighbors` is not odd, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] D. Hong, Z. Han, J. Yao, L. Gao, B. Zhang, A. Plaza and J. Chanussot, "SpectralFormer:
       rethinking hyperspectral image classification with transformers", IEEE Transactions on
       Geoscience and Remote Sensing 60, 5518615, 2022, doi:10.1109/TGRS.2021.3130716.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.spectralformer import SpectralFormer
    >>> encoder = SpectralFormer(n_channels=200, window_size=7).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    354537
    >>> encoder(torch.zeros(2, 7, 7, 200)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self, n_channels: int, window_size: int, *, n_neighbors: int = 3, dropout: float = 0.1
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_share("dropout", dropout)
        if n_neighbors < 1 or n_neighbors % 2 == 0:
            raise ParameterError(
                f"n_neighbors={n_neighbors} has no band in the middle. Use 1, 3 or another odd "
                "number."
            )
        width, depth, n_tokens = 64, 5, n_channels + 1
        self.n_features = width
        self.n_neighbors = n_neighbors
        self.independent_windows = dropout == 0
        self.embed = nn.Linear(n_neighbors * window_size**2, width)
        self.class_token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, n_tokens, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(width, 4, 8, qkv_bias=False, dropout=dropout) for _ in range(depth)
        )
        self.mixes = nn.ModuleList(nn.Conv2d(n_tokens, n_tokens, (1, 2)) for _ in range(depth - 2))
        self.norm = nn.LayerNorm(width)

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
        bands = windows.flatten(1, 2).transpose(1, 2)
        reach = self.n_neighbors // 2
        groups = torch.cat([bands.roll(-step, 1) for step in range(-reach, reach + 1)], dim=2)
        first = self.class_token.expand(len(windows), -1, -1)
        tokens = self.dropout(torch.cat([first, self.embed(groups)], dim=1) + self.positions)
        entered = []
        for number, block in enumerate(self.blocks):
            entered.append(tokens)
            if number >= 2:
                pair = torch.stack([tokens, entered[number - 2]], dim=3)
                tokens = self.mixes[number - 2](pair).squeeze(3)
            # Only the class token is read after the last layer.
            tokens = block(tokens, 1 if number == len(self.blocks) - 1 else None)
        features: Tensor = self.norm(tokens[:, 0])
        return features
