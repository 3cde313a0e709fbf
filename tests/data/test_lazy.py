import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm._data import lazy as _lazy
from hsvlm._data.lazy import LazyCube, MappedCube, MaskedCube, row_blocks, valid_pixels
from hsvlm.exceptions import DataError


class Counted(LazyCube):
    """Reads an array and remembers which rows were read."""

    def __init__(self, array):
        super().__init__(array.shape, array.dtype)
        self.array = array
        self.read = []

    def read_rows(self, start, stop):
        self.read.append((start, stop))
        return self.array[start:stop]


def doubled(spectra):
    return 2 * spectra[:, :3]


@pytest.fixture
def lazy(cube):
    return Counted(cube)


@pytest.mark.slow
@given(seed=st.integers(0, 1000), block=st.sampled_from([1, 100, 10_000]))
def test_pixels_are_those_of_the_array(seed, block):
    rng = np.random.default_rng(seed)
    array = rng.normal(size=(11, 7, 3))
    rows, cols = rng.integers(0, 11, size=(4, 1)), rng.integers(0, 7, size=(1, 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lazy, "_BLOCK_VALUES", block)
        found = Counted(array)[rows, cols]
        everything = np.asarray(Counted(array))
    np.testing.assert_array_equal(found, array[rows, cols])
    np.testing.assert_array_equal(everything, array)


def test_only_rows_with_pixels_are_read(lazy):
    _ = lazy[np.array([2, 3, 9, 2]), np.array([0, 1, 2, 3])]
    assert lazy.read == [(2, 4), (9, 10)]
    lazy.read.clear()
    assert lazy[np.array([], dtype=int), np.array([], dtype=int)].shape == (0, 12)
    assert lazy.read == []


def test_rows_are_read_as_slices(lazy, cube):
    np.testing.assert_array_equal(lazy[3:5], cube[3:5])
    np.testing.assert_array_equal(lazy[3:9:2, 1:4, [0, 2]], cube[3:9:2, 1:4, [0, 2]])
    assert lazy[5:3].shape == (0, 20, 12)
    assert len(lazy) == 18
    assert lazy.read == [(3, 5), (3, 9), (5, 5)]


@pytest.mark.parametrize("key", [Ellipsis, (slice(None, None, -1),), (Ellipsis, 0), ([0.5], [1])])
def test_other_ways_to_index_are_refused(lazy, key):
    with pytest.raises(IndexError) as error:
        _ = lazy[key]
    assert str(error.value) == (
        "A cube that is read from a file is indexed by rows, cube[start:stop], or by pixels, "
        "cube[rows, cols]. numpy.asarray(cube) reads all of it."
    )


def test_a_view_cannot_be_had(lazy):
    with pytest.raises(ValueError, match="The values are read from elsewhere: always a copy"):
        np.asarray(lazy, copy=False)
    assert np.asarray(lazy, dtype=np.float64).dtype == np.float64


def test_mapped_cubes_see_rows_and_pixels_through_the_function(cube):
    mapped = MappedCube(cube, doubled)
    expected = 2 * cube[..., :3]
    assert mapped.shape == (18, 20, 3)
    np.testing.assert_array_equal(np.asarray(mapped), expected)
    rows, cols = np.array([[1], [4]]), np.array([[2, 2, 7]])
    np.testing.assert_array_equal(mapped[rows, cols], expected[rows, cols])
    assert mapped[4:4].shape == (0, 20, 3)


def test_masked_pixels_read_as_zeros_and_leave_the_cube_alone(cube):
    valid = np.ones(cube.shape[:2], dtype=bool)
    valid[3, 4] = False
    masked = MaskedCube(cube, valid)
    assert (masked[np.array([3]), np.array([4])] == 0).all()
    assert (masked[3:4][0, 4] == 0).all()
    np.testing.assert_array_equal(np.asarray(masked)[valid], cube[valid])
    assert (cube[3, 4] != 0).all()
    assert valid_pixels(masked) is valid
    assert valid_pixels(cube) is None


def test_blocks_of_rows_cover_every_row_once(monkeypatch):
    monkeypatch.setattr(_lazy, "_BLOCK_VALUES", 100)
    assert list(row_blocks((10, 5, 7))) == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]
    assert list(row_blocks((10, 50, 7), 3, 5)) == [(3, 4), (4, 5)]
    assert list(row_blocks((0, 5, 7))) == []


def test_pixels_without_data_are_no_samples(cube, labels):
    valid = np.ones(labels.shape, dtype=bool)
    valid[5] = False
    masked = MaskedCube(cube, valid)
    X, y = pixel_samples(masked, labels)
    assert not (X.coords[:, 0] == 5).any()
    assert len(y) == ((labels > 0) & valid).sum()
    with pytest.raises(DataError) as error:
        PixelSamples(masked, [[5, 5], [5, 6], [4, 5]])
    assert str(error.value) == (
        "2 of 3 samples are pixels without data. Select pixels where the scene is valid: "
        "np.argwhere(scene.valid)."
    )


def test_transformed_samples_keep_the_mask(cube):
    valid = np.ones(cube.shape[:2], dtype=bool)
    valid[5, 5] = False
    X = PixelSamples(MaskedCube(cube, valid), [[5, 6]]).map_spectra(doubled)
    assert valid_pixels(X.cubes[0]) is valid
    np.testing.assert_array_equal(np.asarray(X)[0], 2 * cube[5, 6, :3])


@pytest.mark.slow
def test_cubes_in_files_train_and_predict_as_arrays_do(cube, labels, settings, lazy):
    of_array = HSIPromptClassifier(**settings).fit(cube, labels)
    of_file = HSIPromptClassifier(**settings).fit(lazy, labels)
    np.testing.assert_array_equal(of_file.predict_proba(lazy), of_array.predict_proba(cube))
    assert len(pickle.dumps(MappedCube(cube, doubled))) > cube.nbytes


@pytest.mark.slow
def test_values_under_the_mask_do_not_matter(cube, labels, settings):
    valid = np.ones(labels.shape, dtype=bool)
    valid[:, 9] = False
    proba = []
    for value in (np.nan, -9999.0):
        broken = np.array(cube)
        broken[:, 9] = value
        X, y = pixel_samples(MaskedCube(broken, valid), labels)
        proba.append(HSIPromptClassifier(**settings).fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(*proba)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "unlabeled", "expected"),
    [
        ([1, 2, 3], 0, 0),
        ([1, 2, 3], 255, 255),
        ([0, 1, 2], 0, -1),
        ([0, -1, 2], None, -2),
        ([1, 2, 3], float("nan"), 0),
        (["oats", "rye", "soil"], 0, ""),
        (["oats", "rye", "soil"], "none", "none"),
    ],
)
def test_pixels_without_data_belong_to_no_class(cube, labels, settings, names, unlabeled, expected):
    valid = np.ones(labels.shape, dtype=bool)
    valid[6, 3:9] = False
    X, y = pixel_samples(MaskedCube(cube, valid), labels)
    clf = HSIPromptClassifier(**settings, unlabeled=unlabeled).fit(X, np.array(names)[y - 1])
    masked = MaskedCube(cube, valid)
    found = clf.predict(masked)
    assert found.shape == labels.shape
    assert (found[~valid] == expected).all()
    every = PixelSamples(masked, np.argwhere(valid))
    np.testing.assert_array_equal(found[valid], clf.predict(every))
    proba = clf.predict_proba(masked)
    assert np.isnan(proba[~valid]).all()
    np.testing.assert_array_equal(proba[valid], clf.predict_proba(every))
    assert np.isnan(clf.transform(masked)[~valid]).all()


@pytest.mark.slow
def test_a_cube_without_data_cannot_be_predicted(cube, labels, settings):
    clf = HSIPromptClassifier(**settings).fit(cube, labels)
    with pytest.raises(DataError) as error:
        clf.predict(MaskedCube(cube, np.zeros(labels.shape, dtype=bool)))
    assert str(error.value) == (
        "No pixel of the cube is valid, so there is nothing to predict. Check the mask or the "
        "no-data value."
    )
