"""The steps that a classifier takes from spectra to channels."""

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.preprocessing import ShapeAndBrightness


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": 1, **changes})


def steps(clf):
    return [name for name, _ in clf.preprocessing_.steps]


def data(n_bands, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    X = 5 + rng.normal(size=(60, n_bands))
    X[np.arange(60), y] += 6
    return X, y


BRIGHTNESS, SHAPE, NEITHER = ["normalize", "pca"], ["snv", "scale", "pca"], ["pca", "scale"]


@pytest.mark.parametrize(
    ("n_bands", "normalize", "expected"),
    [
        (16, "auto", BRIGHTNESS),
        (15, "auto", NEITHER),
        (16, "snv-brightness", BRIGHTNESS),
        (6, "snv-brightness", BRIGHTNESS),
        (16, "snv", SHAPE),
        (6, "snv", SHAPE),
        (16, None, NEITHER),
    ],
)
def test_steps(make, n_bands, normalize, expected):
    clf = make(normalize=normalize, n_components=4).fit(*data(n_bands))
    assert steps(clf) == expected
    assert clf.preprocessing_.transform(data(n_bands)[0]).shape == (60, 4)
    first = clf.preprocessing_[0].transformer_
    assert isinstance(first, ShapeAndBrightness) == (expected == BRIGHTNESS)


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [("auto", ["scale"]), ("snv-brightness", ["normalize"]), ("snv", ["snv", "scale"])],
)
def test_all_bands(make, normalize, expected):
    clf = make(normalize=normalize, n_components=None).fit(*data(16))
    assert steps(clf) == expected
    n_channels = 18 if normalize == "snv-brightness" else 16
    assert clf.preprocessing_.transform(data(16)[0]).shape == (60, n_channels)


@pytest.mark.parametrize("normalize", ["auto", "snv-brightness", "snv", None])
def test_there_are_as_many_components_as_bands_at_most(make, normalize):
    X, y = data(20)
    assert make(normalize=normalize, n_components=20).fit(X, y).n_features_in_ == 20
    with pytest.raises(ParameterError) as caught:
        make(normalize=normalize, n_components=21).fit(X, y)
    assert str(caught.value) == (
        "n_components=21 is above the number of bands, 20. Use at most 20, a share of variance "
        'between 0 and 1, "auto" or None.'
    )


def bright_and_dark(seed):
    """Spectra of three classes of the same shape and different brightness."""
    rng = np.random.default_rng(seed)
    y = np.arange(120) % 3
    shape = 1 + np.sin(np.linspace(0, 3, 24))
    brightness = np.array([0.2, 0.35, 0.6])[y] * rng.uniform(0.9, 1.1, 120)
    return brightness[:, None] * (shape + rng.normal(0, 0.02, (120, 24))), y


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1, 1e4])
def test_brightness_tells_classes_of_one_shape_apart(make, factor):
    (X, y), (X_test, y_test) = bright_and_dark(0), bright_and_dark(1)
    accuracies = {
        normalize: make(normalize=normalize, max_epochs=40)
        .fit(factor * X, y)
        .score(factor * X_test, y_test)
        for normalize in ("auto", "snv")
    }
    assert accuracies["auto"] > 0.9
    assert accuracies["snv"] < 0.6


def test_shapes_are_told_apart_in_any_light_without_brightness(make):
    X, y = data(24)
    clf = make(normalize="snv").fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(20 * X + 3), clf.predict_proba(X), atol=1e-5)
    clf = make().fit(X, y)
    assert abs(clf.predict_proba(1.3 * X) - clf.predict_proba(X)).max() > 1e-3
