"""MATLAB files up to version 7, looked through before scipy reads them.

scipy trusts the types and sizes in such a file: with a type that is none it ends the process.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

__all__ = ["check_matrix"]

_VERSION_5 = 1
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
# Bytes of a value, by the number of its type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
_COMPLEX = 0x800
# Type, dimensions and name of an array come first, and take far less.
_START = 2**16


def check_matrix(file: Path, name: str) -> None:
    """Refuse an array of numbers whose values are not what its dimensions say."""
    from scipy.io.matlab import matfile_version

    with file.open("rb") as stream:
        if matfile_version(stream)[0] != _VERSION_5:
            return
        stream.seek(_HEADER - 2)
        order = "<" if stream.read(2) == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}2I", tag)
            after = stream.tell() + size
            start = _start_of(stream, kind, min(size, _START))
            if start is not None:
                _check_values(start, order, name.encode("latin-1"))
            stream.seek(after)


def _start_of(stream: IO[bytes], kind: int, size: int) -> bytes | None:
    if kind == _MATRIX:
        return stream.read(size)
    if kind == _COMPRESSED:
        # What is compressed has a tag of its own.
        return zlib.decompressobj().decompress(stream.read(size), _START)[8:]
    return None


def _check_values(start: bytes, order: str, name: bytes) -> None:
    _, _, after, flags = _part(start, 0, order)
    _, _, after, sizes = _part(start, after, order)
    _, _, after, named = _part(start, after, order)
    if named != name:
        return
    (said,) = struct.unpack_from(f"{order}I", flags)
    kind, n_bytes, _, _ = _part(start, after, order)
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if said & _COMPLEX:
        raise ValueError("its values are complex")
    if kind not in _SIZES or min(shape, default=-1) < 0:
        raise ValueError(f"{shape} values are stated, but of the unknown type {kind}")
    if n_bytes != math.prod(shape) * _SIZES[kind]:
        raise ValueError(f"{shape} values are stated, but there are {n_bytes:,} bytes")


def _part(start: bytes, at: int, order: str) -> tuple[int, int, int, bytes]:
    """Give type and size of a part, where the next one begins, and its content as far as held."""
    kind, size = struct.unpack_from(f"{order}2I", start, at)
    if kind >> 16:  # up to four bytes share the eight of the tag
        return kind & 0xFFFF, kind >> 16, at + 8, start[at + 4 : at + 4 + (kind >> 16)]
    return kind, size, at + 8 + -(-size // 8) * 8, start[at + 8 : at + 8 + size]
