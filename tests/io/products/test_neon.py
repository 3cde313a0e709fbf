"""NEON: place, bad windows and no-data of airborne reflectance."""

import h5py
import numpy as np
import pytest
from pyproj import CRS

from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_scene

PLACE = (1.0, 0.0, 368000.0, 0.0, -1.0, 4307000.0)


@pytest.mark.parametrize("site", ["SERC", "BART"])
def test_all_that_the_file_says(make_neon, site):
    product = make_neon(site=site)
    scene = read_scene(product.path)
    np.testing.assert_array_equal(np.asarray(scene.cube), product.cube)
    assert scene.cube.dtype == np.int16
    assert scene.crs == "EPSG:32618"
    assert scene.transform == PLACE
    assert scene.wavelengths_nm.tolist() == [400, 1400, 1500, 1900]
    assert scene.bad_bands.tolist() == [False, True, False, True]
    np.testing.assert_allclose(scene.scale, [[1e-4, 0]] * 4)
    assert not scene.valid[0, 0]
    assert scene.valid.sum() == scene.valid.size - 1


@pytest.mark.parametrize("variable", ["SERC/Reflectance/Reflectance_Data", "Reflectance_Data"])
def test_the_cube_may_be_named(make_neon, variable):
    product = make_neon()
    scene = read_scene(product.path, variable=variable)
    assert scene.transform == PLACE


def test_without_a_code_the_map_info_gives_the_crs(make_neon):
    scene = read_scene(make_neon(epsg=b"").path)
    assert CRS(scene.crs) == CRS("EPSG:32618")
    assert scene.transform == PLACE


def test_a_place_that_is_missing_is_said(make_neon):
    product = make_neon(map_info=b"")
    with pytest.warns(HSVLMWarning, match="Map_Info"):
        assert read_scene(product.path).transform is None


def test_a_map_info_without_numbers_is_said(make_neon):
    product = make_neon(map_info=b"UTM, 1, 1, east, north, 1, 1, 18, North, WGS-84")
    with pytest.warns(HSVLMWarning, match="map info"):
        assert read_scene(product.path).transform is None


def test_wavelengths_that_do_not_fit(make_neon):
    with pytest.raises(FileError, match=r"Spectral_Data/Wavelength has shape \(3,\)"):
        read_scene(make_neon(wavelengths=[400, 500, 600]).path)


def test_a_window_that_is_not_understood_is_said(make_neon):
    product = make_neon()
    with h5py.File(product.path, "r+") as file:
        file["SERC/Reflectance"].attrs["Band_Window_2_Nanometers"] = [1790]
    with pytest.warns(HSVLMWarning, match="Band_Window_2_Nanometers"):
        assert read_scene(product.path).bad_bands.tolist() == [False, True, False, False]


def test_wavelengths_in_micrometers(make_neon):
    product = make_neon(wavelengths=[0.4, 1.4, 1.5, 1.9])
    with h5py.File(product.path, "r+") as file:
        name = "SERC/Reflectance/Metadata/Spectral_Data/Wavelength"
        file[name].attrs["Units"] = "micrometers"
    scene = read_scene(product.path)
    assert scene.wavelengths_nm.tolist() == [400, 1400, 1500, 1900]
    assert scene.bad_bands.tolist() == [False, True, False, True]


def test_files_without_bad_windows(make_neon):
    product = make_neon()
    with h5py.File(product.path, "r+") as file:
        for number in (1, 2):
            del file["SERC/Reflectance"].attrs[f"Band_Window_{number}_Nanometers"]
        del file["SERC/Reflectance/Reflectance_Data"].attrs["Data_Ignore_Value"]
    scene = read_scene(product.path)
    assert scene.bad_bands is None
    assert scene.valid is None
