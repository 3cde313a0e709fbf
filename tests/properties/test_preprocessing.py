"""Spectra are reduced as a singular value decomposition in NumPy reduces them."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from hsvlm import PixelSamples, SpectralPCA, SpectralTransformer
from hsvlm._data.lazy import MappedCube
from hsvlm.exceptions import ParameterError

# Data type, mean of the bands, and spread along the first component: what sensors deliver.
SCALES = [
    (np.float64, 0, 1),
    (np.float32, 0.3, 0.1),  # reflectances
    (np.float32, 300, 5),  # brightness temperatures
    (np.float32, 20_000, 1500),  # radiances
    (np.float64, 1e6, 100),
    (np.uint16, 30_000, 9000),
    (np.int16, 0, 9000),
    (np.uint8, 120, 30),
    (np.float32, 2e-6, 1e-6),
    (np.float32, 0, 1e-10),
    (np.float32, 0, 1e25),
]


@st.composite
def spectra(draw, scales=SCALES):
    """Spectra of random rank, each component with half the spread of the one before."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dtype, offset, spread = draw(st.sampled_from(scales))
    n_bands = draw(st.integers(2, 9))
    n_spectra = draw(st.integers(2, 40))
    rank = draw(st.integers(1, min(n_bands, n_spectra - 1, 4)))
    scores = np.linalg.qr(np.column_stack([np.ones(n_spectra), rng.normal(size=(n_spectra, rank))]))
    axes = np.linalg.qr(rng.normal(size=(n_bands, rank)))[0]
    values = (scores[0][:, 1:] * 0.5 ** np.arange(rank)) @ axes.T * np.sqrt(n_spectra)
    values = values * spread + offset
    return (np.rint(values) if np.dtype(dtype).kind in "iu" else values).astype(dtype), rank


def decomposed(values):
    exact = values.astype(np.float64)
    left, singular, right = np.linalg.svd(exact - exact.mean(axis=0), full_matrices=False)
    return left * singular, singular**2 / (len(values) - 1), right


def rounding(values):
    """How far scores may move because the values themselves are rounded, as are sums of them."""
    kind = np.dtype(values.dtype)
    step = np.finfo(kind).eps if kind.kind == "f" else np.finfo(np.float64).eps
    return 4 * step * values.shape[1] * np.abs(values.astype(np.float64)).max()


def up_to_sign(scores, expected):
    return scores * np.where((scores * expected).sum(axis=0) < 0, -1, 1)


@pytest.mark.slow
@given(spectra(), st.booleans())
def test_scores_are_those_of_a_decomposition_whatever_the_scale(drawn, whiten):
    values, rank = drawn
    expected, variances, _ = decomposed(values)
    assume(variances[rank - 1] > 0)
    pca = SpectralPCA(rank, whiten=whiten).fit(values)
    scores = pca.transform(values)
    assert scores.dtype == (np.float32 if values.dtype == np.float32 else np.float64)
    assert pca.n_components_ == rank
    np.testing.assert_allclose(pca.transformer_.explained_variance_, variances[:rank], rtol=0.02)
    unit = np.sqrt(variances[:rank]) if whiten else 1.0
    # Rounded spectra turn neighbouring components against each other, by 1e-4 and less here.
    error = 3 * rounding(values) + 1e-3 * np.sqrt(variances[0])
    found = up_to_sign(scores.astype(np.float64), expected[:, :rank])
    np.testing.assert_array_less(abs(found * unit - expected[:, :rank]), error)


@pytest.mark.slow
@given(spectra([(np.float64, 3.0, 1), (np.float32, 300, 50)]), st.integers(0, 100))
def test_neither_order_nor_repetition_of_spectra_matters(drawn, seed):
    values, rank = drawn
    order = np.random.default_rng(seed).permutation(len(values))
    expected = SpectralPCA(rank).fit(values).transform(values)
    for other in (values[order], np.repeat(values, 3, axis=0)):
        found = SpectralPCA(rank).fit(other).transform(values)
        spread = abs(expected).max()
        np.testing.assert_allclose(up_to_sign(found, expected), expected, atol=1e-4 * spread)


@pytest.mark.slow
@given(spectra([(np.float64, 0, 1), (np.float64, 1e4, 50)]), st.integers(1, 9))
def test_components_kept(drawn, count):
    values, rank = drawn
    variances = decomposed(values)[1]
    shares = np.cumsum(variances) / variances.sum()
    assert SpectralPCA().fit(values).n_components_ == rank
    assert SpectralPCA(None).fit(values).n_components_ == min(values.shape)
    wanted = float(0.5 * shares[0]) if count % 2 else float(min((shares[rank - 1] + 1) / 2, 0.9))
    enough = next(n for n, share in enumerate(shares, start=1) if share > wanted)
    assert SpectralPCA(wanted).fit(values).n_components_ == enough
    if count > min(values.shape):
        with pytest.raises(ParameterError, match=rf"^n_components={count} "):
            SpectralPCA(count).fit(values)
        return
    scores = SpectralPCA(count).fit(values).transform(values)
    assert (scores[:, rank:] == 0).all()
    assert (abs(scores[:, :rank]).max(axis=0) > 0).all()


@pytest.mark.slow
@given(st.integers(1, 30), st.integers(1, 5), st.sampled_from([7, 30_000, 0.1, 1e-6]))
def test_spectra_without_variance_become_zeros(n_spectra, n_bands, value):
    flat = np.full((n_spectra, 1, n_bands), value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = SpectralPCA().fit(flat).transform(flat + 1)
    assert (scores == 0).all()


TRANSFORMERS = [
    SpectralPCA(2),
    SpectralPCA(2, whiten=True),
    SpectralTransformer(StandardScaler()),
    SpectralTransformer(FunctionTransformer(lambda one: one[:, ::-1] + 1)),
]


@pytest.mark.slow
@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=["pca", "white", "scaler", "function"])
@given(
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from([np.uint16, np.float32, np.float64]),
    lazy=st.booleans(),
)
def test_every_kind_and_every_part_of_a_scene_is_transformed_alike(transformer, seed, dtype, lazy):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 5, size=2))
    cube = rng.integers(1000, 9000, size=(*shape, int(rng.integers(2, 6)))).astype(dtype)
    before = cube.copy()
    fitted = transformer.fit(cube)
    pixels = np.array([fitted.transform(one[None])[0] for one in cube.reshape(-1, cube.shape[2])])
    expected = pixels.reshape(*shape, -1)
    close = {"rtol": 1e-3, "atol": 1e-3 * abs(expected).max()}

    whole = fitted.transform(cube)
    assert whole.dtype == pixels.dtype
    np.testing.assert_allclose(whole, expected, **close)
    row, col = (int(rng.integers(1, side)) for side in shape)
    for tile in (np.s_[:row, :col], np.s_[row:, col:], np.s_[row - 1 : row, ::-1]):
        np.testing.assert_allclose(fitted.transform(cube[tile]), expected[tile], **close)

    source = MappedCube(cube, lambda one: one) if lazy else cube
    X = PixelSamples(source, np.column_stack([rng.integers(0, side, size=5) for side in shape]))
    mapped = fitted.transform(X)
    at = tuple(X.coords.T)
    assert isinstance(mapped, PixelSamples)
    np.testing.assert_array_equal(mapped.coords, X.coords)
    np.testing.assert_allclose(np.asarray(mapped), expected[at], **close)
    windows = fitted.transform(X.windows(3))
    assert windows.shape == (5, 3, 3, expected.shape[2])
    np.testing.assert_allclose(windows, mapped.windows(3), **close)
    np.testing.assert_allclose(windows[:, 1, 1], expected[at], **close)
    np.testing.assert_array_equal(cube, before)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.sampled_from([np.float32, np.float64]))
def test_pixels_that_cannot_be_used_become_nan_and_touch_no_other(seed, dtype):
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=(5, 6, 3)).astype(dtype)
    broken = cube.copy()
    where = rng.random((5, 6)) < 0.3
    broken[where, rng.integers(0, 3)] = rng.choice([np.nan, np.inf, -np.inf, 1e31, -3e38])
    fitted = SpectralPCA(2).fit(cube)
    X = PixelSamples(broken, np.argwhere(np.ones((5, 6))))
    found = np.asarray(fitted.transform(X)).reshape(5, 6, 2)
    assert np.isnan(found[where]).all()
    np.testing.assert_allclose(found[~where], fitted.transform(cube)[~where], rtol=1e-3, atol=1e-5)
