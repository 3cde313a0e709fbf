"""GDAL, as reached through rasterio: its settings, its errors, and coordinate systems."""

from __future__ import annotations

import os
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io import _geo as geo
from hsvlm.io._variables import HINT_COPY_AGAIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANNOT_READ = "GDAL cannot read it"
# By default GDAL keeps up to a twentieth of the machine's memory in decoded blocks.
CACHE_BYTES = 64_000_000
_SHOWN = 60
# Formats whose files are descriptions of what lies on a server. Those of MRF may also name a file
# that is to be written.
_REMOTE = {
    "DAAS", "EEDA", "EEDAI", "GTI", "HTTP", "MRF", "NGW",
    "OGCAPI", "PLMOSAIC", "STACIT", "STACTA", "WCS", "WMS", "WMTS",
}  # fmt: skip
# Virtual rasters may name others, of any format, and code. What is fetched nevertheless goes
# through a proxy that is not there: GDAL has no switch that turns the network off.
_NOWHERE = "http://127.0.0.1:9"
_SAFE = {
    "GDAL_HTTP_PROXY": _NOWHERE,
    "GDAL_HTTPS_PROXY": _NOWHERE,
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
}


# Names that say nothing, and the ellipsoid in WKT.
_UNNAMED = re.compile(r'\w+\["(unnamed|unknown|user-defined|)"', re.IGNORECASE)
_ELLIPSOID = re.compile(
    r'(?:SPHEROID|ELLIPSOID)\["([^"]*)",\s*([\d.eE+-]+),\s*([\d.eE+-]+)', re.IGNORECASE
)
# Equatorial half axes of ellipsoids of the Earth.
_AXES_M = {
    "wgs": 6_378_137,
    "grs": 6_378_137,
    "clarke1866": 6_378_206,
    "international1924": 6_378_388,
    "bessel1841": 6_377_397,
    "krassowsky": 6_378_245,
}


@contextmanager
def gdal(path: Any, problem: str, hint: str, cache_bytes: int = CACHE_BYTES) -> Iterator[None]:
    """Work with GDAL on a file, in little memory."""
    rasterio = geo.rasterio
    failures = (rasterio.errors.RasterioError, rasterio._err.CPLE_BaseError, UnicodeDecodeError)
    options = {} if "GDAL_CACHEMAX" in os.environ else {"GDAL_CACHEMAX": cache_bytes}
    with geo.rasterio.Env(**options, **_SAFE):
        try:
            yield
        except failures as error:
            reason = (str(error.__cause__ or error).strip() or "no reason given").splitlines()[0]
            raise file_error(path, f"{problem} ({reason.rstrip('.')})", hint) from error


@contextmanager
def opened_raster(path: Path) -> Iterator[Any]:
    """Open a raster, and blame the file for what GDAL fails at."""
    with gdal(path, CANNOT_READ, HINT_COPY_AGAIN), open_local(path) as dataset:
        yield dataset


def open_local(path: Path) -> Any:
    """Open a raster, unless it is a description of what lies on a server."""
    with geo.rasterio.Env() as environment:
        drivers = sorted(environment.drivers().keys() - _REMOTE)
    # rasterio.open takes one driver, or all of them.
    with ungeoreferenced():
        return geo.rasterio.io.DatasetReader(path, driver=drivers)


@contextmanager
def ungeoreferenced() -> Iterator[None]:
    """Open files without a georeference in silence: a scene need not have one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", geo.rasterio.errors.NotGeoreferencedWarning)
        yield


def parsed_crs(crs: str | None) -> Any:
    """Understand a coordinate reference system."""
    if crs is None:
        return None
    try:
        with geo.rasterio.Env():
            return geo.rasterio.crs.CRS.from_user_input(crs)
    except geo.rasterio.errors.CRSError as error:
        shown = crs if len(crs) <= _SHOWN else f"{crs[:_SHOWN]}..."
        raise ParameterError(
            f"crs={shown!r} is not a coordinate reference system that PROJ knows. "
            'Give WKT or a code such as "EPSG:32616", or None.'
        ) from error


def real_crs(crs: Any) -> str | None:
    """Give the coordinate reference system of a file as text."""
    text = str(crs.to_wkt()) if crs else ""
    if not text or text.startswith(("LOCAL_CS", "ENGCRS")):
        return None
    if _UNNAMED.match(text) and (code := crs.to_epsg()):
        return str(geo.rasterio.crs.CRS.from_epsg(code).to_wkt())
    return text


def doubtful_ellipsoid(crs: str | None) -> str:
    """Say that the ellipsoid of a CRS contradicts its name; empty if it does not."""
    match = _ELLIPSOID.search(crs or "")
    if match is None:
        return ""
    name, axis, flattening = match[1], float(match[2]), float(match[3])
    letters = "".join(filter(str.isalnum, name.lower()))
    known = next((size for part, size in _AXES_M.items() if part in letters), None)
    plausible = abs(axis - known) < 1000 if known else axis > 1e5
    if plausible and (flattening == 0 or flattening > 5):
        return ""
    return f"the ellipsoid {name[:40]!r} of its CRS is corrupt, with a half axis of {axis:,.1f} m"


def place_of(dataset: Any) -> tuple[str | None, tuple[float, ...] | None]:
    """Give CRS and transform of a raster."""
    return real_crs(dataset.crs), real_transform(dataset.transform)


def real_transform(transform: Any) -> tuple[float, ...] | None:
    """Give the transform of a file as six numbers."""
    return None if transform.is_identity else tuple(transform)[:6]
