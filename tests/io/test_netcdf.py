import pickle

import h5netcdf
import h5py
import numpy as np
import pytest
import rasterio
import rioxarray
import xarray as xr
from pyproj import CRS
from scipy.io import netcdf_file

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_scene
from hsvlm.io._readers.netcdf import from_xarray, read_cube, read_label_map

CUBE = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
CUBE.setflags(write=False)
WAVELENGTHS = [400.0, 500.0, 600.0, 700.0]
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."
UTM = CRS("EPSG:32616")
# The upper left corner of the first pixel, of 30 m, lies at (500000, 4400000).
PLACE = (30.0, 0.0, 500000.0, 0.0, -30.0, 4400000.0)
X, Y = 500015 + 30.0 * np.arange(3), 4399985 - 30.0 * np.arange(2)


def granule(path):
    """The layout of an EMIT L2A granule."""
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"downtrack": 2, "crosstrack": 3, "bands": 4, "ortho_y": 3, "ortho_x": 4}
        file.attrs["geotransform"] = [-120.0, 5e-4, 0, 40.0, 0, -5e-4]
        file.attrs["spatial_ref"] = CRS("EPSG:4326").to_wkt("WKT1_GDAL")
        track = ("downtrack", "crosstrack")
        cube = file.create_variable("reflectance", (*track, "bands"), "f4", fillvalue=-9999)
        cube[...] = CUBE
        bands = file.create_group("sensor_band_parameters")
        wavelengths = bands.create_variable("wavelengths", ("bands",), "f4")
        wavelengths[...] = WAVELENGTHS
        wavelengths.attrs["units"] = "nm"
        bands.create_variable("fwhm", ("bands",), "f4")[...] = 8.5
        bands.create_variable("good_wavelengths", ("bands",), "f4")[...] = [1, 0, 1, 1]
        location = file.create_group("location")
        for name in ("lon", "lat"):
            location.create_variable(name, track, "f8")[...] = 0
        location.create_variable("glt_x", ("ortho_y", "ortho_x"), "i4")[...] = 0
    return path


def dataset(dims=("y", "x", "band"), **attributes):
    """A plain CF file: one cube, coordinates of pixel centres, a grid mapping."""
    shape = dict(zip(("y", "x", "band"), CUBE.shape, strict=True))
    array = xr.DataArray(CUBE.copy(), dims=tuple(shape)).transpose(*dims)
    data = xr.Dataset({"cube": array.assign_attrs(grid_mapping="utm", **attributes)})
    data["utm"] = xr.DataArray(0, attrs={**UTM.to_cf(), "crs_wkt": UTM.to_wkt()})
    return data.assign_coords(
        x=("x", X, {"units": "m"}),
        y=("y", Y, {"units": "m"}),
        wavelength=("band", np.divide(WAVELENGTHS, 1000), {"units": "um"}),
    )


def written(path, data, **options):
    data.to_netcdf(path, engine="h5netcdf", **options)
    return path


def test_granules_in_the_geometry_of_the_sensor(tmp_path):
    found = read_cube(granule(tmp_path / "emit.nc"))
    scene = found.scene
    assert isinstance(scene.cube, LazyCube)
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    assert scene.cube.dtype == np.float32
    assert found.nodata == -9999
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS
    assert scene.bad_bands.tolist() == [False, True, False, False]
    # The georeference of the granule is that of the grid it could be brought to.
    assert scene.crs is None
    assert scene.transform is None


def test_cubes_are_read_by_rows_and_pixels_and_by_other_processes(tmp_path):
    cube = read_cube(granule(tmp_path / "emit.nc")).scene.cube
    for one in (cube, pickle.loads(pickle.dumps(cube))):
        np.testing.assert_array_equal(one[1:2], CUBE[1:2])
        np.testing.assert_array_equal(one[[1, 0, 1], [0, 2, 0]], CUBE[[1, 0, 1], [0, 2, 0]])


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("band", "y", "x"), ("x", "band", "y")])
@pytest.mark.parametrize("where", ["file", "memory", "array"])
def test_dimensions_are_told_by_name(tmp_path, dims, where):
    data = dataset(dims, _FillValue=np.float32(-1))
    if where == "file":
        found = read_cube(written(tmp_path / "cf.nc", data))
    else:
        found = from_xarray(data if where == "memory" else data.set_coords("utm")["cube"])
    np.testing.assert_array_equal(np.asarray(found.scene.cube), CUBE)
    assert found.scene.wavelengths_nm.tolist() == WAVELENGTHS
    assert found.scene.transform == PLACE
    assert CRS(found.scene.crs) == UTM
    assert found.nodata == -1


def test_without_telling_names_the_order_is_height_width_bands(tmp_path):
    data = xr.Dataset({"cube": (("a", "b", "c"), CUBE)})
    found = read_cube(written(tmp_path / "plain.nc", data))
    np.testing.assert_array_equal(np.asarray(found.scene.cube), CUBE)
    assert found.scene.wavelengths_nm is None
    assert found.scene.transform is None
    data = xr.Dataset({"cube": (("blue_bands", "number_of_scans", "ccd_pixels"), CUBE)})
    cube = from_xarray(data).scene.cube
    np.testing.assert_array_equal(np.asarray(cube), np.moveaxis(CUBE, 0, -1))


def test_packed_numbers_are_unpacked(tmp_path):
    data = dataset()
    data["cube"][0, 1, 2] = np.nan
    packing = {"dtype": "i2", "scale_factor": 0.5, "add_offset": 3.0, "_FillValue": -999}
    path = written(tmp_path / "packed.nc", data, encoding={"cube": packing})
    for found in (read_cube(path), from_xarray(xr.open_dataset(path, engine="h5netcdf"))):
        assert found.scene.cube.dtype.kind == "f"
        np.testing.assert_array_equal(np.asarray(found.scene.cube), data["cube"].values)
        assert np.isnan(found.nodata)
        assert found.scene.transform == PLACE


@pytest.mark.slow
def test_integers_stay_as_they_are(tmp_path):
    data = dataset(_FillValue=np.uint16(65535))
    data = data.drop_vars("wavelength").assign(cube=data["cube"].astype(np.uint16))
    found = read_cube(written(tmp_path / "counts.nc", data))
    assert found.scene.cube.dtype == np.uint16
    assert found.nodata == 65535
    data["cube"].attrs.clear()
    found = read_cube(written(tmp_path / "free.nc", data))
    assert found.nodata is None


def test_classic_files(tmp_path):
    path = tmp_path / "classic.nc"
    with netcdf_file(path, "w") as file:
        for name, size in zip(("lat", "lon", "wavelength"), CUBE.shape, strict=True):
            file.createDimension(name, size)
        file.createVariable("lat", "f4", ("lat",))[:] = [40.25, 39.75]
        file.createVariable("lon", "f4", ("lon",))[:] = [-100, -99.5, -99]
        file.createVariable("wavelength", "f4", ("wavelength",))[:] = WAVELENGTHS
        file.createVariable("rho", "f4", ("lat", "lon", "wavelength"))[:] = CUBE
        file.createVariable("gt", "i1", ("lat", "lon"))[:] = [[1, 2, 3], [0, 0, 1]]
    scene = read_cube(path).scene
    assert scene.cube.dtype.isnative
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS
    assert scene.crs == "EPSG:4326"
    assert scene.transform == (0.5, 0, -100.25, 0, -0.5, 40.5)
    assert read_label_map(path).labels.tolist() == [[1, 2, 3], [0, 0, 1]]


@pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
def test_what_rioxarray_has_written():
    array = xr.DataArray(CUBE, dims=("y", "x", "band"), coords={"x": X, "y": Y}, name="field")
    array = array.rio.write_crs(UTM)
    scene = from_xarray(array).scene
    assert CRS(scene.crs) == UTM
    assert scene.transform == PLACE
    # Transforms that rioxarray has kept are those of the whole: coordinates tell where a part is.
    part = array.rio.write_transform().isel(x=slice(1, 3))
    assert from_xarray(part).scene.transform == (30, 0, 500030, 0, -30, 4400000)
    bare = array.rio.write_transform().drop_vars(["x", "y"])
    assert from_xarray(bare).scene.transform == PLACE
    bare.coords["spatial_ref"].attrs["GeoTransform"] = "500000 30"
    assert from_xarray(bare).scene.transform is None
    bare.coords["spatial_ref"].attrs["GeoTransform"] = "a b c d e f"
    with pytest.raises(FileError, match="xarray data: cannot be read as NetCDF"):
        from_xarray(bare)


@pytest.mark.parametrize(
    ("x", "units"),
    [([1.0, 2, 4], "m"), (X / 1000, "km"), (["a", "b", "c"], ""), ([1.0, 1, 1], "m")],
)
def test_coordinates_that_give_no_transform(x, units):
    data = dataset().assign_coords(x=("x", x, {"units": units}))
    scene = from_xarray(data).scene
    assert scene.transform is None
    assert CRS(scene.crs) == UTM


@pytest.mark.slow
def test_grid_mappings_that_say_nothing():
    data = dataset()
    data["utm"].attrs = {"crs_wkt": "nonsense"}
    assert from_xarray(data).scene.crs is None
    data["cube"].attrs["grid_mapping"] = "gone"
    assert from_xarray(data).scene.crs is None
    assert from_xarray(data).scene.transform == PLACE


@pytest.mark.parametrize(
    ("unit", "values", "said"),
    [
        ("cm-1", [25000, 20000, 12500, 10000], None),
        ("Index", [0, 1, 2, 3], "'Index'"),
        ("unknown", [400, 500, 800, 1000], "are taken as nanometers"),
        ("micrometer", [400, 500, 800, 1000], "cannot be in the unit 'micrometer'"),
    ],
)
@pytest.mark.parametrize("from_file", [True, False])
def test_units_of_wavelengths(tmp_path, unit, values, said, from_file):
    data = dataset().assign_coords(wavelength=("band", np.float64(values), {"units": unit}))
    read = (
        (lambda: read_cube(written(tmp_path / "cf.nc", data)))
        if from_file
        else (lambda: from_xarray(data))
    )
    if said is None:
        wavelengths = read().scene.wavelengths_nm
    else:
        with pytest.warns(HSVLMWarning) as warned:
            wavelengths = read().scene.wavelengths_nm
        assert len(warned) == 1
        assert said in str(warned[0].message)
    if unit == "Index":
        assert wavelengths is None
    else:
        assert wavelengths.tolist() == [400, 500, 800, 1000]


def test_dimensions_that_only_some_variables_name(tmp_path):
    path = tmp_path / "mixed.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
        file["gt"] = np.ones((2, 3), np.uint8)
        file["wl"] = WAVELENGTHS
        file["wl"].make_scale("wl")
        file["cube"].dims[2].attach_scale(file["wl"])
    scene = read_cube(path).scene
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS
    assert read_label_map(path).labels.tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.slow
def test_arrays_that_other_software_has_added(tmp_path):
    path = granule(tmp_path / "emit.nc")
    with h5py.File(path, "r+") as file:
        file["gt"] = [[1, 2, 3], [0, 0, 1]]
    assert read_label_map(path, "gt").labels.tolist() == [[1, 2, 3], [0, 0, 1]]
    np.testing.assert_array_equal(np.asarray(read_cube(path).scene.cube), CUBE)


@pytest.mark.slow
def test_netcdf_of_old_releases(tmp_path):
    path = granule(tmp_path / "emit.nc")
    with h5py.File(path, "r+") as file:
        del file.attrs["_NCProperties"]
    assert read_cube(path).scene.bad_bands.tolist() == [False, True, False, False]


def test_hdf5_that_is_no_netcdf(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["gt"] = [[1, 2, 3], [0, 0, 1]]
    assert read_label_map(path).labels.tolist() == [[1, 2, 3], [0, 0, 1]]


def test_band_names():
    array = xr.DataArray(CUBE, dims=("y", "x", "band"), coords={"band": list("bgri")})
    assert from_xarray(array).scene.band_names == ("b", "g", "r", "i")
    assert from_xarray(array).scene.wavelengths_nm is None


def test_labels_with_their_classes_and_place(tmp_path):
    flags = {"flag_values": np.array([0, 1, 2], "u1"), "flag_meanings": "none oats wheat"}
    values = np.array([[1, 2], [0, 1], [255, 2]], dtype=np.uint8)
    data = dataset()[["utm"]].assign_coords(x=X, y=Y)
    attributes = {**flags, "_FillValue": np.uint8(255), "grid_mapping": "utm"}
    data["classes"] = (("x", "y"), values, attributes)
    found = read_label_map(written(tmp_path / "classes.nc", data))
    assert found.labels.tolist() == [[1, 0, 0], [2, 1, 2]]
    assert found.labels.dtype == np.uint8
    assert found.class_names == {1: "oats", 2: "wheat"}
    assert found.transform == PLACE
    assert CRS(found.crs) == UTM


def test_variables_in_groups(tmp_path):
    path = tmp_path / "groups.nc"
    with h5netcdf.File(path, "w") as file:
        file.dimensions = {"red_bands": 4, "scans": 2, "pixels": 3}
        for name in ("rhot_red", "qual_red"):
            variable = file.create_variable(f"data/{name}", ("red_bands", "scans", "pixels"), "f4")
            variable[...] = np.moveaxis(CUBE, -1, 0)
        file.create_variable("bands/red_wavelength", ("red_bands",), "f4")[...] = WAVELENGTHS
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: holds 2 variables that could be the cube. Name one of them, as in "
        "read_scene(path, variable='data/rhot_red'). It holds: bands/red_wavelength (4,) float32, "
        "data/rhot_red (4, 2, 3) float32, data/qual_red (4, 2, 3) float32."
    )
    scene = read_cube(path, "/data/rhot_red").scene
    np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
    assert scene.wavelengths_nm.tolist() == WAVELENGTHS


def test_xarray_without_a_cube():
    with pytest.raises(FileError) as error:
        from_xarray(xr.Dataset({"map": (("y", "x"), CUBE[0])}))
    assert str(error.value) == (
        "xarray data: holds no cube: a cube has 3 dimensions (height, width, n_bands) and real "
        "numbers. It holds: map (3, 4) float32."
    )
    with pytest.raises(FileError, match="has no variable 'other'"):
        from_xarray(dataset()["cube"], "other")


@pytest.mark.parametrize("share", [0, 0.1, 0.6, 0.99])
def test_truncated_files(tmp_path, share):
    path = granule(tmp_path / "cut.nc")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for read in (read_cube, read_label_map):
        with pytest.raises(FileError) as error:
            read(path)
        assert str(error.value).startswith(f"{path}: cannot be read as HDF5 (OSError: ")
        assert str(error.value).endswith(f"). {HINT_COPY_AGAIN}")


def test_classic_files_cut_off(tmp_path):
    path = tmp_path / "cut.nc"
    path.write_bytes(b"CDF\x01\x00\x00")
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value).startswith(f"{path}: cannot be read as NetCDF (")


def test_a_file_that_is_gone_when_it_is_read(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
    cube = read_cube(path).scene.cube
    path.unlink()
    with pytest.raises(FileError, match=r"plain\.h5: cannot be read as HDF5 \(FileNotFoundError"):
        np.asarray(cube)


NODATA = {
    "_FillValue": np.float32(-1),
    "missing_value": np.float32(-1),
    "NODATA": -1,
    "nodata": np.int16(-1),
    "No_Data_Value": "-1",
    "Data_Ignore_Value": "-1.0",
    "DataIgnoreValue": -1.0,
    "fill_value": [-1.0],
    "Fill_Value": b"-1",
}


@pytest.mark.parametrize("name", NODATA)
@pytest.mark.parametrize("suffix", ["nc", "h5", "memory"])
def test_attributes_for_no_data(tmp_path, name, suffix):
    cube = CUBE.copy()
    cube[0, 1, 2] = -1
    if suffix == "h5":
        path = tmp_path / "plain.h5"
        with h5py.File(path, "w") as file:
            file["cube"] = cube
            file["cube"].attrs[name] = NODATA[name]
        scene = read_scene(path)
    else:
        value = NODATA[name].decode() if isinstance(NODATA[name], bytes) else NODATA[name]
        data = dataset(**{name: value})
        data["cube"].values = cube
        scene = read_scene(written(tmp_path / "a.nc", data) if suffix == "nc" else data)
    assert np.argwhere(~scene.valid).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    "attributes",
    [
        {"missing_value": np.float32([-1, -2])},
        {"_FillValue": np.float32(-1), "missing_value": np.float32(-2)},
        {"NODATA": "-1, -2"},
        {"valid_min": 0},
        {"valid_range": np.float32([0, 1000])},
        {"valid_range": "0 1000"},
        {"valid_min": 0.0, "valid_max": 1000.0},
    ],
)
def test_several_values_and_ranges(tmp_path, attributes):
    data = dataset(**attributes)
    data["cube"].values[0, 1, 2], data["cube"].values[1, 2, 0] = -1, -2
    data["cube"].values[1, 0, 0] = np.nan
    for source in (data, written(tmp_path / "a.nc", data)):
        assert np.argwhere(~read_scene(source).valid).tolist() == [[0, 1], [1, 0], [1, 2]]
    assert np.argwhere(~read_scene(data, nodata=-1).valid).tolist() == [[0, 1], [1, 0]]
    assert read_scene(data, nodata=None).valid is None


def test_ranges_of_packed_numbers_are_packed(tmp_path):
    data = dataset(valid_range=np.int16([0, 100]))
    packing = {"dtype": "i2", "scale_factor": 0.5, "add_offset": 0.0, "_FillValue": -999}
    data["cube"].values[0, 0, 0] = 60
    path = written(tmp_path / "packed.nc", data, encoding={"cube": packing})
    for source in (path, xr.open_dataset(path, engine="h5netcdf")):
        assert np.argwhere(~read_scene(source).valid).tolist() == [[0, 0]]


@pytest.mark.parametrize("text", ["none", "n/a", "nothing here"])
def test_values_for_no_data_that_are_no_numbers_are_said(tmp_path, text):
    path = written(tmp_path / "a.nc", dataset(NODATA=text))
    with pytest.warns(HSVLMWarning, match="its attribute NODATA is ") as warned:
        assert read_scene(path).valid is None
    assert len(warned) == 1
    with pytest.warns(HSVLMWarning, match=r"its valid range from 5 to 2 is empty"):
        read_scene(written(tmp_path / "b.nc", dataset(valid_range=[5.0, 2.0])))


@pytest.mark.parametrize(
    ("attributes", "scale"),
    [
        ({"scale_factor": 1e-4}, [1e-4, 0]),
        ({"scale_factor": 1e-4, "add_offset": 3.0}, [1e-4, 3]),
        ({"Scale_Factor": 10000.0}, [1e-4, 0]),
        ({"scale_factor": "0.5"}, [0.5, 0]),
        ({"scale_factor": 1.0, "add_offset": 0.0}, None),
    ],
)
def test_scales_that_nobody_applied_are_kept(tmp_path, attributes, scale):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["cube"] = CUBE
        file["cube"].attrs.update(attributes)
    # rioxarray and xarray.open_dataset(..., mask_and_scale=False) leave them in the attributes.
    for scene in (read_cube(path).scene, from_xarray(dataset(**attributes)).scene):
        np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
        assert (scene.scale if scale is None else scene.scale.tolist()) == (scale and [scale] * 4)


def test_rasters_that_rioxarray_opens_are_read_as_their_files(tmp_path):
    path = tmp_path / "field.tif"
    profile = {"width": 3, "height": 2, "count": 4, "dtype": "int16", "crs": UTM, "nodata": -1}
    values = np.moveaxis(CUBE.astype(np.int16), 2, 0)
    with rasterio.open(path, "w", transform=rasterio.Affine(*PLACE), **profile) as file:
        file.write(values)
        file.scales, file.offsets = (0.5,) * 4, (3.0,) * 4
    scenes = read_scene(path), read_scene(rioxarray.open_rasterio(path))
    for scene in scenes:
        np.testing.assert_array_equal(np.asarray(scene.cube), CUBE)
        assert scene.scale.tolist() == [[0.5, 3]] * 4


def test_wavelengths_of_another_number_of_bands_are_said(tmp_path):
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["cube"], file["wavelengths"] = CUBE, [400.0, 500, 600, 700, 800]
    with pytest.warns(HSVLMWarning, match="the list of 5 wavelengths does not fit 4 bands"):
        assert read_cube(path).scene.wavelengths_nm is None


@pytest.mark.parametrize("dims", [("y", "x"), ("x", "y"), ("lon", "lat"), ("col", "row")])
def test_label_maps_are_turned_by_the_names_of_their_dimensions(tmp_path, dims):
    truth = np.array([[1, 2, 3], [0, 2, 1]], np.uint8)
    values = truth if dims == ("y", "x") else truth.T
    path = tmp_path / "plain.h5"
    with h5py.File(path, "w") as file:
        file["gt"] = values
        for axis, name in enumerate(dims):
            file["gt"].dims[axis].label = name
    assert read_label_map(path).labels.tolist() == truth.tolist()
    data = xr.Dataset({"gt": (dims, values)})
    assert read_label_map(written(tmp_path / "a.nc", data)).labels.tolist() == truth.tolist()


@pytest.mark.parametrize("suffix", ["nc", "h5"])
def test_class_0_beside_a_declared_fill_value(tmp_path, suffix):
    values = np.array([[0, 1], [2, 255]], np.uint8)
    path = tmp_path / f"gt.{suffix}"
    if suffix == "nc":
        written(path, xr.Dataset({"gt": (("y", "x"), values, {"_FillValue": np.uint8(255)})}))
    else:
        with h5py.File(path, "w") as file:
            file["gt"] = values
            file["gt"].attrs["_FillValue"] = np.uint8(255)
    with pytest.warns(HSVLMWarning, match="255 is declared for no data, so 0 is taken for a class"):
        found = read_label_map(path)
    assert found.labels.tolist() == values.tolist()
    assert found.unlabeled == 255


def test_a_coordinate_of_bands_with_a_unit_holds_wavelengths():
    bands = ("band", [0.4, 0.5, 0.6, 0.7], {"units": "um"})
    array = xr.DataArray(CUBE, dims=("y", "x", "band"), coords={"band": bands})
    assert from_xarray(array).scene.wavelengths_nm.tolist() == WAVELENGTHS
    array = xr.DataArray(CUBE, dims=("y", "x", "band"), coords={"band": [1, 2, 3, 4]})
    assert from_xarray(array).scene.wavelengths_nm is None


@pytest.mark.parametrize("name", ["bbl", "good_bands", "good_wavelengths"])
def test_names_of_lists_of_good_bands(name):
    data = dataset()
    data[name] = ("band", [1, 0, 1, 1])
    assert from_xarray(data).scene.bad_bands.tolist() == [False, True, False, False]


@pytest.mark.parametrize("fill", [{}, {"_FillValue": np.int8(0)}])
@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("dtype", ["i1", "i2"])
def test_flags_of_unsigned_labels(tmp_path, fill, classic, dtype):
    codes = np.array([10, 130, 200] if dtype == "i1" else [10, 40000, 65000], f"u{dtype[1]}")
    flags = {"flag_values": codes.view(dtype), "flag_meanings": "crop grass bare"}
    fill = {name: value.astype(dtype) for name, value in fill.items()}
    attributes = {"_Unsigned": "true", **flags, **fill}
    data = xr.Dataset({"gt": (("y", "x"), np.stack([codes, codes]).view(dtype), attributes)})
    path = tmp_path / "gt.nc"
    if classic:
        data.to_netcdf(path, engine="scipy")
    else:
        data.to_netcdf(path, engine="h5netcdf")
    found = read_label_map(path)
    assert found.labels.tolist() == [codes.tolist()] * 2
    assert found.class_names == dict(zip(codes.tolist(), ["crop", "grass", "bare"], strict=True))
    cube = xr.Dataset({"cube": (("y", "x", "band"), np.ones((2, 3, 2)))})
    for is_decoded in (False, True):
        with xr.open_dataset(path, mask_and_scale=is_decoded, decode_cf=is_decoded) as opened:
            scene = read_scene(cube, labels=opened["gt"])
            assert set(scene.class_names) == set(np.unique(opened["gt"]).tolist())


@pytest.mark.parametrize("flags", ["1b, 2b", "1 2", "1UB,2UB", "1.f 2.f", ["1", "2"], [1.0, 2.0]])
def test_flags_as_text(tmp_path, flags):
    attributes = {"flag_values": flags, "flag_meanings": "oats winter_wheat"}
    data = xr.Dataset({"gt": (("y", "x"), np.ones((2, 2), np.int8), attributes)})
    names = read_label_map(written(tmp_path / "gt.nc", data)).class_names
    assert names == {1: "oats", 2: "winter wheat"}


def test_flags_that_are_no_numbers_are_said(tmp_path):
    attributes = {"flag_values": "a, b", "flag_meanings": "oats wheat"}
    data = xr.Dataset({"gt": (("y", "x"), np.ones((2, 2), np.int8), attributes)})
    with pytest.warns(HSVLMWarning, match="its attribute flag_values is 'a, b' and is not used"):
        assert read_label_map(written(tmp_path / "gt.nc", data)).class_names == {}


def test_names_of_classes_that_differ_in_number_are_said(tmp_path):
    flags = {"flag_values": np.array([1, 2], "u1"), "flag_meanings": "winter wheat oats"}
    data = xr.Dataset({"gt": (("y", "x"), np.ones((2, 2), np.uint8), flags)})
    with pytest.warns(HSVLMWarning, match="2 flag_values and 3 flag_meanings differ in number"):
        assert read_label_map(written(tmp_path / "gt.nc", data)).class_names == {}


def test_names_of_coordinate_systems():
    data = dataset()
    for name in ("projected_crs_name", "crs_wkt"):
        del data["utm"].attrs[name]
    assert from_xarray(data).scene.summary()["CRS"] == "WGS 84 / UTM zone 16N"
