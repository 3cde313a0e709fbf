"""Arrays of files without a place become further sources of a scene."""

import h5py
import numpy as np
import pytest
import scipy.io
import xarray

from hsvlm import Raster, Scene
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import DataError, FileError, MissingFileError, ParameterError
from hsvlm.io import align, read_raster, write_scene

SCENE = Scene(np.zeros((6, 8, 3)))
HEIGHTS = np.random.default_rng(0).normal(20, 5, (6, 8)).astype(np.float32)
COLORS = np.random.default_rng(1).integers(0, 255, (12, 16, 3)).astype(np.uint8)


def save_npy(path, **arrays):
    [array] = arrays.values()
    np.save(path, array)


def save_mat(path, **arrays):
    scipy.io.savemat(path, arrays)


def save_mat73(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array.T
            kind = {"f4": "single", "f8": "double", "u1": "uint8"}[array.dtype.str[1:]]
            file[name].attrs["MATLAB_class"] = np.bytes_(kind)


def save_hdf5(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def save_netcdf(path, **arrays):
    axes = {
        name: [f"{axis}_{name}" for axis in ("y", "x", "band")[: array.ndim]]
        for name, array in arrays.items()
    }
    dataset = xarray.Dataset({name: (axes[name], array) for name, array in arrays.items()})
    dataset.to_netcdf(path, engine="h5netcdf")


FORMATS = {
    "raster.npy": save_npy,
    "raster.npz": lambda path, **arrays: np.savez(path, **arrays),
    "raster.mat": save_mat,
    "raster-7.3.mat": save_mat73,
    "raster.h5": save_hdf5,
    "raster.nc": save_netcdf,
}
SEVERAL = [name for name in FORMATS if name != "raster.npy"]


@pytest.fixture(params=FORMATS)
def save(request, tmp_path):
    def write(**arrays):
        FORMATS[request.param](tmp_path / request.param, **arrays)
        return tmp_path / request.param

    return write


def test_a_single_channel_with_two_dimensions(save):
    heights = HEIGHTS.copy()
    heights[2, 3] = np.nan
    path = save(lidar=heights)
    raster = read_raster(path)
    assert raster.n_channels == 1
    np.testing.assert_array_equal(np.asarray(raster.values)[..., 0], heights)
    assert np.argwhere(~align(path, like=SCENE).valid).tolist() == [[2, 3]]
    scene = Scene(SCENE.cube, auxiliary={"lidar": align(path, like=SCENE)})
    np.testing.assert_array_equal(np.asarray(scene.cube)[..., 3], heights)
    assert scene.samples(np.ones((6, 8), int))[0].shape == (47, 4)


def test_channels_of_a_whole_multiple_of_the_size(save):
    path = save(rgb=COLORS)
    averaged = align(path, like=SCENE)
    expected = COLORS.reshape(6, 2, 8, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(averaged.values, expected, rtol=1e-6)
    folded = align(path, like=SCENE, fold=True)
    assert (folded.n_channels, folded.ratio) == (12, 2)
    np.testing.assert_array_equal(folded.values[1, 2, 3:6], COLORS[2, 5])


@pytest.mark.parametrize("name", SEVERAL)
def test_one_of_several_arrays(name, tmp_path):
    path = tmp_path / name
    FORMATS[name](path, lidar=HEIGHTS, rgb=COLORS, names=np.ones(5))
    np.testing.assert_array_equal(
        np.asarray(read_raster(path, variable="lidar").values)[..., 0], HEIGHTS
    )
    assert read_raster(path, variable="rgb").n_channels == 3
    assert align(path, like=SCENE, variable="lidar").n_channels == 1
    with pytest.raises(FileError) as error:
        align(path, like=SCENE)
    beginning = (
        f"{path}: holds 2 variables that could be the raster. Name one of them, as in "
        "read_raster(path, variable='lidar'). It holds: "
    )
    assert str(error.value).startswith(beginning)
    for shape in ("lidar (6, 8)", "rgb (12, 16, 3)"):
        assert shape in str(error.value)
    assert "Name one of them, as in --auxiliary-variable NAME=lidar." in (
        error.value.for_command_line()
    )
    with pytest.raises(FileError, match="has no variable 'dsm'"):
        read_raster(path, variable="dsm")


def test_rows_of_numbers_are_not_taken_for_a_raster(tmp_path):
    path = tmp_path / "file.mat"
    save_mat(path, wavelengths=np.arange(5.0), lidar=HEIGHTS, n=3)
    assert read_raster(path).shape == (6, 8)
    save_mat(path, wavelengths=np.arange(5.0), note="text")
    with pytest.raises(FileError) as error:
        read_raster(path)
    assert str(error.value) == (
        f"{path}: holds no raster: a raster has 2 dimensions (height, width) or 3 (height, width, "
        "n_channels) and real numbers. It holds: wavelengths (1, 5) double, note (1,) char."
    )


def test_fields_of_structs(tmp_path):
    path = tmp_path / "file.mat"
    save_mat(path, data={"lidar": HEIGHTS, "name": "Houston"})
    np.testing.assert_array_equal(read_raster(path).values[..., 0], HEIGHTS)
    np.testing.assert_array_equal(read_raster(path, variable="data.lidar").values[..., 0], HEIGHTS)


def test_large_arrays_are_read_where_they_are_indexed(tmp_path):
    save_npy(tmp_path / "raster.npy", lidar=HEIGHTS)
    values = read_raster(tmp_path / "raster.npy").values
    assert isinstance(values.base, np.memmap)
    for name in ("raster-7.3.mat", "raster.h5", "raster.nc"):
        FORMATS[name](tmp_path / name, rgb=COLORS)
        assert isinstance(read_raster(tmp_path / name).values, LazyCube)


def test_scale_and_values_without_data_of_a_netcdf_map(tmp_path):
    path = tmp_path / "dsm.nc"
    counts = np.full((6, 8), 150, np.int16)
    counts[0] = -9999
    attributes = {"scale_factor": 0.1, "_FillValue": np.int16(-9999)}
    xarray.Dataset({"dsm": (("x", "y"), counts.T, attributes)}).to_netcdf(path, engine="h5netcdf")
    raster = align(path, like=SCENE)
    assert (~raster.valid).sum() == 8
    np.testing.assert_allclose(np.asarray(raster.values)[raster.valid], 15, rtol=1e-6)


def test_formats_with_a_place_keep_it(tmp_path):
    place = {"crs": "EPSG:32616", "transform": (1, 0, 0, 0, -1, 6)}
    path = write_scene(tmp_path / "dsm.tif", Scene(HEIGHTS[..., np.newaxis], **place))
    raster = read_raster(path)
    assert raster.transform == place["transform"]
    assert "UTM zone 16N" in raster.crs


@pytest.mark.parametrize(
    ("array", "size"),
    [
        (HEIGHTS[:5], "5 x 8 pixels"),
        (HEIGHTS.repeat(2, axis=0), "12 x 8 pixels"),
        (HEIGHTS.T, "8 x 6 pixels (it seems to be transposed)"),
        (COLORS.transpose(2, 0, 1)[:, ::2, ::2], "3 x 6 pixels (its channels seem to come first)"),
    ],
)
def test_other_sizes_end_in_an_error_with_both_shapes_and_both_remedies(save, array, size):
    path = save(lidar=np.ascontiguousarray(array))
    with pytest.raises(DataError) as error:
        align(path, like=SCENE)
    assert str(error.value) == (
        f"The raster {path} has {size}, the scene 6 x 8, and neither has a transform. Crop or "
        "resample it to the size of the scene or a whole multiple, or give both a transform and "
        "a CRS."
    )


def test_arrays_that_cannot_be_rasters(tmp_path):
    path = tmp_path / "raster.npy"
    np.save(path, np.zeros(5))
    with pytest.raises(FileError) as error:
        read_raster(path)
    assert str(error.value) == (
        f"{path}: its array has shape (5,) and type float64, but a raster has 2 dimensions "
        "(height, width) or 3 (height, width, n_channels) and real numbers. Give another file, or "
        "change the array."
    )
    np.save(path, HEIGHTS)
    with pytest.raises(FileError) as error:
        read_raster(path, variable="lidar")
    assert error.value.for_command_line() == (
        f"{path}: a .npy file holds one array, but 'lidar' was asked for. Name no variable: only "
        ".npz files hold several."
    )
    with pytest.raises(MissingFileError):
        read_raster(tmp_path / "none.mat")


def test_a_variable_without_a_file():
    with pytest.raises(ParameterError) as error:
        align(Raster(HEIGHTS), like=SCENE, variable="lidar")
    assert str(error.value) == (
        "variable='lidar' names an array of a file, but the raster is Raster. Pass the path of the "
        "file, or leave `variable` out."
    )
