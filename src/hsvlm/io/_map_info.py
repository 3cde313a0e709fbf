"""The georeference in headers of ENVI, understood and phrased by GDAL."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from hsvlm.exceptions import FileError, ParameterError
from hsvlm.io import _geo as geo
from hsvlm.io._envi_header import parse_number, read_header
from hsvlm.io._gdal import (
    doubtful_ellipsoid,
    gdal,
    parsed_crs,
    real_crs,
    real_transform,
    ungeoreferenced,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FIELDS = ("map info", "projection info", "coordinate system string")
_NO_CRS = re.compile(r"<?(arbitrary|unknown|none|image|pixel)|$", re.IGNORECASE)
_WGS_84 = re.compile(r"(wgs|world geodetic system).*84", re.IGNORECASE)
_HINT = "Correct the field `map info`, or delete it to do without a georeference."
_UNIT = re.compile(r"units?\s*=(.*)", re.IGNORECASE)
# What GDAL understands by the letters of other spellings, without the last "s".
_UNITS = {
    "m": "Meters", "meter": "Meters", "metre": "Meters",
    "km": "Km", "kilometer": "Km", "kilometre": "Km",
    "yd": "Yards", "yard": "Yards",
    "mi": "Miles", "mile": "Miles", "nmi": "Nautical Miles", "nauticalmile": "Nautical Miles",
    "ft": "Feet", "foot": "Feet", "feet": "Feet",
    "deg": "Degrees", "degree": "Degrees", "decimaldegree": "Degrees",
    "min": "Minutes", "minute": "Minutes", "arcmin": "Minutes", "arcminute": "Minutes",
    "sec": "Seconds", "second": "Seconds", "arcsec": "Seconds", "arcsecond": "Seconds",
    "rad": "Radians", "radian": "Radians",
    "": "", "unknown": "", "none": "",
}  # fmt: skip
_FOOT_M = 0.3048
# Of pixels: the step from one to the next, and the place of the first.
_TOLERANCES = np.array([1e-6, 1e-6, 1e-3, 1e-6, 1e-6, 1e-3])
# GDAL takes a raster of at least two bytes.
_HEADER = """ENVI
samples = 2
lines = 1
bands = 1
header offset = 0
data type = 1
interleave = bsq
byte order = 0
"""


def read_map_info(
    header: Path, fields: Mapping[str, str], notes: list[str]
) -> tuple[str | None, tuple[float, ...] | None]:
    """Find CRS and transform in the fields of a header."""
    info = [part.strip() for part in fields.get("map info", "").split(",")]
    if not any(info):
        return None, None
    pixel = _reference_pixel(info)
    if pixel is None:
        notes.append(
            f"`map info` is {{{', '.join(info)[:80]}}} and is not used: it needs the name of a "
            "projection, the reference pixel (2 numbers), its coordinates (2) and the size of a "
            "pixel (2)"
        )
        return None, None
    column, row = pixel
    # What the units do to coordinates is easier to follow from the first pixel.
    texts = {name: " ".join(fields[name].split()) for name in _FIELDS if fields.get(name)}
    stated = _stated_crs(texts)
    parts, unknown_unit = _with_known_unit(info, stated)
    texts["map info"] = ", ".join([parts[0], "1", "1", *parts[3:]])
    try:
        crs, transform = _by_gdal(header, texts)
    except FileError:
        notes.append("`map info` is not understood by GDAL and is not used")
        return None, None
    if not np.isfinite(transform).all():
        notes.append("`map info` gives no finite coordinates and is not used")
        return None, None
    if unknown_unit and crs is not None and stated is None:
        notes.append(f"`map info` has the unknown unit {unknown_unit[:40]!r} and is not used")
        return None, None
    a, b, c, d, e, f = transform
    c, f = c - (column - 1) * a - (row - 1) * b, f - (column - 1) * d - (row - 1) * e
    crs = _checked_crs(crs, info, texts, notes)
    return crs, (a, b, c, d, e, f)


def _by_gdal(header: Path, texts: Mapping[str, str]) -> tuple[str | None, tuple[float, ...]]:
    text = _HEADER + "".join(f"{name} = {{{value}}}\n" for name, value in texts.items())
    place = uuid4().hex
    with (
        gdal(header, "its georeference cannot be read", _HINT),
        ungeoreferenced(),
        geo.rasterio.io.MemoryFile(text.encode(), dirname=place, filename="grid.hdr"),
        geo.rasterio.io.MemoryFile(b"\0\0", dirname=place, filename="grid.img") as pixels,
        pixels.open(driver="ENVI") as dataset,
    ):
        # A rotation by nothing leaves negative zeros.
        return real_crs(dataset.crs), tuple(0.0 + part for part in dataset.transform[:6])


def write_map_info(
    folder: Path, crs: str | None, transform: tuple[float, ...] | None
) -> dict[str, str]:
    """Phrase CRS and transform as fields of a header."""
    grid = None if transform is None else geo.affine.Affine(*transform)
    if grid is None or real_transform(grid) is None:
        return {}
    header = folder / "grid.hdr"
    with gdal(header, "the georeference cannot be written", _HINT), ungeoreferenced():
        geo.rasterio.open(
            header.with_suffix(".img"), "w", driver="ENVI", width=2, height=1, count=1,
            dtype="uint8", crs=parsed_crs(crs), transform=grid,
        ).close()  # fmt: skip
    fields = read_header(header).fields
    header.unlink()
    header.with_suffix(".img").unlink()
    kept = {name: " ".join(fields[name].split()) for name in _FIELDS if name in fields}
    said = read_map_info(header, kept, [])[1]
    if said is None or not _alike(said, grid[:6]):
        raise ParameterError(
            f"transform={transform} is skewed or mirrored, which the header of an ENVI file cannot "
            "say. Write a GeoTIFF (.tif), or bring the scene to a grid of square pixels."
        )
    return {name: f"{{{value}}}" for name, value in kept.items()}


def _reference_pixel(info: list[str]) -> tuple[float, float] | None:
    try:
        column, row, _, _, width, height = numbers = [float(part) for part in info[1:7]]
    except ValueError:
        return None
    good = width > 0 and height > 0 and all(map(math.isfinite, numbers))
    return (column, row) if good else None


def _with_known_unit(info: list[str], stated: Any) -> tuple[list[str], str]:
    """Spell the unit as GDAL does, and return it as well if it is unknown."""
    parts, unknown = [], ""
    for part in info:
        match = _UNIT.fullmatch(part)
        if match is None:
            parts.append(part)
            continue
        letters = re.sub(r"[^a-z]", "", match[1].lower()).removesuffix("s")
        unit = _UNITS.get(letters)
        unknown = match[1].strip() if unit is None else ""
        # ENVI and GDAL call both feet so; only a coordinate system string tells which they are.
        if unit and not (unit == "Feet" and _is_in_feet(stated)):
            parts.append(f"units={unit}")
    return parts, unknown


def _is_in_feet(crs: Any) -> bool:
    if crs is None or not crs.is_projected:
        return False
    return math.isclose(crs.linear_units_factor[1], _FOOT_M, rel_tol=1e-5)


def _checked_crs(
    crs: str | None, info: list[str], texts: Mapping[str, str], notes: list[str]
) -> str | None:
    """Say what GDAL assumed in silence; None where its CRS cannot be right."""
    name, stated = info[0], texts.get("coordinate system string")
    if stated is not None and _stated_crs(texts) is None:
        notes.append("`coordinate system string` is not understood and is not used")
        stated = None
    if crs is None:
        if stated is None and not _NO_CRS.match(name):
            notes.append(f"`map info` ({name[:40]!r}) names no CRS that GDAL knows")
        return None
    if stated is None and name.lower() == "utm" and not crs.startswith("PROJCS"):
        notes.append(f"`map info` names the UTM zone {', '.join(info[7:9])!r}; there is no CRS")
        return None
    if stated is None:
        crs = crs.replace('"unnamed"', '"' + name.replace('"', "")[:40] + '"', 1)
        place = {"utm": 9, "geographic lat/lon": 7}.get(name.lower())
        datum = "".join(info[place : place + 1]) if place else ""
        if place and (not datum or "=" in datum):
            notes.append(f"`map info` names no datum, and {_datum_of(crs)} is assumed")
        elif place and _datum_of(crs) == "WGS 84" and not _WGS_84.search(datum):
            notes.append(f"`map info` names the unknown datum {datum[:40]!r}; WGS 84 is assumed")
    doubts = doubtful_ellipsoid(crs), _doubtful_axes(texts.get("projection info", ""))
    notes.extend(doubt for doubt in doubts if doubt)
    return crs


def _stated_crs(texts: Mapping[str, str]) -> Any:
    """Understand the coordinate system string of a header; None if there is none that can be."""
    try:
        return parsed_crs(texts.get("coordinate system string"))
    except ParameterError:
        return None


def _datum_of(crs: str) -> str:
    return crs.partition('GEOGCS["')[2].partition('"')[0]


def _doubtful_axes(projection_info: str) -> str:
    """Say that the half axes of `projection info` are not those of the Earth."""
    numbers = [parse_number(part) for part in projection_info.split(",")[1:3]]
    axes = [number for number in numbers if number is not None and number > 1000]
    if not axes or all(6.33e6 < number < 6.40e6 for number in axes):
        return ""
    shown = " and ".join(f"{number:,.1f}" for number in axes)
    return f"`projection info` states an ellipsoid with half axes of {shown} m, not the Earth's"


def _alike(said: tuple[float, ...], meant: tuple[float, ...]) -> bool:
    off = np.abs(np.subtract(said, meant)) / math.hypot(meant[0], meant[3])
    return bool((off <= _TOLERANCES).all())
