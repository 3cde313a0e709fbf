"""Rasters on other grids are brought onto that of a scene."""

import warnings
from dataclasses import replace

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio import Affine
from scipy import ndimage

from hsvlm import Raster, Scene
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import (
    AlignmentWarning,
    DataError,
    MissingFileError,
    ParameterError,
    UnknownNameError,
)
from hsvlm.io import _warp, align, read_scene, write_scene

UTM = "EPSG:32631"
CORNER = (500_000.0, 4_983_000.0)


def height_at(x, y):
    """A smooth surface, in [0, 200], of coordinates of UTM zone 31."""
    return 100 + 50 * np.sin((x - CORNER[0]) / 150) + 50 * np.cos((y - CORNER[1]) / 130)


def grid(size, *, angle=0.0, corner=CORNER):
    cos, sin = size * np.cos(np.radians(angle)), size * np.sin(np.radians(angle))
    return (cos, sin, corner[0], sin, -cos, corner[1])


def centers(transform, shape):
    rows, cols = np.indices(shape) + 0.5
    a, b, c, d, e, f = transform
    return a * cols + b * rows + c, d * cols + e * rows + f


def surface(transform, shape, crs=UTM):
    return Raster(height_at(*centers(transform, shape)), transform=transform, crs=crs)


def scene_on(transform, shape=(40, 50), crs=UTM, **attributes):
    return Scene(np.zeros((*shape, 2), np.float32), transform=transform, crs=crs, **attributes)


def error_inside(result, scene, margin=2):
    """Largest error as a share of the range, less the border where values are extrapolated."""
    expected = height_at(*centers(scene.transform, scene.shape))
    inside = (slice(margin, -margin),) * 2
    return np.abs(result.values[..., 0] - expected)[inside].max() / 200


SCENE = scene_on(grid(5))


@pytest.mark.parametrize(
    "transform",
    [
        grid(10, corner=(CORNER[0] - 33, CORNER[1] + 27)),
        grid(5, corner=(CORNER[0] - 2.5, CORNER[1] + 1.1)),
        grid(8, angle=25, corner=(CORNER[0] - 150, CORNER[1] + 80)),
        # From south to north, and from east to west.
        (10, 0, CORNER[0] - 33, 0, 10, CORNER[1] - 250),
        (-10, 0, CORNER[0] + 300, 0, -10, CORNER[1] + 27),
        # Rows run along x, as in a transposed image.
        (0, 10, CORNER[0] - 33, -10, 0, CORNER[1] + 27),
    ],
)
def test_coarser_pixels_are_interpolated(transform):
    result = align(surface(transform, (60, 60)), SCENE)
    assert result.values.shape == (40, 50, 1)
    assert result.valid is None
    assert (result.transform, result.crs) == (SCENE.transform, SCENE.crs)
    assert error_inside(result, SCENE) < 0.01


def test_a_rotated_scene():
    scene = scene_on(grid(5, angle=30))
    raster = surface(grid(8, corner=(CORNER[0] - 20, CORNER[1] + 150)), (60, 60))
    assert error_inside(align(raster, scene), scene) < 0.01


@pytest.mark.parametrize(("size", "n"), [(1, 300), (9, 60)])
def test_another_crs(size, n):
    """Values of a raster in degrees; its coordinates are transformed by rasterio here."""
    step = size / 111_000
    (west,), (north,) = rasterio.warp.transform(
        UTM, "EPSG:4326", [CORNER[0] - 20], [CORNER[1] + 20]
    )
    transform = (step, 0, west, 0, -step, north)
    lon, lat = centers(transform, (n, n))
    x, y = rasterio.warp.transform("EPSG:4326", UTM, lon.ravel().tolist(), lat.ravel().tolist())
    values = height_at(np.reshape(x, (n, n)), np.reshape(y, (n, n)))
    scene = scene_on(grid(5), (30, 20))
    result = align(Raster(values, transform=transform, crs="EPSG:4326"), scene)
    assert result.valid is None
    assert error_inside(result, scene) < 0.01


def test_finer_pixels_are_averaged():
    values = np.random.default_rng(0).random((200, 250, 3))
    scene = scene_on(grid(5))
    result = align(Raster(values, transform=grid(1), crs=UTM), scene)
    expected = values.reshape(40, 5, 50, 5, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(result.values, expected, rtol=1e-6)
    np.testing.assert_allclose(result.values.mean(), values.mean())
    assert result.values.dtype == np.float64
    assert result.reach == 0


def test_an_average_over_cut_pixels_weighs_them_by_area():
    values = np.arange(16.0).reshape(4, 4)
    scene = scene_on((1.5, 0, CORNER[0], 0, -1.5, CORNER[1]), (2, 2))
    result = align(Raster(values, transform=grid(1), crs=UTM), scene)
    weights = np.array([[2 / 3, 0], [1 / 3, 1 / 3], [0, 2 / 3]])
    np.testing.assert_allclose(result.values[..., 0], weights.T @ values[:3, :3] @ weights)


@pytest.mark.parametrize("placed", [True, False])
def test_pixels_without_data(placed):
    values = np.random.default_rng(0).random((80, 100))
    values[:8, :8] = np.nan
    values[20, 20] = np.inf
    values[30, 30] = 1e6
    masked = np.ma.MaskedArray(values, values == 1e6)
    place = {"transform": grid(2.5), "crs": UTM} if placed else {}
    scene = SCENE if placed else Scene(SCENE.cube)
    result = align(Raster(masked, **place), scene)
    expected = np.ones((40, 50), bool)
    expected[:4, :4] = False
    np.testing.assert_array_equal(result.valid, expected)
    np.testing.assert_array_equal(np.isfinite(result.values[..., 0]), expected)
    assert result.values[expected].max() < 1
    block = values[20:22, 20:22]
    np.testing.assert_allclose(result.values[10, 10, 0], block[np.isfinite(block)].mean())


def test_the_result_becomes_a_source():
    labels = np.ones(SCENE.shape, int)
    raster = surface(grid(10, corner=(CORNER[0] + 100, CORNER[1] + 20)), (60, 60))
    heights = align(raster, SCENE)
    stacked = replace(SCENE, labels=labels, auxiliary={"lidar": heights})
    X, _ = stacked.samples()
    assert len(X) == heights.valid.sum() == 40 * 30
    assert X.reach == 2
    assert np.isfinite(np.asarray(X)).all()


def test_numbers_of_classes_are_not_mixed():
    classes = np.random.default_rng(0).integers(1, 4, (40, 50)).astype(np.uint8)
    fine = classes.repeat(4, axis=0).repeat(4, axis=1)
    fine[::4, ::4] = 9
    valid = np.ones(fine.shape, bool)
    valid[:4, :4] = False
    raster = Raster(fine, transform=grid(1.25), crs=UTM, valid=valid, names=["class"])
    for resampling in ("mode", "nearest"):
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            result = align(raster, SCENE, resampling=resampling)
        assert result.values.dtype == np.uint8
        assert result.names == ("class",)
        assert np.argwhere(~result.valid).tolist() == [[0, 0]]
        expected = np.where(result.valid, classes, 0)
        np.testing.assert_array_equal(result.values[..., 0], expected)
    assert align(raster, SCENE).values.dtype == np.float32


@pytest.mark.parametrize("resampling", ["mode", "nearest"])
@pytest.mark.parametrize(
    ("dtype", "number", "is_exact"),
    [
        ("i8", 2**53 - 1, True), ("i8", 1 - 2**53, True), ("u8", 2**53 - 1, True),
        ("u4", 2**32 - 1, True), ("i4", 2**24 + 1, True), ("i4", -(2**31), True),
        ("f8", 2.0**60, True), ("f8", 0.1, True), ("f4", 0.1, True), ("i8", 2**53 + 1, False),
        ("i8", -(2**53) - 1, False), ("i8", -(2**63), False), ("u8", 2**64 - 1, False),
    ],
)  # fmt: skip
def test_whole_numbers_are_kept_or_refused(resampling, dtype, number, is_exact):
    raster = Raster(np.full((80, 100), number, dtype), transform=grid(2.5), crs=UTM)
    if is_exact:
        result = align(raster, SCENE, resampling=resampling)
        assert result.values.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(result.values, np.array(number, dtype))
        return
    shown = f"{float(number):.0f}"
    assert message(DataError, raster, SCENE, resampling=resampling) == (
        f"The raster holds numbers such as {shown}, and {resampling!r} keeps whole numbers only "
        "below 2**53 (9,007,199,254,740,992). Number its values anew, so that they fit a smaller "
        "type, or convert them to float64."
    )
    # Pixels without data may hold any number.
    valid = np.zeros((80, 100), bool)
    valid[:20] = True
    values = np.where(valid, np.array(7, dtype), np.array(number, dtype))
    masked = Raster(values, transform=grid(2.5), crs=UTM, valid=valid)
    with pytest.warns(AlignmentWarning, match="has data for"):
        result = align(masked, SCENE, resampling=resampling)
    assert np.unique(result.values).tolist() == [0, 7]


@pytest.mark.parametrize("dtype", ["u1", "i4", "i8", "f8"])
def test_the_most_frequent_numbers(dtype):
    numbers = np.array([3, 120, 7] if dtype == "u1" else [3, 10**9 + 1, 10**9 + 2], dtype)
    coarse = np.random.default_rng(0).choice(numbers, (40, 50, 2))
    fine = coarse.repeat(4, axis=0).repeat(4, axis=1)
    fine[::4, ::2] = numbers[0]
    valid = np.ones(fine.shape[:2], bool)
    valid[:8, :8] = False
    result = align(Raster(fine, grid(1.25), UTM, valid=valid), SCENE, resampling="mode")
    assert np.argwhere(~result.valid).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    np.testing.assert_array_equal(result.values[result.valid], coarse[result.valid])


@pytest.mark.parametrize("shape", [(160, 200), (10, 10)])
def test_arrays_without_a_place(shape):
    values = np.random.default_rng(0).random(shape)
    scene = Scene(np.zeros((40, 40 if shape[0] == 10 else 50, 2)))
    result = align(values, scene)
    assert result.values.shape == (*scene.shape, 1)
    if shape[0] == 160:
        np.testing.assert_allclose(
            result.values[..., 0], values.reshape(40, 4, 50, 4).mean(axis=(1, 3))
        )
    else:
        # The center of this pixel lies 1/8 pixels of the raster beside those of row and column 1.
        weights = [0.125, 0.875]
        np.testing.assert_allclose(result.values[9, 5, 0], weights @ values[1:3, :2] @ weights)
        assert result.reach == 4


def test_finer_pixels_become_channels():
    values = np.random.default_rng(0).integers(0, 255, (160, 200, 3)).astype(np.uint8)
    valid = np.ones((160, 200), bool)
    valid[7, 9] = False
    expected = values.reshape(40, 4, 50, 4, 3).transpose(0, 2, 1, 3, 4).reshape(40, 50, 48)
    for place in ({}, {"transform": grid(1.25), "crs": UTM}):
        scene = SCENE if place else Scene(SCENE.cube)
        raster = Raster(values, valid=valid, names=["red", "green", "blue"], **place)
        result = align(raster, scene, fold=True)
        assert result.values.dtype == np.uint8
        assert result.ratio == 4
        assert result.names[4] == "green (0, 1)"
        assert np.argwhere(~result.valid).tolist() == [[1, 2]]
        np.testing.assert_array_equal(result.values[result.valid], expected[result.valid])


def test_finer_pixels_of_another_grid_become_channels():
    raster = surface(grid(2.4, corner=(CORNER[0] - 6, CORNER[1] + 9)), (110, 130))
    result = align(raster, SCENE, fold=True)
    assert result.ratio == 2
    expected = height_at(*centers(grid(2.5), (80, 100))).reshape(40, 2, 50, 2)
    unfolded = result.values.reshape(40, 50, 2, 2).transpose(0, 2, 1, 3)
    assert np.abs(unfolded - expected).max() < 2


def test_a_raster_on_the_grid_stays_as_it_is(tmp_path):
    values = np.random.default_rng(0).random((40, 50, 2)).astype(np.float32)
    values[3, 4, 1] = np.nan
    path = write_scene(tmp_path / "dsm.tif", replace(SCENE, cube=values))
    result = align(path, SCENE)
    assert isinstance(result.values, LazyCube)
    assert np.argwhere(~result.valid).tolist() == [[3, 4]]
    np.testing.assert_array_equal(np.asarray(result.values), values)
    same = align(Raster(values, SCENE.transform, SCENE.crs), SCENE, resampling="mode")
    assert same.values is values


def test_infinite_values_of_files_are_no_data(tmp_path):
    values = np.ones((40, 50, 1))
    values[20:22, 20:22] = values[30, 30] = -np.inf
    path = write_scene(tmp_path / "dsm.tif", replace(SCENE, cube=values))
    scene = scene_on(grid(10), (20, 25))
    result = align(path, scene)
    assert np.argwhere(~result.valid).tolist() == [[10, 10]]
    np.testing.assert_array_equal(result.values[result.valid], 1)


def test_files_with_values_for_no_data_and_a_scale(tmp_path):
    path = tmp_path / "dsm.tif"
    heights = np.full((20, 25), 1500, np.int16)
    heights[:, :5] = -9999
    with rasterio.open(
        path, "w", "GTiff", 25, 20, 1, UTM, Affine(*grid(10)), "int16", nodata=-9999
    ) as file:
        file.write(heights, 1)
        file.scales = (0.1,)
    result = align(path, SCENE)
    assert (~result.valid).sum() == 40 * 10
    np.testing.assert_allclose(result.values[result.valid], 150)
    assert align(read_scene(path), SCENE).valid.sum() == result.valid.sum()


@pytest.mark.parametrize("kind", ["average", "bilinear"])
def test_blocks_give_the_same_values(tmp_path, monkeypatch, kind):
    values = np.random.default_rng(0).random((300, 280, 2)).astype(np.float32)
    place = {"transform": grid(1, corner=(CORNER[0] - 7.3, CORNER[1] + 5.6)), "crs": UTM}
    path = write_scene(tmp_path / "dsm.tif", Scene(values, **place))
    whole = align(Raster(values, **place), SCENE, resampling=kind)
    assert whole.valid is None
    reads = []
    read_rows = _warp.read_rows

    def counting(cube, start, stop):
        reads.append(stop - start)
        return read_rows(cube, start, stop)

    monkeypatch.setattr(_warp, "read_rows", counting)
    monkeypatch.setattr(_warp, "_MAX_BLOCK_VALUES", 40 * 280 * 2)
    np.testing.assert_allclose(align(path, SCENE, resampling=kind).values, whole.values, rtol=1e-5)
    assert len(reads) > 5
    assert max(reads) <= 40


def noise(transform, shape, crs=UTM):
    values = np.random.default_rng(0).random(shape)
    return Raster(values, transform=transform, crs=crs)


def interpolated(raster, scene_transform, shape, to_raster=None):
    """Interpolate between the centers of pixels, as SciPy does it."""
    x, y = centers(scene_transform, shape)
    if to_raster is not None:
        x, y = to_raster.transform(x, y)
    a, b, c, d, e, f = raster.transform
    cols, rows = np.linalg.solve([[a, b], [d, e]], [(x - c).ravel(), (y - f).ravel()])
    places = [rows.reshape(shape) - 0.5, cols.reshape(shape) - 0.5]
    return ndimage.map_coordinates(raster.values[..., 0], places, order=1, cval=np.nan)


@pytest.mark.parametrize("block", [_warp._MAX_BLOCK_VALUES, 20_000, 3_000])
@pytest.mark.parametrize("size", [10, 6, (10, 4)])
@pytest.mark.parametrize("angle", [0, 5, 20, 45, 90, 170])
def test_pixels_that_are_not_larger_are_interpolated_exactly(angle, size, block, monkeypatch):
    monkeypatch.setattr(_warp, "_MAX_BLOCK_VALUES", block)
    raster = noise(grid(10, corner=(CORNER[0] - 1000, CORNER[1] + 1000)), (200, 200))
    width, height = size if isinstance(size, tuple) else (size, size)
    a, b, c, d, e, f = grid(1, angle=angle)
    scene = scene_on((a * width, b * height, c, d * width, e * height, f), (50, 60))
    result = align(raster, scene, resampling="bilinear")
    expected = interpolated(raster, scene.transform, scene.shape)
    np.testing.assert_allclose(result.values[..., 0], expected, atol=1e-4)


def test_rotated_grids_of_larger_pixels_do_not_depend_on_blocks(monkeypatch):
    raster = noise(grid(10, corner=(CORNER[0] - 1000, CORNER[1] + 1000)), (200, 200))
    scene = scene_on(grid(25, angle=20), (20, 24))
    whole = align(raster, scene, resampling="bilinear").values
    monkeypatch.setattr(_warp, "_MAX_BLOCK_VALUES", 3_000)
    np.testing.assert_allclose(align(raster, scene, resampling="bilinear").values, whole)
    # Interpolation between a few of the pixels would keep about half of the noise.
    plain = interpolated(raster, scene.transform, scene.shape)
    assert whole.std() < 0.5 * plain.std()


@pytest.mark.parametrize("fold", [False, True])
def test_neighboring_zones_are_interpolated_exactly(fold):
    """Their grids are rotated against each other by some degrees."""
    to_raster = pyproj.Transformer.from_crs("EPSG:32632", "EPSG:32633", always_xy=True)
    x, y = to_raster.transform(700_000, 5_300_000)
    raster = noise(grid(10, corner=(x - 1000, y + 1000)), (400, 400), "EPSG:32633")
    scene = scene_on(grid(20 if fold else 10, corner=(700_000, 5_300_000)), (60, 60), "EPSG:32632")
    result = align(raster, scene, fold=fold).values
    k = 2 if fold else 1
    fine = grid(10, corner=(700_000, 5_300_000))
    expected = interpolated(raster, fine, (60 * k, 60 * k), to_raster)
    result = result.reshape(60, 60, k, k).transpose(0, 2, 1, 3).reshape(60 * k, 60 * k)
    np.testing.assert_allclose(result, expected, atol=0.02)  # GDAL approximates places


def test_both_without_a_crs():
    raster = surface(grid(10, corner=(CORNER[0] - 33, CORNER[1] + 27)), (60, 60), crs=None)
    scene = replace(SCENE, crs=None)
    assert error_inside(align(raster, scene), scene) < 0.01


def test_scenes_of_the_same_crs_in_other_words():
    wkt = rasterio.crs.CRS.from_user_input(UTM).to_wkt()
    raster = Raster(np.ones((40, 50)), grid(5), wkt)
    assert align(raster, SCENE).values is raster.values


def message(error, *arguments, **options):
    with pytest.raises(error) as caught:
        align(*arguments, **options)
    text = str(caught.value)
    assert len(text) <= 400
    return text


def test_no_common_area():
    far = grid(5, corner=(CORNER[0] + 10_000, CORNER[1]))
    assert message(DataError, Raster(np.ones((4, 5)), far, UTM), SCENE) == (
        "The raster and the scene have no common area: x 510000 to 510025, y 4982980 to 4983000 "
        "(WGS 84 / UTM zone 31N); x 500000 to 500250, y 4982800 to 4983000 (WGS 84 / UTM zone "
        "31N). Check the CRS and the transform of both."
    )


@pytest.mark.parametrize("step", [(300, 0), (-300, 0), (0, 300), (0, -300)])
def test_rasters_beside_the_scene(step):
    beside = grid(5, corner=(CORNER[0] + step[0], CORNER[1] + step[1]))
    assert "have no common area" in message(DataError, surface(beside, (40, 50)), SCENE)


def test_scenes_beyond_the_horizon_of_a_projection():
    """Its coordinates are infinite there."""
    globe = Raster(
        np.ones((130, 130)), (1e5, 0, -6.5e6, 0, -1e5, 6.5e6), "+proj=ortho +lat_0=0 +lon_0=0"
    )

    def map_of(west):
        return scene_on((2.0, 0.0, west, 0.0, -2.0, 20.0), (20, 20), "EPSG:4326")

    assert "have no common area" in message(DataError, globe, map_of(160.0))
    half = align(globe, map_of(60.0)).valid  # the horizon lies at 90 degrees
    assert half[:, :14].all()
    assert not half[:, 16:].any()


def test_no_data_where_the_scene_lies(tmp_path):
    values = np.full((60, 60), np.nan)
    values[-5:] = 1
    place = {"transform": grid(10), "crs": UTM}
    assert message(DataError, Raster(values, **place), SCENE) == (
        "The raster has no data where the scene lies. Check the CRS and the transform of both."
    )
    path = write_scene(tmp_path / "dsm.tif", Scene(values[..., np.newaxis], **place))
    assert message(DataError, path, SCENE).startswith(f"The raster {path} has no data where")


@pytest.mark.parametrize("labeled", [True, False])
def test_few_pixels_are_covered(labeled):
    labels = np.zeros((40, 50), int)
    labels[:10] = 1
    labels[:10, 45:] = 2
    scene = replace(SCENE, labels=labels) if labeled else SCENE
    raster = Raster(np.ones((40, 20)), grid(5), UTM)
    with pytest.warns(AlignmentWarning) as caught:
        result = align(raster, scene)
    counted = "200 of the 500 labeled pixels" if labeled else "800 of the 2,000 pixels"
    assert str(caught[0].message) == (
        f"The raster has data for {counted} of the scene. Pixels without data in a source are left "
        "out. Check the CRS and the transform of both."
    )
    assert caught[0].filename == __file__
    assert result.valid.sum() == 800
    # Less than half of all pixels are covered, but all that are labeled.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        align(raster, replace(SCENE, labels=np.where(np.arange(50) < 18, labels, 0)))


def test_a_transform_without_an_inverse():
    flat = (5.0, 0.0, 0.0, 5.0, 0.0, 0.0)
    assert message(DataError, Raster(np.ones((4, 5)), flat, UTM), SCENE) == (
        f"The raster has the transform {flat}, which maps different pixels to one place. Give (a, "
        "b, c, d, e, f) with pixel sizes a and e other than 0."
    )
    scene = replace(SCENE, transform=flat)
    assert message(DataError, surface(grid(5), (4, 5)), scene).startswith("The scene has the trans")
    lost = (np.nan, *grid(5)[1:])
    assert "nan" in message(DataError, Raster(np.ones((4, 5)), lost, UTM), SCENE)


def test_a_crs_on_one_side():
    raster = Raster(np.ones((4, 5)), grid(5))
    assert message(DataError, raster, SCENE) == (
        "The raster has a transform but no CRS, and the scene has both: WGS 84 / UTM zone 31N. "
        "Pass Raster(values, transform=..., crs=...)."
    )
    assert message(DataError, replace(raster, crs=UTM), replace(SCENE, crs=None)) == (
        "The scene has a transform but no CRS, and the raster has both: WGS 84 / UTM zone 31N. "
        "Pass dataclasses.replace(scene, crs=...)."
    )


def test_degrees_taken_for_meters():
    degrees = (5 / 111_000, 0, 3.0, 0, -5 / 111_000, 45.0)
    assert message(DataError, Raster(np.ones((4, 5)), degrees, UTM), SCENE) == (
        "The pixels of the scene are 1.11e+05 times larger than those of the raster, above the "
        "limit of 100. Check CRS and units (degrees or meters); resample a raster of other sizes "
        "first."
    )
    scene = replace(SCENE, transform=degrees, crs=UTM)
    text = message(DataError, Raster(np.ones((4, 5)), grid(5), UTM), scene)
    assert "1.11e+05 times smaller" in text


def test_arrays_of_another_size():
    scene = Scene(np.zeros((40, 50, 2)))
    assert message(DataError, np.ones((50, 40)), scene) == (
        "The raster has 50 x 40 pixels (it seems to be transposed), the scene 40 x 50, and "
        "neither has a transform. Crop or resample it to the size of the scene or a whole "
        "multiple, or give both a transform and a CRS."
    )
    assert "and the scene has no transform" in message(
        DataError, Raster(np.ones((41, 50)), grid(5), UTM), scene
    )
    for shape in ((41, 50), (80, 150), (80, 101), (20, 50)):
        assert "the raster has no transform" in message(DataError, np.ones(shape), SCENE)


def test_coordinates_without_a_place_in_the_other_crs():
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    assert message(DataError, Raster(np.ones((4, 5)), grid(5), local), SCENE) == (
        "Coordinates of the scene (WGS 84 / UTM zone 31N) have no place in the CRS of the raster "
        "(site). Correct the CRS of one of them."
    )


def test_unknown_arguments(tmp_path):
    assert message(UnknownNameError, np.ones((4, 5)), SCENE, resampling="cubic") == (
        "Unknown resampling 'cubic'. Known: 'average', 'bilinear', 'mode', 'nearest'."
    )
    assert message(DataError, np.ones((4, 5)), SCENE.cube) == (
        "`like` must be a Scene, got ndarray. Pass Scene(cube)."
    )
    assert message(ParameterError, surface(grid(5), (40, 50)), SCENE, fold=True) == (
        "fold=True needs at least 2 pixels of the raster along a pixel of the scene, got 1. Leave "
        "it out."
    )
    assert "is not a coordinate" in message(
        ParameterError, Raster(np.ones((4, 5)), grid(5), "nothing"), SCENE
    )
    assert message(MissingFileError, tmp_path / "dsm.tif", SCENE)


@pytest.mark.parametrize("resampling", ["average", "bilinear", "nearest"])
@pytest.mark.parametrize("kind", ["raster", "scene"])
@pytest.mark.parametrize("corner", [0.0, 1e-6])
def test_pixels_counted_from_the_corner(resampling, kind, corner):
    """GDAL takes such a grid for one without a place, and mirrors it."""
    values = np.random.default_rng(0).random((12, 12))
    if kind == "raster":
        fine, shape, place = (1, 0, corner, 0, -1, 0), (8, 8), (1, 0, 3, 0, -1, -2)
        expected = values[2:10, 3:11]
    else:
        fine, shape, place = (1, 0, -3, 0, -1, 2), (9, 9), (1, 0, corner, 0, -1, 0)
        expected = values[2:11, 3:12]
    result = align(Raster(values, fine, UTM), scene_on(place, shape), resampling=resampling)
    np.testing.assert_allclose(result.values[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("resampling", ["average", "bilinear", "nearest", "mode"])
@pytest.mark.parametrize("angle", [20, 45])
@pytest.mark.parametrize("size", [1, 4, 12])
def test_values_look_no_farther_than_their_reach(resampling, angle, size):
    side, middle = 40, (CORNER[0] + 80, CORNER[1] - 80)
    a, b, _, d, e, _ = grid(size, angle=angle)
    n_fine = 240 // size
    corner = (middle[0] - (a + b) * n_fine / 2, middle[1] - (d + e) * n_fine / 2)
    transform = grid(size, angle=angle, corner=corner)
    scene = scene_on(grid(4), (side, side))
    xs, ys = centers(transform, (n_fine, n_fine))
    rows, cols = np.floor((CORNER[1] - ys) / 4), np.floor((xs - CORNER[0]) / 4)
    inside = np.argwhere((np.minimum(rows, cols) >= 10) & (np.maximum(rows, cols) < side - 10))
    rng = np.random.default_rng(0)
    before = rng.integers(0, 2, (n_fine, n_fine)).astype(np.float32)
    distances = []
    for changed in rng.permutation(inside)[:8]:
        after = before.copy()
        after[tuple(changed)] = 1 - after[tuple(changed)]
        results = [
            align(Raster(values, transform, UTM), scene, resampling=resampling)
            for values in (before, after)
        ]
        differs = np.argwhere(results[0].values[..., 0] != results[1].values[..., 0])
        own = rows[tuple(changed)], cols[tuple(changed)]
        distances.append(np.abs(differs - own).max(initial=0))
    assert max(distances) <= results[0].reach <= max(distances) + 3
