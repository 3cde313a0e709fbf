"""Home folders in paths are expanded in one place, with one error."""

from pathlib import Path

import pytest

import hsvlm
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import MissingFileError
from hsvlm.io import read_scene

UNKNOWN = "~nobody-of-this-name"


def test_the_home_folder_of_the_user(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert expand_home("~/scene.hdr") == tmp_path / "scene.hdr"
    assert expand_home(Path("~")) == tmp_path
    assert expand_home("scene~.hdr") == Path("scene~.hdr")


def test_unknown_users():
    for call in (expand_home, read_scene):
        with pytest.raises(MissingFileError) as error:
            call(f"{UNKNOWN}/scene.hdr")
        assert str(error.value) == (
            f"{UNKNOWN}/scene.hdr: there is no home folder {UNKNOWN} on this computer. Write the "
            "whole path."
        )


def test_files_whose_names_begin_like_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(UNKNOWN).mkdir()
    assert expand_home(f"{UNKNOWN}/scene.hdr") == Path(UNKNOWN, "scene.hdr")


def test_no_other_place_expands_home_folders():
    package = Path(hsvlm.__file__).parent
    files = [path for path in package.rglob("*.py") if "expanduser" in path.read_text("utf-8")]
    assert files == [package / "_system" / "paths.py"]
