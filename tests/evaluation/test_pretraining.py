"""What a report says of the pre-training of an estimator."""

import json

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import evaluate
from hsvlm.evaluation._pretraining import pretraining_shares, window_sizes
from hsvlm.model_selection import SpatialBlockKFold
from hsvlm.pretraining import MaskedPretrainer

SMALL = {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8}
SETTINGS = {"criterion": "cross-entropy", "max_epochs": 1, "spatial": None, "device": "cpu"}


@pytest.fixture(scope="module")
def scene():
    return make_synthetic_scene(height=24, width=24, random_state=0)


def pretrain(X, exclude=None):
    pretrainer = MaskedPretrainer(
        "vit", SMALL, window_size=9, max_epochs=1, device="cpu", random_state=0
    )
    return pretrainer.fit(X, exclude=exclude)


def report_on(scene, **estimators):
    cv = SpatialBlockKFold(2, block_size=12, buffer=0, random_state=0)
    return evaluate(estimators, scene, cv=cv, baselines=())


@pytest.mark.slow
def test_pixels_that_were_read_are_told(scene, tmp_path):
    X, y = scene.samples()
    cv = SpatialBlockKFold(2, block_size=12, buffer=0, random_state=0)
    _, test = next(iter(cv.split(X, y)))
    folder = pretrain(scene).save(tmp_path / "encoder")
    partial = pretrain(scene, exclude=X[test]).encoder_
    report = report_on(
        scene,
        whole=HSIPromptClassifier(pretrained=folder, **SETTINGS),
        half=HSIPromptClassifier(pretrained=partial, **SETTINGS),
        plain=HSIPromptClassifier(**SETTINGS),
    )
    assert report.pretraining_shares["whole"] == (1, 1)
    first, second = report.pretraining_shares["half"]
    assert first == 0 < second
    assert "plain" not in report.pretraining_shares
    line = "test pixels that the pre-training of whole has read, without labels: 100.0%"
    assert line in str(report)
    assert line in report.to_markdown()
    rows = json.loads(json.dumps(report.to_dict()))["results"]
    assert [row["share_read_in_pretraining"] for row in rows] == [1, 1, 0, second, None, None]


@pytest.mark.slow
def test_leakage_is_that_of_the_pre_trained_window(scene):
    encoder = pretrain(scene).encoder_
    plain, pretrained = (
        report_on(scene, clf=HSIPromptClassifier(pretrained=each, **SETTINGS))
        for each in (None, encoder)
    )
    assert (plain.window_size, pretrained.window_size) == (5, 9)
    assert pretrained.results[0].window_size == 9


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "size"), [({}, 9), ({"window_size": 3}, 3)])
def test_leakage_is_that_of_features_in_a_pipeline(scene, settings, size):
    pretrainer = MaskedPretrainer(vision_params=SMALL, max_epochs=1, device="cpu", random_state=0)
    pretrainer.set_params(**settings, patch_size=1)
    clf = make_pipeline(pretrainer, SVC())
    assert report_on(scene, clf=clf).window_size == size


def search(grid, **settings):
    return GridSearchCV(HSIPromptClassifier(**{**SETTINGS, **settings}), grid, cv=2)


def test_leakage_is_that_of_the_window_that_a_search_chooses(scene):
    grid = {"window_size": [11]}
    reports = [
        report_on(scene, clf=each)
        for each in (
            search(grid, window_size=1),
            make_pipeline(search(grid, window_size=1)),
            HSIPromptClassifier(**{**SETTINGS, "window_size": 11}),
        )
    ]
    for report in reports:
        assert report.window_size == 11
        first = report.results[0]
        assert first.window_size == 11
        assert first.share_containing == reports[-1].results[0].share_containing > 0
        assert first.n_parameters == reports[-1].results[0].n_parameters


@pytest.mark.parametrize(
    ("grids", "size"),
    [
        ([{"window_size": [3, 7]}, {"clf__window_size": np.array([9])}], 9),
        ({"window_size": randint(3, 13)}, 13),
        ({"lr": [1e-3]}, 5),
    ],
)
def test_windows_that_a_search_tries(grids, size):
    clf = RandomizedSearchCV(HSIPromptClassifier(), grids)
    assert max(window_sizes(clf)) == size


def test_pre_trainings_that_a_search_tries_are_told(scene):
    X, _ = scene.samples()
    encoder = pretrain(scene).encoder_
    tried = search({"pretrained": [None, encoder]})
    assert pretraining_shares(tried, X, [np.arange(5)]) == (1,)
