"""Encoders of a spectrum: the mean of the pixels in the middle of a window."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn

from hsvlm.vision._parts import center_spectra, check_patch, check_range, check_share

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PixelMLP", "SpectralCNN"]


class PixelMLP(nn.Module):
    """Fully connected network on the mean spectrum in the middle of a window.

    Two layers with GELU, of 256 and 128 units. It sees nothing but the spectrum, and is a baseline
    that networks for windows have to exceed on test pixels far from the training pixels.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side, in pixels, of the square in the middle of the window that is averaged; 1 is the pixel
        alone, and the whole window is the largest.
    dropout : float, default=0.2
        Share of the 256 hidden units that are zeroed in training.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 128.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True without dropout.

    Raises
    ------
    ParameterError
        If a size is below 1, or the dropout lies outside [0, 1).

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.pixel import PixelMLP
    >>> encoder = PixelMLP(n_channels=200, window_size=1, patch_size=1)
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    84352
    >>> encoder(torch.zeros(2, 1, 1, 200)).shape
    torch.Size([2, 128])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self, n_channels: int, window_size: int, patch_size: int, *, dropout: float = 0.2
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size)
        check_share("dropout", dropout)
        self.n_features = 128
        self.independent_windows = dropout == 0
        self.patch_size = patch_size
        self.layers = nn.Sequential(
            nn.Linear(n_channels, 256),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(256, self.n_features),
            nn.GELU(),
        )

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
        features: Tensor = self.layers(center_spectra(windows, self.patch_size))
        return features


class SpectralCNN(nn.Module):
    """1-D convolutional network along the mean spectrum in the middle of a window.

    One convolution of 20 maps along the bands, max pooling, tanh, and a layer of 100 units with
    tanh [1]_. The kernel covers a ninth of the bands and the pooling a fifth of the kernel, both
    rounded up: 23 and 5 at 200 bands. It needs channels in spectral order
    (``n_components=None``); principal components have no neighbors.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side, in pixels, of the square in the middle of the window that is averaged; 1 is the pixel
        alone, and the whole window is the largest.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 100.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True.

    Raises
    ------
    ParameterError
        If a size is below 1.

    References
    ----------
    .. [1] W. Hu, Y. Huang, L. Wei, F. Zhang and H. Li, "Deep convolutional neural networks for
       hyperspectral image classification", Journal of Sensors 2015, 258619,
       doi:10.1155/2015/258619.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.pixel import SpectralCNN
    >>> encoder = SpectralCNN(n_channels=200, window_size=1, patch_size=1)
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    70580
    >>> encoder(torch.zeros(2, 1, 1, 200)).shape
    torch.Size([2, 100])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(self, n_channels: int, window_size: int, patch_size: int) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size)
        self.n_features = 100
        self.independent_windows = True
        self.patch_size = patch_size
        kernel_size = math.ceil(n_channels / 9)
        pool_size = math.ceil(kernel_size / 5)
        n_maps = 20
        length = (n_channels - kernel_size + 1) // pool_size
        self.convolution = nn.Conv1d(1, n_maps, kernel_size)
        self.pool = nn.MaxPool1d(pool_size)
        self.linear = nn.Linear(n_maps * length, self.n_features)
        for name, parameter in self.named_parameters():
            is_bias = name.endswith("bias")
            nn.init.zeros_(parameter) if is_bias else nn.init.uniform_(parameter, -0.05, 0.05)

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized, between -1 and 1.
        """
        spectra = center_spectra(windows, self.patch_size)
        maps = torch.tanh(self.pool(self.convolution(spectra.unsqueeze(1))))
        return torch.tanh(self.linear(maps.flatten(1)))
