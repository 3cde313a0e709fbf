"""Features of heights and backscatter have known values on simple surfaces."""

import numpy as np
import pytest

from hsvlm import Raster
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing import BackscatterFeatures, ElevationFeatures

ROWS, COLS = np.mgrid[:24, :30].astype(float)


def channel(raster, name):
    return raster.values[..., raster.names.index(name)]


@pytest.mark.parametrize("size", [3, 9])
def test_a_tilted_plane(size):
    plane = 2000 + 3 * ROWS + 4 * COLS
    features = ElevationFeatures(sizes=(size,)).fit_transform(plane)
    half, inner = size // 2, slice(size, -size)
    slope = channel(features, f"slope {size}")[inner, inner]
    above = channel(features, f"above {size}")[inner, inner]
    np.testing.assert_allclose(slope, 5, rtol=1e-5)
    np.testing.assert_allclose(above, 7 * half, rtol=1e-5)
    steps = np.arange(size) - half
    expected = np.sqrt((3**2 + 4**2) * np.square(steps).mean())
    roughness = channel(features, f"roughness {size}")[inner, inner]
    np.testing.assert_allclose(roughness, expected, rtol=1e-5)
    assert features.reach == half


def test_slopes_know_the_size_of_a_pixel():
    transform = (0.5, 0, 10, 0, -2, 20)
    raster = Raster(3 * ROWS + 4 * COLS, transform=transform)
    features = ElevationFeatures(sizes=(3,)).fit_transform(raster)
    expected = np.hypot(3 / 2, 4 / 0.5)
    np.testing.assert_allclose(channel(features, "slope 3")[5:-5, 5:-5], expected, rtol=1e-5)
    assert features.transform == transform


def test_features_of_a_pixel_stay_within_their_reach():
    heights = np.zeros((25, 25))
    heights[12, 12] = 1
    features = ElevationFeatures(sizes=(3, 7)).fit_transform(Raster(heights, reach=2))
    rows, cols = np.nonzero((features.values > 1e-6).any(axis=2))
    assert max(abs(rows - 12).max(), abs(cols - 12).max()) == 3
    assert features.reach == 5  # 2 of the raster itself


def test_pixels_without_data_do_not_spread():
    heights = 10 + np.zeros((12, 12))
    heights[4, 4] = np.nan
    features = ElevationFeatures(sizes=(3,)).fit_transform(heights)
    assert np.isfinite(features.values).all()
    assert np.argwhere(~features.valid).tolist() == [[4, 4]]
    assert (channel(features, "above 3") == 0).all()
    with pytest.raises(DataError, match="No pixel of the raster has data"):
        ElevationFeatures().fit_transform(np.full((3, 3), np.nan))


def test_speckle_has_a_known_variation():
    rng = np.random.default_rng(0)
    power = 0.1 * rng.gamma(4, 1 / 4, (200, 200))  # four looks: variation 1 / 2
    raster = Raster(np.stack([power, power / 10], axis=2), names=["VV", "VH"])
    features = BackscatterFeatures(sizes=(7,)).fit_transform(raster)
    assert features.names[:3] == ("VV decibels", "VV decibels 7", "VV variation 7")
    assert np.median(channel(features, "VH variation 7")) == pytest.approx(0.5, abs=0.05)
    assert channel(features, "VV decibels 7").mean() == pytest.approx(-10, abs=0.1)
    difference = channel(features, "VV decibels") - channel(features, "VH decibels")
    np.testing.assert_allclose(difference[power / 10 > 1e-4], 10, atol=1e-4)


def test_settings_are_checked():
    for sizes in ((4,), (1,), (2.5,)):
        with pytest.raises(ParameterError, match="odd numbers of pixels"):
            ElevationFeatures(sizes=sizes).fit_transform(ROWS)
    with pytest.raises(ParameterError, match="not positive"):
        BackscatterFeatures(floor=0).fit_transform(ROWS)
