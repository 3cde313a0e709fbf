"""NEON's airborne reflectance (AOP), flight lines and tiles, in HDF5."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import existing_file
from hsvlm._runtime import import_optional
from hsvlm.io import _hdf5
from hsvlm.io._common import Found
from hsvlm.io._map_info import read_map_info
from hsvlm.io._notes import warn_of_file
from hsvlm.io._products._fields import (
    epsg_text,
    first_number,
    holds,
    per_band,
    text_of,
    warn_without_georeference,
)
from hsvlm.io._variables import reading, to_nanometres
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["matches", "read_cube"]

_CUBE = "Reflectance/Reflectance_Data"
_SPECTRAL = "Reflectance/Metadata/Spectral_Data/Wavelength"
_PLACE = "Reflectance/Metadata/Coordinate_System"
_WINDOW = re.compile(r"Band_Window_\d+_Nanometers")


def matches(opened: Any) -> bool:
    """Tell whether an HDF5 file is a NEON reflectance product."""
    return _site_of(opened) is not None


def read_cube(path: str | PathLike[str], variable: str | None = None) -> Found:
    """Read a NEON reflectance file.

    Parameters
    ----------
    path : path
        The ``.h5`` file. Its cube is read where it is indexed, in numbers as stored.
    variable : str, default=None
        Path of another dataset, to be read as it is stored. None: the reflectance.

    Returns
    -------
    Found
        The cube of shape (height, width, n_bands) with CRS and transform. Bands in the windows
        ``Band_Window_1_Nanometers`` and following are bad ones, and ``Data_Ignore_Value`` is the
        value for "no data".

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is damaged, or the list of wavelengths does not fit the cube.
    MissingDependencyError
        If h5py is not installed, or rasterio, which reads the georeference.
    """
    file = existing_file(path)
    h5py = import_optional("h5py", "geo")
    with reading(file, "a NEON reflectance file"), h5py.File(file) as opened:
        _hdf5.check_own(file, opened)
        site = str(_site_of(opened))
        if variable is not None and variable.strip("/") != f"{site}/{_CUBE}":
            return _hdf5.read_cube(file, variable)
        dataset, group = opened[f"{site}/{_CUBE}"], opened[f"{site}/Reflectance"]
        cube = _hdf5.HDF5Cube(file.resolve(), f"{site}/{_CUBE}", dataset, (0, 1, 2))
        name = f"{site}/{_SPECTRAL}"
        values = per_band(file, _hdf5.loaded(file, opened[name]), f"dataset {name}", cube.shape[2])
        wavelengths = to_nanometres(values, _hdf5.as_text(opened[name].attrs.get("Units", "nm")))
        crs, transform = _georeference(file, opened, f"{site}/{_PLACE}")
        scene = Scene(
            cube,
            wavelengths_nm=wavelengths,
            bad_bands=_bad_bands(values, group.attrs),
            crs=crs,
            transform=transform,
        )
        nodata = first_number(dataset.attrs, "Data_Ignore_Value", "data ignore value", "_FillValue")
        return Found(scene, nodata)


def _site_of(opened: Any) -> str | None:
    paths = (_CUBE, _SPECTRAL)
    sites = (site for site in opened if all(holds(opened, f"{site}/{path}") for path in paths))
    return next(sites, None)


def _bad_bands(wavelengths: NDArray[Any], attributes: Any) -> NDArray[np.bool_] | None:
    windows = [np.ravel(attributes[name]) for name in attributes if _WINDOW.fullmatch(name)]
    bad = np.zeros(len(wavelengths), dtype=bool)
    for window in windows:
        low, high = (float(value) for value in window)
        bad |= (wavelengths >= low) & (wavelengths <= high)
    return bad if windows else None


def _georeference(
    file: Path, opened: Any, group: str
) -> tuple[str | None, tuple[float, ...] | None]:
    if not holds(opened, f"{group}/Map_Info"):
        warn_without_georeference(file, f"its dataset {group}/Map_Info is missing")
        return None, None
    notes: list[str] = []
    info = text_of(file, opened[f"{group}/Map_Info"])
    crs, transform = read_map_info(file, {"map info": info}, notes)
    warn_of_file(file, notes, "Place the scene by hand if you need its georeference.")
    code = f"{group}/EPSG Code"
    stated = epsg_text(text_of(file, opened[code])) if holds(opened, code) else None
    return stated or crs, transform
