"""The files of a saved model: complete or not there, unchanged or refused."""

import json
import os
import shutil
import subprocess
import sys
import warnings
import zipfile

import numpy as np
import pytest

import hsvlm
from hsvlm import HSIPromptClassifier
from hsvlm._storage import parts as files
from hsvlm._storage.parts import read_parts, write_parts
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError

NAMES = ["README.md", "SHA256SUMS", "config.json", "model.safetensors"]
AGAIN = "Save the model again, or restore it from a copy."
CONFIG = json.dumps({"format": 1, "versions": {"hsvlm": hsvlm.__version__}}).encode()
OLD = {"config.json": CONFIG, "model.safetensors": b"old", "README.md": b"old"}
NEW = {"config.json": CONFIG, "model.safetensors": b"new", "README.md": b"new"}


def refusal(path, error=FileError, **options):
    with pytest.raises(error) as caught:
        HSIPromptClassifier.load(path, device="cpu", **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_a_model_is_four_files(saved):
    assert sorted(os.listdir(saved)) == NAMES
    assert os.listdir(saved.parent) == ["model"]
    with zipfile.ZipFile(HSIPromptClassifier.load(saved).save(saved.parent / "m.ZIP")) as archive:
        assert sorted(archive.namelist()) == NAMES


def test_other_tools_verify_the_digests(saved):
    tool = shutil.which("sha256sum")
    if tool is None:
        pytest.skip("there is no sha256sum")
    subprocess.run([tool, "-c", "SHA256SUMS"], cwd=saved, check=True, capture_output=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_changed_byte_is_noticed(saved, name):
    content = (saved / name).read_bytes()
    wrong = "SHA256SUMS" if name == "SHA256SUMS" else f"{name} does not have the digest"
    rng = np.random.default_rng(0)
    for place in {0, len(content) - 1, *rng.integers(0, len(content), 40).tolist()}:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        (saved / name).write_bytes(changed)
        with pytest.raises(FileError, match=wrong):
            read_parts(saved)
    (saved / name).write_bytes(changed)
    assert f"{saved}: " in refusal(saved)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", [0, 0.5, -1])
def test_parts_cut_short_are_refused(saved, name, keep):
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: int(keep * len(content)) if keep >= 0 else -1])
    assert "the model is damaged or was changed by hand" in refusal(saved)


@pytest.mark.parametrize("name", NAMES)
def test_missing_parts_are_named(saved, name):
    (saved / name).unlink()
    assert refusal(saved, MissingFileError) == (
        f"{saved} is not a complete saved model: {name} is missing. It consists of "
        f"config.json, model.safetensors, README.md and SHA256SUMS. {AGAIN}"
    )


def test_messages_about_damage(saved):
    for name in ("model.safetensors", "README.md"):
        (saved / name).write_bytes(b"")
    assert refusal(saved) == (
        f"{saved}: model.safetensors and README.md do not have the digest in SHA256SUMS; the "
        f"model is damaged or was changed by hand. {AGAIN}"
    )


def test_more_digests_than_parts(saved):
    with (saved / "SHA256SUMS").open("a") as file:
        file.write("\n")
    assert refusal(saved) == (
        f"{saved}: SHA256SUMS holds more than the digests of the parts; the model is damaged or "
        f"was changed by hand. {AGAIN}"
    )


def test_paths_without_a_model(tmp_path):
    nothing = tmp_path / "nothing"
    assert refusal(nothing, MissingFileError) == (
        f"{nothing} does not exist. Give the folder or archive of a saved model."
    )
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    assert refusal(text) == (
        f"{text}: is neither a folder nor a zip archive (File is not a zip file). Give the folder "
        "or the .zip archive of a saved model."
    )
    assert "config.json is missing" in refusal(tmp_path, MissingFileError)


def test_files_of_others_in_a_folder_do_not_matter(fitted, saved, cube):
    (saved / ".gitattributes").write_text("*.safetensors binary")
    (saved / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    loaded = HSIPromptClassifier.load(saved, device="cpu")
    np.testing.assert_array_equal(loaded.predict(cube), fitted.predict(cube))


@pytest.mark.parametrize("number", [0, 2, 1.0, True, "1", None])
def test_other_formats_are_refused(saved, edit, number):
    def change(config):
        config["format"] = number
        config["versions"]["hsvlm"] = "7.1.0"
        config["not known yet"] = {}

    edit(saved, change)
    assert refusal(saved) == (
        f"{saved} was written by hsvlm 7.1.0 in format {number!r}; hsvlm {hsvlm.__version__} "
        "reads format 1 only. Load it with hsvlm 7.1.0."
    )


def test_models_of_other_libraries_are_refused(saved, edit):
    edit(saved, lambda _: {"architectures": ["BertModel"]})
    assert refusal(saved) == (
        f"{saved}: its config.json does not belong to a saved model. Give the "
        "folder or archive of a saved model."
    )
    edit(saved, lambda _: [1])
    assert "does not belong to a saved model" in refusal(saved)


def test_too_deep_a_configuration(saved, monkeypatch):
    deep = b'{"format": 1, "versions": ' + b"[" * 10**5 + b"]" * 10**5 + b"}"
    write_parts(saved, {**read_parts(saved), "config.json": deep})
    assert "does not belong to a saved model" in refusal(saved)
    monkeypatch.setattr(files, "_MAX_TEXT_BYTES", 1000)
    assert refusal(saved) == (
        f"{saved}: config.json has 200027 bytes, above the limit 1000. {AGAIN}"
    )


# Archives


@pytest.fixture
def archive(fitted, tmp_path):
    return fitted.save(tmp_path / "model.zip")


def rewrite(archive, compression=zipfile.ZIP_STORED, **more):
    with zipfile.ZipFile(archive) as old:
        members = {name: old.read(name) for name in old.namelist()} | more
    with zipfile.ZipFile(archive, "w", compression) as new:
        for name, content in members.items():
            if content is not None:
                new.writestr(name, content)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "sub/config.json", "notes", "sub/"])
def test_archives_with_other_members_are_refused(archive, name):
    rewrite(archive, **{name: b""})
    assert (
        refusal(archive)
        == f"{archive}: holds {name!r}, which is not part of a saved model. {AGAIN}"
    )


def test_archives_that_lack_a_member_are_refused(archive):
    rewrite(archive, **{"README.md": None})
    assert "README.md is missing" in refusal(archive, MissingFileError)


def test_compressed_archives_are_refused_and_their_folders_loaded(archive, fitted, cube):
    rewrite(archive, zipfile.ZIP_DEFLATED)
    assert refusal(archive) == (
        f"{archive}: holds compressed or encrypted members, which saved models do not have. "
        "Unpack it and give the folder."
    )
    folder = archive.with_name("unpacked")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    loaded = HSIPromptClassifier.load(folder, device="cpu")
    np.testing.assert_array_equal(loaded.predict(cube), fitted.predict(cube))


def test_archives_with_two_members_of_a_name_are_refused(archive):
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning, match="Duplicate name"):
        more.writestr("config.json", b"{}")
    assert refusal(archive) == f"{archive}: holds two members of the same name. {AGAIN}"


def test_archives_that_state_wrong_sizes_are_refused(archive):
    content = bytearray(archive.read_bytes())
    entry = content.rindex(b"PK\x01\x02")  # of the last member, in the directory at the end
    content[entry + 20 : entry + 28] = (2**31).to_bytes(4, "little") * 2
    archive.write_bytes(content)
    assert refusal(archive) == f"{archive}: states impossible sizes of its members. {AGAIN}"


@pytest.mark.slow
def test_a_changed_byte_of_an_archive_is_refused_or_does_not_matter(archive):
    content, expected = archive.read_bytes(), read_parts(archive)
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(archive) as intact:
        start = intact.start_dir
    places = [*rng.integers(0, len(content), 300), *rng.integers(start, len(content), 300)]
    n_refused = 0
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << rng.integers(8)
        archive.write_bytes(changed)
        try:
            found = read_parts(archive)
        except FileError:
            n_refused += 1
        else:
            assert found == expected
    assert n_refused > len(places) // 2


# What is already there


@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_a_model_takes_the_place_of_another(tmp_path, name):
    path = write_parts(tmp_path / "new" / "folders" / name, OLD)
    write_parts(path, NEW)
    assert read_parts(path) == NEW
    assert os.listdir(path.parent) == [name]


def test_an_empty_folder_is_taken(tmp_path):
    assert read_parts(write_parts(tmp_path, NEW)) == NEW


def test_other_things_are_never_replaced(tmp_path):
    def message_of(path):
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(FileError) as caught:
            write_parts(path, NEW)
        assert sorted(tmp_path.rglob("*")) == before
        return str(caught.value)

    elsewhere = "Choose another path, or delete it first."
    folder = write_parts(tmp_path / "model", OLD)
    (folder / "notes.txt").write_text("mine")
    assert message_of(folder) == (
        f"{folder}: holds files that do not belong to a saved model (notes.txt). {elsewhere}"
    )
    (folder / "notes.txt").unlink()
    (folder / "config.json").write_text('{"architectures": ["BertModel"]}')
    assert message_of(folder) == f"{folder}: exists and is not a saved model. {elsewhere}"
    file = tmp_path / "file"
    file.write_text("mine")
    assert message_of(file) == f"{file}: is a file, not a folder. {elsewhere}"
    assert "could not be written" in message_of(file / "model")
    archive = tmp_path / "data.zip"
    archive.write_text("mine")
    assert message_of(archive) == f"{archive}: exists and is not a saved model. {elsewhere}"
    folder = tmp_path / "folder.zip"
    folder.mkdir()
    assert message_of(folder) == f"{folder}: is a folder, not an archive. {elsewhere}"
    aside = tmp_path / ".other.previous"
    aside.mkdir()
    (aside / "notes.txt").write_text("mine")
    assert message_of(tmp_path / "other") == (
        f"{aside}: holds files that do not belong to a saved model (notes.txt). {elsewhere}"
    )


def test_damaged_models_and_those_of_other_formats_are_replaced(tmp_path):
    later = json.dumps({"format": 2, "versions": {"hsvlm": "9"}}).encode()
    path = write_parts(tmp_path / "model", {**OLD, "config.json": later})
    (path / "README.md").write_text("changed")
    write_parts(path, NEW)
    assert read_parts(path) == NEW


def test_what_a_link_points_to_is_replaced(tmp_path):
    home = write_parts(tmp_path / "elsewhere" / "model", OLD)
    link = tmp_path / "link"
    link.symlink_to(home)
    write_parts(link, NEW)
    assert link.is_symlink()
    assert read_parts(link) == read_parts(home) == NEW


def test_files_are_readable_as_the_user_wants_them(tmp_path):
    before = os.umask(0o027)
    try:
        path = write_parts(tmp_path / "model", NEW)
        archive = write_parts(tmp_path / "model.zip", NEW)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o750
    assert (path / "config.json").stat().st_mode & 0o777 == 0o640
    assert archive.stat().st_mode & 0o777 == 0o640


# Interruptions

# Ends the process, as a power cut would, before the call of one of these with the given number.
_KILLED = """
import os, shutil, sys
from hsvlm._storage.parts import write_parts

left = int(sys.argv[2])

def mortal(function):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return function(*args, **kwargs)
    return call

for name in ("rename", "replace", "fsync", "mkdir", "open", "unlink", "rmdir"):
    setattr(os, name, mortal(getattr(os, name)))
parts = dict.fromkeys(("config.json", "model.safetensors", "README.md"), b"new")
parts["config.json"] = sys.argv[3].encode()
write_parts(sys.argv[1], parts)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_a_killed_process_leaves_one_whole_model(tmp_path, name):
    seen = []
    for n_calls in range(40):
        path = tmp_path / str(n_calls) / name
        write_parts(path, OLD)
        command = [sys.executable, "-c", _KILLED, path, str(n_calls), CONFIG.decode()]
        killed = subprocess.run(command, check=False).returncode
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            found = read_parts(path)
        assert found in (OLD, NEW)
        assert bool(warned) == (not path.exists())
        seen.append("aside" if warned else found["README.md"])
        # The next one is not in the way of what was left behind.
        write_parts(path, NEW)
        assert read_parts(path) == NEW
        assert not path.with_name(f".{name}.previous").exists()
        if killed == 0:
            break
    assert killed == 0
    order = [b"old", "aside", b"new"] if name == "model" else [b"old", b"new"]
    assert list(dict.fromkeys(seen)) == order


def test_the_previous_model_is_found_and_told_of(fitted, saved, cube, monkeypatch):
    rename, calls = os.rename, []

    def rename_once(source, target):
        calls.append(source)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_once)
    with pytest.raises(FileError) as caught:
        fitted.save(saved, metadata={"new": True})
    assert str(caught.value) == (
        f"{saved}: could not be written ([Errno 28] No space left on device). Choose another "
        "place, or check permissions and free space."
    )
    aside = saved.with_name(".model.previous")
    assert os.listdir(saved.parent) == [aside.name]
    with pytest.warns(HSVLMWarning) as warned:
        loaded = HSIPromptClassifier.load(saved, device="cpu")
    assert str(warned[0].message) == (
        f"{saved} is missing, because replacing it was interrupted. The previous model is loaded "
        f"from {aside}; rename that folder to keep it."
    )
    assert warned[0].filename == __file__
    assert loaded.metadata_ == {}
    np.testing.assert_array_equal(loaded.predict(cube), fitted.predict(cube))
    monkeypatch.undo()
    fitted.save(saved, metadata={"new": True})
    assert os.listdir(saved.parent) == ["model"]
    assert HSIPromptClassifier.load(saved).metadata_ == {"new": True}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_replacement_that_fails_is_undone(tmp_path, monkeypatch, error):
    path = write_parts(tmp_path / "model", OLD)
    rename = os.rename

    def refuse_the_new_one(source, target):
        if "previous" not in f"{source}{target}":
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", refuse_the_new_one)
    with pytest.raises(FileError if error is OSError else error):
        write_parts(path, NEW)
    assert os.listdir(tmp_path) == ["model"]
    assert read_parts(path) == OLD


@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, name):
    path = write_parts(tmp_path / name, OLD)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FileError, match="No space left on device"):
        write_parts(path, NEW)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == [name]
    assert read_parts(path) == OLD
