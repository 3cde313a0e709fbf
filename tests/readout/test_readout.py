"""The random walk over a scene, against plain loops and a direct solution."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.linalg import spsolve

from hsvlm.readout import NEIGHBORS, neighbor_distances, random_walk, steps_until, transitions

SHAPE = (7, 9)


def random_scene(seed, shape=SHAPE, n_classes=3):
    """Features, probabilities, four known pixels and their targets."""
    rng = np.random.default_rng(seed)
    size = shape[0] * shape[1]
    features = rng.normal(size=(*shape, 2)).astype(np.float32)
    probabilities = rng.dirichlet(np.ones(n_classes), size).astype(np.float32)
    known = np.sort(rng.choice(size, min(4, size), replace=False))
    targets = np.eye(n_classes, dtype=np.float32)[rng.integers(n_classes, size=len(known))]
    return features, probabilities, known, targets


def everywhere(shape=SHAPE):
    return np.ones(shape, dtype=bool)


def steps_between(shape, pixel):
    """Steps of a walk from each pixel to one of them."""
    return np.abs(np.indices(shape) - np.reshape(pixel, (2, 1, 1))).max(axis=0).ravel()


# Distances of neighbours


@pytest.mark.parametrize("step", NEIGHBORS)
def test_distances_are_those_of_a_loop(step):
    features = random_scene(0)[0]
    valid = np.random.default_rng(1).random(SHAPE) > 0.3
    expected = {}
    for row, col in np.ndindex(*SHAPE):
        there = row + step[0], col + step[1]
        if not all(0 <= one < size for one, size in zip(there, SHAPE, strict=True)):
            continue
        if valid[row, col] and valid[there]:
            difference = features[row, col].astype(float) - features[there]
            pair = np.ravel_multi_index(((row, there[0]), (col, there[1])), SHAPE)
            expected[tuple(pair.tolist())] = np.sum(difference**2)
    first, second, distances = neighbor_distances(features, valid, step)
    assert distances.dtype == np.float64
    assert len(first) == len(expected)
    for one, other, distance in zip(first.tolist(), second.tolist(), distances, strict=True):
        assert distance == pytest.approx(expected[one, other], rel=1e-5)


def test_the_eight_neighbours_of_a_pixel_are_seen_once():
    pairs = [neighbor_distances(np.zeros((3, 3, 1)), everywhere((3, 3)), one) for one in NEIGHBORS]
    ends = np.concatenate([np.column_stack(one[:2]) for one in pairs])
    around = ends[(ends == 4).any(axis=1)].sum(axis=1) - 4
    assert sorted(around.tolist()) == [0, 1, 2, 3, 5, 6, 7, 8]


# Transitions


@pytest.mark.parametrize("agreement", [None, 2.0, 0.5])
def test_transitions_follow_the_formula(agreement):
    features, probabilities = random_scene(0)[:2]
    seen = {} if agreement is None else {"probabilities": probabilities, "agreement": agreement}
    walk = transitions(features, everywhere(), scale=0.7, contrast=3.0, **seen)
    root = np.sqrt(probabilities).reshape(*SHAPE, -1)
    assert walk.dtype == np.float32
    found = walk.toarray()
    for row, col in np.ndindex(*SHAPE):
        weights = np.zeros(SHAPE)
        for down, right in np.ndindex(3, 3):
            there = row + down - 1, col + right - 1
            inside = all(0 <= one < size for one, size in zip(there, SHAPE, strict=True))
            if inside and there != (row, col):
                distance = np.sum((features[row, col].astype(float) - features[there]) ** 2)
                length = (down - 1) ** 2 + (right - 1) ** 2
                alike = (1 + 3.0 * distance / 0.7) ** -2
                alike *= (root[row, col] @ root[there]) ** (agreement or 0)
                weights[there] = (1e-4 + alike) / length
        expected = weights.ravel() / weights.sum()
        np.testing.assert_allclose(found[row * SHAPE[1] + col], expected, rtol=1e-4)


def test_without_agreement_probabilities_are_not_seen():
    features, probabilities = random_scene(0)[:2]
    expected = transitions(features, everywhere(), 0.7, 3.0).toarray()
    for walk in (
        transitions(features, everywhere(), 0.7, 3.0, probabilities, 0.0),
        transitions(features, everywhere(), 0.7, 3.0, np.full_like(probabilities, 1 / 3), 2.0),
    ):
        np.testing.assert_allclose(walk.toarray(), expected, rtol=1e-5)


def test_without_contrast_edges_are_not_seen():
    one, other = (
        transitions(random_scene(seed)[0], everywhere(), 1.0, 0.0).toarray() for seed in (0, 1)
    )
    np.testing.assert_array_equal(one, other)


def test_edges_stop_the_walk():
    features = np.zeros((5, 6, 1), dtype=np.float32)
    features[:, 3:] = 50
    side = (np.arange(30) % 6) < 3
    crossing = transitions(features, everywhere((5, 6)), 1.0, 4.0).toarray()[side][:, ~side]
    assert 0 < crossing.max() < 1e-3


def test_invalid_pixels_are_not_entered_and_isolated_ones_stay():
    valid = everywhere()
    valid[2, :] = valid[:, 4] = False
    valid[:2, :2] = False
    valid[0, 0] = True  # all its neighbours are invalid
    found = transitions(random_scene(0)[0], valid, 1.0, 4.0).toarray()
    invalid = ~valid.ravel()
    assert found[np.ix_(~invalid, invalid)].max() == 0
    alone = invalid.copy()
    alone[0] = True
    np.testing.assert_array_equal(found[alone], np.eye(63, dtype=np.float32)[alone])
    assert (np.diag(found)[~alone] == 0).all()


@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 6),
    st.floats(0, 1),
    st.floats(1e-6, 1e6),
    st.floats(0, 1e6),
)
@settings(max_examples=40)
def test_transitions_are_probabilities(seed, height, width, share, scale, contrast):
    valid = np.random.default_rng(seed).random((height, width)) < share
    walk = transitions(random_scene(seed, (height, width))[0], valid, scale, contrast)
    assert walk.shape == (height * width, height * width)
    np.testing.assert_allclose(walk.sum(axis=1), 1, rtol=1e-5)
    found = walk.toarray()
    assert (found >= 0).all()
    np.testing.assert_array_equal(found > 0, found.T > 0)


# Walks


def solve(walk, probabilities, known, targets, restart):
    """The end of the iteration."""
    unknown = np.ones(len(probabilities))
    unknown[known] = 0
    source = restart * probabilities.astype(float)
    source[known] = targets
    onward = sparse.diags_array((1 - restart) * unknown) @ walk.astype(np.float64)
    return spsolve(sparse.csc_array(sparse.eye_array(len(unknown)) - onward), source)


@pytest.mark.parametrize("restart", [0.05, 0.3])
def test_many_steps_solve_the_equations(restart):
    features, probabilities, known, targets = random_scene(2)
    walk = transitions(features, everywhere(), 1.0, 4.0)
    found = random_walk(walk, probabilities, known, targets, restart, 200)
    assert found.dtype == np.float32
    expected = solve(walk, probabilities, known, targets, restart)
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("restart", [0.003, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("error", [0.1, 1e-3])
def test_after_so_many_steps_little_of_the_error_remains(seed, restart, error):
    features, probabilities, known, targets = random_scene(seed)
    # Edges everywhere: hardest to solve.
    walk = transitions(features, everywhere(), 1.0, 1.0)
    expected = solve(walk, probabilities, known, targets, restart)
    guess = probabilities.copy()
    guess[known] = targets
    found = random_walk(walk, probabilities, known, targets, restart, steps_until(error, restart))
    # In the norm in which the walk is symmetric: weighted by how often pixels are visited.
    values, vectors = np.linalg.eig(walk.toarray().T.astype(float))
    visits = np.abs(vectors[:, values.real.argmax()])[:, None]
    before, after = (np.sqrt((visits * np.square(one - expected)).sum()) for one in (guess, found))
    assert after <= error * before + 1e-5


def test_steps_until_is_the_smallest_number_that_is_enough():
    for restart in (1e-6, 0.0005, 0.02, 0.2, 0.7, 0.999):
        factor = (1 - restart) / (1 + np.sqrt(1 - (1 - restart) ** 2))
        for error in (0.3, 1e-3, 1e-6, 1e-9):
            n_steps = steps_until(error, restart)
            assert type(n_steps) is int
            assert 2 * factor**n_steps <= error * (1 + 1e-9)
            assert n_steps == 1 or 2 * factor ** (n_steps - 1) > error
    assert steps_until(1e-6, 1.0) == steps_until(5.0, 0.01) == 1


def test_restarts_too_small_for_a_number_are_walks_without_an_end():
    assert steps_until(1e-6, 1e-17) > 10**6
    features, probabilities, known, targets = random_scene(2)
    walk = transitions(features, everywhere(), 1.0, 4.0)
    found, expected = (
        random_walk(walk, probabilities, known, targets, restart, 50)
        for restart in (1e-17, np.float32(1e-12))
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


class CountedWalk:
    """Transitions that count their uses."""

    def __init__(self, walk):
        self.walk, self.n_uses = walk, 0

    def __matmul__(self, values):
        self.n_uses += 1
        return self.walk @ values


@pytest.mark.parametrize("restart", [0.02, 0.3, 1.0])
def test_steps_that_would_change_nothing_are_not_made(restart):
    features, probabilities, known, targets = random_scene(5)
    walk = CountedWalk(transitions(features, everywhere(), 1.0, 4.0))
    random_walk(walk, probabilities, known, targets, restart, 1000)
    assert walk.n_uses == steps_until(1e-6, restart) < 100
    walk.n_uses = 0
    random_walk(walk, probabilities, known, targets, restart, 3)
    assert walk.n_uses == min(3, steps_until(1e-6, restart))


def test_a_step_is_an_average_over_the_neighbours():
    features, probabilities, _, _ = random_scene(3)
    walk = transitions(features, everywhere(), 1.0, 4.0)
    none = np.empty(0, dtype=np.intp)
    found = random_walk(walk, probabilities, none, np.empty((0, 3), np.float32), 0.2, 1)
    expected = 0.8 * (walk @ probabilities) + 0.2 * probabilities
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_inputs_are_not_written_to():
    features, probabilities, known, targets = random_scene(3)
    walk = transitions(features, everywhere(), 1.0, 4.0)
    for one in (probabilities, known, targets, walk.data):
        one.setflags(write=False)
    before = probabilities.copy()
    random_walk(walk, probabilities, known, targets, 0.1, 5)
    np.testing.assert_array_equal(probabilities, before)


def test_a_restart_in_every_step_leaves_unknown_pixels():
    features, probabilities, known, targets = random_scene(4)
    walk = transitions(features, everywhere(), 1.0, 4.0)
    found = random_walk(walk, probabilities, known, targets, 1.0, 7)
    probabilities[known] = targets
    np.testing.assert_allclose(found, probabilities, atol=1e-6)


def test_labels_are_carried_to_where_nothing_is_known():
    _, probabilities, _, _ = random_scene(5)
    probabilities[:] = 1 / 3
    features = np.zeros((*SHAPE, 1), dtype=np.float32)
    features[:, 5:] = 10  # an edge between two fields
    walk = transitions(features, everywhere(), 1.0, 4.0)
    known = np.array([3 * 9 + 1, 3 * 9 + 7])
    found = random_walk(walk, probabilities, known, np.eye(3, dtype=np.float32)[:2], 0.01, 100)
    classes = found.argmax(axis=1).reshape(SHAPE)
    assert (classes[:, :5] == 0).all()
    assert (classes[:, 5:] == 1).all()


@pytest.mark.parametrize("n_steps", [1, 2, 5])
def test_what_is_farther_than_the_steps_changes_nothing(n_steps):
    shape, pixel = (6, 16), (2, 4)
    features, probabilities, _, _ = random_scene(6, shape)
    none, nothing = np.empty(0, dtype=np.intp), np.empty((0, 3), np.float32)
    there = np.ravel_multi_index(pixel, shape)
    changed, edge = probabilities.copy(), features.copy()
    changed[there] = (0, 0, 1)
    edge[pixel] += 9
    walk, other_walk = (transitions(one, everywhere(shape), 1.0, 4.0) for one in (features, edge))
    label = np.array([there]), np.eye(3, dtype=np.float32)[:1]
    expected = random_walk(walk, probabilities, none, nothing, 0.01, n_steps)
    distance = steps_between(shape, pixel)
    for found in (
        random_walk(walk, changed, none, nothing, 0.01, n_steps),
        random_walk(other_walk, probabilities, none, nothing, 0.01, n_steps),
        random_walk(walk, probabilities, *label, 0.01, n_steps),
    ):
        differs = (found != expected).any(axis=1)
        assert not differs[distance > n_steps].any()
        assert differs[distance == n_steps].any()


@pytest.mark.slow
@given(
    st.integers(0, 1000),
    st.integers(1, 6),
    st.integers(1, 6),
    st.floats(0, 1),
    st.floats(1e-4, 1),
    st.integers(1, 60),
)
@example(seed=0, height=2, width=6, share=0.0, restart=1e-4, n_steps=54)
@settings(max_examples=60)
def test_what_comes_out_are_probabilities(seed, height, width, share, restart, n_steps):
    shape = height, width
    features, probabilities, known, targets = random_scene(seed, shape)
    probabilities[::2] = np.eye(3, dtype=np.float32)[seed % 3]  # as certain as a network gets
    valid = np.random.default_rng(seed).random(shape) < share
    walk = transitions(features, valid, 1.0, 4.0)
    found = random_walk(walk, probabilities, known, targets, restart, n_steps)
    assert found.shape == probabilities.shape
    assert (found > 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found[known], targets, atol=1e-6)
    # A pixel that no walk leaves keeps what it has; rounding to float32 adds up over the steps.
    alone = np.setdiff1d(np.flatnonzero(walk.diagonal() == 1), known)
    np.testing.assert_allclose(found[alone], probabilities[alone], atol=2e-4)


@given(st.integers(0, 1000), st.sampled_from([(1, 0), (0, 1), (1, 1)]))
@settings(max_examples=15)
def test_no_direction_is_preferred(seed, mirrored):
    """A scene that is mirrored gives the mirrored result."""
    axes = tuple(axis for axis, one in enumerate(mirrored) if one)
    features, probabilities, known, targets = random_scene(seed)
    place = np.flip(np.arange(63).reshape(SHAPE), axes).ravel()
    found = [
        random_walk(transitions(one, everywhere(), 1.0, 4.0), other, here, targets, 0.05, 30)
        for one, other, here in (
            (features, probabilities, known),
            (np.flip(features, axes), probabilities[place], place.argsort()[known]),
        )
    ]
    np.testing.assert_allclose(found[1], found[0][place], atol=1e-5)
