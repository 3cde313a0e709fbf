import numpy as np
import pytest
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator

from hsvlm import PixelSamples, SpectralPCA, SpectralTransformer, pixel_samples
from hsvlm._data.spectra import check_finite
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
    assert SpectralPCA().fit(rng.normal(size=(100, 60))).n_components_ == 40
    assert SpectralPCA(n_components=None).fit(rng.normal(size=(100, 40))).n_components_ == 40
    assert SpectralPCA(n_components=0.5).fit(flat).n_components_ < 3


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("count", [12, None])
def test_directions_without_variance_are_zero(count, whiten):
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 12))
    pca = SpectralPCA(n_components=count, whiten=whiten).fit(flat)
    elsewhere = pca.transform(rng.normal(size=(20, 12)))
    assert elsewhere.shape == (20, 12)
    np.testing.assert_array_equal(elsewhere[:, 4:], 0)
    assert (abs(elsewhere[:, :4]) > 0).all()


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


@pytest.mark.parametrize("kind", ["cube", "samples", "windows"])
@pytest.mark.parametrize("everywhere", [False, True])
def test_data_frames_hold_plain_spectra_alone(cube, labels, kind, everywhere):
    X, _ = pixel_samples(cube, labels)
    data = {"cube": cube, "samples": X, "windows": X.windows(3)}[kind]
    expected = SpectralPCA(n_components=4).fit_transform(data)
    with config_context(transform_output="pandas" if everywhere else "default"):
        pca = SpectralPCA(n_components=4)
        pca = pca if everywhere else pca.set_output(transform="pandas")
        for result in (pca.fit_transform(data), pca.transform(data)):
            assert type(result) is type(expected)
            np.testing.assert_array_equal(np.asarray(result), np.asarray(expected))
        frame = pca.transform(np.asarray(X))
    assert list(frame.columns) == [f"spectralpca{number}" for number in range(4)]
    np.testing.assert_allclose(frame, pca.transform(X), atol=1e-5)


def test_pipelines_with_data_frames_take_samples(cube, labels):
    X, y = pixel_samples(cube, labels)
    pipeline = Pipeline([("pca", SpectralPCA(n_components=5)), ("svc", SVC())])
    assert pipeline.set_output(transform="pandas").fit(X, y).score(X, y) > 0.95


def test_inner_transformers_see_arrays_whatever_the_output(cube):
    class Strict(StandardScaler):
        def fit(self, X, y=None):
            assert type(X) is np.ndarray
            return super().fit(X, y)

    inner = make_pipeline(StandardScaler(), Strict())
    with config_context(transform_output="pandas"):
        SpectralTransformer(inner).fit(cube).transform(cube)


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
        "Drop these bands, fill the values, or keep windows away from these pixels."
    )


@pytest.mark.parametrize(
    ("value", "dtype"), [(-3.4028235e38, np.float32), (1e300, np.float64), (-1e300, np.float64)]
)
@pytest.mark.parametrize("transformer", [SpectralPCA(), SpectralTransformer(StandardScaler())])
def test_extreme_values_are_named(cube, transformer, value, dtype):
    broken = cube.astype(dtype)
    broken[5, 5:7] = value
    with pytest.raises(DataError) as error:
        transformer.fit(broken)
    message = (
        "The data hold values beyond ±1e30, probably a no-data marker: 24 in 2 of 360 spectra; "
        "bands (counts): 0 (2), 1 (2), 2 (2), 3 (2), 4 (2) and 7 more bands. "
        "Drop these bands, fill the values, or keep windows away from these pixels."
    )
    assert str(error.value) == message
    with pytest.raises(DataError) as error:
        transformer.fit(cube).transform(broken)
    assert str(error.value) == message
    mapped = transformer.transform(PixelSamples(broken, [[5, 5], [0, 0]]))
    np.testing.assert_array_equal(np.isnan(np.asarray(mapped)).all(axis=1), [True, False])


def test_every_kind_of_broken_value_is_counted(cube):
    broken = cube.copy()
    broken[0, :3, 1] = np.nan, np.inf, 1e31
    with pytest.raises(DataError) as error:
        SpectralPCA().fit(broken)
    assert str(error.value) == (
        "The data hold NaN or infinite values: 1 NaN and 1 infinite, and values beyond ±1e30, "
        "probably a no-data marker: 1 in 3 of 360 spectra; bands (counts): 1 (3). "
        "Drop these bands, fill the values, or keep windows away from these pixels."
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_infinite_values_of_every_precision_are_refused(dtype):
    check_finite(np.full((3, 2), 60000, dtype=dtype))
    with pytest.raises(DataError, match="0 NaN and 6 infinite in 3 of 3 spectra"):
        check_finite(np.full((3, 2), np.inf, dtype=dtype))


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


def test_a_memory_is_a_folder(cube):
    with pytest.raises(ParameterError) as error:
        SpectralPCA(memory=3).fit(cube)
    assert str(error.value) == "memory=3 must be None, a folder or a joblib.Memory."


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
