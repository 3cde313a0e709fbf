"""Batches of windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from hsvlm._system.devices import is_out_of_memory
from hsvlm._system.parallel import n_parts, threads_for
from hsvlm.exceptions import DeviceMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hsvlm._inputs.windows import WindowSource

__all__ = ["Batch", "in_batches", "split_batches"]

# Of a batch with so many pixels, what is computed on the way stays in the cache of a core.
_CACHED_PIXELS = 2**15


class Batch(NamedTuple):
    """Windows of a training step, with class indices and weights.

    Shapes: `windows` (n_windows, size, size, n_channels), `targets` and `weights` (n_windows,).
    """

    windows: Tensor
    targets: Tensor
    weights: Tensor

    def parts(self) -> tuple[Tensor, ...]:
        """Divide the windows into those that pass through a network side by side."""
        count = n_parts(len(self.windows), self.windows[..., 0].numel())
        return self.windows.tensor_split(count)

    def mean(self, losses: Tensor) -> Tensor:
        """Return the weighted mean of losses of the windows, of shape ()."""
        return (self.weights * losses).mean()


def split_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Divide the windows of an epoch into batches; a last one of one window joins its neighbor.

    Shape: `order` (n_windows,).
    """
    # Batch normalization has no variance in a single window, and in-batch losses no negatives.
    batches = list(order.split(batch_size))
    if batch_size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def in_batches(
    function: Callable[[Tensor], Tensor],
    source: WindowSource,
    batch_size: int = 512,
    *,
    divisible: bool = False,
) -> Tensor:
    """Apply a function to every window of a source, a batch at a time.

    Shape: (n_samples, n_outputs).
    """
    # If the device runs out of memory, the batch is halved.
    n_pixels = source.size**2
    if divisible:
        batch_size = max(1, min(batch_size, _CACHED_PIXELS // n_pixels))
    every = torch.arange(len(source), device=source.table.device).split(batch_size)
    with threads_for(len(every) if divisible else 1, batch_size * n_pixels) as threads:
        return torch.cat(threads.map(lambda index: _applied(function, source, index), every))


@torch.inference_mode()
def _applied(function: Callable[[Tensor], Tensor], source: WindowSource, index: Tensor) -> Tensor:
    try:
        return function(source.gather(index))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if len(index) < 2:
            raise DeviceMemoryError(
                f"There is not enough memory on {index.device} for the prediction of a single "
                f"window of {source.size} x {source.size} pixels.",
                'Free memory, or predict on another device: clf.set_params(device="cpu").',
                option_hint="Free memory, or predict on another device: --device cpu.",
            ) from error
    # Outside the handler: until it is left, the error keeps what the batch took up.
    torch.cuda.empty_cache()
    return torch.cat([_applied(function, source, half) for half in index.tensor_split(2)])
