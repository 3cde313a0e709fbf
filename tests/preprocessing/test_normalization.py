"""Spectra normalised by themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from hsvlm import PixelSamples, SpectralTransformer
from hsvlm.preprocessing import StandardNormalVariate


@parametrize_with_checks([StandardNormalVariate()])
def test_official_checks(estimator, check):
    check(estimator)


def test_spectra_get_mean_zero_and_deviation_one():
    spectra = np.random.default_rng(0).gamma(2, 500, size=(20, 30))
    found = StandardNormalVariate().fit_transform(spectra)
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=1), 1)
    expected = [(one - one.mean()) / one.std() for one in spectra]
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [("f4", "f4"), ("f8", "f8"), ("u2", "f8"), ("i2", "f8"), ("u1", "f8")],
)
def test_single_precision_stays_single(given, expected):
    spectra = np.arange(12).reshape(3, 4).astype(given)
    found = StandardNormalVariate().fit_transform(spectra)
    assert found.dtype == np.dtype(expected)
    np.testing.assert_allclose(found[0], np.arange(-1.5, 2) / np.sqrt(1.25), rtol=1e-6)


def test_a_large_mean_costs_single_precision_nothing():
    shape = np.array([0, 1, 2, 1], dtype=np.float32)
    spectra = np.stack([shape, shape + 2**20])
    one, other = StandardNormalVariate().fit_transform(spectra)
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@given(st.floats(-1e30, 1e30), st.integers(1, 300), st.sampled_from(["f4", "f8"]))
@settings(max_examples=60)
def test_a_spectrum_without_variation_becomes_zero(value, n_bands, dtype):
    spectra = np.full((2, n_bands), value, dtype=dtype)
    assert not StandardNormalVariate().fit_transform(spectra).any()


@given(
    npst.arrays("f8", (3, 6), elements=st.integers(-1000, 1000)),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, 1e3),
)
@settings(max_examples=60)
def test_gain_and_offset_go_away(spectra, gain, offset):
    snv = StandardNormalVariate().fit(spectra)
    varied = np.ptp(spectra, axis=1) > 0
    found = snv.transform(gain * spectra + offset)
    np.testing.assert_allclose(found[varied], snv.transform(spectra)[varied], atol=1e-6)


def test_bands_may_come_in_any_order():
    spectra = np.random.default_rng(0).normal(size=(5, 9))
    order = np.random.default_rng(1).permutation(9)
    found = StandardNormalVariate().fit_transform(spectra[:, order])
    expected = StandardNormalVariate().fit_transform(spectra)[:, order]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_another_number_of_bands():
    snv = StandardNormalVariate().fit(np.ones((2, 4)))
    with pytest.raises(ValueError, match=r"X has 5 features, but .* is expecting 4 features"):
        snv.transform(np.ones((2, 5)))


def test_it_has_to_be_fitted():
    with pytest.raises(NotFittedError):
        StandardNormalVariate().transform(np.ones((2, 4)))


def test_along_the_bands_of_a_scene():
    cube = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    samples = PixelSamples(cube, [[0, 0], [3, 4]])
    snv = SpectralTransformer(StandardNormalVariate()).fit(samples)
    mapped = snv.transform(cube)
    assert mapped.shape == cube.shape
    np.testing.assert_allclose(mapped.std(axis=2), 1, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(snv.transform(samples)), mapped[[0, 3], [0, 4]])
