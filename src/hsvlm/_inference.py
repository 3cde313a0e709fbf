"""From a fitted classifier and its inputs to embeddings, class scores and new prototypes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from hsvlm._cubes import no_label
from hsvlm._fitting import input_source
from hsvlm._inputs import predict_inputs
from hsvlm._runtime import resolve_device
from hsvlm._training import in_batches
from hsvlm.exceptions import ParameterError, PromptError
from hsvlm.prompts import resolve_prompts
from hsvlm.samples import PixelSamples
from hsvlm.text import can_encode, encode_prompts, encode_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = [
    "BLOCK_SIZE",
    "class_scores",
    "embeddings",
    "predicted_labels",
    "text_similarity",
    "with_prompts",
]

# Samples are predicted in blocks of this many, so that memory does not grow with the scene. The
# last bits of a prediction depend on the block: whoever divides a scene divides it like this.
BLOCK_SIZE = 2**14


def embeddings(clf: Any, X: Any) -> NDArray[np.float32]:
    """Unit embeddings of inputs.

    Parameters
    ----------
    clf : HSIPromptClassifier
        Fitted.
    X : PixelSamples or array
        One of the four kinds.

    Returns
    -------
    ndarray of shape (n_samples, n_embedding) or (height, width, n_embedding), float32
        Unit vectors.
    """
    check_is_fitted(clf, "net_")
    return _outputs(clf, X, clf.net_.module_.embed)


def class_scores(clf: Any, X: Any) -> NDArray[np.float32]:
    """Scaled similarities with the prototypes, or outputs of the linear head.

    Parameters
    ----------
    clf : HSIPromptClassifier
        Fitted.
    X : PixelSamples or array
        One of the four kinds.

    Returns
    -------
    ndarray of shape (n_samples, n_classes) or (height, width, n_classes), float32
        In the order of ``classes_``.
    """
    check_is_fitted(clf, "net_")
    model = clf.net_.module_
    if model.head is not None:
        return _outputs(clf, X, model)
    scale = np.float32(clf.logit_scale_)
    return _outputs(clf, X, model.embed, lambda vectors: vectors @ clf.prototypes_.T * scale)


def predicted_labels(clf: Any, X: Any) -> NDArray[Any]:
    """Label of the class with the highest score.

    Parameters
    ----------
    clf : HSIPromptClassifier
        Fitted.
    X : PixelSamples or array
        One of the four kinds.

    Returns
    -------
    ndarray of shape (n_samples,) or (height, width)
        Labels from ``classes_``, and what stands for "no class" where a pixel holds no data.
    """
    scores = class_scores(clf, X)
    labels = np.asarray(clf.classes_[scores.argmax(axis=-1)])
    missing = np.isnan(scores).all(axis=-1)
    if not missing.any():
        return labels
    value = no_label(clf.classes_, clf.unlabeled)
    labels = labels.astype(np.promote_types(labels.dtype, np.min_scalar_type(value)))
    labels[missing] = value
    return labels


def text_similarity(clf: Any, X: Any, texts: Sequence[str]) -> NDArray[np.float32]:
    """Cosine similarities of inputs with any texts.

    Parameters
    ----------
    clf : HSIPromptClassifier
        Fitted.
    X : PixelSamples or array
        One of the four kinds.
    texts : sequence of str
        Any texts.

    Returns
    -------
    ndarray of shape (n_samples, n_texts) or (height, width, n_texts), float32
        Cosines.

    Raises
    ------
    ParameterError
        If the classifier has no text side, or its text encoder cannot encode new texts.
    """
    _check_text_side(clf, "similarity")
    device = str(resolve_device(clf.device))
    encoded = encode_texts(texts, clf.text_encoder_, device=device)
    return embeddings(clf, X) @ _joint(clf, encoded).T


def with_prompts(clf: Any, prompts: Mapping[Any, str | Sequence[str]]) -> Any:
    """Copy a fitted classifier and give the copy other classes.

    Parameters
    ----------
    clf : HSIPromptClassifier
        Fitted.
    prompts : dict
        ``{label: text or list of texts}``.

    Returns
    -------
    HSIPromptClassifier
        Shares the network of `clf`.

    Raises
    ------
    ParameterError
        If the classifier has no text side, or its text encoder cannot encode new texts.
    PromptError
        If prompts are empty or identical.
    """
    _check_text_side(clf, "with_prompts")
    if not can_encode(clf.text_encoder_):
        message = (
            "with_prompts needs a text encoder, but text_encoder is an array of ready-made "
            "embeddings. Fit with a model name, a folder or an object with .encode."
        )
        raise ParameterError(message)
    if not isinstance(prompts, Mapping) or len(prompts) < 2:
        message = (
            f"with_prompts needs {{label: text or list of texts}} for at least two classes, got "
            f"{prompts!r}."
        )
        raise PromptError(message)
    if len({isinstance(label, str) for label in prompts}) > 1:
        message = f"Labels are all numbers or all strings, got {list(prompts)}."
        raise PromptError(message)
    other = copy.copy(clf)
    other.prompts = prompts
    other.classes_ = np.unique(list(prompts))
    other.prompts_ = resolve_prompts(prompts, other.classes_)
    device = str(resolve_device(clf.device))
    other.text_embeddings_ = encode_prompts(other.prompts_, clf.text_encoder_, device=device)
    other.prototypes_ = _joint(clf, other.text_embeddings_)
    return other


def _outputs(
    clf: Any,
    X: Any,
    function: Callable[[torch.Tensor], torch.Tensor],
    finish: Callable[[NDArray[np.float32]], NDArray[np.float32]] = np.asarray,
) -> NDArray[np.float32]:
    X, shape, valid = predict_inputs(clf, X)
    device = next(clf.net_.module_.parameters()).device
    # Neighbours share the pixels of their windows: in one block, these are read once.
    order = (
        np.lexsort((*X.coords.T[::-1], X.scene_ids))
        if isinstance(X, PixelSamples)
        else np.arange(len(X))
    )
    parts = [
        finish(in_batches(function, input_source(clf, X[index], device)).cpu().numpy())
        for index in np.split(order, range(BLOCK_SIZE, len(X), BLOCK_SIZE))
    ]
    values: NDArray[np.float32] = np.empty((len(X), parts[0].shape[1]), dtype=np.float32)
    values[order] = np.concatenate(parts)
    if valid is None:
        return values.reshape(*shape, -1)
    everywhere = np.full((*shape, values.shape[1]), np.nan, dtype=np.float32)
    everywhere[valid] = values
    return everywhere


def _check_text_side(clf: Any, method: str) -> None:
    check_is_fitted(clf, "net_")
    if clf.net_.module_.head is not None:
        message = (
            f'{method} needs prototypes, but criterion="cross-entropy" trained a linear head '
            "without text. Fit with another criterion."
        )
        raise ParameterError(message)


@torch.inference_mode()
def _joint(clf: Any, text_embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    model = clf.net_.module_
    texts = torch.from_numpy(text_embeddings).to(next(model.parameters()).device)
    joint: NDArray[np.float32] = model.prototypes(texts).cpu().numpy()
    return joint
