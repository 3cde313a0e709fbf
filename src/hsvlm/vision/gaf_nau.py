"""A U-Net on the angular fields of a spectrum, with gates between its levels."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import nn
from torch.nn import functional

from hsvlm.vision._parts import center_spectra, check_patch, check_range

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GAFNAU", "angular_fields"]

_WIDTHS = (16, 32, 64, 128)
_LARGEST_SIDE = 64
# Three poolings halve the side, so it has to be a multiple of this.
_SIDE_STEP = 8


class GAFNAU(nn.Module):
    """Gramian angular fields of a spectrum in a U-Net with gated skip connections.

    The mean spectrum in the middle of the window is brought to at most 64 means of neighboring
    bands and turned into two images, see :func:`angular_fields`. A U-Net [2]_ of four levels, 16
    to 128 maps wide, reads them. Each skip connection is multiplied by a gate between 0 and 1 that
    depends on the maps of its own level and of both neighboring levels. The features are the means
    of the last maps and of those of the deepest level.

    It has the ingredients that the abstract of [1]_ names: one spectrum, angular fields, and a
    U-Net whose neighborhood attention suppresses irrelevant features. All sizes and the form of the
    attention are choices of hsvlm, so results are not those of [1]_. Channels have to be in
    spectral order (``n_components=None``). A spectrum of 64 or more bands takes 170.8 million
    multiply-adds, 2,000 times as many as in ``"mlp"``.

    Parameters
    ----------
    n_channels : int
        Number of channels (bands) of a pixel, at least 8.
    window_size : int
        Side of the window in pixels.
    patch_size : int
        Side, in pixels, of the square in the middle of the window that is averaged; 1 is the pixel
        alone, and the whole window is the largest.

    Attributes
    ----------
    n_features : int
        Length of the feature vector, 144.

    Raises
    ------
    ParameterError
        If the window or the number of channels is too small.

    References
    ----------
    .. [1] S. Paheding, A. A. Reyes, A. Kasaragod and T. Oommen, "GAF-NAU: Gramian angular field
       encoded neighborhood attention U-Net for pixel-wise hyperspectral image classification",
       CVPR Workshops, 2022, 409-417, arXiv:2204.10099.
    .. [2] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for biomedical
       image segmentation", MICCAI 2015, arXiv:1505.04597.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.gaf_nau import GAFNAU
    >>> encoder = GAFNAU(n_channels=200, window_size=1, patch_size=1).eval()
    >>> sum(parameter.numel() for parameter in encoder.parameters())
    497299
    >>> encoder(torch.zeros(2, 1, 1, 200)).shape
    torch.Size([2, 144])
    """

    MIN_WINDOW: ClassVar[int] = 1
    MIN_CHANNELS: ClassVar[int] = _SIDE_STEP

    def __init__(self, n_channels: int, window_size: int, patch_size: int) -> None:
        super().__init__()
        check_range(self, n_channels, window_size)
        check_patch(patch_size)
        self.n_features = _WIDTHS[0] + _WIDTHS[-1]
        self.patch_size = patch_size
        self.n_means = min(n_channels, _LARGEST_SIDE) // _SIDE_STEP * _SIDE_STEP
        pairs = list(pairwise(_WIDTHS))
        self.encoder = nn.ModuleList(
            _convolutions(n_inputs, width) for n_inputs, width in ((2, _WIDTHS[0]), *pairs)
        )
        self.gates = nn.ModuleList(
            _Gate(width, coarser, finer)
            for (width, coarser), finer in zip(pairs, (0, *_WIDTHS), strict=False)
        )
        self.decoder = nn.ModuleList(
            _convolutions(width + coarser, width) for width, coarser in pairs
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
            One feature vector per window, not normalized to unit length.
        """
        spectra = center_spectra(windows, self.patch_size)
        maps = angular_fields(functional.adaptive_avg_pool1d(spectra, self.n_means))
        levels: list[Tensor] = []
        for convolutions in self.encoder:
            maps = convolutions(functional.max_pool2d(maps, 2) if levels else maps)
            levels.append(maps)
        for level in reversed(range(len(self.gates))):
            finer = levels[level - 1] if level else None
            gate = self.gates[level](levels[level], levels[level + 1], finer)
            maps = self.decoder[level](torch.cat([levels[level] * gate, _enlarge(maps)], dim=1))
        return torch.cat([maps.mean(dim=(2, 3)), levels[-1].mean(dim=(2, 3))], dim=1)


def angular_fields(spectra: Tensor) -> Tensor:
    """Return the Gramian angular summation field and difference field of spectra.

    Each spectrum is brought to the range from -1 to 1 and read as cosines of angles a; the fields
    are cos(a_i + a_j) and sin(a_i - a_j) for all pairs of bands [1]_. A spectrum in which all
    values are equal is taken as zeros.

    Parameters
    ----------
    spectra : Tensor of shape (n_spectra, n_bands), float32
        The spectra, in any unit.

    Returns
    -------
    Tensor of shape (n_spectra, 2, n_bands, n_bands), float32
        The summation field and the difference field.

    References
    ----------
    .. [1] Z. Wang and T. Oates, "Imaging time-series to improve classification and imputation",
       IJCAI 2015, arXiv:1506.00327.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.gaf_nau import angular_fields
    >>> angular_fields(torch.tensor([[3.0, 4.0, 5.0]]))[0].round().int().tolist()
    [[[1, 0, -1], [0, -1, 0], [-1, 0, 1]], [[0, 1, 0], [-1, 0, 1], [0, -1, 0]]]
    """
    least = spectra.amin(dim=1, keepdim=True)
    spread = spectra.amax(dim=1, keepdim=True) - least
    is_flat = spread < 1e-12
    cosine = (2 * (spectra - least) / spread.masked_fill(is_flat, 1) - 1).masked_fill(is_flat, 0)
    # The slope of the root is infinite at 0.
    sine = (1 - cosine.square()).clamp_min(1e-12).sqrt()
    rows, columns = (cosine[:, :, None], sine[:, :, None]), (cosine[:, None], sine[:, None])
    summation = rows[0] * columns[0] - rows[1] * columns[1]
    difference = rows[1] * columns[0] - rows[0] * columns[1]
    return torch.stack([summation, difference], dim=1)


class _Gate(nn.Module):
    """One factor in (0, 1) per position of a level, from it and the levels next to it.

    Shapes: (n, width, side, side), the coarser one half and the finer one twice as wide and high;
    returns (n, 1, side, side).
    """

    def __init__(self, width: int, coarser: int, finer: int) -> None:
        super().__init__()
        hidden = width // 2
        self.same = nn.Conv2d(width, hidden, 1)
        self.coarser = nn.Conv2d(coarser, hidden, 1, bias=False)
        self.finer = nn.Conv2d(finer, hidden, 1, bias=False) if finer else None
        self.score = nn.Conv2d(hidden, 1, 1)

    def forward(self, same: Tensor, coarser: Tensor, finer: Tensor | None) -> Tensor:
        hidden = self.same(same) + _enlarge(self.coarser(coarser))
        if self.finer is not None and finer is not None:
            hidden = hidden + functional.max_pool2d(self.finer(finer), 2)
        gate: Tensor = self.score(hidden.relu()).sigmoid()
        return gate


def _enlarge(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0)


def _convolutions(n_inputs: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n_maps in (n_inputs, width):
        layers += [nn.Conv2d(n_maps, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)]
        layers += [nn.ReLU()]
    return nn.Sequential(*layers)
