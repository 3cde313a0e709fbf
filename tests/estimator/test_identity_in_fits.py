"""Names and prompts of classes follow what samples remember, also where labels are recoded."""

import numpy as np
import pytest
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import evaluate
from hsvlm.exceptions import DataError, HSVLMWarning, PromptError
from hsvlm.mapping import predict_scene
from hsvlm.scene import common_classes

NAMES = {1: "corn", 2: "soil", 3: "trees"}


class Words:
    """Encodes each text by a vector of its own."""

    def encode(self, texts):
        seeds = [sum(text.encode()) for text in texts]
        return np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])


@pytest.fixture
def make(settings):
    return lambda **more: HSIPromptClassifier(**{**settings, "text_encoder": Words(), **more})


@pytest.fixture
def scene(cube, labels):
    return Scene(cube, labels, class_names=NAMES)


@pytest.fixture
def zero_based(cube, labels):
    shifted = labels.astype(int) - 1
    names = {label - 1: name for label, name in NAMES.items()}
    return Scene(cube, shifted, class_names=names, unlabeled=-1)


@pytest.mark.slow
def test_a_warm_start_refuses_labels_that_were_numbered_anew(make, scene):
    X, y = scene.samples()
    clf = make(warm_start=True, max_epochs=1).fit(scene)
    with pytest.raises(DataError, match="y is not what the scene of the samples has"):
        clf.fit(X, 4 - y)
    assert clf.fit(X, y).class_names_ == NAMES
    fresh = make(max_epochs=1).fit(X, 4 - y)
    assert fresh.class_names_ == {1: "trees", 2: "soil", 3: "corn"}


@pytest.mark.parametrize("names", [None, {0: "corn", 1: "soil", 2: "trees"}])
def test_codes_of_a_tool_keep_their_names_if_a_class_is_absent(make, zero_based, names):
    X, y = zero_based.samples()
    kept = y != 1
    voting = VotingClassifier([("clf", make(class_names=names, max_epochs=1))])
    inner = voting.fit(X[kept], y[kept]).estimators_[0]
    assert inner.class_names_ == {0: "corn", 1: "trees"}


@pytest.mark.slow
def test_codes_of_a_tool_keep_their_prompts(make, scene, zero_based):
    texts = {1: "green corn", 2: "brown soil", 3: "tall trees"}
    inner = VotingClassifier([("clf", make(prompts=texts, max_epochs=1))]).fit(*scene.samples())
    assert inner.estimators_[0].prompts_[0] == ("green corn",)
    X, y = zero_based.samples()
    kept = y != 1
    both = {0: "green corn", 1: "brown soil", 2: "tall trees"}
    with pytest.raises(DataError, match="texts for the labels of both"):
        VotingClassifier([("clf", make(prompts=both, max_epochs=1))]).fit(X[kept], y[kept])
    by_name = {"corn": "green corn", "trees": "tall trees"}
    voting = VotingClassifier([("clf", make(prompts=by_name, max_epochs=1))])
    inner = voting.fit(X[kept], y[kept]).estimators_[0]
    assert inner.prompts_ == {0: ("green corn",), 1: ("tall trees",)}


def test_names_of_one_class_more_than_a_map_of_zeros_are_doubted(make, cube, labels):
    full = np.arange(20) // 7 * np.ones((18, 1), dtype=int)
    with pytest.warns(HSVLMWarning, match="0 is about as rare"):
        make(class_names=NAMES, max_epochs=1).fit(cube, full)


@pytest.mark.slow
def test_class_0_of_a_map_is_a_class_of_its_reference(make, zero_based):
    clf = make().fit(zero_based)
    other = Scene(zero_based.cube[::-1].copy())
    mapped = predict_scene(clf, other)
    reference = mapped.label_map.copy()
    assert mapped.area_report(reference).accuracy.overall == 1
    reference[reference == 0] = 1
    assert mapped.area_report(reference).accuracy.overall < 1


def test_a_model_with_prompts_takes_no_names_of_the_scene_it_maps(make, cube, labels):
    clf = make(prompts=NAMES, max_epochs=1).fit(cube, labels)
    other = Scene(cube, labels, class_names={1: "trees", 2: "soil", 3: "corn"})
    assert predict_scene(clf, other).class_names == {1: "1", 2: "2", 3: "3"}


def test_prompts_by_number_for_text_labels_are_noticed(make, cube, labels):
    scene = Scene(cube, labels, class_names=NAMES, text_classes=True)
    prompts = {1: "bare soil", 2: "tall trees", 3: "a field of corn"}
    with pytest.warns(HSVLMWarning, match="alphabetical order: 1 is 'corn', 2 is 'soil', 3 is"):
        make(prompts=prompts, max_epochs=1).fit(scene)
    by_name = {"Soil": "bare soil", "trees": "tall trees", "corn": "a field of corn"}
    assert make(prompts=by_name, max_epochs=1).fit(scene).prompts_[1] == ("a field of corn",)
    # Whoever states the names knows the numbers, as join_prompts does.
    make(prompts=prompts, class_names=NAMES, max_epochs=1).fit(scene)


def test_names_that_belong_to_none_of_the_classes_are_refused(make, cube, labels, scene):
    clf = make(prompts=NAMES, max_epochs=1).fit(cube, labels)
    new = {1: "a wood", 2: "a field"}
    assert clf.with_prompts(new, {1: "wood", 3: "road"}).class_names_ == {1: "wood"}
    with pytest.raises(PromptError, match=r"names \[5, 6\], and prompts has texts for \[1, 2\]"):
        clf.with_prompts(new, {5: "wood", 6: "field"})
    for names in ({"1": "wood", "2": "field"}, {1: "wood", "2": "field"}):
        with pytest.raises(PromptError, match="Use the same labels in both, of the same type"):
            clf.with_prompts(new, names)
    # Nor are they dropped because the samples remember other names.
    with pytest.raises(PromptError, match="Use the labels of y as keys, of the same type"):
        make(max_epochs=1, class_names={"1": "wood"}).fit(*scene.samples())


@pytest.mark.slow
def test_reports_of_evaluations_have_the_names_of_the_samples(make, scene):
    X, y = scene.samples()
    folds = KFold(2, shuffle=True, random_state=0)
    clf = make(max_epochs=1)
    assert evaluate(clf, X, y, folds, baselines=()).class_names == NAMES
    wrong = {1: "trees", 2: "soil", 3: "corn"}
    with pytest.raises(DataError, match="in the class names of the classifier"):
        evaluate(clf, X, y, folds, baselines=(), class_names=wrong)


@pytest.mark.slow
def test_labels_of_the_scene_are_its_own_however_they_are_passed(make, scene, zero_based):
    clf = make(max_epochs=1).fit(scene, scene.labels)
    assert clf.class_names_ == NAMES
    part = np.where(np.arange(20) % 2, scene.labels, 0)
    assert make(max_epochs=1).fit(scene, part).class_names_ == NAMES
    other = Scene(scene.cube, 4 - scene.labels * 1.0, class_names=NAMES)
    assert other.samples(scene.labels)[0].named_labels is None
    clf = make(class_names=zero_based.class_names, unlabeled=None, max_epochs=6).fit(zero_based)
    assert clf.score(zero_based) == clf.score(*zero_based.samples())


@pytest.mark.slow
def test_scenes_in_different_scales_are_refused(make, scene):
    scales = [(1e-4, 0), (2e-4, 0)]
    one, two = (Scene(scene.cube, scene.labels, NAMES, scale=scale) for scale in scales)
    with pytest.raises(DataError, match="scales or offsets"):
        make(max_epochs=1).fit([one, two])
    clf = make(max_epochs=1).fit(one)
    with pytest.raises(DataError, match="other scales or offsets than that of the training"):
        predict_scene(clf, two)
    applied = [one.apply_scale(), two.apply_scale()]
    make(max_epochs=1).fit(applied)


@pytest.mark.slow
def test_baselines_ignore_pixels_without_data():
    made = make_synthetic_scene(random_state=0)
    valid = np.ones(made.shape, dtype=bool)
    valid[5:9] = False
    masked = Scene(made.cube, made.labels, made.class_names, valid=valid)
    X, y = masked.samples()
    report = evaluate(
        {"logistic": LogisticRegression()}, X, y, KFold(2, shuffle=True, random_state=0)
    )
    assert len(report.names) > 1
    assert common_classes([masked])[0].valid is not None
