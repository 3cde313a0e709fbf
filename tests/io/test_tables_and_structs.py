"""Cubes with two dimensions, structs of MATLAB, and several label maps in one file."""

import struct
import zlib

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from hsvlm import Scene
from hsvlm.exceptions import DataError, FileError, HSVLMWarning, ParameterError
from hsvlm.io import read_labels, read_scene

RNG = np.random.default_rng(0)
CUBE = RNG.integers(0, 2**12, (4, 5, 7)).astype(np.uint16)
TRUTH = RNG.integers(0, 3, (4, 5)).astype(np.uint8)
# As MATLAB's reshape(cube, [], n_bands)' makes it.
BY_COLUMNS = CUBE.reshape(20, 7, order="F").T
BY_ROWS = CUBE.reshape(20, 7)


def as_matlab_7_3(path, **arrays):
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            dataset = file.create_dataset(name, data=np.atleast_2d(array).T)
            kind = {"u2": b"uint16", "u1": b"uint8", "f8": b"double", "i8": b"int64"}
            dataset.attrs["MATLAB_class"] = np.bytes_(kind[dataset.dtype.str[1:]])
    return path


def as_matlab(version):
    def write(path, **arrays):
        if version == "7.3":
            return as_matlab_7_3(path, **arrays)
        savemat(path, arrays, do_compression=version == "compressed")
        return path

    return write


VERSIONS = ("5", "compressed", "7.3")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("turned", [False, True])
def test_cubes_of_pixels_and_bands_with_their_size(tmp_path, version, turned):
    table = BY_COLUMNS.T if turned else BY_COLUMNS
    path = as_matlab(version)(
        tmp_path / "a.mat", Y=table, nRow=4.0, nCol=5.0, wavelengths=np.arange(400.0, 750, 50)
    )
    scene = read_scene(path)
    np.testing.assert_array_equal(scene.cube, CUBE)
    assert scene.cube.flags.c_contiguous
    assert scene.wavelengths_nm.tolist() == [400, 450, 500, 550, 600, 650, 700]
    np.testing.assert_array_equal(read_scene(path, shape=(4, 5)).cube, CUBE)
    with pytest.raises(DataError, match=r"it states 4 x 5 pixels, but \(5, 4\) were asked for"):
        read_scene(path, shape=(5, 4))


@pytest.mark.parametrize("version", VERSIONS)
def test_cubes_of_pixels_and_bands_without_their_size(tmp_path, version):
    path = as_matlab(version)(tmp_path / "a.mat", Y=BY_COLUMNS, gt=TRUTH)
    with pytest.raises(FileError, match=r"If Y holds pixels and bands, pass shape=\(height, width"):
        read_scene(path)
    with pytest.warns(HSVLMWarning, match="pixels are taken column by column") as caught:
        scene = read_scene(path, shape=(4, 5), labels=path, label_variable="gt")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(scene.cube, CUBE)
    np.testing.assert_array_equal(scene.labels, TRUTH)


@pytest.mark.parametrize("turned", [False, True])
def test_tables_of_numpy_count_along_the_rows(tmp_path, turned):
    table = BY_ROWS.T if turned else BY_ROWS
    np.save(tmp_path / "a.npy", table)
    np.savez(tmp_path / "a.npz", table=table, gt=TRUTH)
    for name in ("a.npy", "a.npz"):
        np.testing.assert_array_equal(read_scene(tmp_path / name, shape=(4, 5)).cube, CUBE)
        with pytest.raises(FileError, match="3 dimensions"):
            read_scene(tmp_path / name)
        with pytest.raises(FileError, match=r"no axis of 3 x 5|holds 0 tables of 3 x 5"):
            read_scene(tmp_path / name, shape=(3, 5))


def test_tables_that_are_ambiguous(tmp_path):
    savemat(tmp_path / "a.mat", {"Y": BY_COLUMNS, "A": BY_COLUMNS[:3], "nRow": 4, "nCol": 5})
    with pytest.raises(FileError, match="holds 2 tables of 4 x 5 = 20 pixels") as error:
        read_scene(tmp_path / "a.mat")
    assert "--variable" in error.value.for_command_line()
    np.testing.assert_array_equal(read_scene(tmp_path / "a.mat", variable="Y").cube, CUBE)
    np.save(tmp_path / "a.npy", np.ones((20, 20)))
    with pytest.raises(FileError, match="as many bands as pixels"):
        read_scene(tmp_path / "a.npy", shape=(4, 5))


@pytest.mark.parametrize("shape", [5, (4,), (4, 0), (4.0, 5), "45", (True, 5), (4, 5, 7)])
def test_sizes_that_are_none(tmp_path, shape):
    np.save(tmp_path / "a.npy", BY_ROWS)
    with pytest.raises(ParameterError, match="must be height and width"):
        read_scene(tmp_path / "a.npy", shape=shape)


def test_sizes_are_for_tables(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cube"] = CUBE
    with pytest.raises(ParameterError, match=r"shape=\(4, 5\) is for cubes with 2 dimensions"):
        read_scene(tmp_path / "a.h5", shape=(4, 5))


def nested(path, version, **arrays):
    """A struct `data` with a struct `inner` in it."""
    if version != "7.3":
        inner = {**arrays, "note": "as measured", "parts": np.array([1, "a"], dtype=object)}
        content = {"data": {"inner": inner, "empty": []}, "n": 3}
        savemat(path, content, do_compression=version == "compressed")
        return path
    return as_matlab_7_3(path, **{f"data/inner/{name}": array for name, array in arrays.items()})


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_of_structs(tmp_path, version):
    path = nested(tmp_path / "a.mat", version, cube=CUBE, gt=TRUTH.astype(float))
    scene = read_scene(path, labels=path)
    np.testing.assert_array_equal(scene.cube, CUBE)
    assert scene.cube.dtype == np.uint16
    np.testing.assert_array_equal(scene.labels, TRUTH)
    for name in ("data.inner.gt", "data/inner/gt"):
        np.testing.assert_array_equal(read_labels(path, scene, variable=name).labels, TRUTH)
    with pytest.raises(FileError, match=r"has no variable 'gt'.*data\.inner\.gt \(4, 5\) double"):
        read_labels(path, scene, variable="gt")


@pytest.mark.parametrize("version", VERSIONS)
def test_two_label_maps_in_one_file(tmp_path, version):
    path = nested(tmp_path / "a.mat", version, cube=CUBE, TR=TRUTH, TE=(TRUTH > 0).astype("u1"))
    with pytest.raises(FileError) as error:
        read_scene(path, labels=path)
    assert "holds 2 variables that could be the label map" in str(error.value)
    assert "--label-variable data.inner.T" in error.value.for_command_line()
    assert "read_labels(" not in error.value.for_command_line()
    for name, truth in (("TR", TRUTH), ("TE", TRUTH > 0)):
        scene = read_scene(path, label_variable=f"data.inner.{name}")
        np.testing.assert_array_equal(scene.labels, truth)


def test_fields_give_way_to_variables(tmp_path):
    savemat(tmp_path / "a.mat", {"cube": CUBE, "tools": {"kernel": np.ones((3, 3, 3))}})
    np.testing.assert_array_equal(read_scene(tmp_path / "a.mat").cube, CUBE)
    kernel = read_scene(tmp_path / "a.mat", variable="tools.kernel")
    assert kernel.cube.shape == (3, 3, 3)


@pytest.mark.parametrize("dtype", ["f8", "f4", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "?"])
def test_fields_of_all_types(tmp_path, dtype):
    values = (CUBE % 100).astype(dtype)
    savemat(tmp_path / "a.mat", {"data": {"cube": values}})
    cube = read_scene(tmp_path / "a.mat").cube
    np.testing.assert_array_equal(cube, values)
    assert cube.dtype == ("u1" if dtype == "?" else dtype)


def test_lists_of_structs_and_complex_fields_are_not_read(tmp_path):
    several = np.array([(TRUTH,), (TRUTH,)], dtype=[("gt", object)])
    savemat(tmp_path / "a.mat", {"several": several, "data": {"z": TRUTH * 1j}})
    with pytest.raises(FileError, match=r"holds no label map.*several \(1, 2\) struct"):
        read_labels(tmp_path / "a.mat", Scene(CUBE))


def test_cells(tmp_path):
    savemat(tmp_path / "a.mat", {"maps": np.array([TRUTH, TRUTH[:2]], dtype=object)})
    with pytest.raises(FileError, match=r"variable 'maps' is a cell.* x = maps\{1\};"):
        read_labels(tmp_path / "a.mat", Scene(CUBE), variable="maps")


@pytest.mark.slow
def test_damaged_structs(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"data": {"cube": CUBE, "inner": {"gt": TRUTH}}})
    content = path.read_bytes()
    for at in range(128, len(content), 4):
        damaged = bytearray(content)
        damaged[at : at + 4] = b"\xff\xff\xff\x7f"
        path.write_bytes(damaged)
        try:
            read_labels(path, Scene(CUBE))
        except DataError as error:
            assert str(error).startswith(str(path))  # noqa: PT017 (some damage does no harm)
    for size in range(128, len(content), 7):
        path.write_bytes(content[:size])
        with pytest.raises(FileError):
            read_labels(path, Scene(CUBE))


def test_structs_that_explode(tmp_path):
    path = tmp_path / "a.mat"
    savemat(path, {"data": {"cube": CUBE}}, do_compression=True)
    content = bytearray(path.read_bytes())
    whole = bytearray(zlib.decompress(content[136:]))
    whole[4:8] = struct.pack("<I", 2**31)
    packed = zlib.compress(whole)
    path.write_bytes(content[:132] + struct.pack("<I", len(packed)) + packed)
    with pytest.raises(FileError, match="is stated to have 2,147,483,648 bytes"):
        read_scene(path)


@pytest.mark.parametrize("labels", [TRUTH.reshape(1, 20), TRUTH.reshape(20, 1)])
def test_label_vectors_do_not_say_their_order(tmp_path, labels):
    savemat(tmp_path / "a.mat", {"gt": labels})
    with pytest.raises(FileError, match="and their order of pixels is unknown"):
        read_labels(tmp_path / "a.mat", Scene(CUBE), variable="gt")
