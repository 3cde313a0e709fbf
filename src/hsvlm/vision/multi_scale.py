"""Convolutions of several sizes over weighted feature maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import nn

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["MultiScaleFusion"]

_KERNELS = (1, 3, 5)


class MultiScaleFusion(nn.Module):
    r"""Weigh feature maps, and add convolutions of three sizes to them.

    For W maps F with the mean z and the maximum m of each map over the pixels,

    .. math::
        \tilde F = F \odot \sigma(g(z) + g(m)), \quad
        \sum_{k \in \{1, 3, 5\}} \operatorname{conv}_{k \times k}(\tilde F) + F,

    the part AMFF of CF-IPT [1]_, reconstructed from public summaries. The function g, which is two
    linear layers with ReLU between them and max(4, W / 8) hidden units, the zero padding and the
    biases are our reading, and so is that a dense convolution reads all maps.

    Parameters
    ----------
    n_maps : int
        Number W of feature maps.
    convolutions : {"dense", "depthwise"}, default="dense"
        Whether a convolution reads all maps, or each map by itself, at 1 / W of the time.

    Raises
    ------
    ParameterError
        If `convolutions` is neither.

    References
    ----------
    .. [1] Ji, Qu, Dong and Li, "CF-IPT: Cross-modal fusion interactive prompt tuning of
       vision-language pre-trained model for multisource remote sensing data classification", CVPR
       2026, pp. 23021-23030.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision.multi_scale import MultiScaleFusion
    >>> fusion = MultiScaleFusion(n_maps=50)
    >>> sum(parameter.numel() for parameter in fusion.parameters())
    88306
    >>> fusion(torch.zeros(2, 50, 9, 9)).shape
    torch.Size([2, 50, 9, 9])
    """

    def __init__(self, n_maps: int, convolutions: Literal["dense", "depthwise"] = "dense") -> None:
        super().__init__()
        if convolutions not in ("dense", "depthwise"):
            raise ParameterError(
                f'convolutions={convolutions!r} is unknown. Use "dense" or "depthwise".'
            )
        n_groups = 1 if convolutions == "dense" else n_maps
        n_hidden = max(4, n_maps // 8)
        self.weigh = nn.Sequential(
            nn.Linear(n_maps, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_maps)
        )
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_maps, n_maps, size, padding=size // 2, groups=n_groups) for size in _KERNELS
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Fuse feature maps.

        Parameters
        ----------
        maps : Tensor of shape (n_windows, n_maps, size, size), float32
            The feature maps.

        Returns
        -------
        Tensor of the same shape
            The fused ones.
        """
        pixels = maps.flatten(2)
        weights = self.weigh(pixels.mean(dim=2)) + self.weigh(pixels.max(dim=2).values)
        weighted = maps * weights.sigmoid()[:, :, None, None]
        result = maps
        for convolution in self.convolutions:
            result = result + convolution(weighted)
        return result
