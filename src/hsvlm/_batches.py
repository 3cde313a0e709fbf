"""Functions of windows, applied a batch at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from hsvlm._runtime import at_most_threads
from hsvlm.exceptions import DeviceMemoryError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hsvlm._windows import WindowSource

__all__ = ["in_batches", "is_out_of_memory", "threads_for"]

# A batch has to hold this many pixels before one more CPU thread is worth its waiting.
_PIXELS_PER_THREAD = 2**16


@torch.inference_mode()
def in_batches(
    function: Callable[[Tensor], Tensor], source: WindowSource, batch_size: int = 512
) -> Tensor:
    """Apply a function to every window of a source, a batch at a time.

    Where the device runs out of memory, the batch is halved and the work goes on.

    Parameters
    ----------
    function : callable
        Maps windows (n, size, size, n_channels) to a tensor (n, n_outputs).
    source : WindowSource
        The windows, at least one.
    batch_size : int, default=512
        Windows in memory at a time.

    Returns
    -------
    Tensor of shape (n_samples, n_outputs)
        In the order of the source.

    Raises
    ------
    DeviceMemoryError
        If the device has no memory for a single window.
    """
    every = torch.arange(len(source), device=source.table.device)
    outputs: list[Tensor] = []
    done = 0
    with threads_for(batch_size, source):
        while done < len(every):
            index = every[done : done + batch_size]
            if (values := _unless_too_large(function, source, index)) is not None:
                outputs.append(values)
                done += len(index)
                continue
            # Outside the handler: until it is left, the error keeps what the batch took up.
            batch_size = len(index) // 2
            torch.cuda.empty_cache()
    return torch.cat(outputs)


def _unless_too_large(
    function: Callable[[Tensor], Tensor], source: WindowSource, index: Tensor
) -> Tensor | None:
    try:
        return function(source.gather(index))
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        if len(index) < 2:
            message = (
                f"There is not enough memory on {index.device} for the prediction of a single "
                f"window of {source.size} x {source.size} pixels. Free memory, or predict on "
                'another device: clf.set_params(device="cpu").'
            )
            raise DeviceMemoryError(message) from error
        return None


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a device had too little memory.

    Parameters
    ----------
    error : RuntimeError
        From torch, whose devices have no common class for it.

    Returns
    -------
    bool
        True for CUDA, MPS and the CPU.
    """
    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in text
        or "can't allocate memory" in text
    )


def threads_for(batch_size: int, source: WindowSource) -> AbstractContextManager[None]:
    """Run a block on as many CPU threads as batches of windows are worth.

    Parameters
    ----------
    batch_size : int
        Windows in a batch.
    source : WindowSource
        The windows.

    Returns
    -------
    context manager
        As :func:`hsvlm._runtime.at_most_threads`.
    """
    return at_most_threads(batch_size * source.size**2 // _PIXELS_PER_THREAD)
