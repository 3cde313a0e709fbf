"""What a file states about its size, checked before memory is taken for it."""

from __future__ import annotations

import importlib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from hsvlm.exceptions import FileError

HINT_SPLIT_FILE = "Read it on a machine with more memory, or cut it into smaller files."
# The best that a compression of rasters makes of a megabyte of zeros is some tens of bytes.
_MOST_PER_BYTE = 2**16
# What fits everywhere is not worth asking the system about.
_SMALL = 2**26
# What text and features take in memory, while they are read, for each byte of the file.
_PARSED_BYTES_PER_BYTE = 32
_GROUP = Path("/sys/fs/cgroup")


def check_stated(path: Path, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuse a file that states more values than one of its size can hold."""
    stated, size = math.prod(shape) * dtype.itemsize, path.stat().st_size
    if stated > _SMALL and stated > _MOST_PER_BYTE * size:
        problem = (
            f"it states {' x '.join(map(str, shape))} values of {dtype}, {stated:,} bytes, but has "
            f"only {size:,} bytes"
        )
        hint = "It was never filled, or its header is damaged: get the file again."
        raise file_error(path, problem, hint)


def check_memory(
    path: Any,
    shape: Sequence[int],
    dtype: DTypeLike,
    hint: str = HINT_SPLIT_FILE,
    copies: float = 1,
) -> None:
    """Refuse values that have to be in memory at once and do not fit there."""
    dtype = np.dtype(dtype)
    needed = math.prod(shape) * dtype.itemsize * copies
    left = available_memory() if needed > _SMALL else None
    if left is not None and needed > left:
        values = f"{' x '.join(map(str, shape))} values of {dtype}"
        raise too_large(path, f"{values} take {needed:,.0f} bytes and there are {left:,}", hint)


def check_parsed(path: Path, n_bytes: int) -> None:
    """Refuse a text or features that take more memory than there is once they are parsed."""
    check_memory(path, (n_bytes,), np.uint8, copies=_PARSED_BYTES_PER_BYTE)


def too_large(path: Any, reason: str, hint: str = HINT_SPLIT_FILE) -> FileError:
    """Build the error for values that do not fit into memory."""
    return file_error(path, f"what is read at once does not fit into memory ({reason})", hint)


def available_memory() -> int | None:
    """Tell how many more bytes this process can take."""
    limits = (_of_machine(), _of_group(), _of_process())
    known = [limit for limit in limits if limit is not None]
    return max(0, min(known)) if known else None


def _of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    kilobytes = (int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    return next((size * 1024 for size in kilobytes), None)


def _of_group() -> int | None:
    try:
        limit, used = (int((_GROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        stat = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):  # there is no group, or its limit is "max"
        return None
    # Pages of files that have been read are given back when memory is needed.
    return limit - used + int(stat.get("inactive_file", 0))


def _of_process() -> int | None:
    try:
        resource = importlib.import_module("resource")
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, AttributeError, OSError):  # not on this system
        return None
    return None if limit == resource.RLIM_INFINITY else limit - pages * os.sysconf("SC_PAGE_SIZE")
