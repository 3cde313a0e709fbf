"""Cross-attention between the channels and between the pixels of two sources."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PromptMatrices"]


class PromptMatrices(nn.Module):
    r"""Join two sources of a window by prompt matrices, one of channels and one of pixels.

    For H of N pixels in C channels and a second source L of D channels, lifted to
    :math:`L' = L W_l`, C channels,

    .. math::
        P_{sp} = \operatorname{softmax}\big((H W_1)^\top (L' W_2) / \sqrt{N}\big), \quad
        P_{sa} = \operatorname{softmax}\big((L' W_3) (H W_4)^\top / \sqrt{C}\big), \\
        V = [H, L'] W_v, \quad F = [H + V P_{sp},\ L' + P_{sa} V].

    All products with a W add a bias. This is the part IS2PG of CF-IPT [1]_, reconstructed from
    public summaries: the two matrices, V and both sums are theirs. The axis along which rows sum to
    1, both square roots, the single head, the lift and the products of matrices, where the
    summaries print :math:`\odot`, are our reading. There are :math:`6 C^2 + 6 C + C D` parameters.

    Parameters
    ----------
    n_channels : int
        Number C of channels of the first source.
    n_further : int
        Number D of channels of the second source.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.prompt_matrices import PromptMatrices
    >>> join = PromptMatrices(n_channels=25, n_further=1)
    >>> sum(parameter.numel() for parameter in join.parameters())
    3925
    >>> spectra, heights = torch.zeros(2, 81, 25), torch.zeros(2, 81, 1)
    >>> join(spectra, heights).shape
    torch.Size([2, 81, 50])
    >>> [tuple(matrix.shape) for matrix in join.matrices(spectra, heights)]
    [(2, 25, 25), (2, 81, 81)]
    """

    def __init__(self, n_channels: int, n_further: int) -> None:
        super().__init__()
        self.lift = nn.Linear(n_further, n_channels)
        self.channel_query = nn.Linear(n_channels, n_channels)
        self.channel_key = nn.Linear(n_channels, n_channels)
        self.pixel_query = nn.Linear(n_channels, n_channels)
        self.pixel_key = nn.Linear(n_channels, n_channels)
        self.values = nn.Linear(2 * n_channels, n_channels)

    def forward(self, spectra: Tensor, further: Tensor) -> Tensor:
        """Join the sources of windows.

        Parameters
        ----------
        spectra : Tensor of shape (n_windows, n_pixels, n_channels), float32
            The first source.
        further : Tensor of shape (n_windows, n_pixels, n_further), float32
            The second source.

        Returns
        -------
        Tensor of shape (n_windows, n_pixels, 2 * n_channels)
            Both sources, each with what it takes from the other.
        """
        return self.join(spectra, further)[0]

    def join(self, spectra: Tensor, further: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Join the sources of windows, and return the matrices with them.

        Parameters
        ----------
        spectra : Tensor of shape (n_windows, n_pixels, n_channels), float32
            The first source.
        further : Tensor of shape (n_windows, n_pixels, n_further), float32
            The second source.

        Returns
        -------
        joined : Tensor of shape (n_windows, n_pixels, 2 * n_channels)
            Both sources, each with what it takes from the other.
        of_channels : Tensor of shape (n_windows, n_channels, n_channels)
            The spectral prompt matrix.
        of_pixels : Tensor of shape (n_windows, n_pixels, n_pixels)
            The spatial prompt matrix.
        """
        lifted = self.lift(further)
        of_channels, of_pixels = self._matrices(spectra, lifted)
        values = self.values(torch.cat([spectra, lifted], dim=2))
        joined = torch.cat([spectra + values @ of_channels, lifted + of_pixels @ values], dim=2)
        return joined, of_channels, of_pixels

    def matrices(self, spectra: Tensor, further: Tensor) -> tuple[Tensor, Tensor]:
        """Return the prompt matrices of windows; their rows sum to 1.

        Parameters
        ----------
        spectra : Tensor of shape (n_windows, n_pixels, n_channels), float32
            The first source.
        further : Tensor of shape (n_windows, n_pixels, n_further), float32
            The second source.

        Returns
        -------
        of_channels : Tensor of shape (n_windows, n_channels, n_channels)
            The spectral prompt matrix.
        of_pixels : Tensor of shape (n_windows, n_pixels, n_pixels)
            The spatial prompt matrix.
        """
        return self._matrices(spectra, self.lift(further))

    def _matrices(self, spectra: Tensor, lifted: Tensor) -> tuple[Tensor, Tensor]:
        n_pixels, n_channels = spectra.shape[1:]
        of_channels = self.channel_query(spectra).transpose(1, 2) @ self.channel_key(lifted)
        of_pixels = self.pixel_query(lifted) @ self.pixel_key(spectra).transpose(1, 2)
        return (
            (of_channels / math.sqrt(n_pixels)).softmax(dim=2),
            (of_pixels / math.sqrt(n_channels)).softmax(dim=2),
        )
