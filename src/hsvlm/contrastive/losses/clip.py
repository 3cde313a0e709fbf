"""The symmetric in-batch loss of CLIP."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hsvlm.contrastive.losses.text_diversity import TextCriterion

__all__ = ["Clip", "clip_loss"]


class Clip(TextCriterion):
    """Every sample against the prompts of the other samples of its batch, and the reverse."""

    within_batch = True

    def forward(
        self, similarities: Tensor, targets: Tensor, *, prototypes: Tensor | None = None
    ) -> Tensor:
        """Return one loss per sample."""
        return self.with_diversity(clip_loss(similarities, targets), prototypes)


def clip_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Symmetric in-batch contrastive loss of CLIP [1]_.

    Every sample is paired with the prompt of its class; the other prompts of the batch are its
    negatives, and the other samples are those of its prompt. Samples of one class share a prompt:
    the loss then spreads the target evenly over them.

    Parameters
    ----------
    logits : Tensor of shape (n_samples, n_classes)
        Scaled similarities.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.

    Returns
    -------
    Tensor of shape (n_samples,)
        Mean of the image-to-text and the text-to-image loss of every pair.

    References
    ----------
    .. [1] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses.clip import clip_loss
    >>> clip_loss(torch.zeros(2, 3), torch.tensor([0, 2]))
    tensor([0.6931, 0.6931])
    """
    pairs = logits[:, targets]
    diagonal = torch.arange(len(targets), device=targets.device)
    to_text = functional.cross_entropy(pairs, diagonal, reduction="none")
    to_image = functional.cross_entropy(pairs.T, diagonal, reduction="none")
    return (to_text + to_image) / 2
