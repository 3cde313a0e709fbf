"""Cubes, spectra and windows as they should not be: refused, warned of, or handled alike."""

import dask.array
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
import xarray

from hsvlm import HSIPromptClassifier, PixelSamples, Scene, SpectralPCA, pixel_samples
from hsvlm._data.lazy import RowsCube
from hsvlm.exceptions import DataError, HSVLMError, HSVLMWarning, ParameterError
from hsvlm.preprocessing import SpectralTransformer

KINDS = "Pass PixelSamples, a Scene, a cube (height, width, n_bands), spectra (n_samples, n_bands)"


@pytest.fixture
def make(settings):
    return lambda **changes: HSIPromptClassifier(**{**settings, "max_epochs": 2, **changes})


@pytest.fixture(scope="module")
def counts(cube):
    """The scene in whole numbers from 30 to 130, which integers of any size hold."""
    return np.rint(np.clip(cube, -4, 11) * 6 + 60)


@pytest.fixture(scope="module")
def known(settings, cube, labels, counts):
    """Classifiers of pixels, of spectra and of windows, and of the scene in whole numbers."""
    X, y = pixel_samples(cube, labels)
    data = {"cube": X, "spectra": np.asarray(X), "windows": X.windows(5)}
    fitted = {
        kind: HSIPromptClassifier(**{**settings, "max_epochs": 2}).fit(values, y)
        for kind, values in data.items()
    }
    fitted["counts"] = HSIPromptClassifier(**settings).fit(counts, labels)
    return fitted, {**data, "cube": cube}


def refusal(call, error=DataError):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, HSVLMError)
    return str(caught.value)


# Values


@pytest.mark.parametrize("value", [0.0, 5.0, 1e-200], ids=["zero", "equal", "tiny"])
@pytest.mark.parametrize("n_components", ["auto", None])
def test_spectra_that_do_not_differ(make, cube, labels, value, n_components):
    values = np.full(cube.shape, value) * (1 + (value < 1) * labels[..., None])
    assert refusal(lambda: make(n_components=n_components).fit(values, labels)) == (
        f"The {(labels > 0).sum()} training spectra are all equal, so the classes cannot be "
        "distinguished. Check whether no-data pixels are labeled, or the wrong bands selected."
    )


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1e-30, 1e28])
def test_units_of_any_size(make, cube, labels, factor):
    clf = make(max_epochs=8).fit(cube * np.float32(factor), labels)
    assert clf.score(cube * np.float32(factor), labels) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("value", [0, 7])
def test_constant_bands(make, cube, labels, value):
    constant = cube.copy()
    constant[..., 5:] = value
    assert make(max_epochs=8).fit(constant, labels).score(constant, labels) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "value", "what"),
    [
        (np.float32, -9999, "The least value of the spectra is -9999"),
        (np.int16, -32768, "The least value of the spectra is -32768"),
        (np.uint16, 65535, "Some spectra are 65535 in every band"),
        (np.uint16, 0, "Some spectra are 0 in every band"),
        (np.float64, 0, "Some spectra are 0 in every band"),
    ],
)
def test_missing_values_that_nobody_declared(make, known, counts, labels, dtype, value, what):
    broken = counts.astype(dtype)
    broken[4, 4] = value
    message = (
        f"{what}, which usually marks missing data, and is used as a measurement. Leave such "
        "pixels out: pass Scene(cube, valid=mask).masked_cube(), or read the scene with "
        "read_scene(path, nodata=value)."
    )
    for call in (lambda: make().fit(broken, labels), lambda: known[0]["counts"].predict(broken)):
        with pytest.warns(HSVLMWarning) as caught:
            call()
        assert {str(one.message) for one in caught} == {message}


def hide(cube, hidden):
    return np.ma.masked_where(np.broadcast_to(hidden[..., None], cube.shape), cube)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["masked", "one band", "valid"])
def test_pixels_without_data_are_no_class(make, cube, labels, way):
    hidden = np.zeros(labels.shape, dtype=bool)
    hidden[3:6, 4:9] = True
    broken = np.where(hidden[..., None], np.float32(-9999), cube)
    if way == "valid":
        given = Scene(broken, valid=~hidden).masked_cube()
    else:
        given = hide(broken, hidden)
        if way == "one band":
            given.mask[..., 1:] = False
    clf = make(max_epochs=8, unlabeled=-5)
    clf.fit(given, np.where(labels, labels.astype(int), -5))
    predicted = clf.predict(given)
    assert (predicted == -5).sum() == hidden.sum()
    assert (predicted[hidden] == -5).all()
    assert np.isnan(clf.predict_proba(given)[hidden]).all()
    assert clf.score(given, np.where(labels, labels.astype(int), -5)) > 0.9


def test_masked_pixels_do_not_count_in_components(cube):
    hidden = np.zeros(cube.shape[:2], dtype=bool)
    hidden[:5] = True
    masked = hide(np.where(hidden[..., None], 1e6, cube), hidden)
    pca = SpectralPCA(3).fit(masked)
    np.testing.assert_allclose(pca.transformer_.mean_, cube[~hidden].mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(pca.transform(masked).valid, ~hidden)
    scene = Scene(masked)
    np.testing.assert_array_equal(scene.valid, ~hidden)
    assert scene.summary()["valid pixels"] == "260 of 360"


@pytest.mark.parametrize("kind", ["spectra", "windows"])
def test_masked_values_outside_cubes(make, known, labels, kind):
    fitted, data = known
    masked = np.ma.masked_where(data[kind] == data[kind].max(), data[kind])
    expected = (
        f"{masked.mask.sum()} of {masked.size} values of X are masked, and the values under the "
        "mask would be used as data. Leave these samples out, or fill in values for the missing "
        "ones. In a cube, masked pixels are pixels without data."
    )
    for call in (
        lambda: make().fit(masked, labels[labels > 0]),
        lambda: fitted[kind].predict(masked),
        lambda: fitted[kind].predict_proba(masked),
        lambda: SpectralPCA(2).fit(masked),
    ):
        assert refusal(call) == expected


def test_cube_without_a_valid_pixel(known):
    fitted, data = known
    everywhere = np.ma.masked_all_like(data["cube"])
    assert refusal(lambda: fitted["cube"].predict(everywhere)) == (
        "No pixel of the cube is valid, so there is nothing to predict. Check the mask or the "
        "no-data value."
    )


# Types and layouts


TYPES = "i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 g >i2 >u2 >f4 >f8 O".split()  # noqa: SIM905


@pytest.mark.parametrize("dtype", TYPES)
def test_the_same_values_in_any_type_give_the_same_labels(known, make, counts, labels, dtype):
    clf = known[0]["counts"]
    values = counts.astype(dtype)
    np.testing.assert_allclose(
        clf.predict_proba(values), clf.predict_proba(counts), rtol=0, atol=1e-4
    )
    if dtype in {"u2", "f2", "g", ">f4"}:
        expected = make(max_epochs=1).fit(counts, labels).predict_proba(counts)
        again = make(max_epochs=1).fit(values, labels)
        np.testing.assert_allclose(again.predict_proba(values), expected, rtol=0, atol=1e-3)


def test_differences_of_unsigned_numbers_do_not_wrap():
    from sklearn.preprocessing import FunctionTransformer

    cube = np.array([[[60000, 10], [10, 60000]]], dtype=np.uint16)
    difference = SpectralTransformer(FunctionTransformer(lambda X: X[:, :1] - X[:, 1:]))
    assert difference.fit_transform(cube).ravel().tolist() == [59990, -59990]


@pytest.mark.slow
def test_booleans_are_zeros_and_ones(make, cube, labels):
    above = cube > 1
    above[..., 0] = True
    as_numbers = make().fit(above.astype(int), labels).predict_proba(above.astype(int))
    np.testing.assert_array_equal(make().fit(above, labels).predict_proba(above), as_numbers)


def memory_map(array, folder):
    mapped = np.memmap(folder / "values", array.dtype, "w+", shape=array.shape)
    mapped[...] = array
    return mapped


@pytest.mark.parametrize("kind", ["cube", "spectra", "windows"])
@pytest.mark.parametrize(
    "change",
    [
        lambda array, _: np.asfortranarray(array),
        lambda array, _: np.repeat(array, 2, axis=0)[::2],
        lambda array, _: array[::-1].copy()[::-1],
        lambda array, _: array.astype(array.dtype.newbyteorder("S")),
        lambda array, _: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape),
        memory_map,
    ],
    ids=["Fortran", "strided", "backwards", "byte order", "read-only", "memory map"],
)
def test_the_layout_in_memory_does_not_matter(make, known, labels, tmp_path, kind, change):
    fitted, data = known
    expected = fitted[kind].predict_proba(data[kind])
    changed = change(data[kind], tmp_path)
    np.testing.assert_array_equal(fitted[kind].predict_proba(changed), expected)
    y = labels if kind == "cube" else labels[labels > 0]
    np.testing.assert_array_equal(make().fit(changed, y).predict_proba(data[kind]), expected)


CONTAINERS = {
    "list": lambda array: array.tolist(),
    "tensor": torch.tensor,
    "tensor with gradient": lambda array: torch.tensor(array, requires_grad=True),
    "dask": lambda array: dask.array.from_array(array, chunks=7),
    "xarray": xarray.DataArray,
    "objects": lambda array: array.astype(object),
    "subclass": np.ma.asarray,
}


@pytest.mark.parametrize("kind", ["cube", "spectra", "windows"])
@pytest.mark.parametrize("change", CONTAINERS.values(), ids=CONTAINERS)
def test_other_containers(make, known, labels, kind, change):
    fitted, data = known
    changed = change(data[kind])
    expected = fitted[kind].predict(data[kind])
    np.testing.assert_array_equal(fitted[kind].predict(changed), expected)
    y = labels if kind == "cube" else labels[labels > 0]
    np.testing.assert_array_equal(make().fit(changed, y).predict(data[kind]), expected)


def test_data_frames_are_spectra_with_names(make, known, labels):
    fitted, data = known
    frame = pd.DataFrame(data["spectra"]).add_prefix("band ")
    clf = make().fit(frame, pd.Series(labels[labels > 0]))
    np.testing.assert_array_equal(clf.predict(frame), fitted["spectra"].predict(data["spectra"]))
    turned = frame[frame.columns[::-1]]
    assert refusal(lambda: clf.predict(turned)).startswith("The feature names should match")


@pytest.mark.parametrize("change", [dask.array.asarray, xarray.DataArray, torch.tensor])
def test_samples_of_cubes_of_other_libraries(cube, labels, change):
    X, _ = pixel_samples(change(cube), labels)
    np.testing.assert_array_equal(np.asarray(X), cube[labels > 0])
    assert isinstance(X.cubes[0], np.ndarray if change is torch.tensor else RowsCube)


def test_cubes_of_open_files(cube, labels, tmp_path):
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        X, _ = pixel_samples(file.create_dataset("cube", data=cube), labels)
        np.testing.assert_array_equal(np.asarray(X), cube[labels > 0])


def test_half_precision_of_brains(known):
    fitted, data = known
    tensor = torch.tensor(data["cube"]).bfloat16()
    expected = fitted["cube"].predict(tensor.float().numpy())
    np.testing.assert_array_equal(fitted["cube"].predict(tensor), expected)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (None, f"X is of type NoneType. {KINDS}"),
        ("scene.tif", f"X is of type str. {KINDS}"),
        ({"cube": 1}, f"X is of type dict. {KINDS}"),
        (iter([[1.0]]), f"X is of type list_iterator. {KINDS}"),
        (xarray.Dataset({"a": ("x", [1.0])}), f"X is of type Dataset. {KINDS}"),
        (np.zeros((1, 2, 2, 2, 2)), f"X is an array of 5 dimensions. {KINDS}"),
        (scipy.sparse.eye(12).tocsr(), "Sparse data was passed for X, but dense data is required."),
        ([[1.0, 2.0], [3.0]], "X, of type list, cannot be turned into an array (setting an array"),
        (np.zeros((3, 12), dtype="M8[D]"), "X has dtype datetime64[D]. Pass real numbers."),
        (np.zeros((3, 12), dtype="m8[D]"), "X has dtype timedelta64[D]. Pass real numbers."),
        (np.full((3, 12), "1"), "X has dtype <U1. Pass real numbers."),
        (np.zeros((3, 12), dtype=complex), "X has dtype complex128. Pass real numbers. Complex "),
        (np.full((3, 12), "a", dtype=object), "could not convert string to float: 'a'"),
        (np.full((3, 5, 5, 12), "a", dtype=object), "X has dtype object and contains non-numeric "),
        (np.full((3, 5, 12), "a"), "The cube has dtype <U1. Pass real numbers."),
        (torch.zeros(5, 5, 12).to_sparse(), "The cube, of type Tensor, cannot be turned into an "),
        (np.zeros((0, 5, 12)), "The cube has shape (0, 5, 12), so it holds no value. It needs at "),
        (np.zeros((5, 5, 0)), "The cube has shape (5, 5, 0), so it holds no value. It needs at "),
        (np.zeros((0, 12)), "Found array with 0 sample(s) (shape=(0, 12))"),
        (np.zeros((0, 5, 5, 12)), f"X holds no samples. {KINDS}"),
        (np.zeros((2, 5, 5, 0)), f"X has no bands, its shape is (2, 5, 5, 0). {KINDS}"),
        (np.zeros(12), "Expected 2D array, got 1D array instead:"),
    ],
    ids=lambda one: one[:24] if isinstance(one, str) else type(one).__name__,
)
def test_what_is_no_input(make, known, X, message):
    fitted, _ = known
    kind = "spectra" if getattr(X, "ndim", 2) == 2 else "cube"
    y = np.ones(np.shape(X)[:2]) if getattr(X, "ndim", 0) == 3 else [1, 2, 3]
    assert refusal(lambda: fitted[kind].predict(X)).startswith(message)
    assert refusal(lambda: make().fit(X, y)).startswith(message)


# Shapes


@pytest.mark.parametrize(("axis", "place"), [(0, "first"), (1, "second")])
def test_bands_on_another_axis_in_prediction(known, axis, place):
    fitted, data = known
    turned = np.moveaxis(data["cube"], -1, axis)
    for method in ("predict", "predict_proba", "transform"):
        assert refusal(lambda name=method: getattr(fitted["cube"], name)(turned)) == (
            f"The cube has shape {turned.shape} and the classifier was fitted on 12 bands: the "
            f"bands seem to come {place}. Pass np.moveaxis(cube, {axis}, -1)."
        )


def test_one_image_is_no_cube(known):
    fitted, data = known
    assert refusal(lambda: fitted["spectra"].predict(data["cube"][..., 0])) == (
        "X has 20 features, but HSIPromptClassifier is expecting 12 features as input."
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 20), (18, 1)])
def test_small_scenes_need_padding_with_zeros(make, known, cube, labels, shape):
    small = cube[: shape[0], : shape[1]]
    assert make(padding="zero").fit(cube, labels).predict(small).shape == shape
    message = refusal(lambda: known[0]["cube"].predict(small), ParameterError)
    assert message.startswith(f"window_size=5 is too large for a scene of {shape[0]} x {shape[1]}")


@pytest.mark.slow
def test_two_thousand_bands(make, cube, labels):
    many = np.tile(cube, 167)[..., :2000]
    assert make(max_epochs=8).fit(many, labels).score(many, labels) > 0.9


def test_pixels_may_repeat(known):
    fitted, data = known
    twice = PixelSamples(data["cube"], [[3, 3], [3, 3]])
    assert len(set(fitted["cube"].predict(twice).tolist())) == 1
