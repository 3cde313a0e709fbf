"""Every protocol with classes of one, two and three pixels: it runs, or ends in a sentence."""

import contextlib
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneOut,
    StratifiedKFold,
    StratifiedShuffleSplit,
)

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import SCENE_PROTOCOLS, evaluate, scene_protocol
from hsvlm.exceptions import HSVLMError, SplitWarning
from hsvlm.model_selection import GroupMapKFold

SIZES = [(200, 200), (1, 200), (1, 150, 150), (2, 150, 150), (3, 150), (1, 2, 3, 150)]
TINY = [(1, 1), (2, 2), (3, 3), (1, 2), (150,), (1,)]


def scene_of(sizes):
    """Make a scene whose classes have these numbers of pixels, in fields of 4 x 4 pixels."""
    full = make_synthetic_scene(n_classes=max(2, len(sizes)), labeled_share=1.0, random_state=0)
    rng = np.random.default_rng(0)
    labels = np.zeros(full.shape, dtype=int)
    for label, size in enumerate(sizes, start=1):
        members = rng.permutation(np.argwhere(full.labels == label))[:size]
        labels[tuple(members.T)] = label
    fields = np.indices(full.shape) // 4
    return Scene(full.cube, labels, groups=1 + 8 * fields[0] + fields[1])


def outcome(scene, name, estimator, **changes):
    """Evaluate; return the report, or the error, and what was warned of."""
    test_labels = np.roll(scene.labels, 1, axis=1) if name == "test-map" else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            protocol = scene_protocol(scene, name, 2, test_labels=test_labels)
            report = evaluate(
                estimator,
                protocol.X,
                protocol.y,
                protocol.cv,
                groups=protocol.groups,
                **changes,
            )
        except HSVLMError as error:
            return error, caught
    return report, caught


@pytest.mark.slow
@pytest.mark.parametrize("sizes", SIZES + TINY, ids=str)
@pytest.mark.parametrize("name", SCENE_PROTOCOLS)
def test_protocols_run_or_say_why_not(name, sizes):
    scene = scene_of(sizes)
    result, caught = outcome(scene, name, {"logistic": LogisticRegression()})
    if isinstance(result, HSVLMError):
        assert len(str(result)) < 400
        # Only scenes without a usable split are refused.
        usable = sizes in SIZES and not (name == "groups" and min(sizes) == 1 and len(sizes) == 2)
        assert not usable, result
        return
    assert all(0 <= one.overall_accuracy <= 1 for one in result.results)
    n_tested = len(set().union(*(one.recall for one in result.results)))
    if n_tested < len(sizes):
        assert any(issubclass(one.category, SplitWarning) for one in caught)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random-10", "ten-per-class", "blocks"])
def test_the_classifier_on_classes_of_one_to_three_pixels(name, settings):
    scene = scene_of((1, 2, 3, 150))
    clf = HSIPromptClassifier(
        **{**settings, "max_epochs": 1, "spatial": "random-walk", "text_encoder": np.eye(4, 8)}
    )
    result, caught = outcome(scene, name, clf, baselines=())
    assert not isinstance(result, HSVLMError), result
    assert any(issubclass(one.category, SplitWarning) for one in caught)


SPLITTERS = {
    "stratified draws": StratifiedShuffleSplit(2, train_size=0.1, random_state=0),
    "stratified folds": StratifiedKFold(3),
    "folds": KFold(3),
    "a number of folds": 3,
    "leave one out": LeaveOneOut(),
    "groups that are missing": GroupKFold(3),
    "pairs": [(np.arange(5), np.arange(5, 10))],
    "an empty test side": [(np.arange(5), [])],
    "no splitter": None,
}


@pytest.mark.parametrize("cv", SPLITTERS.values(), ids=SPLITTERS)
@pytest.mark.parametrize("sizes", [(1, 12), (1, 2, 12), (2, 2)], ids=str)
def test_splitters_of_scikit_learn_never_end_in_their_own_errors(cv, sizes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with contextlib.suppress(HSVLMError):
            evaluate({}, scene_of(sizes), cv=cv, baselines=["coordinates"])


def test_classes_that_a_split_does_not_train_on_are_named():
    scene = scene_of((30, 30, 30))
    y = scene.labels[scene.labels > 0]
    pair = (np.flatnonzero(y < 3), np.flatnonzero(y == 3))
    with pytest.warns(SplitWarning) as caught:
        evaluate({}, scene, cv=[pair], baselines=["coordinates"])
    assert [str(one.message).partition(".")[0] for one in caught] == [
        "Class 3 has test samples and no training sample in split 0",
    ]


def test_a_scene_brings_labels_names_and_groups():
    scene = make_synthetic_scene(random_state=0)
    fields = np.indices(scene.shape) // 8
    groups = 1 + 4 * fields[0] + fields[1]
    with_groups = Scene(scene.cube, scene.labels, scene.class_names, groups=groups)
    report = evaluate(
        {},
        with_groups,
        cv=StratifiedKFold(2, shuffle=True),
        baselines=["coordinates"],
        window_size=1,
    )
    assert report.class_names == scene.class_names
    assert all(one.share_same_group > 0.9 for one in report.leakage)
    assert "in their group" in str(report)
    by_group = evaluate(
        {}, with_groups, cv=GroupMapKFold(groups, 2), baselines=["coordinates"], window_size=1
    )
    assert [one.share_same_group for one in by_group.leakage] == [0, 0]
    without = evaluate({}, scene, cv=StratifiedKFold(2), baselines=["coordinates"])
    assert without.leakage[0].share_same_group is None
    assert "group" not in str(without)
