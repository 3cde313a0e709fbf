"""Maps of Dask arrays, with the threads of this process; see test_dask_cluster.py for others."""

import sys
from collections import Counter

import dask
import dask.array as da
import numpy as np
import pytest
import torch
import xarray
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from hsvlm import HSIPromptClassifier, Scene, SpectralPCA, pixel_samples
from hsvlm.evaluation import SmoothedSVM
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError
from hsvlm.io import read_labels, write_map
from hsvlm.mapping import predict_dask, predict_scene
from hsvlm.scene import Raster


@pytest.fixture(autouse=True)
def in_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # as in the workers of a cluster
    with dask.config.set(scheduler="threads", num_workers=2):
        yield
    torch.set_num_threads(before)


def assert_same(found, expected):
    labels, probabilities = dask.compute(*found)
    assert labels.dtype == found[0].dtype == expected.label_map.dtype
    assert probabilities.dtype == found[1].dtype == np.float32
    np.testing.assert_array_equal(labels, expected.label_map)
    np.testing.assert_array_equal(probabilities, expected.probabilities)


BLOCKS_AND_CHUNKS = [
    (2**14, (5, 7, -1)),
    (100, (4, -1, -1)),
    (33, (18, 20, 5)),
    (17, (5, 7, -1)),
    (17, (2, -1, -1)),
]


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize(
    ("window", "padding"),
    [(1, "reflect"), (3, "zero"), (9, "reflect"), (9, "zero")],  # a window of 1 has no padding
)
def test_maps_are_those_of_one_process_to_the_last_bit(
    cube, labels, valid, settings, block_size, window, padding, masked
):
    mask = valid if masked else None
    changed = {"window_size": window, "padding": padding, "max_epochs": 1}
    clf = HSIPromptClassifier(**{**settings, **changed}).fit(*pixel_samples(cube, labels))
    for size, chunks in BLOCKS_AND_CHUNKS:
        block_size(size)
        expected = predict_scene(clf, Scene(cube, valid=mask), probabilities=True)
        scene = Scene(da.from_array(cube, chunks=chunks), valid=mask)
        assert_same(predict_dask(clf, scene, probabilities=True), expected)


@pytest.mark.slow
def test_blocks_are_those_of_the_classifier(fitted, cube):
    large = np.tile(cube, (8, 8, 1))
    assert large.shape[0] * large.shape[1] > 2**14
    found = predict_dask(fitted, da.from_array(large, chunks=(10, -1, -1)), probabilities=True)
    assert found[0].chunks == ((103, 41), (160,))
    assert_same(found, predict_scene(fitted, large, probabilities=True))


def test_long_gaps_without_data(fitted, cube, block_size):
    block_size(6)
    mask = np.zeros((18, 20), dtype=bool)
    mask[[0, 9, 17], :4] = True
    scene = Scene(da.from_array(cube, chunks=(2, -1, -1)), valid=mask)
    expected = predict_scene(fitted, Scene(cube, valid=mask), probabilities=True)
    assert_same(predict_dask(fitted, scene, probabilities=True), expected)


@pytest.mark.slow
def test_selected_bands(cube, labels, settings, block_size):
    block_size(50)
    bands = [1, 2, 3, 7, 8, 9, 10]
    scene = Scene(cube, labels).select_bands(bands)
    clf = HSIPromptClassifier(**settings).fit(*scene.samples())
    lazy = Scene(da.from_array(cube, chunks=(4, 9, 5))).select_bands(bands)
    expected = predict_scene(clf, scene, probabilities=True)
    assert_same(predict_dask(clf, lazy, probabilities=True), expected)


@pytest.mark.slow
def test_arrays_of_xarray(fitted, cube, block_size):
    block_size(60)
    array = xarray.DataArray(da.from_array(cube, chunks=(6, -1, -1)), dims=("y", "x", "band"))
    expected = predict_scene(fitted, cube, probabilities=True)
    assert_same(predict_dask(fitted, array, probabilities=True), expected)


@pytest.mark.parametrize("dims", [("y", "x", "band"), ("band", "y", "x")])
@pytest.mark.parametrize("mark", [-9999.0, np.nan])
def test_pixels_without_data_in_arrays_of_xarray(cube, labels, block_size, dims, mark):
    block_size(60)
    clf = GaussianNB().fit(*pixel_samples(cube, labels))
    values = cube.copy()
    values[2:5, 3:] = mark
    attributes = {} if np.isnan(mark) else {"_FillValue": mark}
    array = xarray.DataArray(
        da.from_array(values, chunks=(6, -1, -1)), dims=("y", "x", "band"), attrs=attributes
    ).transpose(*dims)
    expected = predict_scene(clf, array, probabilities=True)
    assert (expected.label_map[2:5, 3:] == expected.unlabeled).all()
    assert_same(predict_dask(clf, array, probabilities=True), expected)


def test_arrays_of_xarray_without_dask(cube, labels):
    clf = GaussianNB().fit(*pixel_samples(cube, labels))
    with pytest.raises(DataError, match="not a Dask array but of type Variable"):
        predict_dask(clf, xarray.DataArray(cube, dims=("y", "x", "band")))


@pytest.mark.slow
def test_scenes_without_a_source(cube, labels, settings, block_size):
    block_size(60)
    params = {**settings["vision_params"], "source_dropout": 0.3}
    clf = HSIPromptClassifier(
        **{**settings, "vision_encoder": "fusion-vit", "vision_params": params}
    ).fit(Scene(cube, labels, auxiliary={"lidar": Raster(cube[..., :1] * 2)}))
    with pytest.warns(HSVLMWarning, match="has no 'lidar'"):
        expected = predict_scene(clf, Scene(cube), probabilities=True)
    with pytest.warns(HSVLMWarning, match="has no 'lidar'"):
        found = predict_dask(
            clf, Scene(da.from_array(cube, chunks=(6, -1, -1))), probabilities=True
        )
    assert_same(found, expected)


CLASSIFIERS = {
    "components": lambda settings: make_pipeline(
        SpectralPCA(6), HSIPromptClassifier(**{**settings, "n_components": None})
    ),
    "search": lambda settings: GridSearchCV(
        HSIPromptClassifier(**settings), {"max_epochs": [1]}, cv=2
    ),
    "spectra": lambda settings: GaussianNB(),
    "samples, then spectra": lambda settings: make_pipeline(SpectralPCA(6), GaussianNB()),
    "linear": lambda settings: LogisticRegression(max_iter=50),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_of_all_kinds(cube, labels, valid, settings, block_size, name):
    block_size(70)
    clf = CLASSIFIERS[name](settings).fit(*pixel_samples(cube, labels))
    expected = predict_scene(clf, Scene(cube, valid=valid), probabilities=True)
    scene = Scene(da.from_array(cube, chunks=(4, -1, -1)), valid=valid)
    assert_same(predict_dask(clf, scene, probabilities=True), expected)


@pytest.mark.slow
def test_classifiers_that_look_around_a_pixel_see_as_far_as_they_say(cube, labels, block_size):
    block_size(40)
    clf = SmoothedSVM(sigma=1.0).fit(*pixel_samples(cube, labels))
    found = predict_dask(clf, da.from_array(cube, chunks=(2, -1, -1)))
    assert found.numblocks[0] > 4
    np.testing.assert_array_equal(found.compute(), predict_scene(clf, cube).label_map)


@pytest.mark.parametrize("names", [["corn", "oats", "rye"], [0, 1, 2], [2.0, 3.0, 300.0]], ids=str)
def test_labels_of_any_kind(cube, labels, valid, names):
    X, y = pixel_samples(cube, labels)
    clf = GaussianNB().fit(X, np.array(names)[y - 1])
    found = predict_dask(clf, Scene(da.from_array(cube), valid=valid))
    expected = predict_scene(clf, Scene(cube, valid=valid)).label_map
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found.compute(), expected)


@pytest.mark.slow
def test_chunks_are_read_once_and_nothing_before_the_result_is_computed(fitted, cube, block_size):
    reads = Counter()

    def counted(values, block_info):
        reads[tuple(block_info[0]["chunk-location"])] += 1
        return values

    block_size(20)
    source = da.from_array(cube, chunks=(3, 10, -1)).map_blocks(counted, dtype=cube.dtype)
    found = predict_dask(fitted, source, probabilities=True)
    assert not reads
    dask.compute(*found)
    assert set(reads.values()) == {1}
    assert len(reads) == 12


@pytest.mark.slow
def test_tasks_hold_the_rows_of_a_chunk_and_those_that_windows_need(fitted, block_size):
    """A scene of 160 MB, of which a task may see 25 rows, a block of pixels and half a window."""
    seen = []

    class Watched(GaussianNB):
        window_size_ = 5

        def predict(self, X):
            seen.append(X.cubes[0].shape)
            return np.ones(len(X))

    block_size(500)
    array = da.zeros((2000, 100, 200), chunks=(500, 50, 20), dtype=np.float32)
    clf = Watched().fit(np.eye(3, 200), [1, 2, 3])
    with dask.config.set({"array.chunk-size": "2MB"}):
        found = predict_dask(clf, array)
        assert (found == 1).all().compute()
    assert max(seen) == (25 + 4, 100, 200)
    assert found.chunks[0] == (25,) * 80


@pytest.mark.slow
def test_results_go_to_zarr(tmp_path, fitted, cube, valid, block_size):
    zarr = pytest.importorskip("zarr")
    block_size(30)
    scene = Scene(da.from_array(cube, chunks=(7, -1, -1)), valid=valid)
    found = predict_dask(fitted, scene, probabilities=True)
    paths = [tmp_path / "labels.zarr", tmp_path / "probabilities.zarr"]
    dask.compute(
        *(one.to_zarr(path, compute=False) for one, path in zip(found, paths, strict=True))
    )
    expected = predict_scene(fitted, Scene(cube, valid=valid), probabilities=True)
    labels, probabilities = (zarr.open_array(path, mode="r") for path in paths)
    np.testing.assert_array_equal(labels[:], expected.label_map)
    np.testing.assert_array_equal(probabilities[:], expected.probabilities)


def test_a_map_that_is_written_is_computed_once(tmp_path, cube, labels, block_size):
    calls = []

    class Counted(GaussianNB):
        def predict(self, X):
            calls.append(len(X))
            return super().predict(X)

    block_size(60)
    clf = Counted().fit(*pixel_samples(cube, labels))
    path = write_map(
        tmp_path / "map.tif", predict_dask(clf, da.from_array(cube, chunks=(6, -1, -1)))
    )
    assert calls == [60] * 6
    found = read_labels(path, Scene(cube)).labels
    np.testing.assert_array_equal(found, predict_scene(clf, cube).label_map)


def test_without_dask_the_extra_is_named(cube, labels, monkeypatch):
    clf = GaussianNB().fit(*pixel_samples(cube, labels))
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ImportError) as caught:
        predict_dask(clf, cube)
    assert str(caught.value) == (
        'dask is needed here and is not installed. Install it with: pip install "hsvlm[scale]"'
    )


def test_what_is_no_dask_array_is_refused(fitted, cube):
    with pytest.raises(DataError) as caught:
        predict_dask(fitted, cube)
    assert str(caught.value) == (
        "The cube is not a Dask array but of type ndarray. Convert it, such as by "
        "dask.array.from_array(cube, chunks=(256, -1, -1)), or use predict_scene."
    )


def test_what_cannot_map_is_refused_before_anything_is_read(fitted, cube, labels):
    def read(block):
        raise AssertionError

    array = da.from_array(cube, chunks=(4, -1, -1)).map_blocks(read, dtype=cube.dtype)
    with pytest.raises(DataError, match=r"X has 7 features .* expecting 12 features"):
        predict_dask(fitted, array[..., :7])
    with pytest.raises(DataError, match="No pixel of the scene is valid"):
        predict_dask(fitted, Scene(array, valid=np.zeros((18, 20), dtype=bool)))
    with pytest.raises(NotFittedError):
        predict_dask(GaussianNB(), array)
    X, y = pixel_samples(cube, labels)
    with pytest.raises(ParameterError, match="LinearSVC has no predict_proba"):
        predict_dask(LinearSVC().fit(X, y), array, probabilities=True)


def test_broken_values_are_found_when_the_result_is_computed(fitted, cube):
    broken = cube.copy()
    broken[4, 5, 6] = np.nan
    found = predict_dask(fitted, da.from_array(broken, chunks=(4, -1, -1)))
    with pytest.raises(DataError, match="NaN"):
        found.compute()


@pytest.mark.slow
def test_scenes_are_not_read_out(cube, labels, settings):
    params = {**settings, "spatial": "random-walk", "spatial_params": {"weights": (0.5, 0.5)}}
    X, y = pixel_samples(cube, labels)
    array = da.from_array(cube, chunks=(6, -1, -1))
    clf = HSIPromptClassifier(**params).fit(X, y)
    pipeline = make_pipeline(SpectralPCA(6), HSIPromptClassifier(**params)).fit(X, y)
    for one in (clf, pipeline):
        with pytest.warns(HSVLMWarning, match="With Dask, each window is predicted by itself"):
            found = predict_dask(one, array, probabilities=True)
        last = one if one is clf else one[-1]
        assert last.spatial == "random-walk"
        last.set_params(spatial=None)
        assert_same(found, predict_scene(one, cube, probabilities=True))
