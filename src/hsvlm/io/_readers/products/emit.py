"""EMIT of NASA: radiance of level 1B and reflectance of level 2A in NetCDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import Reader, ReadResult
from hsvlm.io._declared import declared_scale, declared_values
from hsvlm.io._readers import hdf5, netcdf
from hsvlm.io._readers.products._cubes import OrthoCube
from hsvlm.io._readers.products._fields import (
    epsg_text,
    hdf5_product,
    holds,
    per_band,
    warn_of_product,
)
from hsvlm.io._wavelengths import to_nanometers
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_CUBES = ("reflectance", "radiance")
_BANDS = "sensor_band_parameters"
# Row and column of the swath for each pixel of the map grid.
_TABLES = ("location/glt_y", "location/glt_x")
_FILL = -9999.0


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read an EMIT granule on its map grid."""
    if variable is not None:
        return netcdf.read_cube(file, variable)
    notes: list[str] = []
    with hdf5.opened_hdf5(file, "an EMIT granule") as opened:
        name = str(_cube_name(opened))
        swath = hdf5.HDF5Cube(file.resolve(), name, opened[name], (0, 1, 2))
        wavelengths, bad_bands = _band_parameters(file, opened, swath.shape[2], notes)
        declared = declared_values(opened[name].attrs, notes)
        scale = declared_scale(opened[name].attrs, swath.shape[2], notes)
        shapes = {opened[table].shape for table in _TABLES}
        if len(shapes) > 1 or len(next(iter(shapes))) != 2:
            problem = f"its tables {' and '.join(_TABLES)} have shapes {sorted(shapes)}"
            raise file_error(file, problem, "The file is damaged: get it again.")
        fill = _FILL if declared.nodata is None else float(np.ravel(declared.nodata)[0])
        cube = OrthoCube(swath, _TABLES, shapes.pop(), fill)
        inside = cube.inside()
        crs, transform = _georeference(opened.attrs, notes)
    warn_of_product(file, notes)
    if not inside.any():
        problem = f"its tables {' and '.join(_TABLES)} place no pixel on the map"
        hint = f'Read it in the geometry of the sensor: variable="{name}".'
        option_hint = f"Read it in the geometry of the sensor: --variable {name}."
        raise file_error(file, problem, hint, option_hint)
    scene = Scene(
        cube,
        wavelengths_nm=wavelengths,
        bad_bands=bad_bands,
        valid=None if inside.all() else inside,
        crs=crs,
        transform=transform,
        scale=scale,
    )
    return ReadResult(scene, declared.nodata, valid_range=declared.valid_range)


def _cube_name(opened: Any) -> str | None:
    """Return the name of the cube of a granule with a geometry lookup table."""
    if not all(holds(opened, part) for part in (f"{_BANDS}/wavelengths", *_TABLES)):
        return None
    fitting = (name for name in _CUBES if holds(opened, name))
    return next((name for name in fitting if len(getattr(opened[name], "shape", ())) == 3), None)


def _band_parameters(
    file: Path, opened: Any, n_bands: int, notes: list[str]
) -> tuple[NDArray[np.float64] | None, NDArray[np.bool_] | None]:
    name = f"{_BANDS}/wavelengths"
    values = per_band(file, hdf5.loaded(file, opened[name]), f"variable {name}", n_bands)
    unit = hdf5.as_text(opened[name].attrs.get("units", "nm"))
    name = f"{_BANDS}/good_wavelengths"
    if not holds(opened, name):
        return to_nanometers(values, unit, notes), None
    good = per_band(file, hdf5.loaded(file, opened[name]), f"variable {name}", n_bands)
    return to_nanometers(values, unit, notes), good == 0


def _georeference(
    attributes: Mapping[str, Any], notes: list[str]
) -> tuple[str | None, tuple[float, ...] | None]:
    numbers = np.ravel(attributes.get("geotransform", ()))
    if numbers.shape != (6,) or numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        notes.append(
            "it is read without a georeference, because its attribute geotransform does not hold 6 "
            "numbers"
        )
        return None, None
    c, a, b, f, d, e = map(float, numbers)
    return _crs(hdf5.as_text(attributes.get("spatial_ref", ""))), (a, b, c, d, e, f)


def _crs(text: str) -> str:
    """Return the CRS as a code where it has one; granules are in degrees by definition."""
    try:
        crs = geo.pyproj.CRS.from_user_input(text)
    except geo.pyproj.exceptions.CRSError:
        return "EPSG:4326"
    code = crs.to_epsg()
    return str(crs.to_wkt()) if code is None else str(epsg_text(code))


READER = Reader("EMIT", hdf5.SUFFIXES, read_cube, matches=hdf5_product(_cube_name))
