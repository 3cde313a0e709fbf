"""MATLAB files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import existing_file
from hsvlm._runtime import import_optional
from hsvlm.io import _hdf5
from hsvlm.io._common import Found, LabelMap
from hsvlm.io._mat5 import check_matrix
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._variables import (
    CUT,
    Held,
    choose_variable,
    holds_wavelengths,
    native,
    reading,
    to_nanometres,
    whole_labels,
)
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_cube", "read_label_map"]

_KIND = "a MATLAB file"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# MATLAB puts its own header in front of the HDF5 file.
_OFFSETS = (0, 512)
_DTYPES = {"logical": "uint8"}
_NUMERIC = {"double", "single", "logical"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


def read_cube(path: str | PathLike[str], variable: str | None = None) -> Found:
    """Read a cube from a ``.mat`` file.

    Parameters
    ----------
    path : path
        The file. Up to version 7 the cube is loaded. In version 7.3, which is HDF5, it is read
        where it is indexed, unless each of its compressed chunks reaches over all rows, so that
        none could be read without the others.
    variable : str, default=None
        Name of the variable. None: the one numeric variable of 3 dimensions.

    Returns
    -------
    Found
        The cube of shape (height, width, n_bands), the size that MATLAB shows, and the wavelengths
        if the file holds as many under a name like ``"wavelengths"``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If it is no MATLAB file or damaged, or no variable or several could be meant.
    MissingDependencyError
        If h5py is needed and not installed.
    """
    file = existing_file(path)
    if _is_hdf5(file):
        return _from_hdf5(file, variable)
    held = _listed(file)
    cube = _load(file, choose_variable(file, held, 3, variable), held)
    lists = [name for name in held if holds_wavelengths(name) and held[name].numeric]
    return Found(
        Scene(cube, wavelengths_nm=_fitting([_load(file, one, held) for one in lists], cube))
    )


def read_label_map(path: str | PathLike[str], variable: str | None = None) -> LabelMap:
    """Read a label map from a ``.mat`` file.

    Parameters
    ----------
    path : path
        The file.
    variable : str, default=None
        Name of the variable. None: the one numeric variable of 2 dimensions that is neither a row
        nor a column.

    Returns
    -------
    LabelMap
        Integers of shape (height, width).

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If it is no MATLAB file or damaged, holds fractions, or no variable or several could be
        meant.
    MissingDependencyError
        If h5py is needed and not installed.
    """
    file = existing_file(path)
    if not _is_hdf5(file):
        held = _listed(file)
        chosen = choose_variable(file, held, 2, variable)
        return LabelMap(whole_labels(file, _load(file, chosen, held)))
    with reading(file, _KIND), import_optional("h5py", "geo").File(file) as opened:
        _hdf5.check_own(file, opened)
        chosen = choose_variable(file, _listed_hdf5(opened), 2, variable)
        values = _hdf5.loaded(file, opened[chosen])
        return LabelMap(whole_labels(file, values.T if _by_matlab(opened[chosen]) else values))


def _is_hdf5(file: Path) -> bool:
    with reading(file, _KIND), file.open("rb") as stream:
        start = stream.read(_OFFSETS[-1] + len(_SIGNATURE))
    return any(start[offset:].startswith(_SIGNATURE) for offset in _OFFSETS)


def _listed(file: Path) -> dict[str, Held]:
    from scipy.io import whosmat

    # Opened here: scipy leaves files open that it cannot read.
    with reading(file, _KIND), file.open("rb") as stream:
        listed = whosmat(stream)
    return {name: Held(tuple(shape), kind, kind in _NUMERIC) for name, shape, kind in listed}


def _load(file: Path, name: str, held: dict[str, Held]) -> NDArray[Any]:
    from scipy.io import loadmat

    shape, kind, _ = held[name]
    dtype = np.dtype(_DTYPES.get(kind, kind))
    check_stated(file, shape, dtype)
    # Both the values as stored and those in C order.
    check_memory(file, shape, dtype, CUT, copies=2)
    with reading(file, _KIND), file.open("rb") as stream:
        check_matrix(file, name)
        array = np.asarray(loadmat(stream, variable_names=[name])[name])
    # MATLAB keeps columns together; in C order a spectrum is contiguous, as windows read it.
    return np.ascontiguousarray(array, dtype=native(array.dtype))


def _from_hdf5(file: Path, variable: str | None) -> Found:
    with reading(file, _KIND), import_optional("h5py", "geo").File(file) as opened:
        _hdf5.check_own(file, opened)
        held = _listed_hdf5(opened)
        chosen = choose_variable(file, held, 3, variable)
        dataset = opened[chosen]
        axes = (2, 1, 0) if _by_matlab(dataset) else (0, 1, 2)
        cube: Any = _hdf5.HDF5Cube(file.resolve(), chosen, dataset, axes)
        if dataset.chunks is not None and dataset.chunks[axes[0]] >= dataset.shape[axes[0]]:
            check_memory(file, cube.shape, cube.dtype, CUT, copies=2)
            cube = np.asarray(cube)
        named = [one for one in held if holds_wavelengths(one) and held[one].numeric]
        lists = [_hdf5.loaded(file, opened[one]) for one in named]
    return Found(Scene(cube, wavelengths_nm=_fitting(lists, cube)))


def _listed_hdf5(opened: Any) -> dict[str, Held]:
    held = {}
    for name, one in _hdf5.held_datasets(opened).items():
        by_matlab = _by_matlab(opened[name])
        shape = one.shape[::-1] if by_matlab else one.shape
        kind = one.kind
        if by_matlab:
            kind = _hdf5.as_text(opened[name].attrs["MATLAB_class"])
        held[name] = Held(shape, kind, one.numeric and (not by_matlab or kind in _NUMERIC))
    return held


def _by_matlab(dataset: Any) -> bool:
    # What h5py writes under this suffix is in NumPy's order of axes.
    return "MATLAB_class" in dataset.attrs


def _fitting(lists: list[NDArray[Any]], cube: Any) -> NDArray[np.float64] | None:
    converted = (to_nanometres(one) for one in lists)
    return next((one for one in converted if one is not None and len(one) == cube.shape[2]), None)
