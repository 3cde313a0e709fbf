"""The block splitters as ``cv=`` of scikit-learn's tools."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate, learning_curve
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.model_selection import (
    DistanceMatchedKFold,
    MapSplit,
    PerClassShuffleSplit,
    SpatialBlockKFold,
    SpatialBlockShuffleSplit,
)

SPATIAL = [
    SpatialBlockKFold(3, block_size=4, buffer=1),
    SpatialBlockShuffleSplit(2, train_size=0.3, block_size=3, buffer=1),
    DistanceMatchedKFold(2, prediction_mask=np.ones((18, 20), dtype=bool)),
]


@pytest.fixture(scope="module")
def data(cube, labels):
    # Noisy, so that scores differ between splits.
    noise = np.random.default_rng(1).normal(scale=5, size=cube.shape)
    return pixel_samples(cube + noise, labels)


def halves(labels):
    top = np.arange(len(labels)) < len(labels) // 2
    return MapSplit(np.where(top[:, None], labels, 0), np.where(top[:, None], 0, labels))


def scores(estimator, X, y, cv):
    return [
        clone(estimator).fit(X[train], y[train]).score(X[test], y[test])
        for train, test in cv.split(X, y)
    ]


@pytest.mark.parametrize("cv", [*SPATIAL, PerClassShuffleSplit(2), "maps"], ids=str)
def test_cross_validation(data, labels, cv):
    X, y = data
    cv = halves(labels) if cv == "maps" else cv
    found = cross_validate(GaussianNB(), X, y, cv=cv)["test_score"]
    np.testing.assert_array_equal(found, scores(GaussianNB(), X, y, cv))


@pytest.mark.slow
@pytest.mark.parametrize("cv", SPATIAL, ids=str)
def test_grid_search(data, cv):
    X, y = data
    search = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5]}, cv=cv).fit(X, y)
    for n_neighbors, found in zip([1, 5], search.cv_results_["mean_test_score"], strict=True):
        expected = np.mean(scores(KNeighborsClassifier(n_neighbors), X, y, cv))
        assert found == pytest.approx(expected)
    assert search.cv_results_["split0_test_score"][0] < 1


@pytest.mark.parametrize("cv", SPATIAL, ids=str)
def test_learning_curve_starts_with_every_class(data, cv):
    X, y = data
    sizes, train_scores, test_scores = learning_curve(
        GaussianNB(), X, y, cv=cv, train_sizes=[0.3, 1.0], error_score="raise"
    )
    first, test = next(cv.split(X, y))
    assert sizes[1] == len(first)
    assert train_scores.shape == test_scores.shape == (2, cv.n_splits)
    assert len(set(y[first[: sizes[0]]])) == 3
    model = GaussianNB().fit(X[first[: sizes[0]]], y[first[: sizes[0]]])
    assert test_scores[0, 0] == model.score(X[test], y[test])


@pytest.mark.parametrize("cv", [*SPATIAL, "maps"], ids=str)
def test_plain_spectra_with_positions_as_groups(data, labels, cv):
    X, y = data
    cv = halves(labels) if cv == "maps" else cv
    spectra, positions = np.asarray(X), X.coords
    expected = scores(GaussianNB(), X, y, cv)
    found = cross_validate(GaussianNB(), spectra, y, cv=cv, groups=positions)["test_score"]
    np.testing.assert_array_equal(found, expected)
    search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=cv)
    search.fit(spectra, y, groups=positions)
    assert search.best_score_ == pytest.approx(np.mean(expected))


@pytest.mark.parametrize("cv", [*SPATIAL, "maps"], ids=str)
def test_positions_are_routed_as_metadata(data, labels, cv):
    X, y = data
    cv = halves(labels) if cv == "maps" else cv
    expected = scores(GaussianNB(), X, y, cv)
    with config_context(enable_metadata_routing=True):
        groups = {"groups": X.coords}
        routed = cross_validate(GaussianNB(), np.asarray(X), y, cv=cv, params=groups)
        np.testing.assert_array_equal(routed["test_score"], expected)
        without = cross_validate(GaussianNB(), X, y, cv=cv, params={})  # 1.6 needs them
        np.testing.assert_array_equal(without["test_score"], expected)
        search = GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9]}, cv=cv)
        search.fit(np.asarray(X), y, groups=X.coords)
        assert search.best_score_ == pytest.approx(np.mean(expected))


@pytest.mark.slow
def test_the_classifier_of_this_package(cube, labels, settings):
    X, y = pixel_samples(cube, labels)
    cv = SpatialBlockKFold(2, block_size=5, buffer=2)
    search = GridSearchCV(HSIPromptClassifier(**settings), {"n_hard": [1, 4]}, cv=cv).fit(X, y)
    assert search.best_score_ > 0.8
    assert search.best_estimator_.window_size_ == 5
