"""Attribute tables of maps, in the sidecar file that GDAL reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np

from hsvlm.exceptions import DataError, MissingDependencyError
from hsvlm.io.areas import Ground

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.io._writers.output import Output
    from hsvlm.io.classes import ClassCodes

# Codes of GDAL for the type and the use of a column.
_INTEGER, _REAL, _STRING = "0", "1", "2"
_GENERIC, _PIXEL_COUNT, _NAME, _MIN_MAX, _RED, _GREEN, _BLUE = "0", "1", "2", "5", "6", "7", "8"
_COLUMNS = (
    ("Value", _INTEGER, _MIN_MAX),
    ("Count", _INTEGER, _PIXEL_COUNT),
    ("Class", _STRING, _NAME),
    ("Red", _INTEGER, _RED),
    ("Green", _INTEGER, _GREEN),
    ("Blue", _INTEGER, _BLUE),
)
_AREA_COLUMN = ("Area_ha", _REAL, _GENERIC)


class ClassTally:
    """Pixels and hectares of each number of a map, counted while its rows are read once."""

    def __init__(self, output: Output, classes: ClassCodes) -> None:
        self.classes = classes
        self._size = max(classes.names, default=0) + 1
        self._read = output.read
        self._ground = _known_ground(output)
        self.pixels = np.zeros(self._size, dtype=np.int64)
        self.hectares = None if self._ground is None else np.zeros(self._size)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read some rows of the map, and count them."""
        rows = self._read(start, stop)
        numbers = rows.ravel()
        self.pixels += np.bincount(numbers, minlength=self._size)
        if self._ground is not None and self.hectares is not None:
            areas = self._ground.hectares(start, stop).ravel()
            self.hectares += np.bincount(numbers, weights=areas, minlength=self._size)
        return rows


def write_attribute_table(data: Path, tally: ClassTally) -> Path:
    """Write names, colors, pixels and hectares of the classes beside the file of a map."""
    root = ET.Element("PAMDataset")
    band = ET.SubElement(root, "PAMRasterBand", band="1")
    listed = ET.SubElement(band, "CategoryNames")
    for name in tally.classes.listed_names():
        ET.SubElement(listed, "Category").text = name
    _add_table(band, tally)
    path = data.with_name(f"{data.name}.aux.xml")
    # GDAL passes over a sidecar that begins with an XML declaration.
    path.write_text(ET.tostring(root, encoding="unicode"), encoding="utf-8")
    return path


def _add_table(band: ET.Element, tally: ClassTally) -> None:
    table = ET.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    columns = [*_COLUMNS, *([] if tally.hectares is None else [_AREA_COLUMN])]
    for index, texts in enumerate(columns):
        column = ET.SubElement(table, "FieldDefn", index=str(index))
        for element, text in zip(("Name", "Type", "Usage"), texts, strict=True):
            ET.SubElement(column, element).text = text
    names, colors = tally.classes.names, tally.classes.colors
    for index, number in enumerate(sorted(names)):
        values = [number, tally.pixels[number], names[number], *bytes.fromhex(colors[number][1:])]
        if tally.hectares is not None:
            values.append(f"{tally.hectares[number]:.10g}")
        row = ET.SubElement(table, "Row", index=str(index))
        for value in values:
            ET.SubElement(row, "F").text = str(value)


def _known_ground(output: Output) -> Ground | None:
    """Return what measures the pixels; None where their areas are unknown."""
    try:
        ground = Ground(output)
    except (DataError, MissingDependencyError):
        return None
    return ground if ground.known else None
