"""The loss against all wrong classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.losses.text_diversity import TextCriterion
from hsvlm.contrastive.negatives import all_negatives

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["AllNegatives"]


class AllNegatives(TextCriterion):
    """Every sample against all wrong classes."""

    def forward(
        self, similarities: Tensor, targets: Tensor, *, prototypes: Tensor | None = None
    ) -> Tensor:
        """Return one loss per sample."""
        negatives = all_negatives(similarities, targets)
        return self.with_diversity(contrastive_loss(similarities, targets, negatives), prototypes)
