"""The encoder of SpectralGPT on averages over the bands of Sentinel-2."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar, Literal

import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision._parts import check_range
from hsvlm.vision.spectralgpt import SpectralGPT
from hsvlm.vision.wavelengths import check_wavelengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["SentinelSpectralGPT"]

# Center and width in nanometers of the bands of Sentinel-2A, in the order of the pre-training,
# which leaves out B10. Source: ESA, "Sentinel-2 spectral response functions".
_SENTINEL_2 = {
    "B1": (442.7, 20.0),
    "B2": (492.7, 65.0),
    "B3": (559.8, 35.0),
    "B4": (664.6, 30.0),
    "B5": (704.1, 14.0),
    "B6": (740.5, 14.0),
    "B7": (782.8, 19.0),
    "B8": (832.8, 105.0),
    "B8A": (864.7, 21.0),
    "B9": (945.1, 19.0),
    "B11": (1613.7, 90.0),
    "B12": (2202.4, 174.0),
}


class SentinelSpectralGPT(SpectralGPT):
    """Encoder of SpectralGPT whose 12 channels are averages over the bands of Sentinel-2.

    It is :class:`~hsvlm.vision.spectralgpt.SpectralGPT` [1]_ on the channels that its published
    weights were trained on, so that each token holds the bands that it held there; principal
    components, which that encoder sees in a classifier, mean something else. A channel is the mean
    of the bands that lie within a band of Sentinel-2A, or, where none does, the linear
    interpolation between the two bands beside its center. No weight belongs to a band of the
    sensor, so that weights can be used with other sensors.

    Parameters
    ----------
    n_channels : int
        Number of bands of a pixel.
    window_size : int
        Side of the window in pixels.
    wavelengths_nm : sequence of float of length n_channels
        Band centers in nanometers, in any order, from 443 nm or less to 2202 nm or more. A
        classifier takes them from the data.
    width : int, default=768
        Length of a token.
    depth : int, default=12
        Number of layers.
    n_heads : int, default=12
        Number of attention heads; must divide `width`.
    mlp_width : int or None, default=None
        Hidden length of the feed-forward part of a layer; None is four times `width`.
    image_size : int, default=32
        Side of the resized window, a multiple of 8.
    norm_eps : float, default=1e-6
        Added to the variance by which a token is normalized.
    pooling : {"mean", "spectralgpt"}, default="mean"
        As in :class:`~hsvlm.vision.spectralgpt.SpectralGPT`.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, equal to `width`.
    independent_windows : bool
        True: parts of a batch may be encoded side by side.

    Raises
    ------
    ParameterError
        If the number of wavelengths is not `n_channels`, a wavelength is unknown, channels of
        Sentinel-2 lie beyond the bands, the image size does not consist of whole cubes, a size is
        below 1, the heads do not divide the width, or `pooling` is unknown.

    References
    ----------
    .. [1] D. Hong et al., "SpectralGPT: spectral remote sensing foundation model", IEEE TPAMI 46,
       2024.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.sentinel_spectralgpt import SentinelSpectralGPT
    >>> wavelengths_nm = range(400, 2500, 10)
    >>> encoder = SentinelSpectralGPT(
    ...     210, 9, wavelengths_nm=wavelengths_nm, width=24, depth=2, n_heads=2
    ... )
    >>> windows = torch.tensor(wavelengths_nm).expand(1, 9, 9, 210).float()
    >>> encoder.to_channels(windows)[0, 0, 0, [1, 11]].tolist()
    [495.0, 2200.0]
    """

    MIN_CHANNELS: ClassVar[int] = 2

    averaging: Tensor

    def __init__(
        self,
        n_channels: int,
        window_size: int,
        *,
        wavelengths_nm: Sequence[float],
        width: int = 768,
        depth: int = 12,
        n_heads: int = 12,
        mlp_width: int | None = None,
        image_size: int = 32,
        norm_eps: float = 1e-6,
        pooling: Literal["mean", "spectralgpt"] = "mean",
    ) -> None:
        check_range(self, n_channels, window_size)
        matrix = _averaging(check_wavelengths(wavelengths_nm, n_channels))
        super().__init__(
            len(_SENTINEL_2),
            window_size,
            width=width,
            depth=depth,
            n_heads=n_heads,
            mlp_width=mlp_width,
            image_size=image_size,
            norm_eps=norm_eps,
            pooling=pooling,
        )
        # It follows from the wavelengths, and the weights have to fit other bands.
        self.register_buffer("averaging", torch.tensor(matrix), persistent=False)

    def to_channels(self, windows: Tensor) -> Tensor:
        """Average the bands of pixels within those of Sentinel-2.

        Parameters
        ----------
        windows : Tensor of shape (n_windows, window_size, window_size, n_channels), float32
            The pixels.

        Returns
        -------
        Tensor of shape (n_windows, window_size, window_size, 12)
            B1 to B8, B8A, B9, B11 and B12.
        """
        return windows @ self.averaging


def _averaging(centers: list[float]) -> list[list[float]]:
    """Return the weights of the bands in each channel; shape (n_bands, 12)."""
    first, last = min(centers), max(centers)
    outside = [
        name
        for name, (center, width) in _SENTINEL_2.items()
        if not first <= center <= last and not _inside(centers, center, width)
    ]
    if outside:
        raise ParameterError(
            f"The bands lie between {first:g} and {last:g} nm, beyond which are {len(outside)} of "
            f"the {len(_SENTINEL_2)} channels of Sentinel-2: {', '.join(outside)}.",
            'Use vision_encoder="spectralgpt" with principal components (n_components=12).',
        )
    columns = [_weights(centers, center, width) for center, width in _SENTINEL_2.values()]
    return [list(row) for row in zip(*columns, strict=True)]


def _inside(centers: list[float], center: float, width: float) -> list[int]:
    """Return the bands that lie within a channel."""
    return [band for band, each in enumerate(centers) if abs(each - center) <= width / 2]


def _weights(centers: list[float], center: float, width: float) -> list[float]:
    """Return the weights of the bands in one channel."""
    inside = _inside(centers, center, width)
    if inside:
        return [float(band in inside) / len(inside) for band in range(len(centers))]
    order = sorted(range(len(centers)), key=centers.__getitem__)
    below, above = next(
        (left, right) for left, right in pairwise(order) if centers[left] < center < centers[right]
    )
    share = (center - centers[below]) / (centers[above] - centers[below])
    weights = [0.0] * len(centers)
    weights[below], weights[above] = 1 - share, share
    return weights
