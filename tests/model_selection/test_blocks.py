import warnings
from itertools import product

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from hsvlm import PixelSamples
from hsvlm.evaluation import leakage_report
from hsvlm.exceptions import ParameterError, SplitWarning
from hsvlm.model_selection import SpatialBlockKFold, SpatialBlockShuffleSplit

SPLITTERS = [SpatialBlockKFold, SpatialBlockShuffleSplit]


@st.composite
def layouts(draw):
    """Labelled pixels of one or two small scenes, scattered or in patches, of 2 to 4 classes."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n_classes, patch = draw(st.integers(2, 4)), draw(st.sampled_from([1, 3, 7]))
    share = draw(st.sampled_from([0.3, 1.0]))
    cubes, coords, scene_ids, y = [], [], [], []
    for scene in range(draw(st.integers(1, 2))):
        shape = rng.integers(16, 24, size=2)
        fields = rng.integers(0, n_classes, size=shape // patch + 1)
        where = np.argwhere(rng.random(shape) < share)
        cubes.append(np.zeros((*shape, 1)))
        coords.append(where)
        scene_ids.append(np.full(len(where), scene))
        y.append(fields[tuple(where.T // patch)])
    return PixelSamples(cubes, np.vstack(coords), np.concatenate(scene_ids)), np.concatenate(y)


@st.composite
def splitters(draw, **settings):
    settings = {"block_size": draw(st.integers(6, 10)), "buffer": 0, **settings}
    settings["random_state"] = draw(st.integers(0, 1000))
    settings["n_splits"] = draw(st.integers(2, 3))
    if draw(st.booleans()):
        return SpatialBlockKFold(**settings)
    return SpatialBlockShuffleSplit(train_size=draw(st.sampled_from([0.1, 0.3, 0.6])), **settings)


@st.composite
def blocks_in_a_row(draw):
    """Blocks of 4 x 4 pixels and the classes in each of them: row k of a block is of class k."""
    n_blocks, n_classes = draw(st.integers(3, 6)), draw(st.integers(2, 4))
    rows = st.lists(st.integers(0, 4), min_size=n_classes, max_size=n_classes)
    counts = np.array(draw(st.lists(rows, min_size=n_blocks, max_size=n_blocks)))
    counts[:, 0] |= counts.sum(axis=1) == 0
    coords = [
        (label, 4 * block + place)
        for (block, label), count in np.ndenumerate(counts)
        for place in range(count)
    ]
    X = PixelSamples(np.zeros((4, 4 * n_blocks, 1)), coords)
    return X, X.coords[:, 0], counts[:, counts.any(axis=0)] > 0


def splits_of(cv, X, y, groups=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SplitWarning)
        try:
            return list(cv.split(X, y, groups))
        except ParameterError:  # the buffer leaves nothing, or the blocks are too few
            reject()


def pixels(X):
    return list(zip(X.scene_ids.tolist(), *X.coords.T.tolist(), strict=True))


def covered(X, size):
    reach = range(-(size // 2), size // 2 + 1)
    return {(s, r + down, c + right) for s, r, c in pixels(X) for down in reach for right in reach}


def blocks(X, size):
    return [(scene, row // size, col // size) for scene, row, col in pixels(X)]


@pytest.mark.slow
@settings(max_examples=40)
@given(layouts(), st.data(), st.sampled_from([1, 3, 5]))
def test_half_a_window_of_buffer_keeps_training_pixels_out_of_test_windows(layout, data, window):
    X, y = layout
    for train, test in splits_of(data.draw(splitters(buffer=window // 2)), X, y):
        assert not covered(X[test], window) & set(pixels(X[train]))
        assert leakage_report(X[train], X[test], window).share_containing == 0


@pytest.mark.slow
@settings(max_examples=40)
@given(layouts(), st.data(), st.sampled_from([1, 3, 5]))
def test_a_window_less_one_of_buffer_keeps_windows_apart(layout, data, window):
    X, y = layout
    for train, test in splits_of(data.draw(splitters(buffer=window - 1)), X, y):
        assert not covered(X[test], window) & covered(X[train], window)
        assert leakage_report(X[train], X[test], window).share_overlapping == 0


@pytest.mark.slow
@given(layouts(), st.data(), st.integers(0, 3))
def test_the_buffer_drops_what_is_near_and_nothing_else(layout, data, buffer):
    X, y = layout
    for train, test in splits_of(data.draw(splitters(buffer=buffer)), X, y):
        near = covered(X[train], 2 * buffer + 1)
        outside = sorted(set(range(len(X))) - set(train))
        assert test.tolist() == [n for n in outside if pixels(X[[n]])[0] not in near]


@pytest.mark.slow
@given(layouts(), st.data())
def test_whole_blocks_stay_together(layout, data):
    X, y = layout
    cv = data.draw(splitters())
    block = blocks(X, cv.block_size)
    for train, test in splits_of(cv, X, y):
        assert sorted([*train, *test]) == list(range(len(X)))
        assert not {block[n] for n in train} & {block[n] for n in test}


@pytest.mark.slow
@given(layouts(), st.integers(0, 2), st.integers(0, 1000))
def test_every_block_is_out_of_training_in_one_fold(layout, buffer, seed):
    X, y = layout
    cv = SpatialBlockKFold(n_splits=3, block_size=8, buffer=buffer, random_state=seed)
    splits = splits_of(cv, X, y)
    assert (sum(np.isin(range(len(X)), train) for train, _ in splits) == 2).all()
    tested = np.concatenate([test for _, test in splits])
    assert len(set(tested)) == len(tested)
    assert len(tested) == len(X) or buffer


@pytest.mark.slow
@given(layouts(), st.integers(0, 3), st.integers(2, 3), st.integers(0, 1000))
def test_discarding_training_pixels_tests_every_pixel_once(layout, buffer, n_splits, seed):
    X, y = layout
    settings = {"n_splits": n_splits, "block_size": 8, "buffer": buffer, "random_state": seed}
    splits = splits_of(SpatialBlockKFold(**settings, discard="train"), X, y)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(X)))
    for train, test in splits:
        near = covered(X[test], 2 * buffer + 1)
        outside = sorted(set(range(len(X))) - set(test))
        assert sorted(train) == [n for n in outside if pixels(X[[n]])[0] not in near]
    if not buffer:
        undisturbed = splits_of(SpatialBlockKFold(**settings), X, y)
        for pair, other in zip(splits, undisturbed, strict=True):
            assert [side.tolist() for side in pair] == [side.tolist() for side in other]


def test_blocks_barely_larger_than_the_buffer_keep_all_their_test_pixels():
    X, y = striped(64, 64, 5)
    n_tested = {
        discard: sum(
            len(test) for _, test in SpatialBlockKFold(4, 16, buffer=8, discard=discard).split(X, y)
        )
        for discard in ("test", "train")
    }
    assert n_tested["train"] == 64 * 64 > 1.5 * n_tested["test"]


def assignment_exists(holds, n_sides, complete):
    # Every class in two blocks or more must lie on two sides or more, and no side may be empty;
    # `complete`: those of a single block must lie on side 1, the training side of a draw.
    spread = holds.sum(axis=0) > 1
    for sides in product(range(n_sides), repeat=len(holds)):
        held = np.array([holds[np.array(sides) == side].any(axis=0) for side in range(n_sides)])
        shared = len(set(sides)) == n_sides and (held.sum(axis=0)[spread] > 1).all()
        if shared and (held[1].all() or not complete):
            return True
    return False


def untrained(splits, y):
    return [sorted(set(y) - set(y[train])) for train, _ in splits]


@pytest.mark.slow
@settings(max_examples=300)
@given(blocks_in_a_row(), st.integers(2, 3), st.integers(0, 1), st.integers(0, 1000))
def test_folds_train_on_every_class_wherever_blocks_can_be_dealt_so(layout, n_splits, buffer, seed):
    X, y, holds = layout
    cv = SpatialBlockKFold(n_splits, block_size=4, buffer=buffer, random_state=seed)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            splits = list(cv.split(X, y))
        except ParameterError as error:
            # A fold may lose its few test pixels, but none is without a block.
            assert str(error).startswith("buffer=1 leaves")  # noqa: PT017
            reject()
    left_out = untrained(splits, y)
    if assignment_exists(holds, n_splits, complete=False):
        single = {label for label, n in zip(np.unique(y), holds.sum(axis=0), strict=True) if n < 2}
        assert {label for labels in left_out for label in labels} <= single
    for label in np.unique(y):
        where = [str(n) for n, labels in enumerate(left_out) if label in labels]
        text = f"Class {label} has no training sample in split {', '.join(where)}: "
        assert any(str(one.message).startswith(text) for one in caught) == bool(where)


@pytest.mark.parametrize(
    ("splitter", "counts"),
    [
        (SpatialBlockKFold, [[0, 17], [16, 0], [1, 8]]),
        (SpatialBlockKFold, [[0, 1, 3, 0], [16, 0, 0, 9], [0, 0, 6, 0], [0, 7, 0, 0]]),
        (SpatialBlockShuffleSplit, [[17, 0, 18, 0], [0, 0, 0, 9], [0, 0, 16, 15], [13, 17, 0, 0]]),
    ],
)
def test_layouts_that_take_several_attempts(splitter, counts):
    # Each can be divided so that both sides hold every class, but not block by block, each to
    # where it is needed most at the time.
    coords = [
        (label, 20 * block + place)
        for (block, label), count in np.ndenumerate(counts)
        for place in range(count)
    ]
    X = PixelSamples(np.zeros((4, 80, 1)), coords)
    y = X.coords[:, 0]
    spread = set(np.flatnonzero(np.count_nonzero(counts, axis=0) > 1))
    for seed in range(50):
        cv = splitter(2, block_size=20, buffer=0, random_state=seed)
        assert not any(spread & set(labels) for labels in untrained(splits_of(cv, X, y), y))


@pytest.mark.parametrize(
    "cv", [SpatialBlockKFold(2, 4, buffer=0), SpatialBlockShuffleSplit(2, 0.3, 4, buffer=0)]
)
def test_classes_that_cannot_be_divided_are_named(cv):
    # Three blocks hold three classes in pairs: two of the blocks lie on one side, and the class
    # that they share does not lie on the other.
    pairs = [(0, 1), (1, 2), (2, 0)]
    coords = [(row, 4 * block) for row, pair in enumerate(pairs) for block in pair]
    X, y = PixelSamples(np.zeros((3, 12, 1)), coords), np.array(["oats", "rye", "soil"]).repeat(2)
    with pytest.warns(SplitWarning) as caught:
        splits = list(cv.split(X, y))
    left_out = untrained(splits, y)
    assert any(left_out)
    expected = {}
    for number, labels in enumerate(left_out):
        for label in labels:
            expected.setdefault(label, []).append(str(number))
    assert [str(one.message) for one in caught] == [
        f"Class {label} has no training sample in split {', '.join(where)}: its pixels lie in too "
        "few blocks. Use smaller blocks, or leave the class out."
        for label, where in sorted(expected.items())
    ]


@pytest.mark.slow
@settings(max_examples=300)
@given(blocks_in_a_row(), st.sampled_from([0.1, 0.4, 0.8]), st.integers(0, 1000))
def test_draws_hold_every_class_on_both_sides_wherever_possible(layout, train_size, seed):
    X, y, holds = layout
    if (holds.sum(axis=0) < 2).all():
        reject()
    cv = SpatialBlockShuffleSplit(2, train_size, block_size=4, buffer=0, random_state=seed)
    splits = splits_of(cv, X, y)
    spread = np.unique(y)[holds.sum(axis=0) > 1]
    for train, test in splits:
        assert set(spread) <= set(y[test])
        assert len(train)
    if assignment_exists(holds, 2, complete=True):
        assert untrained(splits, y) == [[], []]


def striped(height, width, stripe):
    X = PixelSamples(np.zeros((height, width, 1)), np.argwhere(np.ones((height, width))))
    return X, X.coords[:, 1] // stripe % 3


@pytest.mark.parametrize("train_size", [0.05, 0.1, 0.3, 0.7])
def test_draws_meet_the_training_share(train_size):
    X, y = striped(60, 60, 5)
    cv = SpatialBlockShuffleSplit(3, train_size, block_size=3, buffer=0)
    for train, _ in cv.split(X, y):
        assert 0 <= len(train) / len(X) - train_size < 9 / len(X)
        shares = np.bincount(y[train]) / np.bincount(y)
        np.testing.assert_allclose(shares, train_size, rtol=0.2)


def test_folds_are_balanced_by_class():
    X, y = striped(60, 60, 5)
    for _, test in SpatialBlockKFold(4, block_size=4, buffer=0).split(X, y):
        np.testing.assert_allclose(np.bincount(y[test]) / np.bincount(y), 0.25, rtol=0.1)


def test_a_buffer_draws_neighboring_blocks_together():
    X, y = striped(80, 80, 10)
    kept = sum(len(test) for _, test in SpatialBlockKFold(2, 8, buffer=2).split(X, y))
    # What would be kept if blocks were dealt as they are without a buffer.
    scattered = sum(
        len(test) * (1 - leakage_report(X[train], X[test], window_size=5).share_containing)
        for train, test in SpatialBlockKFold(2, 8, buffer=0).split(X, y)
    )
    assert kept > 1.1 * scattered


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_seeds(splitter):
    X, y = striped(20, 24, 4)

    def draw(random_state):
        cv = splitter(2, block_size=4, buffer=1, random_state=random_state)
        return [one.tolist() for pair in [*cv.split(X, y), *cv.split(X, y)] for one in pair]

    assert draw(3) == draw(3)
    assert draw(3)[:4] == draw(3)[4:]
    assert draw(3) != draw(4)
    generator = draw(np.random.RandomState(3))
    assert generator[:4] == draw(3)[:4] != generator[4:]


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_draws_differ_and_the_first_training_samples_come_from_everywhere(splitter):
    X, y = striped(40, 40, 5)
    splits = list(splitter(3, block_size=5, buffer=0).split(X, y))
    assert len({tuple(sorted(train)) for train, _ in splits}) == 3
    for train, _ in splits:
        first = blocks(X[train[:40]], 5)
        assert len(set(first)) > len(set(blocks(X[train], 5))) / 3


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_scenes_have_blocks_of_their_own(splitter):
    grid = np.argwhere(np.ones((4, 4)))
    X = PixelSamples(
        [np.zeros((4, 4, 1)), np.zeros((4, 4, 1))], np.vstack([grid, grid]), [0] * 16 + [1] * 16
    )
    y = np.tile([0, 1], 16)
    for train, test in splits_of(splitter(n_splits=2, block_size=4, buffer=3), X, y):
        # The pixels of the other scene have the same rows and columns, and still are far away.
        assert len(train) == len(test) == 16
        assert len(set(X.scene_ids[train])) == len(set(X.scene_ids[test])) == 1


@pytest.mark.slow
@given(layouts(), st.data(), st.sampled_from([np.int16, np.float64]))
def test_positions_can_come_as_groups(layout, data, dtype):
    X, y = layout
    cv = data.draw(splitters(buffer=1))
    positions = np.column_stack([X.scene_ids, X.coords]).astype(dtype)
    if len(X.cubes) == 1 and data.draw(st.booleans()):
        positions = positions[:, 1:]
    expected = splits_of(cv, X, y)
    found = splits_of(cv, np.asarray(X), y.tolist(), positions)
    for pair, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(pair[0], other[0])
        np.testing.assert_array_equal(pair[1], other[1])


def test_groups_come_before_the_positions_of_the_samples():
    X, y = striped(8, 8, 2)
    cv = SpatialBlockKFold(2, block_size=4, buffer=0)
    moved = PixelSamples(np.zeros((10, 8, 1)), X.coords + np.array([2, 0]))
    train, test = next(cv.split(X, y, moved.coords))
    assert not set(blocks(moved[train], 4)) & set(blocks(moved[test], 4))
    assert set(blocks(X[train], 4)) & set(blocks(X[test], 4))


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_labels_of_any_kind(splitter):
    X, y = striped(12, 12, 2)
    cv = splitter(2, block_size=4, buffer=0)
    names = np.array(["corn", "oats", "woods"])[y]
    for pair, other in zip(splits_of(cv, X, y), splits_of(cv, X, names.tolist()), strict=True):
        np.testing.assert_array_equal(np.concatenate(pair), np.concatenate(other))
    assert cv.get_n_splits() == 2


def test_repr():
    assert repr(SpatialBlockKFold(3)) == (
        "SpatialBlockKFold(block_size=16, buffer=7, discard='test', n_splits=3,\n"
        "         random_state=0)"
    )
    assert repr(SpatialBlockShuffleSplit()) == (
        "SpatialBlockShuffleSplit(block_size=8, buffer=7, n_splits=5, random_state=0,\n"
        "             train_size=0.1)"
    )
