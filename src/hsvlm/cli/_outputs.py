"""Where commands write to, and what of files may be shown on a terminal."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hsvlm._files import unreadable
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MADE_BY", "escaped", "output_folder", "say"]

MADE_BY = "# Made by hsvlm"
# Terminals take these for commands: control characters, and those that turn the order of letters.
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def escaped(text: str, *, lines: bool = True) -> str:
    r"""Make a text harmless that may come from a file of somebody else.

    Parameters
    ----------
    text : str
        Any text.
    lines : bool, default=True
        Whether line breaks stay as they are.

    Returns
    -------
    str
        Control characters are written as in Python, such as ``\x1b``.
    """
    shown = _CONTROLS.sub(lambda found: ascii(found.group())[1:-1], text)
    return shown if lines else shown.replace("\n", r"\n")


def say(text: str) -> None:
    """Print a text for people.

    Parameters
    ----------
    text : str
        Of one or more lines.
    """
    typer.echo(escaped(text))


def output_folder(folder: Path, names: Iterable[str], inputs: Iterable[Path | None]) -> Path:
    """Make the folder that a command writes to, unless that would destroy something.

    Parameters
    ----------
    folder : Path
        The folder.
    names : iterable of str
        Files that are going to be written there, besides the recipe.
    inputs : iterable of Path or None
        Files that the command reads.

    Returns
    -------
    Path
        The folder, which exists and can be written to.

    Raises
    ------
    ParameterError
        If one of the files is an input.
    FileError
        If the folder cannot be made or written to, or holds files of these names, but no recipe
        that shows that they are of this package.
    """
    written = [folder / name for name in ("recipe.yaml", *names)]
    sources = {path.expanduser().resolve(): path for path in inputs if path is not None}
    for path in written:
        if path.resolve() in sources:
            message = (
                f"{path} would be overwritten, but {sources[path.resolve()]} is read. Give another "
                "folder as --output."
            )
            raise ParameterError(message)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        wrong = f"nothing can be written there ({error.strerror or error})"
        raise unreadable(folder, wrong, "Give another folder as --output.") from error
    foreign = [path for path in written if path.exists() or path.is_symlink()]
    if foreign and not _ours(folder / "recipe.yaml"):
        wrong = f"{foreign[0].name} is there already, and no recipe of hsvlm says that it made it"
        raise unreadable(folder, wrong, "Give another folder as --output, or move that file away.")
    return folder


def _ours(recipe: Path) -> bool:
    try:
        with recipe.open("rb") as stream:
            return stream.read(len(MADE_BY)) == MADE_BY.encode()
    except OSError:
        return False
