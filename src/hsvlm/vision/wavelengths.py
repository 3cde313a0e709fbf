"""An embedding of pixels that is told the wavelengths of their bands."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WavelengthEmbedding"]

_N_FREQUENCIES = 16
_HIDDEN = 64
# Most instruments lie in this range, in nanometers; other wavelengths are as good.
_FIRST_NM, _LAST_NM = 400.0, 2500.0
# Periods over that range, the fastest of 66 nm: neighboring bands get similar weights.
_SLOWEST, _FASTEST = 0.5, 32.0
# The sum of all shares. It does not depend on the number of bands, so that twice as many of them
# make the same token.
_GAIN = 64.0
_WIDEST_STEP = 2  # in median steps
# Shorter waves are X-rays: such numbers are micrometers.
_MIN_NM = 100.0


class WavelengthEmbedding(nn.Module):
    """Linear map from pixels to tokens whose weights are a learned function of the wavelength.

    The weights w of a band follow from its wavelength by a small network [1]_, and a token is an
    integral over the spectrum, ``bias + sum(q[b] * w(wavelengths_nm[b]) * x[b] for b in bands)``.
    The shares q of the bands are those of the trapezoidal rule, in which a step between bands
    counts as at most two median steps. Number and order of the bands are of no importance, and
    neither the weights nor their number depend on them: what was trained on the bands of one sensor
    can be used with those of another.

    Parameters
    ----------
    wavelengths_nm : sequence of float of length n_channels
        Band centers in nanometers, in any order.
    width : int
        Length of a token.
    patch_size : int, default=1
        Side of a patch in pixels; each pixel of a patch has weights of its own.

    Raises
    ------
    ParameterError
        If a wavelength is unknown (None, 0 or NaN), negative, infinite or in micrometers.

    References
    ----------
    .. [1] Z. Xiong et al., "Neural plasticity-inspired multimodal foundation model for Earth
       observation", arXiv:2403.15356, 2024. Their network is a transformer of 25 million
       parameters; this one is a perceptron.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.wavelengths import WavelengthEmbedding
    >>> embedding = WavelengthEmbedding([450, 550, 650, 850], width=64)
    >>> sum(parameter.numel() for parameter in embedding.parameters())
    10496
    >>> embedding(torch.zeros(2, 9, 4)).shape
    torch.Size([2, 9, 64])
    """

    def __init__(self, wavelengths_nm: Sequence[float], width: int, patch_size: int = 1) -> None:
        super().__init__()
        centers = check_wavelengths(wavelengths_nm)
        self.patch_size = patch_size
        self.to_weights = nn.Sequential(
            nn.Linear(2 * _N_FREQUENCIES, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.GELU(),
            nn.Linear(_HIDDEN, patch_size**2 * width),
        )
        self.bias = nn.Parameter(torch.zeros(width))
        # They follow from the wavelengths, and the weights have to fit other bands.
        self.waves: Tensor
        self.shares: Tensor
        self.register_buffer("waves", torch.tensor(_waves(centers)), persistent=False)
        self.register_buffer("shares", torch.tensor(_shares(centers)), persistent=False)

    def collapsed(self) -> Tensor:
        """Return the weights of the bands, with their shares.

        Returns
        -------
        Tensor of shape (n_channels, patch_size ** 2 * width)
            Band by band, the weights of the pixels of a patch, one after the other.
        """
        weights: Tensor = self.shares[:, None] * self.to_weights(self.waves)
        return weights

    def forward(self, values: Tensor) -> Tensor:
        """Embed patches.

        Parameters
        ----------
        values : Tensor of shape (..., patch_size ** 2 * n_channels)
            The spectra of the pixels of each patch, one after the other.

        Returns
        -------
        Tensor of shape (..., width)
            The tokens.
        """
        # Computed for every batch, which takes a few thousandths of the time of the layers: nothing
        # that is kept could be out of date.
        matrix = self.collapsed().unflatten(1, (self.patch_size**2, -1))
        return functional.linear(values, matrix.permute(2, 1, 0).flatten(1), self.bias)


def check_wavelengths(
    wavelengths_nm: Sequence[float], n_channels: int | None = None
) -> list[float]:
    """Return band centers in nanometers as numbers, one for each of `n_channels` if it is given."""
    try:
        values = list(wavelengths_nm)
        centers = [math.nan if value is None else float(value) for value in values]
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"wavelengths_nm={wavelengths_nm!r} is not a list of numbers. Give the band centers in "
            "nanometers."
        ) from error
    if n_channels is not None and len(centers) != n_channels:
        raise ParameterError(
            f"wavelengths_nm holds {len(centers)} values, the pixels have {n_channels} "
            "channels. Give the band center in nanometers of each channel; bands that were "
            "combined have none."
        )
    hint = (
        "Look them up in the documents of the instrument and state them, as in "
        "Scene(wavelengths_nm=...), or leave these bands out: scene.select_bands(...)."
    )
    unknown = [band for band, center in enumerate(centers) if not 0 < center < math.inf]
    if unknown:
        raise ParameterError(
            f"wavelengths_nm holds {values[unknown[0]]} for band {unknown[0]}: the "
            f"wavelengths of {len(unknown)} of {len(centers)} bands are not known. {hint}"
        )
    if centers and max(centers) < _MIN_NM:
        raise ParameterError(
            f"wavelengths_nm lie between {min(centers):g} and {max(centers):g}, which looks like "
            "micrometers. Multiply them by 1000."
        )
    short = [band for band, center in enumerate(centers) if center < _MIN_NM]
    if short:
        raise ParameterError(
            f"wavelengths_nm holds {centers[short[0]]:g} for band {short[0]} beside "
            f"{max(centers):g}: {len(short)} of {len(centers)} values are too small for "
            "nanometers, as micrometers and numbers of bands are. Give all of them in nanometers."
        )
    return centers


def _waves(centers: list[float]) -> list[list[float]]:
    """Return sines and cosines of the wavelengths; shape (n_bands, 2 * n_frequencies)."""
    ratio = (_FASTEST / _SLOWEST) ** (1 / (_N_FREQUENCIES - 1))
    turns = [2 * math.pi * _SLOWEST * ratio**number for number in range(_N_FREQUENCIES)]
    positions = [(center - _FIRST_NM) / (_LAST_NM - _FIRST_NM) for center in centers]
    return [
        [function(turn * position) for function in (math.sin, math.cos) for turn in turns]
        for position in positions
    ]


def _shares(centers: list[float]) -> list[float]:
    """Return the weights of the bands in the trapezoidal rule."""
    order = sorted(range(len(centers)), key=centers.__getitem__)
    steps = [centers[right] - centers[left] for left, right in pairwise(order)]
    # Bands beside a gap, as where water vapor absorbs, do not stand for what is missing.
    widest = _WIDEST_STEP * median(steps) if steps else 0.0
    shares = [0.0] * len(centers)
    for (left, right), step in zip(pairwise(order), steps, strict=True):
        shares[left] += min(step, widest) / 2
        shares[right] += min(step, widest) / 2
    total = sum(shares)
    if total == 0:  # a single band, or one wavelength for most
        shares, total = [1.0] * len(centers), float(len(centers))
    return [_GAIN * share / total for share in shares]
