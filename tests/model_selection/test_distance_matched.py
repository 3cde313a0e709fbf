"""Folds as far from their training pixels as the map is from the labeled pixels."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm import PixelSamples, Scene
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import DistanceMatchedKFold, distance_gap, distance_matched_folds

SIDE = 200


def clusters(n_clusters=12, size=12, seed=0, reach=4, side=SIDE):
    """Label pixels in small clusters, each of two neighboring classes of three."""
    rng = np.random.default_rng(seed)
    centers = rng.integers(reach, side - reach, size=(n_clusters, 2))
    offsets = rng.integers(-reach, reach + 1, size=(n_clusters, size, 2))
    coords = (centers[:, None] + offsets).reshape(-1, 2)
    y = (np.arange(n_clusters)[:, None] + np.arange(size) % 2) % 3
    return coords, y.ravel()


def scene_of(side=SIDE):
    return np.broadcast_to(np.zeros((1, 1, 1)), (side, side, 1))  # any size, of one value


def map_pixels(seed=0, side=SIDE):
    return np.random.default_rng(seed).integers(0, side, size=(2000, 2))


def random_fold(n, n_splits, seed):
    return np.random.default_rng(seed).permutation(n) % n_splits


def gap_by_brute_force(coords, fold, map_coords):
    def distances(places, others):
        return np.sqrt(((places[:, None] - others[None]) ** 2).sum(axis=2)).min(axis=1)

    held_out = [
        distances(coords[fold == number], coords[fold != number]) for number in np.unique(fold)
    ]
    to_map = distances(map_coords, coords)
    return wasserstein_distance(np.concatenate(held_out), to_map[to_map > 0])


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(2, 5))
def test_the_gap_is_that_of_all_distances(seed, n_splits):
    rng = np.random.default_rng(seed)
    coords, map_coords = rng.integers(0, 30, (40, 2)), rng.integers(0, 40, (60, 2))
    fold = random_fold(40, n_splits, seed)
    expected = gap_by_brute_force(coords, fold, map_coords)
    assert distance_gap(coords, fold, map_coords) == pytest.approx(expected)


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(2, 6), st.integers(1, 9), st.integers(1, 9))
def test_every_pixel_is_tested_once(seed, n_splits, n_clusters, size):
    coords, y = clusters(n_clusters, size, seed)
    X = PixelSamples(scene_of(), coords)
    cv = DistanceMatchedKFold(n_splits, random_state=seed)
    if len(np.unique(coords, axis=0)) < n_splits:
        with pytest.raises(ParameterError, match="the number of labeled pixels"):
            list(cv.split(X, y))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SplitWarning)  # classes of a single pixel
        splits = list(cv.split(X, y))
    assert len(splits) == cv.get_n_splits() == n_splits
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(X)))
    for train, test in splits:
        assert len(test)
        assert sorted([*train, *test]) == list(range(len(X)))
        # Repeated pixels stay together.
        assert not {*map(tuple, coords[train])} & {*map(tuple, coords[test])}


@pytest.mark.slow
@settings(max_examples=15)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_folds_match_the_map_better_than_random_ones(seed, n_splits):
    coords, y = clusters(seed=seed)
    map_coords = map_pixels(seed)
    of_random = [
        distance_gap(coords, random_fold(len(y), n_splits, draw), map_coords) for draw in range(5)
    ]
    for labels in (None, y):
        fold = distance_matched_folds(coords, map_coords, n_splits, y=labels, random_state=seed)
        assert distance_gap(coords, fold, map_coords) < 0.7 * min(of_random)
        assert np.bincount(fold).max() <= min(0.75, 2 / n_splits) * len(y)


def test_labels_spread_like_the_map_are_dealt_at_random_and_by_class():
    rng = np.random.default_rng(0)
    coords, y = rng.integers(0, SIDE, (300, 2)), rng.integers(0, 4, 300)
    fold = distance_matched_folds(coords, map_pixels(), 5, y=y)
    counts = np.array([np.bincount(fold[y == label], minlength=5) for label in range(4)])
    assert (np.ptp(counts, axis=1) <= 2).all()  # one more where pixels coincide
    assert distance_gap(coords, fold, map_pixels()) < 2


@pytest.mark.slow
@pytest.mark.parametrize("n_splits", [2, 5])
def test_a_class_of_one_cluster_is_trained_on_in_every_fold(n_splits):
    coords, y = clusters(seed=3)
    y[:12] = 7
    X = PixelSamples(scene_of(), coords)
    for train, test in DistanceMatchedKFold(n_splits).split(X, y):
        assert set(y[train]) == {0, 1, 2, 7}
        assert len(test)
    tested = [7 in y[test] for _, test in DistanceMatchedKFold(n_splits).split(X, y)]
    assert sum(tested) >= 2


def test_a_class_of_one_pixel_is_named():
    coords, y = clusters()
    y[5] = 7
    with pytest.warns(SplitWarning) as caught:
        splits = list(DistanceMatchedKFold(3).split(PixelSamples(scene_of(), coords), y))
    where = next(number for number, (_, test) in enumerate(splits) if 5 in test)
    assert [str(one.message) for one in caught] == [
        f"Class 7 has no training sample in split {where}. All its test samples count as errors. "
        "Leave the class out."
    ]
    assert caught[0].filename == __file__


@pytest.mark.slow
def test_many_labels_in_a_huge_scene():
    coords, y = clusters(40, 200, reach=20, side=3000)
    X = PixelSamples(scene_of(3000), coords)
    fold = np.empty(len(y), dtype=int)
    for number, (_, test) in enumerate(DistanceMatchedKFold(4).split(X, y)):
        fold[test] = number
        assert len(test) < len(y) / 2
    map_coords = map_pixels(side=3000)
    of_random = distance_gap(coords, random_fold(len(y), 4, 0), map_coords)
    assert distance_gap(coords, fold, map_coords) < 0.3 * of_random


def test_the_mask_says_where_the_map_is():
    coords, y = clusters()
    X = PixelSamples(scene_of(), coords)

    def folds(cv, X=X):
        fold = np.empty(len(y), dtype=int)
        for number, (_, test) in enumerate(cv.split(X, y)):
            fold[test] = number
        return fold

    near = np.zeros((SIDE, SIDE), dtype=bool)
    near[tuple(coords.T)] = True
    near[tuple((coords[::5] + np.array([1, 0])).T)] = (
        True  # a map of nothing but neighbors of labels
    )
    nearby = folds(DistanceMatchedKFold(4, near))
    everywhere = folds(DistanceMatchedKFold(4))
    tiles = coords // 40 @ [10, 1]
    in_one_fold = [
        sum(len(np.unique(fold[tiles == tile])) == 1 for tile in np.unique(tiles))
        for fold in (nearby, everywhere)
    ]
    assert in_one_fold[0] < in_one_fold[1]
    # Pixels without data are not mapped.
    scene = Scene(np.zeros((SIDE, SIDE, 1)), valid=near)
    masked = folds(DistanceMatchedKFold(4), PixelSamples(scene.masked_cube(), coords))
    np.testing.assert_array_equal(masked, nearby)
    # A map of labeled pixels only leaves nothing to match.
    near[:] = False
    near[tuple(coords.T)] = True
    assert len(np.unique(folds(DistanceMatchedKFold(4, near)))) == 4


@pytest.mark.slow
def test_scenes_are_divided_one_by_one():
    coords, y = clusters()
    n = len(y)
    far = np.vstack([coords, coords])
    X = PixelSamples([scene_of(), scene_of(300), scene_of()], far, np.repeat([0, 2], n))
    for train, test in DistanceMatchedKFold(3).split(X, np.tile(y, 2)):
        for side in (train, test):
            assert {*X.scene_ids[side]} == {0, 2}
    positions = np.column_stack([X.scene_ids, far])
    map_positions = np.vstack(
        [np.column_stack([np.full(2000, scene), map_pixels(scene)]) for scene in range(3)]
    )
    fold = distance_matched_folds(positions, map_positions, 3, y=np.tile(y, 2))
    gaps = [
        distance_gap(coords, part, map_pixels(scene))
        for scene, part in ((0, fold[:n]), (2, fold[n:]), (0, random_fold(n, 3, 0)))
    ]
    assert max(gaps[:2]) < 0.7 * gaps[2]
    assert distance_gap(positions, fold, map_positions) <= max(gaps[:2])


@pytest.mark.slow
def test_seeds():
    coords, y = clusters()
    X = PixelSamples(scene_of(), coords)

    def draw(random_state):
        cv = DistanceMatchedKFold(3, random_state=random_state)
        return [side.tolist() for pair in cv.split(X, y) for side in pair]

    assert draw(1) == draw(1) != draw(2)
    assert draw(np.random.RandomState(1)) == draw(1)
    order = np.random.default_rng(0).permutation(len(y))
    fold = distance_matched_folds(coords, map_pixels(), 3, y=y)
    moved = distance_matched_folds(coords[order], map_pixels(), 3, y=y[order])
    np.testing.assert_array_equal(moved, fold[order])


def test_messages():
    coords, y = clusters()
    X, spectra = PixelSamples(scene_of(), coords), np.zeros((len(y), 3))

    def message(error, cv, *args):
        with pytest.raises(error) as caught:
            next(cv.split(*args))
        return str(caught.value)

    assert message(DataError, DistanceMatchedKFold(), spectra, y, coords) == (
        "DistanceMatchedKFold has to know which pixels are to be mapped. Pass PixelSamples without "
        "groups, or prediction_mask= with one mask of shape (height, width) per scene."
    )
    assert message(ParameterError, DistanceMatchedKFold(5), X[:3], y[:3]) == (
        "n_splits=5 must lie between 2 and the number of labeled pixels, 3. Use another number of "
        "folds, or label more pixels."
    )
    numbers = DistanceMatchedKFold(prediction_mask=np.ones((SIDE, SIDE)))
    assert message(DataError, numbers, X, y) == (
        "prediction_mask has shape (200, 200) and dtype float64, but must have shape (height, "
        "width) and dtype bool: True at the pixels to be mapped. Pass one mask per scene."
    )
    small = DistanceMatchedKFold(prediction_mask=np.ones((9, 9), dtype=bool))
    assert message(DataError, small, X, y) == (
        "prediction_mask has shape (9, 9) for scene 0, of 200 x 200 pixels. Pass a mask of the "
        "height and width of the scene."
    )
    positions = np.column_stack([np.ones(len(y), dtype=int), coords])
    assert message(DataError, small, spectra, y, positions) == (
        "There are samples in scene 1, counted from 0, but 1 masks of pixels to be mapped. Pass "
        "one mask per scene as prediction_mask."
    )
    message(InvalidParameterError, DistanceMatchedKFold(1), X, y)
    for name, args in (("positions", (y, coords)), ("map_positions", (coords, y))):
        with pytest.raises(DataError) as error:
            distance_matched_folds(*args, 2)
        assert str(error.value) == (
            f"{name} has shape (144,), but must have one row (row, column) or (scene, row, column) "
            "per pixel."
        )
    with pytest.raises(DataError, match="Give one fold per pixel"):
        distance_gap(coords, y[:9], coords)
    assert np.isnan(distance_gap(coords, y, coords))
    assert repr(small) == "DistanceMatchedKFold(n_splits=5, prediction_mask=..., random_state=0)"


def test_masks_that_do_not_fit():
    coords, y = clusters()
    X = PixelSamples(scene_of(), coords)
    nothing = np.zeros((SIDE, SIDE), dtype=bool)

    def message(mask, *args):
        with pytest.raises(DataError) as caught:
            next(DistanceMatchedKFold(3, mask).split(*args))
        return str(caught.value)

    hidden = np.ma.array(~nothing, mask=True)
    for mask in (nothing, hidden):
        assert message(mask, X, y) == (
            "prediction_mask has no pixel to be mapped in scene 0: all values are False. Pass True "
            "at the pixels to be mapped, or leave out the samples of this scene."
        )
    spectra = np.zeros((len(y), 3))
    for positions in (coords + SIDE // 2, coords - SIDE):
        assert message(~nothing, spectra, y, positions) == (
            "Samples of scene 0 lie outside prediction_mask, of shape (200, 200). Pass a mask of "
            "the height and width of the scene."
        )


def test_scenes_of_few_labels_may_leave_a_fold_empty():
    X = PixelSamples([scene_of(), scene_of(20)], [[0, 0], [9, 9], [4, 4]] * 2, [0] * 3 + [1] * 3)
    n_empty = 0
    for seed in range(20):
        cv = DistanceMatchedKFold(5, random_state=seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SplitWarning)
                assert all(len(test) for _, test in cv.split(X, [0, 0, 0, 1, 1, 1]))
        except ParameterError as error:
            assert "has no pixel" in str(error)  # noqa: PT017
            n_empty += 1
    assert 0 < n_empty < 20
