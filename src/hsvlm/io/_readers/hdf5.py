"""HDF5 files whose arrays carry no dimensions: MATLAB's, PRISMA's, and those of h5py."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.axes import axis_order
from hsvlm._data.lazy import LazyCube
from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap, ReadResult
from hsvlm.io._declared import declared_scale, declared_unit, declared_values
from hsvlm.io._notes import warn_of_file
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._variables import (
    CUBE,
    LABEL_MAP,
    RASTER,
    Content,
    VariableInfo,
    choose_variable,
    reading,
)
from hsvlm.io._wavelengths import WavelengthList, fitting_wavelengths, holds_wavelengths
from hsvlm.io.classes import label_map
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    from numpy.typing import NDArray

SUFFIXES = (".nc", ".nc4", ".h5", ".hdf5", ".he5")
_MOST_OBJECTS = 20_000
_DEEPEST = 64
_UNITS = ("units", "unit")
HINT_ATTRIBUTES = "Correct the attributes of the file to be sure."


class HDF5Cube(LazyCube):
    """A dataset of an HDF5 file, read where it is indexed."""

    # The file is opened for each reading, so the cube can be sent to other processes.

    def __init__(
        self, path: str | PathLike[str], name: str, dataset: Any, axes: tuple[int, int, int]
    ) -> None:
        check_stated(Path(path), dataset.shape, dataset.dtype)
        # Of compressed chunks, none can be read in part.
        check_memory(path, dataset.chunks or (), dataset.dtype)
        super().__init__(
            tuple(dataset.shape[axis] for axis in axes), dataset.dtype.newbyteorder("=")
        )
        self.path = path
        self._name = name
        self._axes = axes

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        return self.read_window(start, stop, 0, self.shape[1])

    def read_window(self, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        """Read a rectangle of pixels, of shape (bottom - top, right - left, n_bands)."""
        check_memory(self.path, (bottom - top, right - left, self.shape[2]), self.dtype)
        key = [slice(None)] * 3
        key[self._axes[0]], key[self._axes[1]] = slice(top, bottom), slice(left, right)
        with reading(self.path, "HDF5"), geo.h5py.File(self.path) as file:
            dataset = file[self._name]
            if tuple(dataset.shape[axis] for axis in self._axes) != self.shape:
                problem = f"{self._name} had shape {self.shape}, and has changed"
                raise file_error(self.path, problem, "Read the scene again.")
            values: NDArray[Any] = dataset[tuple(key)]
        return np.ascontiguousarray(values.transpose(self._axes), dtype=self.dtype)


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read a cube from an HDF5 file."""
    with opened_hdf5(file) as opened:
        dataset = _chosen(file, opened, CUBE, variable)
        lists = _wavelength_lists(file, opened)
        notes: list[str] = []
        axes = _axes(dataset, lists, notes)
        cube = HDF5Cube(file.resolve(), dataset.name.strip("/"), dataset, axes)
        wavelengths = fitting_wavelengths(lists, cube.shape[2], notes, dataset.name)
        scale = declared_scale(dataset.attrs, cube.shape[2], notes)
        nodata, valid_range = declared_values(dataset.attrs, notes)
        unit = declared_unit(dataset.attrs)
    warn_of_file(file, notes, HINT_ATTRIBUTES)
    unused = None if wavelengths is None or (wavelengths > 0).all() else wavelengths <= 0
    scene = Scene(cube, wavelengths_nm=wavelengths, bad_bands=unused, scale=scale)
    return ReadResult(scene, nodata, valid_range=valid_range, unit=unit)


def read_raster(file: Path, variable: str | None = None) -> ReadResult:
    """Read a raster of one or several channels from an HDF5 file."""
    with opened_hdf5(file) as opened:
        dataset = _chosen(file, opened, RASTER, variable)
        if dataset.ndim == 3:
            return read_cube(file, dataset.name)
        notes: list[str] = []
        values = _map_values(file, dataset)[..., np.newaxis]
        scene = Scene(values, scale=declared_scale(dataset.attrs, 1, notes))
        nodata, valid_range = declared_values(dataset.attrs, notes)
        unit = declared_unit(dataset.attrs)
    warn_of_file(file, notes, HINT_ATTRIBUTES)
    return ReadResult(scene, nodata, valid_range=valid_range, unit=unit)


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map from an HDF5 file."""
    with opened_hdf5(file) as opened:
        dataset = _chosen(file, opened, LABEL_MAP, variable)
        values = _map_values(file, dataset)
        notes: list[str] = []
        nodata = declared_values(dataset.attrs, notes).nodata
    warn_of_file(file, notes, HINT_ATTRIBUTES)
    return label_map(file, values, {}, {}, nodata, None, None)


def _chosen(file: Path, opened: Any, content: Content, variable: str | None) -> Any:
    path = variable and variable.strip("/")
    return opened[choose_variable(file, held_datasets(opened), content, path)]


def _map_values(file: Path, dataset: Any) -> NDArray[Any]:
    """Read a dataset of 2 dimensions, as (height, width)."""
    values = loaded(file, dataset)
    labels = [dimension.label for dimension in dataset.dims]
    if any(labels):
        y, x, _ = axis_order((*labels, "band"))
        values = values.transpose(y, x)
    return values


def held_datasets(opened: Any) -> dict[str, VariableInfo]:
    """List the datasets of an HDF5 file."""
    dataset = geo.h5py.Dataset
    held: dict[str, VariableInfo] = {}

    def add(name: str, item: Any) -> None:
        if isinstance(item, dataset) and item.shape is not None and not name.startswith("#"):
            held[name] = VariableInfo.of(item.shape, item.dtype)

    opened.visititems(add)
    return held


@contextmanager
def opened_hdf5(file: Path, kind: str = "HDF5") -> Iterator[Any]:
    """Open a file that holds all its values itself."""
    with reading(file, kind), geo.h5py.File(file) as opened:
        _check_own(file, opened)
        yield opened


def _check_own(path: Path, opened: Any) -> None:
    """Refuse a file some of whose values lie in other files, or that has no end."""
    # A crafted link could make us read any file of the user.
    count = itertools.count(1)

    def endless(name: str) -> str | None:
        return name if next(count) > _MOST_OBJECTS or name.count("/") > _DEEPEST else None

    def linked(name: str, link: Any) -> str | None:
        return name if isinstance(link, geo.h5py.ExternalLink) else None

    def stored(name: str, item: Any) -> str | None:
        elsewhere = isinstance(item, geo.h5py.Dataset) and (item.is_virtual or item.external)
        return name if elsewhere else None

    # A visit ends at the first value that is not None.
    if opened.visit(endless) is not None:
        problem = f"it has more than {_MOST_OBJECTS:,} objects, or groups more than {_DEEPEST} deep"
        raise file_error(path, problem, "Copy the scene into a file of its own.")
    name = opened.visititems_links(linked) or opened.visititems(stored)
    if name is not None:
        problem = f"its values of {name!r} lie in another file, which is not opened"
        raise file_error(path, problem, "Get a file that holds all its values itself.")


def loaded(path: Path, dataset: Any) -> NDArray[Any]:
    """Read a dataset as a whole."""
    check_stated(path, dataset.shape, dataset.dtype)
    check_memory(path, dataset.shape, dataset.dtype)
    values: NDArray[Any] = dataset[()]
    return values


def as_text(value: Any) -> str:
    """Read a text attribute, which HDF5 keeps in either of two ways."""
    return value.decode() if isinstance(value, bytes) else str(value)


def _axes(dataset: Any, lists: list[WavelengthList], notes: list[str]) -> tuple[int, int, int]:
    labels = [dimension.label for dimension in dataset.dims]
    if any(labels):
        return axis_order(labels)
    sizes = {np.size(values) for _, values, _ in lists}
    candidates = [axis for axis in (2, 1, 0) if dataset.shape[axis] in sizes]
    n_equal = sum(dataset.shape[axis] == dataset.shape[candidates[0]] for axis in candidates)
    if n_equal > 1:
        notes.append(
            f"the shape of {dataset.name}, {dataset.shape}, has the number of wavelengths "
            f"{n_equal} times, and axis {candidates[0]} is taken for that of the bands"
        )
    bands = candidates[0] if candidates else 2
    height, width = (axis for axis in range(3) if axis != bands)
    return height, width, bands


def _wavelength_lists(file: Path, opened: Any) -> list[WavelengthList]:
    lists = [
        WavelengthList(name, opened.attrs[name]) for name in opened.attrs if holds_wavelengths(name)
    ]
    for name, info in held_datasets(opened).items():
        if (
            holds_wavelengths(name)
            and info.numeric
            and max(info.shape, default=0) == np.prod(info.shape)
        ):
            attributes = opened[name].attrs
            unit = next((attributes[key] for key in attributes if key.lower() in _UNITS), "")
            numbers = loaded(file, opened[name])
            lists.append(WavelengthList(name, numbers, as_text(np.ravel(unit)[0])))
    return [each for each in lists if np.size(each.values) > 1]
