"""Cache encoded texts in a file for each text, shared by all processes."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from hsvlm._system.devices import seeded_scope
from hsvlm.exceptions import ParameterError
from hsvlm.text.models import EncodedText

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LOCK_TIMEOUT_S: Final = 600.0  # a process that encodes for longer is assumed to hang


def encode_cached(
    texts: list[str],
    identity: str,
    folder: Path | None,
    encode: Callable[[list[str]], list[EncodedText]],
) -> dict[str, EncodedText]:
    """Read texts from the cache; encode and store missing ones."""
    # Processes that miss texts of the same model take turns, so that each text is encoded once.
    if folder is None:
        return dict(zip(texts, encode(texts), strict=True))
    paths = {text: folder / _entry_name(identity, text) for text in texts}
    encoded = _read_cached(paths)
    if len(encoded) < len(texts):
        with _cache_lock(folder, identity):
            encoded |= _read_cached({text: paths[text] for text in texts if text not in encoded})
            missing = [text for text in texts if text not in encoded]
            for text, entry in zip(missing, encode(missing) if missing else [], strict=True):
                encoded[text] = entry
                _write_entry(paths[text], entry)
    lengths = sorted({entry.vector.size for entry in encoded.values()})
    if len(lengths) > 1:
        raise ParameterError(
            f"The cache {folder} holds vectors of lengths {', '.join(map(str, lengths))} for this "
            "text encoder: it was another one before.",
            "Give a CachedEncoder a new name whenever its encoder changes, or delete that folder.",
        )
    return encoded


@contextlib.contextmanager
def _cache_lock(folder: Path, identity: str) -> Iterator[None]:
    import torch
    from filelock import FileLock

    lock = FileLock(folder / f".{_entry_name(identity, '')[:16]}.lock", timeout=_LOCK_TIMEOUT_S)
    with contextlib.ExitStack() as stack:
        # Encoding and training in this process take this one first: in another order, two threads
        # could wait for each other.
        stack.enter_context(seeded_scope(0, torch.device("cpu")))
        # Where files cannot be locked, or a lock is never released, a text may be encoded twice.
        with contextlib.suppress(OSError, NotImplementedError):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(lock)
        yield


def _read_cached(paths: dict[str, Path]) -> dict[str, EncodedText]:
    return {text: entry for text, path in paths.items() if (entry := _read_entry(path))}


def _entry_name(identity: str, text: str) -> str:
    return hashlib.sha256(f"{identity}\0{text}".encode()).hexdigest() + ".npz"


def _read_entry(path: Path) -> EncodedText | None:
    try:
        with np.load(path, allow_pickle=False) as entry:
            vector = entry["embedding"]
            n_tokens, max_tokens = int(entry["n_tokens"]), int(entry["max_tokens"])
    except Exception:  # encoding the text again replaces any broken entry
        return None
    if vector.dtype != np.float32 or vector.ndim != 1:
        return None
    is_unit = bool(np.isclose(np.linalg.norm(vector), 1.0, atol=1e-3))
    return EncodedText(vector, n_tokens, max_tokens) if is_unit else None


def _write_entry(path: Path, entry: EncodedText) -> None:
    # A cache that cannot be written costs time, but must not stop a fit.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as folder:
            complete = Path(folder) / path.name
            np.savez(
                complete,
                embedding=entry.vector,
                n_tokens=np.int64(entry.n_tokens),
                max_tokens=np.int64(entry.max_tokens),
            )
            complete.replace(path)
