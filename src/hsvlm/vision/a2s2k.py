"""Residual 3-D convolutions whose first kernel is selected for each window."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.vision._parts import check_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["A2S2K"]

_N_MAPS = 24


class A2S2K(nn.Module):
    """Attention-based adaptive spectral-spatial kernel residual network.

    Two convolutions, of single pixels and of 3 x 3, both 7 channels long, are mixed with weights
    that follow from the window; two residual units along the channels and two over the pixels
    follow, each with an attention over its maps. The means over the pixels are the feature vector
    [1]_. Channels have to be bands (``n_components=None``), or all components as in [1]_.

    The publication's code computes both weights by the same layer, so that they are always one
    half, and its attention filters have six weights each that nothing reaches. Here each kernel has
    a layer of its own, as the text of [1]_ describes. The mean is over all pixels, as in the code
    for windows of 7 pixels.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel, at least 7.
    window_size : int
        Side of the window in pixels, at least 3; 9 in [1]_.
    shared_selection : bool, default=False
        Compute both weights by one layer, as in the publication's code: 370,336 parameters for 200
        bands, beside 24 that nothing reaches there.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 24: few for many classes.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small.

    References
    ----------
    .. [1] S. K. Roy, S. Manna, T. Song and L. Bruzzone, "Attention-based adaptive spectral-spatial
       kernel ResNet for hyperspectral image classification", IEEE Transactions on Geoscience and
       Remote Sensing 59(9), 7831-7843, 2021, doi:10.1109/TGRS.2020.3043267.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.a2s2k import A2S2K
    >>> encoder = A2S2K(n_channels=200, window_size=9).eval()
    >>> encoder(torch.zeros(2, 9, 9, 200)).shape
    torch.Size([2, 24])
    """

    MIN_WINDOW: ClassVar[int] = 3
    MIN_CHANNELS: ClassVar[int] = 7

    def __init__(
        self, n_channels: int, window_size: int, *, shared_selection: bool = False
    ) -> None:
        super().__init__()
        check_range(
            self,
            n_channels,
            window_size,
            window_needs="whose unpadded 3x3 convolution needs",
            channels_need="whose unpadded 3-D convolutions need",
        )
        self.n_features = _N_MAPS
        n_hidden, depth, n_mixed = n_channels // 2, -(-(n_channels - 6) // 2), 128
        self.pixel = _unit(1, _N_MAPS, (1, 1, 7), stride=(1, 1, 2))
        self.around = _unit(1, _N_MAPS, (3, 3, 7), stride=(1, 1, 2), padding=(1, 1, 0))
        self.squeeze = nn.Sequential(nn.Linear(_N_MAPS, n_hidden), nn.ReLU())
        weigh = [nn.Linear(n_hidden, _N_MAPS) for _ in range(1 if shared_selection else 2)]
        self.weigh = nn.ModuleList(weigh)
        along: tuple[int, int, int] = (1, 1, 7)
        self.spectral = nn.Sequential(_Residual(along, is_first=True), _Residual(along))
        self.mix = _unit(_N_MAPS, n_mixed, (1, 1, depth))
        self.merge = _unit(1, _N_MAPS, (3, 3, n_mixed))
        over: tuple[int, int, int] = (3, 3, 1)
        self.spatial = nn.Sequential(_Residual(over), _Residual(over, is_last=True))

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
        volumes = windows.unsqueeze(1)
        both = torch.stack([self.pixel(volumes), self.around(volumes)], dim=1)
        hidden = self.squeeze(both.sum(dim=1).mean(dim=(2, 3, 4)))
        # One layer serves both kernels if there is only one.
        scores = [self.weigh[0](hidden), self.weigh[-1](hidden)]
        weights = torch.stack(scores, dim=1).softmax(dim=1)
        volumes = (both * weights[..., None, None, None]).sum(dim=1)
        # Maps become the channels of the next convolution.
        mixed = self.mix(self.spectral(volumes)).permute(0, 4, 2, 3, 1)
        features: Tensor = self.spatial(self.merge(mixed)).mean(dim=(2, 3, 4))
        return features


def _unit(
    n_inputs: int,
    n_maps: int,
    kernel: tuple[int, int, int],
    *,
    stride: tuple[int, int, int] = (1, 1, 1),
    padding: tuple[int, int, int] = (0, 0, 0),
) -> nn.Sequential:
    convolution = nn.Conv3d(n_inputs, n_maps, kernel, stride=stride, padding=padding)
    return nn.Sequential(convolution, nn.BatchNorm3d(n_maps, eps=1e-3), nn.ReLU())


class _Residual(nn.Module):
    """Two convolutions and an attention over maps, beside a shortcut.

    Shapes: `volumes` (n_windows, 24, size, size, depth); returns the same.
    """

    def __init__(
        self, kernel: tuple[int, int, int], *, is_first: bool = False, is_last: bool = False
    ) -> None:
        super().__init__()
        padding = kernel[0] // 2, kernel[1] // 2, kernel[2] // 2
        first, second = (nn.Conv3d(_N_MAPS, _N_MAPS, kernel, padding=padding) for _ in "12")
        norms = [nn.BatchNorm3d(_N_MAPS) for _ in range(3 if is_last else 2)]
        middle = [first, nn.ReLU(), norms[0], nn.ReLU(), second]
        layers = [*middle, norms[1]] if is_first else [norms[1], nn.ReLU(), *middle]
        self.layers = nn.Sequential(*layers)
        # A filter of three maps: Q. Wang et al., "ECA-Net", CVPR 2020.
        self.attention = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.after = nn.Sequential(norms[2], nn.ReLU()) if is_last else nn.Identity()

    def forward(self, volumes: Tensor) -> Tensor:
        branch = self.layers(volumes)
        means = branch.mean(dim=(2, 3, 4))
        weights = self.attention(means.unsqueeze(1)).squeeze(1).sigmoid()
        result: Tensor = self.after(branch * weights[..., None, None, None] + volumes)
        return result
