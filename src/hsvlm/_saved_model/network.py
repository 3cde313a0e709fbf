"""The network of a fitted classifier as JSON and tensors, and back."""

from __future__ import annotations

from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from hsvlm._inputs.windows import WindowSource
from hsvlm._storage.values import fields
from hsvlm._system.devices import seeded_scope
from hsvlm._training.net import TrainingSettings, WindowDataset, drop_training_state, new_net
from hsvlm.contrastive.losses import uses_text
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.vision import get_vision_encoder, list_vision_encoders, vision_encoder_name

if TYPE_CHECKING:
    from hsvlm._prediction.model import FittedModel
    from hsvlm._storage.values import Packer, Unpacker

__all__ = [
    "NETWORK",
    "Bounded",
    "class_name",
    "pack_network",
    "pack_vision_encoder",
    "unpack_network",
    "vision_encoder",
]

NETWORK: Final = "network."
_FIELDS: Final = ("encoder", "encoder_params", "projection", "settings")
_PRECISION: Final = "precision"  # kept where it is not that of the weights
# What making a network may take beyond what is stored of it: calls of torch, and bytes.
_SPARE_CALLS: Final = 5 * 10**4
_SPARE_BYTES: Final = 2**28
_MAKERS: Final = (torch.empty, torch.full, torch.ones, torch.zeros)


class Bounded(TorchFunctionMode):
    """Stops a network from being made that is far larger than what is stored of it."""

    # Most tensors are refused before they are made, all others before they are filled: until then
    # they take no memory.

    def __init__(self, stored: list[torch.Tensor]) -> None:
        super().__init__()
        self._calls = _SPARE_CALLS + 100 * len(stored)
        self._room = _SPARE_BYTES + 16 * sum(one.nbytes for one in stored)
        self._seen: set[tuple[int, int]] = set()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        options = kwargs or {}
        self._calls -= 1
        if func in _MAKERS:
            self._take(func(*args, **{**options, "device": "meta"}).nbytes)
            return func(*args, **options)
        result = func(*args, **options)
        if isinstance(result, torch.Tensor) and result.layout is torch.strided:
            memory = result.untyped_storage()
            if (key := (memory.data_ptr(), memory.nbytes())) not in self._seen:
                self._seen.add(key)
                self._take(memory.nbytes())
        return result

    def _take(self, n_bytes: int) -> None:
        self._room -= n_bytes
        if min(self._calls, self._room) < 0:
            raise ValueError("asks for a network that is far larger than the weights in the file")


def pack_network(packer: Packer, net: Any) -> dict[str, Any]:
    """Turn a trained net into JSON."""
    for name, tensor in net.module_.state_dict().items():
        if not isinstance(tensor, torch.Tensor):
            raise ParameterError(
                f"The network keeps {name!r}, a {type(tensor).__name__}, beside its weights, and "
                "a saved model holds tensors only. Make it a buffer of the vision encoder."
            )
        packer.pack(tensor, NETWORK + name)
    settings = {
        one.name: getattr(net.criterion__settings, one.name)
        for one in dataclass_fields(TrainingSettings)
        if one.name != "callbacks"
    }
    if not settings["criterion_params"]:
        del settings["criterion_params"]  # as in files of versions that did not have it
    precision = net.module__precision
    return {
        "encoder": pack_vision_encoder(packer, net.module__encoder),
        "encoder_params": packer.pack(net.module__encoder_params, "vision_params"),
        "projection": net.module__projection,
        "settings": packer.pack(settings, "settings"),
        **({} if precision == "float32" else {_PRECISION: precision}),
    }


def unpack_network(
    unpacker: Unpacker,
    record: Any,
    model: FittedModel,
    encoder: type[nn.Module] | None,
    device: torch.device,
) -> Any:
    """Turn JSON into a trained net."""
    fields(record, _FIELDS, (_PRECISION,))
    embeddings = model.text_embeddings
    model_params = {
        "encoder": vision_encoder(record["encoder"], encoder),
        "encoder_params": unpacker.unpack(record["encoder_params"]),
        "prototypes": embeddings,
        "n_classes": len(model.classes),
        "projection": record["projection"],
        "precision": record.get(_PRECISION, "float32"),
    }
    stated = fields(
        model_params["encoder_params"],
        ("n_channels", "window_size"),
        tuple(model_params["encoder_params"]),
    )
    n_channels = model.preprocessing[-1]._n_features_out
    if (stated["n_channels"], stated["window_size"]) != (n_channels, model.window_size):
        raise ValueError("the network is made for other channels or windows than the classifier")
    stored = {"criterion_params": {}} | unpacker.unpack(record["settings"])
    settings = TrainingSettings(**stored, callbacks=())
    if uses_text(settings.criterion) != (embeddings is not None):
        raise ValueError(f"the criterion {settings.criterion} contradicts the rest")
    weights = unpacker.take_all(NETWORK)
    with Bounded(list(weights.values())):
        net = _untrained(model_params, settings, device)
    _load_weights(net.module_, weights)
    return net


def _load_weights(module: nn.Module, weights: dict[str, torch.Tensor]) -> None:
    module.load_state_dict(weights)
    for name, made in module.state_dict().items():
        if made.dtype != weights[name].dtype:
            raise ValueError(
                f"{name} is stored as {weights[name].dtype}, the network has {made.dtype}"
            )
    for name, parameter in module.named_parameters():
        if not parameter.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinite weights")


def class_name(cls: type) -> str:
    """Name of a class, with that of its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def pack_vision_encoder(packer: Packer, encoder: Any) -> Any:
    """Turn a vision encoder into JSON: a name, or that of the class."""
    if not isinstance(encoder, type):
        return packer.pack(encoder, "parameters.vision_encoder")
    return {"class": class_name(encoder), "name": vision_encoder_name(encoder)}


def vision_encoder(packed: Any, given: Any) -> type[nn.Module]:
    """Find the class of a vision encoder, without importing what a file names."""
    if given is not None:
        if isinstance(given, type) and issubclass(given, nn.Module):
            return given
        raise ParameterError(
            f"vision_encoder={given!r} is no torch.nn.Module subclass. Pass the class itself, or "
            "nothing where its name is registered."
        )
    record = fields(packed, ("class", "name"))
    remedy = f"Pass the class, {record['class']}, when loading: load(path, vision_encoder=...)."
    if record["name"] is None:
        raise ParameterError(
            "The model was trained with a vision encoder of your own, which is not part of it. "
            f"{remedy}"
        )
    known = list_vision_encoders()
    if record["name"] not in known:
        remedy = f"Register it as when the model was trained. {remedy}"
        raise UnknownNameError.for_name("vision encoder", record["name"], known, remedy)
    return get_vision_encoder(record["name"])


def _untrained(
    model_params: dict[str, Any], settings: TrainingSettings, device: torch.device
) -> Any:
    """Make the net as a fit does, by training it for no epoch on no sample."""
    none = torch.zeros(0, dtype=torch.int64, device=device)
    source = WindowSource(
        table=torch.zeros(1, model_params["encoder_params"]["n_channels"], device=device),
        row_map=none,
        corners=none,
        strides=none,
        # All that matters is whether there is something to turn; a table of a window has its area.
        size=min(model_params["encoder_params"]["window_size"], 2),
    )
    nothing = WindowDataset(source, none, none)
    quiet = replace(settings, max_epochs=0, verbose=0)
    with seeded_scope(0, device) as generator:
        net = new_net(model_params, quiet, nothing, None, generator)
        net.partial_fit(nothing)
    net.module_.eval()
    drop_training_state(net, None)
    net.set_params(max_epochs=settings.max_epochs, criterion__settings=settings)
    return net
