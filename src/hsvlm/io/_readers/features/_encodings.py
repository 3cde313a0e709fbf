"""Encodings of text: checked, and suspected where names look misread."""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io._notes import warn_caller

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from hsvlm.exceptions import FileError

_SHOWN = 3
# The second byte of a letter in UTF-8, read on its own, is one of these.
_MISREAD = re.compile("\ufffd|[\x80-\x9f]|[\xc2-\xf4][\x80-\xbf\u0152-\u02dc\u2013-\u2122]")
# Signs of GBK are two bytes; accented letters of Latin-1 mostly stand between plain ones.
_IN_PAIRS = re.compile("([\x00-\x7f]*([\x80-\xff]{2})*)*")


def check_encoding(encoding: str | None) -> None:
    """Refuse an encoding that Python does not know."""
    if encoding is None:
        return
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        raise ParameterError(
            f"The encoding {encoding!r} is unknown. Known are 'utf-8', 'gbk', 'cp1252', ..."
        ) from error


def text_error(path: Path, encoding: str) -> FileError:
    """Build the error for text in another encoding."""
    hint = "Pass encoding=, for example 'gbk' or 'cp1252'."
    option_hint = "Give --encoding, for example gbk or cp1252."
    return file_error(path, f"its text is not {encoding}", hint, option_hint)


def warn_of_encoding(path: Path, names: Iterable[str], stated: bool) -> None:
    """Warn if class names may have been read in a wrong encoding."""
    # Names beyond ASCII are suspected if the file does not state its encoding, others if they look
    # like text of another encoding.
    suspected = [
        name for name in names if _MISREAD.search(name) or (not stated and not name.isascii())
    ]
    if not suspected:
        return
    shown = ", ".join(map(repr, suspected[:_SHOWN]))
    problem = f"{path}: the encoding of the class names is uncertain. They were read as {shown}."
    better = next((each for each in ("utf-8", "gbk") if _reread(suspected, each)), None)
    if better is None:
        hint = "If these are wrong, pass encoding=, for example 'utf-8', 'gbk' or 'cp1252'."
        option = "If these are wrong, give --encoding, for example utf-8, gbk or cp1252."
        warn_caller(problem, hint, option)
        return
    read = ", ".join(map(repr, _reread(suspected[:_SHOWN], better) or ()))
    warn_caller(
        problem,
        f"With encoding={better!r} they are {read}.",
        f"With --encoding {better} they are {read}.",
    )


def _reread(names: list[str], encoding: str) -> list[str] | None:
    """Decode names again that were read as Latin-1 or Windows-1252; None if that fails."""
    for misread_as in ("latin-1", "cp1252"):
        try:
            read = [name.encode(misread_as).decode(encoding) for name in names]
        except UnicodeError:
            continue
        if encoding != "gbk" or all(_IN_PAIRS.fullmatch(name) for name in names):
            return read
    return None
