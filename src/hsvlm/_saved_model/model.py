"""A classifier, or a pipeline that ends in one, to files and back."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import safetensors
import sklearn
import skorch
import torch
from sklearn.pipeline import Pipeline

from hsvlm._saved_model.adapter import check_adapter_parts, join_adapter, separate_adapter
from hsvlm._saved_model.card import model_card
from hsvlm._saved_model.state import pack_classifier, unpack_classifier
from hsvlm._storage.format import CONFIG, FORMAT, shorten
from hsvlm._storage.parts import CARD, TENSORS, read_parts, write_parts
from hsvlm._storage.tensors import read_tensors, write_tensors
from hsvlm._storage.values import Packer, Unpacker, fields
from hsvlm._system.files import file_error
from hsvlm._system.version import __version__
from hsvlm.exceptions import HSVLMError, ParameterError
from hsvlm.preprocessing.checks import check_steps
from hsvlm.preprocessing.packing import pack_steps, unpack_steps

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sklearn.base import BaseEstimator

    from hsvlm._prediction.model import FittedModel
    from hsvlm.pretraining import PretrainedEncoder

__all__ = ["read_model", "write_model"]

_TRANSFORM_INPUT: Final = "transform_input"  # kept where it is set
_CHECKPOINT: Final = "checkpoint"


def write_model(
    path: str | os.PathLike[str],
    parameters: Mapping[str, Any],
    model: FittedModel,
    metadata: Mapping[str, Any] | None,
    pipeline: Pipeline | None = None,
    *,
    without_base: bool = False,
) -> Path:
    """Write the parameters and the fitted model of a classifier.

    The pre-trained weights that it was adapted from may be left out.
    """
    metadata = model.metadata if metadata is None else metadata
    if not isinstance(metadata, Mapping):
        raise ParameterError(f"metadata must be a dict, got {type(metadata).__name__}.")
    packer = Packer()
    steps = [] if pipeline is None else pipeline.steps[:-1]
    config = {
        "format": FORMAT,
        "versions": _versions(),
        "classifier": pack_classifier(packer, parameters, model),
        "pipeline": None if pipeline is None else _packed_pipeline(packer, pipeline),
        "metadata": packer.pack(metadata, "metadata"),
    }
    card = model_card(model, metadata, config["versions"], steps, without_base=without_base)
    tensors, adapter = packer.tensors, dict[str, bytes]()
    if without_base:
        tensors, adapter = separate_adapter(tensors, model.adapter)
    parts = {
        CONFIG: json.dumps(config, indent=1, allow_nan=False).encode() + b"\n",
        TENSORS: write_tensors(tensors),
        CARD: card.encode(errors="backslashreplace"),
        **adapter,
    }
    return write_parts(path, parts)


def read_model(
    path: str | os.PathLike[str],
    restore: Callable[[dict[str, Any], FittedModel], BaseEstimator],
    parameter_names: Sequence[str],
    *,
    device: Any,
    vision_encoder: Any,
    text_encoder: Any,
    pretrained: str | os.PathLike[str] | PretrainedEncoder | None = None,
) -> tuple[Any, Pipeline | None]:
    """Read a fitted classifier, which `restore` makes of its parameters and fitted model.

    `pretrained` are the weights that it was adapted from, where they were left out.
    """
    parts = read_parts(path)
    check_adapter_parts(path, parts, pretrained)
    config = json.loads(parts[CONFIG])
    try:
        if _CHECKPOINT in config:
            wrong = "is a checkpoint of an unfinished training, not a saved model"
            remedy = (
                "Continue the training: fit with checkpoint_dir set to the folder it is in and "
                "resume=True, then save the classifier."
            )
            raise file_error(path, wrong, remedy)
        fields(config, ("format", "versions", "classifier", "pipeline", "metadata"))
        tensors = read_tensors(parts[TENSORS])
        if pretrained is not None:
            tensors |= join_adapter(path, parts, config["classifier"], tensors, pretrained)
        unpacker = Unpacker(tensors)
        parameters, model = unpack_classifier(
            unpacker,
            config["classifier"],
            parameter_names,
            device=device,
            own=vision_encoder,
            text_encoder=text_encoder,
        )
        metadata = unpacker.unpack(config["metadata"])
        if not isinstance(metadata, dict):
            raise TypeError("metadata")
        clf = restore(parameters, replace(model, metadata=metadata))
        pipeline = _pipeline(unpacker, config["pipeline"], clf)
        unpacker.close()
    except HSVLMError:
        raise
    except MemoryError as error:
        raise file_error(
            path, "does not fit into memory", "Load it on a larger machine."
        ) from error
    except Exception as error:  # the digests are right: another version wrote it, or a stranger
        reason = shorten(f"{type(error).__name__}: {error}")
        wrong = f"holds what this version does not know ({reason})"
        remedy = f"Load it with what it was written with: {_stated_versions(config)}."
        raise file_error(path, wrong, remedy) from error
    return clf, pipeline


def _packed_pipeline(packer: Packer, pipeline: Pipeline) -> dict[str, Any]:
    record = {
        "steps": pack_steps(packer, pipeline.steps[:-1], "pipeline"),
        "classifier": pipeline.steps[-1][0],
        "verbose": packer.pack(pipeline.verbose, "verbose"),
    }
    if pipeline.transform_input is not None:
        record[_TRANSFORM_INPUT] = packer.pack(list(pipeline.transform_input), _TRANSFORM_INPUT)
    return record


def _pipeline(unpacker: Unpacker, packed: Any, clf: BaseEstimator) -> Pipeline | None:
    if packed is None:
        return None
    fields(packed, ("steps", "classifier", "verbose"), (_TRANSFORM_INPUT,))
    steps = [*unpack_steps(unpacker, packed["steps"]), (packed["classifier"], clf)]
    names = [name for name, _ in steps]
    if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(f"steps named {names}")
    estimators = [step for _, step in steps if not isinstance(step, str)]
    check_steps(estimators[:-1], estimators[0].n_features_in_, clf.n_features_in_)
    return Pipeline(
        steps,
        verbose=unpacker.unpack(packed["verbose"]),
        transform_input=unpacker.unpack(packed.get(_TRANSFORM_INPUT)),
    )


def _versions() -> dict[str, str]:
    libraries = {"numpy": np, "safetensors": safetensors, "scikit-learn": sklearn}
    libraries |= {"skorch": skorch, "torch": torch}
    versions = {name: str(library.__version__) for name, library in libraries.items()}
    return {"hsvlm": __version__, "python": platform.python_version(), **versions}


def _stated_versions(config: Any) -> str:
    stated = config["versions"].items()
    return shorten(", ".join(f"{library} {version}" for library, version in stated))
