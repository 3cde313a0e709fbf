"""Maps as datasets of xarray, with their place on the ground."""

import numpy as np
import pytest
import rioxarray  # noqa: F401  (adds .rio)
import xarray as xr
from sklearn.naive_bayes import GaussianNB

from hsvlm import Scene, pixel_samples
from hsvlm.io import read_labels
from hsvlm.mapping import predict_scene

UPRIGHT = (30.0, 0.0, 500000.0, 0.0, -30.0, 4400000.0)
TURNED = (21.0, 21.0, 500000.0, 21.0, -21.0, 4400000.0)
DEGREES = (0.001, 0.0, 11.0, 0.0, -0.001, 48.0)


@pytest.fixture
def bayes(cube, labels):
    return GaussianNB().fit(*pixel_samples(cube, labels))


@pytest.mark.parametrize("place", [("EPSG:32632", UPRIGHT), ("EPSG:4326", DEGREES)])
def test_a_map_knows_its_place(bayes, cube, place, tmp_path):
    crs, transform = place
    scene = Scene(cube, crs=crs, transform=transform, class_names={1: "oats"})
    scene_map = predict_scene(bayes, scene, probabilities=True, entropy=True)
    dataset = scene_map.to_xarray()
    assert set(dataset) == {"label", "probability", "entropy"}
    np.testing.assert_array_equal(dataset["label"], scene_map.label_map)
    np.testing.assert_array_equal(dataset["probability"], scene_map.probabilities)
    np.testing.assert_array_equal(dataset["entropy"], scene_map.entropy)
    assert dataset["class"].values.tolist() == [1, 2, 3]
    assert dataset["class_name"].values.tolist() == ["oats", "2", "3"]
    assert dataset.rio.crs.to_epsg() == int(crs.removeprefix("EPSG:"))
    assert tuple(dataset.rio.transform())[:6] == pytest.approx(transform)
    assert float(dataset["x"][0]) == pytest.approx(transform[2] + transform[0] / 2)
    names = {"EPSG:32632": "projection_x_coordinate", "EPSG:4326": "longitude"}
    assert dataset["x"].attrs["standard_name"] == names[crs]
    dataset.to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    again = read_labels(tmp_path / "map.nc", scene, variable="label")
    np.testing.assert_array_equal(again.labels, scene_map.label_map)
    assert again.class_names[1] == "oats"


def test_a_turned_map_has_no_coordinates(bayes, cube):
    dataset = predict_scene(bayes, Scene(cube, crs="EPSG:32632", transform=TURNED)).to_xarray()
    assert set(dataset.coords) == {"spatial_ref"}
    assert tuple(dataset.rio.transform())[:6] == TURNED


def test_a_map_without_a_place(bayes, cube):
    dataset = predict_scene(bayes, cube).to_xarray()
    assert not dataset.coords
    assert list(dataset) == ["label"]


def test_pixels_without_data_are_the_fill_value(bayes, cube):
    valid = np.ones(cube.shape[:2], dtype=bool)
    valid[2, 3] = False
    dataset = predict_scene(bayes, Scene(cube, valid=valid)).to_xarray()
    assert dataset["label"].values[2, 3] == dataset["label"].attrs["_FillValue"] == 0


def test_scenes_of_xarray_are_mapped(bayes, cube):
    array = xr.DataArray(np.moveaxis(cube, -1, 0), dims=("band", "y", "x"))
    array = array.assign_coords(x=500015.0 + 30 * np.arange(20), y=4399985.0 - 30 * np.arange(18))
    scene_map = predict_scene(bayes, array.rio.write_crs("EPSG:32632"))
    np.testing.assert_array_equal(scene_map.label_map, predict_scene(bayes, cube).label_map)
    assert scene_map.scene.transform == UPRIGHT
