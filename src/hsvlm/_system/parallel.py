"""Parts of a batch side by side in threads, for networks too small to share an operation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hsvlm._system.threads import at_most_threads, inherit_thread_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Threads", "backward_in_parts", "is_divisible", "n_parts", "threads_for"]

# A batch has to hold this many pixels before one more CPU thread in an operation is worth its
# waiting.
_PIXELS_PER_THREAD = 2**16
# A half has to hold this many windows and pixels before dividing a batch is worth the meeting.
_WINDOWS_PER_PART = 16
_PIXELS_PER_HALF = 400
# More parts than cores take longer than as many, and how many there are must not depend on the
# machine: more than two are for batches whose parts are this large, the work of many cores.
_PIXELS_PER_PART = 2**15
_MOST_PARTS = 8


class Threads:
    """Calls of a function side by side."""

    # Operations of small networks are over before a second thread has joined in. Parts of a batch
    # are worth a thread each: they meet once per pass instead of once per operation, and a thread
    # that waits keeps no core busy. How a batch is divided does not depend on the number of
    # threads, so that results do not either.

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool

    def map(self, function: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
        """Call a function with each of several arguments."""
        if self._pool is None:
            return [function(*one) for one in zip(*arguments, strict=True)]
        return list(self._pool.map(function, *arguments))


@contextmanager
def threads_for(n_parts: int, n_pixels: int) -> Iterator[Threads]:
    """Run a block on as many CPU threads as its work is worth."""
    n_threads = min(n_parts, torch.get_num_threads())
    with at_most_threads(1 if n_parts > 1 else n_pixels // _PIXELS_PER_THREAD):
        if n_threads < 2:
            yield Threads()
            return
        with ThreadPoolExecutor(n_threads, initializer=inherit_thread_limit) as pool:
            yield Threads(pool)


def is_divisible(model: Any) -> bool:
    """Tell whether parts of a batch may go through a network side by side."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    return on_cpu and bool(getattr(model.encoder, "independent_windows", False))


def n_parts(n_windows: int, n_pixels: int) -> int:
    """Choose how many parts a batch is divided into."""
    if n_windows < 2 * _WINDOWS_PER_PART or n_pixels < 2 * _PIXELS_PER_HALF:
        return 1
    count = 2
    most = min(n_windows // _WINDOWS_PER_PART, n_pixels // _PIXELS_PER_PART, _MOST_PARTS)
    while 2 * count <= most:
        count *= 2
    return count


def backward_in_parts(
    module: nn.Module,
    windows: Tensor,
    loss_of: Callable[[Tensor], Tensor],
    threads: Threads,
) -> tuple[Tensor, Tensor]:
    """Compute outputs, loss and gradients of a batch, part by part.

    Shapes: `windows` (n_windows, size, size, n_channels); returns `outputs` (n_windows, n_outputs).
    """
    # The loss sees the outputs of the whole batch; only the passes through the network are divided.
    parts = windows.tensor_split(n_parts(len(windows), windows[..., 0].numel()))
    parameters = [one for one in module.parameters() if one.requires_grad]
    outputs = threads.map(module, parts)
    joined = torch.cat([one.detach() for one in outputs]).requires_grad_()
    loss = loss_of(joined)
    (gradient,) = torch.autograd.grad(loss, joined)

    def through_network(output: Tensor, part: Tensor) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(output, parameters, part, allow_unused=True)

    sizes = [len(one) for one in parts]
    gradients = threads.map(through_network, outputs, gradient.split(sizes))
    for parameter, first, *others in zip(parameters, *gradients, strict=True):
        # A parameter that the network does not use has no gradient in any part.
        for share in others if first is not None else []:
            first.add_(share)
        parameter.grad = first
    return joined.detach(), loss.detach()
