"""Selective scans over the pixels of the window and over its feature maps, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import DropPath, check_range, check_share, init_narrow
from hsvlm.vision._scan import SelectiveScan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["S2Mamba"]

# Numbers per step of a sequence that the lengths of its steps follow from.
_RANK = 4
_LEAST_WEIGHT = 0.1


class S2Mamba(nn.Module):
    """Spatial-spectral state space model.

    A 1 x 1 convolution of 64 maps is followed by one layer of two gated units. The unit for space
    scans the pixels in four orders: along rows, along columns, and both reversed. The unit for
    spectra scans the feature maps, each with its values at all pixels, forward and backward. At
    every pixel a small network weighs both units, and weights below 0.1 count as 0. The mean over
    the pixels is the feature vector [1]_. With 200 bands and windows of 7 pixels it has the 117,592
    parameters of the publication's code without the last layer.

    The scans take one step after the other, in plain torch and in float32, and the memory of a
    training grows with the number of pixels. Choose windows of at most 11 pixels. In windows of one
    pixel, the unit for spectra returns a constant times its gate.

    Parameters
    ----------
    n_channels : int
        Number of channels of a pixel; all bands in [1]_.
    window_size : int
        Side of the window in pixels; 7 to 11 in [1]_, which has 7 for Indian Pines.
    width : int, default=64
        Number of maps of the convolution; a unit scans twice as many.
    dropout : float, default=0.1
        Share of the outputs of both units that is zeroed in training, and share of windows for
        which the layer is left out. The publication's code has 0.1 for Pavia University and
        Houston, and 0.4 for Indian Pines and LongKou.
    as_published : bool, default=False
        Scan the feature maps forward twice, and reverse only what the second scan returns, as the
        publication's code does. By default, the second scan runs backward.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, the width.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side in training: only without dropout.

    Raises
    ------
    ParameterError
        If a size is below 1, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] G. Wang, X. Zhang, Z. Peng, T. Zhang and L. Jiao, "S2Mamba: a spatial-spectral state
       space model for hyperspectral image classification", IEEE Transactions on Geoscience and
       Remote Sensing, 2025, doi:10.1109/TGRS.2025.3530993, arXiv:2404.18213.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.s2mamba import S2Mamba
    >>> encoder = S2Mamba(n_channels=200, window_size=7).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    117592
    >>> encoder(torch.zeros(2, 7, 7, 200)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        width: int = 64,
        dropout: float = 0.1,
        as_published: bool = False,
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        if width < 1:
            raise ParameterError(f"width={width} is too small. Use 1 or more.")
        check_share("dropout", dropout)
        self.n_features = width
        self.independent_windows = dropout == 0
        self.embed = nn.Sequential(nn.Conv2d(n_channels, width, 1), nn.GELU())
        self.norm_layer = nn.LayerNorm(width)
        self.over_pixels = _GatedUnit(width, _PixelScan(2 * width), dropout)
        map_scan = _MapScan(window_size**2, is_reversed=not as_published)
        self.over_maps = _GatedUnit(width, map_scan, dropout)
        self.weigh = nn.Sequential(
            nn.LayerNorm(2 * width),
            nn.Linear(2 * width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, 2),
            nn.Softmax(dim=-1),
        )
        self.drop_path = DropPath(dropout)
        self.norm = nn.LayerNorm(width)
        init_narrow(self)

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
        pixels = self.embed(windows.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        normed = self.norm_layer(pixels)
        first, second = self.over_pixels(normed), self.over_maps(normed)
        weights = self.weigh(torch.cat([first, second], dim=-1))
        weights = weights * (weights >= _LEAST_WEIGHT)
        mixed = weights[..., :1] * first + weights[..., 1:] * second
        features: Tensor = self.norm(pixels + self.drop_path(mixed)).mean(dim=(1, 2))
        return features


class _GatedUnit(nn.Module):
    """Depthwise convolution and a scan, times a gate.

    Shapes: `pixels` (n_windows, size, size, width); returns the same.
    """

    def __init__(self, width: int, scan: nn.Module, dropout: float) -> None:
        super().__init__()
        self.split = nn.Linear(width, 4 * width, bias=False)
        self.convolution = nn.Conv2d(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.scan = scan
        self.merge = nn.Linear(2 * width, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pixels: Tensor) -> Tensor:
        values, gate = self.split(pixels).chunk(2, dim=-1)
        maps = functional.silu(self.convolution(values.permute(0, 3, 1, 2)))
        scanned = self.scan(maps.permute(0, 2, 3, 1))
        result: Tensor = self.dropout(self.merge(scanned * functional.gelu(gate)))
        return result


class _PixelScan(nn.Module):
    """Sum of scans over the pixels along rows, along columns, and both reversed.

    Shapes: `pixels` (n_windows, size, size, width); returns the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scans = SelectiveScan(width, _RANK, n_scans=4)
        self.norm = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        forth = torch.stack([pixels, pixels.transpose(1, 2)], dim=1).flatten(2, 3)
        scanned = self.scans(torch.cat([forth, forth.flip(2)], dim=1))
        both = scanned[:, :2] + scanned[:, 2:].flip(2)
        rows, columns = both.unflatten(2, pixels.shape[1:3]).unbind(dim=1)
        result: Tensor = self.norm(rows + columns.transpose(1, 2))
        return result


class _MapScan(nn.Module):
    """Sum of a scan over the feature maps and another one that runs backward if `is_reversed`.

    Shapes: `pixels` (n_windows, size, size, width); returns the same.
    """

    def __init__(self, n_pixels: int, *, is_reversed: bool) -> None:
        super().__init__()
        self.is_reversed = is_reversed
        self.scans = SelectiveScan(n_pixels, _RANK, n_scans=2)
        self.norm = nn.LayerNorm(n_pixels)

    def forward(self, pixels: Tensor) -> Tensor:
        maps = pixels.flatten(1, 2).transpose(1, 2)
        second = maps.flip(1) if self.is_reversed else maps
        scanned = self.scans(torch.stack([maps, second], dim=1))
        result: Tensor = self.norm(scanned[:, 0] + scanned[:, 1].flip(1))
        return result.transpose(1, 2).reshape(pixels.shape)
