"""NumPy files."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import existing_file, unreadable
from hsvlm.io._common import Found, LabelMap
from hsvlm.io._variables import (
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
    from typing import IO

    from numpy.typing import NDArray

    from hsvlm.exceptions import FileError

__all__ = ["read_cube", "read_label_map"]

_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_cube(path: str | PathLike[str], variable: str | None = None) -> Found:
    """Read a cube from a ``.npy`` or ``.npz`` file.

    Parameters
    ----------
    path : path
        A ``.npy`` file is mapped into memory and stays on disk. A ``.npz`` file is an archive: its
        cube is loaded.
    variable : str, default=None
        Name of the array of a ``.npz`` file. None: the one array of 3 dimensions.

    Returns
    -------
    Found
        The cube of shape (height, width, n_bands), and the wavelengths if a ``.npz`` file holds as
        many under a name like ``"wavelengths"``.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is damaged, holds Python objects, or no array or several could be meant.
    """
    file = existing_file(path)
    if file.suffix.lower() == ".npy":
        return Found(Scene(_mapped(file, 3, variable)))
    held = _members(file)
    cube = _load(file, _chosen(file, held, 3, variable))
    lists = [one for one in held if holds_wavelengths(one) and held[one].shape == (cube.shape[2],)]
    wavelengths = to_nanometres(_load(file, lists[0])) if lists else None
    return Found(Scene(cube, wavelengths_nm=wavelengths))


def read_label_map(path: str | PathLike[str], variable: str | None = None) -> LabelMap:
    """Read a label map from a ``.npy`` or ``.npz`` file.

    Parameters
    ----------
    path : path
        The file.
    variable : str, default=None
        Name of the array of a ``.npz`` file. None: the one array of 2 dimensions.

    Returns
    -------
    LabelMap
        Integers of shape (height, width).

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is damaged, holds Python objects or fractions, or no array or several could be
        meant.
    """
    file = existing_file(path)
    if file.suffix.lower() == ".npy":
        return LabelMap(whole_labels(file, _mapped(file, 2, variable)))
    chosen = _chosen(file, _members(file), 2, variable)
    return LabelMap(whole_labels(file, _load(file, chosen)))


def _mapped(file: Path, n_dims: int, variable: str | None) -> NDArray[Any]:
    if variable is not None:
        remedy = "Leave `variable` out, which names an array of a .npz file."
        raise unreadable(
            file, f"a .npy file holds one array, but {variable!r} was asked for", remedy
        )
    with reading(file, "a NumPy file"), file.open("rb") as stream:
        held = _header(stream)
    if held.kind == "object":
        raise _objects(file, "its array")
    if not held.numeric or len(held.shape) != n_dims:
        remedy = "Give another file, or change the array."
        raise unreadable(file, held.unlike(n_dims, "its array"), remedy)
    with reading(file, "a NumPy file"):
        mapped: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        # Tensors cannot be made of the other byte order.
        return mapped if mapped.dtype.isnative else mapped.astype(native(mapped.dtype))


def _members(file: Path) -> dict[str, Held]:
    held = {}
    with reading(file, "a NumPy archive"), zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.endswith(".npy"):
                with archive.open(name) as stream:
                    held[name.removesuffix(".npy")] = _header(stream)
    return held


def _header(stream: IO[bytes]) -> Held:
    reader = _READERS.get(np.lib.format.read_magic(stream))
    # Later versions of the format exist for field names beyond ASCII: tables, not cubes.
    return Held((), "table", False) if reader is None else _held(*reader(stream))


def _held(shape: tuple[int, ...], _fortran: bool, dtype: np.dtype[Any]) -> Held:
    return Held.of(shape, dtype)


def _load(file: Path, name: str) -> NDArray[Any]:
    with reading(file, "a NumPy archive"), np.load(file, allow_pickle=False) as archive:
        array: NDArray[Any] = archive[name]
    # In C order a spectrum is contiguous, as windows read it.
    return np.ascontiguousarray(array, dtype=native(array.dtype))


def _chosen(file: Path, held: dict[str, Held], n_dims: int, variable: str | None) -> str:
    if variable in held and held[variable].kind == "object":
        raise _objects(file, f"variable {variable!r}")
    return choose_variable(file, held, n_dims, variable)


def _objects(file: Path, what: str) -> FileError:
    wrong = f"{what} holds Python objects, which are not loaded: that could run any code"
    return unreadable(file, wrong, "Save plain numbers: numpy.save(path, array.astype(float)).")
