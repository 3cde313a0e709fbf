"""The loss against hard and semi-hard negatives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm.contrastive.losses.contrastive import contrastive_loss
from hsvlm.contrastive.losses.text_diversity import TextCriterion
from hsvlm.contrastive.negatives import select_negatives
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["HardSemiHard"]


class HardSemiHard(TextCriterion):
    """Every sample against its most similar wrong classes and a draw from the others."""

    def __init__(self, n_hard: int = 4, n_semi_hard: int = 4, text_diversity: float = 0.0) -> None:
        super().__init__(text_diversity)
        if n_hard + n_semi_hard == 0:
            raise ParameterError(
                "n_hard=0 and n_semi_hard=0 leave nothing to contrast with. Raise one of them, or "
                'use criterion="all-negatives".'
            )
        self._counts = n_hard, n_semi_hard

    def forward(
        self,
        similarities: Tensor,
        targets: Tensor,
        *,
        prototypes: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return one loss per sample."""
        negatives = select_negatives(similarities, targets, *self._counts, generator)
        return self.with_diversity(contrastive_loss(similarities, targets, negatives), prototypes)
