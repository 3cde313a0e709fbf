"""Every input is checked once, where it comes in."""

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, PixelSamples, Scene, pixel_samples
from hsvlm._data import cubes
from hsvlm.exceptions import DataError


@pytest.fixture
def checks(monkeypatch):
    """Collects the cubes that are checked."""
    checked, check_numbers = [], cubes.check_numbers

    def check(dtype, what="X"):
        if what == "The cube":
            checked.append(dtype)
        check_numbers(dtype, what)

    monkeypatch.setattr(cubes, "check_numbers", check)
    return checked


def inputs(kind, cube, labels):
    if kind == "cube":
        return cube, labels
    if kind == "masked":
        return np.ma.masked_array(cube, np.zeros(cube.shape, dtype=bool)), labels
    if kind == "scene":
        return Scene(cube, labels), None
    return pixel_samples(cube, labels)


@pytest.mark.parametrize(
    ("kind", "n_checks"), [("cube", 1), ("masked", 1), ("scene", 1), ("samples", 0)]
)
def test_a_cube_is_checked_once_per_fit_and_prediction(
    checks, cube, labels, settings, kind, n_checks
):
    X, y = inputs(kind, cube, labels)
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1})
    del checks[:]
    clf.fit(X, y)
    assert len(checks) == n_checks
    del checks[:]
    clf.predict(X)
    assert len(checks) == n_checks


def test_chosen_and_joined_samples_are_checked_no_more(checks, cube, labels):
    X, _ = pixel_samples(cube, labels)
    del checks[:]
    half = X[: len(X) // 2]
    assert not checks
    joined = PixelSamples.concatenate([half, X[len(half) :]])
    assert not checks
    np.testing.assert_array_equal(np.asarray(joined), np.asarray(X))


@pytest.mark.parametrize("method", ["fit", "predict", "score"])
def test_cubes_of_different_sizes_are_told_what_to_do(cube, labels, settings, method):
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1})
    if method != "fit":
        clf.fit(cube, labels)
    given = ([cube, cube[:6]],) if method == "predict" else ([cube, cube[:6]], [labels, labels[:6]])
    with pytest.raises(DataError) as error:
        getattr(clf, method)(*given)
    assert str(error.value) == (
        "X is a list of 2 cubes. For fit and score, join their labeled pixels: "
        "X, y = pixel_samples(cubes, label_maps). Predict cubes in turn: "
        "[clf.predict(cube) for cube in cubes]."
    )
