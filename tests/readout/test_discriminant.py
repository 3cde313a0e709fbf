"""What single spectra say: a linear discriminant analysis of spectra and their shapes."""

import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

from hsvlm import PixelSamples, Scene
from hsvlm.readout.discriminant import fit_discriminant, spectral_opinions

LEAST = np.log(1e-9)


@pytest.fixture
def labeled():
    """Spectra of three classes that differ in level and in shape, their classes and weights."""
    rng = np.random.default_rng(0)
    shapes = np.array([np.linspace(1, 2, 6), np.linspace(2, 1, 6), np.linspace(3, 6, 6)])
    targets = rng.integers(3, size=60)
    spectra = 1000 * shapes[targets] + rng.normal(0, 300, size=(60, 6))
    return spectra, targets, rng.uniform(0.2, 3, 60)


def opinions(spectra, targets, weights=None, asked=None, n_classes=3):
    weights = np.ones(len(targets)) if weights is None else weights
    X = PixelSamples(spectra[None], [[0, col] for col in range(len(spectra))])
    rule = fit_discriminant(X, targets, weights, n_classes)
    return spectral_opinions(rule, spectra if asked is None else asked)


def test_probabilities_are_those_of_normal_classes_of_one_covariance(labeled):
    spectra, targets, weights = labeled
    shape = (spectra - spectra.mean(axis=1, keepdims=True)) / spectra.std(axis=1, keepdims=True)
    features = np.hstack([spectra, shape])
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    members = [targets == label for label in range(3)]
    means = [np.average(features[one], axis=0, weights=weights[one]) for one in members]
    apart = (features - np.array(means)[targets]) * np.sqrt(weights / weights.mean())[:, None]
    covariance = ledoit_wolf(apart, assume_centered=True)[0]
    covariance = (covariance + 1e-6 * np.trace(covariance) / 12 * np.eye(12)) * 60 / 57
    shares = [weights[one].sum() / weights.sum() for one in members]
    densities = [
        np.log(share) + multivariate_normal(mean, covariance).logpdf(features)
        for share, mean in zip(shares, means, strict=True)
    ]
    expected = np.maximum(log_softmax(np.stack(densities, axis=1), axis=1), LEAST)
    found = opinions(spectra, targets, weights)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (found.argmax(axis=1) == targets).mean() > 0.9


@pytest.mark.parametrize("change", [lambda one: 1e-4 * one, lambda one: 1e6 * one])
def test_units_do_not_matter(labeled, change):
    spectra, targets, weights = labeled
    expected = opinions(spectra, targets, weights)
    np.testing.assert_allclose(opinions(change(spectra), targets, weights), expected, atol=1e-3)


def test_whole_numbers_are_as_good(labeled):
    spectra, targets, _ = labeled
    whole = spectra.round().astype(np.uint16)
    expected = opinions(whole.astype(np.float64), targets)
    np.testing.assert_array_equal(opinions(whole, targets), expected)


def test_a_class_without_labels_is_improbable(labeled):
    spectra, targets, weights = labeled
    found = opinions(spectra, targets * 2, weights, n_classes=5)
    assert found.shape == (60, 5)
    np.testing.assert_allclose(found[:, [1, 3]], LEAST)
    np.testing.assert_allclose(found[:, ::2], opinions(spectra, targets, weights), atol=1e-4)


@pytest.mark.parametrize("n_labels", [3, 4])
def test_few_labels_are_enough(labeled, n_labels):
    spectra, targets, _ = labeled
    first = [np.flatnonzero(targets == label)[0] for label in range(3)]
    chosen = [*first, np.flatnonzero(targets == 0)[1]][:n_labels]
    found = opinions(spectra[chosen], targets[chosen], asked=spectra)
    assert np.isfinite(found).all()
    assert (found.argmax(axis=1) == targets).mean() > 0.6


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_spectra_without_variation(labeled, value):
    spectra, targets, _ = labeled
    flat = spectra.copy()
    flat[0] = value
    assert np.isfinite(opinions(flat, targets)).all()
    # A band of one value in all spectra says nothing.
    constant = np.insert(spectra, 2, value, axis=1)
    assert np.isfinite(opinions(constant, targets)).all()


def test_the_shape_of_a_spectrum_does_not_depend_on_another_source(labeled):
    spectra, targets, weights = labeled
    spectra = spectra + np.random.default_rng(1).normal(0, 1500, spectra.shape)
    scene = Scene(spectra[None], auxiliary={"lidar": 1e5 * np.arange(60.0)[None]})
    X, _ = scene.samples(np.ones((1, 60), dtype=int))
    rule = fit_discriminant(X, targets, weights, 3)
    assert rule.slopes.shape == (3, 7 + 6)
    # Other heights change what their own slope says, the same for every spectrum.
    values = np.asarray(X)
    raised = values + np.eye(7)[6] * 1e4
    before, after = (spectral_opinions(rule, one).astype(float) for one in (values, raised))
    seen = (np.minimum(before, after) > LEAST + 1).all(axis=1)
    assert seen.sum() > 5
    odds = np.diff(after - before, axis=1)[seen]
    expected = np.tile(1e4 * np.diff(rule.slopes[:, 6]), (len(odds), 1))
    np.testing.assert_allclose(odds, expected, atol=1e-4)
