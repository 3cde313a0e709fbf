"""A fitted classifier as JSON and tensors, and back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sklearn.pipeline import Pipeline
from skorch.history import History

from hsvlm._data.named_labels import own_names
from hsvlm._prediction.model import FittedModel
from hsvlm._saved_model.adapter import pack_adapter, unpack_adapter
from hsvlm._saved_model.checks import check_model
from hsvlm._saved_model.network import (
    class_name,
    pack_network,
    pack_vision_encoder,
    unpack_network,
    vision_encoder,
)
from hsvlm._saved_model.older import PARAMETERS_OF_OLDER_MODELS
from hsvlm._saved_model.scenes import (
    pack_readout,
    pack_record,
    unpack_readout,
    unpack_record,
)
from hsvlm._storage.values import fields
from hsvlm._system.devices import resolve_device
from hsvlm.exceptions import ParameterError
from hsvlm.preprocessing.packing import pack_steps, unpack_steps
from hsvlm.text import can_encode
from hsvlm.text.models import encoder_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

    from hsvlm._storage.values import Packer, Unpacker

__all__ = ["MissingTextEncoder", "pack_classifier", "unpack_classifier"]

_FITTED: Final = (
    "_n_features_out",
    "classes_",
    "device_",
    "n_features_in_",
    "padding_",
    "prompts_",
    "window_size_",
)
_TEXT: Final = ("logit_scale_", "prototypes_", "text_embeddings_")  # not with "cross-entropy"
_NAMES: Final = "feature_names_in_"  # after a fit to a data frame
_INTERRUPTED: Final = "interrupted_"  # kept where it is True
_CLASS_NAMES: Final = "class_names_"  # kept where the parameter `class_names` does not give them
_TEXT_CLASSES: Final = "text_classes_"  # kept where it is True
_IDENTITY: Final = "text_encoder_identity"
_READOUT: Final = "readout"  # kept where there is one
_TRAINING: Final = "training"  # missing in models from before
_ADAPTER: Final = "adapter"  # kept where the fit started from pre-trained weights


class MissingTextEncoder:
    """Stands for the text encoder of a loaded classifier, which no file can hold."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"LostTextEncoder({self.kind!r})"

    def encode(self, texts: list[str], /) -> Any:
        """Refuse to encode."""
        raise ParameterError(
            f"The text encoder, an object of class {self.kind}, is not part of the saved model, "
            f"so {len(texts)} texts cannot be encoded.",
            "Make it again and pass it when loading: load(path, text_encoder=...).",
            option_hint="Such a model can be used in Python only.",
        )


def pack_classifier(
    packer: Packer, parameters: Mapping[str, Any], model: FittedModel
) -> dict[str, Any]:
    """Turn the parameters and the fitted model of a classifier into JSON."""
    special: dict[str, Callable[[Any], Any]] = {
        "callbacks": lambda _: None,
        "device": str,
        # Objects are not kept; only another fit would need them.
        "pretrained": lambda value: str(value) if isinstance(value, (str, os.PathLike)) else None,
        "text_encoder": lambda value: _pack_text_encoder(packer, value, "parameters.text_encoder"),
        "vision_encoder": lambda value: pack_vision_encoder(packer, value),
    }
    packed = {
        name: special[name](value) if name in special else packer.pack(value, f"parameters.{name}")
        for name, value in parameters.items()
    }
    state = model.attributes()
    names = [name for name in (*_FITTED, *_TEXT, _NAMES) if name in state]
    fitted: dict[str, Any] = {name: packer.pack(state[name], name) for name in names}
    if model.text_embeddings is not None:
        fitted["text_encoder_"] = _pack_text_encoder(packer, model.text_encoder, "text_encoder_")
        fitted[_IDENTITY] = model.text_encoder_identity
    for name in (_INTERRUPTED, _TEXT_CLASSES):
        if state[name]:
            fitted[name] = True
    if model.class_names != own_names(model.classes, parameters["class_names"] or {}):
        fitted[_CLASS_NAMES] = packer.pack(model.class_names, _CLASS_NAMES)
    rows = [{**row, "batches": []} for row in model.net.history]
    readout = {} if model.readout is None else {_READOUT: pack_readout(packer, model.readout)}
    record = model.training
    training = {} if record is None else {_TRAINING: pack_record(packer, record, model.readout)}
    adapter = {} if model.adapter is None else {_ADAPTER: pack_adapter(packer, model.adapter)}
    return {
        "parameters": packed,
        "fitted": fitted,
        "preprocessing": pack_steps(packer, model.preprocessing.steps, "preprocessing"),
        "network": pack_network(packer, model.net),
        "history": packer.pack(rows, "history_"),
        **readout,
        **training,
        **adapter,
    }


def unpack_classifier(
    unpacker: Unpacker,
    record: Any,
    parameter_names: Sequence[str],
    *,
    device: Any,
    own: type[nn.Module] | None,
    text_encoder: Any,
) -> tuple[dict[str, Any], FittedModel]:
    """Turn JSON into the parameters and the fitted model of a classifier."""
    required = ("parameters", "fitted", "preprocessing", "network", "history")
    fields(record, required, (_READOUT, _TRAINING, _ADAPTER))
    parameters = _parameters(unpacker, record["parameters"], parameter_names, own)
    parameters["device"] = device
    state = _fitted_state(unpacker, record["fitted"])
    if text_encoder is not None:
        _check_text_encoder(text_encoder)
        parameters["text_encoder"] = text_encoder
        if "text_encoder_" in state:
            state["text_encoder_"] = text_encoder
            state["text_encoder_identity_"] = encoder_identity(text_encoder)
    steps = unpack_steps(unpacker, record["preprocessing"])
    state["preprocessing_"] = Pipeline(steps).set_output(transform="default")
    # The network follows: it has to fit what is checked before.
    stated = state[_CLASS_NAMES]
    names = {} if stated is None else stated
    model = FittedModel.from_attributes({**state, _CLASS_NAMES: names, "net_": None})
    check_model(model, parameters)
    if stated is None:
        names = own_names(model.classes, parameters.get("class_names") or {})
        model = replace(model, class_names=names)
    if _READOUT in record:
        model = replace(model, readout=unpack_readout(unpacker, record[_READOUT], model))
    if _TRAINING in record:
        model = replace(model, training=unpack_record(unpacker, record[_TRAINING], model))
    if _ADAPTER in record:
        model = replace(model, adapter=unpack_adapter(unpacker, record[_ADAPTER]))
    net = unpack_network(unpacker, record["network"], model, own, resolve_device(device))
    net.history = History(unpacker.unpack(record["history"]))
    return parameters, replace(model, net=net)


def _parameters(
    unpacker: Unpacker, packed: Any, names: Sequence[str], own: type[nn.Module] | None
) -> dict[str, Any]:
    # Any other parameter that came later has its default, which changes nothing.
    fields(packed, ("text_encoder", "vision_encoder"), tuple(names))
    plain = packed.keys() - {"text_encoder", "vision_encoder"}
    parameters = PARAMETERS_OF_OLDER_MODELS | {
        name: unpacker.unpack(packed[name]) for name in plain
    }
    parameters["text_encoder"] = _unpack_text_encoder(unpacker, packed["text_encoder"])
    encoder = packed["vision_encoder"]
    by_name = isinstance(encoder, str) and own is None
    parameters["vision_encoder"] = encoder if by_name else vision_encoder(encoder, own)
    return parameters


def _fitted_state(unpacker: Unpacker, packed: Any) -> dict[str, Any]:
    text = (*_TEXT, "text_encoder_", _IDENTITY)
    required = _FITTED if packed.keys().isdisjoint(text) else (*_FITTED, *text)
    state: dict[str, Any] = {_INTERRUPTED: False, _TEXT_CLASSES: False, _CLASS_NAMES: None}
    optional = (_NAMES, _INTERRUPTED, _CLASS_NAMES, _TEXT_CLASSES)
    for name, value in fields(packed, required, optional).items():
        if name in (*_FITTED, *_TEXT, *optional):
            state[name] = unpacker.unpack(value)
    if "text_encoder_" in packed:
        encoder = _unpack_text_encoder(unpacker, packed["text_encoder_"])
        state["text_encoder_identity_"] = packed[_IDENTITY]
        # A path: where the folder is gone, its name must not be taken for one on the hub.
        folder = str(packed[_IDENTITY]).startswith("folder:")
        state["text_encoder_"] = Path(encoder) if folder and isinstance(encoder, str) else encoder
    return state


def _check_text_encoder(text_encoder: Any) -> None:
    if not can_encode(text_encoder):
        raise ParameterError(
            f"text_encoder={text_encoder!r} cannot encode texts. Pass a name, a folder or an "
            "object with .encode, or nothing, to keep what the model was saved with."
        )


def _pack_text_encoder(packer: Packer, encoder: Any, place: str) -> Any:
    if isinstance(encoder, MissingTextEncoder):
        return {"object": encoder.kind}
    if can_encode(encoder) and not isinstance(encoder, (str, os.PathLike)):
        return {"object": class_name(type(encoder))}
    return packer.pack(encoder, place)


def _unpack_text_encoder(unpacker: Unpacker, packed: Any) -> Any:
    if isinstance(packed, dict) and "object" in packed:
        return MissingTextEncoder(str(packed["object"]))
    return unpacker.unpack(packed)
