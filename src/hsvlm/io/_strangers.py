"""Files that are not what their name says: pointers, error pages and archives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hsvlm._system.files import file_error

if TYPE_CHECKING:
    from pathlib import Path

_UNPACK = "Unpack it and give the path of the file inside."
_LFS = (
    "it is a Git LFS pointer, a small text in place of the file",
    'Fetch the file with "git lfs pull", or download it from the page of its repository.',
)
_ANNEX = ("it is a git-annex pointer, a small text in place of the file", 'Run "git annex get".')
_PAGE = ("it is a web page, perhaps the error message of a download", "Download the file again.")
_ARCHIVES = {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"(\xb5/\xfd": "zstd",
}
_PAGES = re.compile(
    rb"\s*(<!doctype html|<html|<head>|<\?xml[^>]*\?>\s*<(error|html|!doctype html))"
)
_N_BYTES = 512
# Of formats that are never text.
_BINARY = {".mat", ".npy", ".npz", ".nc", ".nc4", ".h5", ".hdf5", ".he5", ".tif", ".tiff"}


def check_content(file: Path) -> None:
    """Refuse a file whose first bytes show that it is something else."""
    check_pointer(file)
    start = start_of(file)
    if not start:
        raise file_error(file, "it is empty, 0 bytes long", "Copy or download it again.")
    if _PAGES.match(start.removeprefix(b"\xef\xbb\xbf").lower()):
        raise file_error(file, *_PAGE)
    if file.suffix.lower() in _BINARY and len(start) < _N_BYTES and _is_text(start):
        shown = " ".join(start.decode().split())[:40]
        raise file_error(file, f"it is a text: {shown!r}", "Download the file again.")
    for magic, kind in _ARCHIVES.items():
        # NumPy's own archives are zip files.
        own = kind == "zip" and file.suffix.lower() == ".npz"
        if start.startswith(magic) and not own:
            raise file_error(file, f"it is a {kind} archive", _UNPACK)
    if start[257:262] == b"ustar":
        raise file_error(file, "it is a tar archive", _UNPACK)


def check_pointer(file: Path) -> None:
    """Refuse a pointer of Git LFS or git-annex in place of a file."""
    start = start_of(file)
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        raise file_error(file, *_LFS)
    if start.startswith((b"/annex/objects/", b"../.git/annex/", b".git/annex/")):
        raise file_error(file, *_ANNEX)


def start_of(file: Path, n_bytes: int = _N_BYTES) -> bytes:
    """Read the first bytes of a file."""
    with file.open("rb") as stream:
        return stream.read(n_bytes)


def _is_text(content: bytes) -> bool:
    return content.isascii() and all(byte >= 32 or byte in b"\t\r\n" for byte in content)
