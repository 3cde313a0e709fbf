"""Write a folder completely or not at all: beside its place, into which it is then renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hsvlm._system.files import fsync

if TYPE_CHECKING:
    from collections.abc import Mapping

# A save that began longer ago is dead, or has waited too long.
_MAX_DRAFT_AGE_S: Final = 24 * 3600
_DRAFT_SUFFIX: Final = ".part"


def draft_path(target: Path) -> Path:
    """Choose a name beside the target for what will take its place."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}{_DRAFT_SUFFIX}")


def backup_path(target: Path) -> Path:
    """Return where the previous folder lies while another takes its place."""
    return target.with_name(f".{target.name}.previous")


def sum_line(name: str, content: bytes) -> bytes:
    """Return the line of a file in a list of SHA-256 digests, without its end."""
    return f"{hashlib.sha256(content).hexdigest()}  {name}".encode()


def write_file(path: Path, content: bytes) -> None:
    """Write a new file that would survive a power cut."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_folder(draft: Path, target: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a new folder, which then takes the place of the target."""
    draft.mkdir()
    for name, content in files.items():
        write_file(draft / name, content)
    fsync(draft)
    _swap_in(draft, target)


def remove_dead_drafts(target: Path) -> None:
    """Remove the drafts of saves to the same path that were killed."""
    draft = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}{re.escape(_DRAFT_SUFFIX)}")
    with contextlib.suppress(OSError):
        # By the clock of the file system, which may differ from that of this machine.
        now = target.stat().st_mtime
        with os.scandir(target.parent) as entries:
            drafts = [entry for entry in entries if draft.fullmatch(entry.name)]
        for entry in drafts:
            if now - entry.stat(follow_symlinks=False).st_mtime > _MAX_DRAFT_AGE_S:
                remove(Path(entry.path))


def remove(path: Path) -> None:
    """Remove a file or folder, if that is possible."""
    # A leftover is harmless; a conflict shows up at the next rename.
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _swap_in(draft: Path, target: Path) -> None:
    backup = backup_path(target)
    if target.exists():
        remove(backup)
        os.rename(target, backup)
        try:
            os.rename(draft, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.rename(backup, target)
            raise
    else:
        os.rename(draft, target)
    fsync(target.parent)
    remove(backup)
