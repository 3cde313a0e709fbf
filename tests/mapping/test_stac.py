"""STAC items: valid, complete and relative."""

import json
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import jsonschema
import numpy as np
import pystac
import pytest
import rasterio
import rasterio.warp
import shapely
from pystac.validation.local_validator import LocalValidator
from sklearn.naive_bayes import GaussianNB

import hsvlm
from hsvlm import HSIPromptClassifier, Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import DataError, FileError, MissingFileError
from hsvlm.io import read_scene
from hsvlm.mapping import predict_scene

UTM = {"crs": "EPSG:32616", "transform": (20.0, 0.0, 500000.0, 0.0, -20.0, 4400000.0)}
# Written from the texts of the extensions: classification 2.0.0, raster 2.0.0, projection 2.0.0
# and processing 1.1.0.
CLASS = {
    "type": "object",
    "required": ["value", "name"],
    "additionalProperties": False,
    "properties": {
        "value": {"type": "integer"},
        "name": {"type": "string", "pattern": "^[0-9A-Za-z-_]+$"},
        "title": {"type": "string"},
        "description": {"type": "string"},
        "color_hint": {"type": "string", "pattern": "^[0-9A-F]{6}$"},
        "nodata": {"type": "boolean"},
        "count": {"type": "integer", "minimum": 0},
    },
}
ASSET = {
    "type": "object",
    "properties": {
        "classification:classes": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": CLASS,
        },
        "raster:sampling": {"enum": ["area", "point"]},
        "raster:spatial_resolution": {"type": "number", "exclusiveMinimum": 0},
    },
    "patternProperties": {"^(?!classification:|raster:)": {}},
    "additionalProperties": False,
}
PROPERTIES = {
    "type": "object",
    "properties": {
        "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z0-9_]+:[A-Z0-9_.]+$"},
        "proj:wkt2": {"type": "string"},
        "proj:shape": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer"},
        },
        "proj:transform": {"type": "array", "minItems": 6, "items": {"type": "number"}},
        "proj:bbox": {
            "type": "array",
            "minItems": 4,
            "maxItems": 4,
            "items": {"type": "number"},
        },
        "processing:lineage": {"type": "string"},
        "processing:software": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "patternProperties": {"^(?!proj:|processing:)": {}},
    "additionalProperties": False,
}
EXTENSIONS = {
    "type": "object",
    "properties": {
        "properties": PROPERTIES,
        "assets": {"type": "object", "additionalProperties": ASSET},
    },
}


def valid(path):
    item = json.loads(path.read_text(encoding="utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        validator = LocalValidator()
    validator.item_validator().validate(item)
    jsonschema.validate(item, EXTENSIONS)
    return item


def mapped(folder, name="map.tif", scene=None, **more):
    scene = scene or replace(make_synthetic_scene(random_state=0), **UTM)
    clf = GaussianNB().fit(*scene.samples())
    return predict_scene(clf, scene, folder / name, **more)


@pytest.mark.slow
def test_items_of_maps(tmp_path):
    scene_map = mapped(tmp_path, probabilities=tmp_path / "p.tif", entropy=tmp_path / "e.tif")
    before = datetime.now(UTC).replace(microsecond=0)
    path = scene_map.to_stac(tmp_path / "map.json")
    item = valid(path)
    assert item["id"] == "synthetic"
    assert item["stac_version"] == "1.1.0"
    properties = item["properties"]
    assert properties["processing:software"] == {"hsvlm": hsvlm.__version__}
    assert properties["hsvlm:model_digest"] == scene_map.model.digest
    assert len(scene_map.model.digest) == 32
    assert properties["proj:code"] == "EPSG:32616"
    assert properties["proj:shape"] == [32, 32]
    assert properties["proj:transform"] == list(UTM["transform"])
    assert properties["proj:bbox"] == [500000, 4399360, 500640, 4400000]
    assert datetime.fromisoformat(properties["datetime"]) >= before
    assert "the time of the mapping" in properties["description"]
    assert item["links"] == []
    assets = item["assets"]
    assert {name: asset["href"] for name, asset in assets.items()} == {
        "map": "./map.tif",
        "probabilities": "./p.tif",
        "entropy": "./e.tif",
    }
    assert assets["map"]["type"] == pystac.MediaType.COG
    assert assets["map"]["bands"] == [{"name": "class", "data_type": "uint8", "nodata": 0}]
    assert assets["map"]["raster:spatial_resolution"] == 20
    names = [band["name"] for band in assets["probabilities"]["bands"]]
    assert names == list(scene_map.class_names.values())
    assert assets["entropy"]["bands"][0]["nodata"] == "nan"
    for asset in assets.values():
        with rasterio.open(tmp_path / asset["href"]) as opened:
            assert opened.count == len(asset["bands"])
            assert set(opened.dtypes) == {asset["bands"][0]["data_type"]}
    classes = assets["map"]["classification:classes"]
    assert classes[0] == {"value": 0, "name": "nodata", "title": "No data", "nodata": True}
    assert classes[2] == {
        "value": 2,
        "name": "bare-soil",
        "title": "bare soil",
        "color_hint": scene_map.class_colors[2][1:].upper(),
        "count": scene_map.counts[2],
    }


def test_pystac_reads_items(tmp_path):
    path = mapped(tmp_path).to_stac(tmp_path / "map.json")
    item = pystac.Item.from_file(path)
    assert item.assets["map"].get_absolute_href() == str(tmp_path / "map.tif")


@pytest.mark.slow
def test_prompts_describe_the_classes(tmp_path, cube, labels, settings):
    prompts = {1: ["a field of oats", "oats"], 2: "bare soil", 3: "水"}
    names = {1: "Oats / rye", 2: "oats-rye", 3: "水<>"}
    clf = HSIPromptClassifier(**{**settings, "prompts": prompts, "class_names": names})
    scene_map = predict_scene(clf.fit(cube, labels), Scene(cube, **UTM), tmp_path / "map.tif")
    item = valid(scene_map.to_stac(tmp_path / "map.json"))
    classes = item["assets"]["map"]["classification:classes"][1:]
    assert [entry["name"] for entry in classes] == ["oats-rye", "class-2", "class-3"]
    assert [entry["title"] for entry in classes] == list(names.values())
    assert [entry["description"] for entry in classes] == [
        "a field of oats; oats",
        "bare soil",
        "水",
    ]
    assert item["properties"]["processing:lineage"].endswith("HSIPromptClassifier.")


@pytest.mark.slow
def test_equal_models_have_equal_digests(tmp_path, cube, labels, settings):
    first, same = (HSIPromptClassifier(**settings).fit(cube, labels) for _ in range(2))
    other = HSIPromptClassifier(**{**settings, "random_state": 1}).fit(cube, labels)
    first.save(tmp_path / "model")
    loaded = HSIPromptClassifier.load(tmp_path / "model")
    digests = [
        predict_scene(clf, cube, tmp_path / "map.tif").model.digest
        for clf in (first, same, loaded, other)
    ]
    assert digests[0] == digests[1] == digests[2] != digests[3]


def test_scenes_without_a_place(tmp_path):
    item = valid(
        mapped(tmp_path, scene=make_synthetic_scene(random_state=0)).to_stac(tmp_path / "m.json")
    )
    assert item["geometry"] is None
    assert "bbox" not in item
    assert not [name for name in item["properties"] if name.startswith("proj:")]
    assert not [uri for uri in item["stac_extensions"] if "projection" in uri]


def footprint_of(tmp_path, crs, transform, height=40, width=40):
    scene = make_synthetic_scene(height=height, width=width, random_state=0)
    scene = replace(scene, crs=crs, transform=transform)
    item = valid(mapped(tmp_path, scene=scene).to_stac(tmp_path / "map.json"))
    return shapely.geometry.shape(item["geometry"]), item["bbox"]


def test_outlines_follow_the_curves_of_the_grid(tmp_path):
    # A polar grid: a parallel is a circle there.
    shape, box = footprint_of(tmp_path, "EPSG:3413", (5e4, 0.0, -1e6, 0.0, -5e4, -1e6))
    assert shape.is_valid
    assert len(shape.exterior.coords) == 81
    assert shape.exterior.is_ccw
    np.testing.assert_allclose(shape.bounds, box)
    corners = shapely.Polygon(np.array(shape.exterior.coords)[::20])
    assert shape.area != pytest.approx(corners.area, rel=1e-3)


def test_outlines_of_turned_grids(tmp_path):
    shape, box = footprint_of(tmp_path, "EPSG:32616", (16.0, 12.0, 5e5, 12.0, -16.0, 44e5))
    x, y = [5e5, 5e5 + 640, 5e5 + 1120, 5e5 + 480], [44e5, 44e5 + 480, 44e5 - 160, 44e5 - 640]
    lon, lat = rasterio.warp.transform("EPSG:32616", "EPSG:4326", x, y)
    assert box == pytest.approx([min(lon), min(lat), max(lon), max(lat)], abs=1e-6)
    assert shape.area < 0.6 * shapely.box(*box).area


def test_outlines_across_the_antimeridian(tmp_path):
    shape, box = footprint_of(tmp_path, "EPSG:32601", (8e3, 0.0, 2.5e5, 0.0, -8e3, 8e6))
    assert shape.geom_type == "MultiPolygon"
    assert len(shape.geoms) == 2
    assert shape.is_valid
    assert all(part.exterior.is_ccw for part in shape.geoms)
    west, south, east, north = box
    assert -180 < east < 0 < west < 180
    assert south < north
    assert {round(bound, 6) for part in shape.geoms for bound in part.bounds[::2]} >= {180, -180}


def test_times_of_acquisition(tmp_path):
    scene_map = mapped(tmp_path)
    moment = datetime(2001, 7, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    item = valid(scene_map.to_stac(tmp_path / "map.json", acquired=moment))
    assert item["properties"]["datetime"] == "2001-07-04T10:00:00Z"
    assert "the time at which the scene was acquired" in item["properties"]["description"]
    naive = datetime(2001, 7, 4, 12)  # noqa: DTZ001 - what a user may pass
    item = valid(scene_map.to_stac(tmp_path / "map.json", acquired=naive))
    assert item["properties"]["datetime"] == "2001-07-04T12:00:00Z"


@pytest.mark.parametrize("kind", ["envi", "geotiff"])
def test_times_that_files_state(tmp_path, kind):
    cube = make_synthetic_scene(random_state=0).cube
    if kind == "envi":
        path = tmp_path / "scene.hdr"
        cube.tofile(tmp_path / "scene.img")
        path.write_text(
            "ENVI\nsamples = 32\nlines = 32\nbands = 30\nheader offset = 0\ndata type = 4\n"
            "interleave = bip\nbyte order = 0\nacquisition time = 2005-07-15T10:30:00Z\n"
        )
    else:
        path = tmp_path / "scene.tif"
        profile = {"width": 32, "height": 32, "count": 30, "dtype": "float32"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, "w", driver="GTiff", **profile) as opened:
                opened.write(np.moveaxis(cube, -1, 0))
                opened.update_tags(ns="IMAGERY", ACQUISITIONDATETIME="2005-07-15 10:30:00")
    scene = read_scene(path)
    clf = GaussianNB().fit(*make_synthetic_scene(random_state=0).samples())
    item = valid(predict_scene(clf, scene, tmp_path / "map.tif").to_stac(tmp_path / "map.json"))
    assert item["properties"]["datetime"] == "2005-07-15T10:30:00Z"


def test_envi_files_and_further_assets_elsewhere(tmp_path):
    folder = tmp_path / "a b"
    folder.mkdir()
    scene_map = mapped(folder, "map.hdr")
    (tmp_path / "areas.json").write_text("{}")
    further = {"areas": tmp_path / "areas.json", "polygons": folder / "p.gpkg"}
    item = valid(scene_map.to_stac(tmp_path / "map.json", assets=further))
    assert {name: (asset["href"], asset["roles"]) for name, asset in item["assets"].items()} == {
        "map": ("./a%20b/map.img", ["data"]),
        "map-header": ("./a%20b/map.hdr", ["metadata"]),
        "areas": ("./areas.json", ["metadata"]),
        "polygons": ("./a%20b/p.gpkg", ["data"]),
    }
    item = valid(scene_map.to_stac(folder / "map.json", assets=further))
    assert item["assets"]["areas"]["href"] == "../areas.json"


def test_what_has_no_item(tmp_path):
    scene = make_synthetic_scene(random_state=0)
    in_memory = predict_scene(GaussianNB().fit(*scene.samples()), scene)
    with pytest.raises(DataError) as error:
        in_memory.to_stac(tmp_path / "map.json")
    assert str(error.value) == (
        "The map is in memory, but an item describes files. Write the map: "
        'predict_scene(clf, scene, "map.tif").'
    )
    with pytest.raises(FileError) as error:
        in_memory.to_stac(tmp_path / "map.yaml")
    assert str(error.value) == (
        f"{tmp_path / 'map.yaml'}: the suffix '.yaml' is not that of JSON. Use .json."
    )
    with pytest.raises(MissingFileError, match="there is no folder"):
        in_memory.to_stac(tmp_path / "none" / "map.json")
