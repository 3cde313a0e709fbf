import h5py
import numpy as np
import pytest
from scipy.io import savemat

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io._readers.matlab import read_cube, read_label_map

CUBE = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
TRUTH = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."
CLASSES = {"u2": b"uint16", "u1": b"uint8", "f8": b"double"}


def as_matlab_7_3(path, chunks=None, **arrays):
    """What MATLAB's save -v7.3 makes: its header, HDF5, the axes in reverse, and the class."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            dataset = file.create_dataset(name, data=array.T, chunks=chunks)
            kind = b"char" if array.dtype.kind == "U" else CLASSES[array.dtype.str[1:]]
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)
        file.create_dataset("#refs#/a", data=np.zeros((4, 5, 6)))
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


@pytest.fixture
def scene_file(tmp_path):
    path = tmp_path / "scene.mat"
    arrays = {"cube": CUBE, "gt": TRUTH.astype(float), "wavelengths": [400.0, 500, 600, 700]}
    savemat(path, {**arrays, "notes": "oats", "tools": {"a": 1}}, do_compression=True)
    return path


def test_the_one_cube_and_the_one_label_map_are_found(scene_file):
    scene = read_cube(scene_file).scene
    np.testing.assert_array_equal(scene.cube, CUBE)
    assert scene.cube.dtype == np.uint16
    assert scene.cube.flags.c_contiguous
    assert scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
    labels = read_label_map(scene_file).labels
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, TRUTH)


@pytest.mark.parametrize("version", ["5", "7.3"])
def test_variables_are_named(tmp_path, version):
    path = tmp_path / "two.mat"
    arrays = {"a": CUBE, "b": CUBE + np.uint16(1), "gt": TRUTH, "w": TRUTH.astype(float)}
    savemat(path, arrays) if version == "5" else as_matlab_7_3(path, **arrays)
    np.testing.assert_array_equal(read_cube(path, "b").scene.cube, CUBE + 1)
    np.testing.assert_array_equal(read_label_map(path, "w").labels, TRUTH)
    listing = "It holds: a (2, 3, 4) uint16, b (2, 3, 4) uint16, gt (2, 3) uint8, w (2, 3) double."
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: holds 2 variables that could be the cube. Name one of them, as in "
        f"read_scene(path, variable='a'). {listing}"
    )
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value) == (
        f"{path}: holds 2 variables that could be the label map. Name one of them, as in "
        f"read_labels(path, scene, variable='gt'). {listing}"
    )
    with pytest.raises(FileError) as error:
        read_cube(path, "c")
    assert str(error.value) == f"{path}: has no variable 'c'. {listing}"
    with pytest.raises(FileError) as error:
        read_cube(path, "gt")
    assert str(error.value) == (
        f"{path}: variable 'gt' has shape (2, 3) and type uint8, but a cube has 3 dimensions "
        f"(height, width, n_bands) and real numbers. {listing}"
    )


def test_files_without_a_cube(tmp_path):
    path = tmp_path / "map.mat"
    savemat(path, {"gt": TRUTH, "cells": np.array([1, "a"], dtype=object)})
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: holds no cube: a cube has 3 dimensions (height, width, n_bands) and real "
        "numbers. If gt holds pixels and bands, pass shape=(height, width). It holds: gt (2, 3) "
        "uint8, cells (1, 2) cell."
    )
    savemat(path, {})
    with pytest.raises(FileError, match=r"It holds no variables at all\.$"):
        read_cube(path)


def test_a_row_is_a_label_map_only_by_name(tmp_path):
    path = tmp_path / "row.mat"
    savemat(path, {"gt": np.array([[1, 2, 3]])})
    with pytest.raises(FileError, match="holds no label map"):
        read_label_map(path)
    assert read_label_map(path, "gt").labels.tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("chunks", [None, (2, 3, 1)])
def test_version_7_3_stays_on_disk(tmp_path, chunks):
    path = as_matlab_7_3(tmp_path / "new.mat", chunks, cube=CUBE)
    scene = read_cube(path).scene
    assert isinstance(scene.cube, LazyCube)
    assert scene.cube.shape == CUBE.shape
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    np.testing.assert_array_equal(scene.cube[[1, 0], [2, 2]], CUBE[[1, 0], [2, 2]])


def test_version_7_3_is_loaded_where_chunks_reach_over_all_rows(tmp_path):
    path = as_matlab_7_3(tmp_path / "new.mat", (1, 3, 2), cube=CUBE)
    cube = read_cube(path).scene.cube
    assert isinstance(cube, np.ndarray)
    np.testing.assert_array_equal(cube, CUBE)


def test_version_7_3_has_labels_and_wavelengths(tmp_path):
    path = tmp_path / "new.mat"
    as_matlab_7_3(path, cube=CUBE, gt=TRUTH, wavelength=np.array([[0.4, 0.5, 0.6, 0.7]]))
    with pytest.warns(HSVLMWarning, match="without a unit, are taken as micrometers"):
        wavelengths = read_cube(path).scene.wavelengths_nm
    np.testing.assert_allclose(wavelengths, [400, 500, 600, 700])
    np.testing.assert_array_equal(read_label_map(path).labels, TRUTH)


def test_what_h5py_writes_is_in_its_own_order(tmp_path):
    path = tmp_path / "plain.mat"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
        file["gt"] = TRUTH
    np.testing.assert_array_equal(np.asarray(read_cube(path).scene.cube), CUBE)
    np.testing.assert_array_equal(read_label_map(path).labels, TRUTH)


def test_other_byte_order(tmp_path):
    path = tmp_path / "big.mat"
    as_matlab_7_3(path, (4, 3, 1), cube=CUBE.astype(">u2"))
    cube = read_cube(path).scene.cube
    assert cube.dtype.isnative
    assert np.asarray(cube).dtype.isnative
    np.testing.assert_array_equal(np.asarray(cube), CUBE)


def test_only_lists_of_the_right_length_are_wavelengths(tmp_path):
    path = tmp_path / "scene.mat"
    savemat(path, {"cube": CUBE, "wl": np.ones((1, 5))})
    with pytest.warns(HSVLMWarning, match="the list of 5 wavelengths does not fit 4 bands"):
        assert read_cube(path).scene.wavelengths_nm is None


@pytest.mark.parametrize("version", ["5", "7.3"])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 0.95])
def test_truncated_files(tmp_path, version, share):
    path = tmp_path / "cut.mat"
    noise = np.random.default_rng(0).integers(0, 2**16, (20, 20, 9)).astype(np.uint16)
    if version == "5":
        savemat(path, {"cube": noise}, do_compression=True)
    else:
        as_matlab_7_3(path, (9, 20, 5), cube=noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(FileError) as error:
        np.asarray(read_cube(path).scene.cube)
    message = str(error.value)
    assert message.startswith(f"{path}: cannot be read as a MATLAB file (")
    assert message.endswith(f"). {HINT_COPY_AGAIN}")


def test_what_is_no_matlab_file(tmp_path):
    path = tmp_path / "text.mat"
    path.write_text("hello world " * 100)
    with pytest.raises(FileError) as error:
        read_cube(path)
    before, _, after = str(error.value).partition(": Unknown mat file type, ")
    assert before == f"{path}: cannot be read as a MATLAB file (ValueError"
    assert after.endswith(f"). {HINT_COPY_AGAIN}")


@pytest.mark.parametrize("value", [1.5, np.inf, 1e300])
def test_labels_are_whole_numbers(tmp_path, value):
    path = tmp_path / "map.mat"
    savemat(path, {"gt": np.array([[1, 2], [3, value]])})
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value) == (
        f"{path}: the label map must hold whole numbers, but holds {value}. Give the map of "
        "classes, not of measurements."
    )


def test_labels_missing_as_nan_are_0(tmp_path):
    path = tmp_path / "map.mat"
    savemat(path, {"gt": np.array([[np.nan, 2], [300, -1]])})
    labels = read_label_map(path).labels
    assert labels.tolist() == [[0, 2], [300, -1]]
    assert labels.dtype == np.int16
