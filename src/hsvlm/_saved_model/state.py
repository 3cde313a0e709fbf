"""A fitted classifier as JSON and tensors, and back."""

from __future__ import annotations

import os
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from sklearn.pipeline import Pipeline
from skorch.history import History
from torch import nn

from hsvlm._runtime import resolve_device
from hsvlm._saved_model.steps import pack_steps, unpack_steps
from hsvlm._saved_model.values import fields
from hsvlm._text_models import identify_model
from hsvlm._training import TrainingSettings, WindowDataset, fit_net
from hsvlm._windows import WindowSource
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.text import can_encode
from hsvlm.vision import get_vision_encoder, list_vision_encoders

if TYPE_CHECKING:
    from collections.abc import Callable

    from hsvlm._saved_model.values import Packer, Unpacker

__all__ = ["LostTextEncoder", "pack_classifier", "unpack_classifier"]

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
_NETWORK: Final = "network."


class LostTextEncoder:
    """Stands for the text encoder of a loaded classifier, which no file can hold.

    Parameters
    ----------
    kind : str
        Class of the text encoder.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"LostTextEncoder({self.kind!r})"

    def encode(self, texts: list[str], /) -> Any:
        """Refuse to encode.

        Parameters
        ----------
        texts : list of str
            Any texts.

        Raises
        ------
        ParameterError
            Always.
        """
        message = (
            f"The text encoder, an object of class {self.kind}, is not part of the saved model, "
            f"so {len(texts)} texts cannot be encoded. Make it again and pass it when loading: "
            "load(path, text_encoder=...)."
        )
        raise ParameterError(message)


def pack_classifier(packer: Packer, clf: Any) -> dict[str, Any]:
    """Turn a fitted classifier into JSON.

    Parameters
    ----------
    packer : Packer
        Receives the arrays.
    clf : HSIPromptClassifier
        Fitted.

    Returns
    -------
    dict
        For `json.dumps`.

    Raises
    ------
    ParameterError
        If a parameter or a fitted value is of a type that cannot be kept.
    """
    special: dict[str, Callable[[Any], Any]] = {
        "callbacks": lambda _: None,
        "device": str,
        "text_encoder": lambda one: _pack_text_encoder(packer, one, "parameters.text_encoder"),
        "vision_encoder": lambda one: _pack_vision_encoder(packer, one),
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
        fitted["text_encoder_identity"] = _identity(clf.text_encoder_)
    rows = [{**row, "batches": []} for row in clf.history_]
    return {
        "parameters": parameters,
        "fitted": fitted,
        "preprocessing": pack_steps(packer, clf.preprocessing_.steps, "preprocessing"),
        "network": _pack_network(packer, clf.net_),
        "history": packer.pack(rows, "history_"),
    }


def unpack_classifier(
    unpacker: Unpacker,
    record: Any,
    cls: Any,
    *,
    device: Any,
    vision_encoder: type[nn.Module] | None,
    text_encoder: Any,
) -> Any:
    """Turn JSON into a fitted classifier.

    Parameters
    ----------
    unpacker : Unpacker
        Holds the arrays.
    record : dict
        Result of `pack_classifier`.
    cls : type
        HSIPromptClassifier.
    device : str or torch.device
        Where the network goes; becomes the parameter `device`.
    vision_encoder : type or None
        Takes the place of the vision encoder that is stated.
    text_encoder : object or None
        Takes the place of the text encoder that is stated.

    Returns
    -------
    HSIPromptClassifier
        Fitted.

    Raises
    ------
    ParameterError, UnknownNameError
        If the device or an encoder cannot be used, or the vision encoder is not to be had.
    ValueError, TypeError, KeyError, RuntimeError
        If it is nothing that `pack_classifier` makes.
    """
    fields(record, ("parameters", "fitted", "preprocessing", "network", "history"))
    network = fields(record["network"], ("encoder", "encoder_params", "projection", "settings"))
    encoder = _vision_encoder(network["encoder"], vision_encoder)
    clf = cls(**_parameters(unpacker, record["parameters"], cls, vision_encoder))
    clf.device = device
    _set_fitted(unpacker, clf, record["fitted"])
    if text_encoder is not None:
        _replace_text_encoder(clf, text_encoder)
    steps = unpack_steps(unpacker, record["preprocessing"])
    clf.preprocessing_ = Pipeline(steps).set_output(transform="default")
    model_params = {
        "encoder": encoder,
        "encoder_params": unpacker.unpack(network["encoder_params"]),
        "prototypes": getattr(clf, "text_embeddings_", None),
        "n_classes": len(clf.classes_),
        "projection": network["projection"],
    }
    settings = TrainingSettings(**unpacker.unpack(network["settings"]), callbacks=())
    clf.net_ = _untrained(model_params, settings, resolve_device(device))
    clf.net_.module_.load_state_dict(unpacker.take_all(_NETWORK))
    clf.net_.history = History(unpacker.unpack(record["history"]))
    clf.history_ = clf.net_.history
    return clf


def _parameters(
    unpacker: Unpacker, packed: Any, cls: Any, vision_encoder: type[nn.Module] | None
) -> dict[str, Any]:
    # A parameter that came later has its default, with which a classifier is as it was before.
    fields(packed, ("text_encoder", "vision_encoder"), tuple(cls._get_param_names()))
    plain = packed.keys() - {"text_encoder", "vision_encoder"}
    parameters = {name: unpacker.unpack(packed[name]) for name in plain}
    parameters["text_encoder"] = _unpack_text_encoder(unpacker, packed["text_encoder"])
    encoder = packed["vision_encoder"]
    by_name = isinstance(encoder, str) and vision_encoder is None
    parameters["vision_encoder"] = encoder if by_name else _vision_encoder(encoder, vision_encoder)
    return parameters


def _set_fitted(unpacker: Unpacker, clf: Any, packed: Any) -> None:
    text = (*_TEXT, "text_encoder_", "text_encoder_identity")
    required = _FITTED if packed.keys().isdisjoint(text) else (*_FITTED, *text)
    for name, value in fields(packed, required, (_NAMES,)).items():
        if name in (*_FITTED, *_TEXT, _NAMES):
            setattr(clf, name, unpacker.unpack(value))
    if "text_encoder_" in packed:
        encoder = _unpack_text_encoder(unpacker, packed["text_encoder_"])
        # A path: where the folder is gone, its name must not be taken for one on the hub.
        folder = str(packed["text_encoder_identity"]).startswith("folder:")
        clf.text_encoder_ = Path(encoder) if folder and isinstance(encoder, str) else encoder


def _replace_text_encoder(clf: Any, text_encoder: Any) -> None:
    if not can_encode(text_encoder):
        message = (
            f"text_encoder={text_encoder!r} cannot encode texts. Pass a name, a folder or an "
            "object with .encode, or nothing, to keep what the model was saved with."
        )
        raise ParameterError(message)
    clf.text_encoder = text_encoder
    if hasattr(clf, "text_encoder_"):
        clf.text_encoder_ = text_encoder


def _pack_text_encoder(packer: Packer, encoder: Any, place: str) -> Any:
    if isinstance(encoder, LostTextEncoder):
        return {"object": encoder.kind}
    if can_encode(encoder) and not isinstance(encoder, (str, os.PathLike)):
        return {"object": _class_name(type(encoder))}
    return packer.pack(encoder, place)


def _unpack_text_encoder(unpacker: Unpacker, packed: Any) -> Any:
    if isinstance(packed, dict) and "object" in packed:
        return LostTextEncoder(str(packed["object"]))
    return unpacker.unpack(packed)


def _identity(encoder: Any) -> str | None:
    if not isinstance(encoder, (str, os.PathLike)):
        return None
    try:
        return identify_model(encoder).identity
    except (UnknownNameError, OSError):
        return None


def _class_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _pack_vision_encoder(packer: Packer, encoder: Any) -> Any:
    if not isinstance(encoder, type):
        return packer.pack(encoder, "parameters.vision_encoder")
    names = [name for name in list_vision_encoders() if get_vision_encoder(name) is encoder]
    return {"class": _class_name(encoder), "name": names[0] if names else None}


def _vision_encoder(packed: Any, given: Any) -> type[nn.Module]:
    if given is not None:
        if isinstance(given, type) and issubclass(given, nn.Module):
            return given
        message = (
            f"vision_encoder={given!r} is no torch.nn.Module subclass. Pass the class itself, or "
            "nothing where its name is registered."
        )
        raise ParameterError(message)
    record = fields(packed, ("class", "name"))
    remedy = f"Pass the class, {record['class']}, when loading: load(path, vision_encoder=...)."
    if record["name"] is None:
        message = (
            "The model was trained with a vision encoder of your own, which is not part of it. "
            f"{remedy}"
        )
        raise ParameterError(message)
    known = list_vision_encoders()
    if record["name"] not in known:
        remedy = f"Register it as when the model was trained. {remedy}"
        raise UnknownNameError.of("vision encoder", record["name"], known, remedy)
    return get_vision_encoder(record["name"])


def _pack_network(packer: Packer, net: Any) -> dict[str, Any]:
    for name, tensor in net.module_.state_dict().items():
        if not isinstance(tensor, torch.Tensor):
            message = (
                f"The network keeps {name!r}, a {type(tensor).__name__}, beside its weights, and "
                "a saved model holds tensors only. Make it a buffer of the vision encoder."
            )
            raise ParameterError(message)
        packer.pack(tensor, _NETWORK + name)
    settings = {
        one.name: getattr(net.criterion__settings, one.name)
        for one in dataclass_fields(TrainingSettings)
        if one.name != "callbacks"
    }
    return {
        "encoder": _pack_vision_encoder(packer, net.module__encoder),
        "encoder_params": packer.pack(net.module__encoder_params, "vision_params"),
        "projection": net.module__projection,
        "settings": packer.pack(settings, "settings"),
    }


def _untrained(
    model_params: dict[str, Any], settings: TrainingSettings, device: torch.device
) -> Any:
    """Make the net as a fit does, by training it for no epoch on no sample."""
    n_channels = model_params["encoder_params"]["n_channels"]
    none = torch.zeros(0, dtype=torch.int64, device=device)
    source = WindowSource(
        table=torch.zeros(1, n_channels, device=device),
        row_map=none,
        corners=none,
        strides=none,
        size=model_params["encoder_params"]["window_size"],
    )
    nothing = WindowDataset(source, none, none)
    quiet = replace(settings, max_epochs=0, verbose=0)
    net = fit_net(model_params, quiet, nothing, None, seed=0)
    net.set_params(max_epochs=settings.max_epochs, criterion__settings=settings)
    return net
