"""Cross-entropy of a linear head, which replaces the prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CrossEntropy"]


class CrossEntropy(nn.Module):
    r"""Cross-entropy of the outputs of a linear head, without prompts.

    With label smoothing [1]_, the target of a sample is not its class alone: a share is spread
    evenly over all classes, its own included. For K classes with probabilities :math:`p_k` and the
    true class y, the loss is

    .. math:: -(1 - s) \log p_y - \frac{s}{K} \sum_k \log p_k

    Weights of samples and classes multiply this loss as a whole.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        The share s, from 0 to below 1. It keeps probabilities away from 0 and 1.

    Raises
    ------
    ParameterError
        If the share lies outside [0, 1).

    References
    ----------
    .. [1] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception
       architecture for computer vision", CVPR 2016, section 7.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses.cross_entropy import CrossEntropy
    >>> outputs, targets = torch.tensor([[4.0, 0.0]]), torch.tensor([0])
    >>> CrossEntropy()(outputs, targets)
    tensor([0.0181])
    >>> CrossEntropy(label_smoothing=0.1)(outputs, targets)
    tensor([0.2181])
    """

    uses_text = False

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        if not 0 <= label_smoothing < 1:
            raise ParameterError(
                f"label_smoothing={label_smoothing} is not in [0, 1). Use 0 for labels "
                "as they are, or a small share such as 0.1."
            )
        self.label_smoothing: float = float(label_smoothing)

    def forward(self, similarities: Tensor, targets: Tensor) -> Tensor:
        """Return one loss per sample.

        Parameters
        ----------
        similarities : Tensor of shape (n_samples, n_classes), float32
            Outputs of the head.
        targets : Tensor of shape (n_samples,), int64
            Index of the true class.

        Returns
        -------
        Tensor of shape (n_samples,)
            The losses, neither weighted nor reduced.
        """
        return functional.cross_entropy(
            similarities, targets, reduction="none", label_smoothing=self.label_smoothing
        )
