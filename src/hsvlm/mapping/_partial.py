"""Results in files, which outlive an interruption."""

from __future__ import annotations

import json
import os
import warnings
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.lazy import LazyCube
from hsvlm._system.files import atomic_write, file_error
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.mapping._work import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import BufferedRandom
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.mapping._work import Layer

_FORMAT = 1
_PROGRESS, _LOCK = "progress.json", "lock"
_RESULTS = ("map.raw", "probabilities.raw", "entropy.raw")
# Gaps between valid pixels are filled in pieces of this many values.
_PIECE_VALUES = 2**22


class FileWork:
    """Results in a folder, so that a stopped run can be continued."""

    # Values are only appended, block after block. A small file records up to where they are
    # valid; it is replaced once they are on disk.

    def __init__(
        self,
        folder: Path,
        layers: Sequence[Layer],
        shape: tuple[int, int],
        n_classes: int,
        *,
        fingerprint: str,
        resume: bool,
    ) -> None:
        self.folder = folder
        self._layers = {layer.name: layer for layer in layers}
        self._shape = shape
        self._fingerprint = fingerprint
        _check_folder(folder)
        folder.mkdir(exist_ok=True)
        self._lock = _lock_file(folder / _LOCK)
        try:
            tally = self._read_progress(n_classes) if resume else None
            if tally is None:
                self._clear()
            self.tally = tally or Tally.empty(n_classes)
            self._files = {name: self._open_results(name) for name in self._layers}
        except BaseException:
            self._lock.close()
            raise

    def add(
        self, tally: Tally, positions: NDArray[np.intp], values: Mapping[str, NDArray[Any]]
    ) -> None:
        """Write the results of one block to disk: flat positions, and values by layer."""
        try:
            self._write(tally, positions, values)
        except OSError as error:
            problem = f"the map cannot be written ({error.strerror or error})"
            hint = "Make room on the disk, and repeat the call."
            raise file_error(self.folder, problem, hint) from error
        self.tally = tally

    def _write(
        self, tally: Tally, positions: NDArray[np.intp], values: Mapping[str, NDArray[Any]]
    ) -> None:
        for name, file in self._files.items():
            extent = self.tally.positions, tally.positions
            for piece in _pieces(self._layers[name], extent, positions, values[name]):
                file.write(piece.data)
            file.flush()
            os.fsync(file.fileno())
        state = {"format": _FORMAT, "fingerprint": self._fingerprint, **asdict(tally)}
        with (
            atomic_write(self.folder / _PROGRESS) as draft,
            draft.open("w", encoding="utf-8") as record,
        ):
            json.dump(state, record)
            record.flush()
            os.fsync(record.fileno())

    def result(self, name: str) -> LazyCube:
        """Return the results of one layer: a cube of shape (height, width, bands)."""
        layer = self._layers[name]
        return _RawFile(self._path(name), (*self._shape, layer.bands), layer.dtype)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            for file in self._files.values():
                with suppress(OSError):  # said where it was written to
                    file.close()
            if error is None or not self.tally.blocks:
                self._clear()
                (self.folder / _LOCK).unlink(missing_ok=True)
                with suppress(OSError):
                    self.folder.rmdir()
            else:
                kept = f"Partial work is kept in {self.folder}: the same call continues it."
                error.add_note(kept)
        finally:
            self._lock.close()

    def _clear(self) -> None:
        # The record of progress first: without it, the other files belong to no run.
        (self.folder / _PROGRESS).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if _is_own_file(path.name) and path.name != _LOCK:
                path.unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.raw"

    def _bytes(self, name: str, positions: int) -> int:
        layer = self._layers[name]
        return positions * layer.bands * layer.dtype.itemsize

    def _open_results(self, name: str) -> BufferedRandom:
        path = self._path(name)
        path.touch()
        file = path.open("r+b")
        # Values written after the last record of progress may be incomplete.
        file.truncate(self._bytes(name, self.tally.positions))
        file.seek(0, os.SEEK_END)
        return file

    def _read_progress(self, n_classes: int) -> Tally | None:
        path = self.folder / _PROGRESS
        if not path.exists():
            return None
        reason = "is damaged"
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            mark = state.pop("format"), state.pop("fingerprint")
            tally = Tally(**state)
            if mark != (_FORMAT, self._fingerprint):
                reason = "belongs to another classifier, scene or set of options"
            elif len(tally.counts) == n_classes and all(
                self._path(name).stat().st_size >= self._bytes(name, tally.positions)
                for name in self._layers
            ):
                return tally
        except (ValueError, TypeError, KeyError, AttributeError, OSError):
            pass
        message = f"The partial work in {self.folder} {reason}: it is discarded, and all is redone."
        warnings.warn(message, HSVLMWarning, stacklevel=4)
        return None


class _RawFile(LazyCube):
    """A file of raw values, row by row."""

    def __init__(self, path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> None:
        super().__init__(shape, dtype)
        self._path = path

    def read_rows(self, start: int, stop: int) -> NDArray[Any]:
        per_row = self.shape[1] * self.shape[2]
        values = np.fromfile(
            self._path,
            dtype=self.dtype,
            count=(stop - start) * per_row,
            offset=start * per_row * self.dtype.itemsize,
        )
        return values.reshape(-1, *self.shape[1:])


def _pieces(
    layer: Layer, extent: tuple[int, int], positions: NDArray[np.intp], values: NDArray[Any]
) -> Iterator[NDArray[Any]]:
    step = max(1, _PIECE_VALUES // layer.bands)
    for first in range(*extent, step):
        last = min(first + step, extent[1])
        piece = np.full((last - first, layer.bands), layer.fill, dtype=layer.dtype)
        begin, end = np.searchsorted(positions, [first, last])
        piece[positions[begin:end] - first] = values[begin:end]
        yield piece


def _is_own_file(name: str) -> bool:
    return name in (_PROGRESS, _LOCK, *_RESULTS) or name.startswith(f".{_PROGRESS}.")


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else [folder.name]
    foreign = [name for name in names if not _is_own_file(name)]
    if foreign:
        raise FileError(
            f"{folder} is needed for partial work, but there is something else: {foreign[0]}. Move "
            "it away, or write the results elsewhere."
        )


def _lock_file(path: Path) -> Any:
    file = path.open("w")
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise FileError(
            f"Another process is working in {path.parent}. Let it finish, or write the results "
            "elsewhere."
        ) from error
    except (ImportError, OSError):
        pass  # not all systems and file systems have locks
    return file
