"""3-D convolutions over the bands and the pixels of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import nn

from hsvlm.vision._parts import check_range, to_planes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CNN3D"]

_N_MAPS = (4, 8, 16)


class CNN3D(nn.Module):
    """Six 3-D convolutions, every second of which halves the number of channels.

    This is the network behind the row "3DCNN" of table 1 of [1]_: the row cites another one, but
    the number of its parameters is that of this network. Three times, a padded convolution with
    batch normalization and ReLU is followed by a convolution with stride 2 along the channels. It
    runs along neighboring channels, so these should be bands (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel.
    window_size : int
        Side of the window in pixels; 15 in [1]_.
    flatten : bool, default=False
        Take all values of the last maps as features, 90,000 for 200 bands and windows of 15 pixels,
        as in [1]_. By default these are their means over the pixels.

    Attributes
    ----------
    n_features : int
        Length of the feature vector: 16 times an eighth of `n_channels`, rounded up, and the number
        of pixels times that with `flatten`.

    Raises
    ------
    ParameterError
        If a size is below 1.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, "Learning hyperspectral images with curated text prompts for
       efficient multimodal alignment", arXiv:2509.22697, 2025, table 1.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.cnn3d import CNN3D
    >>> encoder = CNN3D(n_channels=200, window_size=15).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    13612
    >>> encoder(torch.zeros(2, 15, 15, 200)).shape
    torch.Size([2, 400])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(self, n_channels: int, window_size: int, *, flatten: bool = False) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        self.flatten = flatten
        layers, n_inputs, depth = [], 1, n_channels
        for n_maps in _N_MAPS:
            layers += [
                nn.Conv3d(n_inputs, n_maps, 3, padding=1),
                nn.BatchNorm3d(n_maps),
                nn.ReLU(),
                nn.Conv3d(n_maps, n_maps, 3, stride=(2, 1, 1), padding=1),
            ]
            n_inputs, depth = n_maps, -(-depth // 2)
        self.volumes = nn.Sequential(*layers)
        self.n_features = n_inputs * depth * (window_size**2 if flatten else 1)

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
        volumes: Tensor = self.volumes(to_planes(windows))
        if not self.flatten:
            volumes = volumes.mean(dim=(3, 4))
        return volumes.flatten(1)
