"""Points, and shapes as WKT, in tables of text."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import Features, Reader
from hsvlm.io._readers.features._encodings import text_error
from hsvlm.io._sizes import check_parsed
from hsvlm.io._variables import reading

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.io._common import FeatureQuery
    from hsvlm.scene import Scene

_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SRID = re.compile(r"\s*SRID\s*=\s*(\d+)\s*;", re.IGNORECASE)
# Names of coordinates, in the order of preference on a georeferenced scene.
_WKT = {"wkt", "geometry", "geom", "the_geom", "wkt_geom"}
_PAIRS = {
    "map": (
        {"easting", "east", "utm_e", "utm_x", "utm_easting", "point_x", "map_x", "x_map", "xcoord"},
        {"northing", "north", "utm_n", "utm_y", "utm_northing", "point_y", "map_y", "y_map",
         "ycoord"},
    ),
    "degrees": ({"lon", "long", "lng", "longitude"}, {"lat", "latitude"}),
    "x and y": ({"x"}, {"y"}),
    "pixels": ({"col", "column", "sample"}, {"row", "line"}),
}  # fmt: skip
_COORDINATES = (
    "A table needs the columns row and col (counted from 0), lon and lat, easting and northing or "
    "x and y (in the CRS of the scene), or WKT."
)

_ELSEWHERE = {
    "degrees": "Check that longitude and latitude are not exchanged.",
    "x and y": "If x and y count pixels, name their columns col and row.",
    "pixels": "Rows and columns count from 0.",
}


def _read_table(file: Path, like: Scene, query: FeatureQuery) -> Features:
    """Read a table whose first line names its columns."""
    names, rows, first_line = _rows(file, decoded_text(file, query.encoding))
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    if not rows:
        raise file_error(file, "holds no rows", _COORDINATES)
    roles = {_plain(name): name for name in names}
    wkt = next((roles[name] for name in roles if name in _WKT), None)
    placed = {
        kind: (x, y)
        for kind, candidates in _PAIRS.items()
        for x, y in [tuple(_first(roles, known) for known in candidates)]
        if x is not None and y is not None
    }
    known = _WKT.union(*(known for pair in _PAIRS.values() for known in pair))
    table = _table({name: values for name, values in columns.items() if _plain(name) not in known})
    if like.crs is None or like.transform is None:
        wanted = "pixels" if "pixels" in placed else next(iter(placed), None)
    else:
        wanted = next(iter(placed), None)
    georeferenced = like.crs is not None and like.transform is not None
    if wkt is not None and (georeferenced or wanted != "pixels"):
        return Features(table, _from_wkt(file, columns[wkt], like))
    if wanted is None:
        raise file_error(file, f"has no coordinates, but the columns {_shown(names)}", _COORDINATES)
    pair = [_numbers(file, name, columns[name], first_line) for name in placed[wanted]]
    return _points(file, wanted, pair, like, table)


def decoded_text(file: Path, encoding: str | None) -> str:
    """Read text that is UTF-8, or in the encoding given."""
    check_parsed(file, file.stat().st_size)
    data = file.read_bytes()
    if encoding is None:
        encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        raise text_error(file, encoding.removesuffix("-sig").upper()) from error
    if "\0" in text:
        raise file_error(file, "it is not a table of text", _COORDINATES)
    return text.removeprefix("\ufeff")


def _rows(file: Path, text: str) -> tuple[list[str], list[list[str]], int]:
    """Give the names of the columns, the rows, and the number of the line of the first row."""
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    delimiter = None
    # Spreadsheets read, and some programs write, a line that states the delimiter.
    if start < len(lines) and re.fullmatch(r"sep=.", lines[start].strip(), re.IGNORECASE):
        delimiter, start = lines[start].strip()[4], start + 1
    if start >= len(lines):
        raise file_error(file, "holds no rows", _COORDINATES)
    with reading(file, "a table"):
        delimiter = delimiter or _delimiter(lines[start])
        parsed = _split(lines[start:], delimiter)
        header = [name.strip() for name in next(parsed)]
        while header and not header[-1]:
            header.pop()
        rows = [_row(file, row, header, start + at) for at, row in enumerate(parsed, start=2)]
    if all(_NUMBER.fullmatch(name) for name in header):
        raise file_error(
            file, "its first line must name the columns, but holds numbers", _COORDINATES
        )
    if len({_plain(name) for name in header}) < len(header):
        raise file_error(file, f"two of its columns have one name: {_shown(header)}", "Rename one.")
    return header, [row for row in rows if row], start + 2


def _delimiter(header: str) -> str | None:
    n_columns = {sign: len(next(csv.reader([header], delimiter=sign))) for sign in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda sign: n_columns[sign])
    return best if n_columns[best] > 1 else None


def _split(lines: list[str], delimiter: str | None) -> Any:
    if delimiter is None:  # blanks
        return (line.split() for line in lines)
    return csv.reader(
        (f"{line}\n" for line in lines), delimiter=delimiter, skipinitialspace=True, strict=True
    )


def _row(file: Path, row: list[str], header: list[str], line: int) -> list[str]:
    values = [value.strip() for value in row]
    while len(values) > len(header) and not values[-1]:
        values.pop()
    if values and any(values) and len(values) != len(header):
        problem = f"line {line} has {len(values)} values, but there are {len(header)} columns"
        hint = "Check the delimiter, and quote values that contain it, such as decimal commas."
        raise file_error(file, problem, hint)
    return values if any(values) else []


def _plain(name: str) -> str:
    return re.sub(r"[\s.\-]+", "_", name.strip().lower())


def _first(roles: dict[str, str], known: set[str]) -> str | None:
    return next((name for plain, name in roles.items() if plain in known), None)


def _shown(names: list[str]) -> str:
    return ", ".join(name[:30] for name in names[:10])


def _table(columns: dict[str, Any]) -> Any:
    table = {}
    for name, values in columns.items():
        present = [value for value in values if value]
        if present and _are_numbers(present):
            table[name] = [float(value.replace(",", ".")) if value else None for value in values]
        else:
            table[name] = [value or None for value in values]
    return geo.pandas.DataFrame(table)


def _are_numbers(texts: list[str]) -> bool:
    """Tell numbers from codes, such as 007 and 91E0, which keep their spelling."""
    if not all(_NUMBER.fullmatch(text) and not re.match(r"[+-]?0\d", text) for text in texts):
        return False
    has_exponents = any("e" in text.lower() for text in texts)
    return not has_exponents or not all(
        float(text.replace(",", ".")).is_integer() for text in texts
    )


def _numbers(file: Path, name: str, values: Any, first_line: int) -> NDArray[np.float64]:
    for line, value in enumerate(values, start=first_line):
        if value and not _NUMBER.fullmatch(value):
            problem = f"column {name!r} holds {value[:30]!r}, which is not a number (line {line})"
            raise file_error(file, problem, "Correct it, or leave it empty.")
    return np.array([float(value.replace(",", ".")) if value else np.nan for value in values])


def _points(
    file: Path, kind: str, pair: list[NDArray[np.float64]], like: Scene, table: Any
) -> Features:
    x, y = pair
    if kind == "pixels":
        _check_pixels(file, x, y, like)
        x, y = x + 0.5, y + 0.5
    known = np.isfinite(x) & np.isfinite(y)
    shapes = np.full(len(x), None, dtype=object)
    shapes[known] = geo.shapely.points(x[known], y[known])
    crs = {"pixels": None, "degrees": "EPSG:4326"}.get(kind, _crs_of(like, x[known], y[known]))
    return Features(
        table,
        geo.geopandas.GeoSeries(shapes, crs=crs),
        in_pixels=kind == "pixels",
        hint=_ELSEWHERE.get(kind, Features.hint),
    )


def _check_pixels(
    file: Path, cols: NDArray[np.float64], rows: NDArray[np.float64], like: Scene
) -> None:
    for values, size, name in ((rows, like.shape[0], "rows"), (cols, like.shape[1], "columns")):
        known = values[np.isfinite(values)]
        broken = known[known != np.rint(known)]
        if broken.size:
            problem = f"{name} must be whole numbers from 0, but there is {broken[0]:g}"
            raise file_error(file, problem, "Name coordinates on a map x and y, or lon and lat.")
        if known.size and known.max() == size and known.min() >= 1:
            problem = f"{name} lie between 1 and {size}, but count from 0 to {size - 1}"
            raise file_error(file, problem, "They seem to count from 1: subtract 1.")


def _crs_of(like: Scene, x: NDArray[np.float64], y: NDArray[np.float64]) -> str | None:
    """Give the CRS of the scene, or that of degrees where coordinates can be nothing else."""
    if like.crs is None or not x.size:
        return like.crs
    try:
        projected = geo.pyproj.CRS.from_user_input(like.crs).is_projected
    except geo.pyproj.exceptions.CRSError:
        return None
    return (
        "EPSG:4326"
        if projected and (np.abs(x) <= 180).all() and (np.abs(y) <= 90).all()
        else like.crs
    )


def _from_wkt(file: Path, texts: Any, like: Scene) -> Any:
    codes = {match[1] if (match := _SRID.match(text)) else "" for text in texts if text}
    if len(codes) > 1:
        raise file_error(file, "its shapes have several SRIDs", "Bring them to one.")
    with reading(file, "shapes as WKT"):
        shapes = geo.shapely.from_wkt([_SRID.sub("", text) or None for text in texts])
    code = next(iter(codes), "")
    series = geo.geopandas.GeoSeries(shapes)
    bounds = series.bounds.to_numpy()
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    crs = f"EPSG:{code}" if code else _crs_of(like, bounds[:, ::2].ravel(), bounds[:, 1::2].ravel())
    return series.set_crs(crs)


READER = Reader("tables", (".csv", ".tsv", ".txt"), read_features=_read_table)
