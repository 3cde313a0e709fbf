"""What every reader and writer of files shares."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hsvlm.exceptions import FileError, MissingFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

__all__ = ["existing_file", "replaced", "unreadable"]


def existing_file(path: str | PathLike[str]) -> Path:
    """Refuse a path where there is no file.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    Path
        The same.

    Raises
    ------
    MissingFileError
        If there is nothing, or a folder.
    """
    found = Path(path).expanduser()
    if found.is_file():
        return found
    what = "is a folder" if found.is_dir() else "does not exist"
    message = f"{found} {what}. Give the path of a file."
    raise MissingFileError(message)


def unreadable(path: str | PathLike[str], wrong: str, remedy: str) -> FileError:
    """Build the error for a file that cannot be used.

    Parameters
    ----------
    path : path
        Of the file.
    wrong : str
        What is wrong with it, without a full stop.
    remedy : str
        A sentence that says what to do.

    Returns
    -------
    FileError
        Ready to be raised.
    """
    return FileError(f"{path}: {wrong}. {remedy}")


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Write a file under another name, and let it take its place once it is whole.

    Parameters
    ----------
    path : Path
        Of the file; an older one stays as it is until then.

    Yields
    ------
    Path
        Where to write, in the same folder; removed if the block fails.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
