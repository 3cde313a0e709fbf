"""Polygons of a map are the map: the same pixels, areas, names and colors."""

import sqlite3
import xml.etree.ElementTree as ET
from contextlib import closing
from dataclasses import replace

import geopandas
import numpy as np
import pyogrio
import pytest
from affine import Affine
from rasterio import features
from scipy import ndimage

from hsvlm import Scene
from hsvlm.exceptions import DataError, FileError, MissingFileError, ParameterError
from hsvlm.io import write_map, write_raster
from hsvlm.mapping import SceneMap
from tests.qgis import in_qgis, needs_qgis

SHAPE = (40, 50)
RNG = np.random.default_rng(0)
VALUES = ndimage.zoom(RNG.integers(0, 4, (20, 25)), 2, order=0).astype(np.uint8)
VALUES[RNG.random(SHAPE) < 0.1] = 2
NAMES = {1: '<oats> & "rye"', 2: "麦\x00田", 3: "غابة"}
COLORS = {1: "#0a0b0c", 2: "#FF0000", 3: "#00ff00"}
UTM = {"crs": "EPSG:32616", "transform": (20.0, 0.0, 500000.0, 0.0, -20.0, 4400000.0)}
TURNED = {"crs": "EPSG:32616", "transform": (16.0, 12.0, 500000.0, 12.0, -16.0, 4400000.0)}
DEGREES = {"crs": "EPSG:4326", "transform": (0.01, 0.0, 10.0, 0.0, -0.01, 60.0)}
PLACES = {"utm": UTM, "turned": TURNED, "degrees": DEGREES, "none": {}}


def a_map(place="utm", values=VALUES, **more):
    scene = Scene(np.zeros((*values.shape, 2), np.float32), name="farm", **PLACES[place])
    counts = {label: int((values == label).sum()) for label in NAMES}
    made = SceneMap(scene, np.array(list(NAMES)), NAMES, COLORS, counts, None, values=values)
    return replace(made, **more)


def read(path):
    return geopandas.read_file(path, layer="classes")


def drawn(frame, scene):
    """Draw polygons on the grid of a scene."""
    transform = Affine(*(scene.transform or (1, 0, 0, 0, -1, 0)))
    shapes = zip(frame.geometry, frame.value, strict=True)
    return features.rasterize(shapes, scene.shape, transform=transform, dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [7, 20_000])
@pytest.mark.parametrize("place", PLACES)
def test_polygons_are_the_map(tmp_path, monkeypatch, place, chunk):
    monkeypatch.setattr("hsvlm.mapping._polygons._CHUNK", chunk)
    scene_map = a_map(place)
    path = scene_map.to_polygons(tmp_path / "fields.gpkg")
    assert path == tmp_path / "fields.gpkg"
    frame = read(path)
    np.testing.assert_array_equal(drawn(frame, scene_map.scene), VALUES)
    assert frame.is_valid.all()
    assert len(frame) == sum(ndimage.label(number == VALUES)[1] for number in NAMES)
    assert frame.groupby("value").pixels.sum().to_dict() == scene_map.counts
    assert set(zip(frame.value, frame.name, frame.color, strict=True)) == {
        (1, '<oats> & "rye"', "#0a0b0c"),
        (2, "麦 田", "#FF0000"),
        (3, "غابة", "#00ff00"),
    }
    assert [file.name for file in tmp_path.iterdir()] == ["fields.gpkg"]


@pytest.mark.parametrize("place", ["utm", "turned", "degrees"])
def test_areas_are_those_of_the_report(tmp_path, place):
    scene_map = a_map(place)
    frame = read(scene_map.to_polygons(tmp_path / "fields.gpkg"))
    by_class = frame.groupby("value").area_ha.sum()
    for entry in scene_map.area_report().classes:
        assert by_class[entry.label] == pytest.approx(entry.hectares, rel=1e-9)
    if place != "degrees":
        np.testing.assert_allclose(frame.area / 1e4, frame.area_ha)
        assert frame.crs.to_epsg() == 32616
    else:
        assert frame.crs.to_epsg() == 4326


def test_without_a_reference_system_there_are_no_areas(tmp_path):
    frame = read(a_map("none").to_polygons(tmp_path / "fields.gpkg"))
    assert frame.crs is None or frame.crs.to_epsg() is None
    assert "area_ha" not in frame
    assert frame.total_bounds.tolist() == [0, -40, 50, 0]
    told = pyogrio.read_info(tmp_path / "fields.gpkg", layer="classes")["layer_metadata"]
    assert told["DESCRIPTION"] == (
        "Map of farm. Coordinates are columns and negative rows of pixels, from the upper left."
    )
    scene = replace(a_map().scene, crs=None)
    frame = read(a_map(scene=scene).to_polygons(tmp_path / "fields.gpkg"))
    assert frame.total_bounds.tolist() == [500000, 4399200, 501000, 4400000]
    told = pyogrio.read_info(tmp_path / "fields.gpkg", layer="classes")["layer_metadata"]
    assert told["DESCRIPTION"] == "Map of farm. The coordinate reference system is unknown."


def test_small_patches_go_to_their_largest_neighbor(tmp_path):
    scene_map = a_map()
    frame = read(scene_map.to_polygons(tmp_path / "fields.gpkg", sieve=6))
    sieved = drawn(frame, scene_map.scene)
    np.testing.assert_array_equal(sieved == 0, VALUES == 0)
    assert frame.pixels.sum() == (VALUES > 0).sum()
    expected = features.sieve(VALUES, 6, mask=VALUES > 0, connectivity=4)
    np.testing.assert_array_equal(sieved, expected)
    assert len(frame) < len(read(scene_map.to_polygons(tmp_path / "all.gpkg")))
    # The map itself stays as it is.
    np.testing.assert_array_equal(scene_map.label_map, VALUES)


def test_a_lone_pixel_takes_the_class_around_it(tmp_path):
    values = np.ones((5, 5), np.uint8)
    values[2, 2] = 3
    path = tmp_path / "fields.gpkg"
    for sieve, expected in ((0, [1, 3]), (1, [1, 3]), (2, [1])):
        assert sorted(read(a_map(values=values).to_polygons(path, sieve=sieve)).value) == expected


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".tif", ".hdr"])
def test_probabilities_are_means_over_the_patch(tmp_path, suffix, monkeypatch):
    probabilities = RNG.random((*SHAPE, 3)).astype(np.float32)
    probabilities[VALUES == 0] = np.nan
    expected = read(a_map(probabilities=probabilities).to_polygons(tmp_path / "a.gpkg"))
    transform = Affine(*UTM["transform"])
    for patch in expected[expected.pixels > 3][:8].itertuples():
        inside = features.rasterize([patch.geometry], SHAPE, transform=transform) > 0
        mean = probabilities[inside, patch.value - 1].mean()
        assert patch.probability == pytest.approx(mean, rel=1e-5)
    # From files, and in several blocks of rows.
    monkeypatch.setattr("hsvlm._data.lazy._BLOCK_VALUES", 600)
    scene = a_map().scene
    stored = replace(
        a_map(),
        path=write_map(tmp_path / f"map{suffix}", VALUES, scene=scene),
        probabilities_path=write_raster(tmp_path / f"p{suffix}", probabilities, scene=scene),
        values=None,
    )
    found = read(stored.to_polygons(tmp_path / "b.gpkg"))
    np.testing.assert_allclose(found.probability, expected.probability, rtol=1e-6)
    np.testing.assert_array_equal(found.value, expected.value)


def test_numbers_of_text_labels_are_those_of_the_map(tmp_path):
    labels = np.array(["corn", "oats", "rye"])
    names = {label: label for label in labels.tolist()}
    colors = dict(zip(names, COLORS.values(), strict=True))
    scene_map = a_map(classes=labels, class_names=names, class_colors=colors)
    frame = read(scene_map.to_polygons(tmp_path / "fields.gpkg"))
    assert set(zip(frame.value, frame.name, strict=True)) == {(1, "corn"), (2, "oats"), (3, "rye")}
    np.testing.assert_array_equal(drawn(frame, scene_map.scene), VALUES)


def test_the_style_is_in_the_file(tmp_path):
    path = a_map().to_polygons(tmp_path / "fields.gpkg")
    with closing(sqlite3.connect(path)) as connection:
        [row] = connection.execute(
            "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
        ).fetchall()
        kinds = connection.execute("SELECT table_name, data_type FROM gpkg_contents").fetchall()
    assert row[:3] == ("classes", "geom", 1)
    assert set(kinds) == {("classes", "features"), ("layer_styles", "attributes")}
    root = ET.fromstring(row[3])  # noqa: S314 - of our own making
    categories = [(e.get("value"), e.get("label")) for e in root.iter("category")]
    assert categories == [("1", '<oats> & "rye"'), ("2", "麦 田"), ("3", "غابة")]
    fills = [e.get("value") for e in root.iter("Option") if e.get("name") == "color"]
    assert fills == ["10,11,12,255", "255,0,0,255", "0,255,0,255"]


@needs_qgis
@pytest.mark.slow
def test_qgis_takes_the_style(tmp_path):
    path = a_map().to_polygons(tmp_path / "fields.gpkg")
    script = (
        "layer = QgsVectorLayer(sys.argv[1], 'layer')\n"
        "categories = layer.renderer().categories()\n"
        "told = [[c.value(), c.label(), c.symbol().color().name()] for c in categories]"
    )
    assert in_qgis(script, f"{path}|layername=classes") == [
        ["1", '<oats> & "rye"', "#0a0b0c"],
        ["2", "麦 田", "#ff0000"],
        ["3", "غابة", "#00ff00"],
    ]


def test_the_former_file_stays_until_the_new_one_is_complete(tmp_path, monkeypatch):
    path = a_map().to_polygons(tmp_path / "fields.gpkg")
    before = path.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hsvlm.mapping._polygons.add_style", fail)
    with pytest.raises(FileError) as error:
        a_map("degrees").to_polygons(path)
    assert str(error.value) == (
        f"{path}: it cannot be written ([Errno 28] No space left on device). Make sure that there "
        "is room on the disk and that the folder may be written to."
    )
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["fields.gpkg"]


@pytest.mark.parametrize("sieve", [-1, 1.5, "3", None, True])
def test_a_sieve_is_a_number_of_pixels(tmp_path, sieve):
    with pytest.raises(ParameterError) as error:
        a_map().to_polygons(tmp_path / "fields.gpkg", sieve=sieve)
    assert str(error.value) == (
        f"sieve={sieve!r} is not a number of pixels. Give a whole number; 0 keeps all patches."
    )


@pytest.mark.slow
def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(FileError) as error:
        a_map().to_polygons(tmp_path / "fields.shp")
    assert str(error.value) == (
        f"{tmp_path / 'fields.shp'}: the suffix '.shp' is not that of a GeoPackage. Use .gpkg."
    )
    with pytest.raises(MissingFileError, match="there is no folder"):
        a_map().to_polygons(tmp_path / "none" / "fields.gpkg")
    (tmp_path / "folder.gpkg").mkdir()
    with pytest.raises(FileError, match="it is a folder"):
        a_map().to_polygons(tmp_path / "folder.gpkg")
    scene = replace(a_map().scene, crs="Atlantis")
    with pytest.raises(DataError, match="Atlantis"):
        a_map(scene=scene).to_polygons(tmp_path / "fields.gpkg")
