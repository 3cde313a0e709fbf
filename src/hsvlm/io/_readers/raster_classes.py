"""Classes of a raster: names and colors beside its values, or a picture in their colors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap, hex_color
from hsvlm.io._envi_header import parse_number
from hsvlm.io._gdal import place_of
from hsvlm.io._notes import listed, warn_caller
from hsvlm.io._sizes import check_memory, check_stated

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Usages of columns in GDAL's raster attribute tables.
_NAME, _MIN, _MAX, _VALUE, _RED, _GREEN, _BLUE = "2", "3", "4", "5", "6", "7", "8"
# Titles of columns that may hold the values, so that rows are not known to be counted by them.
_CODES = {"id", "code", "number", "classid", "classcode", "classnumber", "gridcode"}
_MOST_COLORS = 256
_SHOWN = 8
_BLACK, _WHITE = 0, 0xFFFFFF
_LOSSY = {"JPEG"}
HINT_CUT_GRID = "Cut it to the grid of the scene first."
_SAVE_MAP = "Save the map of classes as PNG or GeoTIFF, with one number or color per class."


def read_color_map(file: Path, dataset: Any) -> LabelMap | None:
    """Read a picture of 3 bands of bytes, and perhaps alpha; None if the raster is another."""
    # Classes are numbered from 1 in the order of their colors, which are their names. Black and
    # transparent pixels have no label. A warning says which color became which number, or that
    # the palette of a map of numbers gives 0 a color.
    if dataset.driver in _LOSSY:
        problem = f"its format, {dataset.driver}, mixes the colors and numbers of classes"
        raise file_error(file, problem, _SAVE_MAP)
    alpha = geo.rasterio.enums.ColorInterp.alpha
    bands = [band for band in dataset.indexes if dataset.colorinterp[band - 1] != alpha]
    if len(bands) != 3 or set(dataset.dtypes) != {"uint8"}:
        _warn_of_palette(file, dataset)
        return None
    check_stated(file, (*dataset.shape, dataset.count), np.dtype(np.uint8))
    # The bands, colors as one number, and their ranks.
    check_memory(file, dataset.shape, np.uint8, HINT_CUT_GRID, copies=24)
    red, green, blue = (band.astype(np.uint32) for band in dataset.read(bands))
    valid = dataset.dataset_mask() > 0
    crs, transform = place_of(dataset)
    if (red == green).all() and (green == blue).all():
        # A map of numbers that was saved in color.
        gray = np.where(valid, red, 0).astype(np.uint8)
        return LabelMap(gray, crs=crs, transform=transform)
    colors = np.where(valid, red << 16 | green << 8 | blue, _BLACK)
    values, ranks, counts = np.unique(colors, return_inverse=True, return_counts=True)
    if len(values) > _MOST_COLORS:
        problem = (
            f"it has {len(values):,} colors, and {_MOST_COLORS} are the most of a map of classes: "
            "it is a photograph, or its colors were mixed when it was scaled or compressed"
        )
        raise file_error(file, problem, _SAVE_MAP)
    numbers = np.arange(len(values)) + (0 if values[0] == _BLACK else 1)
    labels = numbers[ranks.reshape(colors.shape)]
    pairs = zip(numbers.tolist(), values.tolist(), strict=True)
    names = {number: f"#{value:06X}" for number, value in pairs if number}
    _warn_of_legend(file, names, counts[values != _BLACK])
    labels = labels.astype(np.uint8 if len(names) < 256 else np.uint16)
    return LabelMap(labels, names, dict(names), crs, transform, text_classes=True)


def _warn_of_legend(file: Path, names: dict[int, str], counts: NDArray[Any]) -> None:
    classes = [
        f"{number} = {name} ({count:,} pixels)"
        for (number, name), count in zip(names.items(), counts.tolist(), strict=True)
    ]
    warn_caller(
        f"{file}: its {len(names)} colors are read as classes, black as no label: "
        f"{listed(classes, _SHOWN)}.",
        "Give class_names with these colors as names to choose the numbers.",
        'Prompt files describe them by color: value: "#FF0000".',
    )


def _warn_of_palette(file: Path, dataset: Any) -> None:
    """Warn if 0, which stands for no label, has a color and pixels."""
    if dataset.count != 1 or dataset.nodata == 0 or dataset.dtypes[0] != "uint8":
        return
    red, green, blue, alpha = palette(dataset).get(0, (0, 0, 0, 0))
    value = red << 16 | green << 8 | blue
    if alpha and value not in (_BLACK, _WHITE) and (dataset.read(1) == 0).any():
        warn_caller(
            f"{file}: 0 has the color #{value:06X} in its palette, but stands for no label here.",
            "If it is a class, number the classes from 1.",
        )


def palette(dataset: Any) -> dict[int, tuple[int, int, int, int]]:
    """Return the colors of values in the first band."""
    try:
        colors: dict[int, tuple[int, int, int, int]] = dataset.colormap(1)
    except ValueError:
        return {}
    return colors


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
    for index, row in enumerate(table.iter("Row")):
        fields = [field.text or "" for field in row.iter("F")]
        value = _row_value(fields, columns)
        if columns.keys().isdisjoint({_VALUE, _MIN}):
            value = _binned_value(table, columns, index)
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


def _row_value(fields: list[str], columns: dict[str | None, int]) -> float | None:
    """Read the value that a row states; None if it is for several."""
    if _VALUE in columns:
        return parse_number(_field(fields, columns, _VALUE))
    low, high = (parse_number(_field(fields, columns, usage)) for usage in (_MIN, _MAX))
    return low if low == high or _MAX not in columns else None


def _binned_value(table: ET.Element, columns: dict[str | None, int], index: int) -> float | None:
    """Give the only whole number in the bin that a row without a value stands for."""
    stated = [parse_number(table.get(name, "")) for name in ("Row0Min", "BinSize")]
    if None in stated and not _CODES.isdisjoint(columns):
        return None
    first, size = (
        default if number is None else number
        for number, default in zip(stated, (0.0, 1.0), strict=True)
    )
    low, high = np.ceil([first + index * size, first + (index + 1) * size]).tolist()
    return float(low) if high - low == 1 else None


def _field(fields: list[str], columns: dict[str | None, int], usage: str) -> str:
    index = columns.get(usage)
    return fields[index] if index is not None and index < len(fields) else ""
