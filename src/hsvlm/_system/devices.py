"""Choose a torch device and run code under a random state of its own."""

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
            'Pass "auto" to take the best available device, or "cpu".',
            option_hint="Use auto, for the best available device, or cpu.",
        ) from error
    return resolved


@contextmanager
def seeded_scope(seed: int, device: torch.device) -> Iterator[torch.Generator]:
    """Run a block under its own random state and leave the global generators as they were."""
    import torch

    generator = torch.Generator(device=device).manual_seed(seed)
    module = None if device.type == "cpu" else torch.get_device_module(device)
    arguments = () if device.type == "mps" else (device,)  # mps has a single device
    # The global generators are shared by all threads: they take turns.
    with _SCOPE:
        cpu_state = torch.get_rng_state()
        device_state = None if module is None else module.get_rng_state(*arguments)
        try:
            # Not torch.manual_seed, which would also seed devices that are not restored here.
            if module is not None:
                module.set_rng_state(generator.get_state(), *arguments)
            torch.default_generator.manual_seed(seed)
            yield generator
        finally:
            torch.set_rng_state(cpu_state)
            if module is not None:
                module.set_rng_state(device_state, *arguments)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether a device had too little memory."""
    import torch

    texts = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in texts)


def seed_of(random_state: Any) -> int:
    """Draw one seed from `random_state`."""
    # None must not draw from NumPy's global generator, which belongs to the caller.
    if random_state is None:
        return secrets.randbelow(2**31)
    from sklearn.utils import check_random_state

    return int(check_random_state(random_state).randint(2**31 - 1))


def _after_fork() -> None:
    # The thread that held the lock does not exist in a forked process.
    global _SCOPE  # noqa: PLW0603
    _SCOPE = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
