"""Scenes that show the same pixels, and pixels that are sampled more than once."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from hsvlm import PixelSamples, Scene, pixel_samples
from hsvlm._data.lazy import MappedCube
from hsvlm.evaluation import evaluate, leakage_report
from hsvlm.exceptions import DataError, SplitWarning
from hsvlm.model_selection import (
    DistanceMatchedKFold,
    FieldKFold,
    GroupMapKFold,
    MapSplit,
    PerClassShareSplit,
    PerClassShuffleSplit,
    SpatialBlockKFold,
    SpatialBlockShuffleSplit,
)

SIDE = 24
RNG = np.random.default_rng(0)
CUBE = RNG.normal(size=(SIDE, SIDE, 3))
LABELS = np.kron(RNG.integers(1, 4, size=(6, 6)), np.ones((4, 4), dtype=int))
IS_FIRST = RNG.random((SIDE, SIDE)) < 0.5
VALID = RNG.random((SIDE, SIDE)) < 0.95
MASKED = np.ma.array(CUBE, mask=np.repeat(~VALID[..., None], 3, axis=2))


class Lazy:
    """A cube of another library, of which nothing but its values is known."""

    shape, dtype, ndim = CUBE.shape, CUBE.dtype, 3

    def __getitem__(self, key):
        return CUBE[key]

    def __array__(self, dtype=None, copy=None):
        return np.array(CUBE, dtype=dtype)


class Changed(Lazy):
    """The same with other values."""

    def __getitem__(self, key):
        return CUBE[key] + 1


LAZY = Lazy()
SHARED = {  # the same cube, given twice
    "scene with a mask": Scene(CUBE, valid=VALID).masked_cube,
    "masked array": lambda: MASKED,
    "masked array without masked pixels": lambda: np.ma.array(CUBE, mask=False, copy=False),
    "view": lambda: CUBE[:],
    "another library": lambda: LAZY,
}
SEEDS = itertools.count()


def masked_anew():
    mask = np.random.default_rng(next(SEEDS)).random((SIDE, SIDE)) < 0.1
    return np.ma.masked_where(np.repeat(mask[..., None], 3, axis=2), CUBE)


COPIES = {  # the same values, read twice
    "copy": CUBE.copy,
    "another type": lambda: CUBE.astype(np.float32),
    "other masks": masked_anew,
    "another object": Lazy,
}


def two_batches(make):
    """Join samples of two label maps of one scene; return them, labels, and the size of a part."""
    parts = [pixel_samples(make(), np.where(side, LABELS, 0)) for side in (IS_FIRST, ~IS_FIRST)]
    X = PixelSamples.concatenate([X for X, _ in parts])
    return X, np.concatenate([y for _, y in parts]), len(parts[0][1])


@pytest.mark.parametrize("make", SHARED.values(), ids=SHARED)
def test_a_scene_that_is_given_twice_is_kept_once(make):
    X, _, _ = two_batches(make)
    assert len(X.cubes) == 1
    other = PixelSamples(Scene(CUBE, valid=~IS_FIRST).masked_cube(), [])
    assert len(PixelSamples.concatenate([X, other]).cubes) == 2


@pytest.mark.parametrize("make", [*SHARED.values(), *COPIES.values()], ids=[*SHARED, *COPIES])
def test_leakage_between_batches_of_a_scene_is_reported(make):
    X, y, n_first = two_batches(make)
    train, test = np.arange(n_first), np.arange(n_first, len(y))
    report = leakage_report(X[train], X[test], 5)
    assert report.share_containing > 0.99
    assert report.distance_quantiles[1.0] <= 3
    evaluation = evaluate(GaussianNB(), X, y, [(train, test)], window_size=5, baselines=[])
    assert evaluation.leakage[0].share_adjacent == report.share_adjacent > 0.99


@pytest.mark.parametrize("make", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "cv",
    [
        SpatialBlockKFold(3, block_size=6, buffer=2),
        SpatialBlockKFold(3, block_size=6, buffer=1, discard="train"),
        SpatialBlockShuffleSplit(2, 0.3, block_size=4, buffer=2),
    ],
    ids=["folds", "discard", "draws"],
)
def test_blocks_hold_the_pixels_of_all_copies(make, cv):
    X, y, _ = two_batches(make)
    assert len(X.cubes) == 2
    for train, test in cv.split(X, y):
        assert leakage_report(X[train], X[test], 3).share_containing == 0
    if make is COPIES["copy"]:
        alone, labels = pixel_samples(CUBE, LABELS)
        for pair, expected in zip(cv.split(X, y), cv.split(alone, labels), strict=True):
            for side, other in zip(pair, expected, strict=True):
                assert sorted(X.coords[side].tolist()) == sorted(alone.coords[other].tolist())


def test_fields_and_distances_do_not_tell_copies_apart():
    both = PixelSamples.concatenate(
        [PixelSamples(cube, np.argwhere(LABELS)) for cube in (CUBE, CUBE.copy())]
    )
    y = np.tile(LABELS.ravel(), 2)
    for cv in (FieldKFold(2), DistanceMatchedKFold(2)):
        for train, test in cv.split(both, y):
            assert not set(map(tuple, both.coords[train])) & set(map(tuple, both.coords[test]))


@pytest.mark.parametrize("wrap", ["as it is", "masked", "mapped"])
def test_pixels_of_overlapping_parts_of_an_array(wrap):
    parts = [(slice(None), slice(0, 16)), (slice(None), slice(8, 24)), (slice(None, None, -1),)]
    make = {
        "as it is": lambda cube: cube,
        "masked": lambda cube: Scene(cube, valid=cube[..., 0] < 2).masked_cube(),
        "mapped": lambda cube: MappedCube(cube, np.abs),
    }[wrap]
    X, y = pixel_samples([make(CUBE[part]) for part in parts], [LABELS[part] for part in parts])
    original = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    places = [original[part] for part in parts]
    pixel = np.array(
        [places[n][tuple(place)] for n, place in zip(X.scene_ids, X.coords, strict=True)]
    )
    for first in range(3):
        train, test = X.scene_ids == first, X.scene_ids == (first + 1) % 3
        known = np.isin(pixel[test], pixel[train])
        report = leakage_report(X[train], X[test], 1)
        assert report.share_containing == report.share_overlapping == known.mean() > 0.1
        with pytest.warns(SplitWarning, match=f"^{known.sum()} of {test.sum()} test samples"):
            evaluate(GaussianNB(), X, y, [(train, test)], baselines=[])


def test_pixels_that_are_not_in_memory_of_their_own():
    # One value for all pixels, and cubes that are read from elsewhere.
    flat = np.broadcast_to(np.zeros((1, 1, 1)), (SIDE, SIDE, 1))
    for cubes in (flat, [flat, flat + 0], [Lazy(), CUBE[::-1].copy()], [Lazy(), Changed()]):
        n_scenes = len(cubes) if isinstance(cubes, list) else 1
        X, y = pixel_samples(cubes, [LABELS] * n_scenes)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            list(PerClassShareSplit(2, 0.5).split(X, y))
            twice = PixelSamples.concatenate([X, X[:5]])
        train, test = np.arange(len(X)), np.arange(len(X), len(twice))
        with pytest.warns(SplitWarning, match="are pixels that it trains on"):
            evaluate({}, twice, np.r_[y, y[:5]], [(train, test)], baselines=["majority"])


def test_scenes_that_differ_stay_apart():
    flat = np.zeros((SIDE, SIDE, 3))
    changed = CUBE.copy()
    changed[::2] += 1
    for other in (CUBE[::-1].copy(), changed, CUBE[:20] + 1, flat):
        X = PixelSamples([CUBE, other], [[0, 0], [9, 9]] * 2 + [[5, 7]] * 8, [0, 0, 1, 1] + [1] * 8)
        assert leakage_report(X[:2], X[2:], 3).distance_quantiles[0] == np.inf
    # Nothing is known of scenes without contrast, unless they are the same array.
    X = PixelSamples([flat, flat], [[0, 0]] * 2, [0, 1])
    assert leakage_report(X[:1], X[1:], 3).distance_quantiles[0] == 0
    X = PixelSamples([flat, flat.copy()], [[0, 0]] * 2, [0, 1])
    assert leakage_report(X[:1], X[1:], 3).distance_quantiles[0] == np.inf


def test_sides_of_different_scenes_cannot_be_compared():
    X, _ = pixel_samples(CUBE, LABELS)
    other, _ = pixel_samples(CUBE[::-1], LABELS)
    with pytest.raises(DataError, match="come from different scenes"):
        leakage_report(X[:9], other[9:], 3)
    swapped = [PixelSamples(cubes, X.coords) for cubes in ([CUBE, CUBE[::-1]], [CUBE[::-1], CUBE])]
    with pytest.raises(DataError, match="come from different scenes"):
        leakage_report(swapped[0][:9], swapped[1][9:], 3)
    copied, _ = pixel_samples(CUBE.copy(), LABELS)
    assert leakage_report(X[:9], copied[9:], 3) == leakage_report(X[:9], X[9:], 3)


SHARES = (
    "samples of split 0 are pixels that it trains on, so their labels are known. Train and test on "
    "different pixels; where samples repeat pixels, keep one of each: np.unique(np.c_[X.scene_ids, "
    "X.coords], axis=0, return_index=True)[1]."
)


@pytest.mark.parametrize("cv", [PerClassShareSplit(3, 0.5), PerClassShuffleSplit(3, 50)], ids=str)
def test_drawn_pixels_that_are_sampled_twice(cv):
    X, y = pixel_samples(CUBE, LABELS)
    for copy in (X, PixelSamples(CUBE.copy(), X.coords)):
        twice, labels = PixelSamples.concatenate([X, copy]), np.tile(y, 2)
        with pytest.warns(SplitWarning) as caught:
            train, test = next(cv.split(twice, labels))
        n_shared = sum(np.isin(test % len(X), train % len(X)))
        assert [str(warning.message) for warning in caught] == [
            f"{n_shared} of {len(test)} test {SHARES}"
        ]
        assert caught[0].filename == __file__
        with pytest.warns(SplitWarning) as caught:
            list(cv.split(twice, labels))
        assert len(caught) == 1
        with pytest.warns(SplitWarning) as caught:
            evaluate(GaussianNB(), twice, labels, cv, baselines=[])
        assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        list(cv.split(X, y))
        list(MapSplit(IS_FIRST, ~IS_FIRST).split(PixelSamples.concatenate([X, X])))


def test_a_pixel_of_two_classes_in_two_fields():
    labels = np.kron(np.resize([1, 2, 0], (6, 4)), np.pad(np.ones((3, 3), dtype=int), (0, 1)))
    X, y = pixel_samples(np.ones((*labels.shape, 2)), labels)
    twice, changed = PixelSamples.concatenate([X, X]), np.concatenate([y, 3 - y])
    with pytest.warns(SplitWarning, match="are pixels that it trains on"):
        list(FieldKFold(3).split(twice, changed))


def test_sides_with_common_samples_are_said():
    X, y = pixel_samples(CUBE, LABELS)
    every, last = np.arange(len(y)), np.arange(len(y) - 9, len(y))
    for train, test in ((every, last), (every, last - len(y)), (every >= 0, every >= last[0])):
        with pytest.warns(SplitWarning) as caught:
            evaluate(GaussianNB(), X, y, [(train, test)] * 2, baselines=[])
        assert [str(warning.message) for warning in caught] == [f"9 of 9 test {SHARES}"]
        assert caught[0].filename == __file__


def test_positions_without_scenes_take_those_of_the_samples():
    X, y = pixel_samples([CUBE, CUBE + 1], [LABELS, LABELS])
    cv = SpatialBlockKFold(3, block_size=6, buffer=2)
    for pair, other in zip(cv.split(X, y), cv.split(X, y, X.coords), strict=True):
        for side, expected in zip(pair, other, strict=True):
            np.testing.assert_array_equal(side, expected)


def test_maps_of_another_size():
    X, y = pixel_samples(CUBE, LABELS)
    fields = np.arange(1, 37).reshape(6, 6)
    fine = np.kron(fields, np.ones((8, 8), dtype=int))
    message = "The map of groups of scene 0 has 48 x 48 pixels, and the scene 24 x 24. Give one map"
    for use in (
        lambda: list(GroupMapKFold(fine, 3).split(X, y)),
        lambda: leakage_report(X[::2], X[1::2], 3, fine),
        lambda: evaluate(GaussianNB(), X, y, 2, groups=fine, baselines=[]),
    ):
        with pytest.raises(DataError) as error:
            use()
        assert str(error.value).startswith(message)
    with pytest.raises(DataError) as error:
        list(MapSplit(fine % 2 == 0, fine % 2 == 1).split(X, y))
    assert str(error.value) == (
        "The maps of scene 0 have 48 x 48 pixels, and the scene 24 x 24. Give maps of its height "
        "and width."
    )
    # Positions that are given may be those of another grid.
    for cv in (GroupMapKFold(fine, 3), MapSplit(fine % 2 == 0, fine % 2 == 1)):
        for moved in (X.coords, X.coords + 20):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SplitWarning)
                assert next(cv.split(np.asarray(X), y, moved))
        for moved in (X.coords - 1, np.c_[np.full(len(y), -1), X.coords]):
            with pytest.raises(DataError):
                next(cv.split(np.asarray(X), y, moved))
