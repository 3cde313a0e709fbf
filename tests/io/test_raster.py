import pickle
import threading
import warnings
from html import escape

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.windows import Window

from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import read_scene, write_scene
from hsvlm.io._readers import raster as _raster
from hsvlm.io._readers.raster import RasterCube, read_cube, read_label_map

CUBE = np.random.default_rng(0).integers(0, 1000, (40, 30, 4)).astype(np.int16)
CUBE.setflags(write=False)
PLACE = (20.0, 0.0, 500000.0, 0.0, -20.0, 4400000.0)
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        yield


def raster(path, cube=CUBE, describe=None, **profile):
    """A GeoTIFF by rasterio alone."""
    values = np.moveaxis(cube if cube.ndim == 3 else cube[..., None], 2, 0)
    count, height, width = values.shape
    profile = {"driver": "GTiff", "dtype": cube.dtype, **profile}
    with rasterio.open(path, "w", height=height, width=width, count=count, **profile) as dataset:
        if describe is not None:
            describe(dataset)
        dataset.write(values)
    return path


TILED = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"interleave": "pixel"},
        TILED,
        {**TILED, "interleave": "pixel", "predictor": 2},
        {"compress": "lzw", "blockysize": 7},
    ],
)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "f4", "f8"])
def test_any_layout_is_read(tmp_path, profile, dtype):
    cube = (CUBE % 256).astype(dtype)
    profile = {**profile, "photometric": "minisblack"}
    found = read_cube(raster(tmp_path / "field.tif", cube, **profile)).scene.cube
    assert isinstance(found, RasterCube)
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, cube)
    np.testing.assert_array_equal(found[3:29:5], cube[3:29:5])
    assert found[9:9].shape == (0, 30, 4)
    rows, cols = np.array([[39, 0], [7, 7]]), np.array([[29, 0], [5, 5]])
    np.testing.assert_array_equal(found[rows, cols], cube[rows, cols])


def test_nothing_is_read_before_it_is_indexed(tmp_path, monkeypatch):
    path = raster(tmp_path / "field.tif")
    monkeypatch.setattr(RasterCube, "read_rows", None)
    assert read_cube(path).scene.cube.shape == (40, 30, 4)


def test_metadata(tmp_path):
    def describe(dataset):
        dataset.descriptions = ("blue", None, "red", "far")
        for band, (wavelength, bbl) in enumerate([(0.45, 1), (0.55, 1), (0.65, 0), (2.5, 1)], 1):
            dataset.update_tags(band, WAVELENGTH=wavelength, wavelength_units="Micrometers")
            dataset.update_tags(band, bbl=bbl)
            dataset.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM="9.9")

    path = raster(
        tmp_path / "field.tif", describe=describe, crs="EPSG:32616", nodata=-9999,
        transform=rasterio.Affine(*PLACE),
    )  # fmt: skip
    found = read_cube(path)
    scene = found.scene
    assert found.nodata == -9999
    assert scene.name == "field"
    assert scene.band_names == ("blue", "Band 2", "red", "far")
    assert scene.wavelengths_nm.tolist() == [450, 550, 650, 2500]
    assert scene.bad_bands.tolist() == [False, False, True, False]
    assert rasterio.crs.CRS.from_wkt(scene.crs).to_epsg() == 32616
    assert scene.transform == PLACE
    assert scene.valid is None


def test_without_metadata_nothing_is_made_up(tmp_path):
    path = raster(tmp_path / "field.tif")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_cube(path)
        np.testing.assert_array_equal(found.scene.cube, CUBE)
    scene = found.scene
    told = (found.nodata, scene.wavelengths_nm, scene.bad_bands, scene.crs, scene.transform)
    assert told == (None,) * 5
    assert scene.band_names == ()


def test_wavelengths_as_gdal_names_them(tmp_path):
    def describe(dataset):
        for band in range(1, 5):
            dataset.update_tags(band, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=f"0.{band + 3}505")

    path = raster(tmp_path / "field.tif", describe=describe)
    assert read_cube(path).scene.wavelengths_nm.tolist() == [450.5, 550.5, 650.5, 750.5]


@pytest.mark.parametrize("tags", [{"wavelength": "blue"}, {"wavelength": ""}, {}])
def test_wavelengths_of_some_bands_are_none_and_said(tmp_path, tags):
    def describe(dataset):
        for band in range(1, 4):
            dataset.update_tags(band, wavelength=f"{band}00", wavelength_units="nm")
        dataset.update_tags(4, **tags)

    path = raster(tmp_path / "field.tif", describe=describe)
    with pytest.warns(HSVLMWarning, match="wavelengths") as warned:
        assert read_cube(path).scene.wavelengths_nm is None
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("units", "nanometres", "said"),
    [
        (["nm", "nm", "nm", ""], [100, 200, 300, 400], None),
        (["nm", "nm", "nm", "um"], None, "have different units"),
        (["Unknown"] * 4, [100, 200, 300, 400], "taken as nanometers"),
        (["Micrometers"] * 4, [100000, 200000, 300000, 400000], None),
    ],
)
def test_units_of_wavelengths(tmp_path, units, nanometres, said):
    def describe(dataset):
        for band, unit in enumerate(units, 1):
            dataset.update_tags(band, wavelength=f"{band}00", wavelength_units=unit)

    path = raster(tmp_path / "field.tif", describe=describe)
    if said is None:
        wavelengths = read_cube(path).scene.wavelengths_nm
    else:
        with pytest.warns(HSVLMWarning, match=said):
            wavelengths = read_cube(path).scene.wavelengths_nm
    assert (wavelengths if nanometres is None else wavelengths.tolist()) == nanometres


@pytest.mark.parametrize("form", ["Band {} ({}50.5 nm)", "{1}50.5 Nanometers", "B{}: {}50.5nm"])
def test_wavelengths_in_descriptions(tmp_path, form):
    def describe(dataset):
        dataset.descriptions = [form.format(band, band + 3) for band in range(1, 5)]

    path = raster(tmp_path / "field.tif", describe=describe)
    assert read_cube(path).scene.wavelengths_nm.tolist() == [450.5, 550.5, 650.5, 750.5]


@pytest.mark.parametrize("name", ["WAVELENGTHS", "central_wavelength", "Center_Wavelength"])
@pytest.mark.parametrize("unit", ["wavelength_units", "WAVELENGTH_UNIT"])
def test_other_names_of_tags(tmp_path, name, unit):
    def describe(dataset):
        for band in range(1, 5):
            dataset.update_tags(band, **{name: f"0.{band}", unit: "um"})

    path = raster(tmp_path / "field.tif", describe=describe)
    assert read_cube(path).scene.wavelengths_nm.tolist() == [100, 200, 300, 400]


@pytest.mark.parametrize("text", ["[450, 550, 650, 750]", "450 550 650 750", "{450,550,650,750}"])
def test_wavelengths_in_a_tag_of_the_file(tmp_path, text):
    def describe(dataset):
        dataset.update_tags(wavelengths=text, wavelength_units="nm")

    path = raster(tmp_path / "field.tif", describe=describe)
    assert read_cube(path).scene.wavelengths_nm.tolist() == [450, 550, 650, 750]


def test_a_tuple_of_values_for_no_data(tmp_path):
    cube = CUBE[..., :3].astype(np.uint8)
    cube[2, 3] = (1, 2, 3)
    tags = {"NODATA_VALUES": "1 2 3"}
    path = raster(tmp_path / "field.tif", cube, lambda one: one.update_tags(**tags))
    with rasterio.open(path) as dataset:
        expected = dataset.read_masks(1) > 0
    assert not expected[2, 3]
    np.testing.assert_array_equal(read_cube(path).scene.valid, expected)


@pytest.mark.parametrize(
    ("marks", "bad"),
    [
        (["1", "0", "1.0", "0.0"], [False, True, False, True]),
        (["True", "False", "true", "yes"], [False, True, False, False]),
        (["1", "0", "1"], None),
        (["0", "0", "0", "0"], None),
        (["1", "maybe", "1", "1"], None),
    ],
)
def test_tags_of_bad_bands(tmp_path, marks, bad):
    def describe(dataset):
        for band, mark in enumerate(marks, 1):
            dataset.update_tags(band, bbl=mark)

    path = raster(tmp_path / "field.tif", describe=describe)
    if bad is None:
        with pytest.warns(HSVLMWarning, match="the tags `bbl` of its bands are not 0 or 1"):
            assert read_cube(path).scene.bad_bands is None
    else:
        assert read_cube(path).scene.bad_bands.tolist() == bad


SIDECAR = "wavelength units = nm\nwavelength = {400, 500, 600, 700}\nbbl = {1, 1, 0, 1}\n"


@pytest.mark.parametrize("header", ["field.hdr", "field.tif.hdr"])
def test_a_header_beside_tells_what_the_file_does_not(tmp_path, header):
    (tmp_path / header).write_text(
        f"ENVI\nbands = 4\nlines = 40\nsamples = 30\ndata ignore value = 5\n{SIDECAR}"
    )
    found = read_cube(raster(tmp_path / "field.tif"))
    assert found.scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
    assert found.scene.bad_bands.tolist() == [False, False, True, False]
    assert found.nodata == 5
    found = read_cube(raster(tmp_path / "field.tif", nodata=-1))
    assert found.nodata == -1


SCALES = ["reflectance scale factor = 1000", "data gain values = {2, 2, 2, 2}"]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("has_data", [False, True])
@pytest.mark.parametrize(("code", "is_same"), [("2", True), ("4", False), ("?", False)])
def test_a_header_beside_does_not_describe_the_values(tmp_path, scale, has_data, code, is_same):
    (tmp_path / "field.hdr").write_text(
        "ENVI\nbands = 4\nlines = 40\nsamples = 30\ninterleave = bip\ndata ignore value = 5\n"
        f"data type = {code}\n{scale}\n{SIDECAR}"
    )
    if has_data:
        (tmp_path / "field.img").write_bytes(CUBE.tobytes())
    path = raster(tmp_path / "field.tif")
    if has_data or is_same:
        read = read_cube(path)
    else:
        with pytest.warns(
            HSVLMWarning, match=r"field\.hdr beside it is for .* than int16, and its"
        ):
            read = read_cube(path)
    assert read.scene.wavelengths_nm.tolist() == [400, 500, 600, 700]
    assert read.scene.scale is None
    assert read.nodata == (5 if is_same and not has_data else None)


def test_a_scale_is_not_applied_twice(tmp_path):
    (tmp_path / "field.img").write_bytes(CUBE.tobytes())
    (tmp_path / "field.hdr").write_text(
        "ENVI\nbands = 4\nlines = 40\nsamples = 30\ninterleave = bip\ndata type = 2\n"
        f"byte order = 0\nreflectance scale factor = 1000\n{SIDECAR}"
    )
    write_scene(tmp_path / "field.tif", read_scene(tmp_path / "field.hdr").apply_scale())
    scene = read_scene(tmp_path / "field.tif").apply_scale()
    np.testing.assert_allclose(np.asarray(scene.cube), CUBE / 1000, rtol=1e-6)


@pytest.mark.parametrize("header", ["field.hdr", "field.tif.hdr"])
@pytest.mark.parametrize("counts", [(3, 40, 30), (4, 41, 30)])
def test_a_header_beside_of_another_size_is_said(tmp_path, counts, header):
    bands, lines, samples = counts
    (tmp_path / header).write_text(
        f"ENVI\nbands = {bands}\nlines = {lines}\nsamples = {samples}\n{SIDECAR}"
    )
    path = raster(tmp_path / "field.tif")
    with pytest.warns(HSVLMWarning, match=r"\.hdr beside it is for .*, and is not used"):
        assert read_cube(path).scene.wavelengths_nm is None


def test_a_header_beside_of_another_kind_is_none(tmp_path):
    (tmp_path / "field.hdr").write_text("NROWS 40\nNCOLS 30\n")
    assert read_cube(raster(tmp_path / "field.tif")).scene.wavelengths_nm is None


def test_what_gdal_makes_of_an_envi_file(tmp_path):
    (tmp_path / "field.img").write_bytes(np.moveaxis(CUBE, 2, 0).tobytes())
    (tmp_path / "field.hdr").write_text(
        "ENVI\nsamples = 30\nlines = 40\nbands = 4\nheader offset = 0\ndata type = 2\n"
        "interleave = bsq\nbyte order = 0\nwavelength units = Nanometers\n"
        "wavelength = {400.25, 500, 600, 700}\nband names = {a, b, c, d}\n"
    )
    rasterio.shutil.copy(tmp_path / "field.img", tmp_path / "field.tif", driver="GTiff")
    scene = read_cube(tmp_path / "field.tif").scene
    assert scene.wavelengths_nm.tolist() == [400.25, 500, 600, 700]
    assert scene.band_names[0] == "a (400.25 Nanometers)"
    np.testing.assert_array_equal(scene.cube, CUBE)


def test_masks_of_the_file_are_invalid_pixels(tmp_path):
    mask = np.ones((40, 30), dtype=bool)
    mask[5:9, 3] = False
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = raster(tmp_path / "field.tif", describe=lambda dataset: dataset.write_mask(mask))
    np.testing.assert_array_equal(read_cube(path).scene.valid, mask)


ALPHA = np.full((40, 30), 255, np.uint16)
ALPHA[5:9, 3] = 0


def with_alpha(path, alpha=ALPHA, cube=CUBE, **profile):
    dtype = np.uint16 if alpha.dtype != np.uint8 else np.uint8
    stacked = np.dstack([cube.astype(dtype), alpha])
    colors = [rasterio.enums.ColorInterp.undefined] * cube.shape[2]
    colors = [*colors, rasterio.enums.ColorInterp.alpha]
    return raster(path, stacked, lambda one: setattr(one, "colorinterp", colors), **profile)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
@pytest.mark.parametrize("n_bands", [1, 3, 4])
def test_an_alpha_band_is_a_mask(tmp_path, interleave, n_bands):
    path = with_alpha(tmp_path / "field.tif", cube=CUBE[..., :n_bands], interleave=interleave)
    scene = read_cube(path).scene
    assert scene.n_bands == n_bands
    np.testing.assert_array_equal(scene.valid, ALPHA > 0)
    if n_bands != 4:
        # GDAL takes the last of two or of four bands for the mask of a file only.
        with rasterio.open(path) as dataset:
            np.testing.assert_array_equal(scene.valid, dataset.dataset_mask() > 0)
    np.testing.assert_array_equal(scene.cube, CUBE[..., :n_bands])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scene.cube))[3:9], scene.cube[3:9])
    assert scene.summary()["valid pixels"] == "1,196 of 1,200"


def test_bands_that_are_tagged_as_alpha_by_mistake_are_said(tmp_path):
    # rasterio tags the last of four bands of 8 bits so without being asked.
    cube = (CUBE % 256).astype(np.uint8)
    path = raster(tmp_path / "field.tif", cube)
    with pytest.warns(HSVLMWarning, match="band 4 is tagged as alpha"):
        scene = read_cube(path).scene
    assert scene.valid is None
    np.testing.assert_array_equal(scene.cube, cube)


def test_bands_with_a_wavelength_are_no_masks(tmp_path):
    def describe(dataset):
        for band in range(1, 5):
            dataset.update_tags(band, wavelength=f"{band}00", wavelength_units="nm")

    cube = (CUBE % 256).astype(np.uint8)
    scene = read_cube(raster(tmp_path / "field.tif", cube, describe)).scene
    assert scene.n_bands == 4
    assert scene.valid is None


def test_alpha_and_masks_of_label_maps(tmp_path):
    labels = np.ones((40, 30), np.uint8)
    path = with_alpha(tmp_path / "map.tif", ALPHA.astype(np.uint8), labels[..., None])
    np.testing.assert_array_equal(read_label_map(path).labels, labels * (ALPHA > 0))
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        path = raster(tmp_path / "b.tif", labels, lambda one: one.write_mask(ALPHA > 0))
    np.testing.assert_array_equal(read_label_map(path).labels, labels * (ALPHA > 0))


def test_masks_beside_the_file(tmp_path):
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        path = raster(tmp_path / "field.tif", describe=lambda one: one.write_mask(ALPHA > 0))
    assert (tmp_path / "field.tif.msk").exists()
    np.testing.assert_array_equal(read_cube(path).scene.valid, ALPHA > 0)


def test_scales_and_offsets_are_kept_and_not_applied(tmp_path):
    def describe(dataset):
        dataset.scales, dataset.offsets = (1e-4,) * 4, (0, 0, 0, 0.5)

    scene = read_cube(raster(tmp_path / "field.tif", describe=describe)).scene
    np.testing.assert_array_equal(scene.cube, CUBE)
    assert scene.scale.tolist() == [[1e-4, 0]] * 3 + [[1e-4, 0.5]]
    assert scene.select_bands([3, 0]).scale.tolist() == [[1e-4, 0.5], [1e-4, 0]]
    assert "differs between bands" in scene.summary()["scale"]


def test_ground_control_points_are_said_to_be_unused(tmp_path):
    points = [
        rasterio.control.GroundControlPoint(row=row, col=col, x=5e5 + col, y=4e6 - row)
        for row, col in ((0, 0), (0, 29), (39, 0), (39, 29))
    ]
    path = raster(tmp_path / "field.tif", gcps=points, crs="EPSG:32616")
    with pytest.warns(HSVLMWarning, match="by ground control points is not used"):
        assert read_cube(path).scene.transform is None


def test_names_of_coordinate_systems(tmp_path):
    wkt = rasterio.crs.CRS.from_epsg(32616).to_wkt().replace("WGS 84 / UTM zone 16N", "unnamed")
    wkt = wkt.replace(',AUTHORITY["EPSG","32616"]', "")
    path = virtual(tmp_path / "field.vrt", ['<VRTRasterBand dataType="Byte" band="1"/>'])
    path.write_text(
        path.read_text().replace("<VRTRaster", f"<SRS>{escape(wkt)}</SRS><VRTRaster", 1)
    )
    assert read_cube(path).scene.summary()["CRS"] == "WGS 84 / UTM zone 16N"
    path.write_text(path.read_text().replace("6378137", "637813"))
    with pytest.warns(HSVLMWarning, match=r"is corrupt, with a half axis of 637,813\.0 m"):
        read_cube(path)


def test_nan_is_a_value_for_no_data(tmp_path):
    path = raster(tmp_path / "field.tif", CUBE.astype(np.float32), nodata=np.nan)
    assert np.isnan(read_cube(path).nodata)


def test_cubes_pickle_and_reopen(tmp_path):
    cube = read_cube(raster(tmp_path / "field.tif")).scene.cube
    unread = pickle.dumps(cube)
    np.testing.assert_array_equal(cube[2:4], CUBE[2:4])
    text = pickle.dumps(cube)
    assert text == unread
    assert len(text) < 1000
    np.testing.assert_array_equal(pickle.loads(text)[2:4], CUBE[2:4])


def test_forked_processes_open_the_file_themselves(tmp_path, monkeypatch):
    cube = read_cube(raster(tmp_path / "field.tif")).scene.cube
    cube[0:1]
    before = cube._dataset
    cube[0:1]
    assert cube._dataset is before
    monkeypatch.setattr(_raster.os, "getpid", lambda: -1)
    np.testing.assert_array_equal(cube[0:1], CUBE[0:1])
    assert cube._dataset is not before


def test_threads_may_read_one_cube(tmp_path):
    cube = read_cube(raster(tmp_path / "field.tif", **TILED)).scene.cube
    broken = []

    def read(seed):
        rng = np.random.default_rng(seed)
        starts = rng.integers(0, 38, 50).tolist()
        broken.extend(
            one for one in starts if not np.array_equal(cube[one : one + 2], CUBE[one : one + 2])
        )

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not broken


def test_the_cache_holds_a_row_of_tiles_or_little():
    bands = 100
    small = RasterCube("x.tif", (5000, 1000, bands), np.float32, tile_rows=256)
    large = RasterCube("x.tif", (5000, 9000, bands), np.float32, tile_rows=256)
    assert small._cache_bytes == 64_000_000 + 256 * 1000 * bands * 4
    assert large._cache_bytes == 64_000_000


def test_a_file_that_has_changed_is_not_read_as_the_old_one(tmp_path):
    path = raster(tmp_path / "field.tif")
    cube = read_cube(path).scene.cube
    raster(path, CUBE[:, :20])
    with pytest.raises(FileError) as error:
        cube[0:1]
    assert str(error.value) == f"{path}: it was 40 x 30 x 4, and has changed. Read the scene again."


def test_files_that_are_none(tmp_path):
    path = tmp_path / "field.tif"
    path.write_bytes(b"no raster")
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: GDAL cannot read it ('{path}' not recognized as being in a supported file "
        f"format). {HINT_COPY_AGAIN}"
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_files(tmp_path, share):
    path = raster(tmp_path / "field.tif", np.random.default_rng(0).random((64, 64, 4)), **TILED)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(FileError) as error:
        np.asarray(read_cube(path).scene.cube)
    assert str(error.value).startswith(f"{path}: GDAL cannot read it (")
    assert str(error.value).endswith(f"). {HINT_COPY_AGAIN}")


def test_corrupt_values(tmp_path):
    path = raster(tmp_path / "field.tif", np.random.default_rng(0).random((64, 64, 1)), **TILED)
    data = bytearray(path.read_bytes())
    data[4000:7000] = bytes(3000)
    path.write_bytes(data)
    with pytest.raises(FileError, match="GDAL cannot read it"):
        np.asarray(read_cube(path).scene.cube)
    with pytest.raises(FileError, match="GDAL cannot read it"):
        read_label_map(path)


def test_a_claim_of_enormous_size_allocates_nothing(tmp_path):
    path = tmp_path / "field.vrt"
    path.write_text(
        '<VRTDataset rasterXSize="2000000000" rasterYSize="2000000000">'
        '<VRTRasterBand dataType="Float64" band="1"/></VRTDataset>'
    )
    assert read_cube(path).scene.shape == (2_000_000_000, 2_000_000_000)
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value).startswith(
        f"{path}: what is read at once does not fit into memory (2000000000 x 2000000000 values of "
        "float64 take 32,000,000,000,000,000,000 bytes and there are "
    )
    assert str(error.value).endswith("). Cut it to the grid of the scene first.")


def test_complex_values(tmp_path):
    path = raster(tmp_path / "field.tif", CUBE.astype(np.complex64))
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: it holds complex values. Convert it to integers or floats of one type, for "
        "example with gdal_translate -ot."
    )


def virtual(path, bands):
    path.write_text(f'<VRTDataset rasterXSize="30" rasterYSize="40">{"".join(bands)}</VRTDataset>')
    return path


def test_values_for_no_data_of_single_bands(tmp_path):
    cube = np.ones((40, 30, 3), np.float32)
    cube[0, 0, 0] = cube[1, 1, 1] = -1
    cube[2, 2, 0] = cube[3, 3, 1] = -2
    cube[4, 4, 2] = np.nan
    raster(tmp_path / "values.tif", cube)
    bands = [
        f'<VRTRasterBand dataType="Float32" band="{band}">'
        + (f"<NoDataValue>-{band}</NoDataValue>" if band < 3 else "")
        + '<SimpleSource><SourceFilename relativeToVRT="1">values.tif</SourceFilename>'
        f"<SourceBand>{band}</SourceBand></SimpleSource></VRTRasterBand>"
        for band in (1, 2, 3)
    ]
    path = virtual(tmp_path / "field.vrt", bands)
    assert np.argwhere(~read_scene(path).valid).tolist() == [[0, 0], [3, 3], [4, 4]]


def test_bands_of_different_types(tmp_path):
    bands = [
        f'<VRTRasterBand dataType="{kind}" band="{one}"/>'
        for one, kind in enumerate(["UInt16", "Int16"], 1)
    ]
    path = virtual(tmp_path / "field.vrt", bands)
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: its bands are of different types: int16, uint16. Convert it to integers or "
        "floats of one type, for example with gdal_translate -ot."
    )


def test_containers_without_a_raster_of_their_own(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "field.dat"
    with h5py.File(path, "w") as file:
        file["one"], file["two"] = CUBE[..., 0], CUBE[..., 1]
    with pytest.raises(FileError) as error:
        read_cube(path)
    assert str(error.value) == (
        f"{path}: it holds no raster of its own. Extract one with gdal_translate: "
        f"HDF5:{path}://one, HDF5:{path}://two."
    )


def test_one_raster_has_no_variables(tmp_path):
    path = raster(tmp_path / "field.tif")
    for read in (read_cube, read_label_map):
        with pytest.raises(FileError) as error:
            read(path, "cube")
        assert str(error.value) == (
            f"{path}: it is read as one raster, but variable='cube' is asked for. Leave out "
            "`variable`."
        )


LABELS = np.array([[0, 1, 2], [3, 2, 255]], dtype=np.uint8)
TABLE = {0: (0, 0, 0), 1: (255, 0, 0), 2: (0, 128, 1), 3: (10, 11, 12), 9: (9, 9, 9)}


def test_label_maps_with_a_palette(tmp_path):
    path = raster(
        tmp_path / "map.tif", LABELS, lambda dataset: dataset.write_colormap(1, TABLE),
        nodata=255, crs="EPSG:32616", transform=rasterio.Affine(*PLACE),
    )  # fmt: skip
    with pytest.warns(HSVLMWarning) as warned:
        found = read_label_map(path)
    assert str(warned[0].message) == (
        f"{path}: 255 is declared for no data, so 0 is taken for a class like any other, of 1 "
        "pixels. If 0 means no label, declare it as the value for no data."
    )
    assert found.labels.tolist() == LABELS.tolist()
    assert found.unlabeled == 255
    assert found.labels.dtype == np.uint8
    assert found.class_names == {}
    colors = {0: "#000000", 1: "#FF0000", 2: "#008001", 3: "#0A0B0C"}
    assert found.class_colors == colors
    assert rasterio.crs.CRS.from_wkt(found.crs).to_epsg() == 32616
    assert found.transform == PLACE


@pytest.mark.parametrize(
    ("dtype", "nodata", "labels", "unlabeled"),
    [
        ("u1", 255, [[0, 1], [2, 255]], 255),
        ("i2", -1, [[0, 1], [2, -1]], -1),
        ("f4", -9999, [[0, 1], [2, -9999]], -9999),
        ("f4", -3.4028234663852886e38, [[0, 1], [2, -1]], -1),
        ("f8", -1.7976931348623157e308, [[0, 1], [2, -1]], -1),
        ("f4", -9999.5, [[0, 1], [2, -1]], -1),
        ("f4", 0.5, [[0, 1], [2, -1]], -1),
        ("f4", 1e20, [[0, 1], [2, -1]], -1),
        ("u4", 2**32 - 1, [[0, 1], [2, -1]], -1),
        ("i4", -(2**31), [[0, 1], [2, -(2**31)]], -(2**31)),
        ("u1", 0, [[0, 1], [2, 1]], 0),
        ("f4", np.nan, [[0, 1], [2, 0]], 0),
    ],
)
def test_class_0_beside_a_declared_value_for_no_label(tmp_path, dtype, nodata, labels, unlabeled):
    values = np.array([[0, 1], [2, 1 if nodata == 0 else nodata]], dtype)
    path = raster(tmp_path / "map.tif", values, nodata=nodata)
    cube = np.ones((2, 2, 3))
    np.save(tmp_path / "cube.npy", cube)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if unlabeled else "error")
        found = read_label_map(path)
        scene = read_scene(tmp_path / "cube.npy", labels=path)
    assert found.labels.tolist() == labels
    assert found.labels.dtype.kind in "iu"
    assert (found.unlabeled, scene.unlabeled) == (unlabeled, unlabeled)
    expected = [value for value in np.ravel(labels).tolist() if value != unlabeled]
    assert scene.samples()[1].tolist() == expected
    assert f"no label: {4 - len(expected)}" in scene.summary()["labels"]


def test_the_number_for_no_label_is_free(tmp_path):
    values = np.array([[0, -1], [-2, np.finfo("f4").min]], "f4")
    path = raster(tmp_path / "map.tif", values, nodata=float(values[1, 1]))
    with pytest.warns(HSVLMWarning, match=r"-3.402823466e\+38 is declared for no data, so 0 is"):
        found = read_label_map(path)
    assert found.labels.tolist() == [[0, -1], [-2, -3]]
    assert found.unlabeled == -3


def names_beside(path, names):
    listed = "".join(f"<Category>{name}</Category>" for name in names)
    path.with_name(f"{path.name}.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{listed}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>"
    )
    return path


def table_beside(path, columns, rows, bins=""):
    fields = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>2</Type><Usage>{usage}</Usage>'
        "</FieldDefn>"
        for index, (name, usage) in enumerate(columns)
    )
    lines = "".join(
        f'<Row index="{index}">' + "".join(f"<F>{field}</F>" for field in row) + "</Row>"
        for index, row in enumerate(rows)
    )
    path.with_name(f"{path.name}.aux.xml").write_text(
        f'<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable {bins}>{fields}{lines}'
        "</GDALRasterAttributeTable></PAMRasterBand></PAMDataset>"
    )
    return path


@pytest.mark.parametrize(
    "columns",
    [
        [("Value", 5), ("Class", 2), ("R", 6), ("G", 7), ("B", 8)],
        [("VALUE", 0), ("Class_Name", 0), ("Red", 6), ("Green", 7), ("Blue", 8)],
    ],
)
def test_raster_attribute_tables(tmp_path, columns):
    rows = [(1, "corn", 255, 0, 0), (3, "prés", 10, 11, 12), ("x", "none", 1, 1, 1)]
    path = table_beside(raster(tmp_path / "map.tif", LABELS), columns, rows)
    found = read_label_map(path)
    assert found.class_names == {1: "corn", 3: "prés"}
    assert found.class_colors == {1: "#FF0000", 3: "#0A0B0C"}


ROWS = [("", "none"), ("", "corn"), ("", ""), ("", "soil")]


@pytest.mark.parametrize(
    ("columns", "rows", "bins"),
    [
        ([("Histogram", 1), ("Class_Names", 2)], ROWS, 'Row0Min="0" BinSize="1"'),
        ([("Histogram", 1), ("Class_Names", 0)], ROWS, ""),
        ([("Histogram", 1), ("Class_Names", 2)], ROWS, 'Row0Min="-0.5" BinSize="1"'),
        ([("ID", 0), ("Class", 2)], ROWS[1:], 'Row0Min="1" BinSize="1"'),
        ([("Low", 3), ("High", 4), ("C", 2)], [(3, 3, "soil"), (1, 1, "corn"), (4, 9, "x")], ""),
        ([("Low", 3), ("C", 2)], [(3, "soil"), (1, "corn")], ""),
    ],
)
def test_raster_attribute_tables_without_a_column_of_values(tmp_path, columns, rows, bins):
    path = table_beside(raster(tmp_path / "map.tif", LABELS), columns, rows, bins)
    assert read_label_map(path).class_names == {1: "corn", 3: "soil"}


@pytest.mark.parametrize("size", ["10", "nan", "inf", "0", "-1"])
def test_bins_of_several_values_are_no_classes(tmp_path, size):
    path = raster(tmp_path / "map.tif", LABELS)
    table_beside(path, [("Class", 2)], [("a",), ("b",)], f'Row0Min="1" BinSize="{size}"')
    assert read_label_map(path).class_names == {}


def test_names_in_erdas_imagine_as_gdal_writes_them(tmp_path):
    columns = [("Histogram", 1), ("Class_Names", 2)]
    table_beside(raster(tmp_path / "map.tif", LABELS), columns, ROWS)
    rasterio.shutil.copy(tmp_path / "map.tif", tmp_path / "map.img", driver="HFA")
    assert read_label_map(tmp_path / "map.img").class_names == {1: "corn", 3: "soil"}


def test_raster_attribute_tables_that_tell_nothing(tmp_path):
    path = raster(tmp_path / "map.tif", LABELS)
    for columns, rows in (
        ([("Value", 5), ("Count", 1)], [(1, 99)]),
        ([("ID", 0), ("Class", 2)], [(7, "corn"), (8, "soil")]),
        ([("Low", 3), ("High", 4), ("Class", 2)], [(1, 2, "a"), ("", "", "b"), (1.5, 1.5, "c")]),
        ([("Value", 5), ("Class", 2)], [("nan", "a"), ("1e400", "b"), ("", "c"), (1.5, "d")]),
        ([("Value", 5), ("Class", 2)], []),
    ):
        assert read_label_map(table_beside(path, columns, rows)).class_names == {}


def test_category_names(tmp_path):
    path = names_beside(raster(tmp_path / "map.tif", LABELS), ["", "corn", "", "prés &amp; bois"])
    found = read_label_map(path)
    assert found.class_names == {1: "corn", 3: "prés & bois"}
    assert found.class_colors == {}


def test_names_within_the_file_count_more_than_those_beside_it(tmp_path):
    def describe(dataset):
        dataset.update_tags(CLASS_NAMES='{"1": "maize"}', CLASS_COLORS='{"2": "#ABCDEF"}')

    path = names_beside(raster(tmp_path / "map.tif", LABELS, describe), ["", "corn"])
    found = read_label_map(path)
    assert found.class_names == {1: "maize"}
    assert found.class_colors == {2: "#ABCDEF"}


@pytest.mark.parametrize("text", ["{", "[1]", '{"a": "b"}', "[" * 100_000, "null", "1"])
def test_tags_of_the_same_name_by_others_are_left_alone(tmp_path, text):
    path = raster(tmp_path / "map.tif", LABELS, lambda one: one.update_tags(CLASS_NAMES=text))
    assert read_label_map(names_beside(path, ["", "corn"])).class_names == {1: "corn"}


@pytest.mark.parametrize(
    ("old", "new"), [(b"gr\xc3\xbcn", b"gr\xfcn "), (b"gr\xc3\xbcn", b"gr\x01n ")]
)
def test_text_in_other_encodings_does_not_spoil_the_file(tmp_path, old, new):
    def describe(dataset):
        dataset.descriptions = ("grün",)
        dataset.update_tags(NOTE="grün")
        dataset.update_tags(1, NOTE="grün")

    path = raster(tmp_path / "map.tif", LABELS, describe)
    data = path.read_bytes()
    assert data.count(old) == 3
    path.write_bytes(data.replace(old, new))
    assert read_cube(path).scene.shape == (2, 3)
    np.testing.assert_array_equal(read_label_map(path).labels, LABELS)


def test_a_class_of_number_0_is_not_dropped_in_silence(tmp_path):
    path = names_beside(raster(tmp_path / "map.tif", LABELS), ["water", "corn"])
    with pytest.warns(HSVLMWarning, match="0 is the class 'water' there"):
        read_label_map(path)


@pytest.mark.parametrize("name", ["Unclassified", "unlabelled", " background ", "NoData", "none"])
def test_names_for_no_class_are_none(tmp_path, name):
    path = names_beside(raster(tmp_path / "map.tif", LABELS), [name, "corn"])
    assert read_label_map(path).class_names == {1: "corn"}


def test_label_maps_have_one_band(tmp_path):
    path = raster(tmp_path / "field.tif")
    with pytest.raises(FileError) as error:
        read_label_map(path)
    assert str(error.value) == (
        f"{path}: it has 4 bands, but a label map has one. Give the file of the label map."
    )


def test_windows_of_rows_are_all_that_is_read(tmp_path, monkeypatch):
    cube = read_cube(raster(tmp_path / "field.tif")).scene.cube
    cube[0:1]
    asked = []

    class Spy:
        def read(self, window):
            asked.append(window)
            return np.zeros((4, window.height, 30), dtype=np.int16)

    monkeypatch.setattr(cube, "_dataset", Spy())
    assert isinstance(cube, LazyCube)
    assert cube[5:8].shape == (3, 30, 4)
    assert asked == [Window(0, 5, 30, 3)]
