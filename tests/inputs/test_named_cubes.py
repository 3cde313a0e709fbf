"""Cubes of xarray: axes by name, and maps with their coordinates."""

import dask.array as da
import numpy as np
import pytest
import rioxarray
import xarray as xr

from hsvlm import HSIPromptClassifier, PixelSamples, Scene, pixel_samples
from hsvlm.exceptions import DataError
from hsvlm.io import read_labels, read_scene
from hsvlm.pretraining import MaskedPretrainer
from hsvlm.scene import Raster

ORDERS = [("y", "x", "band"), ("band", "y", "x"), ("x", "band", "y")]


@pytest.fixture(scope="module")
def array(cube):
    """The cube, in the order of most files."""
    height, width, _ = cube.shape
    coords = {
        "y": 4400000 - 30 * (np.arange(height) + 0.5),
        "x": 500000 + 30 * (np.arange(width) + 0.5),
        "wavelength": ("band", np.linspace(450, 900, 12), {"units": "nm"}),
        "time": np.datetime64("2024-05-01", "ns"),
    }
    named = xr.DataArray(np.moveaxis(cube, -1, 0), dims=("band", "y", "x"), coords=coords)
    return named.rio.write_crs("EPSG:32632")


@pytest.fixture(scope="module")
def label_array(array, labels):
    flags = {"flag_values": [1, 2, 3], "flag_meanings": "oats winter_wheat woods"}
    coords = {"y": array["y"], "x": array["x"]}
    return xr.DataArray(labels, dims=("y", "x"), coords=coords, attrs=flags)


@pytest.fixture(scope="module")
def fitted(cube, labels, settings):
    """Fitted to the plain arrays; not to be changed."""
    return HSIPromptClassifier(**settings, class_names={2: "winter wheat"}).fit(cube, labels)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_maps_have_the_axes_of_their_cube(fitted, cube, array, order):
    found = fitted.predict(array.transpose(*order))
    assert found.dims == tuple(axis for axis in order if axis != "band")
    np.testing.assert_array_equal(found.transpose("y", "x"), fitted.predict(cube))
    for name in ("y", "x", "time", "spatial_ref"):
        assert found.coords[name].identical(array.coords[name])
    assert set(found.coords) == {"y", "x", "time", "spatial_ref"}
    assert found.rio.crs == array.rio.crs
    assert found.rio.transform() == array.rio.transform()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba", "decision_function"])
def test_scores_have_an_axis_of_classes(fitted, cube, array, method, order):
    found = getattr(fitted, method)(array.transpose(*order))
    assert found.dims == (*(axis for axis in order if axis != "band"), "class")
    assert found["class"].values.tolist() == [1, 2, 3]
    expected = getattr(fitted, method)(cube)
    np.testing.assert_array_equal(found.transpose("y", "x", "class"), expected)


@pytest.mark.slow
def test_scores_of_two_classes_have_no_axis_of_classes(cube, labels, array, settings):
    two = {**settings, "text_encoder": np.eye(2, 8, dtype=np.float32)}
    clf = HSIPromptClassifier(**two).fit(cube, np.where(labels == 3, 0, labels))
    found = clf.decision_function(array)
    assert found.dims == ("y", "x")
    np.testing.assert_array_equal(found, clf.decision_function(cube))


def test_embeddings_have_named_axes(fitted, cube, array):
    found = fitted.transform(array)
    assert found.dims == ("y", "x", "feature")
    np.testing.assert_array_equal(found, fitted.transform(cube))


@pytest.mark.slow
def test_similarities_have_the_texts(cube, labels, array, settings):
    class Letters:
        def encode(self, texts):
            return [[text.count(letter) + 1 for letter in "aehtrv"] for text in texts]

    prompts = {1: "a hat", 2: "there", 3: "vv"}
    clf = HSIPromptClassifier(prompts, **{**settings, "text_encoder": Letters()})
    found = clf.fit(cube, labels).similarity(array, ["tree", "haze"])
    assert found.dims == ("y", "x", "text")
    assert found["text"].values.tolist() == ["tree", "haze"]
    np.testing.assert_array_equal(found, clf.similarity(cube, ["tree", "haze"]))


@pytest.mark.slow
def test_maps_say_what_their_numbers_mean(fitted, array, tmp_path):
    found = fitted.predict(array)
    assert found.name == "label"
    assert found.attrs["flag_values"].tolist() == [1, 2, 3]
    assert found.attrs["flag_values"].dtype == found.dtype
    assert found.attrs["flag_meanings"] == "1 winter_wheat 3"
    assert found.attrs["_FillValue"] == 0
    found.to_netcdf(tmp_path / "map.nc", engine="h5netcdf")
    again = read_labels(tmp_path / "map.nc", read_scene(array))
    np.testing.assert_array_equal(again.labels, found)
    assert again.class_names[2] == "winter wheat"
    found.rio.to_raster(tmp_path / "map.tif")
    with rioxarray.open_rasterio(tmp_path / "map.tif") as raster:
        assert raster.rio.nodata == 0
        assert raster.rio.crs == array.rio.crs


def test_pixels_with_missing_values_have_no_class(fitted, array):
    holes = array.copy(deep=True)
    holes[:, 3, 4] = np.nan
    holes[2, 5, 6] = np.nan
    labels, probabilities = fitted.predict(holes).values, fitted.predict_proba(holes).values
    assert labels[3, 4] == labels[5, 6] == 0
    assert np.isnan(probabilities[[3, 5], [4, 6]]).all()
    assert np.isnan(probabilities).any(axis=2).sum() == 2


@pytest.mark.slow
def test_missing_values_are_not_trained_on(cube, labels, array, settings):
    holes = array.copy(deep=True)
    holes[:, 3, 4] = np.nan
    found = HSIPromptClassifier(**settings).fit(holes, labels)
    valid = ~np.isnan(holes.values).any(axis=0)
    expected = HSIPromptClassifier(**settings).fit(Scene(cube, valid=valid), labels)
    np.testing.assert_array_equal(found.predict(cube), expected.predict(cube))


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["named", "plain"])
def test_labels_may_have_the_order_of_the_cube(fitted, array, label_array, settings, order, kind):
    plane = [axis for axis in order if axis != "band"]
    y = label_array if kind == "named" else label_array.transpose(*plane).values
    clf = HSIPromptClassifier(**settings).fit(array.transpose(*order), y)
    np.testing.assert_array_equal(clf.predict(array), fitted.predict(array))
    assert clf.metadata_["wavelengths_nm"] == array["wavelength"].values.tolist()
    assert clf.score(array.transpose(*order), y) == fitted.score(array, label_array)
    names = {1: "oats", 2: "winter wheat", 3: "woods"}
    assert clf.class_names_ == (names if kind == "named" else {})


@pytest.mark.slow
def test_weights_have_the_order_of_the_cube(cube, labels, array, settings):
    weights = np.where(np.arange(cube.shape[1]) < 8, 1.0, 3.0) * np.ones(labels.shape)
    turned = array.transpose("x", "y", "band")
    found = HSIPromptClassifier(**settings).fit(turned, labels.T, weights.T)
    expected = HSIPromptClassifier(**settings).fit(cube, labels, weights)
    np.testing.assert_array_equal(found.predict_proba(cube), expected.predict_proba(cube))


@pytest.mark.slow
def test_further_sources_come_with_named_cubes(cube, labels, array, settings):
    heights = {"lidar": Raster(np.arange(360.0).reshape(18, 20))}
    clf = HSIPromptClassifier(**settings)
    found = clf.fit(array, labels, auxiliary=heights).predict(array, auxiliary=heights)
    expected = clf.fit(cube, labels, auxiliary=heights).predict(cube, auxiliary=heights)
    assert found.dims == ("y", "x")
    np.testing.assert_array_equal(found, expected)


def test_chunks_are_computed_row_by_row(fitted, cube, array):
    shapes = []

    def seen(block):
        shapes.append(block.shape)
        return block

    chunks = da.from_array(array.values, chunks=(-1, 6, -1)).map_blocks(seen, dtype=cube.dtype)
    found = fitted.predict(array.copy(data=chunks))
    assert isinstance(found.data, np.ndarray)
    np.testing.assert_array_equal(found, fitted.predict(cube))
    assert max(shape[1] for shape in shapes) <= 6


@pytest.mark.slow
def test_labels_of_other_places_are_refused(array, label_array, settings):
    turned = label_array.isel(y=slice(None, None, -1))
    with pytest.raises(DataError) as caught:
        HSIPromptClassifier(**settings).fit(array, turned)
    assert str(caught.value) == (
        "X and y have other coordinates along 'y'. Pass y.reindex_like(X, method=\"nearest\"), or "
        "y.values to ignore them."
    )
    assert HSIPromptClassifier(**settings).fit(array, turned.reindex_like(array)).classes_.size == 3


def test_labels_with_other_dimensions_are_refused(array, label_array, settings):
    renamed = label_array.rename(y="row")
    with pytest.raises(DataError, match=r"y has the dimensions \('row', 'x'\), and X"):
        HSIPromptClassifier(**settings).fit(array, renamed)


@pytest.mark.slow
def test_other_bands_are_refused(array, label_array, settings):
    clf = HSIPromptClassifier(**settings).fit(array, label_array)
    moved = array.assign_coords(wavelength=("band", np.linspace(950, 1400, 12), {"units": "nm"}))
    with pytest.raises(DataError, match="nm"):
        clf.predict(moved)


@pytest.mark.slow
def test_maps_of_text_classes(cube, labels, array, settings):
    names = np.array(["", "oats", "wheat", "woods"])
    clf = HSIPromptClassifier(**{**settings, "unlabeled": ""}).fit(array, names[labels])
    found = clf.predict(array)
    assert set(np.unique(found.values)) <= {"oats", "wheat", "woods"}
    assert "flag_values" not in found.attrs


@pytest.mark.parametrize(
    "take",
    [
        lambda cube: pixel_samples(cube, np.ones(cube.shape[:2], dtype=int)),
        lambda cube: PixelSamples(cube, np.zeros((1, 2), dtype=int)),
        Scene,
        lambda cube: MaskedPretrainer(max_epochs=1).fit(cube),
        lambda cube: MaskedPretrainer(max_epochs=1).fit([cube, cube]),
    ],
)
@pytest.mark.parametrize("order", [("band", "y", "x"), ("y", "band", "x")])
def test_bands_before_the_last_axis_are_refused_where_axes_count(take, order):
    cube = xr.DataArray(np.ones((6, 6, 6), dtype=np.float32), dims=order)
    with pytest.raises(
        DataError, match=r"'band', have to be the last .*transpose\('y', 'x', 'band'\)"
    ):
        take(cube)


@pytest.mark.slow
@pytest.mark.parametrize("unlabeled", [-1, 1000, 2**63, 2**80, 0.5])
def test_a_mark_that_no_label_needs_may_be_of_another_type(array, labels, settings, unlabeled):
    classes = np.where(labels > 0, labels, 1).astype(np.uint8)
    clf = HSIPromptClassifier(**settings).fit(array, classes)
    found = clf.set_params(unlabeled=unlabeled).predict(array)
    assert found.dtype == np.uint8
    assert "_FillValue" not in found.attrs
