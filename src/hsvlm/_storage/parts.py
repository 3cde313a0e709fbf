"""Keep named parts in a folder or an archive, complete or absent, with digests."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hsvlm._storage.folders import (
    backup_path,
    draft_path,
    remove,
    remove_dead_drafts,
    replace_folder,
    sum_line,
    write_file,
)
from hsvlm._storage.format import CONFIG, check_format, shorten, stated_format
from hsvlm._system.files import file_error, fsync
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import FileError, HSVLMWarning, MissingFileError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

TENSORS: Final = "model.safetensors"
CARD: Final = "README.md"
SUMS: Final = "SHA256SUMS"

# Beside a model that is kept without the pre-trained weights it was adapted from; these are the
# names and the format of peft.
ADAPTER_TENSORS: Final = "adapter_model.safetensors"
ADAPTER_CONFIG: Final = "adapter_config.json"

_PARTS: Final = (CONFIG, TENSORS, CARD)
_OPTIONAL: Final = (ADAPTER_CONFIG, ADAPTER_TENSORS)
_FILES: Final = (*_PARTS, *_OPTIONAL, SUMS)
_MAX_TEXT_BYTES: Final = 2**25  # parsed JSON takes some twenty times as much memory
_MAX_DIRECTORY_BYTES: Final = 2**16  # of an archive: four members take 300
_HINT_SAVE_AGAIN: Final = "Save the model again, or restore it from a copy."
_HINT_OTHER_PATH: Final = "Choose another path, or delete it first."


def write_parts(path: str | os.PathLike[str], parts: Mapping[str, bytes]) -> Path:
    """Write all parts, or leave the previous ones as they were."""
    # Everything is written beside `path` and takes its place by renaming. A folder cannot be
    # replaced in one step: between two renamings the previous model has another name, where
    # `read_parts` looks for it.
    shown = expand_home(path)
    target = Path(os.path.realpath(shown))
    is_archive = shown.suffix.lower() == ".zip"
    draft = draft_path(target)
    files = {**parts, SUMS: _sums(parts)}
    _check_text_sizes(shown, parts)
    try:
        _check_replaceable(shown, target, is_archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        if is_archive:
            write_file(draft, _archive(files))
            os.replace(draft, target)
            fsync(target.parent)
        else:
            replace_folder(draft, target, files)
        remove_dead_drafts(target)
    except FileError:
        raise
    except OSError as error:
        hint = "Choose another place, or check permissions and free space."
        raise file_error(shown, f"could not be written ({error})", hint) from error
    finally:
        remove(draft)
    return shown


def read_parts(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """Read all parts and verify their digests."""
    existing = _existing_path(expand_home(path))
    with _members(existing) as members:
        config, sums = _read(existing, members, CONFIG), _read(existing, members, SUMS)
        if sum_line(CONFIG, config) not in sums.splitlines():
            raise _damage_error(existing, [CONFIG])
        check_format(existing, config)
        if unknown := sorted(set(members) - set(_FILES)):
            names = shorten(", ".join(map(repr, unknown)))
            problem = f"holds {names}, which is not part of a saved model"
            raise file_error(existing, problem, _HINT_SAVE_AGAIN)
        present = [*_PARTS[1:], *(set(_OPTIONAL) & set(members))]
        parts = {CONFIG: config} | {name: _read(existing, members, name) for name in present}
    if sums != _sums(parts):
        lines = sums.splitlines()
        damaged = [name for name in parts if sum_line(name, parts[name]) not in lines]
        raise _damage_error(existing, damaged)
    return parts


def _sums(parts: Mapping[str, bytes]) -> bytes:
    names = [name for name in (*_PARTS, *_OPTIONAL) if name in parts]
    return b"".join(sum_line(name, parts[name]) + b"\n" for name in names)


def _damage_error(path: Path, names: list[str]) -> FileError:
    problem = (
        f"{' and '.join(names)} {'do' if names[1:] else 'does'} not have the digest in {SUMS}"
        if names
        else f"{SUMS} holds more than the digests of the parts"
    )
    problem += "; the model is damaged or was changed by hand"
    return file_error(path, problem, _HINT_SAVE_AGAIN)


def _existing_path(path: Path) -> Path:
    if path.exists():
        return path
    backup = backup_path(Path(os.path.realpath(path)))
    if not backup.is_dir():
        raise MissingFileError(
            f"{path} does not exist. Give the folder or archive of a saved model."
        )
    message = (
        f"{path} is missing, because replacing it was interrupted. The previous model is loaded "
        f"from {backup}; rename that folder to keep it."
    )
    warnings.warn(message, HSVLMWarning, stacklevel=5)
    return backup


class _BoundedFile(io.FileIO):
    """An archive whose directory is not read if it lists many members."""

    def read(self, size: int | None = -1, /) -> Any:
        if size is not None and size > _MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("it has too many members")
        return super().read(size)


@contextlib.contextmanager
def _members(path: Path) -> Iterator[dict[str, tuple[int, Callable[[], bytes]]]]:
    """Return size and reader of each member; other files in a folder do not count."""
    if path.is_dir():
        files = {name: path / name for name in _FILES if (path / name).is_file()}
        yield {name: (file.stat().st_size, file.read_bytes) for name, file in files.items()}
        return
    try:
        with _BoundedFile(path) as file:
            zipfile.ZipFile(file).close()
        archive = zipfile.ZipFile(path)
    # zipfile raises the last one for versions of the zip format that it does not know.
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        hint = "Give the folder or the .zip archive of a saved model."
        raise file_error(path, f"is neither a folder nor a zip archive ({error})", hint) from error
    with archive:
        infos = archive.infolist()
        _check_archive(path, infos)
        yield {info.filename: (info.file_size, partial(archive.read, info)) for info in infos}


def _check_archive(path: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len({info.filename for info in infos}) < len(infos):
        raise file_error(path, "holds two members of the same name", _HINT_SAVE_AGAIN)
    # Members that are not compressed cannot be larger than the archive.
    size = path.stat().st_size
    if any(info.compress_type or info.flag_bits & 1 for info in infos):
        problem = "holds compressed or encrypted members, which saved models do not have"
        raise file_error(path, problem, "Unpack it and give the folder.")
    if any(info.file_size > size or info.file_size != info.compress_size for info in infos):
        raise file_error(path, "states impossible sizes of its members", _HINT_SAVE_AGAIN)


def _read(path: Path, members: Mapping[str, tuple[int, Callable[[], bytes]]], name: str) -> bytes:
    if name not in members:
        raise MissingFileError(
            f"{path} is not a complete saved model: {name} is missing. It consists of "
            f"{', '.join(_PARTS)} and {SUMS}. {_HINT_SAVE_AGAIN}"
        )
    size, read = members[name]
    if name not in (TENSORS, ADAPTER_TENSORS) and size > _MAX_TEXT_BYTES:
        problem = f"{name} has {size} bytes, above the limit {_MAX_TEXT_BYTES}"
        raise file_error(path, problem, _HINT_SAVE_AGAIN)
    try:
        return read()
    except Exception as error:  # broken archives raise errors that share no class
        raise file_error(path, f"{name} cannot be read ({error})", _HINT_SAVE_AGAIN) from error


def _check_text_sizes(path: Path, parts: Mapping[str, bytes]) -> None:
    for name, content in parts.items():
        if name not in (TENSORS, ADAPTER_TENSORS) and len(content) > _MAX_TEXT_BYTES:
            raise ParameterError(
                f"{path}: {name} would have {len(content)} bytes, above the limit "
                f"{_MAX_TEXT_BYTES}. Shorten the metadata; arrays of numbers are stored elsewhere."
            )


def _check_replaceable(shown: Path, target: Path, is_archive: bool) -> None:
    if target.exists():
        if target.is_dir() == is_archive:
            problem = "is a folder, not an archive" if is_archive else "is a file, not a folder"
            raise file_error(shown, problem, _HINT_OTHER_PATH)
        if is_archive or not _is_empty(shown, target):
            _check_model(shown, target)
    backup = backup_path(target)
    if not is_archive and backup.exists():
        # A model whose deletion was interrupted may be incomplete.
        _is_empty(backup, backup)


def _is_empty(shown: Path, folder: Path) -> bool:
    """Tell whether a folder is empty; raise if it holds other files than parts."""
    names = sorted(os.listdir(folder))
    if others := [name for name in names if name not in _FILES]:
        problem = f"holds files that do not belong to a saved model ({', '.join(others[:3])})"
        raise file_error(shown, problem, _HINT_OTHER_PATH)
    return not names


def _check_model(shown: Path, path: Path) -> None:
    try:
        with _members(path) as members:
            stated_format(path, _read(path, members, CONFIG))
    except FileError as error:
        raise file_error(shown, "exists and is not a saved model", _HINT_OTHER_PATH) from error


def _archive(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            # Without a time, so that the same model gives the same archive.
            member = zipfile.ZipInfo(name)
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, content)
    return buffer.getvalue()
