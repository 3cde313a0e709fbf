"""NEON's airborne reflectance (AOP), flight lines and tiles, in HDF5."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.io._common import Reader, ReadResult
from hsvlm.io._declared import declared_scale, declared_values
from hsvlm.io._map_info import read_map_info
from hsvlm.io._readers import hdf5
from hsvlm.io._readers.products._fields import (
    MOST_NAMES,
    band_dataset,
    epsg_text,
    hdf5_product,
    holds,
    text_of,
    warn_of_product,
)
from hsvlm.io._variables import is_path_end
from hsvlm.io._wavelengths import to_nanometers
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_CUBE = "Reflectance/Reflectance_Data"
_SPECTRAL = "Reflectance/Metadata/Spectral_Data/Wavelength"
_PLACE = "Reflectance/Metadata/Coordinate_System"
_WINDOW = re.compile(r"Band_Window_\d+_Nanometers")


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read a NEON reflectance file."""
    notes: list[str] = []
    with hdf5.opened_hdf5(file, "a NEON reflectance file") as opened:
        site = str(_site_of(opened))
        if variable is not None and not is_path_end(f"{site}/{_CUBE}", variable):
            return hdf5.read_cube(file, variable)
        dataset, group = opened[f"{site}/{_CUBE}"], opened[f"{site}/Reflectance"]
        cube = hdf5.HDF5Cube(file.resolve(), f"{site}/{_CUBE}", dataset, (0, 1, 2))
        name = f"{site}/{_SPECTRAL}"
        values = band_dataset(file, opened, name, cube.shape[2])
        unit = hdf5.as_text(opened[name].attrs.get("Units", "nm"))
        wavelengths = to_nanometers(values, unit, notes)
        crs, transform = _georeference(file, opened, f"{site}/{_PLACE}", notes)
        scene = Scene(
            cube,
            wavelengths_nm=wavelengths,
            bad_bands=_bad_bands(wavelengths, group.attrs, notes),
            crs=crs,
            transform=transform,
            scale=declared_scale(dataset.attrs, cube.shape[2], notes),
        )
        declared = declared_values(dataset.attrs, notes)
    warn_of_product(file, notes)
    return ReadResult(scene, declared.nodata, valid_range=declared.valid_range)


def _site_of(opened: Any) -> str | None:
    paths = (_CUBE, _SPECTRAL)
    for site in itertools.islice(opened, MOST_NAMES):
        if all(holds(opened, f"{site}/{path}") for path in paths):
            return str(site)
    return None


def _bad_bands(
    wavelengths: NDArray[np.float64] | None, attributes: Any, notes: list[str]
) -> NDArray[np.bool_] | None:
    names = [name for name in attributes if _WINDOW.fullmatch(name)]
    if wavelengths is None or not names:
        return None
    bad = np.zeros(len(wavelengths), dtype=bool)
    for name in names:
        window = np.ravel(attributes[name])
        if window.shape != (2,) or window.dtype.kind not in "iuf":
            notes.append(f"its attribute {name} does not hold 2 numbers and is not used")
            continue
        bad |= (wavelengths >= float(window[0])) & (wavelengths <= float(window[1]))
    return bad


def _georeference(
    file: Path, opened: Any, group: str, notes: list[str]
) -> tuple[str | None, tuple[float, ...] | None]:
    if not holds(opened, f"{group}/Map_Info"):
        notes.append(f"it is read without a georeference, because {group}/Map_Info is missing")
        return None, None
    info = text_of(file, opened[f"{group}/Map_Info"])
    crs, transform = read_map_info(file, {"map info": info}, notes)
    code = f"{group}/EPSG Code"
    stated = epsg_text(text_of(file, opened[code])) if holds(opened, code) else None
    return stated or crs, transform


READER = Reader("NEON", hdf5.SUFFIXES, read_cube, matches=hdf5_product(_site_of))
