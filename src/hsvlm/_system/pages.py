"""Files of report pages: where they may be written, and whether a file is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm._system.files import atomic_write, file_error
from hsvlm._system.paths import expand_home

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

__all__ = ["check_page_path", "write_page"]

_SUFFIXES = (".html", ".htm")
_MARK = b'<meta name="generator" content="hsvlm">'
_HEAD_BYTES = 4096


def check_page_path(path: str | PathLike[str], *, new_folder: Path | None = None) -> Path:
    """Return the path of a page; raise if it cannot be written there or would replace a file.

    Pages that this package made are replaced. `new_folder` will be made before the page is written.
    """
    page = expand_home(path)
    if page.is_dir():
        hint = f"Give the name of a file in it, such as {page / 'report.html'}."
        raise file_error(page, "this is a folder, and the page is a file", hint)
    if page.suffix.lower() not in _SUFFIXES:
        suffix = f"the suffix {page.suffix!r}" if page.suffix else "no suffix"
        hint = f"Give a name such as {page.with_suffix('.html').name or 'report.html'}."
        raise file_error(page, f"the page is HTML, and this name has {suffix}", hint)
    is_new = new_folder is not None and page.absolute().parent == new_folder.absolute()
    if not is_new and not page.parent.is_dir():
        problem = f"the folder {page.parent} does not exist"
        raise file_error(page, problem, "Make it, or give another one.")
    if page.is_symlink() or (page.exists() and not _is_page(page)):
        problem = "a file that is not a page of hsvlm is there, and is not replaced"
        raise file_error(page, problem, "Give another name, or move that file away.")
    return page


def write_page(path: str | PathLike[str], text: str) -> Path:
    """Write a page whole or not at all; raise as `check_page_path` does."""
    page = check_page_path(path)
    try:
        with atomic_write(page) as draft:
            draft.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        problem = f"the page cannot be written ({error.strerror or error})"
        raise file_error(page, problem, "Give a name in another folder.") from error
    return page


def _is_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return _MARK in file.read(_HEAD_BYTES)
    except OSError:
        return False
