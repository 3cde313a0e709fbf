"""Names and colors of classes that GDAL keeps beside the values of a raster."""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from hsvlm.io import _geo as geo
from hsvlm.io._common import hex_color
from hsvlm.io._envi_header import parse_number

# Usages of columns in GDAL's raster attribute tables.
_NAME, _VALUE, _RED, _GREEN, _BLUE = "2", "5", "6", "7", "8"


class CategoryTable(NamedTuple):
    """``{value: name}`` and ``{value: color}``."""

    names: dict[int, str]
    colors: dict[int, str]


def read_category_table(dataset: Any) -> CategoryTable:
    """Read category names, or else the raster attribute table, of the first band."""
    # rasterio does not tell them, but GDAL writes them down in a virtual raster.
    copy_dataset = geo.rasterio.shutil.copy
    with geo.rasterio.io.MemoryFile(ext=".vrt") as copy:
        copy_dataset(dataset, copy.name, driver="VRT")
        written = copy.read().decode(errors="replace")
    try:
        described = ET.fromstring(written)  # noqa: S314 (GDAL has just written it)
    except ET.ParseError:
        # GDAL writes down what the file says, control characters included.
        return CategoryTable({}, {})
    names = {value: entry.text or "" for value, entry in enumerate(described.iter("Category"))}
    table = described.find("VRTRasterBand/GDALRasterAttributeTable")
    if any(names.values()) or table is None:
        return CategoryTable(names, {})
    return _attribute_table(table)


def _attribute_table(table: ET.Element) -> CategoryTable:
    columns: dict[str | None, int] = {}
    for index, column in enumerate(table.iter("FieldDefn")):
        columns.setdefault(column.findtext("Usage"), index)
        # Tables of ArcGIS state the usage of none but the values.
        title = (column.findtext("Name") or "").strip().lower().replace("_", "")
        usage = {"value": _VALUE, "classname": _NAME, "classnames": _NAME}.get(title)
        columns.setdefault(usage or title, index)
    names, colors = {}, {}
    for row in table.iter("Row"):
        fields = [field.text or "" for field in row.iter("F")]
        value = parse_number(_field(fields, columns, _VALUE))
        if value is None or value != value or abs(value) > 2**53 or value != int(value):
            continue
        name = _field(fields, columns, _NAME).strip()
        if name:
            names[int(value)] = name
        parts = [parse_number(_field(fields, columns, part)) for part in (_RED, _GREEN, _BLUE)]
        levels = [part for part in parts if part is not None and 0 <= part <= 255]
        if len(levels) == 3:
            colors[int(value)] = hex_color(*levels)
    return CategoryTable(names, colors)


def _field(fields: list[str], columns: dict[str | None, int], usage: str) -> str:
    index = columns.get(usage)
    return fields[index] if index is not None and index < len(fields) else ""
