"""Styles and attribute tables beside rasters, opened by the software that they are for."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import rasterio

from hsvlm import Scene
from hsvlm.exceptions import HSVLMWarning, ParameterError
from hsvlm.io import read_labels, write_map, write_raster, write_scene
from tests.qgis import in_qgis, needs_qgis

LABELS = np.array([[1, 1, 2, 0], [1, 300, 2, 2], [1, 1, 0, 4]])
NAMES = {1: '<oats> & "rye"', 2: "麦田", 4: "غابة", 300: "a\x00b\ud800c\uffff", 7: "absent"}
COLORS = {1: "#0A0B0C", 2: "#FF0000", 4: "#00FF00", 300: "#0000FF", 7: "#123456"}
SHOWN = {**NAMES, 300: "a b c "}
UTM = {"crs": "EPSG:32616", "transform": (20.0, 0.0, 500000.0, 0.0, -20.0, 4400000.0)}
SCENE = Scene(np.zeros((3, 4, 2), np.float32), **UTM)
SUFFIXES = [".tif", ".hdr"]
DESCRIBE = """
layer = QgsRasterLayer(sys.argv[1], "layer")
renderer = layer.renderer()
told = {"valid": layer.isValid(), "type": renderer.type(), "band": getattr(renderer, "band", int)()}
if told["type"] == "paletted":
    told["classes"] = [[int(c.value), c.color.name(), c.label] for c in renderer.classes()]
else:
    shader = renderer.shader().rasterShaderFunction()
    told["range"] = [renderer.classificationMin(), renderer.classificationMax()]
    told["stops"] = [[stop.value, stop.color.name()] for stop in shader.colorRampItemList()]
    told["ramp"] = shader.sourceColorRamp().count()
"""


needs_gdalinfo = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="needs gdalinfo")


def parsed(path):
    return ET.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - of our own making


def data_file(path):
    return path.with_suffix(".img") if path.suffix == ".hdr" else path


def gdalinfo(path, *options):
    command = ["gdalinfo", "-json", *options, str(data_file(path))]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


def written(folder, suffix=".tif", scene=SCENE, labels=LABELS):
    path = folder / f"map{suffix}"
    return write_map(path, labels, scene=scene, class_names=NAMES, class_colors=COLORS)


def table_of(path):
    """Read the attribute table: columns and rows of texts."""
    root = parsed(data_file(path).with_name(f"{data_file(path).name}.aux.xml"))
    table = root.find("PAMRasterBand/GDALRasterAttributeTable")
    columns = [column.findtext("Name") for column in table.findall("FieldDefn")]
    return columns, [[cell.text for cell in row] for row in table.findall("Row")]


def palette_of(path):
    entries = parsed(path.with_suffix(".qml")).iter("paletteEntry")
    return [(int(e.get("value")), e.get("color"), e.get("label")) for e in entries]


EXPECTED = [(number, COLORS[number].lower(), SHOWN[number]) for number in sorted(NAMES)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_maps_have_a_style_with_any_names(tmp_path, suffix):
    assert palette_of(written(tmp_path, suffix)) == EXPECTED


@needs_qgis
@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_qgis_takes_the_style_of_a_map(tmp_path, suffix):
    told = in_qgis(DESCRIBE, data_file(written(tmp_path, suffix)))
    assert told["valid"]
    assert told["type"] == "paletted"
    assert [tuple(entry) for entry in told["classes"]] == EXPECTED


@needs_qgis
@pytest.mark.slow
def test_qgis_takes_the_style_of_a_raster(tmp_path):
    path = write_raster(tmp_path / "p.tif", np.full((3, 4), 0.5), value_range=(0, 2))
    told = in_qgis(DESCRIBE, path)
    assert told["type"] == "singlebandpseudocolor"
    assert (told["band"], told["range"], told["ramp"]) == (1, [0, 2], 11)
    assert told["stops"][0] == [0, "#440154"]
    assert told["stops"][5] == [1, "#21918c"]
    assert told["stops"][-1] == [2, "#fde725"]


def test_colors_of_rasters_are_those_of_viridis(tmp_path):
    path = write_raster(tmp_path / "p.tif", np.full((3, 4), 0.5), value_range=(0, 1))
    items = list(parsed(path.with_suffix(".qml")).iter("item"))
    shares = [float(item.get("value")) for item in items]
    colors = [mpl.colors.to_hex(mpl.colormaps["viridis"](share)) for share in shares]
    np.testing.assert_allclose(shares, np.linspace(0, 1, 11))
    assert [item.get("color") for item in items] == colors


def test_rasters_of_unknown_range_have_no_style(tmp_path):
    write_raster(tmp_path / "p.tif", np.ones((3, 4)))
    write_scene(tmp_path / "scene.tif", SCENE)
    assert not list(tmp_path.glob("*.qml"))


@pytest.mark.parametrize(
    "value_range", [(1, 0), (0, np.nan), (0, np.inf), (1, 1), (1,), (0, 1, 2), "01x", 5, ("a", "b")]
)
def test_what_is_not_a_range(tmp_path, value_range):
    with pytest.raises(ParameterError) as error:
        write_raster(tmp_path / "p.tif", np.ones((3, 4)), value_range=value_range)
    assert str(error.value) == (
        f"value_range={value_range!r} is not a range. Give the lowest and the highest possible "
        "value, such as (0, 1)."
    )
    assert not list(tmp_path.iterdir())


def test_styles_go_with_what_they_describe(tmp_path):
    path = written(tmp_path)
    write_raster(path, np.ones((3, 4)))
    assert [file.name for file in tmp_path.iterdir()] == ["map.tif"]


def test_styles_of_vector_layers_stay(tmp_path):
    style = tmp_path / "map.qml"
    style.write_text('<qgis><renderer-v2 type="singleSymbol"/></qgis>')
    with pytest.warns(HSVLMWarning) as caught:
        path = written(tmp_path)
    assert str(caught[0].message) == (
        f"{style} is the style of a vector layer and stays, so map.tif gets none. Give one of the "
        "two another name."
    )
    write_raster(path, np.ones((3, 4)))
    assert "renderer-v2" in style.read_text()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_attribute_tables(tmp_path, suffix):
    columns, rows = table_of(written(tmp_path, suffix))
    assert columns == ["Value", "Count", "Class", "Red", "Green", "Blue", "Area_ha"]
    counts = {1: 5, 2: 3, 4: 1, 7: 0, 300: 1}
    assert rows == [
        [
            str(number),
            str(count),
            SHOWN[number],
            *(str(part) for part in bytes.fromhex(COLORS[number][1:])),
            f"{0.04 * count:.10g}",
        ]
        for number, count in counts.items()
    ]


def test_areas_are_measured_on_the_ellipsoid(tmp_path):
    place = {"crs": "EPSG:4326", "transform": (0.01, 0.0, 10.0, 0.0, -0.01, 60.0)}
    _, rows = table_of(written(tmp_path, scene=replace(SCENE, **place)))
    # A hundredth of a degree at 60 degrees of latitude is 1,114 m by 558 m.
    assert float(rows[2][-1]) == pytest.approx(62.15, rel=0.01)


@pytest.mark.parametrize("place", [{"crs": None}, {"crs": None, "transform": None}])
def test_areas_that_are_unknown_have_no_column(tmp_path, place):
    columns, rows = table_of(written(tmp_path, scene=replace(SCENE, **place)))
    assert columns[-1] == "Blue"
    assert len(rows[0]) == 6


def test_counts_are_those_of_the_whole_map(tmp_path, monkeypatch):
    monkeypatch.setattr("hsvlm._data.lazy._BLOCK_VALUES", 64)
    labels = np.random.default_rng(0).integers(0, 5, (300, 70))
    for suffix in SUFFIXES:
        path = write_map(tmp_path / f"map{suffix}", labels)
        _, rows = table_of(path)
        assert [int(row[1]) for row in rows] == np.bincount(labels.ravel())[1:].tolist()


@needs_gdalinfo
@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_gdal_reads_the_table_and_keeps_it(tmp_path, suffix):
    path = written(tmp_path, suffix)
    before = gdalinfo(path)
    after = gdalinfo(path, "-stats")
    assert after["bands"][0]["maximum"] == 300
    for told in (before, gdalinfo(path)):
        table = told["rat"]
        assert [column["name"] for column in table["fieldDefn"]][:3] == ["Value", "Count", "Class"]
        assert [row["f"][2] for row in table["row"]] == [SHOWN[number] for number in sorted(NAMES)]
        assert told["bands"][0]["categories"][2] == "麦田"
    # Statistics are in the same file; it still belongs to the map.
    assert read_labels(path, SCENE).class_names[2] == "麦田"


@pytest.mark.slow
def test_maps_of_65535_classes(tmp_path):
    labels = np.array([[1, 2**16 - 1]])
    with rasterio.Env():
        path = write_map(tmp_path / "map.tif", labels)
    _, rows = table_of(path)
    assert [row[:2] for row in rows] == [["1", "1"], ["65535", "1"]]
    assert [number for number, *_ in palette_of(path)] == [1, 65535]
