import pickle

import h5py
import numpy as np
import pytest

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_labels, read_scene
from hsvlm.io._readers.hdf5 import read_cube, read_label_map

CUBE = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
WAVELENGTHS = [400.0, 500.0, 600.0, 700.0]


def written(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name.replace("__", "/")] = array
    return path


def test_the_last_axis_is_that_of_the_bands(tmp_path):
    path = written(tmp_path / "own.h5", scene__cube=CUBE, gt=np.ones((2, 3)), notes="oats")
    found = read_cube(path)
    assert isinstance(found.scene.cube, LazyCube)
    assert found.nodata is None
    np.testing.assert_array_equal(np.asarray(found.scene.cube), CUBE)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found.scene.cube))[1:], CUBE[1:])
    np.testing.assert_array_equal(read_cube(path, "/scene/cube").scene.cube[1:2], CUBE[1:2])
    assert read_label_map(path).labels.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_axis_as_long_as_the_wavelengths_is_that_of_the_bands(tmp_path, axis):
    stored = np.moveaxis(CUBE, 2, axis)
    path = written(tmp_path / "own.h5", cube=stored, wavelengths=np.divide(WAVELENGTHS, 1000))
    with pytest.warns(HSVLMWarning, match="without a unit, are taken as micrometers"):
        scene = read_cube(path).scene
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    np.testing.assert_array_equal(scene.wavelengths_nm, WAVELENGTHS)


@pytest.mark.parametrize(("shape", "height"), [((4, 3, 4), 4), ((3, 4, 4), 3), ((4, 4, 4), 4)])
def test_bands_that_could_be_another_axis_are_said(tmp_path, shape, height):
    cube = np.arange(np.prod(shape)).reshape(shape)
    path = written(tmp_path / "own.h5", cube=cube, wavelength_nm=WAVELENGTHS)
    with pytest.warns(HSVLMWarning) as caught:
        scene = read_cube(path).scene
    assert np.asarray(scene.cube).shape == shape
    assert scene.shape[0] == height
    assert (
        f"the shape of /cube, {shape}, has the number of wavelengths {shape.count(4)} times, and "
        "axis 2 is taken for that of the bands. Correct the attributes of the file to be sure."
    ) in str(caught[0].message)


def test_labels_of_axes_count_more(tmp_path):
    path = written(tmp_path / "own.h5", cube=np.moveaxis(CUBE, 2, 0), wavelength=[400.0, 500])
    with h5py.File(path, "r+") as file:
        for dimension, label in zip(file["cube"].dims, ("band", "y", "x"), strict=True):
            dimension.label = label
        file["cube"].attrs["_FillValue"] = np.array([65535], np.uint16)
    with pytest.warns(HSVLMWarning, match="the list of 2 wavelengths does not fit 4 bands"):
        found = read_cube(path)
    np.testing.assert_array_equal(np.asarray(found.scene.cube), CUBE)
    assert found.scene.wavelengths_nm is None
    assert found.nodata == 65535


def test_the_layout_of_prisma(tmp_path):
    path = tmp_path / "prisma.he5"
    fields = "HDFEOS/SWATHS/PRS_L1_HCO/Data Fields"
    with h5py.File(path, "w") as file:
        file.attrs["List_Cw_Vnir"] = np.array([0, *WAVELENGTHS[1:]], np.float32)
        file.attrs["List_Cw_Swir"] = np.array([2400, 2300, 2200, 2100, 2000], np.float32)
        file[f"{fields}/VNIR_Cube"] = np.moveaxis(CUBE, 2, 1)
        file[f"{fields}/SWIR_Cube"] = np.zeros((2, 5, 3), np.uint16)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: holds 2 variables that could be the cube. Name one of them, as in "
        f"read_scene(path, variable='{fields}/SWIR_Cube'). It holds: {fields}/SWIR_Cube (2, 5, 3) "
        f"uint16, {fields}/VNIR_Cube (2, 4, 3) uint16."
    )
    scene = read_cube(path, f"{fields}/VNIR_Cube").scene
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    assert scene.wavelengths_nm.tolist() == [0, 500, 600, 700]
    assert scene.bad_bands.tolist() == [True, False, False, False]
    assert read_cube(path, f"{fields}/SWIR_Cube").scene.wavelengths_nm[0] == 2400


def test_a_file_that_has_changed_since(tmp_path):
    path = written(tmp_path / "own.h5", cube=CUBE)
    cube = read_cube(path).scene.cube
    written(path, cube=CUBE[:, :1])
    with pytest.raises(FileError) as error:
        np.asarray(cube)
    assert (
        str(error.value)
        == f"{path}: cube had shape (2, 3, 4), and has changed. Read the scene again."
    )


def test_paths_stay_good_elsewhere(tmp_path, monkeypatch):
    written(tmp_path / "own.h5", cube=CUBE)
    monkeypatch.chdir(tmp_path)
    cube = read_scene("own.h5").cube
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(np.asarray(cube), CUBE)


@pytest.fixture
def grouped(tmp_path):
    return written(
        tmp_path / "own.h5",
        a__b__cube=CUBE, a__b__subcube=CUBE + 1, a__c__gt=np.ones((2, 3), np.uint8), d__gt=CUBE,
        e__gt=CUBE, gt2=np.ones((2, 3), np.uint8), a__gt2=CUBE,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["cube", "b/cube", "/b/cube", "a/b/cube", "/a/b/cube"])
def test_the_end_of_a_path_names_a_variable(grouped, name):
    np.testing.assert_array_equal(np.asarray(read_scene(grouped, variable=name).cube), CUBE)


def test_of_variables_of_one_name_that_of_the_right_shape_is_meant(grouped):
    scene = read_scene(grouped, variable="cube")
    assert read_labels(grouped, scene, variable="gt").labels.tolist() == [[1, 1, 1], [1, 1, 1]]
    with pytest.raises(FileError, match="has 2 variables 'gt': d/gt, e/gt"):
        read_scene(grouped, variable="gt")
    with pytest.raises(FileError, match=r"'a/b/cube' has shape \(2, 3, 4\)"):
        read_labels(grouped, scene, variable="cube")
    # The whole name counts more than the end of another.
    with pytest.raises(FileError, match=r"'gt2' has shape \(2, 3\)"):
        read_scene(grouped, variable="gt2")
    with pytest.raises(FileError, match="has no variable 'be'"):
        read_scene(grouped, variable="be")
