"""What a fitted classifier does with texts that it was not fitted with."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hsvlm._data.labels import as_labels
from hsvlm._data.named_labels import own_names
from hsvlm._prediction.windows import embeddings
from hsvlm._system.devices import resolve_device
from hsvlm.exceptions import ParameterError, PromptError
from hsvlm.prompts import resolve_prompts
from hsvlm.text import can_encode, encode_prompts, encode_texts
from hsvlm.text.models import has_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm._inputs.kinds import PredictInputs
    from hsvlm._prediction.model import FittedModel

__all__ = ["check_text_side", "similarity", "with_prompts"]


def similarity(
    model: FittedModel, inputs: PredictInputs, texts: str | Sequence[str], device: Any
) -> NDArray[np.float32]:
    """See :meth:`hsvlm.HSIPromptClassifier.similarity`."""
    texts = [texts] if isinstance(texts, str) else texts
    encoded = encode_texts(texts, _text_encoder(model), device=str(resolve_device(device)))
    _check_length(model, encoded)
    return embeddings(model, inputs) @ _joint(model, encoded).T


def with_prompts(
    model: FittedModel,
    prompts: Mapping[Any, str | Sequence[str]],
    class_names: Mapping[Any, str] | None,
    device: Any,
) -> FittedModel:
    """See :meth:`hsvlm.HSIPromptClassifier.with_prompts`."""
    _check_new_prompts(model, prompts)
    labels = as_labels(np.fromiter(prompts, dtype=object, count=len(prompts)))
    classes = np.unique(labels.astype(str) if labels.dtype == object else labels)
    texts = resolve_prompts(prompts, classes, class_names)
    names = own_names(classes, class_names or {})
    is_text = isinstance(classes[0], str)
    if class_names and not (names and all(isinstance(key, str) == is_text for key in class_names)):
        raise PromptError(
            f"class_names names {list(class_names)}, and prompts has texts for {classes.tolist()}. "
            "Use the same labels in both, of the same type."
        )
    encoded = encode_prompts(texts, _text_encoder(model), device=str(resolve_device(device)))
    _check_length(model, encoded)
    return replace(
        model,
        classes=classes,
        prompts=texts,
        class_names=names,
        text_classes=False,
        metadata={key: value for key, value in model.metadata.items() if key != "class_colors"},
        text_embeddings=encoded,
        prototypes=_joint(model, encoded),
        readout=None,  # its labels are those of other classes
    )


def check_text_side(model: FittedModel, method: str) -> None:
    """Refuse new texts for a model that has no text side, or another text encoder by now."""
    if model.net.module_.head is not None:
        raise ParameterError(
            f'{method} needs prototypes, but criterion="cross-entropy" trained a linear head '
            "without text. Fit with another criterion."
        )
    _check_identity(model)


def _check_identity(model: FittedModel) -> None:
    expected = model.text_encoder_identity
    if expected is not None and not has_identity(model.text_encoder, expected):
        name = os.fspath(model.text_encoder)
        raise ParameterError(
            f"The text encoder {name!r} is not the one of the training: its files have changed, "
            "or the name stands for something else here, so new texts cannot be compared with "
            "what was learned. Put the former files back, or fit again; if you know that it is "
            f"the same, save the classifier and use load(path, text_encoder={name!r})."
        )


def _check_new_prompts(model: FittedModel, prompts: Any) -> None:
    if not can_encode(_text_encoder(model)):
        raise ParameterError(
            "with_prompts needs a text encoder, but text_encoder is an array of ready-made "
            "embeddings. Fit with a model name, a folder or an object with .encode."
        )
    if not isinstance(prompts, Mapping) or len(prompts) < 2:
        raise PromptError(
            f"with_prompts needs {{label: text or list of texts}} for at least two classes, got "
            f"{prompts!r}."
        )
    if len({isinstance(label, str) for label in prompts}) > 1:
        raise PromptError(f"Labels are all numbers or all strings, got {list(prompts)}.")


def _text_encoder(model: FittedModel) -> Any:
    """The text encoder, or the trained encoder of windows if it encodes texts itself."""
    module = model.net.module_
    if module.encodes_texts:
        return SimpleNamespace(encode=module.encoder.encode_texts)
    return model.text_encoder


def _check_length(model: FittedModel, encoded: NDArray[np.float32]) -> None:
    _check_identity(model)  # again, since the encoder may have been downloaded only now
    length = 0 if model.text_embeddings is None else model.text_embeddings.shape[1]
    if encoded.shape[1] != length:
        raise ParameterError(
            f"The text encoder gives vectors of length {encoded.shape[1]}, that of the training "
            f"gave {length}. Use the text encoder of the training."
        )


@torch.inference_mode()
def _joint(model: FittedModel, text_embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    module = model.net.module_
    texts = torch.from_numpy(text_embeddings).to(next(module.parameters()).device)
    joint: NDArray[np.float32] = module.prototypes(texts).cpu().numpy()
    return joint
