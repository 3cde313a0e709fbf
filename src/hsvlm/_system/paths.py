"""Paths that begin with the home folder of a user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hsvlm.exceptions import MissingFileError

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["expand_home"]


def expand_home(path: str | PathLike[str]) -> Path:
    """Replace ``~`` or ``~user`` at the start of a path; raise if there is no such home folder."""
    stated = Path(path)
    try:
        return stated.expanduser()
    except RuntimeError as error:
        folder = stated.parts[0]
        if Path(folder).exists():  # a file or folder of that name, as of some editors
            return stated
        raise MissingFileError(
            f"{stated}: there is no home folder {folder} on this computer. Write the whole path."
        ) from error
