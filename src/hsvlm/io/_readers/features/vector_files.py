"""Vector files that GDAL reads through geopandas."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hsvlm._system.files import file_error
from hsvlm.exceptions import MissingFileError, ParameterError
from hsvlm.io import _geo as geo
from hsvlm.io._common import Features, Reader
from hsvlm.io._readers.features._encodings import text_error
from hsvlm.io._readers.features._xml import checked_xml
from hsvlm.io._sizes import check_parsed
from hsvlm.io._strangers import start_of
from hsvlm.io._variables import HINT_COPY_AGAIN, reading

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.io._common import FeatureQuery
    from hsvlm.scene import Scene

# How files of these formats begin: others, such as descriptions of what lies on a server, GDAL
# would open under these names too.
_SIGNATURES = {
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\0\0\x27\x0a",
    ".fgb": b"fgb",
    ".geojson": b"{",
    ".json": b"{",
}
_XML_ROOTS = {".kml": "kml", ".gml": "FeatureCollection"}
SUFFIXES = (*_SIGNATURES, *_XML_ROOTS)
_LANGUAGE_BYTE = 29
# What programs write there without knowing: nothing, or "the encoding of this machine".
_UNKNOWN_LANGUAGES = (0, 0x57)
_MOST_FOLDERS = 1_000
# What GDAL tells about the looks of places in KML.
_LOOKS = {
    "id", "timestamp", "begin", "end", "altitudemode", "tessellate", "extrude", "visibility",
    "draworder", "icon", "snippet",
}  # fmt: skip
_NUMBERED = re.compile(r" \(#\d+\)$")


def _read_file(file: Path, _: Scene, query: FeatureQuery) -> Features:
    """Read a GeoPackage, shapefile, GeoJSON, FlatGeobuf, KML or GML file."""
    return read_vectors(file, file, query)


def read_vectors(file: Path, path: Path, query: FeatureQuery) -> Features:
    """Read the features at `path`, which messages call `file`."""
    suffix = path.suffix.lower()
    if query.encoding is not None and suffix != ".shp":
        raise ParameterError(
            (
                f"encoding={query.encoding!r} applies to shapefiles, tables and ENVI headers, but "
                f"{file} states its own."
            ),
            "Leave it out.",
        )
    check_parsed(file, path.stat().st_size)
    if suffix in _XML_ROOTS:
        data = checked_xml(file, path.read_bytes(), _XML_ROOTS[suffix])
        # GDAL would fetch schemas, and write what it learns beside a file.
        data = data.replace(b"schemaLocation", b"schemaIgnored_")
        return _places(file, data) if suffix == ".kml" else _layer(file, data, query)
    start = start_of(path, 64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(_SIGNATURES[suffix]):
        problem = f"cannot be read as vector data (it does not begin like a {suffix} file)"
        raise file_error(file, problem, HINT_COPY_AGAIN)
    if suffix == ".shp":
        _check_parts(file, path)
    features = _layer(file, path, query)
    stated = suffix != ".shp" or query.encoding is not None or _states_encoding(path)
    return replace(features, says_encoding=stated)


def _layer(file: Path, source: Path | bytes, query: FeatureQuery) -> Features:
    layers = _layers(file, source)
    listed = f"It holds: {', '.join(layers)}."
    if query.layer is None and len(layers) > 1:
        problem = f"holds {len(layers)} layers"
        hint = f"Name one of them, as in variable={layers[0]!r}. {listed}"
        option_hint = f"Name one of them, as in --label-variable {layers[0]}. {listed}"
        raise file_error(file, problem, hint, option_hint)
    if query.layer is not None and query.layer not in layers:
        raise file_error(file, f"has no layer {query.layer!r}", listed)
    options = {} if query.encoding is None else {"encoding": query.encoding}
    with reading(file, "vector data"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Could not parse column .* as JSON")
        try:
            frame = geo.geopandas.read_file(source, layer=query.layer, **options)
        except UnicodeDecodeError as error:
            raise text_error(file, query.encoding or "UTF-8") from error
    return _as_features(file, frame)


def _layers(file: Path, source: Path | bytes) -> list[str]:
    with reading(file, "vector data"):
        return [str(name) for name, _ in geo.pyogrio.list_layers(source)]


def _places(file: Path, data: bytes) -> Features:
    """Read the places of all folders of a KML file, with a column of the folders."""
    layers = _layers(file, data)
    if len(layers) > _MOST_FOLDERS:
        problem = f"it has {len(layers):,} folders, and {_MOST_FOLDERS:,} are the most"
        raise file_error(file, problem, "Save it as a GeoPackage.")
    frames = []
    for layer in layers:
        with reading(file, "KML"):
            frame = geo.geopandas.read_file(data, layer=layer)
        if hasattr(frame, "geometry") and len(frame):
            # GDAL numbers folders of one name.
            folder = _NUMBERED.sub("", layer)
            frames.append(frame.assign(folder=folder if folder in layers else layer))
    if not frames:
        raise file_error(file, "holds no points or polygons", "Give a file with places.")
    frame = geo.pandas.concat(frames)
    dropped = [
        name
        for name in frame.columns
        if name != frame.geometry.name and (name.lower() in _LOOKS or not frame[name].notna().any())
    ]
    if frame["folder"].nunique() == 1:
        dropped.append("folder")
    return _as_features(file, frame.drop(columns=dropped))


def _as_features(file: Path, frame: Any) -> Features:
    if not hasattr(frame, "geometry") or not len(frame):
        raise file_error(file, "holds no points or polygons", "Give a layer with features.")
    frame = frame.reset_index(drop=True)
    # Without its schema, a GML file seems to have the boxes of its features as columns.
    boxes = [name for name in ("lowerCorner", "upperCorner") if name in frame.columns]
    return Features(frame.drop(columns=[frame.geometry.name, *boxes]), frame.geometry)


def _check_parts(file: Path, shapefile: Path) -> None:
    for suffix, holds in ((".shx", "index"), (".dbf", "columns")):
        if not any(
            shapefile.with_suffix(spelled).is_file() for spelled in (suffix, suffix.upper())
        ):
            raise MissingFileError(
                (f"{file}: a shapefile keeps its {holds} in a file {suffix}, which is not there."),
                "Copy all its parts into one folder, or archive.",
            )


def _states_encoding(shapefile: Path) -> bool:
    if any(shapefile.with_suffix(suffix).is_file() for suffix in (".cpg", ".CPG")):
        return True
    for suffix in (".dbf", ".DBF"):
        table = shapefile.with_suffix(suffix)
        if table.is_file():
            start = start_of(table, _LANGUAGE_BYTE + 1)
            return len(start) > _LANGUAGE_BYTE and start[-1] not in _UNKNOWN_LANGUAGES
    return True


READER = Reader("vectors", SUFFIXES, read_features=_read_file, has_layers=True)
