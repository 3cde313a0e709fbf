"""MATLAB files."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._common import LabelMap, Reader, ReadResult
from hsvlm.io._notes import warn_caller
from hsvlm.io._readers import hdf5
from hsvlm.io._readers.mat5 import check_matrix, fields_of_structs
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._strangers import start_of
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
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.io._readers.mat5 import Field

_KIND = "a MATLAB file"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# MATLAB puts its own header in front of the HDF5 file.
_OFFSETS = (0, 512)
_DTYPES = {"logical": "uint8"}
# Names of the height and the width of a cube that is stored with 2 dimensions.
_SIZES = ({"nrow", "nrows"}, {"ncol", "ncols"})
_NUMERIC = {"double", "single", "logical"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def read_cube(
    file: Path, variable: str | None = None, size: tuple[int, int] | None = None
) -> ReadResult:
    """Read a cube from a ``.mat`` file."""
    with _opened(file) as content:
        variables = content.variables(CUBE, variable)
        variable = _spelled(variables, variable)
        size = _table_size(file, content, variables, variable, size)
        if size is None:
            _check_cell(file, variables, variable)
            name = choose_variable(file, variables, CUBE, variable, may_fold=True)
            cube = content.cube(name)
        else:
            name = choose_table(file, variables, size, variable)
            cube = fold(file, content.values(name), size, by_columns=True)
        paths = {name: name.replace(".", "/") for name in variables}
        lists = [
            WavelengthList(paths[name], content.values(name))
            for name, info in variables.items()
            if holds_wavelengths(paths[name]) and info.numeric
        ]
    wavelengths = read_wavelengths(file, lists, cube.shape[2], paths[name])
    return ReadResult(Scene(cube, wavelengths_nm=wavelengths))


def read_raster(file: Path, variable: str | None = None) -> ReadResult:
    """Read a raster of one or several channels from a ``.mat`` file."""
    with _opened(file) as content:
        name, info = _chosen(file, content, RASTER, variable)
        if len(info.shape) == 3:
            return ReadResult(Scene(content.cube(name)))
        return ReadResult(Scene(in_c_order(content.values(name)[..., np.newaxis])))


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map from a ``.mat`` file."""
    with _opened(file) as content:
        name, _ = _chosen(file, content, LABEL_MAP, variable)
        values = content.values(name)
    return LabelMap(whole_labels(file, values))


def _chosen(
    file: Path, content: _Mat5 | _Mat73, kind: Content, variable: str | None
) -> tuple[str, VariableInfo]:
    """Find the variable that is meant, and what it is."""
    variables = content.variables(kind, variable)
    variable = _spelled(variables, variable)
    _check_cell(file, variables, variable)
    name = choose_variable(file, variables, kind, variable)
    return name, variables[name]


@contextmanager
def _opened(file: Path) -> Iterator[_Mat5 | _Mat73]:
    if not _is_hdf5(file):
        yield _Mat5(file)
        return
    with hdf5.opened_hdf5(file, _KIND) as opened:
        yield _Mat73(file, opened)


class _Mat5:
    """Variables of a file up to version 7."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._top = _listed(file)
        self._fields: dict[str, Field] = {}

    def variables(self, kind: Content, variable: str | None) -> dict[str, VariableInfo]:
        """List the variables; those in structs only where no other is meant."""
        fits = any(
            info.fits(*kind.dimensions) and min(info.shape) > 1 for info in self._top.values()
        )
        structs = any(info.kind == "struct" for info in self._top.values())
        if structs and (variable not in self._top if variable else not fits):
            with reading(self._file, _KIND):
                self._fields = fields_of_structs(self._file)
        return {**self._top, **{name: field.info for name, field in self._fields.items()}}

    def values(self, name: str) -> NDArray[Any]:
        """Read a variable as a whole."""
        if name not in self._fields:
            return _load(self._file, name, self._top)
        field = self._fields[name]
        check_memory(self._file, field.info.shape, np.float64, copies=2)
        return np.ascontiguousarray(field.values())

    cube = values


class _Mat73:
    """Variables of a file of version 7.3."""

    def __init__(self, file: Path, opened: Any) -> None:
        self._file = file
        self._opened = opened
        self._paths: dict[str, str] = {}

    def variables(self, _: Content, __: str | None) -> dict[str, VariableInfo]:
        """List the variables, those in structs with them."""
        listed = _listed_hdf5(self._opened)
        self._paths = {path.replace("/", "."): path for path in listed}
        return {name: listed[path] for name, path in self._paths.items()}

    def values(self, name: str) -> NDArray[Any]:
        """Read a variable as a whole."""
        dataset = self._opened[self._paths[name]]
        values = hdf5.loaded(self._file, dataset)
        return values.T if _by_matlab(dataset) else values

    def cube(self, name: str) -> Any:
        """Give a cube that is read where it is indexed, if that is possible."""
        dataset = self._opened[self._paths[name]]
        axes = (2, 1, 0) if _by_matlab(dataset) else (0, 1, 2)
        cube: Any = hdf5.HDF5Cube(self._file.resolve(), self._paths[name], dataset, axes)
        if dataset.chunks is not None and dataset.chunks[axes[0]] >= dataset.shape[axes[0]]:
            check_memory(self._file, cube.shape, cube.dtype, copies=2)
            return np.asarray(cube)
        return cube


def _spelled(variables: dict[str, VariableInfo], variable: str | None) -> str | None:
    """Let fields be named with slashes too."""
    if variable is None or variable in variables:
        return variable
    spelled = variable.strip("/").replace("/", ".")
    return spelled if spelled in variables else variable


def _check_cell(file: Path, variables: dict[str, VariableInfo], variable: str | None) -> None:
    if variable is not None and variable in variables and variables[variable].kind == "cell":
        hint = f"Save the array that is meant on its own, in MATLAB: x = {variable}{{1}};"
        raise file_error(file, f"variable {variable!r} is a cell, which holds several", hint)


def _table_size(
    file: Path,
    content: _Mat5 | _Mat73,
    variables: dict[str, VariableInfo],
    variable: str | None,
    size: tuple[int, int] | None,
) -> tuple[int, int] | None:
    """Give height and width if the cube is stored with 2 dimensions."""
    cubes = [name for name, info in variables.items() if info.fits(3)]
    if size is None and (variable in cubes or (variable is None and cubes)):
        return None
    stated = tuple(_whole(content, variables, names) for names in _SIZES)
    if None in stated:
        if size is not None:
            warn_caller(
                f"{file}: pixels are taken column by column, as MATLAB keeps them.",
                "If a program has written them row by row, save the cube with 3 dimensions.",
            )
        return size
    if size not in (None, stated):
        problem = f"it states {stated[0]} x {stated[1]} pixels, but {size} were asked for"
        raise file_error(file, problem, "Leave height and width out.")
    return stated


def _whole(content: _Mat5 | _Mat73, variables: dict[str, VariableInfo], names: set[str]) -> Any:
    for name, info in variables.items():
        if name.rpartition(".")[2].lower() in names and info.numeric and set(info.shape) <= {1}:
            value = float(np.ravel(content.values(name))[0])
            return int(value) if value >= 1 and value.is_integer() else None
    return None


def _is_hdf5(file: Path) -> bool:
    with reading(file, _KIND):
        start = start_of(file, _OFFSETS[-1] + len(_SIGNATURE))
    return any(start[offset:].startswith(_SIGNATURE) for offset in _OFFSETS)


def _listed(file: Path) -> dict[str, VariableInfo]:
    from scipy.io import whosmat

    # Opened here: scipy leaves files open that it cannot read.
    with reading(file, _KIND), file.open("rb") as stream:
        listed = whosmat(stream)
    return {
        name: VariableInfo(tuple(shape), kind, kind in _NUMERIC) for name, shape, kind in listed
    }


def _load(file: Path, name: str, held: dict[str, VariableInfo]) -> NDArray[Any]:
    from scipy.io import loadmat

    shape, kind, _ = held[name]
    dtype = np.dtype(_DTYPES.get(kind, kind))
    check_stated(file, shape, dtype)
    # Both the values as stored and those in C order.
    check_memory(file, shape, dtype, copies=2)
    with reading(file, _KIND), file.open("rb") as stream:
        check_matrix(file, name)
        array = np.asarray(loadmat(stream, variable_names=[name])[name])
    return in_c_order(array)


def _listed_hdf5(opened: Any) -> dict[str, VariableInfo]:
    held = {}
    for name, info in hdf5.held_datasets(opened).items():
        by_matlab = _by_matlab(opened[name])
        shape = info.shape[::-1] if by_matlab else info.shape
        kind = info.kind
        if by_matlab:
            kind = hdf5.as_text(opened[name].attrs["MATLAB_class"])
        held[name] = VariableInfo(shape, kind, info.numeric and (not by_matlab or kind in _NUMERIC))
    return held


def _by_matlab(dataset: Any) -> bool:
    # What h5py writes under this suffix is in NumPy's order of axes.
    return "MATLAB_class" in dataset.attrs


READER = Reader(
    "MATLAB", (".mat",), read_cube, read_label_map, read_raster=read_raster, takes_size=True
)
