"""A plain 2-D convolutional network over the window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from torch import nn

from hsvlm.vision._parts import check_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CNN2D"]


class CNN2D(nn.Module):
    """2-D convolutional network with batch normalization.

    A 1 x 1 convolution of 64 maps mixes the channels; convolutions of 128 and 256 maps see 3 x 3
    pixels. Each is followed by batch normalization, a leaky ReLU and max pooling to half the side;
    then come a linear layer of 1024 units and batch normalization. With 200 bands and windows of
    15 pixels it is the network whose cost the comparison in [1]_ states for "2DCNN", without its
    last layer. (That row cites [2]_, a deeper network for windows of 64 pixels.)

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel.
    window_size : int
        Side of the window in pixels.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 1024.

    Raises
    ------
    ParameterError
        If a size is below 1.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025, table 1.
    .. [2] V. Sharma, A. Diba, T. Tuytelaars and L. Van Gool, "Hyperspectral CNN for image
       classification & band selection, with application to face recognition", technical report
       KUL/ESAT/PSI/1604, KU Leuven, 2016.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.cnn2d import CNN2D
    >>> encoder = CNN2D(n_channels=200, window_size=15).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    2745152
    >>> encoder(torch.zeros(2, 15, 15, 200)).shape
    torch.Size([2, 1024])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(self, n_channels: int, window_size: int) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        self.n_features = 1024
        layers, side = [], window_size
        for n_inputs, n_maps, kernel_size in ((n_channels, 64, 1), (64, 128, 3), (128, 256, 3)):
            convolution = nn.Conv2d(n_inputs, n_maps, kernel_size, padding=kernel_size // 2)
            nn.init.normal_(convolution.weight, std=math.sqrt(2 / (kernel_size**2 * n_maps)))
            layers += [convolution, nn.BatchNorm2d(n_maps), nn.LeakyReLU(0.01)]
            layers += [nn.MaxPool2d(2, stride=2, padding=1)]
            side = side // 2 + 1
        self.maps = nn.Sequential(*layers)
        self.linear = nn.Linear(256 * side**2, self.n_features)
        self.norm = nn.BatchNorm1d(self.n_features)

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
        maps = self.maps(windows.permute(0, 3, 1, 2))
        features: Tensor = self.norm(self.linear(maps.flatten(1)))
        return features
