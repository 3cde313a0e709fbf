import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from hsvlm import Scene
from hsvlm._data import lazy
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.plotting import SceneDisplay
from hsvlm.plotting import _raster as raster

WAVELENGTHS = np.array([470.0, 550.0, 640.0, 700.0, 870.0])


class OnDisk(LazyCube):
    """A cube that remembers which rows were read."""

    def __init__(self, values):
        super().__init__(values.shape, values.dtype)
        self.values = values
        self.reads = []

    def read_rows(self, start, stop):
        self.reads.append((start, stop))
        return self.values[start:stop]


@pytest.fixture
def scene():
    cube = np.random.default_rng(0).normal(size=(10, 12, 5)).astype(np.float32)
    return Scene(cube, wavelengths_nm=WAVELENGTHS, name="field")


def stretched(band):
    low, high = np.percentile(band, [2, 98])
    return np.clip((band - low) / (high - low), 0, 1)


@pytest.mark.parametrize(
    ("options", "bands"),
    [
        ({}, (4, 2, 1)),
        ({"kind": "true-color"}, (2, 1, 0)),
        ({"wavelengths_nm": (700, 700, 470)}, (3, 3, 0)),
        ({"bands": (0, 4, 2)}, (0, 4, 2)),
    ],
)
def test_three_bands_are_found_and_stretched(scene, options, bands):
    display = SceneDisplay.from_scene(scene, **options)
    for channel, band in enumerate(bands):
        expected = stretched(scene.cube[..., band])
        np.testing.assert_allclose(display.image[..., channel], expected, atol=1e-6)
    assert display.ax_.get_title() == "field"
    assert display.ax_.get_xlabel() == "column (px)"
    assert display.scale_bar_ is None
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), display.image)


def test_a_title_of_its_own(scene):
    assert SceneDisplay.from_scene(scene, title="").ax_.get_title() == ""


def test_pixels_without_data_are_white_and_do_not_count(scene):
    cube, valid = scene.cube.copy(), np.ones((10, 12), dtype=bool)
    valid[0], cube[0] = False, 1e6
    cube[1, 0, 1], cube[1, 1, 2], cube[1, 2, 0] = np.nan, -np.inf, np.nan
    display = SceneDisplay.from_scene(Scene(cube, wavelengths_nm=WAVELENGTHS, valid=valid))
    shown = valid.copy()
    shown[1, :2] = False
    assert (display.image[~shown] == 1).all()
    expected = stretched(cube[..., 4][shown])
    np.testing.assert_allclose(display.image[shown][:, 0], expected, atol=1e-6)


def test_bands_marked_as_bad_are_passed_over(scene):
    bad = np.array([False, False, True, False, False])
    display = SceneDisplay.from_scene(Scene(scene.cube, wavelengths_nm=WAVELENGTHS, bad_bands=bad))
    expected = stretched(scene.cube[..., 3])
    np.testing.assert_allclose(display.image[..., 1], expected, atol=1e-6)


def test_a_band_of_one_value_is_drawn(scene):
    scene.cube[..., 4] = 7
    assert not SceneDisplay.from_scene(scene).image[..., 0].any()


def test_values_beyond_single_precision_are_no_data(scene):
    cube = scene.cube.astype(np.float64)
    cube[2, 3] = -1.7e308
    display = SceneDisplay.from_scene(Scene(cube, wavelengths_nm=WAVELENGTHS))
    assert (display.image == 1).all(axis=-1)[2, 3]


@pytest.fixture(scope="module")
def axes():
    """Axes for many images, each of which is taken off again."""
    return Figure().subplots()


@pytest.mark.slow
@given(
    height=st.integers(1, 25),
    width=st.integers(1, 25),
    most=st.integers(1, 30),
    rows=st.integers(1, 25),
)
def test_large_scenes_are_thinned_and_read_by_blocks(axes, height, width, most, rows):
    values = np.arange(height * width * 3, dtype=np.float32).reshape(height, width, 3)
    cube = OnDisk(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raster, "_MAX_SIDE_PX", most)
        patch.setattr(lazy, "_BLOCK_VALUES", rows * width * 3)
        display = SceneDisplay.from_scene(Scene(cube), bands=(0, 1, 2), ax=axes)
    left, right, bottom, top = axes.images[0].get_extent()
    step = display.step
    assert max(display.image.shape) <= max(most, 3)
    expected = SceneDisplay.from_scene(Scene(values[::step, ::step]), bands=(0, 1, 2), ax=axes)
    axes.clear()
    np.testing.assert_array_equal(display.image, expected.image)
    assert max(stop - start for start, stop in cube.reads) <= rows
    assert sum(stop - start for start, stop in cube.reads) == height
    assert (left, top) == (-0.5, -0.5)
    assert right == display.image.shape[1] * step - 0.5
    assert bottom == display.image.shape[0] * step - 0.5


def test_scenes_without_wavelengths_need_bands(cube):
    with pytest.raises(DataError) as error:
        SceneDisplay.from_scene(Scene(cube))
    assert str(error.value) == (
        "The scene has no wavelengths, so bands cannot be found by wavelength. Pass bands=(red, "
        "green, blue)."
    )


def test_bands_are_near_what_they_stand_for(scene):
    with pytest.raises(DataError) as error:
        SceneDisplay.from_scene(scene, wavelengths_nm=(1600, 870, 640))
    assert str(error.value) == (
        "The scene has no usable band within 100 nm of 1600 nm. Pass other wavelengths_nm, or "
        "bands=(red, green, blue)."
    )


@pytest.mark.parametrize("bands", [(0, 12, 3), (-1, 0, 1), (0, 1)])
def test_bands_that_are_not_there(cube, bands):
    with pytest.raises(ParameterError) as error:
        SceneDisplay.from_scene(Scene(cube), bands=bands)
    assert str(error.value) == (
        f"Three bands from 0 to 11 are needed for red, green and blue, got {list(bands)}."
    )


def test_two_wavelengths_make_no_image(scene):
    with pytest.raises(ParameterError) as error:
        SceneDisplay.from_scene(scene, wavelengths_nm=(640, 550))
    assert str(error.value) == (
        "Three wavelengths in nanometers are needed for red, green and blue, got (640, 550)."
    )


def test_kinds_are_known(scene):
    with pytest.raises(UnknownNameError) as error:
        SceneDisplay.from_scene(scene, kind="infrared")
    assert str(error.value) == (
        "Unknown kind of image 'infrared'. Known: 'false-color', 'true-color'. Or pass "
        "wavelengths_nm or bands."
    )


def test_a_scene_without_data(scene):
    empty = Scene(np.full_like(scene.cube, np.nan), wavelengths_nm=WAVELENGTHS)
    with pytest.raises(DataError) as error:
        SceneDisplay.from_scene(empty)
    assert str(error.value) == (
        "No pixel of the scene has data in bands [4, 2, 1]. Pass other bands."
    )


@pytest.mark.parametrize("shape", [(145, 145), (20, 300), (300, 20), (1, 400)])
def test_nothing_of_a_scene_is_cut_off(shape, is_cut_off):
    display = SceneDisplay(np.zeros((*shape, 3)), "scene", pixel_size_m=20.0).plot()
    assert not is_cut_off(display.figure_)
    assert max(display.figure_.get_size_inches()) < 6


def test_displays_draw_into_given_axes(scene):
    axes = Figure().subplots()
    display = SceneDisplay.from_scene(scene, ax=axes)
    assert display.ax_ is axes
    assert display.figure_ is axes.figure
