import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hsvlm._data.lazy import (
    MappedCube,
    MaskedCube,
    is_in_memory,
    read_through,
    release_pages,
    source_of,
)
from hsvlm.mapping._reading import PixelBlocks, RecentRows


@pytest.mark.slow
@given(
    st.integers(1, 8).flatmap(
        lambda height: st.integers(1, 8).flatmap(
            lambda width: st.one_of(st.none(), arrays.arrays(bool, (height, width))).map(
                lambda valid: ((height, width), valid)
            )
        )
    ),
    st.integers(1, 20),
)
def test_blocks_are_the_valid_pixels_in_order(scene, size):
    shape, valid = scene
    blocks = PixelBlocks(shape, valid, size)
    expected = np.argwhere(np.ones(shape, dtype=bool) if valid is None else valid)
    found = [blocks.coordinates(blocks.positions(number)) for number in range(len(blocks))]
    assert blocks.n_pixels == len(expected)
    assert all(len(one) == size for one in found[:-1])
    assert all(len(one) for one in found)
    np.testing.assert_array_equal(np.concatenate([np.empty((0, 2)), *found]), expected)


def test_rows_are_read_once_while_they_are_in_use(cube, counting):
    source = counting(cube)
    rows = RecentRows(source)
    for first in range(0, 16, 2):
        np.testing.assert_array_equal(rows[first : first + 4], cube[first : first + 4])
        rows.forget_unused()
    assert source.reads.tolist() == [1] * 18


def test_rows_that_are_not_in_use_are_forgotten(cube, counting):
    source = counting(cube)
    rows = RecentRows(source)
    rows.read_rows(0, 4)
    rows.forget_unused()
    rows.read_rows(2, 6)
    rows.forget_unused()
    rows.read_rows(0, 6)
    assert source.reads[:6].tolist() == [2, 2, 1, 1, 1, 1]


@pytest.mark.parametrize("most_rows", [0, 1, 3])
def test_no_more_rows_are_kept_than_there_is_room_for(cube, counting, monkeypatch, most_rows):
    monkeypatch.setattr("hsvlm.mapping._reading._MAX_CACHE_BYTES", most_rows * cube[0].nbytes)
    source = counting(cube)
    rows = RecentRows(source)
    for _ in range(2):
        np.testing.assert_array_equal(rows[2:9], cube[2:9])
    assert source.reads[2:9].sum() == 14 - most_rows
    np.testing.assert_array_equal(rows[np.array([17, 0]), np.array([3, 4])], cube[[17, 0], [3, 4]])


def test_what_is_kept_cannot_be_changed_from_outside(cube, counting):
    rows = RecentRows(counting(cube))
    rows.read_rows(0, 2)[:] = 0
    np.testing.assert_array_equal(rows.read_rows(0, 2), cube[:2])


def test_functions_and_masks_stay_when_something_is_put_below_them(cube, counting, valid):
    masked = MaskedCube(MappedCube(cube, lambda spectra: 2 * spectra[:, :3]), valid)
    source = counting(cube)
    found = read_through(masked, lambda array: source if array is cube else None)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(masked))
    assert source.reads.any()
    assert source_of(found) is source


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "cube.npy"
    np.save(path, np.ones((64, 64, 64), dtype=np.float32))
    return np.load(path, mmap_mode="r")


def test_mapped_arrays_are_told_from_others(mapped, cube):
    assert not is_in_memory(mapped)
    assert not is_in_memory(np.asarray(mapped).transpose(2, 0, 1)[1:])
    assert is_in_memory(cube)
    assert is_in_memory(cube[1:])


def resident(path):
    """Kilobytes of a mapped file that are memory of this process."""
    lines = Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return int(next(line for line in lines[start:] if line.startswith("Rss:")).split()[1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_pages_that_were_read_are_given_back(mapped):
    views = [mapped, mapped.transpose(1, 0, 2), MappedCube(mapped, lambda spectra: spectra[:, :2])]
    for view in views:
        assert np.asarray(view[0:64]).all()
        assert resident(mapped.filename) > 1000
        release_pages(view)
        assert resident(mapped.filename) == 0
    assert mapped.all()


@pytest.mark.parametrize("mode", ["c", "r+"])
def test_what_was_written_to_a_map_is_not_given_back(mapped, mode):
    writable = np.load(mapped.filename, mmap_mode=mode)
    writable[0] = 5
    release_pages(writable)
    assert (writable[0] == 5).all()


def test_reading_rows_of_a_mapped_file_leaves_no_pages(mapped):
    rows = RecentRows(mapped)
    np.testing.assert_array_equal(rows[10:20], mapped[10:20])
    release_pages(mapped)
    rows.forget_unused()
    assert rows[10:30].all()
    if sys.platform == "linux":
        assert resident(mapped.filename) == 0
