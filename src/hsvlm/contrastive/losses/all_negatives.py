"""The loss against all wrong classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.negatives import all_negatives

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AllNegatives"]


class AllNegatives(nn.Module):
    """Every sample against all wrong classes."""

    def forward(self, similarities: Tensor, targets: Tensor) -> Tensor:
        """Return one loss per sample."""
        return contrastive_loss(similarities, targets, all_negatives(similarities, targets))
