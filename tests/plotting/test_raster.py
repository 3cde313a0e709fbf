import dataclasses
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from hsvlm import Scene
from hsvlm.plotting import ClassificationMapDisplay, SceneDisplay
from hsvlm.plotting._raster import meters_per_pixel, show_raster

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


def test_georeferenced_scenes_have_a_scale_bar(scene):
    pytest.importorskip("rasterio")
    display = SceneDisplay.from_scene(scene)
    assert text_of(display.scale_bar_) == "500 m"
    assert length_of(display.scale_bar_) == 25
    assert display.scale_bar_ in display.ax_.get_children()
    on_map = ClassificationMapDisplay.from_labels(np.ones((100, 100), int), scene=scene)
    assert text_of(on_map.scale_bar_) == "500 m"


@pytest.mark.parametrize(
    ("crs", "transform", "meters"),
    [
        (UTM, (20, 0, 0, 0, -20, 0), 20.0),
        (UTM, (3, -4, 0, 4, 3, 0), 5.0),
        ("EPSG:2263", (10, 0, 0, 0, -10, 0), 3.048006096),
        (UTM, None, None),
        (None, (20, 0, 0, 0, -20, 0), None),
        ("EPSG:4326", (1e-4, 0, 0, 0, -1e-4, 0), None),
        ("EPSG:3857", (20, 0, 0, 0, -20, 0), None),
        ("no system", (20, 0, 0, 0, -20, 0), None),
    ],
    ids=["utm", "turned", "feet", "no-transform", "no-crs", "degrees", "mercator", "nonsense"],
)
def test_size_of_a_pixel_on_the_ground(scene, crs, transform, meters):
    pytest.importorskip("rasterio")
    found = meters_per_pixel(dataclasses.replace(scene, crs=crs, transform=transform))
    assert found == (None if meters is None else pytest.approx(meters))


def test_without_rasterio_there_is_no_scale_bar(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert SceneDisplay.from_scene(scene).scale_bar_ is None


@settings(max_examples=30)
@example(width=1, height=1, meters=1 / 3)
@given(width=st.integers(1, 3000), height=st.integers(1, 3000), meters=st.floats(1e-3, 1e4))
def test_scale_bars_have_round_lengths_that_fit(width, height, meters):
    image = np.zeros((height, width), dtype=np.uint8)
    ax = Figure().subplots()
    bar = show_raster(ax, image, step=1, title="", pixel_size_m=meters)[1]
    number, unit = text_of(bar).split()
    length = float(number) * {"m": 1, "km": 1000}[unit]
    assert f"{length:.0e}"[0] in "125"
    assert length_of(bar) == pytest.approx(length / meters, rel=1e-4)
    assert 0.1 * width <= length_of(bar) <= 0.3 * width * (1 + 1e-9)
