"""Run parts of a batch in parallel threads, for networks too small to share an operation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hsvlm._system.threads import at_most_threads, inherit_thread_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# A batch has to hold this many pixels before one more CPU thread in an operation pays off.
_PIXELS_PER_THREAD = 2**16
# A half has to hold this many windows and pixels before splitting a batch pays off.
_WINDOWS_PER_PART = 16
_PIXELS_PER_HALF = 400
# More parts than cores are slower, and the number of parts must not depend on the machine: only
# batches whose parts are this large, enough work for many cores, are cut into more than two.
_PIXELS_PER_PART = 2**15
_MOST_PARTS = 8


class Threads:
    """Map a function over arguments, in threads where there is a pool."""

    # Operations of small networks are over before a second thread has joined in. Parts of a batch
    # get a thread each: these meet once per pass instead of once per operation, and a waiting
    # thread keeps no core busy. The parts do not depend on the number of threads, so that the
    # results do not either.

    def __init__(self, pool: ThreadPoolExecutor | None = None) -> None:
        self._pool = pool

    def map(self, function: Callable[..., Any], *arguments: Sequence[Any]) -> list[Any]:
        """Call a function with each of several arguments."""
        if self._pool is None:
            return [function(*items) for items in zip(*arguments, strict=True)]
        return list(self._pool.map(function, *arguments))


@contextmanager
def threads_for(n_parts: int, n_pixels: int) -> Iterator[Threads]:
    """Run a block on as many CPU threads as its work deserves."""
    n_threads = min(n_parts, torch.get_num_threads())
    with at_most_threads(1 if n_parts > 1 else n_pixels // _PIXELS_PER_THREAD):
        if n_threads < 2:
            yield Threads()
            return
        with ThreadPoolExecutor(n_threads, initializer=inherit_thread_limit) as pool:
            yield Threads(pool)


def is_divisible(model: Any) -> bool:
    """Tell whether a network may process parts of a batch in parallel."""
    on_cpu = next(model.parameters()).device.type == "cpu"
    return on_cpu and bool(getattr(model.encoder, "independent_windows", False))


def n_parts(n_windows: int, n_pixels: int) -> int:
    """Choose the number of parts of a batch."""
    if n_windows < 2 * _WINDOWS_PER_PART or n_pixels < 2 * _PIXELS_PER_HALF:
        return 1
    count = 2
    most = min(n_windows // _WINDOWS_PER_PART, n_pixels // _PIXELS_PER_PART, _MOST_PARTS)
    while 2 * count <= most:
        count *= 2
    return count


def backward_in_parts(
    module: nn.Module,
    parts: Sequence[Tensor],
    loss_of: Callable[[Tensor], Tensor],
    threads: Threads,
) -> tuple[Tensor, Tensor]:
    """Compute outputs, loss and gradients of a batch that is divided into parts.

    Shapes: a part (n_windows, size, size, n_channels); returns `outputs` (n_windows, n_outputs).
    """
    # The loss sees the outputs of the whole batch; only the passes through the network are split.
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    outputs = threads.map(module, parts)
    joined = torch.cat([output.detach() for output in outputs]).requires_grad_()
    loss = loss_of(joined)
    (gradient,) = torch.autograd.grad(loss, joined)

    def through_network(output: Tensor, part: Tensor) -> tuple[Tensor | None, ...]:
        return torch.autograd.grad(output, parameters, part, allow_unused=True)

    gradients = threads.map(through_network, outputs, gradient.split([len(p) for p in parts]))
    for parameter, first, *others in zip(parameters, *gradients, strict=True):
        # A parameter that the network does not use has no gradient in any part.
        for other in others if first is not None else []:
            first.add_(other)
        parameter.grad = first
    return joined.detach(), loss.detach()
