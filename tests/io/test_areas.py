import numpy as np
import pytest

from hsvlm import Scene
from hsvlm.exceptions import DataError
from hsvlm.io.areas import Ground, areas_by_number

pyproj = pytest.importorskip("pyproj")

SHAPE = (6, 4, 1)
NORTH_UP = (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_500_000.0)


def scene(crs, transform, shape=SHAPE):
    return Scene(np.zeros(shape), crs=crs, transform=transform)


def polygon_hectares(transform, row, col, geod):
    a, b, c, d, e, f = transform
    corners = [(row, col), (row + 1, col), (row + 1, col + 1), (row, col + 1)]
    lon = [a * x + b * y + c for y, x in corners]
    lat = [d * x + e * y + f for y, x in corners]
    return abs(geod.polygon_area_perimeter(lon, lat)[0]) / 1e4


def test_projected_pixels_have_the_area_of_the_grid():
    ground = Ground(scene("EPSG:32616", NORTH_UP))
    assert ground.known
    np.testing.assert_allclose(ground.hectares(2, 5), np.full((3, 4), 0.09))
    assert ground.note == "Areas are measured in the grid of WGS 84 / UTM zone 16N."


def test_rotation_and_unit_count():
    turn = np.deg2rad(30)
    a, b = 10 * np.cos(turn), 10 * np.sin(turn)
    feet = "EPSG:2263"  # New York, in US survey feet
    ground = Ground(scene(feet, (a, b, 1_000_000, b, -a, 200_000)))
    np.testing.assert_allclose(ground.hectares(0, 1), 100 * (1200 / 3937) ** 2 / 1e4)


@pytest.mark.parametrize(
    "transform",
    [
        (0.001, 0.0, 10.0, 0.0, -0.001, 60.0),
        (0.0008, 0.0006, 10.0, 0.0006, -0.0008, -45.0),
    ],
    ids=["north up", "rotated"],
)
def test_geographic_pixels_have_their_area_on_the_ellipsoid(transform):
    ground = Ground(scene("EPSG:4326", transform))
    hectares = ground.hectares(0, 6)
    geod = pyproj.Geod(ellps="WGS84")
    expected = [[polygon_hectares(transform, y, x, geod) for x in range(4)] for y in range(6)]
    np.testing.assert_allclose(hectares, expected, rtol=1e-5)
    assert len(np.unique(hectares[:, 0])) == 6
    assert ground.note == "Areas are measured on the ellipsoid of WGS 84."


def test_large_cells_cover_the_globe():
    ground = Ground(scene("EPSG:4326", (1.0, 0.0, -180.0, 0.0, -1.0, 90.0), (180, 360, 1)))
    assert ground.hectares(0, 180).sum() == pytest.approx(5.1006562e10, rel=5e-5)


def test_a_projection_that_distorts_areas_says_so():
    mercator = Ground(scene("EPSG:3857", (30.0, 0.0, 0.0, 0.0, -30.0, 8_399_738.0)))
    assert mercator.note == (
        "Areas are measured in the grid of WGS 84 / Pseudo-Mercator, which shows areas 3.99 times "
        "as large as they are in the middle of the scene; use an equal-area projection for true "
        "areas."
    )


@pytest.mark.parametrize(
    ("crs", "transform"), [(None, NORTH_UP), ("EPSG:32616", None)], ids=["no crs", "no transform"]
)
def test_without_georeference_areas_are_not_known(crs, transform):
    ground = Ground(scene(crs, transform))
    assert not ground.known
    assert ground.note == "The scene has no georeference, so areas are in pixels."


def test_other_coordinate_systems_have_no_areas():
    ground = Ground(scene("EPSG:4978", NORTH_UP))
    assert not ground.known
    assert ground.note == ("WGS 84 is neither projected nor geographic, so areas are in pixels.")


@pytest.mark.slow
def test_a_coordinate_system_that_is_none_is_refused():
    with pytest.raises(DataError) as caught:
        Ground(scene("Atlantis", NORTH_UP))
    assert str(caught.value) == (
        "The scene's crs='Atlantis' is not understood, so the areas of its pixels are unknown. "
        'Give WKT or a code such as "EPSG:32616", or None for areas in pixels: '
        "dataclasses.replace(scene, crs=...)."
    )


def test_areas_are_added_up_by_number(monkeypatch):
    monkeypatch.setattr("hsvlm._data.lazy._BLOCK_VALUES", 8)  # two rows at a time
    numbers = np.array([[0, 1, 1, 3]] * 5 + [[3, 3, 3, 3]], dtype=np.uint8)
    ground = Ground(scene("EPSG:4326", (0.001, 0.0, 10.0, 0.0, -0.001, 60.0)))
    cells = ground.hectares(0, 6)
    expected = [cells[numbers == one].sum() for one in range(4)]
    np.testing.assert_allclose(areas_by_number(numbers, ground, 4), expected)
