"""Whatever the label map, a splitter makes a valid split or says why it cannot."""

import re
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hsvlm import PixelSamples, pixel_samples
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import (
    DistanceMatchedKFold,
    FieldKFold,
    MapSplit,
    PerClassShuffleSplit,
    SpatialBlockKFold,
    SpatialBlockShuffleSplit,
    spatial_holdout,
)

NAMES = np.array(["", "corn", "Oats", "woods, wet", "ß"])


@st.composite
def scenes(draw):
    """Labelled pixels of one or two scenes, down to a single pixel, a single class or neither."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    maps = []
    for _ in range(draw(st.integers(1, 2))):
        shape = np.array([draw(st.integers(1, 14)) for _ in "ab"])
        patch = draw(st.sampled_from([1, 2, 5, 14]))
        fields = rng.integers(0, draw(st.integers(1, 5)), size=shape // patch + 1)
        label_map = np.kron(fields, np.ones((patch, patch), dtype=int))[: shape[0], : shape[1]]
        label_map[rng.random(label_map.shape) < draw(st.sampled_from([0, 0.5, 0.95]))] = 0
        label_map[rng.random(label_map.shape) < 0.01] = 4  # a class of few pixels
        maps.append(label_map)
    assume(any(one.any() for one in maps))
    X, y = pixel_samples([np.zeros((*one.shape, 1)) for one in maps], maps, unlabeled=[0])
    order = rng.permutation(len(X))
    return X[order], NAMES[y[order]] if draw(st.booleans()) else y[order]


@st.composite
def block_splitters(draw):
    common = {
        "block_size": draw(st.integers(1, 16)),
        "buffer": draw(st.sampled_from([0, 0, 1, 3, 8])),
        "random_state": draw(st.integers(0, 100)),
    }
    if draw(st.booleans()):
        return SpatialBlockKFold(draw(st.integers(2, 6)), **common)
    share = draw(st.sampled_from([0.01, 0.1, 0.5, 0.9, 0.99]))
    return SpatialBlockShuffleSplit(draw(st.integers(1, 3)), share, **common)


def outcome(cv, X, y):
    """Splits or a message, and warnings; anything else that is raised fails the test."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = list(cv.split(X, y))
        except (DataError, ParameterError) as error:
            result = str(error)
    assert {one.category for one in caught} <= {SplitWarning}
    return result, [str(one.message) for one in caught]


def places(X):
    return np.column_stack([X.scene_ids, X.coords])


def distances(X, to):
    """Chebyshev distance of each sample to the nearest of others in its scene, by brute force."""
    apart = abs(X.coords[:, None] - to.coords[None]).max(axis=2).astype(float)
    apart[X.scene_ids[:, None] != to.scene_ids[None]] = np.inf
    return apart.min(axis=1, initial=np.inf)


@pytest.mark.slow
@settings(max_examples=300)
@given(scenes(), block_splitters())
def test_blocks_make_valid_splits_or_an_error_that_is_true(scene, cv):
    X, y = scene
    result, said = outcome(cv, X, y)
    blocks = places(X) // [1, cv.block_size, cv.block_size]
    n_blocks = len(np.unique(blocks, axis=0))
    needed = cv.n_splits if isinstance(cv, SpatialBlockKFold) else 2
    assert (n_blocks < needed) == (f"into {n_blocks} block" in str(result))
    if isinstance(result, str):
        spread = any(len(np.unique(blocks[y == label], axis=0)) > 1 for label in np.unique(y))
        too_few = n_blocks < needed
        assert (
            too_few
            or (f"buffer={cv.buffer} leaves split " in result and cv.buffer)
            or (
                " trains on every block, since every class lies in a single block" in result
                and not spread
            )
        )
        return
    assert len(result) == cv.n_splits
    left_out = np.zeros(len(X), dtype=int)
    for train, test in result:
        assert len(train)
        assert len(test)
        assert len(np.unique(train)) == len(train)
        outside = np.setdiff1d(np.arange(len(X)), train)
        left_out[outside] += 1
        far = distances(X[outside], X[train]) > cv.buffer
        np.testing.assert_array_equal(test, outside[far])
        assert not {*map(tuple, blocks[train])} & {*map(tuple, blocks[outside])}
    if isinstance(cv, SpatialBlockKFold):
        assert (left_out == 1).all()
    check_warnings(said, cv, y, result)


def check_warnings(said, cv, y, splits):
    """Warnings name every class that is not trained on or never tested, and no other."""
    classes = np.unique(y)
    expected = []
    for number, (train, _) in enumerate(splits):
        share = len(train) / len(y)
        if isinstance(cv, SpatialBlockShuffleSplit) and not 0.5 <= share / cv.train_size <= 2:
            expected.append(f"Split {number} trains on {share:.1%} of the samples instead of ")
    for label in classes:
        where = [str(n) for n, (train, _) in enumerate(splits) if label not in y[train]]
        if where:
            expected.append(
                f"Class {label} has no training sample in split {', '.join(where)}: its pixels "
            )
    tested = np.concatenate([y[test] for _, test in splits])
    untested = [str(label) for label in classes if label not in tested]
    if untested:
        kind = "class" if len(untested) == 1 else "the classes"
        expected.append(f"No split tests {kind} {', '.join(untested)}: all pixels are training ")
    assert len(said) == len(expected)
    for text, start in zip(said, expected, strict=True):
        assert text.startswith(start)


SPLITTERS = [
    SpatialBlockKFold(2, block_size=2, buffer=0),
    SpatialBlockShuffleSplit(2, block_size=2, buffer=0),
    FieldKFold(2),
    DistanceMatchedKFold(2),
    PerClassShuffleSplit(2, 2),
    MapSplit(np.eye(4, dtype=int), 1 - np.eye(4, dtype=int)),
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
@pytest.mark.parametrize(
    ("chosen", "change", "message"),
    [
        (slice(0, 0), np.asarray, "{} got no samples. Check what selected them."),
        (
            slice(16),
            lambda y: y[:, None],
            "y has shape (16, 1), but there are 16 samples. Pass its only column: numpy.ravel(y).",
        ),
        (slice(16), lambda y: np.where(y == 1, np.nan, y), "y holds 4 NaN or infinite labels. "),
        (slice(16), lambda y: [None, *y[1:].tolist()], "1 of 16 labels are missing. "),
        (
            slice(16),
            lambda y: np.array(["corn", *y[1:].tolist()], dtype=object),
            "y holds objects of types int, str. ",
        ),
        (slice(16), lambda y: y + 0.5, "Unknown label type: continuous, such as 1.5. "),
    ],
    ids=["empty", "column", "nan", "none", "mixed", "fractions"],
)
def test_samples_and_labels_that_cannot_be_split_are_refused(cv, chosen, change, message):
    X = PixelSamples(np.zeros((4, 4, 1)), np.argwhere(np.ones((4, 4))))[chosen]
    result, _ = outcome(cv, X, change(np.eye(4, dtype=int).ravel()[chosen]))
    assert result.startswith(message.format(type(cv).__name__))


@pytest.mark.slow
@given(
    st.lists(st.sampled_from([1, 2, 3, 7]), min_size=1, max_size=40),
    st.sampled_from([int, str, float]),
    st.integers(1, 12),
    st.integers(0, 100),
)
def test_draws_per_class_are_valid_or_name_the_lonely_classes(labels, kind, count, seed):
    y = np.array(labels).astype(kind)
    cv = PerClassShuffleSplit(2, count, random_state=seed)
    result, said = outcome(cv, y, y)
    sizes = {label: int((y == label).sum()) for label in np.unique(y)}
    lonely = [str(label) for label, size in sizes.items() if size == 1]
    assert isinstance(result, str) == (len(lonely) == len(sizes))
    if isinstance(result, str):
        return
    assert bool(said) == bool(lonely)
    if lonely:
        named = re.match(r"Class(es)? (.*) with a single sample", str(said[0]))
        assert named[2] == ", ".join(lonely)
    for train, test in result:
        assert sorted([*train, *test]) == list(range(len(y)))
        for label, size in sizes.items():
            assert (y[train] == label).sum() == min(count, max(1, size - 1))
    again, _ = outcome(cv, y, y)
    for pair, other in zip(result, again, strict=True):
        assert [one.tolist() for one in pair] == [one.tolist() for one in other]


@pytest.mark.slow
@settings(max_examples=300)
@given(
    seed=st.integers(0, 100_000),
    unlabeled=st.sampled_from([0, -1, 9]),
    flaw=st.sampled_from(["", "", "overlap", "labels", "empty", "missing", "elsewhere"]),
)
def test_maps_make_the_split_that_a_loop_finds(seed, unlabeled, flaw):
    rng = np.random.default_rng(seed)
    shapes = [tuple(rng.integers(1, 6, size=2)) for _ in range(rng.integers(1, 3))]
    truth = [rng.integers(1, 4, size=shape) for shape in shapes]
    side = [rng.integers(0, 3, size=shape) for shape in shapes]
    if flaw == "empty":
        side = [np.where(one == 1, 0, one) for one in side]
    maps = [
        [np.where(one == number, label, unlabeled) for one, label in zip(side, truth, strict=True)]
        for number in (1, 2)
    ]
    if flaw == "overlap":
        maps[1][0] = np.where(maps[0][0] == unlabeled, maps[1][0], maps[0][0])
    counts = [sum(int((one != unlabeled).sum()) for one in maps[number]) for number in (0, 1)]
    shared = sum(
        int(((one != unlabeled) & (other != unlabeled)).sum())
        for one, other in zip(*maps, strict=True)
    )
    if shared or not all(counts):
        with pytest.raises(ParameterError) as error:
            MapSplit(*maps, unlabeled)
        start = f"{shared} pixels are" if shared else "The training map" if not counts[0] else "The"
        assert str(error.value).startswith(start)
        return
    X, y = pixel_samples([np.zeros((*one, 1)) for one in shapes], truth)
    kept = rng.permutation(len(X))[: len(X) // 2 if flaw == "missing" else None]
    X, y = X[kept], y[kept]
    if flaw == "labels":
        y = np.where(rng.random(len(y)) < 0.1, 7, y)
    if flaw == "elsewhere":
        X = PixelSamples([np.zeros((9, 9, 1))] * len(shapes), X.coords + 4, X.scene_ids)
    here = [
        side[scene][row, col] if row < shapes[scene][0] and col < shapes[scene][1] else None
        for scene, row, col in places(X).tolist()
    ]
    result, said = outcome(MapSplit(*maps, unlabeled), X, y)
    labelled = [n for n, one in enumerate(here) if one]
    if None in here:
        assert re.match("A sample lies at .*, outside the maps of ", result)
    elif not {1, 2} <= set(here):
        assert result.startswith("No sample lies on one of the maps' pixels.")
    elif any(y[n] != truth[X.scene_ids[n]][tuple(X.coords[n])] for n in labelled):
        assert " samples have another label than the map, the first at " in result
    else:
        expected = [[n for n, one in enumerate(here) if one == number] for number in (1, 2)]
        assert [one.tolist() for one in result[0]] == expected
        missing = sum(counts) - len(labelled)
        assert [text.split(" are ")[0] for text in said] == (
            [f"{missing} pixels of the maps"] if missing else []
        )


@pytest.mark.slow
@given(scenes(), st.integers(1, 16), st.sampled_from([0.01, 0.2, 0.5, 0.9]), st.integers(0, 100))
def test_what_is_held_out_leaves_half_of_every_class(scene, block_size, fraction, seed):
    X, y = scene
    blocks = places(X) // [1, block_size, block_size]

    def may_be_held(held):
        halves = all(2 * (y[held] == label).sum() <= (y == label).sum() for label in np.unique(y))
        return halves and held.sum() <= fraction * len(y)

    alone = [may_be_held((blocks == one).all(axis=1)) for one in np.unique(blocks, axis=0)]
    if not any(alone):
        with pytest.raises(ParameterError, match=rf"^validation_fraction={fraction} leaves no"):
            spatial_holdout(X, y, fraction, block_size, np.random.RandomState(seed))
        return
    kept, held = spatial_holdout(X, y, fraction, block_size, np.random.RandomState(seed))
    assert sorted([*kept, *held]) == list(range(len(X)))
    assert len(held)
    assert may_be_held(np.isin(np.arange(len(X)), held))
    assert not {*map(tuple, blocks[kept])} & {*map(tuple, blocks[held])}
