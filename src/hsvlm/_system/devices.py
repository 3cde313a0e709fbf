"""Devices of torch: which one to use, its memory, and the seeded scope of a fit."""

from __future__ import annotations

import os
import secrets
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

__all__ = ["is_out_of_memory", "resolve_device", "seed_of", "seeded_scope"]


_SCOPE = threading.RLock()


def resolve_device(device: str | torch.device) -> torch.device:
    """Turn ``"auto"`` or a device name into a usable torch device."""
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
    """Run a block under its own random state and leave the global generators as they were."""
    import torch

    generator = torch.Generator(device=device).manual_seed(seed)
    # Not torch.manual_seed, which would also seed the devices that are not restored here.
    # The global generators are shared by all threads: they take turns.
    with _SCOPE, _restored(device):
        if device.type != "cpu":
            torch.get_device_module(device).set_rng_state(
                generator.get_state(), *_device_args(device)
            )
        torch.default_generator.manual_seed(seed)
        yield generator


@contextmanager
def _restored(device: torch.device) -> Iterator[None]:
    import torch

    host = torch.get_rng_state()
    module = None if device.type == "cpu" else torch.get_device_module(device)
    state = None if module is None else module.get_rng_state(*_device_args(device))
    try:
        yield
    finally:
        torch.set_rng_state(host)
        if module is not None:
            module.set_rng_state(state, *_device_args(device))


def _device_args(device: torch.device) -> tuple[torch.device, ...]:
    return () if device.type == "mps" else (device,)  # of which there is only one


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a device had too little memory."""
    import torch

    text = str(error)
    return (
        isinstance(error, torch.OutOfMemoryError)
        or "out of memory" in text
        or "can't allocate memory" in text
    )


def seed_of(random_state: Any) -> int:
    """Draw one seed from `random_state`."""
    # None must not draw from NumPy's global generator, which is somebody else's.
    if random_state is None:
        return secrets.randbelow(2**31)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def _after_fork() -> None:
    # The thread that held the lock does not live on in a forked process.
    global _SCOPE  # noqa: PLW0603
    _SCOPE = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
