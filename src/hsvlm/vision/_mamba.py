"""The layer of Mamba: a gated selective scan behind a short convolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from hsvlm.vision._scan import SelectiveScan

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MambaLayer"]

# A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces", 2023,
# arXiv:2312.00752, figure 3, with the sizes that are usual.
_EXPANSION, _N_STATES, _REACH, _WIDTH_PER_RANK = 2, 16, 4, 16


class MambaLayer(nn.Module):
    """Selective scan along a sequence, in plain torch: time grows with the length.

    Shapes: `sequences` (n_sequences, length, width); returns the same.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = _EXPANSION * width
        self.split = nn.Linear(width, 2 * inner, bias=False)
        self.convolution = nn.Conv1d(inner, inner, _REACH, groups=inner)
        self.scan = SelectiveScan(inner, math.ceil(width / _WIDTH_PER_RANK), n_states=_N_STATES)
        self.merge = nn.Linear(inner, width, bias=False)

    def forward(self, sequences: Tensor) -> Tensor:
        values, gate = self.split(sequences).chunk(2, dim=2)
        earlier = functional.pad(values.transpose(1, 2), (_REACH - 1, 0))
        values = functional.silu(self.convolution(earlier)).transpose(1, 2)
        scanned = self.scan(values.unsqueeze(1)).squeeze(1)
        result: Tensor = self.merge(scanned * functional.silu(gate))
        return result
