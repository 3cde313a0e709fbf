"""Prompts of one encoder from those of another, guided by prompt matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision._mamba import MambaLayer
from hsvlm.vision._parts import averaging_matrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PromptTransform"]


class PromptTransform(nn.Module):
    r"""Turn prompts of one encoder into prompts of another one.

    Prompts, which are learned tokens, are normalized and brought to r numbers. The first half a of
    them is mixed along the prompts and the second half b along the numbers, by the matrices of
    :class:`~hsvlm.vision.prompt_matrices.PromptMatrices`, brought to fitting sizes by averages over
    cells, so that rows sum to 1:

    .. math:: x + [\operatorname{pool}(P_{sa})\, a,\ b \operatorname{pool}(P_{sp})]

    A layer of Mamba [2]_ with a residual runs along the prompts, and a linear layer ends it. It is
    the part S2GPT of CF-IPT [1]_, reconstructed from public summaries, which say that prompts are
    split along their channels, that the spatial matrix projects one part and the spectral one the
    other, and that Mamba follows. The pooling, r, the normalization and both linear layers are our
    reading.

    Parameters
    ----------
    n_inputs : int
        Length of the prompts of the one encoder.
    n_outputs : int
        Length of the prompts of the other one.
    rank : int, default=64
        The number r, even.

    Raises
    ------
    ParameterError
        If the rank is odd or below 2.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.
    .. [2] A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces",
       2023, arXiv:2312.00752.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.prompt_transforms import PromptTransform
    >>> to_text = PromptTransform(n_inputs=768, n_outputs=512)
    >>> sum(parameter.numel() for parameter in to_text.parameters())
    116672
    >>> of_channels, of_pixels = torch.ones(2, 25, 25) / 25, torch.ones(2, 81, 81) / 81
    >>> to_text(torch.zeros(1, 4, 768), of_channels, of_pixels).shape
    torch.Size([2, 4, 512])
    """

    def __init__(self, n_inputs: int, n_outputs: int, rank: int = 64) -> None:
        super().__init__()
        if rank < 2 or rank % 2:
            raise ParameterError(f"rank={rank} is not an even number of 2 or more, such as 64.")
        self.norm = nn.LayerNorm(n_inputs)
        self.reduce = nn.Linear(n_inputs, rank)
        self.mamba = MambaLayer(rank)
        self.expand = nn.Linear(rank, n_outputs)

    def forward(self, prompts: Tensor, of_channels: Tensor, of_pixels: Tensor) -> Tensor:
        """Transform prompts.

        Parameters
        ----------
        prompts : Tensor of shape (n_windows, n_prompts, n_inputs), float32
            The prompts; with n_windows = 1, they are the same for all windows.
        of_channels : Tensor of shape (n_windows, n_channels, n_channels), float32
            The spectral prompt matrices; with n_windows = 1, the same for all.
        of_pixels : Tensor of shape (n_windows, n_pixels, n_pixels), float32
            The spatial prompt matrices; with n_windows = 1, the same for all.

        Returns
        -------
        Tensor of shape (n_windows, n_prompts, n_outputs)
            Prompts of the other encoder.
        """
        reduced = self.reduce(self.norm(prompts))
        along_prompts, along_numbers = reduced.chunk(2, dim=2)
        spatial = _pool(of_pixels, prompts.shape[1]) @ along_prompts
        spectral = along_numbers @ _pool(of_channels, along_numbers.shape[2])
        guided = reduced + torch.cat([spatial, spectral], dim=2)
        result: Tensor = self.expand(guided + self.mamba(guided))
        return result


def _pool(matrices: Tensor, size: int) -> Tensor:
    """Bring matrices to `size` rows and columns, rows of which sum to 1."""
    # A product, since the adaptive pooling of torch has no deterministic gradient on CUDA.
    cells = averaging_matrix(matrices.shape[2], size).to(matrices)
    pooled = cells @ matrices @ cells.T
    return pooled / pooled.sum(dim=2, keepdim=True)
