"""Spectra at several scales, then attention among pixels and among channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hsvlm.vision._attention import attention
from hsvlm.vision._parts import check_range, check_share, init_narrow, to_planes
from hsvlm.vision._pyramid import MixBlock, Pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["SSTMNet"]

_SCALES = (1, 3, 5, 11)


class SSTMNet(nn.Module):
    """Spatial-spectral transformer with a multiscale convolution.

    3-D convolutions of 4 and 8 maps reduce the channels to a quarter and the side to half, among
    residual sums of convolutions that reach over 1, 3, 5 and 11 channels. Then come two stages of
    residual blocks with a convolution of stride 2 between them. A block adds three kinds of
    attention to its input: among pixels that were mixed with their neighbors in the row, among
    pixels mixed with those in the column, and among channels, each with a learned weight that
    starts at zero. The mean over the pixels is the feature vector [1]_.

    With 200 bands and windows of 15 pixels it is the network whose cost the comparison in [2]_
    states for "SS-TMNet", without its last layer. That size is made for a GPU; `depths` and `width`
    make it smaller. Neighboring channels are convolved, so these should be bands
    (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel, at least 21.
    window_size : int
        Side of the window in pixels, at least 3; 15 in [2]_. Attention and a part of its parameters
        grow with the fourth power of the side.
    depths : sequence of two int, default=(13, 13)
        Number of blocks of the stages.
    width : int, default=512
        Number of maps of the second stage, a multiple of 8.
    dropout : float, default=0.1
        Share of the weights of the attention that are zeroed in training.
    drop_path : float, default=0.1
        Share of windows for which the last block is skipped in training; earlier blocks are skipped
        less often, the first one never.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, `width`.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small, or an argument lies outside its range.

    References
    ----------
    .. [1] X. Huang, Y. Zhou, X. Yang, X. Zhu and K. Wang, "SS-TMNet: Spatial-spectral transformer
       network with multi-scale convolution for hyperspectral image classification", Remote Sensing
       15(5), 1206, 2023, doi:10.3390/rs15051206.
    .. [2] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025, table 1.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.ss_tmnet import SSTMNet
    >>> encoder = SSTMNet(n_channels=25, window_size=7, depths=(1, 2), width=64).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    153737
    >>> encoder(torch.zeros(2, 7, 7, 25)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 3
    MIN_CHANNELS: ClassVar[int] = 21

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        depths: Sequence[int] = (13, 13),
        width: int = 512,
        dropout: float = 0.1,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        check_range(
            self,
            n_channels,
            window_size,
            window_needs="which halves the side twice and needs",
            channels_need="whose two long 3-D convolutions need",
        )
        check_share("dropout", dropout)
        self.n_features = width
        n_maps = 8 * _n_depths(n_channels)
        self.volumes = _make_stem()
        self.pyramid = Pyramid(
            lambda width, side, rate: MixBlock(width, _ThreeAttentions(width, side, dropout), rate),
            -(-window_size // 2),
            (n_maps, width),
            depths,
            drop_path,
        )
        self.shortcut = nn.Conv2d(n_maps, width, 2, stride=2)
        self.norm = nn.LayerNorm(width)
        init_narrow(self.pyramid)

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
        maps = self.pyramid(maps) + self.shortcut(maps)
        features: Tensor = self.norm(maps.movedim(1, 3)).mean(dim=(1, 2))
        return features


def _n_depths(n_channels: int) -> int:
    """Return how many channels the stem leaves: kernels of 11 and 9, padding 1, stride 2."""
    return ((n_channels - 9) // 2 - 6) // 2 + 1


def _make_stem() -> nn.Sequential:
    stem = nn.Sequential(
        nn.Conv3d(1, 4, (11, 3, 3), stride=2, padding=1),
        nn.ReLU(),
        _Multiscale(4),
        nn.BatchNorm3d(4),
        nn.ReLU(),
        nn.Conv3d(4, 8, (9, 3, 3), stride=(2, 1, 1), padding=1),
        nn.ReLU(),
        _Multiscale(8),
        nn.ReLU(),
        _Multiscale(8),
        nn.BatchNorm3d(8),
        nn.ReLU(),
        nn.Conv3d(8, 8, 1),
        nn.GELU(),
    )
    for layer in stem.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return stem


class _Multiscale(nn.Module):
    """Residual sum of convolutions along the channels.

    Shapes: `volumes` (n_windows, n_maps, n_channels, side, side); returns the same.
    """

    def __init__(self, n_maps: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList(
            nn.Conv3d(n_maps, n_maps, (size, 1, 1), padding=(size // 2, 0, 0)) for size in _SCALES
        )

    def forward(self, volumes: Tensor) -> Tensor:
        result: Tensor = volumes + sum(scale(volumes) for scale in self.scales)
        return result


class _ThreeAttentions(nn.Module):
    """Attention among pixels of rows, among pixels of columns and among channels, added up.

    Shapes: `pixels` (n_windows, side, side, width); returns the same.
    """

    def __init__(self, width: int, side: int, dropout: float) -> None:
        super().__init__()
        self.rows = _PixelAttention(width, (1, 3), dropout)
        self.columns = _PixelAttention(width, (3, 1), dropout)
        self.channels = _ChannelAttention(width, side, dropout)
        self.weights = nn.Parameter(torch.zeros(3))
        self.linear = nn.Linear(width, width)

    def forward(self, pixels: Tensor) -> Tensor:
        maps = pixels.movedim(3, 1)
        parts = self.rows(maps), self.columns(maps), self.channels(maps)
        mixed = sum(weight * part for weight, part in zip(self.weights, parts, strict=True))
        # Each kind of attention is residual.
        mixed = mixed + len(parts) * pixels
        result: Tensor = self.linear(mixed) + pixels
        return result


class _PixelAttention(nn.Module):
    """Attention of one head among pixels, each mixed with its neighbors in one direction.

    Shapes: `maps` (n_windows, width, side, side); returns (n_windows, side, side, width).
    """

    def __init__(self, width: int, kernel: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.neighbors = nn.Conv2d(width, width, kernel, padding="same", groups=width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, maps: Tensor) -> Tensor:
        pixels = self.neighbors(maps).movedim(1, 3)
        qkv = self.qkv(pixels.flatten(1, 2))
        mixed = attention(qkv, 1, dropout=self.dropout if self.training else 0.0)
        result: Tensor = self.out(mixed).view(pixels.shape)
        return result


class _ChannelAttention(nn.Module):
    """Attention among channels, whose queries, keys and values are their mixed pixels.

    Shapes: `maps` (n_windows, width, side, side); returns (n_windows, side, side, width).
    """

    def __init__(self, width: int, side: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.mix = nn.Conv2d(width, width, 1)
        self.out = nn.Linear(side**2, side**2)

    def forward(self, maps: Tensor) -> Tensor:
        channels = self.mix(maps).flatten(2)
        # As one head of adjacent numbers: these kernels do not keep the weights of all pairs.
        channels = channels.unsqueeze(1).clone(memory_format=torch.contiguous_format)
        mixed = functional.scaled_dot_product_attention(
            channels, channels, channels, dropout_p=self.dropout if self.training else 0.0
        )
        result: Tensor = self.out(mixed).view(maps.shape).movedim(1, 3)
        return result
