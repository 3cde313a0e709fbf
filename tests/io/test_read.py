import subprocess
import sys

import geopandas
import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat
from shapely import box
from spectral.io import envi

from hsvlm import Scene
from hsvlm._data import lazy as _lazy
from hsvlm.exceptions import DataError, FileError, HSVLMWarning, MissingFileError, ParameterError
from hsvlm.io import read_labels, read_scene

HEIGHT, WIDTH, BANDS = 5, 6, 4
PLACE = rasterio.Affine(30, 0, 500000, 0, -30, 4400000)
WAVELENGTHS = [450.0, 550.0, 650.0, 850.0]


def values(dtype=np.float32):
    return np.random.default_rng(0).integers(1, 200, (HEIGHT, WIDTH, BANDS)).astype(dtype)


def truth():
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[1:4, 1:3], labels[2:5, 4:] = 1, 2
    return labels


def as_envi(path, array, **header):
    envi.save_image(
        str(path),
        array,
        metadata={key.replace("_", " "): one for key, one in header.items()},
        dtype=array.dtype,
        interleave="bil",
        ext=".img",
    )


def as_tiff(path, array, transform=PLACE, crs="EPSG:32616", nodata=None):
    bands = array.reshape(*array.shape[:2], -1)
    height, width, count = bands.shape
    with rasterio.open(
        path, "w", "GTiff", width, height, count, crs, transform, array.dtype, nodata
    ) as file:
        file.write(np.moveaxis(bands, -1, 0))
    return path


def as_hdf5(path, array):
    with h5py.File(path, "w") as file:
        file["cube"] = array


def as_netcdf(path, array):
    xr.Dataset({"cube": (("y", "x", "band"), array)}).to_netcdf(path, engine="h5netcdf")


WRITERS = {
    "mat": lambda path, array: savemat(path, {"cube": array}),
    "npy": np.save,
    "npz": lambda path, array: np.savez(path, array),
    "hdr": as_envi,
    "tif": as_tiff,
    "nc": as_netcdf,
    "NC4": as_netcdf,
    "h5": as_hdf5,
    "hdf5": as_hdf5,
    "he5": as_hdf5,
}


@pytest.fixture(params=WRITERS)
def any_file(request, tmp_path):
    path = tmp_path / f"field.{request.param}"
    WRITERS[request.param](path, values())
    return path


def test_the_suffix_tells_the_format(any_file):
    scene = read_scene(any_file)
    assert scene.name == "field"
    assert scene.valid is None
    assert scene.cube.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(scene.cube), values())
    assert read_scene(str(any_file), name="other").name == "other"


def test_pixels_without_data_are_found_in_every_format(any_file):
    empty = values()[2, 3, 1]
    valid = (values() != empty).all(axis=2)
    assert 0 < valid.sum() < valid.size
    for nodata in (empty, float(empty), int(empty)):
        np.testing.assert_array_equal(read_scene(any_file, nodata=nodata).valid, valid)
    assert read_scene(any_file, nodata=1000).valid is None
    assert read_scene(any_file, nodata=np.nan).valid is None


def test_a_data_file_beside_an_envi_header(tmp_path):
    as_envi(tmp_path / "field.hdr", values(), wavelength=WAVELENGTHS)
    scene = read_scene(tmp_path / "field.img")
    np.testing.assert_array_equal(np.asarray(scene.cube), values())
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS


def test_a_tiff_beside_an_envi_header_is_a_tiff(tmp_path):
    as_envi(tmp_path / "field.hdr", values())
    path = as_tiff(tmp_path / "field.tif", values() + 1)
    np.testing.assert_array_equal(np.asarray(read_scene(path).cube), values() + 1)


def test_other_headers_of_that_suffix_are_left_to_gdal(tmp_path):
    path = tmp_path / "grid.bil"
    path.write_bytes(bytes(range(6)))
    (tmp_path / "grid.hdr").write_text("NROWS 2\nNCOLS 3\nNBANDS 1\nNBITS 8\nLAYOUT BIL\n")
    assert np.asarray(read_scene(path).cube)[..., 0].tolist() == [[0, 1, 2], [3, 4, 5]]


def declared(tmp_path, nodata):
    cube = values()
    cube[1, 2, 3] = cube[4, 0] = nodata
    path = tmp_path / "field.nc"
    data = xr.Dataset({"cube": (("y", "x", "band"), cube, {"_FillValue": np.float32(nodata)})})
    data.to_netcdf(path, engine="h5netcdf")
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    valid[1, 2] = valid[4, 0] = False
    return path, valid


@pytest.mark.parametrize("nodata", [-9999, -3.4e38, np.nan])
def test_declared_values_for_no_data(tmp_path, nodata, monkeypatch):
    monkeypatch.setattr(_lazy, "_BLOCK_VALUES", 2 * WIDTH * BANDS)
    path, valid = declared(tmp_path, nodata)
    np.testing.assert_array_equal(read_scene(path).valid, valid)
    assert read_scene(path, nodata=None).valid is None
    # NaN is never data, whatever else is none.
    others = read_scene(path, nodata=-1).valid
    np.testing.assert_array_equal(True if others is None else others, valid | ~np.isnan(nodata))


@pytest.mark.parametrize("nodata", [[-9999, 0], (0, -9999), {-9999, 0}, np.array([-9999.0, 0])])
def test_several_values_for_no_data(tmp_path, nodata):
    cube = values()
    cube[0, 0, 1], cube[1, 1, 2], cube[2, 2, 0] = -9999, 0, np.nan
    np.save(tmp_path / "field.npy", cube)
    valid = read_scene(tmp_path / "field.npy", nodata=nodata).valid
    assert np.argwhere(~valid).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_no_data_in_any_band_or_in_all(tmp_path):
    cube = values()
    cube[0, 0, 1] = cube[1, 1] = 0
    cube[2, 2], cube[2, 2, 3] = 0, np.nan
    np.save(tmp_path / "field.npy", cube)
    path = tmp_path / "field.npy"
    valid = read_scene(path, nodata=0, nodata_rule="all").valid
    assert np.argwhere(~valid).tolist() == [[1, 1], [2, 2]]
    assert np.argwhere(~read_scene(path, nodata=0).valid).tolist() == [[0, 0], [1, 1], [2, 2]]
    with pytest.raises(ParameterError, match="nodata_rule='some' is neither"):
        read_scene(path, nodata_rule="some")


def test_bad_bands_may_hold_nothing(tmp_path):
    cube = values()
    cube[..., 1] = cube[0, 0, 2] = -50
    header = {"bbl": [1, 0, 1, 1], "data_ignore_value": -50}
    as_envi(tmp_path / "field.hdr", cube, **header)
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    valid[0, 0] = False
    np.testing.assert_array_equal(read_scene(tmp_path / "field.hdr").valid, valid)


def test_scenes_of_which_nothing_is_left(tmp_path):
    path = tmp_path / "field.npy"
    np.save(path, np.zeros((HEIGHT, WIDTH, BANDS)))
    with pytest.raises(FileError) as error:
        read_scene(path, nodata=0)
    assert str(error.value) == (
        f"{path}: no pixel holds data: each has the value 0 in some band. If that value is data, "
        "pass nodata=None. If some bands hold nothing else, mark them as bad bands in the file, or "
        'pass nodata_rule="all".'
    )
    assert "nodata=" not in error.value.for_command_line()


class Unreadable(_lazy.LazyCube):
    def read_rows(self, start, stop):
        raise AssertionError


@pytest.mark.parametrize("nodata", ["auto", None])
def test_nothing_is_searched_when_nothing_is_declared(nodata, monkeypatch, tmp_path):
    path = tmp_path / "field.h5"
    as_hdf5(path, values())
    monkeypatch.setattr("hsvlm.io._readers.hdf5.HDF5Cube.read_rows", Unreadable.read_rows)
    assert read_scene(path, nodata=nodata).valid is None
    with pytest.raises(AssertionError):
        read_scene(path, nodata=1)


@pytest.mark.parametrize(
    ("dtype", "nodata"),
    [
        *(("u2", one) for one in (-1, 0.5, 70000, np.nan, np.inf)),
        *(("?", one) for one in (-1, 2, np.nan)),
        *(("f4", one) for one in (1e300, -1e300)),
    ],
)
def test_values_that_a_type_cannot_hold_mark_nothing(tmp_path, dtype, nodata):
    path = tmp_path / "field.npy"
    cube = np.zeros((2, 2, 2), dtype)
    if dtype == "f4":
        cube[0] = np.inf
        cube[1] = -np.inf
    np.save(path, cube)
    assert read_scene(path, nodata=nodata).valid is None


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([-1, 0, 1]), min_size=24, max_size=24),
    st.sampled_from(["f4", "i2", "u1", "?"]),
    st.sampled_from([-1, 0, 1]),
    st.integers(1, 30),
)
def test_a_pixel_is_valid_if_no_band_is_missing(tmp_path_factory, drawn, dtype, nodata, block):
    cube = np.reshape(drawn, (4, 3, 2))
    cube = np.abs(cube) if dtype in "u1?" else cube
    path = tmp_path_factory.mktemp("scene") / "field.npy"
    np.save(path, cube.astype(dtype))
    expected = [[all(one != nodata for one in pixel) for pixel in row] for row in cube]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lazy, "_BLOCK_VALUES", block)
        if not np.any(expected):
            with pytest.raises(FileError, match="no pixel holds data"):
                read_scene(path, nodata=nodata)
        else:
            valid = read_scene(path, nodata=nodata).valid
            np.testing.assert_array_equal(True if valid is None else valid, expected)


def test_xarray(tmp_path):
    array = xr.DataArray(values(), dims=("row", "col", "band"), name="field")
    scene = read_scene(array, nodata=float(values()[0, 0, 0]))
    assert scene.name == "field"
    assert not scene.valid[0, 0]
    np.testing.assert_array_equal(np.asarray(scene.cube), values())
    scene = read_scene(xr.Dataset({"a": array, "b": array + 1}), variable="b", labels=truth())
    assert scene.name == ""
    np.testing.assert_array_equal(np.asarray(scene.cube), values() + 1)
    with pytest.raises(FileError, match="xarray data: no pixel holds data"):
        read_scene(xr.zeros_like(array), nodata=0)


def square(dims):
    along = {"y": [3.0, 2.0, 1.0, 0.0], "x": [0.0, 1.0, 2.0, 3.0]}
    cube = np.arange(48.0).reshape(4, 4, 3)
    array = xr.DataArray(cube, dims=("y", "x", "band"), coords=along)
    flags = {"flag_values": [1, 2], "flag_meanings": "winter_wheat oats"}
    labels = xr.DataArray(1 + np.eye(4, k=1, dtype=int), dims=("y", "x"), coords=along, attrs=flags)
    return array.transpose(*dims), labels


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("x", "y", "band"), ("band", "x", "y")])
@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("turned", [False, True])
def test_labels_with_named_axes_follow_those_of_the_cube(tmp_path, dims, in_file, turned):
    array, labels = square(dims)
    source = tmp_path / "cube.nc" if in_file else array
    if in_file:
        array.to_dataset(name="cube").to_netcdf(source, engine="h5netcdf")
    scene = read_scene(source, labels=labels.T if turned else labels)
    np.testing.assert_array_equal(scene.labels, labels)
    assert scene.class_names == {1: "winter wheat", 2: "oats"}
    assert read_scene(source, labels=labels, class_names={1: "a"}).class_names == {1: "a"}
    plain = read_scene(source, labels=labels.values)
    np.testing.assert_array_equal(plain.labels, labels)
    assert plain.class_names == {}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda labels: labels[::-1], "the cube and labels have other coordinates along 'y'"),
        (lambda labels: labels.assign_coords(x=labels.x + 1), "other coordinates along 'x'"),
        (lambda labels: labels.rename(x="lon"), "labels has the dimensions"),
    ],
)
def test_labels_of_another_place_are_refused(tmp_path, change, error):
    array, labels = square(("x", "y", "band"))
    with pytest.raises(DataError, match=error):
        read_scene(xr.Dataset({"a": array, "b": array}), variable="b", labels=change(labels))


def test_labels_of_another_place_than_a_file_are_refused(tmp_path):
    array, labels = square(("y", "x", "band"))
    array.to_dataset(name="cube").to_netcdf(tmp_path / "cube.nc", engine="h5netcdf")
    with pytest.raises(FileError, match="labels: rows or columns of the label map run in another"):
        read_scene(tmp_path / "cube.nc", labels=labels[::-1])


def test_labels_from_an_array():
    array = xr.DataArray(values(), dims=("y", "x", "band"))
    np.testing.assert_array_equal(read_scene(array, labels=truth()).labels, truth())
    masked = np.ma.masked_equal(truth(), 2)
    assert isinstance(read_scene(array, labels=masked).labels, np.ma.MaskedArray)
    with pytest.raises(DataError) as error:
        read_scene(array, labels=truth().T)
    assert str(error.value).startswith(
        "The cube is 5 x 6 pixels, but the label map has shape (6, 5). Both must cover the same "
        "grid of (height, width) pixels. It fits if rows and columns are exchanged. Pass labels.T, "
        "or np.swapaxes(cube, 0, 1) if the cube is the transposed one."
    )


def test_labels_from_the_file_of_the_cube(tmp_path):
    path = tmp_path / "field.mat"
    savemat(path, {"cube": values(), "gt": truth()})
    np.testing.assert_array_equal(read_scene(path, labels=path).labels, truth())


def test_labels_with_names_and_colours(tmp_path):
    as_envi(tmp_path / "field.hdr", values())
    envi.save_classification(
        str(tmp_path / "classes.hdr"),
        truth(),
        class_names=["Unclassified", "oats", "wheat"],
        class_colors=[[0, 0, 0], [255, 0, 0], [0, 0, 255]],
        dtype=np.uint8,
    )
    scene = read_scene(tmp_path / "field.hdr", labels=tmp_path / "classes.hdr")
    np.testing.assert_array_equal(scene.labels, truth())
    assert scene.class_names == {1: "oats", 2: "wheat"}
    assert {one: scene.class_colors[one].lower() for one in (1, 2)} == {1: "#ff0000", 2: "#0000ff"}


def test_labels_from_features(tmp_path):
    left, top = PLACE @ (1, 1)
    frame = geopandas.GeoDataFrame(
        {"crop": ["oats"], "plot": ["A1"]},
        geometry=[box(left, top - 60, left + 90, top)],
        crs="EPSG:32616",
    )
    frame.to_crs(4326).to_file(tmp_path / "fields.geojson")
    cube = as_tiff(tmp_path / "field.tif", values())
    scene = read_scene(cube, labels=tmp_path / "fields.geojson", label_column="crop")
    assert np.argwhere(scene.labels).tolist() == [[r, c] for r in (1, 2) for c in (1, 2, 3)]
    assert scene.class_names == {1: "oats"}


def test_warnings_are_those_of_the_caller(tmp_path):
    left, top = PLACE @ (0, 0)
    shapes = [box(left, top - 60, left + 60, top), box(left, top - 30, left + 30, top)]
    frame = geopandas.GeoDataFrame({"kind": [1, 2]}, geometry=shapes, crs="EPSG:32616")
    frame.to_file(tmp_path / "fields.gpkg")
    cube = as_tiff(tmp_path / "field.tif", values())
    with pytest.warns(HSVLMWarning) as caught:
        read_scene(cube, labels=tmp_path / "fields.gpkg")
    assert {one.filename for one in caught} == {__file__}


def test_label_maps_must_lie_on_the_grid(tmp_path):
    scene = read_scene(as_tiff(tmp_path / "field.tif", values()))
    np.testing.assert_array_equal(
        read_labels(as_tiff(tmp_path / "a.tif", truth()), scene).labels, truth()
    )
    bare = tmp_path / "b.npy"
    np.save(bare, truth())
    np.testing.assert_array_equal(read_labels(bare, scene).labels, truth())
    shifted = PLACE @ rasterio.Affine.translation(0.5, 0.5)
    for path, wrong in (
        (as_tiff(tmp_path / "c.tif", truth(), shifted), "up to 0.7071 pixels from"),
        (
            as_tiff(tmp_path / "d.tif", truth(), crs="EPSG:32617"),
            "another CRS (WGS 84 / UTM zone 17N)",
        ),
        (as_tiff(tmp_path / "e.tif", truth()[1:]), "has 4 x 6 pixels, the scene 5 x 6"),
    ):
        with pytest.raises(FileError) as error:
            read_labels(path, scene)
        assert str(error.value).startswith(f"{path}: the ")
        assert wrong in str(error.value)


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n"
STRANGERS = {
    "empty": (b"", "it is empty, 0 bytes long"),
    "pointer": (POINTER, "it is a Git LFS pointer"),
    "annex": (b"/annex/objects/SHA256E-s1--0.mat\n", "it is a git-annex pointer"),
    "page": (b"\n<!DOCTYPE html>\n<html>", "it is a web page"),
    "another page": (b"\xef\xbb\xbf<HTML><body>404", "it is a web page"),
    "error": (b'<?xml version="1.0"?>\n<Error><Code>NoSuchKey', "it is a web page"),
    "zip": (b"PK\x03\x04" + bytes(60), "it is a zip archive"),
    "gzip": (b"\x1f\x8b\x08" + bytes(60), "it is a gzip archive"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "it is a 7z archive"),
    "tar": (bytes(257) + b"ustar" + bytes(300), "it is a tar archive"),
}


@pytest.mark.parametrize("suffix", ["mat", "npy", "npz", "tif", "nc", "h5"])
@pytest.mark.parametrize("text", ["404: Not Found", '{"message": "Not Found"}', "fatal: no\n"])
def test_texts_in_place_of_a_download(tmp_path, suffix, text):
    path = tmp_path / f"field.{suffix}"
    path.write_text(text)
    with pytest.raises(FileError) as error:
        read_scene(path)
    assert str(error.value) == f"{path}: it is a text: {text.strip()!r}. Download the file again."


@pytest.mark.parametrize("suffix", ["mat", "npy", "tif", "nc", "h5", "hdr", "img", "bin"])
@pytest.mark.parametrize(("content", "problem"), STRANGERS.values(), ids=STRANGERS)
def test_files_that_are_something_else(tmp_path, suffix, content, problem):
    path = tmp_path / f"field.{suffix}"
    path.write_bytes(content)
    for read in (read_scene, lambda file: read_labels(file, Scene(values()))):
        with pytest.raises(FileError) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: {problem}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
@pytest.mark.parametrize("first", ["ENVI", "envi", "ENVI \r"])
def test_headers_in_other_encodings(tmp_path, encoding, first):
    as_envi(tmp_path / "field.hdr", values(), band_names=["prés", "sol", "eau", "blé"])
    text = (tmp_path / "field.hdr").read_text().replace("ENVI", first, 1)
    (tmp_path / "field.hdr").write_text(text, encoding=encoding)
    for name in ("field.hdr", "field.img"):
        scene = read_scene(tmp_path / name)
        assert scene.band_names == ("prés", "sol", "eau", "blé")
        np.testing.assert_array_equal(np.asarray(scene.cube), values())


def test_values_of_an_envi_file_may_begin_like_an_archive(tmp_path):
    as_envi(tmp_path / "field.hdr", np.full((2, 2, 2), 0x4B50, np.int16))
    content = (tmp_path / "field.img").read_bytes()
    (tmp_path / "field.img").write_bytes(b"PK\x03\x04" + content[4:])
    assert read_scene(tmp_path / "field.img").shape == (2, 2)


def test_vector_files_are_no_scenes(tmp_path):
    path = tmp_path / "fields.gpkg"
    path.write_bytes(b"SQLite format 3")
    with pytest.raises(FileError) as error:
        read_scene(path)
    assert str(error.value) == (
        f"{path}: holds points and polygons, not a scene. Give it as `labels` of a scene."
    )


def test_missing_files(tmp_path):
    with pytest.raises(MissingFileError) as error:
        read_scene(tmp_path / "none.tif")
    assert str(error.value) == f"{tmp_path / 'none.tif'} does not exist. Give the path of a file."
    np.save(tmp_path / "field.npy", values())
    with pytest.raises(MissingFileError, match=r"gt\.mat does not exist"):
        read_scene(tmp_path / "field.npy", labels=tmp_path / "gt.mat")


def test_what_is_no_scene():
    with pytest.raises(ParameterError) as error:
        read_scene(values())
    assert str(error.value) == (
        "read_scene takes a path, an xarray.DataArray or an xarray.Dataset, got ndarray. An array "
        "needs no reading: Scene(array)."
    )


@pytest.mark.parametrize("nodata", ["none", True, [], ["0"], [[0]]])
def test_what_is_no_value_for_no_data(nodata):
    with pytest.raises(ParameterError) as error:
        read_scene("field.tif", nodata=nodata)
    assert str(error.value) == (
        f'nodata={nodata!r} is not a number. Pass "auto" for the values that the file declares, a '
        "number or a list of numbers, or None if all pixels hold data."
    )


@pytest.mark.parametrize("labels", [None, truth()])
def test_columns_belong_to_features(labels, tmp_path):
    with pytest.raises(ParameterError) as error:
        read_scene("field.tif", labels=labels, label_column="crop")
    assert str(error.value) == (
        "label_column='crop' is for a file of labels, but `labels` is not a path. Give the path of "
        "the file, or leave the argument out."
    )
    path = tmp_path / "gt.npy"
    np.save(path, truth())
    with pytest.raises(ParameterError) as error:
        read_labels(path, Scene(values()), column="crop")
    assert str(error.value) == (
        f"the column 'crop' is for points and polygons, but {path} is read as a label map. "
        "Leave it out, or give a file of features."
    )


@pytest.mark.slow
def test_importing_loads_no_library_of_formats():
    heavy = "{'torch', 'rasterio', 'spectral', 'h5py', 'xarray', 'geopandas', 'pandas', 'scipy.io'}"
    code = f"import sys, hsvlm.io; print(*({heavy} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == ""
