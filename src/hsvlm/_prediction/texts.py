"""What a fitted classifier does with texts that it was not fitted with."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from hsvlm._data.labels import as_labels
from hsvlm._prediction.windows import embeddings
from hsvlm._system.devices import resolve_device
from hsvlm.exceptions import ParameterError, PromptError
from hsvlm.prompts import resolve_prompts
from hsvlm.samples import own_names
from hsvlm.text import can_encode, encode_prompts, encode_texts
from hsvlm.text.models import encoder_identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["similarity", "with_prompts"]


def similarity(clf: Any, X: Any, texts: str | Sequence[str]) -> NDArray[np.float32]:
    """See :meth:`hsvlm.HSIPromptClassifier.similarity`."""
    _check_text_side(clf, "similarity")
    device = str(resolve_device(clf.device))
    texts = [texts] if isinstance(texts, str) else texts
    encoded = encode_texts(texts, clf.text_encoder_, device=device)
    _check_length(clf, encoded)
    return embeddings(clf, X) @ _joint(clf, encoded).T


def with_prompts(
    clf: Any,
    prompts: Mapping[Any, str | Sequence[str]],
    class_names: Mapping[Any, str] | None = None,
) -> Any:
    """See :meth:`hsvlm.HSIPromptClassifier.with_prompts`."""
    _check_text_side(clf, "with_prompts")
    other: Any = copy.copy(clf)
    _check_new_prompts(other, prompts)
    other.prompts, other.class_names = prompts, class_names
    labels = as_labels(np.fromiter(prompts, dtype=object, count=len(prompts)))
    other.classes_ = np.unique(labels.astype(str) if labels.dtype == object else labels)
    other.prompts_ = resolve_prompts(prompts, other.classes_, class_names)
    other.class_names_ = own_names(other.classes_, class_names or {})
    other.text_classes_ = False
    if "class_colors" in getattr(other, "metadata_", {}):
        other.metadata_ = {k: v for k, v in other.metadata_.items() if k != "class_colors"}
    device = str(resolve_device(other.device))
    other.text_embeddings_ = encode_prompts(other.prompts_, other.text_encoder_, device=device)
    _check_length(clf, other.text_embeddings_)
    other.prototypes_ = _joint(other, other.text_embeddings_)
    # The known labels are those of other classes.
    other.readout_ = None
    return other


def _check_text_side(clf: Any, method: str) -> None:
    check_is_fitted(clf, "net_")
    if clf.net_.module_.head is not None:
        raise ParameterError(
            f'{method} needs prototypes, but criterion="cross-entropy" trained a linear head '
            "without text. Fit with another criterion."
        )
    expected = getattr(clf, "text_encoder_identity_", None)
    if expected is not None and encoder_identity(clf.text_encoder_) != expected:
        name = os.fspath(clf.text_encoder_)
        raise ParameterError(
            f"The text encoder {name!r} is not the one of the training: its files have changed, "
            "or the name stands for something else here, so new texts cannot be compared with "
            "what was learned. Put the former files back, or fit again; if you know that it is "
            f"the same, save the classifier and use load(path, text_encoder={name!r})."
        )


def _check_new_prompts(clf: Any, prompts: Any) -> None:
    if not can_encode(clf.text_encoder_):
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


def _check_length(clf: Any, encoded: NDArray[np.float32]) -> None:
    length = clf.text_embeddings_.shape[1]
    if encoded.shape[1] != length:
        raise ParameterError(
            f"The text encoder gives vectors of length {encoded.shape[1]}, that of the training "
            f"gave {length}. Use the text encoder of the training."
        )


@torch.inference_mode()
def _joint(clf: Any, text_embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    model = clf.net_.module_
    texts = torch.from_numpy(text_embeddings).to(next(model.parameters()).device)
    joint: NDArray[np.float32] = model.prototypes(texts).cpu().numpy()
    return joint
