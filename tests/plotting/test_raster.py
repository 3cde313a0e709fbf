import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.backend_bases import MouseEvent
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from hsvlm import Scene
from hsvlm.plotting import ClassificationMapDisplay, SceneDisplay
from hsvlm.plotting._raster import Placement, show_raster

UTM = "EPSG:32616"


@pytest.fixture
def scene():
    cube = np.random.default_rng(0).normal(size=(100, 100, 3))
    transform = (20.0, 0.0, 500_000.0, 0.0, -20.0, 4_480_000.0)
    return Scene(cube, wavelengths_nm=[550, 650, 860], crs=UTM, transform=transform)


def text_of(bar):
    return bar.txt_label.get_text()


def length_of(bar):
    return bar.size_bar.get_children()[0].get_width()


def placed(scene):
    return Placement.of(scene.shape, scene.crs, scene.transform, None)


@pytest.mark.slow
def test_georeferenced_scenes_have_coordinates_and_a_scale_bar(scene):
    pytest.importorskip("pyproj")
    display = SceneDisplay.from_scene(scene)
    assert text_of(display.scale_bar_) == "500 m"
    assert length_of(display.scale_bar_) == pytest.approx(500, rel=1e-3)
    assert display.scale_bar_ in display.ax_.get_children()
    assert display.ax_.images[0].get_extent() == [500_000, 502_000, 4_478_000, 4_480_000]
    assert display.ax_.get_xlabel() == "easting (m)\nWGS 84 / UTM zone 16N"
    assert display.ax_.get_ylabel() == "northing (m)"
    on_map = ClassificationMapDisplay.from_labels(np.ones((100, 100), int), scene=scene)
    assert text_of(on_map.scale_bar_) == "500 m"
    on_map.figure_.draw_without_rendering()
    ticks = [text.get_text() for text in on_map.ax_.get_yticklabels()]
    assert ticks == ["4,478,500", "4,479,000", "4,479,500"]


@pytest.mark.parametrize(("a", "e"), [(20, -20), (20, 20), (-20, -20)])
def test_north_is_up_and_east_is_right_however_rows_are_stored(a, e):
    pytest.importorskip("pyproj")
    scene = Scene(np.zeros((2, 3, 3)), crs=UTM, transform=(a, 0, 500_000, 0, e, 4_480_000))
    image = np.arange(6).reshape(2, 3)
    ax = Figure().subplots()
    drawn, _ = show_raster(ax, image, placement=placed(scene))
    assert ax.get_xlim()[0] < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < ax.get_ylim()[1]
    for (row, col), value in np.ndenumerate(image):
        point = ax.transData.transform((500_000 + a * (col + 0.5), 4_480_000 + e * (row + 0.5)))
        event = MouseEvent("motion_notify_event", ax.figure.canvas, *point)
        assert drawn.get_cursor_data(event) == value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("crs", "transform", "meters"),
    [
        (UTM, (20, 0, 500_000, 0, -20, 4_480_000), 20 / 0.9996),
        (UTM, (3, -4, 500_000, 4, 3, 4_480_000), 5 / 0.9996),
        ("EPSG:2263", (10, 0, 984_250, 0, -10, 200_000), 3.048006096),
        (UTM, None, None),
        (None, (20, 0, 0, 0, -20, 0), None),
        ("EPSG:4326", (1e-4, 0, 10, 0, -1e-4, 0.005), 11.1319),
        ("EPSG:4326", (1e-4, 0, 10, 0, -1e-4, 60.005), 5.5800),
        ("EPSG:4326", (1, 0, 10, 0, -1, 80), None),
        ("EPSG:3857", (20, 0, 0, 0, -20, 8_400_000), 20 * 1.00252 / 1.9998),
        ("EPSG:3857", (100_000, 0, 0, 0, -100_000, 8_000_000), None),
        ("no system", (20, 0, 0, 0, -20, 0), None),
    ],
)
def test_width_of_a_pixel_on_the_ground(scene, crs, transform, meters):
    pytest.importorskip("pyproj")
    width = placed(dataclasses.replace(scene, crs=crs, transform=transform)).meters
    assert width == (None if meters is None else pytest.approx(meters, rel=1e-3))


def test_degrees_are_drawn_in_their_proportions(scene):
    pytest.importorskip("pyproj")
    transform = (1e-4, 0, 10.0, 0, -1e-4, 60.005)
    display = SceneDisplay.from_scene(
        dataclasses.replace(scene, crs="EPSG:4326", transform=transform)
    )
    assert display.ax_.get_aspect() == pytest.approx(2.0, rel=1e-3)
    assert display.ax_.get_xlabel() == "longitude (°)\nWGS 84"
    # 200 m are 35.84 pixels of 1e-4 degrees at this latitude; 30 % of the width are 167 m.
    assert text_of(display.scale_bar_) == "100 m"
    assert length_of(display.scale_bar_) == pytest.approx(17.92e-4, rel=1e-3)


@pytest.mark.parametrize(
    ("transform", "right", "down"),
    [
        ((0, 20, 500_000, 20, 0, 4_480_000), 1.0, 0.0),
        ((14, 14, 500_000, 14, -14, 4_480_000), 0.5**0.5, -(0.5**0.5)),
        ((20, 1e-3, 500_000, 1e-3, -20, 4_480_000), 0.0, -1.0),
    ],
)
def test_an_arrow_points_to_north_on_rotated_grids(scene, transform, right, down):
    pytest.importorskip("pyproj")
    rotated = dataclasses.replace(scene, crs=UTM, transform=transform)
    place = placed(rotated)
    assert place.coordinates is None
    assert place.ground.north() == pytest.approx((right, down), abs=1e-3)
    display = SceneDisplay.from_scene(rotated)
    assert display.ax_.get_xlabel() == "column (px)"
    [arrow] = display.figure_.findobj(FancyArrowPatch)
    start, *_, end = arrow._posA_posB  # where it was put: the path is in pixels of the figure
    assert np.subtract(end, start) / np.hypot(*np.subtract(end, start)) == pytest.approx(
        (right, -down), abs=1e-3
    )


def test_true_north_is_not_that_of_the_grid(scene):
    pytest.importorskip("pyproj")
    # Three degrees east of the central meridian at 40 degrees north, the grid turns by 1.93.
    shift = (20, 0, 756_000, 0, -20, 4_432_000)
    right, down = placed(dataclasses.replace(scene, crs=UTM, transform=shift)).ground.north()
    assert np.degrees(np.arctan2(right, -down)) == pytest.approx(-1.93, abs=0.02)


def test_small_scenes_have_ticks_that_differ(scene):
    pytest.importorskip("pyproj")
    tiny = Scene(
        scene.cube[:1, :2],
        wavelengths_nm=[550, 650, 860],
        crs=UTM,
        transform=(0.25, 0, 500_000.5, 0, -0.25, 4_480_000),
    )
    ax = SceneDisplay.from_scene(tiny).ax_
    ax.figure.draw_without_rendering()
    texts = [text.get_text() for text in ax.get_xticklabels() if text.get_text()]
    assert len(texts) > 1
    assert len(set(texts)) == len(texts)


def test_without_pyproj_axes_count_pixels(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyproj", None)
    display = SceneDisplay.from_scene(scene)
    assert display.scale_bar_ is None
    assert display.ax_.get_ylabel() == "row (px)"


@pytest.mark.slow
@settings(max_examples=30)
@example(width=1, height=1, meters=1 / 3)
@given(width=st.integers(1, 3000), height=st.integers(1, 3000), meters=st.floats(1e-3, 1e4))
def test_scale_bars_have_round_lengths_that_fit(width, height, meters):
    image = np.zeros((height, width), dtype=np.uint8)
    ax = Figure().subplots()
    bar = show_raster(ax, image, placement=Placement((height, width), None, meters))[1]
    number, unit = text_of(bar).split()
    length = float(number) * {"m": 1, "km": 1000}[unit]
    assert f"{length:.0e}"[0] in "125"
    assert length_of(bar) == pytest.approx(length / meters, rel=1e-4)
    assert 0.1 * width <= length_of(bar) <= 0.3 * width * (1 + 1e-9)
