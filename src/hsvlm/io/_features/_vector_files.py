"""Vector files that GDAL reads through geopandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import unreadable
from hsvlm._runtime import import_optional
from hsvlm.exceptions import ParameterError
from hsvlm.io._features._source import Features
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import CUT, DAMAGED, reading

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.io._features._source import FeatureQuery
    from hsvlm.scene import Scene

__all__ = ["SUFFIXES", "read_file"]

# How files of these formats begin: others, such as descriptions of what lies on a server, GDAL
# would open under these names too.
_SIGNATURES = {
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\0\0\x27\x0a",
    ".fgb": b"fgb",
    ".geojson": b"{",
    ".json": b"{",
}
SUFFIXES = frozenset(_SIGNATURES)
# What features take in memory, while they are read, for each byte of the file.
_MEMORY_PER_BYTE = 32
_LANGUAGE_BYTE = 29
# What programs write there without knowing: nothing, or "the encoding of this machine".
_UNKNOWN_LANGUAGES = (0, 0x57)


def read_file(file: Path, _: Scene, query: FeatureQuery) -> Features:
    """Read a GeoPackage, shapefile, GeoJSON or FlatGeobuf file."""
    suffix = file.suffix.lower()
    if query.encoding is not None and suffix != ".shp":
        problem = (
            f"encoding={query.encoding!r} applies to shapefiles, tables and ENVI headers, but "
            f"{file} states its own."
        )
        raise ParameterError(problem, "Leave it out.")
    geopandas = import_optional("geopandas", "geo")
    with file.open("rb") as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(_SIGNATURES[suffix]):
        problem = f"cannot be read as vector data (it does not begin like a {suffix} file)"
        raise unreadable(file, problem, DAMAGED)
    check_memory(file, (file.stat().st_size,), np.dtype(np.uint8), CUT, copies=_MEMORY_PER_BYTE)
    with reading(file, "vector data"):
        layers = geopandas.list_layers(file)["name"].tolist()
    layer = _layer(file, layers, query.layer)
    options = {} if query.encoding is None else {"encoding": query.encoding}
    with reading(file, "vector data"):
        try:
            frame = geopandas.read_file(file, layer=layer, **options)
        except UnicodeDecodeError as error:
            problem = f"its text is not {query.encoding or 'UTF-8'}"
            raise unreadable(
                file,
                problem,
                "Pass encoding=, for example 'gbk' or 'cp1252'.",
                "Give --encoding, for example gbk or cp1252.",
            ) from error
    stated = suffix != ".shp" or query.encoding is not None or _states_encoding(file)
    return as_features(file, frame, says_encoding=stated)


def as_features(file: Path, frame: Any, **said: Any) -> Features:
    """Separate the columns of a data frame from its geometries."""
    if not hasattr(frame, "geometry") or not len(frame):
        raise unreadable(file, "holds no points or polygons", "Give a layer with features.")
    frame = frame.reset_index(drop=True)
    return Features(frame.drop(columns=frame.geometry.name), frame.geometry, **said)


def _layer(file: Path, layers: list[str], layer: str | None) -> str | None:
    listed = f"It holds: {', '.join(layers)}."
    if layer is None and len(layers) > 1:
        raise unreadable(
            file,
            f"holds {len(layers)} layers",
            f"Name one of them, as in variable={layers[0]!r}. {listed}",
            f"Name one of them, as in --label-variable {layers[0]}. {listed}",
        )
    if layer is not None and layer not in layers:
        raise unreadable(file, f"has no layer {layer!r}", listed)
    return layer


def _states_encoding(shapefile: Path) -> bool:
    if any(shapefile.with_suffix(suffix).is_file() for suffix in (".cpg", ".CPG")):
        return True
    for suffix in (".dbf", ".DBF"):
        table = shapefile.with_suffix(suffix)
        if table.is_file():
            with table.open("rb") as stream:
                start = stream.read(_LANGUAGE_BYTE + 1)
            return len(start) > _LANGUAGE_BYTE and start[-1] not in _UNKNOWN_LANGUAGES
    return True
