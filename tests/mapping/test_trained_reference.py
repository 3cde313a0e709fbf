"""Reference pixels that were trained on do not count."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, Scene, SpectralPCA, pixel_samples
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.mapping import predict_scene
from hsvlm.persistence import load, save

NEW = ", none of which the classifier was trained on"


class RandomEncoder:
    """Encodes texts by vectors that are drawn for each."""

    def encode(self, texts):
        draws = [np.random.default_rng(list(text.encode())).normal(size=32) for text in texts]
        return np.array(draws, dtype=np.float32)


@pytest.fixture(scope="module")
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": 3, **changes})


@pytest.fixture(scope="module")
def train(labels):
    """Labels of the upper half, and of no more."""
    return np.where(np.arange(18)[:, None] < 9, labels, 0)


@pytest.fixture(scope="module")
def test(labels):
    """Labels of the lower half, and of a column above."""
    chosen = (np.arange(18)[:, None] >= 9) | (np.arange(20) == 4)
    return np.where(chosen, labels, 0)


@pytest.fixture(scope="module", params=["random-walk", None])
def fitted(request, make, cube, train):
    params = {"n_steps": 20, "weights": (0.5, 0.5)}
    return make(spatial=request.param, spatial_params=params).fit(cube, train)


def report_on(clf, cube, reference):
    found = predict_scene(clf, cube)
    return found, found.area_report(reference)


def test_pixels_that_were_trained_on_are_left_out(fitted, cube, train, test):
    found, report = report_on(fitted, cube, test)
    n_labeled, n_trained = int((test > 0).sum()), int(((test > 0) & (train > 0)).sum())
    assert 0 < n_trained < n_labeled
    assert report.accuracy.confusion.sum() == n_labeled - n_trained
    expected = found.area_report(np.where(train > 0, 0, test))
    np.testing.assert_array_equal(report.accuracy.confusion, expected.accuracy.confusion)
    assert (
        f"{n_trained} of {n_labeled} reference pixels were trained on and are left out."
        in report.notes
    )
    assert NEW in str(report)
    figures = json.loads(json.dumps(report.to_dict()))
    assert figures["reference_pixels"] == n_labeled
    assert figures["n_trained_on"] == n_trained
    assert figures["checked"] is True
    assert expected.to_dict()["n_trained_on"] == 0
    assert not any("left out" in note for note in expected.notes)


def test_samples_are_left_out_too(fitted, cube, test):
    found = predict_scene(fitted, cube)
    samples = pixel_samples(cube, test)
    assert found.area_report(samples).to_dict() == found.area_report(test).to_dict()


def test_no_accuracy_is_given_if_all_were_trained_on(fitted, cube, train):
    _, report = report_on(fitted, cube, train)
    assert report.accuracy is None
    n_labeled = int((train > 0).sum())
    assert report.notes[-1] == (
        f"All {n_labeled} reference pixels were trained on, so no accuracy is given. Labels of "
        "other pixels are needed."
    )
    figures = json.loads(json.dumps(report.to_dict()))
    assert (figures["n_trained_on"], figures["checked"]) == (n_labeled, True)
    assert "overall_accuracy" not in figures
    for text in (str(report), report.to_markdown(), report.to_html()):
        assert "no accuracy is given" in text


def test_held_out_samples_belong_to_the_training(make, cube, labels):
    clf = make(validation_fraction=0.3).fit(cube, labels)
    assert report_on(clf, cube, labels)[1].accuracy is None


COPIES = {
    "copy": lambda cube: cube.copy(),
    "double precision": lambda cube: cube.astype(np.float64),
    "other units": lambda cube: 3 * cube - 1,
    "integers": lambda cube: np.rint(cube * 40).astype(np.int16),
}


@pytest.mark.parametrize("change", COPIES.values(), ids=COPIES)
def test_copies_of_the_scene_are_recognized(make, cube, train, test, change):
    clf = make(normalize="snv").fit(cube, train)
    assert report_on(clf, change(cube), test)[1].reference.n_trained_on > 0


OTHERS = {
    "crop": lambda one: one[1:],
    "mirrored": lambda one: np.ascontiguousarray(one[:, ::-1]),
    "moved": lambda one: np.roll(one, 1, axis=0),
}


@pytest.mark.parametrize("change", OTHERS.values(), ids=OTHERS)
def test_of_another_scene_it_is_said_that_nothing_was_checked(make, cube, train, test, change):
    _, report = report_on(make().fit(cube, train), change(cube), change(test))
    assert report.accuracy is not None
    assert NEW not in str(report)
    assert "the scene is not one of the training scenes. Not checked" in str(report)
    figures = report.to_dict()
    assert (figures["n_trained_on"], figures["checked"]) == (None, False)


@pytest.mark.parametrize("kind", ["another estimator", "spectra", "old model"])
def test_without_a_record_it_is_said_that_nothing_was_checked(make, cube, train, test, kind):
    X, y = pixel_samples(cube, train)
    if kind == "another estimator":
        clf = GaussianNB().fit(np.asarray(X), y)
    elif kind == "spectra":
        clf = make().fit(X.windows(5), y)
    else:
        clf = make().fit(X, y)
        del clf.training_
    _, report = report_on(clf, cube, test)
    assert NEW not in str(report)
    assert "the training pixels of the classifier are not known" in str(report)
    assert report.to_dict()["checked"] is False


def test_several_scenes_are_told_apart(make, cube, train, test):
    other = cube[::-1].copy()
    X, y = pixel_samples([cube, other], [train, np.roll(train, 3, axis=0)])
    clf = make().fit(X, y)
    for scene, known in ((cube, train), (other, np.roll(train, 3, axis=0))):
        _, report = report_on(clf, scene, test)
        assert report.reference.n_trained_on == int(((known > 0) & (test > 0)).sum())


@pytest.mark.slow
def test_a_warm_start_remembers_both_fits(make, cube, labels, train):
    below = np.where(train > 0, 0, labels)
    clf = make(warm_start=True).fit(cube, train).fit(cube, below)
    assert report_on(clf, cube, labels)[1].accuracy is None
    clf = clf.set_params(warm_start=False).fit(cube, below)
    assert report_on(clf, cube, labels)[1].reference.n_trained_on == int((below > 0).sum())


def test_new_prompts_do_not_forget_the_training(make, cube, train, test):
    settings = {"text_encoder": RandomEncoder()}
    clf = make(**settings).fit(cube, train).with_prompts({1: "oats", 2: "soil", 3: "water"})
    assert report_on(clf, cube, test)[1].reference.n_trained_on > 0


@pytest.mark.parametrize("name", ["pipeline", "search"])
def test_classifiers_inside_others(make, cube, train, test, name):
    X, y = pixel_samples(cube, train)
    if name == "pipeline":
        clf = make_pipeline(SpectralPCA(8), make()).fit(X, y)
    else:
        clf = GridSearchCV(make(max_epochs=1), {"lr": [1e-3, 5e-3]}, cv=2).fit(X, y)
    assert report_on(clf, cube, test)[1].reference.n_trained_on > 0


def test_a_saved_model_remembers_its_training(fitted, cube, test, tmp_path):
    loaded = HSIPromptClassifier.load(fitted.save(tmp_path / "model"), device="cpu")
    assert loaded.training_.to_dict() == fitted.training_.to_dict()
    expected = report_on(fitted, cube, test)[1].to_dict()
    assert report_on(loaded, cube, test)[1].to_dict() == expected


def test_a_pipeline_is_saved_with_its_training(make, cube, train, test, tmp_path):
    pipeline = make_pipeline(SpectralPCA(8), make()).fit(*pixel_samples(cube, train))
    loaded = load(save(pipeline, tmp_path / "model"), device="cpu")
    assert report_on(loaded, cube, test)[1].reference.n_trained_on > 0


# Scenes that are unlike the training


@pytest.fixture(scope="module")
def bright(cube):
    """Positive values."""
    return cube + 20


def test_a_scene_in_another_scale_is_refused(make, bright, train):
    clf = make().fit(bright, train)
    with pytest.raises(DataError, match="about 10,000 times larger than those of the training"):
        predict_scene(clf, 1e4 * bright[::-1])
    with pytest.raises(DataError, match="about 100 times smaller") as caught:
        predict_scene(clf, Scene(bright[::-1] / 100))
    assert "cube=np.asarray(scene.cube) * 100)" in str(caught.value)
    assert "np." not in caught.value.for_command_line()
    mapped = replace(Scene(bright[::-1] / 100), cube=np.asarray(bright[::-1] / 100) * 100)
    assert sum(predict_scene(clf, mapped).counts.values()) == 360


def test_normalized_scenes_may_have_any_scale(make, bright, train):
    clf = make(normalize="snv").fit(bright, train)
    expected = predict_scene(clf, bright[::-1]).label_map
    with pytest.warns(HSVLMWarning, match=r"about 10,000 times larger .* has no effect"):
        mapped = predict_scene(clf, 1e4 * bright[::-1])
    assert (mapped.label_map == expected).mean() > 0.99


def test_some_brightness_has_a_scale(make, bright, train):
    wide = np.concatenate([bright, bright[..., ::-1]], axis=2)
    clf = make().fit(wide, train)
    assert "normalize" in clf.preprocessing_.named_steps
    with pytest.raises(DataError, match="about 10,000 times larger") as caught:
        predict_scene(clf, 1e4 * wide[::-1])
    assert 'Or fit with normalize="snv"' in str(caught.value)
    assert "--set normalize=snv" in caught.value.for_command_line()
    with pytest.warns(HSVLMWarning, match="about 10 times larger"):
        predict_scene(clf, 10 * wide[::-1])


def test_what_is_only_probable_is_a_warning(make, bright, train):
    clf = make().fit(bright, train)
    with pytest.warns(HSVLMWarning, match="another quantity, unit or offset") as caught:
        predict_scene(clf, bright[::-1] + 60)
    assert len(caught) == 1


def test_nothing_is_written_of_a_refused_scene(make, bright, train, tmp_path):
    pytest.importorskip("rasterio")
    clf = make().fit(bright, train)
    with pytest.raises(DataError):
        predict_scene(clf, 1e4 * bright[::-1], tmp_path / "map.tif")
    assert list(tmp_path.iterdir()) == []


def test_dask_refuses_another_scale_too(make, bright, train):
    da = pytest.importorskip("dask.array")
    from hsvlm.mapping import predict_dask

    clf = make().fit(bright, train)
    labels = predict_dask(clf, da.from_array(1e4 * bright[::-1], chunks=(6, -1, -1)))
    with pytest.raises(DataError, match="about 10,000 times larger"):
        labels.compute(scheduler="threads")
