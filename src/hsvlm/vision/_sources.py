"""Groups of channels that come from different sources."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

__all__ = ["FurtherSources", "check_sources"]


def check_sources(sources: Any, n_channels: int) -> dict[str, int]:
    """Return the number of channels of each source, which add up to all channels."""
    if sources is None:
        return {"spectra": n_channels}
    if not isinstance(sources, Mapping) or not sources or not _are_sizes(sources.values()):
        raise ParameterError(
            f"sources={sources!r} is not a mapping from names to numbers of channels. Use one such "
            'as {"spectra": 25, "lidar": 1}, in the order of the channels.'
        )
    total = sum(sources.values())
    if total != n_channels:
        raise ParameterError(
            f"sources={dict(sources)} has {total} channels, the pixels have {n_channels}. State "
            "the number of channels of every source, or pass data whose sources are known: "
            "Scene(cube, labels, auxiliary={...})."
        )
    return {str(name): int(size) for name, size in sources.items()}


def _are_sizes(sizes: Iterable[Any]) -> bool:
    return all(
        not isinstance(size, bool) and isinstance(size, Integral) and int(size) >= 1
        for size in sizes
    )


class FurtherSources(nn.Module):
    """Standardize sources beside the spectra; leave out some of them at random in training.

    Shapes: `pixels` (n_windows, n_pixels, n_channels); returns the same.
    """

    sizes: Tensor

    def __init__(self, sizes: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.register_buffer("sizes", torch.tensor(sizes), persistent=False)
        # Weights of its own would do what the linear layer after it does.
        self.norm = nn.BatchNorm1d(sum(sizes), affine=False)

    def start_from(self, pixels: Tensor) -> None:
        """Let the running statistics start as those of training windows."""
        deviation, mean = torch.std_mean(pixels.flatten(0, -2), dim=0, correction=0)
        self.norm.running_mean.copy_(mean)  # type: ignore[union-attr]
        self.norm.running_var.copy_(deviation.square())  # type: ignore[union-attr]

    def forward(self, pixels: Tensor) -> Tensor:
        result: Tensor = self.norm(pixels.transpose(1, 2)).transpose(1, 2)
        if self.training and self.dropout > 0:
            shape = len(pixels), len(self.sizes)
            is_kept = torch.rand(shape, device=pixels.device) >= self.dropout
            result = result * is_kept.repeat_interleave(self.sizes, dim=1)[:, None]
        return result
