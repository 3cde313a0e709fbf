"""Optional imports, device resolution, the one seeded scope of a fit, threads and forks."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    import torch

_SCOPE = threading.RLock()


class _Limits:
    """Limits on the threads of torch that are in force, in all threads of the process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.blocks: dict[object, int] = {}
        self.threads = threading.local()
        self.usual = 0  # what a new thread is given outside the blocks
        self.current = 0  # what it is given now


_LIMITS = _Limits()


def import_optional(module: str, extra: str) -> ModuleType:
    """Import an optional library.

    Parameters
    ----------
    module : str
        Dotted module name, for example ``"matplotlib.pyplot"``.
    extra : str
        The extra of hsvlm that installs it.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    MissingDependencyError
        If the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != library:
            raise
        message = (
            f"{library} is needed here and is not installed. "
            f'Install it with: pip install "hsvlm[{extra}]"'
        )
        raise MissingDependencyError(message, name=library) from error


def cache_folder(name: str) -> Path | None:
    """Find the folder for what can be computed or downloaded again.

    Parameters
    ----------
    name : str
        What is kept in it, for example ``"text"``.

    Returns
    -------
    Path or None
        A subfolder of the one that the environment variable HSVLM_CACHE_DIR names, or else of
        ``hsvlm`` in the user's cache folder. It need not exist. None for a user without a home.
    """
    if chosen := os.environ.get("HSVLM_CACHE_DIR"):
        return Path(chosen).expanduser() / name
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "hsvlm" / name


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn ``"auto"`` or a device name into a usable torch device.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"`` takes CUDA where there is one, then Apple's MPS, then the CPU.

    Returns
    -------
    torch.device
        A device that exists on this machine.

    Raises
    ------
    ParameterError
        If the name is no device, or the device is not available here.
    """
    import torch

    if isinstance(device, str) and device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ParameterError(
            f"device={device!r} cannot be used on this machine ({str(error).splitlines()[0]}).",
            'Pass "auto" to take the best device there is, or "cpu".',
            option_hint="Use auto, for the best device there is, or cpu.",
        ) from error
    return resolved


@contextmanager
def seeded_scope(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Run a block under its own random state and leave the global generators as they were.

    Parameters
    ----------
    seed : int
        Seed of everything drawn inside the block.
    device : torch.device
        Where the owned generator lives.

    Yields
    ------
    torch.Generator
        Generator for order, augmentation, masking and negatives. Code that can only draw from
        torch's global generator (parameter initialisation, dropout) is seeded as well; its state
        is restored afterwards.
    """
    import torch

    generator = torch.Generator(device=device).manual_seed(seed)
    # Not torch.manual_seed, which would also seed the devices that are not restored here.
    # The global generators are shared by all threads: they take turns.
    with _SCOPE, _restored(device):
        if device.type != "cpu":
            torch.get_device_module(device).set_rng_state(generator.get_state(), *_named(device))
        torch.default_generator.manual_seed(seed)
        yield generator


@contextmanager
def _restored(device: torch.device) -> Iterator[None]:
    import torch

    host = torch.get_rng_state()
    module = None if device.type == "cpu" else torch.get_device_module(device)
    state = None if module is None else module.get_rng_state(*_named(device))
    try:
        yield
    finally:
        torch.set_rng_state(host)
        if module is not None:
            module.set_rng_state(state, *_named(device))


def _named(device: torch.device) -> tuple[torch.device, ...]:
    return () if device.type == "mps" else (device,)  # of which there is only one


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Run a block on no more CPU threads than `count`, and put the setting back.

    Threads that share small operations wait for each other after every one of them. On an idle
    machine that gains little; beside another busy process it costs many times the work itself.

    torch keeps the number twice: for the thread at hand, and for the process, from which threads
    that are new to torch take theirs. Blocks may overlap in different threads: each has its own
    number, the process has the lowest, and has its former one again after the last of them.

    Parameters
    ----------
    count : int
        The most threads to use, at least 1; a lower setting of the process is respected.

    Yields
    ------
    None
        Nothing.
    """
    import torch

    count, block = max(1, count), object()
    _adopt_usual()
    before = torch.get_num_threads()
    try:
        _in_new_thread(_settle, block, count)
        if count < before:
            _set_own(count)
        yield
    finally:
        if count < before:
            _set_own(before)
        _in_new_thread(_settle, block, None)


def adopt_number() -> None:
    """Have a new thread take the number of the process, before it computes.

    A thread that has not asked for its number divides products of matrices by as many threads as
    there are cores, and rounds accordingly.
    """
    import torch

    # While other threads set theirs, the number of the process is not what it should be.
    with _LIMITS.lock:
        torch.get_num_threads()


def _set_own(number: int) -> None:
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
            _set_own(_LIMITS.usual)


def _in_new_thread(function: Callable[..., Any], *arguments: Any) -> None:
    # What torch sets in a thread holds for this thread and for the process, and for no other.
    worker = threading.Thread(target=function, args=arguments)
    with suppress(RuntimeError):  # no new threads while the interpreter shuts down
        worker.start()
        worker.join()


def _settle(block: object, limit: int | None) -> None:
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
    # may only use its own. Nor do the threads that held these locks.
    global _SCOPE, _LIMITS
    computed = _LIMITS.usual > 0
    _SCOPE, _LIMITS = threading.RLock(), _Limits()
    if computed:
        sys.modules["torch"].set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
