"""Shapes of spectra, with some of their brightness."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from hsvlm import PixelSamples, SpectralTransformer
from hsvlm.preprocessing import ShapeAndBrightness, StandardNormalVariate


@parametrize_with_checks([ShapeAndBrightness()])
def test_official_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def spectra():
    rng = np.random.default_rng(0)
    return rng.gamma(2, 500, size=(60, 1)) * (1 + rng.uniform(size=(60, 30)))


def test_the_formula(spectra):
    figures = np.stack([[one.mean(), one.std()] for one in spectra])
    brightness = np.arcsinh(10 * figures / np.sqrt((figures**2).mean(axis=0)))
    shapes = [(one - one.mean()) / one.std() for one in spectra]
    columns = np.hstack([shapes, brightness])
    expected = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    expected[:, 30:] *= np.sqrt(0.1 * 30 / 2)
    np.testing.assert_allclose(ShapeAndBrightness().fit_transform(spectra), expected, atol=1e-12)


@pytest.mark.parametrize("n_bands", [2, 16, 200])
def test_brightness_weighs_a_tenth_of_the_bands(n_bands):
    spectra = np.random.default_rng(0).gamma(2, 500, size=(50, n_bands))
    variances = ShapeAndBrightness().fit_transform(spectra).var(axis=0)
    np.testing.assert_allclose(variances[:-2].sum(), n_bands)
    np.testing.assert_allclose(variances[-2:], 0.05 * n_bands)


def test_a_factor_changes_the_brightness_only(spectra):
    transformer = ShapeAndBrightness().fit(spectra)
    dark, bright = transformer.transform(spectra), transformer.transform(2 * spectra)
    np.testing.assert_allclose(bright[:, :30], dark[:, :30], atol=1e-12)
    assert (bright[:, 30:] > dark[:, 30:] + 0.1).all()


@pytest.mark.slow
@given(st.floats(-25, 25))
def test_the_unit_has_no_effect_if_it_is_that_of_the_training(spectra, power):
    factor = 10.0**power
    expected = ShapeAndBrightness().fit(spectra).transform(spectra[::-1])
    found = ShapeAndBrightness().fit(factor * spectra).transform(factor * spectra[::-1])
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("f4", "f4"), ("f8", "f8"), ("u2", "f8"), ("i2", "f8")],
)
def test_single_precision_stays_single(spectra, given, expected):
    values = spectra.astype(given)
    found = ShapeAndBrightness().fit_transform(values)
    assert found.dtype == np.dtype(expected)
    double = ShapeAndBrightness().fit_transform(values.astype("f8"))
    np.testing.assert_allclose(found, double, rtol=1e-5, atol=1e-5)


def test_a_band_without_variation_becomes_zero():
    spectra = np.random.default_rng(0).normal(size=(9, 4)) * [1, 1, 1, 0]
    spectra[:, 3] = spectra[:, :3].mean(axis=1)  # the mean of each spectrum, in its shape 0
    found = ShapeAndBrightness().fit_transform(spectra)
    np.testing.assert_allclose(found[:, 3], 0, atol=1e-12)
    assert (found[:, [0, 1, 2, 4, 5]].std(axis=0) > 0.1).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_rounding_is_no_brightness(spectra, dtype):
    """Spectra that are normalized already have means of about 0 and deviations of about 1."""
    normalized = StandardNormalVariate().fit_transform(spectra).astype(dtype)
    transformer = ShapeAndBrightness().fit(normalized)
    assert not transformer.transform(normalized)[:, 30:].any()
    assert not transformer.transform(3 * normalized + 1)[:, 30:].any()


def test_dark_and_negative_spectra_keep_their_order():
    factors = np.array([-2.0, -1, -0.01, 0, 0.01, 1, 2])
    spectra = factors[:, None] + np.linspace(-1, 1, 5)
    column = ShapeAndBrightness().fit_transform(spectra)[:, -2]
    assert (np.diff(column) > 0).all()
    np.testing.assert_allclose(column, -column[::-1], atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 5.0, 1e30, 1e-30])
def test_spectra_without_variation(value):
    found = ShapeAndBrightness().fit_transform(np.full((3, 4), value))
    np.testing.assert_array_equal(found, np.zeros((3, 6)))


def test_bands_may_come_in_any_order(spectra):
    order = np.random.default_rng(1).permutation(30)
    found = ShapeAndBrightness().fit_transform(spectra[:, order])
    expected = ShapeAndBrightness().fit_transform(spectra)[:, [*order, 30, 31]]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_names_of_columns(spectra):
    fitted = ShapeAndBrightness().fit(spectra[:, :2])
    ends = ["spectrum_mean", "spectrum_deviation"]
    assert fitted.get_feature_names_out().tolist() == ["x0", "x1", *ends]
    assert fitted.get_feature_names_out(["red", "blue"]).tolist() == ["red", "blue", *ends]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(spectra[:, :2], columns=["red", "blue"])
    found = ShapeAndBrightness().set_output(transform="pandas").fit_transform(frame)
    assert found.columns.tolist() == ["red", "blue", *ends]


def test_another_number_of_bands(spectra):
    fitted = ShapeAndBrightness().fit(spectra)
    with pytest.raises(ValueError, match=r"X has 5 features, but .* is expecting 30 features"):
        fitted.transform(np.ones((2, 5)))


def test_it_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        ShapeAndBrightness().transform(np.ones((2, 4)))


def test_along_the_bands_of_a_scene():
    cube = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    samples = PixelSamples(cube, [[0, 0], [2, 2], [3, 4]])
    transformer = SpectralTransformer(ShapeAndBrightness()).fit(samples)
    mapped = transformer.transform(cube)
    assert (mapped.shape, mapped.dtype) == ((4, 5, 8), np.float32)
    found = np.asarray(transformer.transform(samples))
    np.testing.assert_array_equal(found, mapped[[0, 2, 3], [0, 2, 4]])
