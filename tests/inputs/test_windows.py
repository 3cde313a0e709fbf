import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples, pixel_samples
from hsvlm._data.lazy import MaskedCube
from hsvlm._inputs import windows as _windows
from hsvlm._inputs.windows import WindowSource
from hsvlm.exceptions import DataError, ParameterError

CPU = torch.device("cpu")


def identity(spectra):
    return spectra


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("padding", ["reflect", "zero"])
@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 3, 5]))
def test_gathered_windows_equal_those_of_the_samples(padding, masked, seed, size):
    rng = np.random.default_rng(seed)
    cubes = [rng.normal(size=(*rng.integers(3, 10, size=2), 2)) for _ in range(2)]
    scene_ids = rng.integers(0, 2, size=7)
    coords = np.array([rng.integers(0, cubes[scene].shape[:2]) for scene in scene_ids])
    if masked:
        valid = rng.random(cubes[0].shape[:2]) < 0.7
        valid[tuple(coords[scene_ids == 0].T)] = True
        cubes[0] = MaskedCube(cubes[0], valid)
    X = PixelSamples(cubes, coords, scene_ids)
    source = WindowSource.from_samples(X, identity, size, padding, CPU)
    windows = source.gather(torch.arange(7)).numpy()
    np.testing.assert_array_equal(windows, X.windows(size, padding).astype(np.float32))


@pytest.mark.slow
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("padding", ["reflect", "zero"])
@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 3, 5, 7]), count=st.integers(1, 12))
def test_both_ways_to_number_pixels_agree(padding, masked, seed, size, count):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(4, 40, size=2))
    coords = rng.integers(0, shape, size=(count, 2))
    valid = rng.random(shape) < 0.7 if masked else None
    few = _windows._sparse_pixel_map(shape, coords, size, padding, valid)
    many = _windows._dense_pixel_map(shape, coords, size, padding, valid)
    np.testing.assert_array_equal(few.rows, many.rows)
    np.testing.assert_array_equal(few.cols, many.cols)
    steps = np.arange(size)
    windows = [
        one.row_map[one.corners[:, None, None] + one.stride * steps[:, None] + steps]
        for one in (few, many)
    ]
    np.testing.assert_array_equal(*windows)
    assert few.row_map.dtype == many.row_map.dtype == np.int32


class Endless:
    """A scene of ones that takes no memory."""

    shape = (20_000, 20_000, 2)
    ndim = 3
    dtype = np.dtype(np.float32)

    def __getitem__(self, key):
        return np.ones((len(key[0]), 2), dtype=np.float32)


def test_memory_does_not_grow_with_the_scene():
    corners = [[0, 0], [19_999, 19_999], [0, 19_999], [10_000, 10_000]]
    X = PixelSamples(Endless(), corners)
    tracemalloc.start()
    source = WindowSource.from_samples(X, identity, 5, "reflect", CPU)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6
    assert source.gather(torch.arange(4)).shape == (4, 5, 5, 2)
    assert len(source.table) == 3 * 9 + 25 + 1


def test_only_touched_pixels_are_reduced(cube):
    seen = []

    def count(spectra):
        seen.append(len(spectra))
        return spectra

    X = PixelSamples(cube, [[4, 4], [4, 5], [12, 15]])
    WindowSource.from_samples(X, count, 3, "reflect", CPU)
    assert sum(seen) == 12 + 9


def test_pixels_outside_all_windows_may_be_missing(cube, labels):
    broken = cube.copy()
    broken[9, 9, 0] = np.nan
    far, near = PixelSamples(broken, [[3, 3]]), PixelSamples(broken, [[8, 8]])
    WindowSource.from_samples(far, identity, 3, "reflect", CPU)
    with pytest.raises(DataError, match=r"1 NaN and 0 infinite in 1 of 9 spectra; .*: 0 \(1\)\."):
        WindowSource.from_samples(near, identity, 3, "reflect", CPU)


@pytest.mark.parametrize("kind", ["samples", "spectra"])
def test_missing_values_are_counted_over_all_pieces_and_scenes(monkeypatch, cube, labels, kind):
    monkeypatch.setattr(_windows, "_CHUNK", 50)
    broken = cube.copy()
    broken[[2, 16], [2, 16], 4] = np.nan
    broken[9, 9, 5] = 1e38
    everywhere = np.argwhere(np.ones((18, 20)))
    X = PixelSamples([broken, broken], np.tile(everywhere, (2, 1)), np.repeat([0, 1], 360))
    prepare = {
        "samples": lambda: WindowSource.from_samples(X, identity, 3, "reflect", CPU),
        "spectra": lambda: WindowSource.from_array(np.asarray(X), identity, CPU),
    }[kind]
    with pytest.raises(DataError) as error:
        prepare()
    assert str(error.value) == (
        "The data hold NaN or infinite values: 4 NaN and 0 infinite, and values beyond ±1e30, "
        "probably a no-data marker: 2 in 6 of 720 spectra; bands (counts): 4 (4), 5 (2). "
        "Drop these bands, fill the values, or keep windows away from these pixels."
    )


def test_ready_made_windows_and_spectra(cube, labels):
    X, _ = pixel_samples(cube, labels)
    windows = X.windows(5)
    source = WindowSource.from_array(windows, identity, CPU)
    np.testing.assert_array_equal(source.gather(torch.tensor([7, 2])), windows[[7, 2]])
    single = WindowSource.from_array(np.asarray(X), identity, CPU)
    np.testing.assert_array_equal(single.gather(torch.tensor([3]))[:, 0, 0], np.asarray(X)[[3]])


def test_the_eight_symmetries_are_those_of_the_square():
    window = np.arange(9.0).reshape(1, 3, 3, 1)
    source = WindowSource.from_array(window, identity, CPU)
    turned = source.gather(torch.zeros(8, dtype=torch.int64), torch.arange(8)).numpy()[..., 0]
    square = window[0, :, :, 0]
    expected = {
        one.tobytes()
        for flipped in (square, square.T)
        for one in (np.rot90(flipped, quarter).astype(np.float32) for quarter in range(4))
    }
    assert {one.tobytes() for one in turned} == expected
    assert len(expected) == 8
    np.testing.assert_array_equal(turned[0], square)


def test_windows_that_do_not_fit_are_refused(cube):
    with pytest.raises(ParameterError, match="which allows at most 35"):
        WindowSource.from_samples(PixelSamples(cube, [[0, 0]]), identity, 37, "reflect", CPU)
