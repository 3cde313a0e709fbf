"""Structs in MATLAB files up to version 7: arrays in their fields, found and read.

scipy reads a struct as a whole, and trusts the types and sizes in it; here only numbers are read.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import HINT_SPLIT_FILE, VariableInfo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Field", "fields_of_structs"]

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT = 1, 2
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
_DEEPEST = 16
_MOST_FIELDS = 10_000
# The best that the compression makes of a byte.
_MOST_PER_BYTE = 1_100


class Field(NamedTuple):
    """An array in a struct."""

    info: VariableInfo
    content: memoryview
    dtype: np.dtype[Any] | None

    def values(self) -> NDArray[Any]:
        """Read the array, in the order of MATLAB."""
        stored = np.frombuffer(self.content, dtype=self.dtype)
        # A logical array has values of one byte.
        kind = {"double": "f8", "single": "f4", "logical": "u1"}.get(self.info.kind, self.info.kind)
        return stored.astype(kind).reshape(self.info.shape, order="F")


def fields_of_structs(file: Path) -> dict[str, Field]:
    """Give the arrays in the fields of structs, under names such as ``"data.gt"``."""
    from scipy.io.matlab import matfile_version

    fields: dict[str, Field] = {}
    with file.open("rb") as stream:
        if matfile_version(stream)[0] != 1:
            return fields
        stream.seek(_HEADER - 2)
        order = "<" if stream.read(2) == b"IM" else ">"
        while len(tag := stream.read(8)) == 8:
            kind, size = struct.unpack(f"{order}2I", tag)
            after = stream.tell() + size
            content = _struct_content(file, stream.read(size), kind, order)
            if content is not None:
                _walk(memoryview(content), order, "", fields, 0)
            stream.seek(after)
    return fields


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
        raise file_error(
            file,
            f"a struct is stated to have {size:,} bytes, more than its {len(raw):,} can hold",
            "The file is damaged: copy it again.",
        )
    check_memory(file, (size,), np.dtype(np.uint8), HINT_SPLIT_FILE, copies=3)
    return zlib.decompressobj().decompress(raw, size + 8)[8:]


def _class_of(matrix: bytes, order: str) -> int:
    return int(struct.unpack_from(f"{order}I", matrix, 8)[0]) & 0xFF


def _walk(
    matrix: memoryview, order: str, parent: str, fields: dict[str, Field], depth: int
) -> None:
    """Collect the arrays of a matrix, itself or in its fields, under the name of its parent."""
    if depth > _DEEPEST or len(fields) > _MOST_FIELDS:
        raise ValueError(f"structs are nested more than {_DEEPEST} deep, or have too many fields")
    _, flags, at = _part(matrix, 0, order)
    _, sizes, at = _part(matrix, at, order)
    _, name, at = _part(matrix, at, order)
    (said,) = struct.unpack_from(f"{order}I", flags)
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    kind = said & 0xFF
    path = parent or bytes(name).decode("latin-1")
    if kind == _STRUCT and math.prod(shape) == 1:
        _walk_fields(matrix, at, order, path, fields, depth)
        return
    told = "logical" if said & _LOGICAL else _CLASSES.get(kind, "unknown")
    numeric = kind in _NUMBERS and not said & _COMPLEX
    content, dtype = memoryview(b""), None
    if numeric:
        stored, content, _ = _part(matrix, at, order)
        if stored not in _STORED or min(shape, default=-1) < 0:
            raise ValueError(f"{shape} values are stated, but of the unknown type {stored}")
        dtype = np.dtype(order + _STORED[stored])
        if len(content) != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{shape} values are stated, but there are {len(content):,} bytes")
    if parent:
        fields[path] = Field(VariableInfo(shape, told, numeric), content, dtype)


def _walk_fields(
    matrix: memoryview, at: int, order: str, path: str, fields: dict[str, Field], depth: int
) -> None:
    _, length, at = _part(matrix, at, order)
    _, listed, at = _part(matrix, at, order)
    (size,) = struct.unpack_from(f"{order}i", length)
    if size < 1:
        raise ValueError("the names of fields have no length")
    for start in range(0, len(listed), size):
        name = bytes(listed[start : start + size]).split(b"\0")[0].decode("latin-1")
        _, content, at = _part(matrix, at, order)
        if len(content):  # an empty array may have no content at all
            _walk(content, order, f"{path}.{name}", fields, depth + 1)


def _part(matrix: memoryview, at: int, order: str) -> tuple[int, memoryview, int]:
    """Give the type and content of a part, and where the next one begins."""
    kind, size = struct.unpack_from(f"{order}2I", matrix, at)
    if kind >> 16:  # up to four bytes share the eight of the tag
        return kind & 0xFFFF, matrix[at + 4 : at + 4 + (kind >> 16)], at + 8
    content = matrix[at + 8 : at + 8 + size]
    if len(content) != size:
        raise ValueError(f"{size:,} bytes are stated, but there are {len(content):,}")
    return kind, content, at + 8 + (size if kind == _MATRIX else -(-size // 8) * 8)
