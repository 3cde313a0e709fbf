"""Limit the CPU threads of torch."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _Limits:
    """Thread limits in force, across all threads of the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: dict[object, int] = {}
        self.threads = threading.local()
        self.usual = 0  # the number a new thread gets outside the blocks
        self.current = 0  # the number it gets now


_LIMITS = _Limits()


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Run a block on at most `count` CPU threads and restore the setting."""
    # Threads that share small operations wait for each other after every one of them. On an idle
    # machine that gains little; next to another busy process it costs many times the work itself.
    # torch keeps the number twice: for the current thread, and for the process, from which threads
    # that are new to torch take theirs. Blocks may overlap in different threads: each has its own
    # number, the process has the lowest, and regains its former one after the last of them.
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
    """Make a new thread take the thread number of the process, before it computes."""
    # A thread that has not asked for its number splits matrix products over as many threads as
    # there are cores, and rounds accordingly.
    import torch

    # While other threads set theirs, the number of the process is temporarily wrong.
    with _LIMITS.lock:
        torch.get_num_threads()


def _set_thread_limit(number: int) -> None:
    # Not OpenMP's number alone, which matrix products ignore. torch's function also sets that of
    # the process, which is restored before it can be mistaken for the user's.
    import torch

    process_numbers: list[int] = []
    with _LIMITS.lock:
        _in_new_thread(lambda: process_numbers.append(torch.get_num_threads()))
        torch.set_num_threads(number)
        for process_number in process_numbers:
            _in_new_thread(torch.set_num_threads, process_number)


def _adopt_usual() -> None:
    """Correct the number of a thread that first used torch inside blocks of other threads."""
    import torch

    if not hasattr(_LIMITS.threads, "known"):
        _LIMITS.threads.known = True
        if torch.get_num_threads() == _LIMITS.current < _LIMITS.usual:
            _set_thread_limit(_LIMITS.usual)


def _in_new_thread(function: Callable[..., Any], *arguments: Any) -> None:
    # torch's setting in a thread holds for this thread and the process, and for no other thread.
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
        number = torch.get_num_threads()
        if number != _LIMITS.current:  # changed by the user since
            _LIMITS.usual = number
        _LIMITS.current = min([_LIMITS.usual, *_LIMITS.blocks.values()])
        if number != _LIMITS.current:
            torch.set_num_threads(_LIMITS.current)


def _after_fork() -> None:
    # OpenMP's threads do not exist in a forked process, which would wait for them forever, so it
    # may only use its own. Neither does the thread that held this lock.
    global _LIMITS  # noqa: PLW0603
    computed = _LIMITS.usual > 0
    _LIMITS = _Limits()
    if computed:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
