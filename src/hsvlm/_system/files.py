"""Check, parse and write files safely."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Hashable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hsvlm._system.optional import import_optional
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import FileError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from pathlib import Path

_MAX_TEXT_BYTES = 2**20  # PyYAML takes some ten seconds for as much
_MAX_DEPTH = 50


def existing_file(path: str | PathLike[str]) -> Path:
    """Return the path, or raise if there is no file."""
    file = expand_home(path)
    if file.is_file():
        return file
    problem = "is a folder" if file.is_dir() else "does not exist"
    raise MissingFileError(f"{file} {problem}. Give the path of a file.")


def file_error(
    path: str | PathLike[str], problem: str, hint: str, option_hint: str = ""
) -> FileError:
    """Build the error for a file that cannot be used."""
    return FileError(f"{path}: {problem}.", hint, option_hint=option_hint)


def parsed_file(path: Path, suffixes: tuple[str, ...], hint: str) -> Any:
    """Read values from a text file of JSON, TOML or YAML."""
    suffix = path.suffix.lower()
    if suffix not in suffixes:
        known = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        raise file_error(
            path, f"the suffix {path.suffix!r} is unknown", f"Such files end in {known}."
        )
    size = path.stat().st_size
    if size > _MAX_TEXT_BYTES:
        raise file_error(path, f"it has {size:,} bytes, above the limit {_MAX_TEXT_BYTES:,}", hint)
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors mark UTF-8 in front
        if suffix == ".json":
            return json.loads(text, object_pairs_hook=lambda pairs: _unique_pairs(path, pairs))
        if suffix == ".toml":
            return tomllib.loads(text)
        return parsed_yaml(path, text)
    except UnicodeDecodeError as error:
        raise file_error(path, "the text is not UTF-8", "Save it as UTF-8.") from error
    except FileError:
        raise
    except (ValueError, RecursionError) as error:
        kind = "YAML" if suffix == ".yml" else suffix[1:].upper()
        problem = f"this is not {kind}: {' '.join(str(error).split())}"
        raise file_error(path, problem, hint) from error


def _unique_pairs(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise _duplicate_key(path, key)
        values[key] = value
    return values


def _duplicate_key(path: Path | str, key: object, lines: str = "") -> FileError:
    problem = f"the key {key!r} is given twice{lines}, and one value would replace the other"
    return file_error(path, problem, "Keep one of them, or put both values into one list.")


def parsed_yaml(path: Path | str, text: str) -> Any:
    """Read YAML without aliases and repeated keys; raise ValueError for other text."""
    # `path` is the name used in messages.
    yaml = import_optional("yaml", "cli")

    class UniqueKeyLoader(yaml.SafeLoader):  # type: ignore[misc, name-defined]
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            first_lines: dict[Any, int] = {}
            for key_node, _ in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    continue
                key = self.construct_object(key_node, deep=True)
                line = key_node.start_mark.line + 1
                if not isinstance(key, Hashable):
                    continue
                if key in first_lines:
                    raise _duplicate_key(path, key, f", in lines {first_lines[key]} and {line}")
                first_lines[key] = line
            return super().construct_mapping(node, deep)

        def construct_yaml_int(self, node: Any) -> Any:
            # YAML 1.1 takes 010 for 8 and 1:30 for 90; class codes and times are meant.
            if ":" in node.value:
                return node.value
            if node.value.strip("+-").replace("_", "").isdecimal():
                return int(node.value)
            return super().construct_yaml_int(node)

    UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", UniqueKeyLoader.construct_yaml_int)
    try:
        _check_nesting(path, yaml, text)
        return yaml.load(text, Loader=UniqueKeyLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _check_nesting(path: Path | str, yaml: Any, text: str) -> None:
    # A few lines of aliases can stand for more values than any memory holds.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            problem = f"the alias *{event.anchor} stands for values given elsewhere"
            raise file_error(path, problem, "Write them out: aliases are not read.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _MAX_DEPTH:
            raise ValueError(f"lists or mappings are nested more than {_MAX_DEPTH} deep")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a draft that replaces the file once it is complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Wait until a file, or the names in a folder, would survive a power cut."""
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        if not is_folder:  # some systems and file systems cannot do it for folders
            raise
