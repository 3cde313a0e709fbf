"""NumPy files."""

from __future__ import annotations

import io
import math
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._common import LabelMap, Reader, ReadResult
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import (
    CUBE,
    LABEL_MAP,
    RASTER,
    Content,
    VariableInfo,
    choose_table,
    choose_variable,
    fold,
    in_c_order,
    reading,
    whole_labels,
)
from hsvlm.io._wavelengths import WavelengthList, holds_wavelengths, read_wavelengths
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError

# The form of the length of the header, by version of the format, and what reads the header.
_READERS: dict[tuple[int, int], tuple[str, Any]] = {
    (1, 0): ("<H", np.lib.format.read_array_header_1_0),
    (2, 0): ("<I", np.lib.format.read_array_header_2_0),
}
_LARGEST_HEADER = 2**16
_MOST_MEMBERS = 10_000


def read_cube(
    file: Path, variable: str | None = None, size: tuple[int, int] | None = None
) -> ReadResult:
    """Read a cube from a ``.npy`` or ``.npz`` file."""
    if file.suffix.lower() == ".npy":
        if size is None:
            return ReadResult(Scene(_mapped(file, CUBE, variable)))
        table = _mapped(file, LABEL_MAP, variable)
        choose_table(
            file, {"its array": VariableInfo.of(table.shape, table.dtype)}, size, "its array"
        )
        return ReadResult(Scene(fold(file, table, size, by_columns=False)))
    held = _members(file)
    if size is None:
        cube = _load(file, _chosen(file, held, CUBE, variable))
    else:
        table = _load(file, choose_table(file, held, size, variable))
        cube = fold(file, table, size, by_columns=False)
    lists = [
        WavelengthList(name, _load(file, name))
        for name, info in held.items()
        if holds_wavelengths(name) and info.fits(1)
    ]
    wavelengths = read_wavelengths(file, lists, cube.shape[2])
    return ReadResult(Scene(cube, wavelengths_nm=wavelengths))


def read_raster(file: Path, variable: str | None = None) -> ReadResult:
    """Read a raster of one or several channels from a ``.npy`` or ``.npz`` file."""
    return ReadResult(Scene(np.atleast_3d(_array(file, RASTER, variable))))


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map from a ``.npy`` or ``.npz`` file."""
    return LabelMap(whole_labels(file, _array(file, LABEL_MAP, variable)))


def _array(file: Path, content: Content, variable: str | None) -> NDArray[Any]:
    if file.suffix.lower() == ".npy":
        return _mapped(file, content, variable)
    return _load(file, _chosen(file, _members(file), content, variable))


def _mapped(file: Path, content: Content, variable: str | None) -> NDArray[Any]:
    if variable is not None:
        problem = f"a .npy file holds one array, but {variable!r} was asked for"
        hint = "Leave `variable` out, which names an array of a .npz file."
        option_hint = "Name no variable: only .npz files hold several."
        raise file_error(file, problem, hint, option_hint)
    with reading(file, "a NumPy file"), file.open("rb") as stream:
        held, start = _header(stream)
    if held.kind == "object":
        raise _objects(file, "its array")
    if not held.fits(*content.dimensions):
        hint = "Give another file, or change the array."
        raise file_error(file, held.unlike(content, "its array"), hint)
    _check_length(file, "it", held, file.stat().st_size - start)
    with reading(file, "a NumPy file"):
        mapped: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        if mapped.dtype.isnative:
            return mapped
        # Tensors cannot be made of the other byte order.
        check_memory(file, mapped.shape, mapped.dtype)
        return mapped.astype(mapped.dtype.newbyteorder("="))


def _members(file: Path) -> dict[str, VariableInfo]:
    held = {}
    with reading(file, "a NumPy archive"), zipfile.ZipFile(file) as archive:
        members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
        if len(members) > _MOST_MEMBERS:
            problem = f"it holds {len(members):,} arrays, and {_MOST_MEMBERS:,} are the most"
            raise file_error(file, problem, "Save the arrays that belong to the scene alone.")
        for member in members:
            with archive.open(member) as stream:
                held[member.filename.removesuffix(".npy")] = _header(stream)[0]
    return held


def _header(stream: IO[bytes]) -> tuple[VariableInfo, int]:
    """Read what an array is, and where its values start."""
    form_and_reader = _READERS.get(np.lib.format.read_magic(stream))
    if form_and_reader is None:
        # Later versions of the format exist for field names beyond ASCII: tables, not cubes.
        return VariableInfo((), "table", False), 0
    form, reader = form_and_reader
    raw = stream.read(struct.calcsize(form))
    (length,) = struct.unpack(form, raw)
    if length > _LARGEST_HEADER:
        raise ValueError(f"the header is said to have {length:,} bytes")
    shape, _, dtype = reader(io.BytesIO(raw + stream.read(length)))
    # The signature and the version before the header take 8 bytes.
    return VariableInfo.of(shape, dtype), 8 + len(raw) + length


def _check_length(file: Path, what: str, held: VariableInfo, n_bytes: int) -> None:
    needed = math.prod(held.shape) * np.dtype(held.kind).itemsize
    if min(held.shape) >= 0 and needed == n_bytes:
        return
    problem = (
        f"{what} holds {n_bytes:,} bytes of values, but its header states {held.shape} values of "
        f"{held.kind}, {needed:,} bytes"
    )
    raise file_error(
        file, problem, "It was cut off, or holds several arrays: save the array again."
    )


def _load(file: Path, name: str) -> NDArray[Any]:
    with reading(file, "a NumPy archive"), zipfile.ZipFile(file) as archive:
        member = archive.getinfo(f"{name}.npy")
        with archive.open(member) as stream:
            held, start = _header(stream)
        _check_length(file, f"variable {name!r}", held, member.file_size - start)
        # Both the values as stored and those in C order.
        check_memory(file, held.shape, np.dtype(held.kind), copies=2)
    with reading(file, "a NumPy archive"), np.load(file, allow_pickle=False) as archive:
        array: NDArray[Any] = archive[name]
    return in_c_order(array)


def _chosen(
    file: Path, held: dict[str, VariableInfo], content: Content, variable: str | None
) -> str:
    if variable in held and held[variable].kind == "object":
        raise _objects(file, f"variable {variable!r}")
    return choose_variable(file, held, content, variable, may_fold=True)


def _objects(file: Path, what: str) -> FileError:
    problem = f"{what} holds Python objects, which are not loaded: that could run any code"
    return file_error(file, problem, "Save plain numbers: numpy.save(path, array.astype(float)).")


READER = Reader(
    "NumPy",
    (".npy", ".npz"),
    read_cube,
    read_label_map,
    read_raster=read_raster,
    takes_size=True,
)
