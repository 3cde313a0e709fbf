"""Regions of interest of ENVI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io import _geo as geo
from hsvlm.io._common import Features, Reader, hex_color
from hsvlm.io._readers.features._xml import local_name, root_name, xml_tree
from hsvlm.io._readers.features.tables import decoded_text
from hsvlm.io._strangers import start_of
from hsvlm.io._variables import reading

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from hsvlm.io._common import FeatureQuery
    from hsvlm.scene import Scene

_ASCII_START = b"; ENVI Output of ROIs"
_ROOT = "RegionsOfInterest"
_COLUMN = "region"
_EXPORT = (
    "Export the regions from ENVI as XML, as a shapefile, as a classification image, or (ENVI "
    "Classic) as ASCII with ID, X and Y."
)
_HEADER = re.compile(r";\s*(?:ROI\s+)?([\w ]+?)\s*:\s*(.*)", re.IGNORECASE)
# Python converts no more than 4,300 digits, and no count or size has more than nine.
_COUNT = re.compile(r"[0-9]{1,9}")
_SIZE = re.compile(r"(?<!\d)([0-9]{1,9})\s*x\s*([0-9]{1,9})(?!\d)", re.IGNORECASE)


def _read_roi(file: Path, like: Scene, query: FeatureQuery) -> Features:
    """Read regions that ENVI has exported as ASCII or XML."""
    start = start_of(file, 1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        if query.encoding is not None:
            raise ParameterError(
                f"encoding={query.encoding!r} has no use: {file} states its own.", "Leave it out."
            )
        return _from_xml(file)
    if start.startswith(_ASCII_START[:6]):
        return _from_ascii(file, like, query.encoding)
    raise file_error(file, "is a binary file of ENVI regions, which is not read", _EXPORT)


def _matches(file: Path) -> bool:
    start = start_of(file, 4096)
    starts = {".txt": _ASCII_START in start, ".xml": root_name(start) == _ROOT}
    return starts.get(file.suffix.lower(), True)


def _from_ascii(file: Path, like: Scene, encoding: str | None) -> Features:
    names: list[str] = []
    colors: dict[str, str] = {}
    counts: list[int] = []
    columns: list[str] = []
    numbers: list[list[str]] = []
    for line in decoded_text(file, encoding).splitlines():
        if not line.lstrip().startswith(";"):
            if line.strip():
                numbers.append(line.replace(",", " ").split())
            continue
        match = _HEADER.match(line.strip())
        if match is None:
            words = line.strip(" ;\t").replace(",", " ").split()
            columns = words if words[:1] == ["ID"] else columns
            continue
        key, value = match[1].lower(), match[2].strip()
        if key == "file dimension":
            _check_size(file, value, like)
        elif key == "name":
            names.append(value)
        elif key == "rgb value" and names:
            colors |= _color_of(names[-1], value)
        elif key == "npts":
            counts.append(int(value) if _COUNT.fullmatch(value) else -1)
    fitting = len(counts) == len(names) and -1 not in counts and sum(counts) == len(numbers)
    if not names or not fitting:
        problem = (
            f"its header names {len(names)} regions of {sum(counts)} pixels, but "
            f"{len(numbers)} "
            "lines of pixels follow"
        )
        raise file_error(file, problem, _EXPORT)
    if not numbers:
        raise file_error(file, "holds no pixels of regions", _EXPORT)
    if columns[:3] != ["ID", "X", "Y"]:
        shown = " ".join(columns[:6]) or "not named"
        raise file_error(
            file, f"its columns do not begin with ID, X and Y, but are {shown}", _EXPORT
        )
    with reading(file, "regions of ENVI"):
        pixels = np.array([[int(row[1]), int(row[2])] for row in numbers], dtype=np.float64)
    if pixels.min() < 1:
        raise file_error(
            file, f"pixels count from 1 in such files, but there is {pixels.min():g}", _EXPORT
        )
    # From 1 to the centers of pixels that count from 0.
    shapes = geo.shapely.points(pixels - 0.5)
    table = geo.pandas.DataFrame({_COLUMN: np.repeat(np.array(names, dtype=object), counts)})
    return Features(
        table,
        geo.geopandas.GeoSeries(shapes),
        in_pixels=True,
        default_column=_COLUMN,
        colors=colors,
    )


def _color_of(name: str, text: str) -> dict[str, str]:
    """Return ``{name: color}``, or nothing where the text does not hold three numbers."""
    parts = re.findall(r"[0-9]+", text)
    if len(parts) != 3:
        return {}
    levels = [min(int(part), 255) if _COUNT.fullmatch(part) else 255 for part in parts]
    return {name: hex_color(*levels)}


def _check_size(file: Path, value: str, like: Scene) -> None:
    match = _SIZE.search(value)
    height, width = like.shape
    # ENVI gives samples, then lines.
    if match is None or (int(match[1]), int(match[2])) != (width, height):
        problem = (
            f"its regions belong to an image of {value[:40]} (samples x lines), but the scene "
            f"has {width} x {height}"
        )
        raise file_error(file, problem, "Give the regions of this scene, or export them as XML.")


def _from_xml(file: Path) -> Features:
    names: list[str] = []
    colors: dict[str, str] = {}
    shapes: list[Any] = []
    systems: dict[str, None] = {}
    for region in _children(xml_tree(file, file.read_bytes(), _ROOT), "Region"):
        name = region.get("name", "").strip()
        colors |= _color_of(name, region.get("color", ""))
        for definition in region:
            kind = local_name(definition.tag)
            if kind != "GeometryDef":
                problem = f"region {name!r} is defined by {kind!r}, and only geometries are read"
                raise file_error(file, problem, _EXPORT)
            systems[(_text(definition, "CoordSysStr") or "none").strip()] = None
            with reading(file, "regions of ENVI"):
                geometries = list(_geometries(file, definition))
            shapes += geometries
            names += [name] * len(geometries)
    if not shapes:
        raise file_error(file, "holds no regions", _EXPORT)
    if len(systems) > 1 or "none" in systems:
        problem = "its regions are not all in one coordinate reference system (CoordSysStr)"
        raise file_error(file, problem, _EXPORT)
    with reading(file, "regions of ENVI"):
        series = geo.geopandas.GeoSeries(shapes, crs=next(iter(systems)))
    table = geo.pandas.DataFrame({_COLUMN: names})
    return Features(table, series, default_column=_COLUMN, colors=colors)


def _geometries(file: Path, definition: Element) -> Any:
    for part in definition:
        kind = local_name(part.tag)
        if kind == "CoordSysStr":
            continue
        if kind == "Polygon":
            outer = [_coordinates(ring) for ring in _children(part, "Exterior")]
            inner = [_coordinates(ring) for ring in _children(part, "Interior")]
            yield geo.shapely.Polygon(outer[0], inner)
        elif kind == "Point":
            yield from geo.shapely.points(_coordinates(part))
        elif kind == "MultiPoint":
            yield geo.shapely.MultiPoint(_coordinates(part))
        elif kind == "LineString":
            yield geo.shapely.LineString(_coordinates(part))
        else:
            raise file_error(file, f"its geometry {kind!r} is unknown", _EXPORT)


def _coordinates(part: Element) -> Any:
    text = " ".join(
        child.text or "" for child in part.iter() if local_name(child.tag) == "Coordinates"
    )
    values = np.array(text.replace(",", " ").split(), dtype=np.float64)
    return values.reshape(-1, 2)


def _children(parent: Element, name: str) -> list[Element]:
    return [child for child in parent if local_name(child.tag) == name]


def _text(parent: Element, name: str) -> str | None:
    return next((child.text for child in _children(parent, name)), None)


READER = Reader(
    "regions of ENVI", (".roi", ".xml", ".txt"), read_features=_read_roi, matches=_matches
)
