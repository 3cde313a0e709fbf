"""Download files into a folder and verify their digests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar, cast

from hsvlm._system.optional import cache_folder, import_optional
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import DataError, DownloadError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

_RECORD: Final = "sha256.json"
_RETRIES: Final = 2
_TIMEOUT_S: Final = 60
_CHUNK_BYTES: Final = 2**16
# Several times the largest file of the registry.
_LARGEST_BYTES: Final = 2**30

T = TypeVar("T")


class _Limited:
    """A file that refuses more than `_LARGEST_BYTES`, since a server may never stop sending."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _LARGEST_BYTES

    def write(self, chunk: bytes) -> int:
        self._left -= len(chunk)
        if self._left < 0:
            raise OSError(f"it sends more than {_LARGEST_BYTES:,} bytes")
        return self._stream.write(chunk)

    def flush(self) -> None:
        self._stream.flush()


@dataclass(frozen=True)
class RemoteFile:
    """A published file."""

    name: str
    page: str
    urls: tuple[str, ...] = ()  # "archive.zip#member" for a file in an archive
    sha256: str | None = None
    variable: str | None = None

    @property
    def hint(self) -> str:
        """What to do about an unusable file."""
        if self.urls:
            return "Delete it to have it downloaded again."
        return f"Replace it by the file from {self.page}."


def data_folder(data_home: str | os.PathLike[str] | None) -> Path:
    """Find the folder that holds the files."""
    if data_home is not None:
        return expand_home(data_home)
    folder = cache_folder("data")
    if folder is None:
        raise DataError(
            "There is no home folder to keep data in. Pass data_home, or set the environment "
            "variable HSVLM_CACHE_DIR."
        )
    return folder


def load_verified(
    file: RemoteFile,
    read: Callable[[Path], T],
    data_home: str | os.PathLike[str] | None,
    progress: bool,
) -> T:
    """Read a file from the cache, after downloading it where necessary."""
    folder = data_folder(data_home)
    path = folder / file.name
    if not path.is_file():
        _download(file, folder, progress)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    recorded = None if file.sha256 else _read_record(folder).get(file.name)
    expected = file.sha256 or recorded
    if expected and digest != expected:
        message = (
            f"{path} has the SHA-256 digest {digest}, expected {expected}"
            f"{', as recorded at its first use' if recorded else ''}. The file is damaged or "
            f"another version. {file.hint}"
        )
        if recorded:
            message += f" If it is the one you want, take its line out of {folder / _RECORD}."
        raise DataError(message)
    content = read(path)
    if not expected:
        # After reading: a login page saved under the name of the file is never recorded.
        _write_record(folder, file.name, digest)
    return content


def _download(file: RemoteFile, folder: Path, progress: bool) -> None:
    other_source = (
        f"{file.page} and put it under this name into that folder, or pass a folder that holds "
        "it as data_home."
    )
    if not file.urls:
        raise DownloadError(
            f"{file.name} is not in {folder}. It is not downloaded automatically, because its "
            f"provider wants users to register. Get it from {other_source}"
        )
    pooch = import_optional("pooch", "data")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"{file.name} cannot be kept: there is no folder {folder}, and it cannot be made "
            f"({error.strerror}).",
            "Pass another folder as data_home, or name one in the environment variable "
            "HSVLM_CACHE_DIR.",
        ) from error
    reasons = []
    for url in file.urls:
        downloader = pooch.HTTPDownloader(
            progressbar=progress,
            chunk_size=_CHUNK_BYTES,
            timeout=_TIMEOUT_S,
            headers={"User-Agent": "hsvlm"},
        )
        address, _, member = url.partition("#")
        name = address.rpartition("/")[2] if member else file.name
        source = pooch.create(
            path=folder,
            base_url="",
            registry={name: None if member else file.sha256},
            urls={name: address},
            retry_if_failed=_RETRIES,
        )
        # It writes to a temporary name and renames: a file under the final name is complete.
        try:
            source.fetch(name, downloader=partial(_save, downloader))
            if member:
                _extract(folder / name, member, folder / file.name)
        except (OSError, ValueError) as error:  # errors of requests are OSErrors
            reasons.append((url, error))
        else:
            return
    tried = "; ".join(f"{url}: {error}" for url, error in reasons)
    raise DownloadError(
        f"{file.name} is not in {folder} and could not be downloaded ({tried}). Get it from one "
        f"of these addresses or from {other_source}"
    ) from reasons[-1][1]


def _extract(archive: Path, member: str, target: Path) -> None:
    """Take a file out of an archive, which stays, since other files may be in it."""
    try:
        # In a folder of its own, since other processes may want the same file.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as folder:
            part = Path(folder) / target.name
            with (
                zipfile.ZipFile(archive) as opened,
                opened.open(member) as source,
                part.open("wb") as stream,
            ):
                shutil.copyfileobj(source, cast("BinaryIO", _Limited(stream)), _CHUNK_BYTES)
            part.replace(target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise OSError(f"{archive} does not hold {member} ({error}); delete it") from error


def _save(downloader: Callable[..., Any], url: str, target: str, source: Any) -> None:
    with open(target, "wb") as stream:
        downloader(url, _Limited(stream), source)


def _read_record(folder: Path) -> dict[str, str]:
    path = folder / _RECORD
    if not path.exists():
        return {}
    try:
        return {str(name): str(digest) for name, digest in json.loads(path.read_text()).items()}
    except (ValueError, AttributeError) as error:
        raise DataError(
            f"{path}, the record of digests, is damaged ({error}). Delete it to have the files "
            "trusted as they are now."
        ) from error


def _write_record(folder: Path, name: str, digest: str) -> None:
    record = json.dumps(_read_record(folder) | {name: digest}, indent=2, sort_keys=True)
    # Files in a folder that only an administrator writes to need no record.
    with contextlib.suppress(OSError), tempfile.TemporaryDirectory(dir=folder) as temporary:
        complete = Path(temporary) / _RECORD
        complete.write_text(record + "\n")
        complete.replace(folder / _RECORD)
