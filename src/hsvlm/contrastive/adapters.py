"""Adapters: small trained changes of the queries and values of a frozen encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hsvlm.contrastive.adapter_settings import AdapterSettings

__all__ = ["Factors", "adapt", "merge", "set_factors"]

_TARGETS = ("q", "v")
_FUSED = "qkv"


class _Parts(nn.Module):
    """Queries, keys and values from three layers, in place of one layer for all."""

    # Adapters of queries and values alone need layers of their own.
    def __init__(self, fused: nn.Linear) -> None:
        super().__init__()
        biases = [None] * 3 if fused.bias is None else fused.bias.data.chunk(3)
        self.q, self.k, self.v = map(_linear, fused.weight.data.chunk(3), biases)

    def forward(self, tokens: Tensor) -> Tensor:
        return torch.cat([self.q(tokens), self.k(tokens), self.v(tokens)], dim=-1)

    def joined(self) -> nn.Linear:
        """Return one layer for all."""
        layers = self.q, self.k, self.v
        weight = torch.cat([layer.weight.data for layer in layers])
        biases = [layer.bias.data for layer in layers if layer.bias is not None]
        return _linear(weight, torch.cat(biases) if biases else None)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Make a layer of copies of its weights."""
    n_outputs, n_inputs = weight.shape
    layer = nn.Linear(n_inputs, n_outputs, bias=bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.clone())
    if bias is not None:
        layer.bias = nn.Parameter(bias.clone())
    return layer


def adapt(encoder: nn.Module, settings: AdapterSettings, base: Collection[str]) -> None:
    """Freeze the weights of an encoder that are named in `base`, and put factors beside them."""
    if settings.method == "full":
        return
    for name, module in encoder.named_modules():
        if isinstance(module, _BatchNorm) and f"{name}.running_mean" in base:
            raise ParameterError(
                f'adapter="{settings.method}" keeps the pre-trained weights as they are, but the '
                f"vision encoder {type(encoder).__name__} has batch normalization, whose "
                'statistics change in training. Use adapter="full".'
            )
    fresh = [name for name, _ in encoder.named_parameters() if name not in base]
    if settings.has_factors:
        _split(encoder)
        peft = import_optional("peft", "peft")
        peft.inject_adapter_in_model(settings.config(_adapted_layers(encoder)), encoder)
    else:
        encoder.requires_grad_(False)
    for name, parameter in encoder.named_parameters():
        if name in fresh:
            parameter.requires_grad_(True)


def set_factors(encoder: nn.Module, factors: Mapping[str, Tensor]) -> None:
    """Set the factors of an adapted encoder; they have to be exactly those that it has."""
    peft = import_optional("peft", "peft")
    own = peft.get_peft_model_state_dict(encoder)
    if own.keys() != factors.keys() or any(own[name].shape != factors[name].shape for name in own):
        raise ValueError("the factors belong to other layers or have another rank")
    peft.set_peft_model_state_dict(encoder, dict(factors))


@dataclass(frozen=True)
class Factors:
    """Factors of an adapted encoder by name, and the configuration that peft has them in."""

    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]


@torch.no_grad()
def merge(encoder: nn.Module) -> Factors:
    """Add the factors of an adapted encoder to its weights, and return them."""
    peft = import_optional("peft", "peft")
    layer_type = import_optional("peft.tuners.tuners_utils", "peft").BaseTunerLayer
    layers = {
        name: module for name, module in encoder.named_modules() if isinstance(module, layer_type)
    }
    factors = peft.get_peft_model_state_dict(encoder) if layers else {}
    factors = {name: tensor.detach().clone() for name, tensor in factors.items()}
    config = _plain(vars(encoder)["peft_config"]["default"].to_dict()) if layers else {}
    for name, layer in layers.items():
        layer.merge()
        _replace(encoder, name, layer.get_base_layer())
    for attribute in ("peft_config", "_hf_peft_config_loaded"):
        vars(encoder).pop(attribute, None)
    for name, module in list(encoder.named_modules()):
        if isinstance(module, _Parts):
            _replace(encoder, name, module.joined())
    encoder.requires_grad_(True)
    return Factors(factors, config)


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Turn the values of a configuration into those that JSON has."""
    return {
        name: sorted(value) if isinstance(value, set) else getattr(value, "value", value)
        for name, value in config.items()
    }


def _split(encoder: nn.Module) -> None:
    for name, module in list(encoder.named_modules()):
        if name.rpartition(".")[2] == _FUSED and isinstance(module, nn.Linear):
            _replace(encoder, name, _Parts(module))


def _adapted_layers(encoder: nn.Module) -> dict[str, nn.Linear]:
    layers = {
        name: module
        for name, module in encoder.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in _TARGETS
    }
    if not layers:
        raise ParameterError(
            f"The vision encoder {type(encoder).__name__} has no attention layers with queries and "
            'values that an adapter could change. Use adapter="full" or "frozen".'
        )
    return layers


def _replace(encoder: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(encoder.get_submodule(parent), last, module)
