"""Samples are indexed, joined, cut into windows and transformed as plain arrays would be."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples, pixel_samples
from hsvlm._data.lazy import MappedCube, MaskedCube
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError

DTYPES = [np.uint8, np.int16, np.uint16, np.float32, np.float64]


def same(spectra):
    return spectra


@st.composite
def samples(draw, max_scenes=3, min_samples=0):
    """Samples, and what they see: one plain array per scene, zero where it holds no data."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    dtype, n_bands = draw(st.sampled_from(DTYPES)), draw(st.integers(1, 3))
    cubes, plain, places = [], [], []
    for scene in range(draw(st.integers(1, max_scenes))):
        shape = tuple(draw(st.integers(1, 8)) for _ in "ab")
        values = rng.integers(0, 100, size=(*shape, n_bands)).astype(dtype)
        valid = np.ones(shape, dtype=bool)
        kind = draw(st.sampled_from(["array", "mapped", "masked", "both"]))
        cube = MappedCube(values, same) if kind in {"mapped", "both"} else values
        if kind in {"masked", "both"}:
            valid = rng.random(shape) < 0.7
            cube = MaskedCube(cube, valid)
        cubes.append(cube)
        plain.append(np.where(valid[..., None], values, 0).astype(dtype))
        places += [(scene, *where) for where in np.argwhere(valid).tolist()]
    if not places:
        cubes[0], places = plain[0], [(0, 0, 0)]
    count = draw(st.integers(min_samples, 12))
    chosen = np.array([places[n] for n in rng.integers(0, len(places), size=count)])
    chosen = chosen.reshape(-1, 3)
    return PixelSamples(cubes, chosen[:, 1:], chosen[:, 0]), plain


@st.composite
def keys(draw, size):
    """Anything that may stand in brackets behind an array of so many elements."""
    numbers = st.integers(-size, size - 1) if size else st.nothing()
    lists = st.lists(numbers, max_size=8) if size else st.just([])
    masks = st.lists(st.booleans(), min_size=size, max_size=size)
    kinds = [
        st.slices(size),
        lists,
        lists.map(lambda one: np.array(one, dtype=np.int32)),
        masks.map(lambda one: np.array(one, dtype=bool)),
        st.just(Ellipsis),
    ]
    if size:
        kinds += [numbers, numbers.map(np.int16), masks]
    key = draw(st.one_of(kinds))
    return draw(st.sampled_from([key, (key, Ellipsis), (key, slice(None))]))


def mirrored(place, extent):
    while not 0 <= place < extent:
        place = -place if place < 0 else 2 * (extent - 1) - place
    return place


def naive_windows(X, plain, size, padding):
    found = np.zeros((len(X), size, size, X.shape[1]), dtype=X.dtype)
    for number, (scene, (row, col)) in enumerate(zip(X.scene_ids, X.coords, strict=True)):
        height, width = plain[scene].shape[:2]
        for down in range(size):
            for right in range(size):
                y, x = row + down - size // 2, col + right - size // 2
                if padding == "reflect":
                    y, x = mirrored(y, height), mirrored(x, width)
                if 0 <= y < height and 0 <= x < width:
                    found[number, down, right] = plain[scene][y, x]
    return found


def places(X):
    return np.column_stack([X.scene_ids, X.coords])


@pytest.mark.slow
@given(samples(), st.data())
def test_a_chain_of_keys_selects_what_it_selects_of_an_array(drawn, data):
    X, plain = drawn
    order, chosen = np.arange(len(X)), X
    for _ in range(data.draw(st.integers(1, 3))):
        key = data.draw(keys(len(order)))
        order = np.atleast_1d(order[key[0] if isinstance(key, tuple) else key])
        chosen = chosen[key]
    assert chosen.shape == (len(order), X.shape[1])
    assert all(one is other for one, other in zip(chosen.cubes, X.cubes, strict=True))
    np.testing.assert_array_equal(places(chosen), places(X)[order])
    expected = [plain[scene][row, col] for scene, row, col in places(X)[order]]
    np.testing.assert_array_equal(np.asarray(chosen), np.reshape(expected, chosen.shape))
    assert np.asarray(chosen).dtype == chosen.dtype == plain[0].dtype
    np.testing.assert_array_equal(
        chosen.windows(3, "zero"), naive_windows(X, plain, 3, "zero")[order]
    )


@pytest.mark.parametrize("key", [None, np.array(1), [[0, 1], [2, 3]]])
def test_keys_that_make_no_list_of_samples_are_refused(key):
    X = PixelSamples(np.zeros((2, 2, 3)), np.argwhere(np.ones((2, 2))))
    with pytest.raises(IndexError) as error:
        X[key]
    assert str(error.value) == (
        f"Give a number, a slice, a mask or a list, not shape {np.shape(key)}."
    )


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["reflect", "zero"])
@given(drawn=samples(), half=st.integers(0, 9))
def test_windows_of_any_size_are_those_of_a_padded_scene(padding, drawn, half):
    X, plain = drawn
    size = 2 * half + 1
    sides = [min(plain[scene].shape[:2]) for scene in X.scene_ids]
    if padding == "reflect" and sides and size > 2 * min(sides) - 1:
        with pytest.raises(ParameterError, match=f"^window_size={size} is too large for a scene"):
            X.windows(size, padding)
        return
    windows = X.windows(size, padding)
    assert windows.dtype == X.dtype
    np.testing.assert_array_equal(windows, naive_windows(X, plain, size, padding))
    np.testing.assert_array_equal(windows[:, half, half], np.asarray(X))


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 2**26], ids=["lazy", "eager"])
@given(drawn=samples(), data=st.data())
def test_to_transform_and_to_select_can_be_swapped(limit, drawn, data):
    X, plain = drawn
    mix = np.random.default_rng(0).integers(-3, 4, size=(X.shape[1], 4)).astype(np.float64)
    key = data.draw(keys(len(X)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hsvlm.samples._MAX_EAGER_VALUES", limit)
        mapped = X.map_spectra(lambda spectra: spectra @ mix)
        first, second = mapped[key], X[key].map_spectra(lambda spectra: spectra @ mix)
    expected = naive_windows(X[key], plain, 3, "zero") @ mix
    for one in (first, second):
        np.testing.assert_array_equal(places(one), places(X[key]))
        np.testing.assert_array_equal(one.windows(3, "zero"), expected)
        np.testing.assert_array_equal(np.asarray(one), expected[:, 1, 1])


@pytest.mark.slow
@given(samples(), st.data())
def test_parts_are_joined_in_order_and_scenes_kept_once(drawn, data):
    X, plain = drawn
    other = PixelSamples([np.array(plain[0]), X.cubes[0]], [[0, 0]], [0])
    parts = [
        one[data.draw(keys(len(one)))]
        for one in data.draw(st.lists(st.sampled_from([X, other]), min_size=1, max_size=4))
    ]
    joined = PixelSamples.concatenate(parts)
    expected = np.concatenate([np.asarray(one) for one in parts])
    np.testing.assert_array_equal(np.asarray(joined), expected)
    np.testing.assert_array_equal(joined.coords, np.concatenate([one.coords for one in parts]))
    assert len(joined.cubes) == len({id(cube) for one in parts for cube in one.cubes})


@pytest.mark.slow
@given(samples(), st.data())
def test_samples_survive_pickling(drawn, data):
    X, plain = drawn
    chosen = X[data.draw(keys(len(X)))]
    again = pickle.loads(pickle.dumps(chosen))
    assert type(again) is PixelSamples
    assert (again.shape, again.dtype) == (chosen.shape, chosen.dtype)
    np.testing.assert_array_equal(places(again), places(chosen))
    np.testing.assert_array_equal(again.windows(3, "zero"), naive_windows(chosen, plain, 3, "zero"))


@pytest.mark.slow
@given(
    st.integers(0, 10_000),
    st.sampled_from([0, 1, -1, 2.0, None, float("nan")]),
    st.sampled_from([np.int16, np.float32, object]),
)
def test_labelled_pixels_are_found_as_a_loop_finds_them(seed, unlabeled, dtype):
    rng = np.random.default_rng(seed)
    cubes, maps, expected, y_expected = [], [], [], []
    for scene in range(rng.integers(1, 4)):
        shape = tuple(rng.integers(1, 6, size=2))
        valid = rng.random(shape) < 0.8
        values = rng.integers(-1, 4, size=shape).astype(dtype)
        if isinstance(unlabeled, float) and unlabeled != unlabeled and dtype != np.int16:
            values[rng.random(shape) < 0.3] = np.nan
        label_map = np.ma.masked_array(values, rng.random(shape) < 0.2)
        present = ~label_map.mask & (values == values)
        if unlabeled is not None:
            present &= values != unlabeled
        if not (present & valid).any():
            valid = valid | present  # or all labels of a scene are lost, which is refused
        cubes.append(MaskedCube(rng.normal(size=(*shape, 2)), valid))
        maps.append(label_map)
        for row in range(shape[0]):
            for col in range(shape[1]):
                label = values[row, col]
                background = label != label or (unlabeled is not None and label == unlabeled)
                if valid[row, col] and not label_map.mask[row, col] and not background:
                    expected.append((scene, row, col))
                    y_expected.append(label)
    # A list is taken at its word: a single value leaves -1 in doubt.
    stated = None if unlabeled is None else [unlabeled]
    if not expected:
        with pytest.raises(DataError, match=r"^No pixel is labeled"):
            pixel_samples(cubes, maps, stated)
        return
    with warnings.catch_warnings():
        # Many of so few labels lie on pixels without data, or are fill values.
        warnings.simplefilter("ignore", HSVLMWarning)
        X, y = pixel_samples(cubes, maps, stated)
    assert places(X).tolist() == [list(one) for one in expected]
    assert y.tolist() == y_expected
