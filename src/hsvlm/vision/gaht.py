"""A transformer over the pixels of a window, between convolutions of groups of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._blocks import TransformerBlock
from hsvlm.vision._parts import check_range, complete_groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["GAHT"]

_WIDTHS = (256, 128, 64)
_HEADS = (8, 4, 2)


class GAHT(nn.Module):
    """Group-aware hierarchical transformer.

    Three stages of 256, 128 and 64 maps: a 3 x 3 convolution that mixes the channels of one group
    only, batch normalization and ReLU, then transformer layers over the pixels. The mean over the
    pixels is the feature vector [1]_. There are neither positions nor a class token, and the
    products of the attention are not scaled, as in the publication's code. Groups are made of
    neighboring channels, so these should be bands (``n_components=None``).

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel. The last one is repeated until the groups divide
        them.
    window_size : int
        Side of the window in pixels; 7 in [1]_.
    n_groups : int, default=4
        Number of groups of channels, a divisor of 64. The publication's code has 2 for Pavia
        University and 16 for Salinas, and no setting for Indian Pines; 4 is that for HyRANK-Loukia,
        the scene with the most similar number of bands.
    depths : sequence of three int, default=(1, 2, 1)
        Number of transformer layers of the stages.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 64.

    Raises
    ------
    ParameterError
        If a size is below 1, the groups do not divide 64, or there are not three depths.

    References
    ----------
    .. [1] S. Mei, C. Song, M. Ma and F. Xu, "Hyperspectral image classification using group-aware
       hierarchical transformer", IEEE Transactions on Geoscience and Remote Sensing 60, 1-14, 2022,
       doi:10.1109/TGRS.2022.3207933.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.gaht import GAHT
    >>> encoder = GAHT(n_channels=103, window_size=7, n_groups=2).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    926528
    >>> encoder(torch.zeros(2, 7, 7, 103)).shape
    torch.Size([2, 64])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = 1

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        n_groups: int = 4,
        depths: Sequence[int] = (1, 2, 1),
    ) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        if n_groups < 1 or _WIDTHS[-1] % n_groups:
            raise ParameterError(
                f"n_groups={n_groups} does not divide 64, the number of maps of the last stage. "
                "Use 1, 2, 4, 8, 16, 32 or 64."
            )
        if len(depths) != len(_WIDTHS) or min(depths) < 1:
            raise ParameterError(
                f"depths={tuple(depths)} are not three numbers of layers. Use 1 or more for each "
                "stage, such as (1, 2, 1)."
            )
        self.n_features = _WIDTHS[-1]
        self.n_groups = n_groups
        n_inputs = (n_channels + -n_channels % n_groups, *_WIDTHS[:-1])
        self.stages = nn.Sequential(
            *(
                _Stage(*sizes, n_groups)
                for sizes in zip(n_inputs, _WIDTHS, _HEADS, depths, strict=True)
            )
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
        maps = complete_groups(windows, self.n_groups).permute(0, 3, 1, 2)
        features: Tensor = self.stages(maps).mean(dim=(2, 3))
        return features


class _Stage(nn.Module):
    """A grouped convolution and transformer layers over the pixels.

    Shapes: `maps` (n_windows, n_inputs, size, size); returns (n_windows, width, size, size).
    """

    def __init__(self, n_inputs: int, width: int, n_heads: int, depth: int, n_groups: int) -> None:
        super().__init__()
        self.maps = nn.Sequential(
            nn.Conv2d(n_inputs, width, 3, padding=1, groups=n_groups),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(
            *(TransformerBlock(width, n_heads, width, scale=1.0) for _ in range(depth))
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, maps: Tensor) -> Tensor:
        maps = self.maps(maps)
        pixels: Tensor = self.norm(self.blocks(maps.flatten(2).transpose(1, 2)))
        result: Tensor = pixels.transpose(1, 2).unflatten(2, maps.shape[2:])
        return result
