import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm import PixelSamples, pixel_samples
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import (
    FieldKFold,
    MapSplit,
    PerClassShareSplit,
    PerClassShuffleSplit,
    SpatialBlockKFold,
)

TRAIN_MAP = np.array([[1, 0, 0, 2], [2, 0, 0, 0]])
TEST_MAP = np.array([[0, 0, 1, 0], [0, 0, 2, 2]])


@pytest.fixture
def data():
    return pixel_samples(np.ones((2, 4, 3)), TRAIN_MAP + TEST_MAP)


@pytest.mark.slow
@given(
    st.lists(st.integers(2, 30), min_size=1, max_size=4),
    st.integers(1, 20),
    st.integers(1, 3),
    st.integers(0, 1000),
)
def test_so_many_of_every_class(sizes, train_per_class, n_splits, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    cv = PerClassShuffleSplit(n_splits, train_per_class, random_state=seed)
    splits = list(cv.split(y, y))
    assert len(splits) == cv.get_n_splits() == n_splits
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert test.tolist() == sorted(test)
        drawn = [min(train_per_class, size - 1) for size in sizes]
        assert np.bincount(y[train], minlength=len(sizes)).tolist() == drawn


def test_draws_differ_and_can_be_repeated():
    y = np.tile(["corn", "oats"], 50)

    def draw(seed):
        cv = PerClassShuffleSplit(2, random_state=seed)
        return [train.tolist() for train, _ in cv.split(y, y)]

    assert draw(0) == draw(0)
    assert len({tuple(train) for train in [*draw(0), *draw(1)]}) == 4
    assert draw(0)[0] != sorted(draw(0)[0])
    # Classes are mixed: the first half is not of one class.
    assert set(y[draw(0)[0][:10]]) == {"corn", "oats"}


@pytest.mark.parametrize(
    ("y", "start"), [(["a", "b", "b"], "Class a"), (["a", "b", "c", "c"], "Classes a, b")]
)
def test_class_of_a_single_sample(y, start):
    for cv in (PerClassShuffleSplit(2), PerClassShareSplit(2)):
        with pytest.warns(SplitWarning) as caught:
            splits = list(cv.split(y, y))
        assert str(caught[0].message) == (
            f"{start} with a single sample: trained on in every split and never tested. Averages "
            "over classes leave them out. Label more pixels to have them tested."
        )
        for train, test in splits:
            assert set(np.array(y)[train]) == set(y)
            assert set(np.array(y)[test]) == {y[-1]}


def test_classes_of_single_samples_only():
    for cv in (PerClassShuffleSplit(2), PerClassShareSplit(2)):
        with pytest.raises(ParameterError, match="Each of the 3 classes has a single sample"):
            next(cv.split(["a", "b", "c"], ["a", "b", "c"]))


@pytest.mark.parametrize("sizes", [(50, 400), (2, 50, 100), (3, 3, 3), (2, 2), (1, 2, 3, 400)])
def test_shares_reach_every_class(sizes):
    y = np.repeat(np.arange(len(sizes)), sizes)
    warned = pytest.warns(SplitWarning) if 1 in sizes else contextlib.nullcontext()
    with warned:
        splits = list(PerClassShareSplit(4, train_size=0.1).split(y, y))
    assert len(splits) == 4
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(len(y)))
        counts = np.bincount(y[train], minlength=len(sizes))
        np.testing.assert_array_equal(counts, [max(1, size // 10) for size in sizes])


def test_shares_are_those_of_scikit_learn_where_it_draws_them():
    y = np.repeat(np.arange(4), [20, 46, 93, 1428])
    theirs = StratifiedShuffleSplit(3, train_size=0.1, random_state=0)
    pairs = zip(PerClassShareSplit(3).split(y, y), theirs.split(y, y), strict=True)
    for (train, test), (their_train, their_test) in pairs:
        np.testing.assert_array_equal(train, their_train)
        np.testing.assert_array_equal(test, np.sort(their_test))


def test_labels_that_are_missing_or_do_not_fit():
    with pytest.raises(DataError) as error:
        next(PerClassShuffleSplit().split([1, 2, 3]))
    assert str(error.value) == (
        "PerClassShuffleSplit balances classes and needs y. Pass the label of every sample."
    )
    with pytest.raises(DataError) as error:
        next(PerClassShuffleSplit().split([1, 2, 3], [1, 2]))
    assert str(error.value) == (
        "y has shape (2,), but there are 3 samples. Give one label per sample."
    )


@pytest.mark.parametrize(
    "cv",
    [
        PerClassShareSplit(1, 0.5),
        PerClassShuffleSplit(1),
        SpatialBlockKFold(2, 2, buffer=0),
        FieldKFold(2),
        MapSplit(TRAIN_MAP, TEST_MAP),
    ],
    ids=str,
)
def test_masked_labels_are_refused(cv, data):
    X, y = data
    masked = np.ma.masked_equal(y, 2)
    with pytest.raises(DataError) as error:
        next(cv.split(X, masked))
    assert str(error.value) == "4 of 6 labels are masked. Leave these samples out of X and y."


@pytest.mark.parametrize("settings", [{"n_splits": 0}, {"train_per_class": 0}])
def test_numbers_of_draws_out_of_range(settings):
    with pytest.raises(InvalidParameterError) as error:
        next(PerClassShuffleSplit(**settings).split([1, 1], [1, 1]))
    assert str(error.value) == (
        f"The {next(iter(settings))!r} parameter of PerClassShuffleSplit must be an int in the "
        "range [1, inf). Got 0 instead."
    )


@pytest.mark.parametrize("masks", [False, True], ids=["labels", "masks"])
def test_sides_of_the_maps(data, masks):
    X, y = data
    maps = (TRAIN_MAP > 0, TEST_MAP > 0) if masks else (TRAIN_MAP, TEST_MAP)
    cv = MapSplit(*maps, n_repeats=3)
    splits = list(cv.split(X, y))
    assert len(splits) == cv.get_n_splits() == 3
    for train, test in splits:
        assert X.coords[train].tolist() == np.argwhere(TRAIN_MAP).tolist()
        assert X.coords[test].tolist() == np.argwhere(TEST_MAP).tolist()
    splits[0][0][:] = 0
    assert splits[1][0].tolist() != splits[0][0].tolist()
    assert repr(cv) == "MapSplit(3 training and 3 test pixels)"


@pytest.mark.slow
@given(st.integers(0, 1000))
def test_random_maps_of_two_scenes(seed):
    rng = np.random.default_rng(seed)
    shapes = [(5, 7), (6, 4)]
    labels = [rng.integers(1, 4, shape) for shape in shapes]
    side = [rng.integers(0, 3, shape) for shape in shapes]
    for one in side:
        one[0, :2] = 1, 2
    maps = [
        [np.where(one == number, label_map, 0) for one, label_map in zip(side, labels, strict=True)]
        for number in (1, 2)
    ]
    X, y = pixel_samples([np.zeros((*shape, 1)) for shape in shapes], labels)
    order = rng.permutation(len(X))
    X, y = X[order], y[order]
    for train, test in MapSplit(*maps).split(X, y):
        places = np.column_stack([X.scene_ids, X.coords]).tolist()
        expected = [side[scene][row, col] for scene, row, col in places]
        assert train.tolist() == np.flatnonzero(np.equal(expected, 1)).tolist()
        assert test.tolist() == np.flatnonzero(np.equal(expected, 2)).tolist()


def test_another_background_and_labels_as_strings(data):
    X, y = data
    names = np.array(["", "corn", "oats"])
    train, test = next(MapSplit(names[TRAIN_MAP], names[TEST_MAP], "").split(X, names[y]))
    assert (len(train), len(test)) == (3, 3)
    train, test = next(MapSplit(TRAIN_MAP - 1, TEST_MAP - 1, unlabeled=-1).split(X, y - 1))
    assert (len(train), len(test)) == (3, 3)


def test_masked_pixels_have_no_label(data):
    X, y = data
    for values in (TRAIN_MAP, TRAIN_MAP > 0):
        masked = np.ma.masked_array(values, [[True, False, False, False], [False] * 4])
        train, _ = next(MapSplit(masked, TEST_MAP).split(X, y))
        assert X.coords[train].tolist() == [[0, 3], [1, 0]]


def test_labels_are_not_needed(data):
    train, test = next(MapSplit(TRAIN_MAP, TEST_MAP).split(data[0]))
    assert (len(train), len(test)) == (3, 3)


def test_samples_of_neither_map_belong_to_neither_side():
    X = PixelSamples(np.zeros((2, 4, 1)), np.argwhere(np.ones((2, 4))))
    train, test = next(MapSplit(TRAIN_MAP > 0, TEST_MAP > 0).split(X))
    assert train.tolist() == np.flatnonzero(TRAIN_MAP).tolist()
    assert test.tolist() == np.flatnonzero(TEST_MAP).tolist()


@pytest.mark.parametrize(
    ("maps", "settings", "message"),
    [
        (
            (TRAIN_MAP, TEST_MAP[:, :3]),
            {},
            "The training map has shape (2, 4) and the test map (2, 3). "
            "Both must cover the same scene.",
        ),
        (
            ([TRAIN_MAP, TRAIN_MAP], TEST_MAP),
            {},
            "The training map has shape (2, 4), (2, 4) and the test map (2, 4). "
            "Both must cover the same scene.",
        ),
        (
            (TRAIN_MAP, TRAIN_MAP),
            {},
            "3 pixels are labeled in the training map and in the test map. "
            "A test pixel must not be trained on: remove them from one of the maps.",
        ),
        (
            (TRAIN_MAP, 0 * TEST_MAP),
            {},
            "The test map labels no pixel: every value equals unlabeled=0. "
            "Check the map, or pass the value that stands for background.",
        ),
        (
            (0 * TRAIN_MAP - 9, TEST_MAP),
            {"unlabeled": -9},
            "The training map labels no pixel: every value equals unlabeled=-9. "
            "Check the map, or pass the value that stands for background.",
        ),
        (
            (TRAIN_MAP.ravel(), TEST_MAP),
            {},
            "A map must have shape (height, width), got (8,). Give one map, or one per scene.",
        ),
        (
            (TRAIN_MAP, TEST_MAP),
            {"n_repeats": 0},
            "The 'n_repeats' parameter of MapSplit must be an int in the range [1, inf). "
            "Got 0 instead.",
        ),
    ],
    ids=["shapes", "scenes", "overlap", "no test", "no training", "vector", "repeats"],
)
def test_maps_that_do_not_make_a_split(maps, settings, message):
    error_type = InvalidParameterError if "n_repeats" in settings else ParameterError
    with pytest.raises(error_type) as error:
        MapSplit(*maps, **settings)
    assert str(error.value) == message


def test_samples_that_do_not_fit_the_maps(data):
    X, y = data
    cv = MapSplit(TRAIN_MAP, TEST_MAP)

    def message(error, *args):
        with pytest.raises(error) as caught:
            next(cv.split(*args))
        return str(caught.value)

    assert message(DataError, np.asarray(X), y) == (
        "MapSplit has to know where every sample lies, and got ndarray without positions. Pass "
        "PixelSamples, or groups= with one row (row, column) or (scene, row, column) per sample."
    )
    outside = (
        "A sample lies at (row, column) ({}), outside the maps of 2 x 4 pixels. "
        "The maps belong to another scene."
    )
    larger = PixelSamples(np.zeros((5, 5, 1)), [[0, 0], [3, 1]])
    assert message(DataError, larger) == outside.format("3, 1")
    assert message(DataError, np.asarray(X), y, X.coords - [1, 0]) == outside.format("-1, 0")
    scenes = (
        "The samples come from scenes {}, but there are maps for 1, counted from 0. "
        "Give one training and one test map per scene."
    )
    two = PixelSamples([np.zeros((2, 4, 1))] * 2, [[0, 0], [0, 2]], [0, 1])
    assert message(DataError, two) == scenes.format("0 to 1")
    three_columns = np.column_stack([np.full(6, -1), X.coords])
    assert message(DataError, X, y, three_columns) == scenes.format("-1 to -1")
    assert message(DataError, X, y[:5]) == (
        "y has shape (5,), but there are 6 samples. Give one label per sample."
    )
    assert message(ParameterError, X[[1]], y[[1]]) == (
        "No sample lies on one of the maps' pixels. Do they belong to this scene?"
    )


def test_labels_that_disagree_with_the_map(data):
    X, y = data
    text = (
        "{} samples have another label than the map, the first at (row, column) ({}): {}. "
        "Published maps often number the classes in another order. Translate them, or pass masks "
        "(map != 0) to use positions only."
    )
    for labels, found in (
        (3 - y, text.format(3, "0, 0", "2 against 1")),
        (np.where(X.coords[:, 1] == 2, 5, y), text.format(2, "0, 2", "5 against 1")),
        (np.array(["", "corn", "oats"])[y], text.format(3, "0, 0", "corn against 1")),
    ):
        with pytest.raises(DataError) as error:
            next(MapSplit(TRAIN_MAP, TEST_MAP).split(X, labels))
        assert str(error.value) == found
    next(MapSplit(TRAIN_MAP > 0, TEST_MAP > 0).split(X, 3 - y))


def test_map_pixels_without_a_sample(data):
    X, y = data
    with pytest.warns(SplitWarning) as caught:
        splits = list(MapSplit(TRAIN_MAP, TEST_MAP).split(X[1:], y[1:]))
    assert [str(one.message) for one in caught] == [
        "1 pixels of the maps are not among the samples and are left out. Make the samples from "
        "the labels of the maps to use all of them."
    ]
    assert caught[0].filename == __file__
    assert [one.tolist() for one in splits[0]] == [[1, 2], [0, 3, 4]]


def test_pixels_that_are_sampled_twice_do_not_hide_missing_ones(data):
    X, _ = data
    twice = PixelSamples.concatenate([X, X])
    assert [len(one) for one in next(MapSplit(TRAIN_MAP, TEST_MAP).split(twice))] == [6, 6]
    with pytest.warns(SplitWarning, match=r"^1 pixels of the maps"):
        next(MapSplit(TRAIN_MAP, TEST_MAP).split(X[[1, 1, 2, 3, 4, 5]]))
