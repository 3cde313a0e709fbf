"""Optional imports, device resolution and the one seeded scope of a fit."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import torch

_SCOPE = threading.RLock()


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

    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, TypeError) as error:
        message = (
            f"device={device!r} cannot be used on this machine ({str(error).splitlines()[0]}). "
            'Pass "auto" to take the best device there is, or "cpu".'
        )
        raise ParameterError(message) from error
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

    devices: list[Any] = [device] if device.type == "cuda" else []
    # The global generator is shared by all threads: they take turns.
    with _SCOPE, torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield torch.Generator(device=device).manual_seed(seed)


@contextmanager
def at_most_threads(count: int) -> Iterator[None]:
    """Run a block on no more CPU threads than `count`, and put the setting back.

    Threads that share small operations wait for each other after every one of them. On an idle
    machine that gains little; beside another busy process it costs many times the work itself.

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

    before = torch.get_num_threads()
    torch.set_num_threads(max(1, min(before, count)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
