"""Styles for QGIS, in a file of the same base name, where it looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.io._writers.output import Output
    from hsvlm.io.classes import ClassCodes

# From this release of QGIS on, the elements below have these names.
_QGIS = "3.16"
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
# Viridis of matplotlib in steps of a tenth: in order of lightness, whatever the color vision.
_RAMP = (
    *("#440154", "#482475", "#414487", "#355F8D", "#2A788E", "#21918C"),
    *("#22A884", "#44BF70", "#7AD151", "#BDDF26", "#FDE725"),
)


def write_style(data: Path, output: Output) -> list[Path]:
    """Write the style of a raster with classes or a range of values; return its file, if any."""
    root = ET.Element("qgis", version=_QGIS, styleCategories="Symbology")
    pipe = ET.SubElement(root, "pipe")
    if output.classes is not None:
        _add_palette(pipe, output.classes)
    elif output.value_range is not None:
        _add_ramp(pipe, *output.value_range)
    else:
        return []
    path = style_path(data)
    path.write_text(_DOCTYPE + ET.tostring(root, encoding="unicode"), encoding="utf-8")
    return [path]


def style_path(data: Path) -> Path:
    """Return the path where QGIS looks for the style of a file."""
    return data.with_suffix(".qml")


def is_raster_style(path: Path) -> bool:
    """Return whether a style is that of a raster, rather than of a vector layer."""
    return b"<rasterrenderer" in path.read_bytes()


def _add_palette(pipe: ET.Element, classes: ClassCodes) -> None:
    renderer = _add_renderer(pipe, "paletted")
    palette = ET.SubElement(renderer, "colorPalette")
    for number in sorted(classes.names):
        ET.SubElement(
            palette,
            "paletteEntry",
            value=str(number),
            color=classes.colors[number].lower(),
            label=classes.names[number],
            alpha="255",
        )


def _add_ramp(pipe: ET.Element, low: float, high: float) -> None:
    ends = {"classificationMin": f"{low:g}", "classificationMax": f"{high:g}"}
    renderer = _add_renderer(pipe, "singlebandpseudocolor", **ends)
    shader = ET.SubElement(
        ET.SubElement(renderer, "rastershader"),
        "colorrampshader",
        colorRampType="INTERPOLATED",
        classificationMode="1",  # stops as listed
        clip="0",
        minimumValue=f"{low:g}",
        maximumValue=f"{high:g}",
    )
    shares = [step / (len(_RAMP) - 1) for step in range(len(_RAMP))]
    _add_color_ramp(shader, shares)
    for share, color in zip(shares, _RAMP, strict=True):
        value = f"{low + share * (high - low):g}"
        ET.SubElement(shader, "item", value=value, label=value, color=color.lower(), alpha="255")


def _add_color_ramp(shader: ET.Element, shares: list[float]) -> None:
    """Add the ramp that the dialogs of QGIS show and stretch."""
    rgba = [f"{','.join(map(str, bytes.fromhex(color[1:])))},255" for color in _RAMP]
    stops = zip(shares[1:-1], rgba[1:-1], strict=True)
    properties = {
        "color1": rgba[0],
        "color2": rgba[-1],
        "discrete": "0",
        "rampType": "gradient",
        "stops": ":".join(f"{share:g};{color}" for share, color in stops),
    }
    ramp = ET.SubElement(shader, "colorramp", type="gradient", name="[source]")
    options = ET.SubElement(ramp, "Option", type="Map")
    for name, value in properties.items():
        ET.SubElement(options, "Option", type="QString", name=name, value=value)
        # What releases before 3.28 read.
        ET.SubElement(ramp, "prop", k=name, v=value)


def _add_renderer(pipe: ET.Element, kind: str, **attributes: str) -> ET.Element:
    always = {"type": kind, "band": "1", "opacity": "1", "alphaBand": "-1"}
    renderer = ET.SubElement(pipe, "rasterrenderer", always | attributes)
    ET.SubElement(renderer, "rasterTransparency")
    return renderer
