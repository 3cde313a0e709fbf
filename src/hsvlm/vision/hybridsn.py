"""3-D convolutions over the window and its channels, then a 2-D convolution."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import nn

from hsvlm.vision._parts import check_range, check_share, to_planes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HybridSN"]


class HybridSN(nn.Module):
    """Hybrid spectral network: three 3-D convolutions, a 2-D convolution and two linear layers.

    The convolutions have 8, 16, 32 and 64 maps, are 3 pixels wide and unpadded, and the 3-D ones
    reach over 7, 5 and 3 channels; the linear layers have 256 and 128 units. ReLU follows
    everywhere, and there is no normalization [1]_. With 30 components and windows of 25 pixels it
    has the 5,122,176 parameters of the publication, but for the 2,064 of the last layer.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands or components) of a pixel, at least 13; 15 or 30 whitened
        components in [1]_.
    window_size : int
        Side of the window in pixels, at least 9; 25 in [1]_. The first linear layer grows with its
        square.
    dropout : float, default=0.4
        Share of units of the linear layers that are zeroed in training.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 128.
    independent_windows : bool
        Whether parts of a batch may be encoded side by side: True without dropout.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small, or the dropout lies outside [0, 1).

    References
    ----------
    .. [1] S. K. Roy, G. Krishna, S. R. Dubey and B. B. Chaudhuri, "HybridSN: Exploring 3-D-2-D CNN
       feature hierarchy for hyperspectral image classification", IEEE Geoscience and Remote Sensing
       Letters 17(2), 277-281, 2020, doi:10.1109/LGRS.2019.2918719.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.hybridsn import HybridSN
    >>> encoder = HybridSN(n_channels=30, window_size=25).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    5120112
    >>> encoder(torch.zeros(2, 25, 25, 30)).shape
    torch.Size([2, 128])
    """

    MIN_WINDOW: ClassVar[int] = 9
    MIN_CHANNELS: ClassVar[int] = 13

    def __init__(self, n_channels: int, window_size: int, *, dropout: float = 0.4) -> None:
        super().__init__()
        check_range(
            self,
            n_channels,
            window_size,
            window_needs="whose four unpadded 3x3 convolutions need",
            channels_need="whose three unpadded 3-D convolutions need",
        )
        check_share("dropout", dropout)
        self.n_features = 128
        self.independent_windows = dropout == 0
        self.volumes = nn.Sequential(
            nn.Conv3d(1, 8, (7, 3, 3)),
            nn.ReLU(),
            nn.Conv3d(8, 16, (5, 3, 3)),
            nn.ReLU(),
            nn.Conv3d(16, 32, 3),
            nn.ReLU(),
        )
        self.maps = nn.Sequential(nn.Conv2d(32 * (n_channels - 12), 64, 3), nn.ReLU())
        self.units = nn.Sequential(
            nn.Linear(64 * (window_size - 8) ** 2, 256),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(256, self.n_features),
            nn.ReLU(),
            nn.Dropout(dropout),
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
            else:
                nn.init.zeros_(parameter)

    def forward(self, windows: Tensor) -> Tensor:
        """Encode windows.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, n_features)
            One feature vector per window, not normalized and not negative.
        """
        maps = self.maps(self.volumes(to_planes(windows)).flatten(1, 2))
        features: Tensor = self.units(maps.flatten(1))
        return features
