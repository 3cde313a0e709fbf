"""Digests of the contents of files and folders."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["content_digest"]

_Stamps = tuple[tuple[str, int, int], ...]


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all files in a folder; a second call is free."""
    return _digest(path, _stamps(path))


def _stamps(path: Path) -> _Stamps:
    stamps = []
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        name = file.relative_to(path)
        if file.is_file() and not any(part.startswith(".") for part in name.parts):
            stat = file.stat()
            stamps.append((name.as_posix(), stat.st_mtime_ns, stat.st_size))
    return tuple(stamps)


@lru_cache(maxsize=8)
def _digest(path: Path, stamps: _Stamps) -> str:
    if not path.is_dir():
        return _file_digest(path)
    digest = hashlib.sha256()
    for name, _, _ in stamps:
        digest.update(f"{name}\0{_file_digest(path / name)}\n".encode())
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
