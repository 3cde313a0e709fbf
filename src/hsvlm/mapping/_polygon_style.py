"""A style of polygons by class, in the table where QGIS looks for it in a GeoPackage."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hsvlm.mapping._legend import MapClass

# As QGIS creates it.
_TABLE = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
    f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
    owner TEXT(30), ui TEXT(30),
    update_time DATETIME DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
)
"""
_CONTENTS = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, description)
VALUES ('layer_styles', 'attributes', 'layer_styles', 'Styles of the layers for QGIS')
"""
_STYLE = """
INSERT INTO layer_styles (
    f_table_catalog, f_table_schema, f_table_name, f_geometry_column,
    styleName, styleQML, styleSLD, useAsDefault, description, owner, ui
) VALUES ('', '', ?, ?, 'classes', ?, '', 1, 'Colors of the classes', '', NULL)
"""


def add_style(geopackage: Path, layer: str, column: str, classes: Sequence[MapClass]) -> None:
    """Add the default style of a layer; `column` holds the geometries."""
    with closing(sqlite3.connect(geopackage)) as connection, connection:
        connection.execute(_TABLE)
        connection.execute(_CONTENTS)
        connection.execute(_STYLE, (layer, column, _style(classes)))


def _style(classes: Sequence[MapClass]) -> str:
    root = ET.Element("qgis", version="3.16", styleCategories="Symbology")
    renderer = ET.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="value")
    categories = ET.SubElement(renderer, "categories")
    symbols = ET.SubElement(renderer, "symbols")
    for place, entry in enumerate(classes):
        category = {"symbol": str(place), "value": str(entry.number), "type": "long"}
        ET.SubElement(categories, "category", category, label=entry.name, render="true")
        symbol = ET.SubElement(symbols, "symbol", name=str(place), type="fill", alpha="1")
        fill = ET.SubElement(symbol, "layer", {"class": "SimpleFill", "pass": "0", "enabled": "1"})
        color = ",".join(map(str, (*bytes.fromhex(entry.color[1:]), 255)))
        # An outline in the color of the fill closes the gaps that anti-aliasing leaves.
        properties = {
            "color": color,
            "style": "solid",
            "outline_color": color,
            "outline_style": "solid",
            "outline_width": "0.1",
            "outline_width_unit": "MM",
        }
        options = ET.SubElement(fill, "Option", type="Map")
        for name, value in properties.items():
            ET.SubElement(options, "Option", type="QString", name=name, value=value)
            ET.SubElement(fill, "prop", k=name, v=value)  # what releases before 3.28 read
    return ET.tostring(root, encoding="unicode")
