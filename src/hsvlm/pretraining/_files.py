"""Read named tensors from files of others, without running their code."""

from __future__ import annotations

import argparse
import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from hsvlm._storage.format import shorten
from hsvlm._system.files import existing_file, file_error

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["WeightFile", "read_weight_file"]

_SAFE: Final = ".safetensors"
_PICKLES: Final = (".pt", ".pth", ".bin", ".ckpt")
_MAX_BYTES: Final = 2**33  # the largest model of the table in the guide has 7.2 GB
# Where trainings put the weights of the model, beside the state of the optimizer and the like.
_MODEL_ENTRIES: Final = ("model", "state_dict", "model_state_dict")
_HINT_COPY: Final = "Copy or download it again"
_HINT_TENSORS: Final = (
    "If you trust its source, open it with torch yourself, and save only the weights: "
    "safetensors.torch.save_file(state_dict, path)"
)


@dataclass(frozen=True)
class WeightFile:
    """Named tensors of a file, its SHA-256, and the names of entries that are not weights."""

    path: Path
    digest: str
    tensors: Mapping[str, Tensor]
    other_entries: tuple[str, ...] = ()


def read_weight_file(path: str | os.PathLike[str]) -> WeightFile:
    """Read the named tensors of a file of safetensors or torch."""
    file = existing_file(path)
    suffix = file.suffix.lower()
    if suffix not in (_SAFE, *_PICKLES):
        raise file_error(
            file,
            f"the suffix {file.suffix!r} is unknown",
            f"Weights are read from files that end in {_SAFE}, {', '.join(_PICKLES[:-1])} or "
            f"{_PICKLES[-1]}.",
        )
    if (size := file.stat().st_size) > _MAX_BYTES:
        raise file_error(
            file,
            f"it has {size:,} bytes, above the limit {_MAX_BYTES:,}",
            "Save the weights of the encoder alone, without the state of the optimizer.",
        )
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    content = _read_safetensors(file) if suffix == _SAFE else _read_pickle(file)
    tensors, other_entries = _select_tensors(file, content)
    for name, tensor in tensors.items():
        _check_tensor(file, name, tensor)
    return WeightFile(file, digest, tensors, other_entries)


def _read_safetensors(file: Path) -> Any:
    try:
        return safetensors.torch.load_file(file)
    except (safetensors.SafetensorError, ValueError, OSError) as error:
        problem = f"this is not a file of safetensors ({shorten(error)})"
        raise file_error(file, problem, f"{_HINT_COPY}.") from error


def _read_pickle(file: Path) -> Any:
    try:
        is_archive = zipfile.is_zipfile(file)
        is_compressed = is_archive and _is_compressed(file)
        if not is_compressed:
            # Entries that are not used, such as those of an optimizer, are not read from the disk.
            with torch.serialization.safe_globals([argparse.Namespace]):
                return torch.load(str(file), map_location="cpu", weights_only=True, mmap=is_archive)
    except UnpicklingError as error:
        if (foreign := re.search(r"GLOBAL (\w\S*)", str(error))) is None:
            raise _damage_error(file, "torch cannot read it") from error
        problem = (
            f"it asks for {shorten(foreign[1])}, and only tensors and plain values are read, since "
            "anything else would run code of the file"
        )
        raise file_error(file, problem, f"{_HINT_TENSORS}.") from error
    except Exception as error:  # of any kind, where the bytes are not those of torch
        raise _damage_error(file, shorten(error) or type(error).__name__) from error
    raise file_error(file, "it is compressed, which torch never does", f"{_HINT_TENSORS}.")


def _is_compressed(file: Path) -> bool:
    # A few compressed bytes could become any number, and cannot be mapped into memory.
    with zipfile.ZipFile(file) as archive:
        return any(member.compress_type for member in archive.infolist())


def _damage_error(file: Path, problem: str) -> Exception:
    problem = f"this is not a file that torch.save wrote, or it is damaged ({problem})"
    return file_error(file, problem, f"{_HINT_COPY}.")


def _select_tensors(file: Path, content: Any) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Return the weights of the model, and the names of the other entries."""
    entries = content if isinstance(content, Mapping) else {}
    for key in _MODEL_ENTRIES:
        if isinstance(entries.get(key), Mapping) and (tensors := _tensors_of(entries[key])):
            others = sorted(shorten(name) for name in entries if name != key)
            return tensors, tuple(others)
    if tensors := _tensors_of(entries):
        return tensors, tuple(sorted(shorten(name) for name in entries if name not in tensors))
    holds = ", ".join(repr(shorten(name)) for name in list(entries)[:10])
    problem = f"it holds no tensors by name, but {holds or type(content).__name__}"
    hint = f"They are looked for at the top and in {', '.join(map(repr, _MODEL_ENTRIES))}"
    raise file_error(file, problem, f"{hint}.")


def _tensors_of(entries: Mapping[Any, Any]) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in entries.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }


def _check_tensor(file: Path, name: str, tensor: Tensor) -> None:
    is_plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not is_plain or tensor.is_quantized:
        problem = f"the tensor {shorten(name)!r} is sparse, quantized or has no values"
        raise file_error(file, problem, f"{_HINT_TENSORS}.")
    # A tensor may repeat one value without end.
    if tensor.nbytes > tensor.untyped_storage().nbytes():
        problem = f"the tensor {shorten(name)!r} has more values than the file holds"
        raise file_error(file, problem, f"{_HINT_TENSORS}.")
