"""A fitted classifier as JSON and tensors, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sklearn.pipeline import Pipeline
from skorch.history import History

from hsvlm._saved_model.checks import check_classifier
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
from hsvlm._saved_model.steps import pack_steps, unpack_steps
from hsvlm._storage.values import fields
from hsvlm._system.devices import resolve_device
from hsvlm.exceptions import ParameterError
from hsvlm.samples import own_names
from hsvlm.text import can_encode
from hsvlm.text.models import encoder_identity

if TYPE_CHECKING:
    from collections.abc import Callable

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


def pack_classifier(packer: Packer, clf: Any) -> dict[str, Any]:
    """Turn a fitted classifier into JSON."""
    special: dict[str, Callable[[Any], Any]] = {
        "callbacks": lambda _: None,
        "device": str,
        "text_encoder": lambda one: _pack_text_encoder(packer, one, "parameters.text_encoder"),
        "vision_encoder": lambda one: pack_vision_encoder(packer, one),
    }
    parameters = {
        name: special[name](value) if name in special else packer.pack(value, f"parameters.{name}")
        for name, value in clf.get_params(deep=False).items()
    }
    state = vars(clf)
    kept = [name for name in (*_FITTED, *_TEXT, _NAMES) if name in state]
    fitted = {name: packer.pack(state[name], name) for name in kept}
    if "text_encoder_" in state:
        fitted["text_encoder_"] = _pack_text_encoder(packer, clf.text_encoder_, "text_encoder_")
        fitted[_IDENTITY] = getattr(clf, "text_encoder_identity_", None)
    for name in (_INTERRUPTED, _TEXT_CLASSES):
        if getattr(clf, name, False):
            fitted[name] = True
    if clf.class_names_ != own_names(clf.classes_, clf.class_names or {}):
        fitted[_CLASS_NAMES] = packer.pack(clf.class_names_, _CLASS_NAMES)
    rows = [{**row, "batches": []} for row in clf.history_]
    readout = {} if clf.readout_ is None else {_READOUT: pack_readout(packer, clf.readout_)}
    record = getattr(clf, "training_", None)
    training = {} if record is None else {_TRAINING: pack_record(packer, record, clf.readout_)}
    return {
        "parameters": parameters,
        "fitted": fitted,
        "preprocessing": pack_steps(packer, clf.preprocessing_.steps, "preprocessing"),
        "network": pack_network(packer, clf.net_),
        "history": packer.pack(rows, "history_"),
        **readout,
        **training,
    }


def unpack_classifier(
    unpacker: Unpacker,
    record: Any,
    cls: Any,
    *,
    device: Any,
    own: type[nn.Module] | None,
    text_encoder: Any,
) -> Any:
    """Turn JSON into a fitted classifier."""
    required = ("parameters", "fitted", "preprocessing", "network", "history")
    fields(record, required, (_READOUT, _TRAINING))
    clf = cls(**_parameters(unpacker, record["parameters"], cls, own))
    clf.device = device
    _set_fitted(unpacker, clf, record["fitted"])
    if text_encoder is not None:
        _replace_text_encoder(clf, text_encoder)
    steps = unpack_steps(unpacker, record["preprocessing"])
    clf.preprocessing_ = Pipeline(steps).set_output(transform="default")
    check_classifier(clf)
    if clf.class_names_ is None:
        clf.class_names_ = own_names(clf.classes_, clf.class_names or {})
    known = record.get(_READOUT)
    clf.readout_ = None if known is None else unpack_readout(unpacker, known, clf)
    training = record.get(_TRAINING)
    clf.training_ = None if training is None else unpack_record(unpacker, training, clf)
    clf.net_ = unpack_network(unpacker, record["network"], clf, own, resolve_device(device))
    clf.net_.history = History(unpacker.unpack(record["history"]))
    clf.history_ = clf.net_.history
    return clf


def _parameters(
    unpacker: Unpacker, packed: Any, cls: Any, own: type[nn.Module] | None
) -> dict[str, Any]:
    # Any other parameter that came later has its default, which changes nothing.
    fields(packed, ("text_encoder", "vision_encoder"), tuple(cls._get_param_names()))
    plain = packed.keys() - {"text_encoder", "vision_encoder"}
    parameters = PARAMETERS_OF_OLDER_MODELS | {
        name: unpacker.unpack(packed[name]) for name in plain
    }
    parameters["text_encoder"] = _unpack_text_encoder(unpacker, packed["text_encoder"])
    encoder = packed["vision_encoder"]
    by_name = isinstance(encoder, str) and own is None
    parameters["vision_encoder"] = encoder if by_name else vision_encoder(encoder, own)
    return parameters


def _set_fitted(unpacker: Unpacker, clf: Any, packed: Any) -> None:
    text = (*_TEXT, "text_encoder_", _IDENTITY)
    required = _FITTED if packed.keys().isdisjoint(text) else (*_FITTED, *text)
    clf.interrupted_ = clf.text_classes_ = False
    clf.class_names_ = None
    optional = (_NAMES, _INTERRUPTED, _CLASS_NAMES, _TEXT_CLASSES)
    for name, value in fields(packed, required, optional).items():
        if name in (*_FITTED, *_TEXT, *optional):
            setattr(clf, name, unpacker.unpack(value))
    if "text_encoder_" in packed:
        encoder = _unpack_text_encoder(unpacker, packed["text_encoder_"])
        clf.text_encoder_identity_ = packed[_IDENTITY]
        # A path: where the folder is gone, its name must not be taken for one on the hub.
        folder = str(packed[_IDENTITY]).startswith("folder:")
        clf.text_encoder_ = Path(encoder) if folder and isinstance(encoder, str) else encoder


def _replace_text_encoder(clf: Any, text_encoder: Any) -> None:
    if not can_encode(text_encoder):
        raise ParameterError(
            f"text_encoder={text_encoder!r} cannot encode texts. Pass a name, a folder or an "
            "object with .encode, or nothing, to keep what the model was saved with."
        )
    clf.text_encoder = text_encoder
    if hasattr(clf, "text_encoder_"):
        clf.text_encoder_ = text_encoder
        clf.text_encoder_identity_ = encoder_identity(text_encoder)


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
