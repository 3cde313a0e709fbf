"""Cross-entropy of the true class against chosen negatives."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["contrastive_loss"]


def contrastive_loss(logits: Tensor, targets: Tensor, negatives: Tensor) -> Tensor:
    """Cross-entropy of the true class against chosen negatives (equation 6 of [1]_).

    Parameters
    ----------
    logits : Tensor of shape (n_samples, n_classes)
        Scaled similarities.
    targets : Tensor of shape (n_samples,), dtype int64
        Index of the true class.
    negatives : Tensor of shape (n_samples, n_classes), dtype bool
        The classes to contrast with; the true class is ignored if marked.

    Returns
    -------
    Tensor of shape (n_samples,)
        One loss per sample; 0 where a sample has no negative.

    References
    ----------
    .. [1] A. Chatterjee and S. Ghosh, arXiv:2509.22697, 2025.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses.contrastive import contrastive_loss
    >>> negatives = torch.tensor([[False, True, False]])
    >>> contrastive_loss(torch.zeros(1, 3), torch.tensor([0]), negatives)
    tensor([0.6931])
    """
    kept = negatives.scatter(1, targets[:, None], True)
    return functional.cross_entropy(
        logits.masked_fill(~kept, -torch.inf), targets, reduction="none"
    )
