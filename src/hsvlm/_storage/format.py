"""Number the format of the files, and refuse other numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from hsvlm._system.files import file_error
from hsvlm._system.version import __version__
from hsvlm.exceptions import FileError

if TYPE_CHECKING:
    from pathlib import Path

FORMAT: Final = 1
CONFIG: Final = "config.json"

_MAX_QUOTED_CHARACTERS: Final = 300


def shorten(text: object) -> str:
    """Fit text from a file into one line of a message."""
    line = " ".join(str(text).split())
    if len(line) <= _MAX_QUOTED_CHARACTERS:
        return line
    return f"{line[:_MAX_QUOTED_CHARACTERS]}..."


def stated_format(path: Path, config: bytes) -> tuple[Any, Any]:
    """Return the number of the format and the version that wrote it."""
    try:
        content = json.loads(config)
        return content["format"], shorten(content["versions"]["hsvlm"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        problem = f"its {CONFIG} does not belong to a saved model"
        hint = "Give the folder or archive of a saved model."
        raise file_error(path, problem, hint) from error


def check_format(path: Path, config: bytes) -> None:
    """Raise unless this version reads the format."""
    number, version = stated_format(path, config)
    if type(number) is not int or number != FORMAT:
        raise FileError(
            f"{path} was written by hsvlm {version} in format {shorten(repr(number))}; hsvlm "
            f"{__version__} reads format {FORMAT} only. Load it with hsvlm {version}."
        )
