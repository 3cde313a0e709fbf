"""Damaged and hostile files of every format: an error that names the file, or a scene."""

import functools
import json
import re
import tempfile
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.io import netcdf_file, savemat

from hsvlm import Scene
from hsvlm._data.lazy import read_rows
from hsvlm.exceptions import DataError
from hsvlm.io import read_labels, read_scene, write_map, write_scene
from hsvlm.prompts import read_prompt_file

CUBE = np.arange(4 * 5 * 3, dtype=np.uint16).reshape(4, 5, 3)
LABELS = CUBE[..., 0].astype(np.uint8) % 3
GRID = {"crs": "EPSG:32616", "transform": (10.0, 0.0, 500_000.0, 0.0, -10.0, 4_000_000.0)}
SCENE = Scene(CUBE, wavelengths_nm=[450, 550, 650], band_names=("b", "g", "r"), **GRID)
HOSTILE_BYTES = st.sampled_from([0, 1, 0x7F, 0x80, 0xFE, 0xFF]) | st.integers(0, 255)
NUMBERS = ["0", "-1", "nan", "inf", "1e309", "9" * 30, "9" * 5000, "2147483648", "1.5"]
HOSTILE_TEXTS = st.sampled_from(
    [*NUMBERS, "", "{", "}", '"', "\0", "\n", "é", "a b", "null", "true", "[" * 200, "*a", "&a"]
)


def envi(folder):
    return write_scene(folder / "field.hdr", SCENE)


def geotiff(folder):
    return write_scene(folder / "field.tif", SCENE)


def npy(folder):
    np.save(folder / "field.npy", CUBE)
    return folder / "field.npy"


def npz(folder):
    np.savez_compressed(folder / "field.npz", cube=CUBE, wavelengths=[450.0, 550, 650])
    return folder / "field.npz"


def mat(folder):
    savemat(folder / "field.mat", {"cube": CUBE, "wavelengths": [450.0, 550, 650]})
    return folder / "field.mat"


def compressed_mat(folder):
    savemat(folder / "field.mat", {"cube": CUBE, "gt": LABELS}, do_compression=True)
    return folder / "field.mat"


def hdf5(folder):
    with h5py.File(folder / "field.h5", "w") as file:
        file.create_dataset("a/cube", data=CUBE, chunks=(2, 5, 3), compression="gzip")
        file["wavelengths"] = [450.0, 550, 650]
    return folder / "field.h5"


def netcdf4(folder):
    with h5py.File(folder / "field.nc", "w") as file:
        cube = file.create_dataset("cube", data=CUBE)
        for axis, (name, values) in enumerate(
            {"y": np.arange(4.0), "x": np.arange(5.0), "wavelength": [450.0, 550, 650]}.items()
        ):
            file[name] = values
            file[name].make_scale(name)
            cube.dims[axis].attach_scale(file[name])
        cube.attrs["_FillValue"] = np.uint16(7)
    return folder / "field.nc"


def classic_netcdf(folder):
    with netcdf_file(folder / "field.nc", "w") as file:
        for name, size in (("y", 4), ("x", 5), ("band", 3)):
            file.createDimension(name, size)
        file.createVariable("cube", "i2", ("y", "x", "band"))[:] = CUBE
        file.createVariable("wavelength", "f4", ("band",))[:] = [450, 550, 650]
    return folder / "field.nc"


def palette_map(folder):
    return write_map(folder / "map.tif", LABELS, scene=SCENE, class_names={1: "oats", 2: "soil"})


def envi_map(folder):
    return write_map(folder / "map.hdr", LABELS, scene=SCENE, class_names={1: "oats", 2: "soil"})


def features(kind):
    def write(folder):
        import geopandas
        from shapely.geometry import Point, box

        shapes = [
            box(500_000, 3_999_980, 500_020, 4_000_000),
            box(500_030, 3_999_960, 500_050, 3_999_980),
        ]
        shapes = [*shapes, Point(500_025, 3_999_985)] if kind != "shp" else shapes
        frame = geopandas.GeoDataFrame(
            {"crop": ["oats", "soil", "oats"][: len(shapes)]}, geometry=shapes, crs=GRID["crs"]
        )
        frame = frame.rename(columns={"crop": "Name"}) if kind == "kml" else frame
        frame = frame.to_crs("EPSG:4326") if kind == "kml" else frame
        drivers = {"kml": {"driver": "KML"}, "gml": {"driver": "GML"}}
        frame.to_file(folder / f"fields.{kind}", **drivers.get(kind, {}))
        return folder / f"fields.{kind}"

    return write


def struct(folder):
    savemat(folder / "field.mat", {"data": {"gt": LABELS, "more": {"cube": CUBE, "name": "a"}}})
    return folder / "field.mat"


def table_of_pixels(folder):
    content = {"Y": CUBE.reshape(20, 3), "nRow": 4, "nCol": 5}
    savemat(folder / "field.mat", content, do_compression=True)
    return folder / "field.mat"


def points(folder):
    text = "x;y;row;col;crop\n500015,5;3999995,5;1;2;oats\n500045,5;3999995,5;0;4;soil\n"
    (folder / "points.csv").write_text(text)
    return folder / "points.csv"


def ascii_regions(folder):
    (folder / "regions.txt").write_text(
        "; ENVI Output of ROIs (5.3)\n; Number of ROIs: 2\n; File Dimension: 5 x 4\n;\n"
        "; ROI name: oats\n; ROI rgb value: {0, 255, 0}\n; ROI npts: 1\n; ROI name: soil\n"
        "; ROI rgb value: {255, 0, 0}\n; ROI npts: 1\n;  ID  X  Y\n  1  2  3\n\n  1  5  4\n"
    )
    return folder / "regions.txt"


def xml_regions(folder):
    ring = "500000 4000000 500020 4000000 500020 3999980 500000 3999980 500000 4000000"
    (folder / "regions.xml").write_text(
        '<?xml version="1.0"?><RegionsOfInterest version="1.0"><Region name="oats" '
        'color="0,255,0"><GeometryDef><CoordSysStr>EPSG:32616</CoordSysStr><Polygon><Exterior>'
        f"<LinearRing><Coordinates>{ring}</Coordinates></LinearRing></Exterior></Polygon>"
        "</GeometryDef></Region></RegionsOfInterest>"
    )
    return folder / "regions.xml"


def archive(folder):
    path = features("geojson")(folder)
    with zipfile.ZipFile(folder / "fields.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        # With the same date each time.
        opened.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    path.unlink()
    return folder / "fields.zip"


def colors(folder):
    pixels = np.stack([LABELS * 100, LABELS, LABELS * 0], axis=2)
    write_scene(folder / "gt.tif", Scene(pixels.astype(np.uint8), **GRID))
    return folder / "gt.tif"


def prompts(kind):
    def write(folder):
        classes = [{"value": 1, "name": "oats", "color": "#00ff00", "prompts": ["a", "b"]}]
        content = {"classes": [*classes, {"value": 2, "prompts": "soil"}]}
        (folder / f"classes.{kind}").write_text(json.dumps(content))
        return folder / f"classes.{kind}"

    return write


def as_scene(path):
    scene = read_scene(path)
    read_rows(scene.cube, 0, 1)
    return scene.cube.shape


def as_labels(path):
    return read_labels(path, SCENE).labels.shape


def as_prompts(path):
    return (len(read_prompt_file(path).class_names),)


KINDS = {
    **{one.__name__: (one, as_scene) for one in (envi, geotiff, npy, npz, mat, compressed_mat)},
    **{one.__name__: (one, as_scene) for one in (hdf5, netcdf4, classic_netcdf)},
    **{one.__name__: (one, as_labels) for one in (palette_map, envi_map, struct, colors)},
    **{one.__name__: (one, as_labels) for one in (points, ascii_regions, xml_regions, archive)},
    "table_of_pixels": (table_of_pixels, as_scene),
    **{one: (features(one), as_labels) for one in ("geojson", "gpkg", "shp", "fgb", "kml", "gml")},
    **{one: (prompts(one), as_prompts) for one in ("json", "yaml")},
}


@functools.cache
def intact(kind):
    """The name of a file of a kind, and the contents of all files that belong to it."""
    write, read = KINDS[kind]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write(Path(folder))
        assert read(path)[0] > 0
        return path.name, {one.name: one.read_bytes() for one in sorted(Path(folder).iterdir())}


EVERY_WAY = ("bytes", "head", "cut", "piece", "text", "text")
# Of what h5py writes for scales, the HDF5 library itself takes some damage badly: it has been seen
# to free memory twice and to walk a heap for ever.
WAYS = {"netcdf4": ("cut",)}
ATTRIBUTES = ["_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned", "units"]
ATTRIBUTES += ["grid_mapping", "coordinates", "flag_values", "flag_meanings", "dtype", "calendar"]
ATTRIBUTES += ["GeoTransform", "crs_wkt", "grid_mapping_name", "_NCProperties"]
VALUES = ["", "abc", "degrees", "kilometre", b"\xff\xfe", "days since 0000-00-00", "a: b c", "y"]
VALUES += [np.nan, np.inf, -1, 0, 2**63 - 1, 1e308, np.zeros(0), np.arange(9), [["a", "b"]], "true"]


# The long profile tries ten times as many.
N_ATTRIBUTES = settings().max_examples * 3 // 10


@st.composite
def damaged(draw, content, ways=EVERY_WAY):
    """The content with some bytes, a piece or a number of its text changed, or its end cut off."""
    changed = bytearray(content)
    how = draw(st.sampled_from(ways))
    if how in ("bytes", "head"):
        top = len(content) if how == "bytes" else min(len(content), 400)
        for _ in range(draw(st.integers(1, 6))):
            changed[draw(st.integers(0, top - 1))] = draw(HOSTILE_BYTES)
    elif how == "cut":
        del changed[draw(st.integers(0, len(content) - 1)) :]
    elif how == "piece":
        start, stop, to = sorted(draw(st.integers(0, len(content))) for _ in range(3))
        changed[to:to] = content[start:stop]
    elif found := list(re.finditer(rb"[A-Za-z0-9.+-]+", content)):
        one = found[draw(st.integers(0, len(found) - 1))]
        changed[one.start() : one.end()] = draw(HOSTILE_TEXTS).encode()
    return bytes(changed)


def check(path, read):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            shape = read(path)
        except DataError:
            return
    assert len(shape) in (1, 2, 3)
    assert 0 <= np.prod(shape, dtype=float) <= 2**16 * max(path.stat().st_size, 2**10)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_damaged_files_are_refused_or_read(tmp_path_factory, kind, data):
    folder = tmp_path_factory.mktemp("damaged")
    name, contents = intact(kind)
    for other, content in contents.items():
        (folder / other).write_bytes(content)
    victim = data.draw(st.sampled_from([one for one in contents if contents[one]]))
    ways = WAYS.get(kind, EVERY_WAY)
    (folder / victim).write_bytes(data.draw(damaged(contents[victim], ways)))
    check(folder / name, KINDS[kind][1])


@pytest.mark.slow
@settings(max_examples=N_ATTRIBUTES, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "cube", "labels", "y", "wavelength", "spatial_ref"]),
            st.sampled_from(ATTRIBUTES),
            st.sampled_from(VALUES),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_attributes_may_say_anything(tmp_path_factory, told):
    path = netcdf4(tmp_path_factory.mktemp("told"))
    with h5py.File(path, "a") as file:
        file["spatial_ref"] = 0
        file["labels"] = LABELS
        for axis, name in enumerate("yx"):
            file["labels"].dims[axis].attach_scale(file[name])
        for where, name, value in told:
            holder = file[where] if where else file
            holder.attrs[name] = value
    check(path, as_scene)
    check(path, as_labels)
