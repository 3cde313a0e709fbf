"""Where commands write to, and what of files may be shown on a terminal."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hsvlm._system.files import file_error, parsed_file
from hsvlm.exceptions import FileError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable

RECIPE_NAME = "recipe.yaml"
RECIPE_HEADER = "# Made by hsvlm"
_MODEL_FILES = ("config.json", "model.safetensors")
_ANOTHER = "Give another folder as --output."
# Terminals take these for commands: control characters, and those that turn the order of letters.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str, *, lines: bool = True) -> str:
    """Make a text harmless that may come from a file of somebody else."""
    shown = _CONTROLS.sub(lambda found: ascii(found.group())[1:-1], text)
    return shown if lines else shown.replace("\n", r"\n")


def echo(text: str) -> None:
    """Print a text for people."""
    typer.echo(escaped(text))


def check_output(
    folder: Path, names: Iterable[str], inputs: Iterable[Path | None], command: str
) -> None:
    """Refuse an output folder where something would be destroyed; nothing is made yet."""
    written = [folder / name for name in (RECIPE_NAME, *names)]
    sources = {path.expanduser().resolve(): path for path in inputs if path is not None}
    for path in written:
        if path.resolve() in sources:
            raise ParameterError(
                f"{path} would be overwritten, but {sources[path.resolve()]} is read. Give another "
                "folder as --output."
            )
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        raise file_error(folder, "nothing can be written there (it is not a folder)", _ANOTHER)
    for place in (folder.absolute(), *folder.absolute().parents):
        if all((place / name).is_file() for name in _MODEL_FILES):
            wrong = f"{'this' if place == folder.absolute() else place} is a saved model"
            raise file_error(folder, wrong, _ANOTHER)
    made_by = _command_of(folder / RECIPE_NAME)
    if made_by not in (None, command):
        wrong = f'this is the output folder of "hsvlm {made_by}", whose recipe would be replaced'
        raise file_error(folder, wrong, _ANOTHER)
    foreign = [path for path in written if path.exists() or path.is_symlink()]
    if foreign and made_by is None:
        wrong = f"{foreign[0].name} is there already, and no recipe of hsvlm says that it made it"
        raise file_error(folder, wrong, f"{_ANOTHER[:-1]}, or move that file away.")


def output_folder(
    folder: Path, names: Iterable[str], inputs: Iterable[Path | None], command: str
) -> Path:
    """Make the folder that a command writes to, if `check_output` allows it."""
    check_output(folder, names, inputs, command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        wrong = f"nothing can be written there ({getattr(error, 'strerror', None) or error})"
        raise file_error(folder, wrong, _ANOTHER) from error
    return folder


def _command_of(recipe: Path) -> str | None:
    """Return the command whose recipe this is; None if it is not a recipe of this package."""
    try:
        if recipe.is_symlink() or not recipe.read_bytes().startswith(RECIPE_HEADER.encode()):
            return None
        return str(parsed_file(recipe, (".yaml", ".yml"), "")["command"])
    except (OSError, FileError, KeyError, TypeError):
        return None
