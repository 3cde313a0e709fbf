"""Find the layers of a plain vision transformer among named tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from hsvlm._storage.format import shorten
from hsvlm._system.files import file_error

if TYPE_CHECKING:
    from torch import Tensor

    from hsvlm.pretraining._files import WeightFile

__all__ = ["Body", "find_body", "to_float"]

_FIRST: Final = "blocks.0.norm1.weight"
_FUSED: Final = "attn.qkv."
_PARTS: Final = ("attn.q.", "attn.k.", "attn.v.")
# Factors of what a branch adds, and the layer whose outputs they multiply.
_SCALES: Final = {"ls1.gamma": "attn.proj", "ls2.gamma": "mlp.fc2"}
_NORM: Final = ("norm.weight", "norm.bias")


@dataclass(frozen=True)
class Body:
    """The layers and final norm of a transformer under the names of `PlainTransformer`."""

    weights: dict[str, Tensor]
    prefix: str
    used: frozenset[str]
    """Names in the file."""
    width: int
    depth: int
    mlp_width: int
    qkv_bias: bool

    @property
    def has_norm(self) -> bool:
        """Whether there is a norm after the last layer."""
        return set(_NORM) <= self.weights.keys()


def find_body(file: WeightFile) -> Body:
    """Find the layers of the encoder, and check that nothing is missing or left over."""
    prefix = _find_prefix(file)
    names = [name for name in file.tensors if name.startswith(f"{prefix}blocks.")]
    layers: dict[int, dict[str, Tensor]] = {}
    for name in names:
        match = re.fullmatch(r"blocks\.(\d{1,4})\.(.+)", name.removeprefix(prefix))
        if match is None:
            raise _layer_error(file, f"the name {shorten(name)!r} is not that of a layer")
        layers.setdefault(int(match[1]), {})[match[2]] = to_float(file, name)
    if sorted(layers) != list(range(len(layers))):
        raise _layer_error(file, f"its layers are numbered {shorten(sorted(layers))}")
    first = layers[0]
    if "mlp.fc1.weight" not in first:
        raise _layer_error(file, "its layers have no mlp.fc1.weight")
    width, mlp_width = _length(first["norm1.weight"]), _length(first["mlp.fc1.weight"])
    if not (width and mlp_width):
        raise _layer_error(file, "its layers have no features")
    qkv_bias = "attn.qkv.bias" in first or "attn.q.bias" in first
    expected = _layer_shapes(width, mlp_width, qkv_bias=qkv_bias)
    weights: dict[str, Tensor] = {}
    for number, layer in layers.items():
        plain = _split_and_fold(layer)
        _check_tensors(file, f"layer {number} of the transformer", plain, expected)
        weights |= {f"blocks.{number}.{name}": plain[name] for name in expected}
    norm = {name: to_float(file, prefix + name) for name in _NORM if prefix + name in file.tensors}
    if norm:
        _check_tensors(file, "the norm after the layers", norm, dict.fromkeys(_NORM, (width,)))
    used = frozenset([*names, *(prefix + name for name in norm)])
    return Body(weights | norm, prefix, used, width, len(layers), mlp_width, qkv_bias)


def to_float(file: WeightFile, name: str) -> Tensor:
    """Return a copy of a tensor in float32, which must be finite."""
    tensor = file.tensors[name]
    if not tensor.is_floating_point():
        problem = f"the tensor {shorten(name)!r} has the type {tensor.dtype}"
        raise file_error(file.path, problem, "Weights are floating-point numbers.")
    copy = tensor.detach().to(torch.float32, copy=True).contiguous()
    if not torch.isfinite(copy).all():
        problem = f"the tensor {shorten(name)!r} has values that are NaN or infinite"
        raise file_error(file.path, problem, "Use another file.")
    return copy


def _find_prefix(file: WeightFile) -> str:
    prefixes = sorted(
        name.removesuffix(_FIRST)
        for name in file.tensors
        if re.search(r"(^|\.)blocks\.0\.norm1\.weight$", name) and "decoder" not in name
    )
    if len(prefixes) == 1:
        return prefixes[0]
    if not prefixes:
        raise _layer_error(file, f"it has no {_FIRST!r}")
    raise file_error(
        file.path,
        f"it holds {len(prefixes)} transformers, under {shorten(prefixes)}",
        "Save the weights of one of them alone.",
    )


def _length(tensor: Tensor) -> int:
    return tensor.shape[0] if tensor.ndim else 0


def _layer_shapes(width: int, mlp_width: int, *, qkv_bias: bool) -> dict[str, tuple[int, ...]]:
    linear = {
        "attn.q": (width, width),
        "attn.k": (width, width),
        "attn.v": (width, width),
        "attn.proj": (width, width),
        "mlp.fc1": (mlp_width, width),
        "mlp.fc2": (width, mlp_width),
    }
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("norm1", "norm2"):
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    for name, shape in linear.items():
        shapes[f"{name}.weight"] = shape
        if qkv_bias or f"{name}." not in _PARTS:
            shapes[f"{name}.bias"] = shape[:1]
    return shapes


def _split_and_fold(layer: dict[str, Tensor]) -> dict[str, Tensor]:
    """Split joint queries, keys and values, and multiply scales into the layer before them."""
    # Tensors that this cannot be done with stay under their own names, which are refused later.
    plain = dict(layer)
    for kind in ("weight", "bias"):
        fused = layer.get(_FUSED + kind)
        parts = [part + kind for part in _PARTS]
        if fused is not None and _length(fused) % 3 == 0 and not plain.keys() & set(parts):
            del plain[_FUSED + kind]
            tensors = (tensor.clone() for tensor in fused.unflatten(0, (3, -1)))
            plain |= dict(zip(parts, tensors, strict=True))
    for name, before in _SCALES.items():
        scale, weight, bias = (layer.get(n) for n in (name, f"{before}.weight", f"{before}.bias"))
        if scale is None or weight is None or bias is None:
            continue
        if scale.shape == bias.shape == weight.shape[:1] and weight.ndim == 2:
            del plain[name]
            plain |= {f"{before}.weight": weight * scale[:, None], f"{before}.bias": bias * scale}
    return plain


def _check_tensors(
    file: WeightFile, where: str, tensors: dict[str, Tensor], expected: dict[str, tuple[int, ...]]
) -> None:
    if missing := sorted(expected.keys() - tensors.keys()):
        raise _layer_error(file, f"{where} lacks {shorten(', '.join(missing))}")
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise _layer_error(file, f"{where} has {shorten(', '.join(unknown))} in addition")
    for name, shape in expected.items():
        if (actual := tuple(tensors[name].shape)) != shape:
            raise _layer_error(file, f"{name} of {where} has shape {actual}, not {shape}")


def _layer_error(file: WeightFile, problem: str) -> Any:
    hint = "Only plain transformers with the weight names of timm can be read."
    return file_error(file.path, problem, hint)
