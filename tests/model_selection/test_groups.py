"""Folds of whole groups that a map numbers."""

import numpy as np
import pytest

from hsvlm import Scene, pixel_samples
from hsvlm.evaluation import evaluate, leakage_report, scene_protocol
from hsvlm.exceptions import DataError, ParameterError, SplitWarning
from hsvlm.model_selection import GroupMapKFold


def fields(n_classes, seed=0):
    """Make 24 fields of 5 x 5 pixels, each of one class."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.resize(np.arange(1, n_classes + 1), 24)).reshape(4, 6)
    patch = np.ones((5, 5), dtype=int)
    return np.kron(np.arange(1, 25).reshape(4, 6), patch), np.kron(classes, patch)


@pytest.mark.parametrize("n_splits", [2, 3, 4])
@pytest.mark.parametrize("n_classes", [2, 4, 6])
def test_every_group_is_left_out_once_and_every_class_is_trained_on(n_classes, n_splits):
    groups, labels = fields(n_classes)
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    group = groups.ravel()
    splits = list(GroupMapKFold(groups, n_splits).split(X, y))
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(len(y)))
    for train, test in splits:
        assert sorted([*train, *test]) == list(range(len(y)))
        assert not set(group[train]) & set(group[test])
        assert set(y[train]) == set(range(1, n_classes + 1))
    again = list(GroupMapKFold(groups, n_splits).split(X, y))
    for pair, other in zip(splits, again, strict=True):
        np.testing.assert_array_equal(pair[0], other[0])


def test_a_class_of_one_group_is_trained_on_and_never_tested():
    groups, labels = fields(3)
    labels[:5, :5] = 9
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    with pytest.warns(SplitWarning) as caught:
        splits = list(GroupMapKFold(groups, 3).split(X, y))
    assert [str(one.message) for one in caught] == [
        "Class 9 with too few groups: trained on in every split and never tested. Averages over "
        "classes leave them out."
    ]
    for train, test in splits:
        assert 9 in y[train]
        assert 9 not in y[test]


def test_samples_without_a_group_are_left_out():
    groups, labels = fields(3)
    groups[:, :5] = 0
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    with pytest.warns(SplitWarning, match="100 of 600 samples have no group"):
        splits = list(GroupMapKFold(groups, 3).split(X, y))
    for sides in splits:
        assert X.coords[np.concatenate(sides), 1].min() == 5


def test_the_same_number_in_two_scenes_is_two_groups():
    groups, labels = fields(2)
    cube = np.ones((20, 30, 2))
    X, y = pixel_samples([cube, cube + 1], [labels, labels])
    for train, test in GroupMapKFold([groups, groups], 4).split(X, y):
        report = leakage_report(X[train], X[test], 1, [groups, groups])
        assert report.share_same_group == 0
    tests = [test for _, test in GroupMapKFold([groups, groups], 4).split(X, y)]
    numbers = [set(groups[tuple(X.coords[test].T)]) for test in tests]
    assert sum(map(len, numbers)) > 24


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda groups: groups - 1.5, "It must have shape"),
        (lambda groups: -groups, "It must have shape"),
        (lambda groups: groups.ravel(), "It must have shape"),
        (lambda groups: groups[:10], "lie outside the map of groups, of 10 x 30"),
        (lambda groups: 0 * groups, "has none where there are labels"),
    ],
)
def test_maps_of_groups_that_do_not_fit(change, message):
    groups, labels = fields(2)
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    with pytest.raises(DataError, match=message):
        list(GroupMapKFold(change(groups), 2).split(X, y))


def test_masked_pixels_of_a_map_have_no_group():
    groups, labels = fields(3)
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    for value in (0, 255):
        masked = np.ma.array(np.where(groups == 7, value, groups), mask=groups == 7)
        with pytest.warns(SplitWarning, match="25 of 600 samples have no group"):
            splits = list(GroupMapKFold(masked, 3).split(X, y))
        assert not any((groups.ravel()[side] == 7).any() for pair in splits for side in pair)


def test_too_few_groups():
    groups, labels = fields(2)
    X, y = pixel_samples(np.ones((20, 30, 2)), labels)
    with pytest.raises(ParameterError) as error:
        list(GroupMapKFold(labels, 2).split(X, y))
    assert str(error.value) == (
        "0 of 2 groups can be left out while every class keeps one, fewer than n_splits=2. Classes "
        "1, 2 with a single group. Use fewer splits, or blocks."
    )
    with pytest.raises(ParameterError, match="24 of 24 groups"):
        list(GroupMapKFold(groups, 25).split(X, y))


def test_the_protocol_of_groups_takes_those_of_the_scene_or_others():
    groups, labels = fields(3)
    scene = Scene(np.ones((20, 30, 2)), labels)
    with pytest.raises(ParameterError, match="needs groups") as error:
        scene_protocol(scene, "groups")
    assert "--group-column" in error.value.for_command_line()
    stated = scene_protocol(scene, "groups", 3, groups=groups)
    own = scene_protocol(Scene(scene.cube, labels, groups=groups), "groups", 3)
    for protocol in (stated, own):
        report = evaluate(
            {}, protocol.X, protocol.y, protocol.cv, groups=protocol.groups, baselines="coordinates"
        )
        assert [one.share_same_group for one in report.leakage] == [0, 0, 0]
        assert report.protocol == "GroupMapKFold(24 groups, n_splits=3)"


@pytest.fixture
def maps():
    _, labels = fields(3)
    half = np.indices(labels.shape)[1] < 15
    return np.where(half, labels, 0), np.where(half, 0, labels)


def test_the_protocol_of_a_test_map(maps):
    train, test = maps
    protocol = scene_protocol(Scene(np.ones((20, 30, 2)), train), "test-map", 2, test_labels=test)
    splits = list(protocol.cv.split(protocol.X, protocol.y))
    assert len(splits) == 2
    for sides in splits:
        for side, label_map in zip(sides, maps, strict=True):
            np.testing.assert_array_equal(protocol.y[side], label_map[label_map > 0])


@pytest.mark.parametrize("mark", [0, 9, -1, 255, ""])
def test_the_test_map_marks_missing_labels_as_the_scene_does(maps, mark):
    names = np.array(["", "corn", "oats", "soil"])
    marked = [
        names[label_map] if isinstance(mark, str) else np.where(label_map == 0, mark, label_map)
        for label_map in maps
    ]
    scene = Scene(np.ones((20, 30, 2)), marked[0], unlabeled=mark)
    protocol = scene_protocol(scene, "test-map", 1, test_labels=marked[1])
    for side, label_map in zip(protocol.make_splits()[0], marked, strict=True):
        np.testing.assert_array_equal(protocol.y[side], label_map[label_map != mark])


def test_test_pixels_that_are_training_pixels_are_counted_and_left_out(maps):
    train, test = maps
    scene = Scene(np.ones((20, 30, 2)), train)
    overlapping = test.copy()
    overlapping[:4, :5] = train[:4, :5]
    overlapping[0, 0] = 1 + train[0, 0] % 3
    with pytest.warns(SplitWarning) as caught:
        protocol = scene_protocol(scene, "test-map", 1, test_labels=overlapping)
    assert str(caught[0].message) == (
        "20 of 320 test pixels are training pixels (1 of them with another label) and are left out "
        "of the test."
    )
    side = next(protocol.cv.split(protocol.X, protocol.y))[1]
    np.testing.assert_array_equal(protocol.y[side], test[test > 0])
    with pytest.raises(DataError, match="300 of 300 test pixels are training pixels"):
        scene_protocol(scene, "test-map", 1, test_labels=train)


def test_classes_of_the_test_map_only(maps):
    train, test = maps
    scene = Scene(np.ones((20, 30, 2)), train)
    test[0, -1] = 7
    with pytest.warns(SplitWarning, match="without training pixels: 7"):
        scene_protocol(scene, "test-map", 1, test_labels=test)
    with pytest.raises(DataError, match="without training pixels: 10, 11, 12, 13"):
        scene_protocol(scene, "test-map", 1, test_labels=np.where(maps[1] == 0, 0, test % 7 + 10))
    with pytest.raises(ParameterError, match="needs a test map") as error:
        scene_protocol(scene, "test-map")
    assert "--test-labels" in error.value.for_command_line()
    with pytest.raises(DataError, match="labels no pixel"):
        scene_protocol(scene, "test-map", test_labels=0 * test)
