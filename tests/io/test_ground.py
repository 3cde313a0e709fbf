import numpy as np
import pytest
from affine import Affine
from pyproj import CRS, Transformer

from hsvlm import Scene
from hsvlm.exceptions import FileError
from hsvlm.io._common import LabelMap
from hsvlm.io._ground import check_grid, crs_name, extent

PLACE = (30.0, 0.0, 500000.0, 0.0, -30.0, 4400000.0)
SCENE = Scene(np.zeros((6, 8, 3)), crs="EPSG:32616", transform=PLACE)
LABELS = np.zeros((6, 8), dtype=np.uint8)
REMEDY = "Bring it to the grid of the scene, for example with gdalwarp -r near."


@pytest.mark.parametrize("shift", [(0, 0), (2.9, 0), (0, -2.9)])
def test_grids_that_are_one(shift):
    moved = tuple(Affine.translation(*shift) @ Affine(*PLACE))[:6]
    check_grid("map.tif", LabelMap(LABELS, crs="EPSG:32616", transform=moved), SCENE)
    check_grid("map.tif", LabelMap(LABELS, crs=CRS(32616).to_wkt(), transform=moved), SCENE)
    check_grid(
        "map.tif", LabelMap(LABELS, crs=CRS(32616).to_wkt("WKT1_ESRI"), transform=moved), SCENE
    )
    check_grid("map.tif", LabelMap(LABELS, transform=moved), SCENE)


def test_maps_without_a_place_go_by_their_size():
    check_grid("map.png", LabelMap(LABELS), SCENE)
    check_grid("map.tif", LabelMap(LABELS, crs="EPSG:4326", transform=PLACE), Scene(SCENE.cube))


def test_other_sizes():
    with pytest.raises(FileError) as error:
        check_grid("map.tif", LabelMap(LABELS.T), SCENE)
    assert str(error.value) == (
        "map.tif: the label map has 8 x 6 pixels, the scene 6 x 8 (it seems to be transposed). "
        "Give a map with a label for each pixel of the scene."
    )


def test_other_sizes_of_placed_maps():
    with pytest.raises(FileError) as error:
        check_grid("map.tif", LabelMap(LABELS[1:], transform=PLACE), SCENE)
    assert str(error.value) == (
        f"map.tif: the label map has 5 x 8 pixels, the scene 6 x 8. {REMEDY}"
    )


@pytest.mark.parametrize(
    ("change", "pixels"),
    [
        (Affine.translation(15, -15), "0.7071"),
        (Affine.translation(0, 300), "10"),
        (
            Affine.translation(500000, 4400000)
            @ Affine.scale(2)
            @ Affine.translation(-500000, -4400000),
            "10",
        ),
    ],
)
def test_grids_that_lie_elsewhere(change, pixels):
    moved = tuple(change @ Affine(*PLACE))[:6]
    with pytest.raises(FileError) as error:
        check_grid("map.tif", LabelMap(LABELS, crs="EPSG:32616", transform=moved), SCENE)
    assert str(error.value) == (
        f"map.tif: the corners of the label map lie up to {pixels} pixels from those of the scene. "
        f"{REMEDY}"
    )


def test_grids_in_another_crs():
    for place in (PLACE, (3e-4, 0, -87, 0, -3e-4, 39.74)):
        with pytest.raises(FileError) as error:
            check_grid("map.tif", LabelMap(LABELS, crs="EPSG:4326", transform=place), SCENE)
        assert str(error.value) == (
            "map.tif: the label map lies in another CRS (WGS 84) than the scene (WGS 84 / UTM zone "
            f"16N). {REMEDY}"
        )


def test_crs_that_nobody_understands():
    place = (30.0, 0.0, 500030.0, 0.0, -30.0, 4400000.0)
    check_grid(
        "map.tif",
        LabelMap(LABELS, crs="plan", transform=PLACE),
        Scene(SCENE.cube, crs="plan", transform=PLACE),
    )
    with pytest.raises(FileError, match=r"another CRS \(plan\) than the scene \(WGS 84 / UTM"):
        check_grid("map.tif", LabelMap(LABELS, crs="plan", transform=PLACE), SCENE)
    with pytest.raises(FileError, match=r"up to 1 pixels from"):
        check_grid("map.tif", LabelMap(LABELS, crs="EPSG:32616", transform=place), SCENE)


def test_the_same_positions_in_another_crs_are_one_grid():
    # On the central meridian both grids are upright; a few pixels are too small to bend.
    to_degrees = Transformer.from_crs("EPSG:32616", "EPSG:4326", always_xy=True).transform
    west, north = to_degrees(500000, 4400000)
    east, south = to_degrees(500000 + 8 * 30, 4400000 - 6 * 30)
    place = ((east - west) / 8, 0, west, 0, (south - north) / 6, north)
    check_grid("map.tif", LabelMap(LABELS, crs="EPSG:4326", transform=place), SCENE)


def test_extents():
    assert extent(PLACE, (6, 8)) == (500000, 4399820, 500240, 4400000)
    turned = (0.0, 1.0, 10.0, 1.0, 0.0, 20.0)  # rows run along x
    assert extent(turned, (6, 8)) == (10, 20, 16, 28)


@pytest.mark.slow
def test_names():
    assert crs_name(CRS(32616).to_wkt()) == "WGS 84 / UTM zone 16N"
    assert crs_name("nonsense") == "nonsense"
