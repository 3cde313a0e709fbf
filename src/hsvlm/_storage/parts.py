"""The files of a saved model: a folder or an archive, complete or not there, with digests."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import shutil
import warnings
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hsvlm._system.files import file_error, fsync
from hsvlm._system.version import __version__
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "CARD",
    "CONFIG",
    "FORMAT",
    "SUMS",
    "TENSORS",
    "read_parts",
    "shorten",
    "write_parts",
]

FORMAT: Final = 1
CONFIG: Final = "config.json"
TENSORS: Final = "model.safetensors"
CARD: Final = "README.md"
SUMS: Final = "SHA256SUMS"

_PARTS: Final = (CONFIG, TENSORS, CARD)
_FILES: Final = (*_PARTS, SUMS)
# In bytes. What is read out of a text takes some twenty times its room.
_LONGEST_TEXT: Final = 2**25
_LONGEST_DIRECTORY: Final = 2**16  # bytes, of an archive: one of four members takes 300
_LONGEST_QUOTE: Final = 300  # characters; a file may have anything to say
# A save that began longer ago than this is dead, or at least has waited too long.
_DRAFT_AGE_S: Final = 24 * 3600
_DRAFT_SUFFIX: Final = ".part"
_AGAIN: Final = "Save the model again, or restore it from a copy."
_ELSEWHERE: Final = "Choose another path, or delete it first."


def write_parts(path: str | os.PathLike[str], parts: Mapping[str, bytes]) -> Path:
    """Write a model, all of it or nothing."""
    # Everything is written beside `path` and takes its place by renaming. A folder cannot be
    # replaced in one step: between two renamings the previous model is found under another name,
    # where `read_parts` looks for it.
    given = Path(path).expanduser()
    target = Path(os.path.realpath(given))
    archive = given.suffix.lower() == ".zip"
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_DRAFT_SUFFIX}")
    files = {**parts, SUMS: _sums(parts)}
    _check_texts(given, parts)
    try:
        _check_replaceable(given, target, archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        if archive:
            _write_file(fresh, _archive(files))
            os.replace(fresh, target)
            fsync(target.parent)
        else:
            fresh.mkdir()
            for name, content in files.items():
                _write_file(fresh / name, content)
            fsync(fresh)
            _swap_in(fresh, target)
        _remove_dead_drafts(target)
    except FileError:
        raise
    except OSError as error:
        hint = "Choose another place, or see to permissions and free space."
        raise file_error(given, f"could not be written ({error})", hint) from error
    finally:
        _remove(fresh)
    return given


def read_parts(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read a model and verify the digest of every part."""
    given = _found(Path(path).expanduser())
    with _members(given) as members:
        config, sums = _read(given, members, CONFIG), _read(given, members, SUMS)
        if _line(CONFIG, config) not in sums.splitlines():
            raise _damaged(given, [CONFIG])
        _check_format(given, config)
        if strange := sorted(set(members) - set(_FILES)):
            problem = f"holds {shorten(', '.join(map(repr, strange)))}, which no saved model does"
            raise file_error(given, problem, _AGAIN)
        parts = {CONFIG: config} | {name: _read(given, members, name) for name in _PARTS[1:]}
    if sums != _sums(parts):
        lines = sums.splitlines()
        raise _damaged(given, [one for one in _PARTS if _line(one, parts[one]) not in lines])
    return parts


def shorten(text: object) -> str:
    """Bring what a file says into one line of a message."""
    line = " ".join(str(text).split())
    return line if len(line) <= _LONGEST_QUOTE else f"{line[:_LONGEST_QUOTE]}..."


def _sums(parts: Mapping[str, bytes]) -> bytes:
    return b"".join(_line(name, parts[name]) + b"\n" for name in _PARTS)


def _line(name: str, content: bytes) -> bytes:
    return f"{hashlib.sha256(content).hexdigest()}  {name}".encode()


def _damaged(path: Path, names: list[str]) -> FileError:
    problem = (
        f"{' and '.join(names)} {'do' if names[1:] else 'does'} not have the digest in {SUMS}"
        if names
        else f"{SUMS} holds more than the digests of the parts"
    )
    return file_error(path, f"{problem}; the model is damaged or was changed by hand", _AGAIN)


def _stated_format(path: Path, config: bytes) -> tuple[Any, Any]:
    try:
        found = json.loads(config)
        return found["format"], shorten(found["versions"]["hsvlm"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        hint = "Give what HSIPromptClassifier.save wrote."
        raise file_error(path, f"its {CONFIG} is not that of a saved model", hint) from error


def _check_format(path: Path, config: bytes) -> None:
    number, version = _stated_format(path, config)
    if type(number) is not int or number != FORMAT:
        raise FileError(
            f"{path} was written by hsvlm {version} in format {shorten(repr(number))}; hsvlm "
            f"{__version__} reads format {FORMAT} only. Load it with hsvlm {version}."
        )


def _found(path: Path) -> Path:
    if path.exists():
        return path
    aside = _backup_path(Path(os.path.realpath(path)))
    if not aside.is_dir():
        raise MissingFileError(
            f"{path} does not exist. Give the folder or archive of a saved model."
        )
    message = (
        f"{path} is not there, because replacing it was interrupted. The model that was to be "
        f"replaced is taken, from {aside}; rename that folder to keep it."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=5)
    return aside


class _Listing(io.FileIO):
    """An archive of which a directory of many members is not read."""

    def read(self, size: int | None = -1, /) -> Any:
        if size is not None and size > _LONGEST_DIRECTORY:
            raise zipfile.BadZipFile("it has too many members")
        return super().read(size)


@contextlib.contextmanager
def _members(path: Path) -> Iterator[dict[str, tuple[int, Callable[[], bytes]]]]:
    """Size and reader of each member; files in a folder that are none of ours do not count."""
    if path.is_dir():
        files = {name: path / name for name in _FILES if (path / name).is_file()}
        yield {name: (one.stat().st_size, one.read_bytes) for name, one in files.items()}
        return
    try:
        with _Listing(path) as listing:
            zipfile.ZipFile(listing).close()
        archive = zipfile.ZipFile(path)
    # The last of them is zipfile's answer to versions of the format that it does not know.
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        hint = "Give the folder or the .zip archive of a saved model."
        raise file_error(path, f"is neither a folder nor a zip archive ({error})", hint) from error
    with archive:
        infos = archive.infolist()
        _check_archive(path, infos)
        yield {one.filename: (one.file_size, partial(archive.read, one)) for one in infos}


def _check_archive(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len({one.filename for one in infos}) < len(infos):
        raise file_error(path, "holds two members of the same name", _AGAIN)
    # Members that are not compressed cannot be larger than the archive.
    size = path.stat().st_size
    if any(one.compress_type or one.flag_bits & 1 for one in infos):
        problem = "holds compressed or encrypted members, which saved models do not have"
        raise file_error(path, problem, "Unpack it and give the folder.")
    if any(one.file_size > size or one.file_size != one.compress_size for one in infos):
        raise file_error(path, "states sizes of its members that cannot be", _AGAIN)


def _read(path: Path, members: Mapping[str, tuple[int, Callable[[], bytes]]], name: str) -> bytes:
    if name not in members:
        raise MissingFileError(
            f"{path} is no saved model, or not a complete one: {name} is missing. It consists of "
            f"{', '.join(_PARTS)} and {SUMS}. {_AGAIN}"
        )
    size, read = members[name]
    if name != TENSORS and size > _LONGEST_TEXT:
        raise file_error(path, f"{name} has {size} bytes, above the limit {_LONGEST_TEXT}", _AGAIN)
    try:
        return read()
    except Exception as error:  # the ways in which an archive can be broken have no common class
        raise file_error(path, f"{name} cannot be read ({error})", _AGAIN) from error


def _check_texts(path: Path, parts: Mapping[str, bytes]) -> None:
    for name, content in parts.items():
        if name != TENSORS and len(content) > _LONGEST_TEXT:
            raise ParameterError(
                f"{path}: {name} would have {len(content)} bytes, above the limit {_LONGEST_TEXT}. "
                "Shorten the metadata; arrays of numbers take no room there."
            )


def _check_replaceable(given: Path, target: Path, archive: bool) -> None:
    if target.exists():
        if target.is_dir() == archive:
            problem = "is a folder, not an archive" if archive else "is a file, not a folder"
            raise file_error(given, problem, _ELSEWHERE)
        if archive or not _holds_nothing(given, target):
            _check_model(given, target)
    aside = _backup_path(target)
    if not archive and aside.exists():
        # What is left of a model whose deletion was interrupted may be incomplete.
        _holds_nothing(aside, aside)


def _holds_nothing(shown: Path, folder: Path) -> bool:
    """Whether a folder is empty; refuse one that holds files of others."""
    names = sorted(os.listdir(folder))
    if others := [name for name in names if name not in _FILES]:
        problem = f"holds files that belong to no saved model ({', '.join(others[:3])})"
        raise file_error(shown, problem, _ELSEWHERE)
    return not names


def _check_model(shown: Path, path: Path) -> None:
    try:
        with _members(path) as members:
            _stated_format(path, _read(path, members, CONFIG))
    except FileError as error:
        raise file_error(shown, "exists and is not a saved model", _ELSEWHERE) from error


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            # Without a time, so that the same model is the same archive.
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()


def _write_file(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _swap_in(fresh: Path, target: Path) -> None:
    aside = _backup_path(target)
    if target.exists():
        _remove(aside)
        os.rename(target, aside)
        try:
            os.rename(fresh, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rename(aside, target)
            raise
    else:
        os.rename(fresh, target)
    fsync(target.parent)
    _remove(aside)


def _remove_dead_drafts(target: Path) -> None:
    """Remove what saves to the same path left behind when they were killed."""
    draft = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(_DRAFT_SUFFIX)}")
    with contextlib.suppress(OSError):
        # By the clock of the file system, which need not be that of this machine.
        now = target.stat().st_mtime
        with os.scandir(target.parent) as entries:
            drafts = [one for one in entries if draft.fullmatch(one.name)]
        for one in drafts:
            if now - one.stat(follow_symlinks=False).st_mtime > _DRAFT_AGE_S:
                _remove(Path(one.path))


def _backup_path(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _remove(path: Path) -> None:
    # What cannot be removed is in nobody's way, except where the next renaming says so.
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
