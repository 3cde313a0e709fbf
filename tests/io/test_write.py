import io
import json
import shutil
import subprocess
import warnings
from dataclasses import replace

import numpy as np
import pytest
import rasterio
import rasterio.warp
import spectral.io.envi as spy
from hypothesis import given, settings
from hypothesis import strategies as st

from hsvlm import Scene
from hsvlm._data import lazy as _lazy
from hsvlm._data.lazy import MappedCube
from hsvlm._data.palette import class_palette
from hsvlm.exceptions import DataError, FileError, HSVLMError, MissingFileError, ParameterError
from hsvlm.io._readers import envi as _envi
from hsvlm.io._readers import raster as _raster
from hsvlm.io._write import write_map, write_raster, write_scene
from hsvlm.io._writers import geotiff as _geotiff

READERS = {".tif": _raster, ".hdr": _envi}
SUFFIXES = sorted(READERS)
PLACE = (20.0, 0.0, 500000.0, 0.0, -20.0, 4400000.0)
RNG = np.random.default_rng(0)
SCENE = Scene(
    RNG.normal(size=(18, 20, 5)).astype(np.float32),
    wavelengths_nm=[400.25, 500, 600, 700.125, 2500],
    name="field",
    band_names=["a", "b", "c", "d", "e"],
    bad_bands=[False, True, False, False, True],
    crs="EPSG:32616",
    transform=PLACE,
)
LABELS = RNG.integers(0, 4, (18, 20)).astype(np.uint8)
NAMES = {1: "corn, notill", 2: "prés {humid}", 3: "wheat"}
COLORS = {1: "#FF0000", 2: "#008001", 3: "#0A0B0C"}
PARTS = [255, 0, 0, 0, 128, 1, 10, 11, 12]
LABELED = replace(SCENE, labels=LABELS, class_names=NAMES, class_colors=COLORS)
# In the notation of NumPy: "g" are long doubles, ">" is big endian.
CODES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", ">i2", ">f4"]
HINT_DISK_SPACE = "Make sure that there is room on the disk and that the folder may be written to."

needs_gdalinfo = pytest.mark.skipif(shutil.which("gdalinfo") is None, reason="needs gdalinfo")


def gdalinfo(path):
    command = ["gdalinfo", "-json", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


def read_cube(path):
    return READERS[path.suffix].read_cube(path)


def read_label_map(path):
    return READERS[path.suffix].read_label_map(path)


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def epsg(crs):
    return rasterio.crs.CRS.from_user_input(crs).to_epsg()


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of one row, or of sixteen in a GeoTIFF."""
    monkeypatch.setattr(_lazy, "_BLOCK_VALUES", 64)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_scenes_come_back_whole(tmp_path, suffix, small_blocks):
    path = write_scene(tmp_path / f"field{suffix}", SCENE)
    found = read_cube(path)
    scene = found.scene
    assert path == tmp_path / f"field{suffix}"
    assert found.nodata is None
    assert scene.cube.dtype == np.float32
    np.testing.assert_array_equal(scene.cube, SCENE.cube)
    assert scene.wavelengths_nm.tolist() == SCENE.wavelengths_nm.tolist()
    assert scene.band_names == SCENE.band_names
    assert scene.bad_bands.tolist() == SCENE.bad_bands.tolist()
    assert scene.transform == PLACE
    assert epsg(scene.crs) == 32616


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_maps_come_back_whole(tmp_path, suffix, small_blocks):
    path = write_map(tmp_path / f"map{suffix}", LABELS, scene=LABELED)
    found = read_label_map(path)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, LABELS)
    # An entry of an ENVI header ends at a comma, and a field at a curly bracket.
    envi = {1: "corn; notill", 2: "prés (humid)", 3: "wheat"}
    assert found.class_names == (NAMES if suffix == ".tif" else envi)
    assert found.class_colors == COLORS
    assert found.transform == PLACE
    assert epsg(found.crs) == 32616


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rasters_come_back_whole(tmp_path, suffix, small_blocks):
    values = RNG.random((18, 20, 3))
    values[4, 5] = np.nan
    names = ["corn", "oats", "wheat"]
    path = write_raster(tmp_path / f"p{suffix}", values, scene=SCENE, band_names=names)
    found = read_cube(path)
    np.testing.assert_array_equal(found.scene.cube, values)
    assert np.isnan(found.nodata)
    assert found.scene.band_names == ("corn", "oats", "wheat")
    assert found.scene.transform == PLACE
    flat = write_raster(tmp_path / f"flat{suffix}", values[..., 0])
    np.testing.assert_array_equal(np.asarray(read_cube(flat).scene.cube)[..., 0], values[..., 0])
    assert read_cube(flat).scene.crs is None


@pytest.mark.slow
@given(
    suffix=st.sampled_from(SUFFIXES),
    code=st.sampled_from(
        ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "e", "f", "d", "g", ">i2", ">f4"]
    ),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3)),
    side=st.sampled_from([16, 32]),
    block=st.sampled_from([1, 300, 2**24]),
    seed=st.integers(0, 9),
)
def test_any_array_comes_back(tmp_path_factory, suffix, code, shape, side, block, seed):
    values = (100 * np.random.default_rng(seed).random(shape)).astype(code)
    path = tmp_path_factory.mktemp("write") / f"values{suffix}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lazy, "_BLOCK_VALUES", block)
        patch.setattr(_geotiff, "_TILE_SIDES", (side,))
        write_raster(path, values)
    found = np.asarray(read_cube(path).scene.cube)
    assert found.dtype.itemsize <= 8
    np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize(
    ("labels", "unlabeled", "codes", "names"),
    [
        ([[1, 2], [0, 300]], 0, [[1, 2], [0, 300]], {1: "1", 2: "2", 300: "300"}),
        ([[1.0, 2.0], [0.0, 3.0]], 0, [[1, 2], [0, 3]], {1: "1", 2: "2", 3: "3"}),
        ([[True, False]], 0, [[1, 0]], {1: "True"}),
        ([[True, False]], None, [[2, 1]], {1: "False", 2: "True"}),
        ([[0, 1], [-1, 2]], -1, [[1, 2], [0, 3]], {1: "0", 2: "1", 3: "2"}),
        ([[5, 1], [-1, 2]], -1, [[5, 1], [0, 2]], {1: "1", 2: "2", 5: "5"}),
        ([[-3, 7], [0, 0]], 0, [[1, 2], [0, 0]], {1: "-3", 2: "7"}),
        ([[0.5, 2.0], [0.0, 0.0]], 0, [[1, 2], [0, 0]], {1: "0.5", 2: "2"}),
        ([[np.nan, 2.0]], np.nan, [[0, 2]], {2: "2"}),
        ([["b", ""], ["a", "c"]], "", [[2, 0], [1, 3]], {1: "a", 2: "b", 3: "c"}),
        ([[70000, 0]], 0, [[1, 0]], {1: "70000"}),
        ([[0, 0]], 0, [[0, 0]], {}),
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_labels_of_any_kind(tmp_path, suffix, labels, unlabeled, codes, names):
    path = write_map(tmp_path / f"map{suffix}", labels, unlabeled=unlabeled)
    found = read_label_map(path)
    assert found.labels.tolist() == codes
    assert found.labels.dtype == (np.uint16 if np.max(codes) > 255 else np.uint8)
    assert found.class_names == names


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("names", [{1: "a", 5: "e"}, {2: "b", 4: "d", 300: "z"}, {3: "Class 4"}])
def test_numbers_between_classes_stay_without_a_class(tmp_path, suffix, names):
    colors = dict(zip(names, COLORS.values(), strict=False))
    labels = [[0, *names, 7]]
    path = write_map(
        tmp_path / f"map{suffix}", labels, class_names=names, class_colors={**colors, 7: "#0000FF"}
    )
    read = read_label_map(path)
    assert read.labels.tolist() == labels
    assert read.class_names == {**names, 7: "7"}
    assert read.class_colors == {**colors, 7: "#0000FF"}


def test_suffixes_of_envi_are_in_lower_case(tmp_path):
    path = write_map(tmp_path / "map.IMG", LABELS)
    assert path == tmp_path / "map.img"
    names = ["map.hdr", "map.img", "map.img.aux.xml", "map.qml"]
    assert sorted(contents(tmp_path)) == names


@pytest.mark.parametrize("text", ["prés", "草地", "Wälder & Wiesen"])
def test_headers_are_utf8_whatever_the_platform_writes(tmp_path, monkeypatch, text):
    # What open() and locale.getencoding() say where the locale is that of C.
    text_open = io.open

    def open_in_ascii(file, mode="r", *args, encoding=None, **options):
        encoding = encoding or (None if "b" in mode else "ascii")
        return text_open(file, mode, *args, encoding=encoding, **options)

    monkeypatch.setattr("locale.getencoding", lambda: "ascii")
    monkeypatch.setattr("builtins.open", open_in_ascii)
    scene = replace(LABELED, name=text, band_names=[text] * 5, class_names={1: text})
    for write in (write_scene, lambda path, scene: write_map(path, LABELS, scene=scene)):
        content = write(tmp_path / "field.hdr", scene).read_bytes()
        assert content.count(text.encode()) >= 2


def test_halves_of_characters_are_replaced(tmp_path):
    path = write_scene(tmp_path / "field.hdr", replace(SCENE, name="half \ud800"))
    assert b"description = {half ?}" in path.read_bytes()


def test_labels_in_bytes_are_named_as_text(tmp_path):
    found = read_label_map(write_map(tmp_path / "map.tif", [[b"corn", b"oats"]], unlabeled=None))
    assert found.class_names == {1: "corn", 2: "oats"}


def test_masked_pixels_have_no_class(tmp_path):
    labels = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    found = read_label_map(write_map(tmp_path / "map.tif", labels))
    assert found.labels.tolist() == [[1, 0], [3, 4]]


def test_labels_of_renumbered_classes_stay_in_the_file(tmp_path):
    labels, names = np.array([["b", "a"]]), {"b": "barley"}
    write_map(tmp_path / "map.tif", labels, unlabeled=None, class_names=names)
    with rasterio.open(tmp_path / "map.tif") as dataset:
        tags = dataset.tags()
    assert json.loads(tags["CLASS_LABELS"]) == {"1": "a", "2": "b"}
    assert json.loads(tags["CLASS_NAMES"]) == {"1": "a", "2": "barley"}
    write_map(tmp_path / "map.hdr", labels, unlabeled=None, class_names=names)
    fields = spy.read_envi_header(str(tmp_path / "map.hdr"))
    assert fields["class labels"] == ["", "a", "b"]
    assert fields["class names"] == ["Unclassified", "a", "barley"]


def test_named_classes_keep_number_and_colour_where_the_map_lacks_them(tmp_path):
    names = {"oats": "Oats", "rye": "Rye", "corn": "Corn"}
    for labels in ([["oats"]], [["rye"]]):
        path = write_map(tmp_path / "map.tif", labels, unlabeled=None, class_names=names)
        found = read_label_map(path)
        assert found.class_names == {1: "Corn", 2: "Oats", 3: "Rye"}
        assert found.labels.tolist() == [[2 if labels == [["oats"]] else 3]]
        # In the order of the names, as in figures.
        assert [found.class_colors[one] for one in (2, 3, 1)] == class_palette(3)


def test_more_classes_than_the_palette_has_colours(tmp_path):
    labels = np.arange(1, 101, dtype=np.uint8).reshape(10, 10)
    found = read_label_map(write_map(tmp_path / "map.tif", labels))
    assert len(set(found.class_colors.values())) == 100
    assert [found.class_colors[one] for one in range(1, 21)] == class_palette(20)


def test_names_and_colours_survive_renaming_and_large_numbers(tmp_path):
    labels = np.array([[300, 5], [0, 5]])
    path = write_map(
        tmp_path / "map.tif", labels, class_names={300: "corn"}, class_colors={5: "#abcdef"}
    )
    found = read_label_map(path.rename(tmp_path / "renamed.tif"))
    assert found.class_names == {5: "5", 300: "corn"}
    assert found.class_colors == {5: "#ABCDEF", 300: class_palette(1)[0]}


def test_rasterio_opens_maps(tmp_path):
    path = write_map(tmp_path / "map.tif", LABELS, scene=LABELED)
    with rasterio.open(path) as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.profile["compress"] == "deflate"
        assert dataset.colorinterp == (rasterio.enums.ColorInterp.palette,)
        assert dataset.colormap(1)[2] == (0, 128, 1, 255)
        assert dataset.nodata == 0
        assert tuple(dataset.transform)[:6] == PLACE
        assert dataset.crs.to_epsg() == 32616
        assert dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "field"
        np.testing.assert_array_equal(dataset.read(1), LABELS)


def test_large_maps_have_overviews_of_labels_that_occur(tmp_path):
    labels = np.kron(RNG.integers(1, 4, (80, 80)) * 7, np.ones((10, 10), dtype=int))
    with rasterio.open(write_map(tmp_path / "map.tif", labels)) as dataset:
        assert dataset.overviews(1) == [2]
        assert dataset.block_shapes == [(512, 512)]
    with rasterio.open(tmp_path / "map.tif", overview_level=0) as dataset:
        assert set(np.unique(dataset.read(1)).tolist()) == {7, 14, 21}


def test_tiles_of_many_bands_are_small(tmp_path):
    write_raster(tmp_path / "p.tif", np.zeros((1, 130, 70), dtype=np.float32))
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.block_shapes[0] == (128, 128)


@pytest.mark.parametrize(
    ("shape", "side"), [((18, 20, 3), 32), ((300, 7, 3), 304), ((1, 513), 512)]
)
def test_tiles_are_no_larger_than_the_scene(tmp_path, shape, side):
    values = RNG.random(shape, dtype=np.float32)
    write_raster(tmp_path / "p.tif", values)
    with rasterio.open(tmp_path / "p.tif") as dataset:
        assert dataset.block_shapes[0] == (side, side)
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        written = np.moveaxis(dataset.read(), 0, 2)
    np.testing.assert_array_equal(written.reshape(shape), values)


@pytest.mark.slow
@needs_gdalinfo
@pytest.mark.parametrize("data", ["map.tif", "map.img"])
def test_gdalinfo_shows_maps(tmp_path, data):
    write_map(tmp_path / data, LABELS, scene=LABELED)
    info = gdalinfo(tmp_path / data)
    band = info["bands"][0]
    corn = "corn, notill" if data == "map.tif" else "corn; notill"
    assert info["size"] == [20, 18]
    assert info["geoTransform"] == [500000, 20, 0, 4400000, 0, -20]
    assert 'ID["EPSG",32616]]' in info["coordinateSystem"]["wkt"]
    assert band["colorInterpretation"] == "Palette"
    assert band["noDataValue"] == 0
    # The JSON of gdalinfo has no category names; its text has.
    text = subprocess.run(
        ["gdalinfo", str(tmp_path / data)],  # noqa: S607
        capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    assert f"0: Unclassified\n      1: {corn}\n      2: prés" in text
    assert "2: 0,128,1,255" in text


@needs_gdalinfo
@pytest.mark.parametrize("data", ["field.tif", "field.img"])
def test_gdalinfo_shows_scenes(tmp_path, data):
    valid = np.ones((18, 20), dtype=bool)
    valid[3, 4] = False
    write_scene(tmp_path / data, replace(SCENE, valid=valid))
    info = gdalinfo(tmp_path / data)
    band = info["bands"][3]
    assert len(info["bands"]) == 5
    assert info["geoTransform"] == [500000, 20, 0, 4400000, 0, -20]
    assert band["noDataValue"] == "NaN" or np.isnan(band["noDataValue"])
    assert band["metadata"][""]["wavelength"] == "700.125"
    assert band["metadata"][""]["wavelength_units"] == "Nanometers"
    assert band["description"].startswith("d")


def test_wavelengths_under_the_name_that_gdal_gave_them(tmp_path):
    write_scene(tmp_path / "field.tif", SCENE)
    with rasterio.open(tmp_path / "field.tif") as dataset:
        assert dataset.tags(4, ns="IMAGERY")["CENTRAL_WAVELENGTH_UM"] == "0.700125"


def test_spectral_opens_scenes(tmp_path):
    write_scene(tmp_path / "field.hdr", SCENE)
    image = spy.open(str(tmp_path / "field.hdr"))
    np.testing.assert_array_equal(image.open_memmap(), SCENE.cube)
    assert image.bands.centers == [400.25, 500, 600, 700.125, 2500]
    assert image.bands.band_unit == "Nanometers"
    assert image.metadata["bbl"] == [1, 0, 1, 1, 0]
    assert image.metadata["band names"] == ["a", "b", "c", "d", "e"]
    assert image.metadata["map info"][:7] == ["UTM", "1", "1", "500000", "4400000", "20", "20"]
    image.fid.close()


def test_spectral_opens_maps(tmp_path):
    write_map(tmp_path / "map.img", LABELS, scene=LABELED)
    image = spy.open(str(tmp_path / "map.hdr"))
    np.testing.assert_array_equal(image.open_memmap()[..., 0], LABELS)
    assert image.metadata["file type"] == "ENVI Classification"
    assert image.metadata["classes"] == "4"
    assert image.metadata["class names"] == [
        "Unclassified", "corn; notill", "prés (humid)", "wheat",
    ]  # fmt: skip
    assert image.metadata["class lookup"] == [
        "0",
        "0",
        "0",
        "255",
        "0",
        "0",
        "0",
        "128",
        "1",
        "10",
        "11",
        "12",
    ]
    image.fid.close()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("dtype", "taken", "nodata"),
    [
        ("f4", [], np.nan),
        ("u1", [], 0),
        ("u2", [0], 65535),
        ("i2", [], -32768),
        ("i2", [-32768], 32767),
        ("i8", [], -(2**53)),
        ("u8", [0], 2**53),
    ],
)
def test_invalid_pixels_hold_no_data(tmp_path, suffix, dtype, taken, nodata):
    cube = RNG.integers(1, 100, (18, 20, 2)).astype(dtype)
    cube[2, 3, 1 : 1 + len(taken)] = taken
    valid = np.ones((18, 20), dtype=bool)
    valid[5, 6] = False
    found = read_cube(write_scene(tmp_path / f"field{suffix}", Scene(cube, valid=valid)))
    np.testing.assert_equal(found.nodata, float(nodata))
    read = np.asarray(found.scene.cube)
    np.testing.assert_array_equal(read[valid], cube[valid])
    np.testing.assert_array_equal(read[5, 6], np.full(2, nodata, dtype=dtype))


def test_no_value_is_left_for_invalid_pixels(tmp_path):
    cube = np.array([[[0], [255], [7]]], dtype=np.uint8)
    with pytest.raises(DataError) as error:
        write_scene(tmp_path / "field.tif", Scene(cube, valid=[[True, True, False]]))
    assert str(error.value) == (
        "The scene has invalid pixels, but its valid ones hold both the least and the greatest "
        "uint8, so no value is left for them. Convert the cube to a larger type, or give "
        "valid=None."
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_memory_maps_are_read_by_rows_alone(tmp_path, suffix, small_blocks):
    values = np.memmap(tmp_path / "values", dtype=np.float32, mode="w+", shape=(140, 40, 3))
    values[:] = RNG.random(values.shape)
    seen = []

    def watched(spectra):
        seen.append(len(spectra))
        return spectra * 2

    path = write_scene(tmp_path / f"field{suffix}", Scene(MappedCube(values, watched)))
    assert max(seen) <= 16 * 40
    np.testing.assert_array_equal(read_cube(path).scene.cube, values * 2)
    labels = np.memmap(tmp_path / "labels", dtype=np.uint8, mode="w+", shape=(140, 40))
    labels[:] = RNG.integers(0, 4, labels.shape)
    found = read_label_map(write_map(tmp_path / f"map{suffix}", labels))
    np.testing.assert_array_equal(found.labels, labels)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_scene_may_be_written_over_the_file_it_is_read_from(tmp_path, suffix):
    path = write_scene(tmp_path / f"field{suffix}", SCENE)
    scene = read_cube(path).scene
    kept = scene.select_bands([3, 0])
    write_scene(path, kept)
    found = read_cube(path).scene
    np.testing.assert_array_equal(found.cube, SCENE.cube[..., [3, 0]])
    assert found.wavelengths_nm.tolist() == [700.125, 400.25]


class Failing:
    """Values that cannot be read to the end."""

    shape, dtype = (70, 40, 3), np.dtype(np.float32)

    def __getitem__(self, rows):
        if rows.start >= 32:
            message = "the tape is torn"
            raise OSError(message)
        return np.zeros((rows.stop - rows.start, 40, 3), dtype=np.float32)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_half_way_leaves_the_former_file(tmp_path, suffix, small_blocks):
    path = write_map(tmp_path / f"map{suffix}", LABELS, scene=LABELED)
    before = contents(tmp_path)
    assert len(before) == {".tif": 3, ".hdr": 4}[suffix]
    with pytest.raises(FileError) as error:
        write_raster(path, Failing())
    assert str(error.value) == f"{path}: it cannot be written (the tape is torn). {HINT_DISK_SPACE}"
    assert contents(tmp_path) == before


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interruption_leaves_the_former_file(tmp_path, suffix, monkeypatch):
    path = write_scene(tmp_path / f"field{suffix}", SCENE)
    before = contents(tmp_path)

    def interrupt(spectra):
        if len(spectra) > 1:
            raise KeyboardInterrupt
        return spectra

    with pytest.raises(KeyboardInterrupt):
        write_scene(path, Scene(MappedCube(SCENE.cube, interrupt)))
    assert contents(tmp_path) == before


def test_what_gdal_loses_in_silence_is_noticed(tmp_path, monkeypatch):
    path = write_raster(tmp_path / "p.tif", np.ones((18, 20)))
    before = contents(tmp_path)
    write_draft = _geotiff._write_draft

    def losing(*arguments):
        sums = write_draft(*arguments)
        with rasterio.open(arguments[0], "r+") as dataset:
            dataset.write(np.zeros((1, 1)), 1, window=rasterio.windows.Window(19, 17, 1, 1))
        return sums

    monkeypatch.setattr(_geotiff, "_write_draft", losing)
    with pytest.raises(FileError) as error:
        write_raster(path, np.ones((18, 20)))
    assert str(error.value) == (
        f"{path}: it cannot be written (it does not hold what was written). {HINT_DISK_SPACE}"
    )
    assert contents(tmp_path) == before


def test_errors_of_gdal_name_the_file_that_was_to_be(tmp_path, monkeypatch):
    path = tmp_path / "p.tif"
    monkeypatch.setattr(_geotiff, "_DRAFT_ROWS", 15)
    with pytest.raises(FileError) as error:
        write_raster(path, np.ones((18, 20)))
    assert str(error.value).startswith(f"{path}: it cannot be written (")
    assert str(error.value).endswith(f"). {HINT_DISK_SPACE}")
    assert not contents(tmp_path)


def test_what_described_the_former_file_is_removed(tmp_path):
    stale = ["p.tif.aux.xml", "p.tif.ovr", "p.tif.msk", "p.tfw"]
    for name in [*stale, "q.tif.aux.xml", "p.sta"]:
        (tmp_path / name).write_text("stale")
    write_raster(tmp_path / "p.tif", np.ones((18, 20)))
    assert sorted(contents(tmp_path)) == ["p.sta", "p.tif", "q.tif.aux.xml"]
    for name in ["p.img.aux.xml", "p.img.hdr", "p.sta"]:
        (tmp_path / name).write_text("stale")
    write_raster(tmp_path / "p.hdr", np.ones((18, 20)))
    assert sorted(contents(tmp_path)) == ["p.hdr", "p.img", "p.tif", "q.tif.aux.xml"]


@pytest.mark.parametrize("transform", [None, (1, 0, 0, 0, 1, 0), PLACE, (2, 0, 10, 0, 3, 20)])
@pytest.mark.parametrize("crs", [None, "EPSG:3035", "EPSG:4326"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_any_georeference_comes_back(tmp_path, suffix, crs, transform):
    scene = replace(SCENE, crs=crs, transform=transform)
    found = read_cube(write_scene(tmp_path / f"field{suffix}", scene)).scene
    # The identity stands for "not georeferenced".
    placed = transform is not None and transform[2] != 0
    assert found.transform == (transform if placed else None)
    if crs is None or (suffix == ".hdr" and not placed):
        assert found.crs is None
    else:
        assert rasterio.crs.CRS.from_wkt(found.crs) == rasterio.crs.CRS.from_string(crs)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    angle=st.floats(-179, 179),
    size=st.floats(1e-1, 1e3),
    x=st.floats(-1e7, 1e7),
    y=st.floats(-1e7, 1e7),
)
def test_rotated_grids_come_back_from_envi(tmp_path_factory, angle, size, x, y):
    a, d = size * np.cos(np.deg2rad(angle)), size * np.sin(np.deg2rad(angle))
    path = tmp_path_factory.mktemp("rotated") / "field.hdr"
    write_scene(path, replace(SCENE, transform=(a, d, x, d, -a, y)))
    found = read_cube(path).scene.transform
    np.testing.assert_allclose(found, (a, d, x, d, -a, y), rtol=1e-9, atol=1e-6 * size)


def test_skewed_grids_need_a_geotiff(tmp_path):
    skewed = replace(SCENE, transform=(20, 5, 500000, 0, -20, 4400000))
    with pytest.raises(ParameterError) as error:
        write_scene(tmp_path / "field.hdr", skewed)
    assert str(error.value) == (
        "transform=(20.0, 5.0, 500000.0, 0.0, -20.0, 4400000.0) is skewed or mirrored, which the "
        "header of an ENVI file cannot say. Write a GeoTIFF (.tif), or bring the scene to a grid "
        "of square pixels."
    )
    assert not contents(tmp_path)
    found = read_cube(write_scene(tmp_path / "field.tif", skewed)).scene
    assert found.transform == (20, 5, 500000, 0, -20, 4400000)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("code", [2263, 2222, 27700, 32733, 4326])
def test_units_of_the_crs_come_back(tmp_path, suffix, code):
    step = 0.1 if code == 4326 else 10.0
    place = (step, 0.0, 9.0, 0.0, -step, 45.0)
    scene = replace(SCENE, crs=f"EPSG:{code}", transform=place)
    read = read_cube(write_scene(tmp_path / f"field{suffix}", scene)).scene
    assert read.transform == pytest.approx(place)
    ours, theirs = (rasterio.crs.CRS.from_user_input(each.crs) for each in (scene, read))
    x, y = rasterio.warp.transform(theirs, ours, [9.0], [45.0])
    np.testing.assert_allclose([x[0], y[0]], [9.0, 45.0], atol=1e-4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_crs_that_is_none(tmp_path, suffix):
    with pytest.raises(ParameterError) as error:
        write_scene(tmp_path / f"field{suffix}", replace(SCENE, crs="Atlantis " * 20))
    assert str(error.value) == (
        f"crs='{('Atlantis ' * 20)[:60]}...' is not a coordinate reference system that PROJ knows. "
        'Give WKT or a code such as "EPSG:32616", or None.'
    )
    assert not contents(tmp_path)


def calls(folder):
    """Calls that must fail, with the error and the message."""
    tif = folder / "x.tif"
    (folder / "taken.dat").touch()
    (folder / "folder.tif").mkdir()
    return {
        "suffix": (
            lambda: write_scene(folder / "x.png", SCENE), FileError,
            f"{folder / 'x.png'}: the suffix '.png' stands for no format that can be written. Use "
            "one of .tif, .tiff, .hdr, .img.",
        ),
        "folder": (
            lambda: write_map(folder / "no" / "x.tif", LABELS), MissingFileError,
            f"{folder / 'no' / 'x.tif'} cannot be written: there is no folder {folder / 'no'}. "
            "Create it.",
        ),
        "is folder": (
            lambda: write_raster(folder / "folder.tif", LABELS), FileError,
            f"{folder / 'folder.tif'}: it is a folder. Give the path of a file.",
        ),
        "taken": (
            lambda: write_raster(folder / "taken.hdr", LABELS), FileError,
            f"{folder / 'taken.hdr'}: taken.dat lies beside it and would be taken for the data of "
            "its header. Choose another name, or move that file away.",
        ),
        "map dimensions": (
            lambda: write_map(tif, LABELS[0]), DataError,
            "A label map has shape (height, width), got (20,).",
        ),
        "raster dimensions": (
            lambda: write_raster(tif, LABELS[0]), DataError,
            "A raster has shape (height, width) or (height, width, n), got (20,).",
        ),
        "grid": (
            lambda: write_map(tif, LABELS[1:], scene=SCENE), DataError,
            "The scene has 18 x 20 pixels, but what is to be written has shape (17, 20). Both must "
            "cover the same grid of (height, width) pixels.",
        ),
        "names": (
            lambda: write_raster(tif, LABELS, band_names=["a", "b"]), DataError,
            "There are 1 bands, but 2 names. Give one per band.",
        ),
        "strings": (
            lambda: write_raster(tif, LABELS.astype(str)), DataError,
            "The values are of type <U3, but a raster holds real numbers. Convert them to integers "
            "or floats; write labels with write_map.",
        ),
        "complex": (
            lambda: write_raster(tif, np.zeros((2, 2, 2), dtype=complex)), DataError,
            "The values are of type complex128, but a raster holds real numbers. Convert them to "
            "integers or floats; write labels with write_map.",
        ),
        "nodata": (
            lambda: write_raster(tif, LABELS, nodata=-1), ParameterError,
            "nodata=-1 cannot be a value of type uint8. Give a whole number from 0 to 255, or "
            "convert the values to floats.",
        ),
        "keys": (
            lambda: write_map(tif, LABELS, class_names={"1": "corn"}), ParameterError,
            "class_names has the key '1', but the map holds labels like 1. Give {label: name} with "
            "the labels of the map.",
        ),
        "colour": (
            lambda: write_map(tif, LABELS, class_colors={1: "red"}), ParameterError,
            "class_colors[1]='red' is not a color. Give \"#rrggbb\".",
        ),
        "many labels": (
            lambda: write_map(tif, np.arange(70000).reshape(100, 700)), DataError,
            "The map holds more than 65,535 different labels, the most that a file of classes has "
            "room for. Write other numbers with write_raster.",
        ),
        "unlabeled": (
            lambda: write_map(tif, [["a", "b"]]), DataError,
            "The label map holds strings, but unlabeled=0 belongs to the numbers, so no pixel "
            "could equal it. Pass the value of the map that stands for background, or "
            "unlabeled=None if every pixel has a label.",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("case", [
    "suffix", "folder", "is folder", "taken", "map dimensions", "raster dimensions", "grid",
    "names", "strings", "complex", "nodata", "keys", "colour", "many labels", "unlabeled",
])  # fmt: skip
def test_errors(tmp_path, case):
    call, kind, message = calls(tmp_path)[case]
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(HSVLMError) as error:
        call()
    assert type(error.value) is kind
    assert str(error.value) == message
    assert sorted(path.name for path in tmp_path.iterdir()) == before


CUBE_HEADER = "ENVI\nsamples=20\nlines=18\nbands=5\ndata type=4\ninterleave=bip\nbyte order=0\n"
FLOAT_ENDS = "Give NaN or a number from -3.4028234663852886e+38 to 3.4028234663852886e+38"


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [("f4", 1e300), ("f4", -3.5e38), ("f4", 10**400), ("f8", 10**400)]
    + [(dtype, text) for dtype in ("u1", "f4") for text in ("x", [1], 1j, True)]
    + [("u1", value) for value in (np.nan, np.inf, 0.5, 256)],
)  # fmt: skip
def test_values_for_no_data_that_the_type_cannot_hold(tmp_path, suffix, dtype, nodata):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ParameterError) as error:
            write_raster(tmp_path / f"x{suffix}", LABELS.astype(dtype), nodata=nodata)
    assert f"cannot be a value of type {np.dtype(dtype)}. Give " in str(error.value)
    if dtype == "f4":
        assert FLOAT_ENDS in str(error.value)
    assert not contents(tmp_path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        ("f4", np.finfo("f4").min), ("f4", -9999), ("f4", np.float64(0.1)), ("f4", np.inf),
        ("f8", 1e300), ("f2", 1e6), ("u1", 255.0), ("i2", np.int64(-32768)), ("i4", np.uint8(3)),
    ],
)  # fmt: skip
def test_values_for_no_data_that_the_type_holds(tmp_path, suffix, dtype, nodata):
    values = LABELS.astype(dtype)
    path = write_raster(tmp_path / f"x{suffix}", values, nodata=nodata)
    assert read_cube(path).nodata == pytest.approx(nodata, rel=1e-6)


FOREIGN_HEADERS = {
    "of any data": ("field.rfl", "field.hdr", CUBE_HEADER),
    "in capitals": ("field.rfl", "field.HDR", CUBE_HEADER),
    "of a GeoTIFF": ("field.tif", "field.hdr", CUBE_HEADER),
    "of Esri": ("field.flt", "field.hdr", "ncols 20\nnrows 18\n"),
    "incomplete": ("field.rfl", "field.hdr", "ENVI\nsamples = 20\n"),
}
WRITES = {
    "scene": lambda path: write_scene(path, SCENE),
    "map": lambda path: write_map(path, LABELS, scene=SCENE),
    "raster": lambda path: write_raster(path, LABELS, scene=SCENE),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("has_image", [False, True])
@pytest.mark.parametrize("suffix", [".hdr", ".img"])
@pytest.mark.parametrize("files", FOREIGN_HEADERS.values(), ids=FOREIGN_HEADERS)
def test_headers_of_other_files_stay(tmp_path, files, suffix, has_image, write):
    data, header, text = files
    (tmp_path / data).write_bytes(SCENE.cube.tobytes())
    (tmp_path / header).write_text(text)
    if has_image:
        (tmp_path / "field.img").write_bytes(b"an image of another format")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError) as error:
        write(tmp_path / f"field{suffix}")
    assert str(error.value) == (
        f"{tmp_path / f'field{suffix}'}: {header} lies there and is the header of a file other "
        "than field.img. Choose another name, or move that file away."
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("driver", ["HFA", "PNG", "ENVI"])
def test_an_image_of_another_format_stays(tmp_path, driver, write):
    image = tmp_path / "field.img"
    options = {"SUFFIX": "ADD"} if driver == "ENVI" else {}  # as field.img.hdr
    with rasterio.open(
        image, "w", driver=driver, width=3, height=2, count=1, dtype="uint8", **options
    ) as file:
        file.write(np.ones((1, 2, 3), np.uint8))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError) as error:
        write(tmp_path / "field.hdr")
    assert str(error.value) == (
        f"{tmp_path / 'field.hdr'}: field.img lies there and is not an ENVI file of this name. "
        "Choose another name, or move that file away."
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_values_without_a_header_are_replaced(tmp_path):
    """They may be left of a map whose writing was interrupted."""
    (tmp_path / "field.img").write_bytes(bytes(range(1, 100)))
    write_scene(tmp_path / "field.hdr", SCENE)
    np.testing.assert_array_equal(read_cube(tmp_path / "field.hdr").scene.cube, SCENE.cube)


@pytest.mark.parametrize("suffix", [".hdr", ".img"])
def test_a_header_and_its_image_are_replaced_together(tmp_path, suffix):
    path = tmp_path / f"field{suffix}"
    for write in (*WRITES.values(), *WRITES.values()):
        write(path)
    write_scene(path, SCENE)
    np.testing.assert_array_equal(read_cube(path.with_suffix(".hdr")).scene.cube, SCENE.cube)


def test_names_of_the_scene_that_belong_to_other_labels(tmp_path):
    labels = np.where(LABELS > 1, "corn", "oats")
    with pytest.raises(ParameterError, match="class_names has the key 1"):
        write_map(tmp_path / "map.tif", labels, scene=LABELED, unlabeled=None)
    path = write_map(tmp_path / "map.tif", labels, scene=LABELED, class_names={}, unlabeled=None)
    assert read_label_map(path).class_names == {1: "corn", 2: "oats"}
