"""Limits on the CPU threads of torch, and what a fork leaves of them."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Limits:
    """Limits on the threads of torch that are in force, in all threads of the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: dict[object, int] = {}
        self.threads = threading.local()
        self.usual = 0  # what a new thread is given outside the blocks
        self.current = 0  # what it is given now


_LIMITS = _Limits()


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Run a block on no more CPU threads than `count`, and put the setting back."""
    # Threads that share small operations wait for each other after every one of them. On an idle
    # machine that gains little; beside another busy process it costs many times the work itself.
    # torch keeps the number twice: for the thread at hand, and for the process, from which threads
    # that are new to torch take theirs. Blocks may overlap in different threads: each has its own
    # number, the process has the lowest, and has its former one again after the last of them.
    import torch

    count, block = max(1, count), object()
    _adopt_usual()
    before = torch.get_num_threads()
    try:
        _in_new_thread(_apply_limits, block, count)
        if count < before:
            _set_thread_limit(count)
        yield
    finally:
        if count < before:
            _set_thread_limit(before)
        _in_new_thread(_apply_limits, block, None)


def inherit_thread_limit() -> None:
    """Have a new thread take the number of the process, before it computes."""
    # A thread that has not asked for its number divides products of matrices by as many threads as
    # there are cores, and rounds accordingly.
    import torch

    # While other threads set theirs, the number of the process is not what it should be.
    with _LIMITS.lock:
        torch.get_num_threads()


def _set_thread_limit(number: int) -> None:
    # Not OpenMP's number alone, which products of matrices do not follow. torch's function sets
    # that of the process as well, which is put back before anybody can take it for a user's.
    import torch

    found: list[int] = []
    with _LIMITS.lock:
        _in_new_thread(lambda: found.append(torch.get_num_threads()))
        torch.set_num_threads(number)
        for one in found:
            _in_new_thread(torch.set_num_threads, one)


def _adopt_usual() -> None:
    """Undo that this thread first used torch while blocks of other threads held its number down."""
    import torch

    if not hasattr(_LIMITS.threads, "known"):
        _LIMITS.threads.known = True
        if torch.get_num_threads() == _LIMITS.current < _LIMITS.usual:
            _set_thread_limit(_LIMITS.usual)


def _in_new_thread(function: Callable[..., Any], *arguments: Any) -> None:
    # What torch sets in a thread holds for this thread and for the process, and for no other.
    worker = threading.Thread(target=function, args=arguments)
    with suppress(RuntimeError):  # no new threads while the interpreter shuts down
        worker.start()
        worker.join()


def _apply_limits(block: object, limit: int | None) -> None:
    import torch

    with _LIMITS.lock:
        if limit is None:
            _LIMITS.blocks.pop(block, None)
        else:
            _LIMITS.blocks[block] = limit
        found = torch.get_num_threads()
        if found != _LIMITS.current:  # set by somebody else since
            _LIMITS.usual = found
        _LIMITS.current = min([_LIMITS.usual, *_LIMITS.blocks.values()])
        if found != _LIMITS.current:
            torch.set_num_threads(_LIMITS.current)


def _after_fork() -> None:
    # The threads of OpenMP do not live on in a forked process, which waits for them forever: it
    # may only use its own. Nor does the thread that held this lock.
    global _LIMITS  # noqa: PLW0603
    computed = _LIMITS.usual > 0
    _LIMITS = _Limits()
    if computed:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
