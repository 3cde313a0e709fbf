"""Convolutions that adapt to the window, then mixing of pixels along rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hsvlm.vision._parts import check_range, init_narrow, to_planes
from hsvlm.vision._pyramid import MixBlock, Pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["HiT"]

_N_KERNELS = 4
# The softmax of the mixture is flattened by this divisor.
_TEMPERATURE = 4


class HiT(nn.Module):
    """Hyperspectral image transformer.

    Two 3-D convolutions of 4 and 8 maps reduce the channels to a quarter and the side to half; each
    window has its own mixture of their kernels, and each channel a gate. Then come two stages of
    residual blocks with a convolution of stride 2 between them. A block mixes each pixel with its
    neighbors in the row, with those in the column, and its channels with each other, and adds the
    three up with weights that follow from the window; it has no attention. The mean over the pixels
    is the feature vector [1]_.

    With 200 bands and windows of 15 pixels it is the network whose cost the comparison in [2]_
    states for "HiT", without its last layer. That size is made for a GPU; `depths` and `width` make
    it smaller. Neighboring channels are convolved, so these should be bands
    (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel, at least 1.
    window_size : int
        Side of the window in pixels, at least 3; 15 in [2]_.
    depths : sequence of two int, default=(7, 17)
        Number of blocks of the stages.
    width : int, default=512
        Number of maps of the second stage, a multiple of 8.
    drop_path : float, default=0.1
        Share of windows for which the last block is skipped in training; earlier blocks are skipped
        less often, the first one never.
    as_published : bool, default=False
        Whether the last maps are read as pixels in the order of memory, as by the public code,
        which mixes up channels and positions.

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
    .. [1] X. Yang, W. Cao, Y. Lu and Y. Zhou, "Hyperspectral image transformer classification
       networks", IEEE Transactions on Geoscience and Remote Sensing 60, 2022,
       doi:10.1109/TGRS.2022.3171551.
    .. [2] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025, table 1.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.hit import HiT
    >>> encoder = HiT(n_channels=20, window_size=7, depths=(1, 2), width=64).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    106007
    >>> encoder(torch.zeros(2, 7, 7, 20)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 3
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        depths: Sequence[int] = (7, 17),
        width: int = 512,
        drop_path: float = 0.1,
        as_published: bool = False,
    ) -> None:
        super().__init__()
        check_range(
            self, n_channels, window_size, window_needs="which halves the side twice and needs"
        )
        self.n_features = width
        self.as_published = as_published
        self.volumes = nn.Sequential(
            _AdaptiveConvolution(1, 4, (2, 2, 2)), _AdaptiveConvolution(4, 8, (2, 1, 1))
        )
        self.pyramid = Pyramid(
            lambda width, _, rate: MixBlock(width, _DirectionMixer(width), rate),
            -(-window_size // 2),
            (8 * -(-n_channels // 4), width),
            depths,
            drop_path,
        )
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
        maps = self.pyramid(self.volumes(to_planes(windows)).flatten(1, 2))
        pixels = maps.movedim(1, 3)
        if self.as_published:
            pixels = maps.reshape(pixels.shape)
        features: Tensor = self.norm(pixels).mean(dim=(1, 2))
        return features


class _AdaptiveConvolution(nn.Module):
    """3-D convolution with a kernel mixed for each window and an input gated for each channel.

    Shapes: `volumes` (n_windows, n_inputs, n_channels, size, size); returns (n_windows, n_maps,
    ...), each axis divided by its stride.
    """

    # It has no layer for 3-D convolutions that would tell, and computes them.
    convolves_volumes: ClassVar[bool] = True

    def __init__(self, n_inputs: int, n_maps: int, stride: tuple[int, int, int]) -> None:
        super().__init__()
        hidden = 4 * n_inputs
        self.stride = stride
        # Of unit deviation whatever the number of inputs, as published; the pyramid normalizes.
        self.kernels = nn.Parameter(torch.randn(_N_KERNELS, n_maps, n_inputs, 3, 3, 3))
        self.mixture = nn.Sequential(
            nn.Linear(n_inputs, hidden + 1, bias=False),
            nn.ReLU(),
            nn.Linear(hidden + 1, _N_KERNELS, bias=False),
        )
        last = nn.Conv1d(hidden, n_inputs, 1, bias=False)
        nn.init.zeros_(last.weight)
        self.gate = nn.Sequential(
            nn.Conv1d(n_inputs, hidden, 3, padding=1),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            last,
            nn.Sigmoid(),
        )

    def forward(self, volumes: Tensor) -> Tensor:
        spectra = volumes.mean(dim=(3, 4))
        shares = (self.mixture(spectra.mean(dim=2)) / _TEMPERATURE).softmax(dim=1)
        kernels = (shares @ self.kernels.flatten(1)).view(-1, *self.kernels.shape[2:])
        gated = volumes * self.gate(spectra)[..., None, None]
        # Each window is a group of channels, since it has kernels of its own.
        together = gated.flatten(0, 1).unsqueeze(0)
        maps: Tensor = functional.conv3d(
            together, kernels, stride=self.stride, padding=1, groups=len(volumes)
        )
        result: Tensor = maps.unflatten(1, (len(volumes), -1))[0]
        return result


class _DirectionMixer(nn.Module):
    """Weighted sum of mixtures along rows, along columns and within pixels, and a linear layer.

    Shapes: `pixels` (n_windows, side, side, width); returns the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        along_rows = nn.Conv2d(width, width, (1, 3), padding=(0, 1), groups=width, bias=False)
        along_columns = nn.Conv2d(width, width, (3, 1), padding=(1, 0), groups=width, bias=False)
        within = nn.Conv2d(width, width, 1, bias=False)
        self.mixtures = nn.ModuleList([along_rows, along_columns, within])
        self.weighting = nn.Sequential(
            nn.Linear(width, width // 4), nn.GELU(), nn.Linear(width // 4, 3 * width)
        )
        self.linear = nn.Linear(width, width)

    def forward(self, pixels: Tensor) -> Tensor:
        maps = pixels.movedim(3, 1)
        mixed = [mixture(maps) for mixture in self.mixtures]
        scores = self.weighting(sum(mixed).mean(dim=(2, 3)))
        weights = scores.view(len(maps), -1, 3, 1, 1).softmax(dim=2).unbind(dim=2)
        total = sum(part * weight for part, weight in zip(mixed, weights, strict=True))
        result: Tensor = self.linear(total.movedim(1, 3))
        return result
