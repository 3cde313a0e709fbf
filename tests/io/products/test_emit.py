"""EMIT: swaths on their map grid, through the lookup table of the granule."""

import h5py
import numpy as np
import pytest
from pyproj import CRS

from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_scene
from hsvlm.io._readers.hdf5 import HDF5Cube

PLACE = (5e-4, 0.0, -120.0, 0.0, -5e-4, 40.0)


@pytest.mark.parametrize("cube", ["reflectance", "radiance"])
def test_granules_are_orthorectified(make_emit, cube):
    product = make_emit(cube=cube)
    scene = read_scene(product.path)
    np.testing.assert_array_equal(np.asarray(scene.cube), product.ortho)
    np.testing.assert_array_equal(scene.valid, product.inside)
    assert scene.cube.dtype == np.float32
    assert scene.transform == PLACE
    assert scene.crs == "EPSG:4326"
    assert scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
    bad = None if scene.bad_bands is None else scene.bad_bands.tolist()
    assert bad == ([False, True, False, False] if cube == "reflectance" else None)


def test_pixels_and_rows_are_read_alike(make_emit):
    product = make_emit()
    cube = read_scene(product.path).cube
    rows, cols = np.array([[0, 1, 3], [6, 6, 1]]), np.array([[0, 3, 2], [2, 5, 3]])
    np.testing.assert_array_equal(cube[rows, cols], product.ortho[rows, cols])
    np.testing.assert_array_equal(cube[3:5], product.ortho[3:5])
    assert cube[4:4].shape == (0, 9, 4)


def test_only_the_part_of_the_swath_that_is_needed_is_read(make_emit, monkeypatch):
    product = make_emit()
    cube = read_scene(product.path).cube
    windows = []
    read_window = HDF5Cube.read_window

    def noted(self, top, bottom, left, right):
        windows.append((top, bottom, left, right))
        return read_window(self, top, bottom, left, right)

    monkeypatch.setattr(HDF5Cube, "read_window", noted)
    cube[0:1]
    assert windows == []
    np.testing.assert_array_equal(cube[1:3], product.ortho[1:3])
    assert windows == [(0, 2, 0, 4)]


def test_a_named_variable_is_read_in_the_geometry_of_the_sensor(make_emit):
    product = make_emit()
    scene = read_scene(product.path, variable="reflectance")
    np.testing.assert_array_equal(np.asarray(scene.cube), product.swath)
    assert scene.transform is None
    assert scene.bad_bands.tolist() == [False, True, False, False]


@pytest.mark.parametrize("without", [("glt_x",), ("glt_x", "glt_y")])
def test_granules_without_a_table_stay_in_the_geometry_of_the_sensor(make_emit, without):
    product = make_emit(without=without)
    scene = read_scene(product.path)
    np.testing.assert_array_equal(np.asarray(scene.cube), product.swath)
    assert scene.transform is None


def test_pixels_of_the_swath_without_data(make_emit):
    product = make_emit()
    with h5py.File(product.path, "r+") as file:
        file["reflectance"][2, 1] = -9999
        # In a bad band, the value says nothing of the pixel.
        file["reflectance"][3, 1, 1] = -9999
    scene = read_scene(product.path)
    missing = product.inside & (product.ortho == product.swath[2, 1]).all(axis=2)
    np.testing.assert_array_equal(scene.valid, product.inside & ~missing)


@pytest.mark.slow
@pytest.mark.parametrize("text", [None, "not a CRS"])
def test_granules_are_in_degrees_unless_they_say_otherwise(make_emit, text):
    assert read_scene(make_emit(spatial_ref=text).path).crs == "EPSG:4326"
    utm = CRS("EPSG:32632").to_wkt()
    assert read_scene(make_emit("utm.nc", spatial_ref=utm).path).crs == "EPSG:32632"


@pytest.mark.parametrize("numbers", [None, np.arange(4.0), np.full(6, np.nan)])
def test_a_transform_that_is_not_understood_is_said(make_emit, numbers):
    product = make_emit(geotransform=numbers)
    with pytest.warns(HSVLMWarning, match="geotransform"):
        assert read_scene(product.path).transform is None


def test_tables_that_lead_beyond_the_swath(make_emit):
    product = make_emit()
    with h5py.File(product.path, "r+") as file:
        file["location/glt_y"][4, 4] = 7
        file["location/glt_x"][4, 4] = 1
    with pytest.raises(FileError, match="location/glt_y holds 7, but the swath ends at 6"):
        read_scene(product.path)


def test_tables_of_different_shape(make_emit):
    product = make_emit()
    with h5py.File(product.path, "r+") as file:
        del file["location/glt_x"]
        file["location/glt_x"] = np.zeros((8, 8), np.int32)
    with pytest.raises(FileError, match="location/glt_y and location/glt_x have shapes"):
        read_scene(product.path)


def test_tables_without_a_pixel(make_emit):
    product = make_emit()
    with h5py.File(product.path, "r+") as file:
        file["location/glt_x"][...] = 0
    with pytest.raises(FileError, match="place no pixel on the map"):
        read_scene(product.path)


def test_lists_of_bands_that_do_not_fit(make_emit):
    product = make_emit()
    with h5py.File(product.path, "r+") as file:
        del file["sensor_band_parameters/good_wavelengths"]
        file["sensor_band_parameters/good_wavelengths"] = np.ones(3)
    with pytest.raises(FileError, match=r"good_wavelengths has shape \(3,\)"):
        read_scene(product.path)
