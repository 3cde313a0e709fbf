"""MATLAB files up to version 7: a check of what scipy reads, and the fields of structs.

scipy trusts the types and sizes in such a file: an unknown type ends the process. It reads a
struct as a whole; here only its numbers are read.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import VariableInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

_VERSION_5 = 1
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_STRUCT = 2
_CLASSES = {
    1: "cell", 2: "struct", 3: "object", 4: "char", 5: "sparse", 6: "double", 7: "single",
    8: "int8", 9: "uint8", 10: "int16", 11: "uint16", 12: "int32", 13: "uint32", 14: "int64",
    15: "uint64", 16: "function", 17: "opaque",
}  # fmt: skip
_NUMBERS = range(6, 16)
# How values are stored, which may take less room than their class.
_STORED = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_COMPLEX, _LOGICAL = 0x800, 0x200
# Type, dimensions and name of an array come first, and take far less.
_START = 2**16
_DEEPEST = 16
_MOST_FIELDS = 10_000
# The best that the compression makes of a byte.
_MOST_PER_BYTE = 1_100


class Field(NamedTuple):
    """An array in a struct."""

    info: VariableInfo
    content: bytes | memoryview
    dtype: np.dtype[Any] | None

    def values(self) -> NDArray[Any]:
        """Read the array, in the order of MATLAB."""
        stored = np.frombuffer(self.content, dtype=self.dtype)
        # A logical array has values of one byte.
        kind = {"double": "f8", "single": "f4", "logical": "u1"}.get(self.info.kind, self.info.kind)
        return stored.astype(kind).reshape(self.info.shape, order="F")


class _Part(NamedTuple):
    """A part of a matrix, its content as far as it is there, and where the next one begins."""

    kind: int
    size: int
    content: bytes | memoryview
    end: int

    def whole(self) -> bytes | memoryview:
        if len(self.content) != self.size:
            raise ValueError(f"{self.size:,} bytes are stated, but there are {len(self.content):,}")
        return self.content


def check_matrix(file: Path, name: str) -> None:
    """Refuse an array of numbers whose values are not what its dimensions say."""
    for stream, kind, size, order in _elements(file):
        if kind not in (_MATRIX, _COMPRESSED):
            continue
        start = stream.read(min(size, _START))
        if kind == _COMPRESSED:
            # What is compressed has a tag of its own.
            start = zlib.decompressobj().decompress(start, _START)[8:]
        flags, sizes, named = _first_parts(start, order)
        if named.content == name.encode("latin-1"):
            values = _part(start, named.end, order)
            if _flags(flags, order) & _COMPLEX:
                raise ValueError("its values are complex")
            _check_values(_shape(sizes, order), values)


def fields_of_structs(file: Path) -> dict[str, Field]:
    """Give the arrays in the fields of structs, under names such as ``"data.gt"``."""
    fields: dict[str, Field] = {}
    for stream, kind, size, order in _elements(file):
        content = _struct_content(file, stream.read(size), kind, order)
        if content is not None:
            _walk(memoryview(content), order, "", fields, 0)
    return fields


def _elements(file: Path) -> Iterator[tuple[IO[bytes], int, int, str]]:
    """Yield kind and size of each variable, with the stream at its content, and the byte order."""
    from scipy.io.matlab import matfile_version

    with file.open("rb") as stream:
        if matfile_version(stream)[0] != _VERSION_5:
            return
        stream.seek(_HEADER - 2)
        order = "<" if stream.read(2) == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}2I", tag)
            end = stream.tell() + size
            yield stream, kind, size, order
            stream.seek(end)


def _struct_content(file: Path, raw: bytes, kind: int, order: str) -> bytes | None:
    """Give the content of an element if it is a struct."""
    if kind == _MATRIX:
        return raw if _class_of(raw, order) == _STRUCT else None
    if kind != _COMPRESSED:
        return None
    start = zlib.decompressobj().decompress(raw, 64)
    if len(start) < 24 or _class_of(start[8:], order) != _STRUCT:
        return None
    (size,) = struct.unpack_from(f"{order}I", start, 4)
    if size > _MOST_PER_BYTE * len(raw):
        problem = f"a struct is stated to have {size:,} bytes, more than its {len(raw):,} can hold"
        raise file_error(file, problem, "The file is damaged: copy it again.")
    check_memory(file, (size,), np.uint8, copies=3)
    return zlib.decompressobj().decompress(raw, size + 8)[8:]


def _class_of(matrix: bytes, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", matrix, 8)[0]) & 0xFF


def _walk(
    matrix: memoryview, order: str, parent: str, fields: dict[str, Field], depth: int
) -> None:
    """Collect the arrays of a matrix, itself or in its fields, under the name of its parent."""
    if depth > _DEEPEST or len(fields) > _MOST_FIELDS:
        raise ValueError(f"structs are nested more than {_DEEPEST} deep, or have too many fields")
    parts = _first_parts(matrix, order)
    for part in parts:
        part.whole()
    flags, shape = _flags(parts[0], order), _shape(parts[1], order)
    kind, at = flags & 0xFF, parts[2].end
    path = parent or bytes(parts[2].content).decode("latin-1")
    if kind == _STRUCT and math.prod(shape) == 1:
        _walk_fields(matrix, at, order, path, fields, depth)
        return
    numeric = kind in _NUMBERS and not flags & _COMPLEX
    content: bytes | memoryview = b""
    dtype = None
    if numeric:
        values = _part(matrix, at, order)
        content = values.whole()
        dtype = np.dtype(order + _check_values(shape, values).str[1:])
    if parent:
        name = "logical" if flags & _LOGICAL else _CLASSES.get(kind, "unknown")
        fields[path] = Field(VariableInfo(shape, name, numeric), content, dtype)


def _walk_fields(
    matrix: memoryview, at: int, order: str, path: str, fields: dict[str, Field], depth: int
) -> None:
    length = _part(matrix, at, order)
    names = _part(matrix, length.end, order)
    (size,) = struct.unpack_from(f"{order}i", length.whole())
    if size < 1:
        raise ValueError("the names of fields have no length")
    at = names.end
    for start in range(0, len(names.whole()), size):
        name = bytes(names.content[start : start + size]).split(b"\0")[0].decode("latin-1")
        field = _part(matrix, at, order)
        at = field.end
        if len(field.whole()):  # an empty array may have no content at all
            _walk(memoryview(field.content), order, f"{path}.{name}", fields, depth + 1)


def _first_parts(matrix: bytes | memoryview, order: str) -> tuple[_Part, _Part, _Part]:
    """Give flags, dimensions and name of a matrix."""
    flags = _part(matrix, 0, order)
    sizes = _part(matrix, flags.end, order)
    return flags, sizes, _part(matrix, sizes.end, order)


def _part(matrix: bytes | memoryview, at: int, order: str) -> _Part:
    kind, size = struct.unpack_from(f"{order}2I", matrix, at)
    if kind >> 16:  # up to four bytes share the eight of the tag
        size = kind >> 16
        return _Part(kind & 0xFFFF, size, matrix[at + 4 : at + 4 + size], at + 8)
    end = at + 8 + (size if kind == _MATRIX else -(-size // 8) * 8)
    return _Part(kind, size, matrix[at + 8 : at + 8 + size], end)


def _flags(part: _Part, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", part.content)[0])


def _shape(part: _Part, order: str) -> tuple[int, ...]:
    return struct.unpack(f"{order}{len(part.content) // 4}i", part.content)


def _check_values(shape: Sequence[int], values: _Part) -> np.dtype[Any]:
    """Return the type of stored values that are as many as the dimensions say."""
    if values.kind not in _STORED or min(shape, default=-1) < 0:
        raise ValueError(f"{shape} values are stated, but of the unknown type {values.kind}")
    dtype: np.dtype[Any] = np.dtype(_STORED[values.kind])
    if values.size != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{shape} values are stated, but there are {values.size:,} bytes")
    return dtype
