"""A classifier, or a pipeline that ends in one, to files and back."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors
import safetensors.torch
import sklearn
import skorch
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hsvlm import __version__
from hsvlm._files import unreadable
from hsvlm._saved_model.card import model_card
from hsvlm._saved_model.parts import CARD, CONFIG, FORMAT, TENSORS, read_parts, write_parts
from hsvlm._saved_model.state import pack_classifier, unpack_classifier
from hsvlm._saved_model.steps import pack_steps, unpack_steps
from hsvlm._saved_model.values import Packer, Unpacker, fields
from hsvlm.exceptions import HSVLMError, ParameterError

if TYPE_CHECKING:
    import os
    from pathlib import Path

__all__ = ["read_model", "write_model"]


def write_model(
    path: str | os.PathLike[str],
    clf: Any,
    metadata: Mapping[str, Any] | None,
    pipeline: Pipeline | None = None,
) -> Path:
    """Write a fitted classifier.

    Parameters
    ----------
    path : path
        A folder, or an archive where it ends in ``.zip``.
    clf : HSIPromptClassifier
        Fitted.
    metadata : dict or None
        Kept with it; None keeps what the classifier was loaded with.
    pipeline : Pipeline, default=None
        Fitted, with `clf` as last step.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    FileError
        If `path` cannot be written, or is something else than a saved model.
    ParameterError
        If something is of a type that cannot be kept.
    NotFittedError
        If the classifier is not fitted.
    """
    check_is_fitted(clf, "net_")
    metadata = getattr(clf, "metadata_", {}) if metadata is None else metadata
    if not isinstance(metadata, Mapping):
        message = f"metadata must be a dict, got {type(metadata).__name__}."
        raise ParameterError(message)
    packer = Packer()
    steps = [] if pipeline is None else pipeline.steps[:-1]
    config = {
        "format": FORMAT,
        "versions": _versions(),
        "classifier": pack_classifier(packer, clf),
        "pipeline": None
        if pipeline is None
        else {
            "steps": pack_steps(packer, steps, "pipeline"),
            "classifier": pipeline.steps[-1][0],
            "verbose": packer.pack(pipeline.verbose, "verbose"),
        },
        "metadata": packer.pack(metadata, "metadata"),
    }
    card = model_card(clf, metadata, config["versions"], steps)
    parts = {
        CONFIG: json.dumps(config, indent=1, allow_nan=False).encode() + b"\n",
        TENSORS: safetensors.torch.save(packer.tensors),
        CARD: card.encode(errors="backslashreplace"),
    }
    return write_parts(path, parts)


def read_model(
    path: str | os.PathLike[str],
    cls: Any,
    *,
    device: Any,
    vision_encoder: Any,
    text_encoder: Any,
) -> tuple[Any, Pipeline | None]:
    """Read a fitted classifier.

    Parameters
    ----------
    path : path
        What was given to `write_model`.
    cls : type
        HSIPromptClassifier.
    device : str or torch.device
        Where the network goes.
    vision_encoder : type or None
        Takes the place of the one that the file states.
    text_encoder : object or None
        Takes the place of the one that the file states.

    Returns
    -------
    clf : HSIPromptClassifier
        Fitted.
    pipeline : Pipeline or None
        Fitted, with `clf` as last step; None if it was not saved as part of a pipeline.

    Raises
    ------
    MissingFileError, FileError
        If there is no saved model, or it is incomplete, damaged or of another format.
    ParameterError, UnknownNameError
        If the device or an encoder cannot be used.
    """
    parts = read_parts(path)
    try:
        config = json.loads(parts[CONFIG])
        fields(config, ("format", "versions", "classifier", "pipeline", "metadata"))
        unpacker = Unpacker(safetensors.torch.load(parts[TENSORS]))
        clf = unpack_classifier(
            unpacker,
            config["classifier"],
            cls,
            device=device,
            vision_encoder=vision_encoder,
            text_encoder=text_encoder,
        )
        clf.metadata_ = unpacker.unpack(config["metadata"])
        pipeline = _pipeline(unpacker, config["pipeline"], clf)
        unpacker.close()
    except HSVLMError:
        raise
    except Exception as error:  # the digests are right: another version wrote it, or a stranger
        wrong = f"holds what this version does not know ({type(error).__name__}: {error})"
        remedy = f"Load it with what it was written with: {_stated_versions(parts[CONFIG])}."
        raise unreadable(path, wrong, remedy) from error
    return clf, pipeline


def _pipeline(unpacker: Unpacker, packed: Any, clf: Any) -> Pipeline | None:
    if packed is None:
        return None
    fields(packed, ("steps", "classifier", "verbose"))
    steps = unpack_steps(unpacker, packed["steps"])
    return Pipeline([*steps, (packed["classifier"], clf)], verbose=packed["verbose"])


def _versions() -> dict[str, str]:
    libraries = {"numpy": np, "safetensors": safetensors, "scikit-learn": sklearn}
    libraries |= {"skorch": skorch, "torch": torch}
    versions = {name: str(library.__version__) for name, library in libraries.items()}
    return {"hsvlm": __version__, "python": platform.python_version(), **versions}


def _stated_versions(config: bytes) -> str:
    stated = json.loads(config)["versions"]
    return ", ".join(f"{library} {version}" for library, version in stated.items())
