"""Tokens that morphological filters change, and a class token that attends to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._dilation import dilate
from hsvlm.vision._parts import Tokenizer, check_range, check_share, to_planes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MorphFormer"]

_WIDTH, _SIDE = 64, 8


class MorphFormer(nn.Module):
    """Spectral-spatial morphological attention transformer.

    A 3-D convolution over nine channels and two 2-D convolutions are followed by 32 weighted means
    over the pixels. Two blocks follow: in each, dilations and erosions with learned structuring
    elements change the 32 tokens, which they take as images of 8 x 8, and then a class token
    attends to them. It is the feature vector [1]_. The convolution runs along neighboring channels,
    so these should be bands (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel, at least 9. If it is odd, the second convolution has
        8 groups instead of 16.
    window_size : int
        Side of the window in pixels; 11 in [1]_.
    n_tokens : int, default=32
        Number of weighted means, even.
    dropout : float, default=0.1
        Share of numbers zeroed in training: of the tokens, and in the attention.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 64.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small, `n_tokens` is not even, or the dropout
        lies outside [0, 1).

    References
    ----------
    .. [1] S. K. Roy, A. Deria, C. Shah, J. M. Haut, Q. Du and A. Plaza, "Spectral-spatial
       morphological attention transformer for hyperspectral image classification", IEEE
       Transactions on Geoscience and Remote Sensing 61, 5503615, 2023,
       doi:10.1109/TGRS.2023.3242346.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.morphformer import MorphFormer
    >>> encoder = MorphFormer(n_channels=200, window_size=11).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    276512
    >>> encoder(torch.zeros(2, 11, 11, 200)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 9

    def __init__(
        self, n_channels: int, window_size: int, *, n_tokens: int = 32, dropout: float = 0.1
    ) -> None:
        super().__init__()
        check_range(
            self, n_channels, window_size, channels_need="whose unpadded 3-D convolution needs"
        )
        check_share("dropout", dropout)
        if n_tokens < 2 or n_tokens % 2:
            raise ParameterError(
                f"n_tokens={n_tokens} cannot be halved. Use 2, 4 or another even number."
            )
        self.n_features = _WIDTH
        n_planes = 8
        n_maps = n_planes * (n_channels - 8)
        self.volumes = nn.Sequential(
            nn.Conv3d(1, n_planes, (9, 3, 3), padding=(0, 1, 1)),
            nn.BatchNorm3d(n_planes),
            nn.ReLU(),
        )
        n_groups = 16 if n_maps % 16 == 0 else 8
        self.around = nn.Conv2d(n_maps, _WIDTH, 3, padding=1, groups=n_groups)
        self.pixel = nn.Conv2d(n_maps, _WIDTH, 1)
        self.norm_maps = nn.Sequential(nn.BatchNorm2d(_WIDTH), nn.ReLU())
        self.tokenizer = Tokenizer(_WIDTH, n_tokens, _WIDTH)
        self.class_token = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, n_tokens + 1, _WIDTH))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_Block(n_tokens, size, dropout) for size in (3, 5))
        self.norm = nn.LayerNorm(_WIDTH, eps=1e-6)

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
        maps = self.volumes(to_planes(windows)).flatten(1, 2)
        maps = self.norm_maps(self.around(maps) + self.pixel(maps))
        tokens = self.tokenizer(maps.flatten(2).transpose(1, 2))
        first = self.class_token.expand(len(tokens), -1, -1)
        tokens = self.dropout(torch.cat([first, tokens], dim=1) + self.positions)
        for block in self.blocks:
            tokens = block(tokens)
        features: Tensor = self.norm(tokens[:, 0])
        return features


class _Block(nn.Module):
    """Morphology changes the tokens, and the class token attends to all.

    Shapes: `tokens` (n_windows, 1 + n_tokens, width), the class token first; returns the same.
    """

    def __init__(self, n_tokens: int, size: int, dropout: float) -> None:
        super().__init__()
        self.spectral = _Morphology(n_tokens, size, 1)
        self.spatial = _Morphology(n_tokens, size, 3)
        self.norm_tokens = nn.LayerNorm(_WIDTH, eps=1e-6)
        self.query, self.key, self.value = (nn.Linear(_WIDTH, _WIDTH, bias=False) for _ in "qkv")
        self.out = nn.Linear(_WIDTH, _WIDTH)
        self.dropout = nn.Dropout(dropout)
        self.norm_class = nn.LayerNorm(_WIDTH, eps=1e-6)

    def forward(self, tokens: Tensor) -> Tensor:
        images = tokens[:, 1:].unflatten(2, (_SIDE, _SIDE))
        changed = torch.cat([self.spectral(images), self.spatial(images)], dim=1).flatten(2)
        normed = self.norm_tokens(torch.cat([tokens[:, :1], changed], dim=1))
        query, key, value = (
            layer(one).unflatten(2, (8, 8)).transpose(1, 2)
            for layer, one in (
                (self.query, normed[:, :1]),
                (self.key, normed),
                (self.value, normed),
            )
        )
        weights = self.dropout((query @ key.transpose(2, 3) / 8**0.5).softmax(dim=3))
        mixed = (weights @ value).transpose(1, 2).flatten(2)
        first = self.norm_class(tokens[:, :1] + self.dropout(self.out(mixed)))
        return torch.cat([first, changed], dim=1)


class _Morphology(nn.Module):
    """Dilation and erosion with learned structuring elements, each convolved, and their sum.

    Shapes: `images` (n_windows, n_tokens, side, side); returns (n_windows, n_tokens / 2, side,
    side).
    """

    def __init__(self, n_tokens: int, size: int, kernel: int) -> None:
        super().__init__()
        n_maps = n_tokens // 2
        self.dilating, self.eroding = (
            nn.Parameter(torch.zeros(n_maps, n_tokens, size, size)) for _ in "de"
        )
        self.dilated, self.eroded = (
            nn.Conv2d(n_maps, n_maps, kernel, padding=kernel // 2) for _ in "de"
        )
        self.norm = nn.Sequential(nn.BatchNorm2d(n_maps), nn.GELU())

    def forward(self, images: Tensor) -> Tensor:
        dilated = self.dilated(dilate(images, self.dilating))
        # An erosion is the dilation of the negative.
        result: Tensor = self.norm(dilated + self.eroded(-dilate(-images, self.eroding)))
        return result
