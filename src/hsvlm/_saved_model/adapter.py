"""An adapted classifier without the pre-trained weights that it was adapted from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import torch

from hsvlm._saved_model.network import NETWORK, Bounded, vision_encoder
from hsvlm._storage.parts import ADAPTER_CONFIG, ADAPTER_TENSORS
from hsvlm._storage.tensors import read_tensors, write_tensors
from hsvlm._storage.values import Unpacker, fields
from hsvlm._system.devices import seeded_scope
from hsvlm._system.files import file_error
from hsvlm._training.weights import as_pretrained
from hsvlm._training_record import TrainedAdapter
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.contrastive.adapters import adapt, merge, set_factors
from hsvlm.exceptions import ParameterError
from hsvlm.vision import vision_encoder_name

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from hsvlm._storage.values import Packer
    from hsvlm.pretraining import PretrainedEncoder

__all__ = [
    "check_adapter_parts",
    "join_adapter",
    "pack_adapter",
    "separate_adapter",
    "unpack_adapter",
]

_FACTORS: Final = "adapter."
_ENCODER: Final = f"{NETWORK}encoder."
_PEFT: Final = "base_model.model."  # what peft puts before the names in its files
_PLAIN: Final = ("base", "config", "method", "n_trained", "n_weights", "params")


def pack_adapter(packer: Packer, adapter: TrainedAdapter) -> dict[str, Any]:
    """Turn an adapter into JSON."""
    for name, values in adapter.factors.items():
        packer.pack(torch.from_numpy(values), _FACTORS + name)
    record = {name: packer.pack(getattr(adapter, name), f"adapter.{name}") for name in _PLAIN}
    if adapter.license is not None:
        record["license"] = adapter.license
    return {**record, "base_names": list(adapter.base_names)}


def unpack_adapter(unpacker: Unpacker, packed: Any) -> TrainedAdapter:
    """Turn JSON into an adapter."""
    record = fields(packed, (*_PLAIN, "base_names"), ("license",))
    factors = unpacker.take_all(_FACTORS)
    return TrainedAdapter(
        **{name: unpacker.unpack(record[name]) for name in _PLAIN},
        base_names=tuple(record["base_names"]),
        license=record.get("license"),
        factors={name: tensor.numpy() for name, tensor in factors.items()},
    )


def separate_adapter(
    tensors: Mapping[str, torch.Tensor], adapter: TrainedAdapter | None
) -> tuple[dict[str, torch.Tensor], dict[str, bytes]]:
    """Divide the tensors of a model into those beside its base, and the parts of its adapter."""
    if adapter is None:
        raise ParameterError(
            "The classifier was not adapted from pre-trained weights. Fit it with pretrained and "
            "adapter, or use save."
        )
    if adapter.method == "full":
        raise ParameterError(
            'adapter="full" changed all of the pre-trained weights, so that nothing is gained by '
            "leaving them out. Use save."
        )
    left_out = {_ENCODER + name for name in adapter.base_names}
    others = {
        name: tensor
        for name, tensor in tensors.items()
        if name not in left_out and not name.startswith(_FACTORS)
    }
    factors = {_PEFT + name: torch.from_numpy(values) for name, values in adapter.factors.items()}
    config = {**adapter.config, "base_model_name_or_path": f"sha256:{adapter.base}"}
    return others, {
        ADAPTER_CONFIG: json.dumps(config, indent=1).encode() + b"\n",
        ADAPTER_TENSORS: write_tensors(factors),
    }


def check_adapter_parts(
    path: str | os.PathLike[str], parts: Mapping[str, bytes], pretrained: Any
) -> None:
    """Refuse an adapter without its base, and a base for a model that has all of its weights."""
    is_adapter = ADAPTER_TENSORS in parts
    if is_adapter and pretrained is None:
        problem = "holds an adapter without the pre-trained weights that it belongs to"
        hint = "Use HSIPromptClassifier.load_adapter(path, pretrained=...)."
        raise file_error(path, problem, hint)
    if pretrained is not None and not is_adapter:
        problem = "holds a whole model, not an adapter"
        raise file_error(path, problem, "Use HSIPromptClassifier.load(path).")


def join_adapter(
    path: str | os.PathLike[str],
    parts: Mapping[str, bytes],
    record: Mapping[str, Any],
    tensors: dict[str, torch.Tensor],
    given: str | os.PathLike[str] | PretrainedEncoder,
) -> dict[str, torch.Tensor]:
    """Return the tensors that an adapted model has beyond those that were kept of it."""
    stated, network = record["adapter"], record["network"]
    params = Unpacker(dict(tensors)).unpack(network["encoder_params"])
    name = vision_encoder_name(vision_encoder(network["encoder"], None))
    # Files are read as in the fit.
    pretrained = as_pretrained(given, vision_encoder=name, n_heads=params.get("n_heads"))
    if stated["base"] != pretrained.digest:
        raise ParameterError(
            f"The adapter in {path} belongs to pre-trained weights with the digest "
            f"{stated['base']}; these have {pretrained.digest}. Give the weights that it was "
            "trained on."
        )
    factors = {
        name.removeprefix(_PEFT): tensor
        for name, tensor in read_tensors(parts[ADAPTER_TENSORS]).items()
    }
    base = list(pretrained.weights.values())
    with seeded_scope(0, torch.device("cpu")):
        with Bounded(base):
            encoder = vision_encoder(network["encoder"], None)(**params)
        pretrained.copy_into(encoder)
        settings = AdapterSettings.of(stated["method"], Unpacker({}).unpack(stated["params"]))
        adapt(encoder, settings, set(pretrained.weights))
        if factors:
            set_factors(encoder, factors)
        merge(encoder)
    weights = encoder.state_dict()
    return {
        **{_ENCODER + name: weights[name] for name in stated["base_names"]},
        **{_FACTORS + name: tensor for name, tensor in factors.items()},
    }
