"""PRISMA: both detectors in one cube, where level 2D lies, and files that were changed."""

import pickle

import h5py
import numpy as np
import pytest

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_scene

WAVELENGTHS = [410, 550, 700, 943, 950, 977, 1000, 1600, 2400]
PLACE = (30.0, 0.0, 600000.0, 0.0, -30.0, 4600000.0)


def test_detectors_are_joined_in_the_order_of_wavelengths(make_prisma):
    product = make_prisma()
    scene = read_scene(product.path)
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS
    assert scene.bad_bands is None
    assert scene.band_names[:4] == ("VNIR 6", "VNIR 5", "VNIR 4", "SWIR 5")
    assert scene.cube.dtype == np.uint16
    np.testing.assert_array_equal(np.asarray(scene.cube), product.joined)
    rows, cols = np.array([[4, 0], [2, 4]]), np.array([[6, 1], [3, 6]])
    np.testing.assert_array_equal(scene.cube[rows, cols], product.joined[rows, cols])


@pytest.mark.parametrize("detector", ["VNIR", "SWIR", "swir"])
def test_a_detector_alone(make_prisma, detector):
    product = make_prisma()
    scene = read_scene(product.path, variable=detector)
    stored = product.vnir if detector == "VNIR" else product.swir
    np.testing.assert_array_equal(np.asarray(scene.cube), stored[..., :0:-1])
    assert (np.diff(scene.wavelengths_nm) > 0).all()
    assert scene.transform == PLACE


def test_the_path_of_a_dataset_gives_it_as_it_is_stored(make_prisma):
    product = make_prisma()
    fields = f"{product.swath}/Data Fields"
    for variable in (f"{fields}/VNIR_Cube", f"/{fields}/VNIR_Cube", "VNIR_Cube"):
        scene = read_scene(product.path, variable=variable)
        assert scene.band_names == ()
    np.testing.assert_array_equal(np.asarray(scene.cube), product.vnir)
    assert scene.wavelengths_nm.tolist() == [0, 977, 950, 700, 550, 410]
    assert scene.bad_bands.tolist() == [True] + [False] * 5
    assert scene.transform == PLACE
    scene = read_scene(product.path, variable=f"{fields}/VNIR_PIXEL_L2_ERR_MATRIX")
    assert scene.cube.dtype == np.uint8
    assert scene.transform is None


def test_counts_are_kept_and_their_scale_is_shown(make_prisma):
    product = make_prisma(shape=(8, 7))  # not as high as SWIR has bands
    scene = read_scene(product.path)
    names = np.array(scene.band_names)
    vnir = np.char.startswith(names, "VNIR")
    np.testing.assert_allclose(scene.scale[vnir], [[2e-5, 0.0]] * 5)
    np.testing.assert_allclose(scene.scale[~vnir], [[1e-5, 0.1]] * 4)
    assert "scale" in scene.summary()
    path = f"{product.swath}/Data Fields/SWIR_Cube"
    for variable in ("SWIR", path):
        scale = read_scene(product.path, variable=variable).scale
        np.testing.assert_allclose(scale, [[1e-5, 0.1]] * len(scale))


def test_the_scale_is_applied_on_demand(make_prisma):
    footprint = np.ones((5, 7), bool)
    footprint[0, 0] = False
    scene = read_scene(make_prisma(footprint=footprint).path)
    reflectance = scene.apply_scale()
    expected = np.asarray(scene.cube) * scene.scale[:, 0] + scene.scale[:, 1]
    assert isinstance(reflectance.cube, LazyCube)
    assert reflectance.cube.dtype == np.float32
    assert reflectance.scale is None
    np.testing.assert_allclose(np.asarray(reflectance.cube), expected, rtol=1e-6)
    np.testing.assert_array_equal(reflectance.valid, footprint)
    again = pickle.loads(pickle.dumps(reflectance))
    np.testing.assert_array_equal(again.cube[1:2], reflectance.cube[1:2])


def test_counts_of_level_1_are_divided(make_prisma):
    scene = read_scene(make_prisma("1").path, variable="VNIR")
    np.testing.assert_allclose(scene.scale, [[0.01, -0.5]] * 5)


@pytest.mark.parametrize("detector", ["Vnir", "Swir"])
def test_a_scale_that_is_not_stated_is_none(make_prisma, detector):
    scene = read_scene(make_prisma(**{f"L2Scale{detector}Max": None}).path)
    assert scene.scale is None


def test_a_scale_of_zero_is_said(make_prisma):
    product = make_prisma(L2ScaleVnirMax=0.0)
    with pytest.warns(HSVLMWarning, match="scale and offset"):
        assert read_scene(product.path).scale is None


def test_corners_are_centers_of_pixels(make_prisma):
    scene = read_scene(make_prisma().path)
    assert scene.crs == "EPSG:32632"
    assert scene.transform == PLACE


def test_corners_are_taken_as_edges_where_only_that_fits(make_prisma):
    product = make_prisma(
        Product_ULcorner_easting=600000.0,
        Product_ULcorner_northing=4600000.0,
        Product_LRcorner_easting=600000.0 + 30 * 7,
        Product_LRcorner_northing=4600000.0 - 30 * 5,
    )
    assert read_scene(product.path).transform == PLACE


def test_without_the_opposite_corner_the_specification_counts(make_prisma):
    product = make_prisma(Product_LRcorner_easting=None, Product_LRcorner_northing=None)
    assert read_scene(product.path).transform == PLACE


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Epsg_Code": None}, "Epsg_Code"),
        ({"Epsg_Code": 0}, "Epsg_Code"),
        ({"Product_ULcorner_northing": None}, "Product_ULcorner_northing"),
        # A part that was cut out and kept the corners of the whole.
        ({"Product_LRcorner_easting": 630000.0}, "5 x 7 pixels of 30 m"),
    ],
)
def test_a_georeference_that_is_not_understood_is_said(make_prisma, attributes, reason):
    product = make_prisma(**attributes)
    with pytest.warns(HSVLMWarning, match=reason):
        scene = read_scene(product.path)
    assert scene.crs is None
    assert scene.transform is None
    np.testing.assert_array_equal(np.asarray(scene.cube), product.joined)


@pytest.mark.parametrize("level", ["1", "2B", "2C"])
def test_other_levels_are_in_the_geometry_of_the_sensor(make_prisma, level):
    product = make_prisma(level)
    scene = read_scene(product.path)
    np.testing.assert_array_equal(np.asarray(scene.cube), product.joined)
    assert scene.crs is None
    assert scene.transform is None


def test_pixels_outside_the_footprint_hold_no_data(make_prisma):
    footprint = np.ones((5, 7), bool)
    footprint[0, :3] = footprint[4, 6] = False
    product = make_prisma(footprint=footprint)
    np.testing.assert_array_equal(read_scene(product.path).valid, footprint)
    assert read_scene(product.path, nodata=None).valid is None


def test_a_zero_in_one_band_is_data(make_prisma):
    product = make_prisma()
    with h5py.File(product.path, "r+") as file:
        # Nothing is left in the absorption bands of water, anywhere.
        file[f"{product.swath}/Data Fields/SWIR_Cube"][:, 1] = 0
    assert read_scene(product.path).valid is None


def test_one_detector_is_enough(make_prisma):
    product = make_prisma()
    with h5py.File(product.path, "r+") as file:
        del file[f"{product.swath}/Data Fields/SWIR_Cube"]
    assert read_scene(product.path).wavelengths_nm.tolist() == [410, 550, 700, 950, 977]
    with pytest.raises(FileError, match="holds no SWIR cube"):
        read_scene(product.path, variable="SWIR")


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"List_Cw_Swir": None}, "attribute List_Cw_Swir is missing"),
        ({"List_Cw_Swir": np.float32([1000, 900])}, r"attribute List_Cw_Swir has shape \(2,\)"),
        ({"List_Cw_Vnir": np.bytes_("many")}, "attribute List_Cw_Vnir is not numeric"),
        ({"List_Cw_Vnir_Flags": np.uint8([1])}, "attribute List_Cw_Vnir_Flags has shape"),
        (
            {"List_Cw_Vnir": np.zeros(6), "List_Cw_Swir": np.zeros(5)},
            "mark no band as acquired",
        ),
    ],
)
def test_lists_of_bands_that_do_not_fit(make_prisma, attributes, reason):
    with pytest.raises(FileError, match=reason):
        read_scene(make_prisma(**attributes).path)


def test_cubes_of_different_size(make_prisma):
    product = make_prisma()
    with h5py.File(product.path, "r+") as file:
        name = f"{product.swath}/Data Fields/SWIR_Cube"
        del file[name]
        file[name] = np.zeros((4, 5, 7), np.uint16)
    with pytest.raises(FileError, match="5 x 7 and 4 x 7 pixels") as error:
        read_scene(product.path)
    assert "variable" in str(error.value)
    assert "--variable VNIR" in error.value.for_command_line()
