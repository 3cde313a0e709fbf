"""Output of commands: folders, files, and text that is safe on a terminal."""

from __future__ import annotations

import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from hsvlm._system.files import atomic_write, file_error, parsed_file
from hsvlm.exceptions import FileError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RECIPE_NAME = "recipe.yaml"
CHECKPOINTS = "checkpoints"  # the folder in that of the output
RECIPE_HEADER = "# Made by hsvlm"
_MODEL_FILES = ("config.json", "model.safetensors")
_HINT_OTHER_FOLDER = "Give another folder as --output."
# Terminals act on these: control characters, and characters that change the writing direction.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    """Escape control characters, which texts from files may contain."""
    return _CONTROLS.sub(lambda match: ascii(match.group())[1:-1], text)


def escape_line(text: str) -> str:
    """Escape control characters and line breaks."""
    return escape(text).replace("\n", r"\n")


def echo(text: str) -> None:
    """Print a text for people."""
    typer.echo(escape(text))


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8")


def remove_checkpoints(output: Path) -> None:
    """Remove the checkpoints of a training that is saved."""
    folder = output / CHECKPOINTS
    for path in folder.glob("*.zip"):
        path.unlink()
    with suppress(OSError):  # a foreign file is in there, or the folder is elsewhere
        folder.rmdir()


def write_figure(path: Path, draw: Callable[[], Any]) -> None:
    """Write the figure of a display, unless the libraries that draw it are missing."""
    try:
        display = draw()
    except ImportError:
        return
    with atomic_write(path) as draft:
        display.figure_.savefig(draft, dpi=300, format="png")


def check_output(
    folder: Path, names: Iterable[str], inputs: Iterable[Path | None], command: str
) -> None:
    """Refuse an output folder in which files would be destroyed; create nothing."""
    written = [folder / name for name in (RECIPE_NAME, *names)]
    sources = {path.resolve(): path for path in inputs if path is not None}
    for path in written:
        if path.resolve() in sources:
            raise ParameterError(
                f"{path} would be overwritten, but {sources[path.resolve()]} is read. Give another "
                "folder as --output."
            )
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        problem = "nothing can be written there (it is not a folder)"
        raise file_error(folder, problem, _HINT_OTHER_FOLDER)
    for parent in (folder.absolute(), *folder.absolute().parents):
        if all((parent / name).is_file() for name in _MODEL_FILES):
            problem = f"{'this' if parent == folder.absolute() else parent} is a saved model"
            raise file_error(folder, problem, _HINT_OTHER_FOLDER)
    made_by = read_command(folder / RECIPE_NAME)
    if made_by not in (None, command):
        problem = f'this is the output folder of "hsvlm {made_by}", whose recipe would be replaced'
        raise file_error(folder, problem, _HINT_OTHER_FOLDER)
    existing = [path for path in written if path.exists() or path.is_symlink()]
    if existing and made_by is None:
        problem = f"{existing[0].name} exists already, and no recipe of hsvlm says that it made it"
        raise file_error(folder, problem, f"{_HINT_OTHER_FOLDER[:-1]}, or move that file away.")


def create_output(
    folder: Path, names: Iterable[str], inputs: Iterable[Path | None], command: str
) -> Path:
    """Create the folder that a command writes to, if `check_output` allows it."""
    check_output(folder, names, inputs, command)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        problem = f"nothing can be written there ({getattr(error, 'strerror', None) or error})"
        raise file_error(folder, problem, _HINT_OTHER_FOLDER) from error
    return folder


def read_command(recipe: Path) -> str | None:
    """Return the command of a recipe; None if the file is not a recipe of this package."""
    try:
        if recipe.is_symlink() or not recipe.read_bytes().startswith(RECIPE_HEADER.encode()):
            return None
        return str(parsed_file(recipe, (".yaml", ".yml"), "")["command"])
    except (OSError, FileError, KeyError, TypeError):
        return None
