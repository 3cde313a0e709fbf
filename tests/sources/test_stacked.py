"""A stacked cube is the concatenation of its sources, however it is read."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples, Raster, Scene
from hsvlm._data.lazy import MappedCube, MaskedCube
from hsvlm._data.stacked import StackedCube
from hsvlm.exceptions import DataError, UnknownNameError

RNG = np.random.default_rng(0)
BANDS = RNG.integers(0, 99, (7, 6, 4)).astype(np.int16)
HEIGHTS = RNG.normal(size=(7, 6)).astype(np.float32)
BOTH = np.concatenate([BANDS, HEIGHTS[..., None]], axis=2, dtype=np.float32)


def scene(**options):
    return Scene(BANDS, auxiliary={"lidar": HEIGHTS}, **options)


def memory_map(path):
    values = np.memmap(path, dtype=BANDS.dtype, mode="w+", shape=BANDS.shape)
    values[:] = BANDS
    return values


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), min_size=1, max_size=20))
def test_pixels_and_windows_are_those_of_the_concatenation(coords):
    cube = StackedCube([BANDS, HEIGHTS[..., None]])
    stacked, plain = PixelSamples(cube, coords), PixelSamples(BOTH, coords)
    np.testing.assert_array_equal(np.asarray(stacked), np.asarray(plain))
    np.testing.assert_array_equal(stacked.windows(3), plain.windows(3))
    assert stacked.dtype == np.float32


@given(st.integers(0, 7), st.integers(0, 7))
def test_rows_are_those_of_the_concatenation(start, stop):
    cube = StackedCube([BANDS, HEIGHTS[..., None]])
    np.testing.assert_array_equal(cube[start:stop], BOTH[start:stop])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12))
def test_selected_channels_are_those_of_the_concatenation(channels):
    stack = StackedCube([StackedCube([BANDS, HEIGHTS[..., None]]), HEIGHTS[..., None]])
    selected = stack.select(np.array(channels))
    expected = np.concatenate([BOTH, HEIGHTS[..., None]], axis=2)[..., channels]
    np.testing.assert_array_equal(np.asarray(selected), expected)
    np.testing.assert_array_equal(selected[[1, 2], [3, 3]], expected[[1, 2], [3, 3]])
    assert selected.dtype == np.float32


def test_sources_that_are_not_selected_are_not_read():
    class Unreadable(MappedCube):
        def read_rows(self, start, stop):
            raise AssertionError("it was read")

    bands = Unreadable(BANDS, lambda spectra: spectra)
    chosen = Scene(bands, auxiliary={"lidar": HEIGHTS}).select_sources(["lidar"])
    np.testing.assert_array_equal(np.asarray(chosen.cube)[..., 0], HEIGHTS)


def test_sources_may_be_mapped_masked_and_in_files(tmp_path):
    valid = HEIGHTS > -1
    parts = {
        "memory map": memory_map(tmp_path / "bands"),
        "mapped": MappedCube(BANDS, lambda spectra: spectra + 0),
        "masked": MaskedCube(BANDS, np.ones((7, 6), dtype=bool)),
    }
    hidden = MaskedCube(BANDS, HEIGHTS < 1)
    both = Scene(hidden, valid=valid, auxiliary={"lidar": HEIGHTS})
    np.testing.assert_array_equal(both.valid, valid & (HEIGHTS < 1))
    for name, part in parts.items():
        stacked = Scene(part, auxiliary={"lidar": Raster(HEIGHTS, valid=valid)})
        expected = np.where(valid[..., None], BOTH, 0)
        np.testing.assert_array_equal(np.asarray(stacked.masked_cube()), expected, err_msg=name)


def test_a_scene_with_sources_describes_its_channels():
    rich = scene(
        wavelengths_nm=[500, 600, 700, 800],
        bad_bands=[True, False, False, False],
        band_names=list("abcd"),
        scale=(0.5, 1),
    )
    assert rich.sources == {"spectra": slice(0, 4), "lidar": slice(4, 5)}
    np.testing.assert_array_equal(rich.wavelengths_nm, [500, 600, 700, 800, np.nan])
    assert rich.bad_bands.tolist() == [True, False, False, False, False]
    assert rich.band_names == ("a", "b", "c", "d", "lidar 0")
    scaled = np.asarray(rich.apply_scale().cube)
    np.testing.assert_allclose(scaled, BOTH * [0.5, 0.5, 0.5, 0.5, 1] + [1, 1, 1, 1, 0])
    assert "'spectra' (4 channels), 'lidar' (1 channel)" in repr(rich)


def test_sources_are_added_to_a_scene_and_selected():
    more = replace(scene(), auxiliary={"sar": Raster(BOTH[..., :2], names=["VV", "VH"], reach=1)})
    assert list(more.sources) == ["spectra", "lidar", "sar"]
    assert more.sources["sar"] == slice(5, 7)
    assert more.reach == 1
    chosen = more.select_sources(["sar", "spectra"])
    assert chosen.sources == {"sar": slice(0, 2), "spectra": slice(2, 6)}
    np.testing.assert_array_equal(np.asarray(chosen.cube)[..., 2:], BANDS)
    assert more.select_bands([0, 4, 1]).sources is None  # those of a source are apart
    with pytest.raises(UnknownNameError, match="source"):
        more.select_sources(["radar"])


def test_a_pixel_is_valid_if_it_is_in_every_source():
    heights = HEIGHTS.copy()
    heights[0, 0] = np.nan
    masked = np.ma.masked_array(HEIGHTS, mask=HEIGHTS[1, 1] == HEIGHTS)
    valid = np.ones((7, 6), dtype=bool)
    valid[2, 2] = False
    stacked = Scene(BANDS, valid=valid, auxiliary={"lidar": heights, "dsm": masked})
    assert np.argwhere(~stacked.valid).tolist() == [[0, 0], [1, 1], [2, 2]]


def test_samples_know_their_sources():
    labels = np.ones((7, 6), dtype=int)
    X, _ = scene(labels=labels, reach=2).samples()
    assert X[3:].sources == {"spectra": slice(0, 4), "lidar": slice(4, 5)}
    assert X[:2].reach == 2
    np.testing.assert_array_equal(
        X.windows(1)[:, 0, 0, X.sources["lidar"]].ravel(), HEIGHTS.ravel()
    )
    assert X.map_spectra(lambda spectra: spectra + 1).sources == X.sources
    assert X.map_spectra(lambda spectra: spectra[:, :2]).sources is None
    joined = PixelSamples.concatenate([X[:3], X[5:]])
    assert joined.sources == X.sources
    other, _ = Scene(BANDS, labels, auxiliary={"dsm": HEIGHTS}).samples()
    with pytest.raises(DataError, match=r"different sources: .*'lidar'.*'dsm'"):
        PixelSamples.concatenate([X, other])


@pytest.mark.parametrize(
    ("auxiliary", "message"),
    [
        ({"lidar": HEIGHTS[:, :5]}, r"'lidar' has 7 x 5 pixels, the scene 7 x 6. .*hsvlm.io.align"),
        ({"spectra": HEIGHTS}, "has a source 'spectra' already"),
        (
            {"lidar": Raster(HEIGHTS, transform=(2, 0, 1, 0, -2, 0))},
            "'lidar' lies elsewhere than the scene",
        ),
        ({"lidar": HEIGHTS.astype(complex)}, "complex"),
        ({"lidar": HEIGHTS[0]}, r"must have shape \(height, width\)"),
    ],
)
def test_rasters_that_do_not_fit_are_refused(auxiliary, message):
    with pytest.raises(DataError, match=message):
        Scene(BANDS, transform=(2, 0, 0, 0, -2, 0), auxiliary=auxiliary)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["a", "b"]}, "1 channels and 2 names"),
        ({"valid": np.ones((2, 2), dtype=bool)}, r"must have shape \(7, 6\)"),
        ({"valid": np.ones((7, 6))}, "dtype bool"),
        ({"transform": (1, 2)}, "transform has 2 numbers"),
    ],
)
def test_rasters_that_contradict_themselves_are_refused(options, message):
    with pytest.raises(DataError, match=message):
        Raster(HEIGHTS, **options)


@pytest.mark.parametrize(
    "sources",
    [
        {"spectra": slice(0, 3)},
        {"spectra": slice(0, 2), "lidar": slice(1, 4)},
        {"spectra": slice(None, 4)},
        {},
        {"spectra": slice(0, 4), "lidar": slice(4, 4)},
        [slice(0, 4)],
    ],
)
def test_sources_have_to_cover_the_channels(sources):
    with pytest.raises(DataError, match="sources="):
        Scene(BANDS, sources=sources)
