"""Every registered reader keeps what the registry promises; a new one is tested by being listed."""

from pathlib import Path

import pytest

from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import FileError
from hsvlm.io import list_feature_suffixes, list_scene_suffixes, read_labels, read_scene
from hsvlm.io._readers import readers, readers_by_suffix  # the registry is not public

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "files.md"


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.NAME)
def test_a_reader_states_its_suffixes_and_reads_both_kinds(reader):
    assert tuple(suffix.lower() for suffix in reader.SUFFIXES) == reader.SUFFIXES
    assert all(suffix.startswith(".") for suffix in reader.SUFFIXES)
    assert callable(reader.read_cube)
    assert callable(reader.read_label_map)


def test_no_two_readers_have_the_same_suffix():
    assert len(readers_by_suffix()) == sum(len(reader.SUFFIXES) for reader in readers())


@pytest.mark.parametrize("suffix", list_scene_suffixes())
@pytest.mark.parametrize("content", [b"", b"not a scene at all", bytes(range(256)) * 8])
def test_other_content_is_refused(suffix, content, tmp_path):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileError, match=path.name):
        read_scene(path)
    with pytest.raises(FileError, match=path.name):
        read_labels(path, make_synthetic_scene(random_state=0))


@pytest.mark.parametrize("suffix", [*list_scene_suffixes(), *list_feature_suffixes()])
def test_every_suffix_is_documented(suffix):
    assert f"`{suffix}`" in PAGE.read_text(encoding="utf-8")
