import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from hsvlm import PixelSamples, SpectralPCA, SpectralTransformer, pixel_samples
from hsvlm.exceptions import DataError, ParameterError


@pytest.mark.parametrize(
    "transformer", [SpectralPCA(), SpectralTransformer(StandardScaler())], ids=["pca", "scaler"]
)
def test_every_official_check_passes(transformer):
    check_estimator(transformer, expected_failed_checks=None, on_skip=None)


def test_every_kind_gives_the_same_spectra(cube, labels):
    X, _ = pixel_samples(cube, labels)
    pca = SpectralPCA(n_components=4).fit(X)
    spectra = pca.transform(np.asarray(X))
    assert isinstance(pca.transform(X), PixelSamples)
    np.testing.assert_allclose(np.asarray(pca.transform(X)), spectra, atol=1e-5)
    np.testing.assert_allclose(pca.transform(cube)[labels > 0], spectra, atol=1e-5)
    windows = pca.transform(X.windows(3))
    assert windows.shape == (len(X), 3, 3, 4)
    np.testing.assert_allclose(windows[:, 1, 1], spectra, atol=1e-5)
    np.testing.assert_allclose(windows, pca.transform(X).windows(3), atol=1e-5)


def test_samples_and_windows_are_represented_by_their_centres(cube, labels):
    X, _ = pixel_samples(cube, labels)
    expected = PCA(4, svd_solver="covariance_eigh").fit(np.asarray(X)).components_
    for data in (X, np.asarray(X), X.windows(3)):
        fitted = SpectralPCA(n_components=4).fit(data)
        np.testing.assert_allclose(fitted.transformer_.components_, expected, atol=1e-5)
    whole = SpectralPCA(n_components=4).fit(cube).transformer_
    everything = PCA(4, svd_solver="covariance_eigh").fit(cube.reshape(-1, 12))
    np.testing.assert_allclose(whole.components_, everything.components_, atol=1e-5)


def test_whitening_gives_unit_variance(cube):
    white = SpectralPCA(n_components=5, whiten=True).fit_transform(cube)
    np.testing.assert_allclose(white.reshape(-1, 5).std(axis=0), 1, rtol=0.01)


def test_auto_keeps_what_the_spectra_span():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(100, 3)) @ rng.normal(size=(3, 40))
    assert SpectralPCA().fit(flat).n_components_ == 3
    assert SpectralPCA().fit(rng.normal(size=(100, 40))).n_components_ == 25
    assert SpectralPCA(n_components=None).fit(rng.normal(size=(100, 40))).n_components_ == 40
    assert SpectralPCA(n_components=0.5).fit(flat).n_components_ < 3


def test_pixels_that_are_not_finite_stay_so_without_harm(cube, labels):
    broken = cube.copy()
    broken[0, 0, 3] = np.nan
    X, _ = pixel_samples(broken, labels)
    mapped = SpectralPCA(n_components=4).fit(X).transform(X)
    assert np.isnan(mapped.cubes[0][0, 0]).all()
    assert np.isfinite(np.asarray(mapped)).all()


def test_works_in_front_of_any_classifier(cube, labels):
    X, y = pixel_samples(cube, labels)
    assert make_pipeline(SpectralPCA(n_components=5), SVC()).fit(X, y).score(X, y) > 0.95


def test_the_inner_transformer_is_cloned(cube):
    inner = StandardScaler()
    SpectralTransformer(inner).fit(cube)
    assert not hasattr(inner, "mean_")


def test_bands_can_be_dropped(cube):
    drop = SpectralTransformer(FunctionTransformer(lambda spectra: spectra[:, ::2]))
    assert drop.fit_transform(cube).shape == (18, 20, 6)


@pytest.mark.parametrize("kind", ["cube", "samples", "windows", "spectra"])
def test_values_that_are_not_finite_are_named(cube, labels, kind):
    broken = cube.copy()
    broken[5, 5, [2, 7]] = np.nan, np.inf
    X, _ = pixel_samples(broken, labels)
    data = {
        "cube": broken,
        "samples": X,
        "windows": X.windows(3),
        "spectra": np.asarray(X),
    }[kind]
    with pytest.raises(DataError) as error:
        SpectralPCA().fit(data)
    count = 360 if kind == "cube" else len(X)
    assert str(error.value) == (
        "The data hold NaN or infinite values: 1 NaN and 1 infinite in 1 of "
        f"{count} spectra; bands (counts): 2 (1), 7 (1). "
        "Drop these bands, fill the values, or leave these pixels unlabelled."
    )


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (
            13,
            "n_components=13 is above the number of bands, 12. Use at most 12, a share of "
            'variance between 0 and 1, "auto" or None.',
        ),
        (
            "many",
            "n_components='many' is not understood. Use a positive int, a share of variance "
            'between 0 and 1, "auto" or None.',
        ),
        (
            0,
            "n_components=0 is not understood. Use a positive int, a share of variance between 0 "
            'and 1, "auto" or None.',
        ),
    ],
)
def test_component_errors(cube, count, message):
    with pytest.raises(ParameterError) as error:
        SpectralPCA(n_components=count).fit(cube)
    assert str(error.value) == message


def test_more_components_than_spectra(cube):
    with pytest.raises(ParameterError) as error:
        SpectralPCA(n_components=10).fit(cube[:1, :4])
    assert str(error.value) == (
        "n_components=10 needs at least 10 spectra to fit, got 4. Give more samples or fewer "
        'components, or use "auto".'
    )


def test_other_band_counts_are_refused(cube):
    with pytest.raises(DataError) as error:
        SpectralPCA().fit(cube).transform(cube[..., :7])
    assert str(error.value) == (
        "X has 7 features (bands), but SpectralPCA is expecting 12 features as input. Pass the "
        "bands it was fitted on, in the same order."
    )
