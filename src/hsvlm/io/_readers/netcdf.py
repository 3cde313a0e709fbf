"""NetCDF files, and data that xarray holds already."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.axes import axis_order
from hsvlm._data.lazy import LazyCube
from hsvlm._system.files import file_error
from hsvlm._system.optional import import_optional
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap, Reader, ReadResult
from hsvlm.io._declared import (
    Declared,
    declared_numbers,
    declared_scale,
    declared_unit,
    declared_values,
)
from hsvlm.io._ground import georeference
from hsvlm.io._notes import warn_of_file
from hsvlm.io._readers import hdf5
from hsvlm.io._sizes import check_memory, check_stated
from hsvlm.io._strangers import start_of
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
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_KIND = "NetCDF"
# What errors call data that are in no file of ours.
_DATA = "xarray data"
_CLASSIC = b"CDF"
_MOST_GROUPS = 1000
_PACKED = {"scale_factor", "add_offset", "_Unsigned"}
_PACKING = (("scale_factor", 1.0), ("add_offset", 0.0))
_GOOD_BANDS = re.compile(r"(.*/)?(bbl|\w*good_(wavelengths|bands))")
_FILLED = {"_FillValue", "missing_value"}


class XarrayCube(LazyCube):
    """An array of xarray, read where it is indexed."""

    def __init__(self, array: Any, axes: tuple[int, int, int], path: Any) -> None:
        super().__init__(tuple(array.shape[axis] for axis in axes), array.dtype.newbyteorder("="))
        # Names, coordinates and attributes are no part of the values.
        self._array = array.variable
        self._axes = axes
        self.path = path

    @property
    def array(self) -> Any:
        """The array of xarray, in the order of the axes; nothing is read."""
        return self._array.transpose(*(self._array.dims[axis] for axis in self._axes))

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read whole rows; see the base class."""
        check_memory(self.path or _DATA, (stop - start, *self.shape[1:]), self.dtype)
        # Read first, then transposed: a transposed array of a file is read value by value.
        with reading(self.path or _DATA, _KIND):
            rows = self._array.isel({self._array.dims[self._axes[0]]: slice(start, stop)})
            values: NDArray[Any] = rows.values.transpose(self._axes)
        return np.ascontiguousarray(values, dtype=self.dtype)


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read a cube from a NetCDF or HDF5 file."""
    if not _is_netcdf(file):
        return hdf5.read_cube(file, variable)
    variables = _variables(file)
    return _cube(file.resolve(), variables, _choose(file, variables, CUBE, variable))


def read_raster(file: Path, variable: str | None = None) -> ReadResult:
    """Read a raster of one or several channels from a NetCDF or HDF5 file."""
    if not _is_netcdf(file):
        return hdf5.read_raster(file, variable)
    variables = _variables(file)
    name = _choose(file, variables, RASTER, variable)
    if variables[name].ndim == 2:
        check_memory(file, variables[name].shape, variables[name].dtype)
        with reading(file, _KIND):
            variables[name] = variables[name].expand_dims("single_channel", axis=2)
    return _cube(file.resolve(), variables, name)


def read_label_map(file: Path, variable: str | None = None) -> LabelMap:
    """Read a label map from a NetCDF or HDF5 file."""
    if not _is_netcdf(file):
        return hdf5.read_label_map(file, variable)
    variables = _variables(file)
    array = variables[_choose(file, variables, LABEL_MAP, variable)]
    notes: list[str] = []
    with reading(file, _KIND):
        check_memory(file, array.shape, array.dtype)
        nodata = _declared(array, notes).nodata
        held = held_map(array, variables, notes)
    warn_of_file(file, notes, hdf5.HINT_ATTRIBUTES)
    place = (held.crs, held.transform)
    return label_map(file, held.labels, held.class_names, {}, nodata, *place)


def held_map(array: Any, variables: Mapping[str, Any], notes: list[str]) -> LabelMap:
    """Take a label map from an array of xarray, with its values as they are."""
    y, x, _ = axis_order((*map(str, array.dims), "band"))
    crs, transform = georeference(array, variables, array.dims[y], array.dims[x])
    names = class_flags(array, notes)
    return LabelMap(array.values.transpose(y, x), names, {}, crs, transform)


def from_xarray(data: Any, variable: str | None = None) -> ReadResult:
    """Take a cube from what xarray holds."""
    result = _cube(None, *_held_cube(data, variable))
    if result.nodata is None and result.scene.cube.dtype.kind == "f":
        return replace(result, nodata=np.nan)  # what missing values are in xarray
    return result


def cube_of_xarray(data: Any, variable: str | None = None) -> Any:
    """Return the array of xarray that `from_xarray` reads."""
    variables, name = _held_cube(data, variable)
    return variables[name]


def _held_cube(data: Any, variable: str | None) -> tuple[dict[str, Any], str]:
    """Give all arrays that xarray holds by name, and the name of the cube."""
    if hasattr(data, "data_vars"):
        variables = {str(name): data[name] for name in data.variables}
    else:
        variables = {str(name): array for name, array in data.coords.items()}
        own = "the array" if data.name is None else str(data.name)
        variables[own] = data
        variable = own if variable is None else variable
    return variables, _choose(_DATA, variables, CUBE, variable)


def _cube(path: Path | None, variables: Mapping[str, Any], name: str) -> ReadResult:
    array = variables[name]
    axes = axis_order(map(str, array.dims))
    y, x, band = (array.dims[axis] for axis in axes)
    along = {name: array for name, array in variables.items() if array.dims == (band,)}
    good = next((array for name, array in along.items() if _GOOD_BANDS.fullmatch(name)), None)
    names = along.get(str(band))
    notes: list[str] = []
    with reading(path or _DATA, _KIND):
        crs, transform = georeference(array, variables, y, x)
        scene = Scene(
            XarrayCube(array, axes, path),
            wavelengths_nm=fitting_wavelengths(
                _wavelength_lists(along, str(band)), array.shape[axes[2]], notes, name
            ),
            band_names=names.values if names is not None and names.dtype.kind in "OUT" else (),
            bad_bands=None if good is None else good.values == 0,
            crs=crs,
            transform=transform,
            scale=declared_scale(array.attrs, array.shape[axes[2]], notes),
        )
        nodata, valid_range = _declared(array, notes)
    warn_of_file(path or _DATA, notes, hdf5.HINT_ATTRIBUTES)
    return ReadResult(scene, nodata, valid_range=valid_range, unit=declared_unit(array.attrs))


def _wavelength_lists(along: Mapping[str, Any], band: str) -> list[WavelengthList]:
    """List the arrays along the bands that may hold wavelengths, with their units."""
    held = {name: array for name, array in along.items() if holds_wavelengths(name)}
    names = along.get(band)
    if names is not None and names.dtype.kind in "iuf" and names.attrs.get("units"):
        # A coordinate of another name counts if it has a unit; most only number the bands.
        held.setdefault(band, names)
    return [
        WavelengthList(name, array.values, str(array.attrs.get("units", "")))
        for name, array in held.items()
    ]


def _declared(array: Any, notes: list[str]) -> Declared:
    packing = [array.encoding.get(name, default) for name, default in _PACKING]
    # What remains in the attributes of an unpacked array is in its packed numbers.
    scale = tuple(float(number) for number in packing) if array.dtype.kind == "f" else (1.0, 0.0)
    declared = declared_values(array.attrs, notes, (scale[0], scale[1]))
    # What has been unpacked says NaN instead.
    unpacked = array.dtype.kind == "f" and not _FILLED.isdisjoint(array.encoding)
    if declared.nodata is None and unpacked:
        return declared._replace(nodata=np.nan)
    return declared


def class_flags(array: Any, notes: list[str]) -> dict[Any, str]:
    """Read class names from the flags of the CF conventions, if an array has attributes."""
    attributes = getattr(array, "attrs", {})
    values = _flag_values(array, attributes.get("flag_values", ()), notes)
    # Words of a meaning are joined by underscores.
    listed = str(attributes.get("flag_meanings", "")).split()
    names = [name.replace("_", " ").strip() or name for name in listed]
    if len(values) != len(names):
        if names:
            notes.append(
                f"its {len(values)} flag_values and {len(names)} flag_meanings differ in number "
                "and are not used"
            )
        return {}
    return dict(zip(values, names, strict=True))


def _flag_values(array: Any, stated: Any, notes: list[str]) -> list[Any]:
    """Give flags as the numbers that the array holds: unpacked, and not as text."""
    values = np.ravel(stated)
    if values.dtype.kind not in "iu":
        numbers = declared_numbers("flag_values", values, notes)
        return [int(number) if number.is_integer() else number for number in numbers]
    said = array.encoding.get("_Unsigned", "") if hasattr(array, "encoding") else ""
    sign = {"true": "u", "false": "i"}.get(str(said).lower(), values.dtype.kind)
    flags: list[Any] = values.astype(f"{sign}{values.dtype.itemsize}").tolist()
    return flags


def _choose(path: Any, variables: Mapping[str, Any], content: Content, variable: str | None) -> str:
    held = {name: VariableInfo.of(array.shape, array.dtype) for name, array in variables.items()}
    return choose_variable(path, held, content, variable and variable.strip("/"))


def _is_classic(file: Path) -> bool:
    with reading(file, _KIND):
        return start_of(file).startswith(_CLASSIC)


def _is_netcdf(file: Path) -> bool:
    if _is_classic(file):
        return True

    def lacks_dimensions(_: str, array: Any) -> bool | None:
        if not isinstance(array, geo.h5py.Dataset):
            return None
        # Attributes that are damaged end the process where HDF5's own functions look at them.
        scales = array.attrs.get("DIMENSION_LIST", ())
        named = array.attrs.get("CLASS") == b"DIMENSION_SCALE" or (
            len(scales) == array.ndim and all(map(len, scales))
        )
        # A visit ends at the first value that is not None.
        return None if named else True

    with hdf5.opened_hdf5(file) as opened:
        # Files of netCDF-4 name its version, but for those of old releases.
        return "_NCProperties" in opened.attrs or not opened.visititems(lacks_dimensions)


def _variables(file: Path) -> dict[str, Any]:
    with reading(file, _KIND):
        return {
            f"{group}/{name}".strip("/"): array
            for group in _groups(file)
            for name, array in _unpacked(_open(file, group)).items()
        }


def _groups(file: Path) -> list[str]:
    if _is_classic(file):
        return [""]
    groups = {"": None}

    def add(name: str, dataset: Any) -> None:
        if isinstance(dataset, geo.h5py.Dataset) and dataset.shape is not None:
            check_stated(file, dataset.shape, dataset.dtype)
            if len(dataset.shape) == 1:
                # Coordinates are read as soon as xarray opens the file.
                check_memory(file, dataset.shape, np.float64, copies=3)
            groups[name.rpartition("/")[0]] = None

    with geo.h5py.File(file) as opened:
        opened.visititems(add)
    if len(groups) > _MOST_GROUPS:
        problem = f"it holds variables in {len(groups):,} groups, and {_MOST_GROUPS:,} are the most"
        raise file_error(file, problem, "Copy those that belong to the scene into another file.")
    return list(groups)


def _open(file: Path, group: str) -> Any:
    if _is_classic(file):
        return geo.xarray.open_dataset(file, engine="scipy", decode_cf=False, cache=False)
    import_optional("h5netcdf", "geo")
    return geo.xarray.open_dataset(
        file,
        engine="h5netcdf",
        group=group or None,
        decode_cf=False,
        cache=False,
        phony_dims="access",  # for arrays that other software has added
    )


def _unpacked(dataset: Any) -> dict[Any, Any]:
    packed = [
        name for name, array in dataset.variables.items() if not _PACKED.isdisjoint(array.attrs)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", geo.xarray.SerializationWarning)  # of several fill values
        unpacked = geo.xarray.decode_cf(dataset[packed], decode_times=False, decode_coords=False)
    return {name: (unpacked if name in packed else dataset)[name] for name in dataset.variables}


READER = Reader(
    "NetCDF and HDF5", hdf5.SUFFIXES, read_cube, read_label_map, read_raster=read_raster
)
