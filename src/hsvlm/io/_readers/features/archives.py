"""Zipped vector files."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.io._common import Reader
from hsvlm.io._readers.features import vector_files
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hsvlm.io._common import FeatureQuery, Features
    from hsvlm.scene import Scene

ARCHIVES = (".zip", ".shz", ".kmz")

_LARGEST = 2**31
_MOST_MEMBERS = 10_000
_SHOWN = 8
_SIDECARS = (".shx", ".dbf", ".prj", ".cpg")


def _vector_members(file: Path) -> list[zipfile.ZipInfo]:
    """List the vector files in an archive, without what macOS adds."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    return [
        member
        for member in members[:_MOST_MEMBERS]
        if PurePosixPath(member.filename).suffix.lower() in vector_files.SUFFIXES
        and not member.filename.startswith("__MACOSX/")
        and not PurePosixPath(member.filename).name.startswith(".")
    ]


def _read_archive(file: Path, _: Scene, query: FeatureQuery) -> Features:
    """Read the one vector file in a zip archive, or the one that is named."""
    with _extracted(file, query.layer) as path:
        # The name has chosen the file, unless that is the only one.
        with reading(file, "a zip archive"):
            alone = len(_vector_members(file)) == 1
        names = {path.stem, file.stem, None} if alone else {query.layer}
        layer = None if query.layer in names or path.suffix == ".shp" else query.layer
        return vector_files.read_vectors(file, path, replace(query, layer=layer))


def _matches(archive: Path) -> bool:
    try:
        return archive.suffix.lower() != ".zip" or bool(_vector_members(archive))
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


@contextmanager
def _extracted(file: Path, name: str | None) -> Iterator[Path]:
    """Extract the one vector file of an archive, or the one of a name, into a temporary folder."""
    with reading(file, "a zip archive"):
        members = _vector_members(file)
    shown = ", ".join(member.filename for member in members[:_SHOWN])
    fitting = [
        member
        for member in members
        if len(members) == 1
        or name in (member.filename, Path(member.filename).name, Path(member.filename).stem)
    ]
    if not members:
        problem = f"holds no vector file ({', '.join(sorted(vector_files.SUFFIXES))})"
        raise file_error(file, problem, "Give an archive with a shapefile or a GeoPackage.")
    if len(fitting) != 1:
        first = Path(members[0].filename).stem
        problem = f"holds {len(members)} vector files"
        hint = f"Name one of them, as in variable={first!r}. It holds: {shown}."
        option_hint = f"Name one of them, as in --label-variable {first}. It holds: {shown}."
        raise file_error(file, problem, hint, option_hint)
    with tempfile.TemporaryDirectory() as folder, reading(file, "a zip archive"):
        yield _extract(file, fitting[0], Path(folder))


def _extract(file: Path, chosen: zipfile.ZipInfo, folder: Path) -> Path:
    path = PurePosixPath(chosen.filename)
    with zipfile.ZipFile(file) as archive:
        belonging = [chosen]
        if path.suffix.lower() == ".shp":
            belonging += [
                member
                for member in archive.infolist()
                if PurePosixPath(member.filename).with_suffix("") == path.with_suffix("")
                and PurePosixPath(member.filename).suffix.lower() in _SIDECARS
            ]
        n_bytes = sum(member.file_size for member in belonging)
        if n_bytes > _LARGEST:
            problem = f"it unpacks to {n_bytes:,} bytes, and {_LARGEST:,} are the most"
            raise file_error(file, problem, "Unpack it, and keep the features of this scene only.")
        check_memory(file, (n_bytes,), np.uint8, copies=2)
        for member in belonging:
            # The names in the archive are not used: they may lead anywhere.
            suffix = PurePosixPath(member.filename).suffix.lower()
            with archive.open(member) as source, (folder / f"features{suffix}").open("wb") as copy:
                shutil.copyfileobj(source, copy)
    return folder / f"features{path.suffix.lower()}"


READER = Reader(
    "archives", ARCHIVES, read_features=_read_archive, matches=_matches, has_layers=True
)
