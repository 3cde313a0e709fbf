"""A pre-trained encoder as a folder: what it is, its weights, and digests of both."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import safetensors
import sklearn
import torch
from sklearn.pipeline import Pipeline

from hsvlm._storage.folders import (
    backup_path,
    draft_path,
    remove,
    remove_dead_drafts,
    replace_folder,
    sum_line,
)
from hsvlm._storage.format import shorten
from hsvlm._storage.tensors import read_tensors, write_tensors
from hsvlm._storage.values import Packer, Unpacker, fields
from hsvlm._system.files import file_error
from hsvlm._system.paths import expand_home
from hsvlm._system.version import __version__
from hsvlm.exceptions import FileError, MissingFileError
from hsvlm.preprocessing.checks import check_steps, expect, is_count
from hsvlm.preprocessing.packing import pack_steps, unpack_steps
from hsvlm.pretraining._encoder import PretrainedEncoder

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ENCODER", "digest_of", "read_encoder_folder", "write_encoder_folder"]

ENCODER: Final = "encoder.json"
_WEIGHTS: Final = "weights.safetensors"
_STEPS: Final = "preprocessing.safetensors"
_SUMS: Final = "SHA256SUMS"
_PARTS: Final = (ENCODER, _STEPS, _WEIGHTS)
_NAME: Final = "hsvlm-encoder"
_NUMBER: Final = 1
_FIELDS: Final = ("format", "versions", "encoder", "preprocessing", "provenance")
_ENCODER_FIELDS: Final = ("name", "params", "window_size", "patch_size")
_MAX_TEXT_BYTES: Final = 2**25  # parsed JSON takes some twenty times as much memory
_HINT_COPY: Final = "Copy the folder again, or save the encoder again."
_HINT_OTHER_PATH: Final = "Choose another path, or delete it first."


def digest_of(weights: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of weights, which is that of the file they are written to."""
    return hashlib.sha256(_weight_bytes(weights)).hexdigest()


def write_encoder_folder(path: str | os.PathLike[str], pretrained: PretrainedEncoder) -> Path:
    """Write a pre-trained encoder into a folder, completely or not at all."""
    shown = expand_home(path)
    target = Path(os.path.realpath(shown))
    files = _parts_of(pretrained)
    files[_SUMS] = b"".join(sum_line(name, files[name]) + b"\n" for name in _PARTS)
    draft = draft_path(target)
    try:
        _check_replaceable(shown, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_folder(draft, target, files)
        remove_dead_drafts(target)
    except FileError:
        raise
    except OSError as error:
        hint = "Choose another place, or check permissions and free space."
        raise file_error(shown, f"could not be written ({error})", hint) from error
    finally:
        remove(draft)
    return shown


def read_encoder_folder(path: str | os.PathLike[str]) -> PretrainedEncoder:
    """Read a folder that `write_encoder_folder` wrote, and verify its digests."""
    folder = expand_home(path)
    parts = _read_parts(folder)
    config = _parsed(folder, parts[ENCODER])
    try:
        fields(config, _FIELDS)
        unpacker = Unpacker(read_tensors(parts[_STEPS]))
        encoder = fields(config["encoder"], _ENCODER_FIELDS)
        pretrained = PretrainedEncoder(
            vision_encoder=encoder["name"],
            vision_params=unpacker.unpack(encoder["params"]),
            weights=read_tensors(parts[_WEIGHTS]),
            digest=hashlib.sha256(parts[_WEIGHTS]).hexdigest(),
            provenance=unpacker.unpack(config["provenance"]),
            window_size=encoder["window_size"],
            patch_size=encoder["patch_size"],
            preprocessing=_unpack_pipeline(unpacker, config["preprocessing"]),
        )
        unpacker.close()
        _check(pretrained)
    except Exception as error:  # the digests are right: another version wrote it, or a stranger
        reason = shorten(f"{type(error).__name__}: {error}")
        problem = f"holds what this version does not know ({reason})"
        version = shorten(config["versions"]["hsvlm"])
        raise file_error(folder, problem, f"It was written by hsvlm {version}.") from error
    return pretrained


def _parts_of(pretrained: PretrainedEncoder) -> dict[str, bytes]:
    packer = Packer()
    steps = pretrained.preprocessing
    config = {
        "format": {"name": _NAME, "number": _NUMBER},
        "versions": _versions(),
        "encoder": {
            "name": pretrained.vision_encoder,
            "params": packer.pack(pretrained.vision_params, "vision_params"),
            "window_size": pretrained.window_size,
            "patch_size": pretrained.patch_size,
        },
        "preprocessing": None
        if steps is None
        else pack_steps(packer, steps.steps, "preprocessing"),
        "provenance": packer.pack(pretrained.provenance, "provenance"),
    }
    return {
        ENCODER: json.dumps(config, indent=1, allow_nan=False).encode() + b"\n",
        _STEPS: write_tensors(packer.tensors),
        _WEIGHTS: _weight_bytes(pretrained.weights),
    }


def _weight_bytes(weights: Mapping[str, torch.Tensor]) -> bytes:
    # Tensors that share memory are refused by the format.
    return write_tensors({name: one.cpu().clone().contiguous() for name, one in weights.items()})


def _versions() -> dict[str, str]:
    libraries = {"numpy": np, "safetensors": safetensors, "scikit-learn": sklearn, "torch": torch}
    versions = {name: str(library.__version__) for name, library in libraries.items()}
    return {"hsvlm": __version__, "python": platform.python_version(), **versions}


def _read_parts(folder: Path) -> dict[str, bytes]:
    """Return the content of all files, which have the stated digests."""
    if not folder.is_dir():
        raise _missing_folder_error(folder)
    absent = [name for name in (*_PARTS, _SUMS) if not (folder / name).is_file()]
    if absent:
        raise MissingFileError(
            f"{folder} is not a complete pre-trained encoder: {', '.join(absent)} "
            f"{'are' if absent[1:] else 'is'} missing. {_HINT_COPY}"
        )
    size = (folder / ENCODER).stat().st_size
    if size > _MAX_TEXT_BYTES:
        problem = f"{ENCODER} has {size} bytes, above the limit {_MAX_TEXT_BYTES}"
        raise file_error(folder, problem, _HINT_COPY)
    parts = {name: (folder / name).read_bytes() for name in _PARTS}
    stated = (folder / _SUMS).read_bytes()
    damaged = [name for name in _PARTS if sum_line(name, parts[name]) not in stated.splitlines()]
    if damaged:
        problem = (
            f"{' and '.join(damaged)} {'do' if damaged[1:] else 'does'} not have the digest in "
            f"{_SUMS}; the encoder is damaged or was changed by hand"
        )
        raise file_error(folder, problem, _HINT_COPY)
    return parts


def _missing_folder_error(folder: Path) -> MissingFileError:
    backup = backup_path(Path(os.path.realpath(folder)))
    if backup.is_dir():
        return MissingFileError(
            f"{folder} is missing, because replacing it was interrupted. The previous encoder is "
            f"{backup}: rename that folder."
        )
    problem = "is a file" if folder.exists() else "does not exist"
    return MissingFileError(f"{folder} {problem}. Give the folder of a pre-trained encoder.")


def _parsed(folder: Path, content: bytes) -> Any:
    try:
        config = json.loads(content)
        name, number = config["format"]["name"], config["format"]["number"]
        version = shorten(config["versions"]["hsvlm"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        problem = f"its {ENCODER} does not belong to a pre-trained encoder"
        raise file_error(folder, problem, _HINT_COPY) from error
    if name != _NAME or type(number) is not int or number != _NUMBER:
        raise FileError(
            f"{folder} was written by hsvlm {version} in format {shorten(f'{name} {number}')}; "
            f"hsvlm {__version__} reads {_NAME} {_NUMBER} only. Load it with hsvlm {version}."
        )
    return config


def _unpack_pipeline(unpacker: Unpacker, packed: Any) -> Pipeline | None:
    if packed is None:
        return None
    pipeline = Pipeline(unpack_steps(unpacker, packed)).set_output(transform="default")
    steps = [step for _, step in pipeline.steps]
    check_steps(steps, steps[0].n_features_in_)
    return pipeline


def _check(pretrained: PretrainedEncoder) -> None:
    expect(isinstance(pretrained.vision_encoder, str), "the name of the encoder")
    expect(isinstance(pretrained.vision_params, dict), "vision_params")
    expect(isinstance(pretrained.provenance, dict), "provenance")
    wavelengths = pretrained.provenance.get("wavelengths_nm")
    expect(wavelengths is None or _are_numbers(wavelengths), "wavelengths_nm")
    for name in ("window_size", "patch_size"):
        size = getattr(pretrained, name)
        expect(size is None or is_count(size), name)
    for name, tensor in pretrained.weights.items():
        expect(tensor.is_floating_point() and bool(tensor.isfinite().all()), f"the weight {name}")


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(each) in (int, float) for each in values)


def _check_replaceable(shown: Path, target: Path) -> None:
    """Refuse a path where something else than an encoder would be replaced."""
    if not target.exists():
        return
    if not target.is_dir():
        raise file_error(shown, "is a file, not a folder", _HINT_OTHER_PATH)
    names = sorted(os.listdir(target))
    others = [name for name in names if name not in (*_PARTS, _SUMS)]
    if others or (names and ENCODER not in names):
        problem = (
            "exists and is not the folder of a pre-trained encoder alone "
            f"({', '.join((others or names)[:3])})"
        )
        raise file_error(shown, problem, _HINT_OTHER_PATH)
