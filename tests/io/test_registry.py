"""Every registered reader keeps what the registry promises; a new one is tested by being listed."""

from pathlib import Path

import pytest

from hsvlm.datasets import make_synthetic_scene
from hsvlm.exceptions import FileError, MissingFileError
from hsvlm.io import list_feature_suffixes, list_scene_suffixes, read_labels, read_scene
from hsvlm.io._readers import readers  # the registry is not public

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "files.md"


@pytest.mark.parametrize("reader", readers(), ids=lambda reader: reader.name)
def test_a_reader_states_its_suffixes_and_what_it_reads(reader):
    assert tuple(suffix.lower() for suffix in reader.suffixes) == reader.suffixes
    assert all(suffix.startswith(".") for suffix in reader.suffixes)
    kinds = [reader.read_cube, reader.read_label_map, reader.read_features]
    assert [callable(read) for read in kinds] in (
        [True, False, False],  # products
        [True, True, False],
        [False, False, True],
    )


def test_names_are_unique():
    names = [reader.name for reader in readers()]
    assert len(set(names)) == len(names)


def test_one_reader_per_suffix_is_chosen_without_looking_into_the_file():
    for kind in ("read_label_map", "read_features"):
        by_suffix = [each for each in readers() if getattr(each, kind) and each.matches is None]
        suffixes = [suffix for reader in by_suffix for suffix in reader.suffixes]
        assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize("suffix", [*list_scene_suffixes(), *list_feature_suffixes()])
def test_missing_files_and_folders_are_refused(suffix, tmp_path):
    missing, folder = tmp_path / f"none{suffix}", tmp_path / f"folder{suffix}"
    folder.mkdir()
    for path, problem in ((missing, "does not exist"), (folder, "is a folder")):
        for arguments in ((path,), (path, make_synthetic_scene(random_state=0))):
            read = read_scene if len(arguments) == 1 else read_labels
            with pytest.raises(MissingFileError) as error:
                read(*arguments)
            assert str(error.value) == f"{path} {problem}. Give the path of a file."


@pytest.mark.parametrize("suffix", list_feature_suffixes())
def test_features_of_other_content_are_refused(suffix, tmp_path):
    path = tmp_path / f"file{suffix}"
    for content in (b"", b"not features at all", bytes(range(256)) * 8):
        path.write_bytes(content)
        with pytest.raises(FileError, match=path.name):
            read_labels(path, make_synthetic_scene(random_state=0))


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
