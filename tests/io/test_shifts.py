"""Shifts between spectra and further sources are measured and said."""

import math
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from scipy.ndimage import gaussian_filter

from hsvlm import Raster, Scene
from hsvlm.exceptions import AlignmentWarning, DataError
from hsvlm.io import AlignmentReport, ChannelShift, align, alignment_report
from hsvlm.io import _shifts as shifts_module

FINE = 8  # cells of the ground along a pixel
HOUSTON = Path(os.environ.get("HSVLM_SCENES", "/nowhere")) / "houston2018_crop.mat"


def ground(height=64, width=72, seed=0):
    """Patches with sharp edges, on a fine grid that closes like a torus."""
    noise = np.random.default_rng(seed).normal(size=(height * FINE, width * FINE))
    smooth = gaussian_filter(noise, 2 * FINE, mode="wrap")
    smooth /= smooth.std()
    return np.sign(smooth) + 0.3 * smooth


def seen(fine, down=0, right=0):
    """Pixels of the ground after its content has moved down and right by some cells."""
    moved = np.roll(fine, (down, right), axis=(0, 1))
    return moved.reshape(len(fine) // FINE, FINE, -1, FINE).mean(axis=(1, 3))


def scene_of(fine, n_bands=5, noise=0.05, **attributes):
    rng = np.random.default_rng(1)
    image = seen(fine)
    cube = image[..., np.newaxis] * rng.random(n_bands) + 3
    return Scene(cube + noise * rng.normal(size=cube.shape), **attributes)


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AlignmentWarning)
        yield


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    ("down", "right"), [(0, 0), (3, -2), (-4, 4), (8, 0), (-13, 21), (60, -77)]
)
def test_known_shifts_are_recovered(down, right):
    fine = ground(seed=abs(down))
    # Another sensor: dark is bright, contrasts differ, and there is other noise.
    heights = 300 - 20 * seen(fine, down, right) ** 3
    heights += np.random.default_rng(2).normal(size=heights.shape)
    report = alignment_report(scene_of(fine), {"lidar": heights})
    (shift,) = report.shifts
    assert shift.rows == pytest.approx(down / FINE, abs=0.2)
    assert shift.columns == pytest.approx(right / FINE, abs=0.2)
    assert shift.orientation == ""
    assert report.largest == shift.distance


def test_small_shifts_are_not_warned_of():
    fine = ground()
    alignment_report(scene_of(fine), {"lidar": seen(fine, 2, 2)})


def test_large_shifts_are_warned_of():
    fine = ground()
    with pytest.warns(AlignmentWarning) as caught:
        report = alignment_report(
            scene_of(fine), {"lidar": Raster(seen(fine, 16, -8)), "sar": seen(fine)}
        )
    first, second = map(str, report.shifts)
    assert str(caught[0].message) == (
        f"Sources do not lie on the spectra: {first}. Correct the transform of the raster, or "
        "register the images first."
    )
    assert caught[0].filename == __file__
    assert first.startswith("lidar, 0: ")
    assert "pixels down" in first
    assert first.endswith("left")
    assert second.startswith("sar, 0: 0.0")
    assert str(report) == f"{first}\n{second}"


def test_a_shift_is_corrected_by_the_transform():
    fine = ground()
    place = {"crs": "EPSG:32631", "transform": (2.0, 0.0, 5e5, 0.0, -2.0, 5e6)}
    scene = scene_of(fine, **place)
    raster = Raster(seen(fine, 10, -22), **place)
    with pytest.warns(AlignmentWarning):
        shift = alignment_report(scene, {"lidar": raster}).shifts[0]
    moved = (2.0, 0.0, 5e5 - 2 * shift.columns, 0.0, -2.0, 5e6 + 2 * shift.rows)
    heights = align(replace(raster, transform=moved), scene)
    assert alignment_report(scene, {"lidar": heights}).largest < 0.2


@pytest.mark.parametrize(
    ("turn", "orientation"),
    [
        (np.fliplr, "mirrored left to right"),
        (np.flipud, "mirrored top to bottom"),
        (np.transpose, "transposed"),
        (lambda image: np.rot90(image, 2), "turned by 180 degrees"),
        (np.rot90, "turned counterclockwise by 90 degrees"),
    ],
)
def test_turned_rasters_are_caught(turn, orientation):
    fine = ground(64, 64)
    with pytest.warns(AlignmentWarning, match=f"lidar, 0: seems to be {orientation}"):
        report = alignment_report(scene_of(fine), {"lidar": turn(seen(fine))})
    assert report.shifts[0].orientation == orientation
    assert math.isnan(report.largest)


@pytest.mark.parametrize("seed", range(10))
def test_independent_images_have_no_shift(seed):
    rng = np.random.default_rng(seed)
    other = gaussian_filter(rng.normal(size=(64, 72)), rng.uniform(0, 3))
    valid = gaussian_filter(rng.normal(size=(64, 72)), 4) > -0.05
    scene = scene_of(ground(), valid=valid)
    report = alignment_report(scene, {"lidar": np.where(valid, other, np.nan)})
    assert math.isnan(report.shifts[0].rows)
    assert str(report).startswith("lidar, 0: not measurable (strength ")


def test_pixels_without_data_leave_the_shift():
    fine = ground()
    heights = seen(fine, 3, -2)
    heights[:9, :30] = np.nan
    heights[40:44, 50:60] = 1e30
    valid = np.ones(heights.shape, bool)
    valid[40:44, 50:60] = False
    scene = scene_of(fine)
    shift = alignment_report(scene, {"lidar": Raster(heights, valid=valid)}).shifts[0]
    assert (shift.rows, shift.columns) == pytest.approx((3 / 8, -2 / 8), abs=0.2)


@pytest.mark.slow
def test_channels_of_a_stacked_scene():
    fine = ground()
    stacked = np.dstack([seen(fine), seen(fine, 2), np.ones(scene_of(fine).shape)])
    scene = scene_of(fine, band_names=list("abcde"), bad_bands=[True] * 5)
    raster = Raster(stacked, names=["height", "slope", "flat"])
    report = alignment_report(replace(scene, auxiliary={"lidar": raster}))
    assert [shift.channel for shift in report.shifts] == ["height", "slope", "flat"]
    assert [round(4 * shift.rows) for shift in report.shifts[:2]] == [0, 1]
    assert report.shifts[2].strength == 0


def test_bad_bands_are_not_part_of_the_brightness():
    fine = ground()
    scene = scene_of(fine)
    cube = scene.cube.copy()
    cube[..., 2] = 1e4 * seen(fine, 40, 40)
    bad = np.arange(5) == 2
    scene = replace(scene, cube=cube, bad_bands=bad)
    assert alignment_report(scene, {"lidar": seen(fine)}).largest < 0.1


@pytest.mark.slow
def test_the_middle_of_large_scenes(monkeypatch):
    monkeypatch.setattr(shifts_module, "_MOST_SIZE", 50)
    fine = ground(120, 130)
    outside = np.full((120, 130), np.nan)
    outside[35:85, 40:90] = seen(fine, 3, 2)[35:85, 40:90]
    shift = alignment_report(scene_of(fine), {"lidar": outside}).shifts[0]
    assert (shift.rows, shift.columns) == pytest.approx((3 / 8, 2 / 8), abs=0.2)


def test_borders_of_gaps_are_not_edges():
    rows, cols = np.indices((64, 72))
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, 64, 72))
    gaps = gaussian_filter(rng.normal(size=(64, 72)), 3) > 0.05
    scene = Scene((100 * rows + noise[0])[..., np.newaxis])
    report = alignment_report(scene, {"lidar": np.where(gaps, np.nan, 100 * cols + noise[1])})
    assert report.shifts[0].strength < 10


def test_few_pixels_with_data():
    fine = ground(32, 32)
    image = seen(fine)
    assert alignment_report(scene_of(fine), {"lidar": image}).largest < 0.2
    image[:3] = np.nan
    assert alignment_report(scene_of(fine), {"lidar": image}).shifts[0].strength == 0


@pytest.mark.slow
@pytest.mark.skipif(not HOUSTON.is_file(), reason="the file of Houston 2018 is not there")
def test_a_photograph_of_houston():
    stored = scipy.io.loadmat(HOUSTON)
    scene = Scene(stored["hyprImg"])
    photograph = align(stored["rgbImg"], scene)
    report = alignment_report(scene, {"rgb": photograph})
    for shift in report.shifts:
        assert shift.strength > 15
        assert abs(shift.rows) < 0.2
        assert -0.5 < shift.columns < 0
    moved = align(np.roll(stored["rgbImg"], (4, -8), axis=(0, 1)), scene)
    with pytest.warns(AlignmentWarning, match="rgb, 0: "):
        moved_report = alignment_report(scene, {"rgb": moved})
    for before, after in zip(report.shifts, moved_report.shifts, strict=True):
        assert after.rows - before.rows == pytest.approx(1, abs=0.2)
        assert after.columns - before.columns == pytest.approx(-2, abs=0.2)


def test_scenes_without_a_further_source():
    with pytest.raises(DataError) as caught:
        alignment_report(scene_of(ground()))
    assert str(caught.value) == (
        'The scene has no further source. Pass auxiliary={"lidar": raster}, or others.'
    )


def test_small_scenes():
    with pytest.raises(DataError) as caught:
        alignment_report(Scene(np.ones((31, 40, 2))), {"lidar": np.ones((31, 40))})
    assert str(caught.value) == (
        "Shifts are measured in scenes of at least 32 x 32 pixels, got 31 x 40."
    )


def test_reports_without_a_shift():
    nothing = ChannelShift("lidar", "height", math.nan, math.nan, 3.0)
    assert math.isnan(AlignmentReport((nothing,)).largest)
    assert str(ChannelShift("lidar", "height", -1.0, 0.5, 9.0)) == (
        "lidar, height: 1.00 pixels up, 0.50 right"
    )
