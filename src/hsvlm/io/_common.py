"""What the readers of all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import FileError, MissingFileError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

__all__ = ["Found", "LabelMap", "existing_file", "unreadable"]


@dataclass(frozen=True)
class LabelMap:
    """Labels with what the file says about their classes.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Label of every pixel; 0 stands for "no label".
    class_names : dict, default={}
        ``{label: name}``.
    class_colors : dict, default={}
        ``{label: colour}`` as ``"#rrggbb"``.
    """

    labels: NDArray[Any]
    class_names: dict[Any, str] = field(default_factory=dict)
    class_colors: dict[Any, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What a reader of one format found in a file.

    Parameters
    ----------
    scene : Scene
        Its cube is not read yet where the format allows that.
    nodata : float, default=None
        The value that the file declares as "no data".
    """

    scene: Scene
    nodata: float | None = None


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
