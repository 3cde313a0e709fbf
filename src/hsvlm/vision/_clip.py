"""A frozen CLIP model, both encoders of which take further tokens in every layer."""

from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from hsvlm._system.paths import expand_home
from hsvlm._system.quiet import quiet_libraries
from hsvlm.exceptions import ParameterError, PromptWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

__all__ = ["FrozenClip"]

# Nothing is downloaded, and code that comes with a model is never run.
_OFFLINE: Any = {"local_files_only": True, "trust_remote_code": False}
_HINT = (
    "Pass a folder that holds a CLIP model of transformers (config.json, weights and the files of "
    'its tokenizer), or the name of one that "hf download NAME" has put into the local cache.'
)
_HINT_WEIGHTS = "Use the config.json and all weights of one model, and copy or download them again."


class FrozenClip:
    """A CLIP model that never changes; copies share it, and pickles hold where it came from."""

    def __init__(self, source: str | os.PathLike[str], digest: str | None = None) -> None:
        self.source = os.fspath(source)
        with torch.random.fork_rng(devices=[]), quiet_libraries(), ThreadPoolExecutor(1) as thread:
            # In a thread, which contexts that count, place or bind tensors of a network in the
            # making do not reach.
            self._model: Any = thread.submit(_load, self.source).result()
        self.digest = _digest(self._model)
        if digest is not None:
            self.check(digest)
        self._tokens: dict[str, list[int]] = {}

    def __deepcopy__(self, memo: Any) -> FrozenClip:
        return self

    def __reduce__(self) -> tuple[type[FrozenClip], tuple[str, str]]:
        return FrozenClip, (self.source, self.digest)

    def check(self, digest: str) -> None:
        """Refuse to stand for a model with other weights."""
        if digest != self.digest:
            raise ParameterError(
                f"The CLIP model {self.source!r} is not the one of the training: its weights have "
                f"the SHA-256 digest {self.digest[:16]}..., those of the training "
                f"{digest[:16]}... Put the former model back, or fit again."
            )

    @property
    def config(self) -> Any:
        """The sizes of the model."""
        return self._model.config

    @property
    def logit_scale(self) -> float:
        """The factor on cosines that it was trained with."""
        return float(self._model.logit_scale.exp())

    def encode_images(self, images: Tensor, prompts: Sequence[Tensor]) -> Tensor:
        """Encode images (n, 3, side, side), with prompts (n or 1, n_prompts, width) per layer."""
        model = self._on(images.device)
        vision = model.vision_model
        hidden = vision.pre_layrnorm(vision.embeddings(images))
        n_tokens = hidden.shape[1]
        for layer, further in zip(vision.encoder.layers, prompts, strict=True):
            shared = further.expand(len(images), -1, -1)
            hidden = _run(layer, torch.cat([hidden[:, :n_tokens], shared], dim=1), causal=False)
        features: Tensor = model.visual_projection(vision.post_layernorm(hidden[:, 0]))
        return features

    def encode_texts(self, texts: Sequence[str], prompts: Sequence[Tensor]) -> Tensor:
        """Encode texts, with prompts (n_prompts, width) per layer between start and text."""
        device = prompts[0].device
        n_prompts = len(prompts[0])
        model = self._on(device)
        text = model.text_model
        tokens = self._tokenize(texts, text.config.max_position_embeddings - n_prompts)
        longest = max(map(len, tokens))
        # Attention looks back only, so that what follows the end of a text does not matter.
        padded = [row + [0] * (longest - len(row)) for row in tokens]
        embedded = text.embeddings.token_embedding(torch.tensor(padded, device=device))
        first = prompts[0].expand(len(texts), -1, -1)
        hidden = torch.cat([embedded[:, :1], first, embedded[:, 1:]], dim=1)
        hidden = hidden + text.embeddings.position_embedding.weight[: hidden.shape[1]]
        for number, layer in enumerate(text.encoder.layers):
            if number > 0:
                further = prompts[number].expand(len(texts), -1, -1)
                parts = [hidden[:, :1], further, hidden[:, 1 + n_prompts :]]
                hidden = torch.cat(parts, dim=1)
            hidden = _run(layer, hidden, causal=True)
        ends = torch.tensor([len(row) - 1 + n_prompts for row in tokens], device=device)
        hidden = text.final_layer_norm(hidden[torch.arange(len(texts), device=device), ends])
        features: Tensor = model.text_projection(hidden)
        return features

    def _on(self, device: torch.device) -> Any:
        if device.type == "meta":
            raise RuntimeError("The weights of a frozen model have values.")
        if self._model.logit_scale.device != device:
            self._model.to(device)
        return self._model

    def _tokenize(self, texts: Sequence[str], most: int) -> list[list[int]]:
        missing = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        if missing:
            with quiet_libraries():
                tokenizer = _load_tokenizer(self.source)
                rows = tokenizer(missing, truncation=False)["input_ids"]
            for text, row in zip(missing, rows, strict=True):
                # One that lacks its files still makes tokens, all of them unknown.
                if tokenizer.unk_token_id in row[1:-1]:
                    raise ParameterError(
                        f"The tokenizer of the CLIP model {self.source!r} cannot read {text!r}. "
                        "Put its files there, tokenizer.json, or vocab.json and merges.txt."
                    )
            self._tokens |= dict(zip(missing, rows, strict=True))
            long = [text for text in missing if len(self._tokens[text]) > most]
            if long:
                warnings.warn(
                    f"{len(long)} prompts are longer than the {most} tokens that CLIP reads beside "
                    f"learned ones, such as {long[0][:80]!r}. The rest is ignored; shorten them.",
                    PromptWarning,
                    stacklevel=2,
                )
        # All but the last token, which ends a text, and where its features are read.
        return [[*self._tokens[text][:-1][: most - 1], self._tokens[text][-1]] for text in texts]


def _run(layer: Any, hidden: Tensor, *, causal: bool) -> Tensor:
    """Run a layer; that of transformers has another signature in every few releases."""
    hidden = hidden + _attend(layer.self_attn, layer.layer_norm1(hidden), causal=causal)
    result: Tensor = hidden + layer.mlp(layer.layer_norm2(hidden))
    return result


def _attend(attention: Any, hidden: Tensor, *, causal: bool) -> Tensor:
    query, key, value = (
        project(hidden).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
    result: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2))
    return result


def _load(source: str) -> nn.Module:
    transformers: Any = importlib.import_module("transformers")
    place = _place(source)
    try:
        kind = transformers.AutoConfig.from_pretrained(place, **_OFFLINE).model_type
        if kind == "clip":
            model, report = transformers.CLIPModel.from_pretrained(
                place, output_loading_info=True, ignore_mismatched_sizes=True, **_OFFLINE
            )
    except Exception as error:
        raise _not_loaded(source, error) from error
    if kind != "clip":
        raise ParameterError(f"{source!r} holds a model of the kind {kind!r}, not CLIP. {_HINT}")
    _check_weights(source, model, report)
    return model.float().requires_grad_(requires_grad=False).eval()  # type: ignore[no-any-return]


def _check_weights(source: str, model: nn.Module, report: Mapping[str, Any]) -> None:
    """Refuse a model that its files fill in part only: the rest would be random numbers."""
    unlike = [name for name, *_ in report["mismatched_keys"]]
    if absent := sorted({*report["missing_keys"], *unlike}):
        raise ParameterError(
            f"The files of the CLIP model {source!r} lack {len(absent)} of its "
            f"{len(model.state_dict())} weights, or hold them in another shape, such as "
            f"{absent[0]!r}. {_HINT_WEIGHTS}"
        )
    # Old files hold numbers of positions, others a head; neither changes what is computed.
    if further := sorted(name for name in report["unexpected_keys"] if ".layers." in name):
        raise ParameterError(
            f"The files of the CLIP model {source!r} hold layers that its config.json does not "
            f"state, such as {further[0]!r}. {_HINT_WEIGHTS}"
        )
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise ParameterError(
                f"The CLIP model {source!r} has values that are NaN or infinite in {name!r}. "
                f"{_HINT_WEIGHTS}"
            )


def _load_tokenizer(source: str) -> Any:
    transformers: Any = importlib.import_module("transformers")
    try:
        return transformers.AutoTokenizer.from_pretrained(_place(source), **_OFFLINE)
    except Exception as error:
        raise _not_loaded(f"tokenizer of {source}", error) from error


def _place(source: str) -> str:
    folder = expand_home(source)
    return str(folder) if folder.is_dir() else source


def _not_loaded(source: str, error: Exception) -> ParameterError:
    lines = str(error).strip().splitlines() or [""]
    reason = f"{type(error).__name__}: {lines[0][:160]}"
    return ParameterError(f"The CLIP model {source!r} could not be loaded ({reason}). {_HINT}")


def _digest(model: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, weight in sorted(model.named_parameters()):
        digest.update(f"{name} {tuple(weight.shape)}\n".encode())
        values = weight.detach().contiguous()
        digest.update(ctypes.string_at(values.data_ptr(), values.nbytes))
    return digest.hexdigest()
