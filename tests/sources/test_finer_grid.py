"""A scene on the finer grid of its labels equals one whose pixels were repeated beforehand."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import HSIPromptClassifier, PixelSamples, Raster, Scene
from hsvlm._data.lazy import LazyCube, MaskedCube, files_of
from hsvlm._data.repeated import RepeatedCube
from hsvlm.evaluation import leakage_report
from hsvlm.exceptions import DataError
from hsvlm.mapping import predict_scene
from hsvlm.model_selection import SpatialBlockKFold, nearest_distance

RATIO = 3
BANDS = np.random.default_rng(0).integers(0, 99, (4, 5, 6)).astype(np.int16)
FINE = BANDS.repeat(RATIO, axis=0).repeat(RATIO, axis=1)
PHOTO = np.random.default_rng(1).normal(size=(12, 15)).astype(np.float32)


class CountingCube(LazyCube):
    """Count the rows that are read."""

    def __init__(self):
        super().__init__(BANDS.shape, BANDS.dtype)
        self.rows = []

    def read_rows(self, start, stop):
        self.rows += range(start, stop)
        return BANDS[start:stop]


@given(st.integers(0, 12), st.integers(0, 12))
def test_rows(start, stop):
    np.testing.assert_array_equal(RepeatedCube(BANDS, RATIO)[start:stop], FINE[start:stop])


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 14)), min_size=1, max_size=20))
def test_pixels_and_windows(coords):
    for cube in (BANDS, CountingCube()):
        repeated = PixelSamples(RepeatedCube(cube, RATIO), coords)
        plain = PixelSamples(FINE, coords)
        np.testing.assert_array_equal(np.asarray(repeated), np.asarray(plain))
        np.testing.assert_array_equal(repeated.windows(5), plain.windows(5))


def test_only_what_is_indexed_is_read():
    cube = CountingCube()
    scene = Scene(cube).on_grid_of(PHOTO)
    assert cube.rows == []
    scene.cube[4:5]
    scene.cube[np.array([10, 11]), np.array([0, 14])]
    assert cube.rows == [1, 3]


def test_files_and_pickles(tmp_path):
    np.save(tmp_path / "cube.npy", BANDS)
    scene = Scene(np.load(tmp_path / "cube.npy", mmap_mode="r")).on_grid_of(PHOTO)
    assert files_of(scene.cube) == [tmp_path / "cube.npy"]
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(scene.cube))), FINE)


def test_everything_of_the_scene_is_repeated():
    valid, masked = np.ones((2, 4, 5), bool)
    valid[0, 0] = masked[3, 4] = False
    labels, groups = np.arange(40).reshape(2, 4, 5)
    scene = Scene(
        MaskedCube(BANDS, masked),
        labels,
        groups=groups,
        valid=valid,
        transform=(30, 3, 100, -3, -30, 200),
        crs="EPSG:32616",
        wavelengths_nm=np.arange(6) + 500.0,
        reach=1,
        auxiliary={"sar": Raster(BANDS[..., 0], unit="dB")},
    )
    fine = scene.on_grid_of(Raster(PHOTO, transform=(10, 1, 100, -1, -10, 200)))
    assert fine.shape == (12, 15)
    assert fine.transform == (10, 1, 100, -1, -10, 200)
    assert fine.crs == "EPSG:32616"
    for name in ("labels", "groups"):
        expected = np.kron(getattr(scene, name), np.ones((RATIO, RATIO), int))
        np.testing.assert_array_equal(getattr(fine, name), expected)
    expected = np.ones((12, 15), bool)
    expected[:3, :3] = expected[9:, 12:] = False
    np.testing.assert_array_equal(fine.valid, expected)
    assert (fine.sources, fine.source_details) == (scene.sources, scene.source_details)
    np.testing.assert_array_equal(fine.wavelengths_nm, scene.wavelengths_nm)
    # Of a value that looks a coarse pixel away, the far end of that pixel is 5 fine pixels away.
    assert fine.reach == 5


def test_the_place_may_be_that_of_the_raster():
    photo = Raster(PHOTO, transform=(10, 0, 100, 0, -10, 200), crs="EPSG:32616")
    fine = Scene(BANDS).on_grid_of(photo)
    assert (fine.transform, fine.crs) == (photo.transform, photo.crs)


def test_the_same_grid_changes_nothing():
    scene = Scene(BANDS, reach=2)
    same = scene.on_grid_of(Scene(BANDS))
    assert (same.shape, same.reach) == (scene.shape, 2)
    np.testing.assert_array_equal(np.asarray(same.cube), BANDS)


@pytest.mark.parametrize("shape", [(12, 16), (12, 10), (11, 15), (2, 5), (15, 12)])
def test_other_sizes_are_refused(shape):
    with pytest.raises(DataError) as error:
        Scene(BANDS).on_grid_of(np.ones(shape))
    assert str(error.value) == (
        f"The raster has {shape[0]} x {shape[1]} pixels, which is not a whole multiple of the 4 x "
        "5 pixels of the scene. Crop or resample it, or bring it onto the grid of the scene: "
        "hsvlm.io.align(raster, like=scene)."
    )


def test_other_places_are_refused():
    scene = Scene(BANDS, transform=(30, 0, 100, 0, -30, 200))
    with pytest.raises(DataError) as error:
        scene.on_grid_of(Raster(PHOTO, transform=(10, 0, 110, 0, -10, 200)))
    assert str(error.value) == (
        "The raster lies elsewhere than the scene: its transform is (10.0, 0.0, 110.0, 0.0, -10.0, "
        "200.0), and that of the scene with 3 x 3 pixels for each of its own (10.0, 0.0, 100.0, "
        "0.0, -10.0, 200.0). Correct one of them, or bring the raster onto the grid of the scene: "
        "hsvlm.io.align(raster, like=scene)."
    )


def test_pixels_of_one_spectrum_are_not_apart():
    """Without the reach, a test pixel in the square of a training pixel would count as separate."""
    scene = Scene(np.ones((12, 12, 2))).on_grid_of(np.ones((48, 48)))
    X, _ = replace(scene, labels=np.ones((48, 48), int)).samples()
    by_place = {tuple(place): n for n, place in enumerate(X.coords.tolist())}
    same, next_square = X[[by_place[0, 3]]], X[[by_place[0, 4]]]
    report = leakage_report(X[[by_place[0, 0]]], same, window_size=1)
    assert (report.window_size, report.share_containing) == (7, 1)
    assert leakage_report(X[[by_place[0, 0]]], next_square, window_size=1).share_containing == 0


def test_buffers_leave_no_shared_spectra_between_windows():
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 3, (48, 48))
    scene = replace(Scene(np.ones((12, 12, 2))).on_grid_of(labels), labels=labels)
    X, y = scene.samples()
    places = np.column_stack([X.scene_ids, X.coords])
    window = 3
    splitter = SpatialBlockKFold(2, block_size=24, buffer=window - 1)
    for train, test in splitter.split(X, y):
        assert nearest_distance(places[test], places[train]).min() == window + 2 * scene.reach
        seen = [_coarse_pixels(X.coords[part], window) for part in (train, test)]
        assert not seen[0] & seen[1]


def _coarse_pixels(coords, window):
    """The coarse pixels whose spectra the windows of samples hold."""
    steps = np.arange(window) - window // 2
    rows, cols = (coords[:, axis, None] + steps for axis in (0, 1))
    pairs = np.stack(np.broadcast_arrays(rows[:, :, None], cols[:, None]), axis=-1)
    return set(map(tuple, (pairs.reshape(-1, 2).clip(0, 47) // 4).tolist()))


@pytest.mark.slow
def test_training_and_maps_are_those_of_repeated_pixels(cube, labels, settings, tmp_path):
    rng = np.random.default_rng(0)
    fine_labels = labels.repeat(2, axis=0).repeat(2, axis=1)
    photo = Raster(rng.normal(size=fine_labels.shape).astype(np.float32) + fine_labels)
    coarse = Scene(cube).on_grid_of(photo)
    scene = replace(coarse, labels=fine_labels, auxiliary={"photo": photo})
    plain = Scene(cube.repeat(2, axis=0).repeat(2, axis=1), fine_labels, auxiliary={"photo": photo})
    classifiers = [HSIPromptClassifier(**settings).fit(one) for one in (scene, plain)]
    maps = [clf.predict_proba(scene) for clf in classifiers]
    np.testing.assert_array_equal(*maps)
    result = predict_scene(classifiers[0], scene, tmp_path / "map.tif")
    np.testing.assert_array_equal(result.label_map, classifiers[1].predict(plain))
