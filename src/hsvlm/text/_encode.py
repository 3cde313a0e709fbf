"""Encode texts as unit vectors."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from hsvlm._data.texts import is_blank, listed, quoted, unreadable_character
from hsvlm._system.optional import cache_folder
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import ParameterError, PromptError, PromptWarning
from hsvlm.text._cache import encode_cached
from hsvlm.text.models import (
    HINT_ENCODERS,
    EncodedText,
    count_tokens,
    identify_model,
    run_model,
)

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

__all__ = ["CachedEncoder", "TextEncoder", "can_encode", "encode_prompts", "encode_texts"]

_MAX_COSINE: Final = 0.95  # above it, the texts of two classes say nearly the same
_MAX_LISTED_CASES: Final = 3


class TextEncoder(Protocol):
    """Protocol of objects that turn a list of n texts into an array of shape (n, d)."""

    def encode(self, texts: list[str], /) -> Any:
        """Encode the texts."""


class CachedEncoder:
    """Cache the vectors of an encoder object, as is done for named encoders.

    A search fits many copies of a classifier, and every fit encodes its prompts. With a name for
    the encoder, texts that any process has encoded before are read from files instead.
    Scikit-learn's clones of a classifier share the encoder.

    Parameters
    ----------
    encoder : object with an ``encode`` method
        Turns a list of n texts into an array of shape (n, d). The vector of a text must not depend
        on the other texts.
    name : str
        Key of the vectors in the cache. Give a new name whenever the encoder changes.
    cache_dir : path, default=None
        See :func:`encode_prompts`.

    Raises
    ------
    ParameterError
        If `encoder` has no ``encode`` method, or `name` is not a text or is empty.

    Examples
    --------
    >>> import tempfile
    >>> from hsvlm.text import CachedEncoder
    >>> class CountsLetters:
    ...     def encode(self, texts):
    ...         print("encodes", texts)
    ...         return [[text.count("a"), text.count("e")] for text in texts]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     encoder = CachedEncoder(CountsLetters(), "letters-1", folder)
    ...     encoder.encode(["a barn"])
    ...     encoder.encode(["a fence", "a barn"]).round(2)
    encodes ['a barn']
    array([[1., 0.]], dtype=float32)
    encodes ['a fence']
    array([[0.45, 0.89],
           [1.  , 0.  ]], dtype=float32)
    """

    def __init__(
        self,
        encoder: Any,
        name: str,
        cache_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        if isinstance(encoder, str) or not callable(getattr(encoder, "encode", None)):
            raise ParameterError(
                f"CachedEncoder needs an object with an encode method, got {quoted(encoder)}. "
                "Names and folders of models are cached without it."
            )
        if not isinstance(name, str) or is_blank(name):
            raise ParameterError(
                f"name={quoted(name)} must be a text that identifies this encoder, such as "
                "'my-model-1'."
            )
        self.encoder = encoder
        self.name = name
        self.cache_dir = cache_dir

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Encode texts, or read their vectors from the cache.

        Parameters
        ----------
        texts : list of str
            The texts, at least one.

        Returns
        -------
        ndarray of shape (n_texts, d), float32
            Unit rows.

        Raises
        ------
        ParameterError
            If the encoder does not return finite numbers of shape (n, d) without zero rows, or the
            cache holds vectors of another length under this name.
        """
        encoded = encode_cached(
            list(dict.fromkeys(texts)),
            f"object:{self.name}",
            _cache_dir(self.cache_dir),
            partial(_encode_by_object, encoder=self.encoder),
        )
        return np.stack([encoded[text].vector for text in texts])

    def __sklearn_clone__(self) -> CachedEncoder:
        return self


def encode_prompts(
    prompts: Mapping[Any, str | Sequence[str]],
    encoder: str | os.PathLike[str] | TextEncoder | NDArray[Any],
    *,
    device: str | torch.device = "cpu",
    cache_dir: str | os.PathLike[str] | None = None,
) -> NDArray[np.float32]:
    """Encode the prompts of each class as its prototype.

    The prototype of a class with several texts is the mean of their unit vectors, scaled to unit
    length.

    Parameters
    ----------
    prompts : dict of label to str or sequence of str
        The text or texts of each class, for example as returned by
        :func:`hsvlm.prompts.resolve_prompts`.
    encoder : str, path, object with an ``encode`` method, or array of shape (n_classes, d)
        A string is ``"all-MiniLM-L6-v2"``, a folder with a sentence-transformers model, or a name
        on the Hugging Face hub; remote code is never run and no instruction is prepended. An array
        holds the prototypes, one row for each class in the order of `prompts`; tables with labels
        of their own, as of pandas, are refused.
    device : str or torch.device, default="cpu"
        Device of a named encoder, for texts that are not in the cache.
    cache_dir : path, default=None
        Folder of the cache for named encoders. None is ``text`` in the folder of the environment
        variable HSVLM_CACHE_DIR, or else in ``hsvlm`` in the user's cache folder.

    Returns
    -------
    ndarray of shape (n_classes, d), float32
        Unit rows, in the order of `prompts`.

    Raises
    ------
    ParameterError
        If the array, or the result of the encoder, is not finite numbers of shape (n, d) without
        zero rows; if `encoder` is of another kind; if a folder has no usable model, the files of a
        model lack weights, or the cache has vectors of another length; or if the device is not
        available.
    PromptError
        If the texts of one class cancel each other.
    UnknownNameError
        If a named encoder is neither a folder nor available from the hub.

    Warns
    -----
    PromptWarning
        If two prototypes have a cosine above 0.95, or a text is longer than the encoder reads.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.text import encode_prompts
    >>> encode_prompts({1: ("oats",), 2: ("wheat",)}, np.array([[3.0, 4.0], [0.0, 2.0]]))
    array([[0.6, 0.8],
           [0. , 1. ]], dtype=float32)
    """
    labels = list(prompts)
    _check_kind(encoder)
    if not can_encode(encoder):
        _check_unlabeled_rows(encoder)
        origin = "The array of prototypes (one row for each class, in the order of np.unique(y))"
        prototypes = _unit_rows(encoder, len(labels), origin)
    else:
        groups = {
            label: (texts,) if isinstance(texts, str) else tuple(texts)
            for label, texts in prompts.items()
        }
        distinct = list(dict.fromkeys(text for texts in groups.values() for text in texts))
        encoded = _encode(distinct, encoder, device, cache_dir)
        _warn_if_long(
            [(f"class {label!r}", encoded[text]) for label in labels for text in groups[label]]
        )
        prototypes = np.stack([_class_mean(label, groups[label], encoded) for label in labels])
    _warn_if_alike(labels, prototypes)
    return prototypes


def encode_texts(
    texts: Sequence[str],
    encoder: str | os.PathLike[str] | TextEncoder | NDArray[Any],
    *,
    device: str | torch.device = "cpu",
    cache_dir: str | os.PathLike[str] | None = None,
) -> NDArray[np.float32]:
    """Encode texts as unit vectors.

    Parameters
    ----------
    texts : sequence of str
        The texts, at least one.
    encoder : str, path or object with an ``encode`` method
        See :func:`encode_prompts`; an array cannot encode new texts.
    device : str or torch.device, default="cpu"
        See :func:`encode_prompts`.
    cache_dir : path, default=None
        See :func:`encode_prompts`.

    Returns
    -------
    ndarray of shape (n_texts, d), float32
        Unit rows.

    Raises
    ------
    ParameterError
        If `texts` is not a sequence of non-empty strings, or `encoder` is an array; and in the
        cases of :func:`encode_prompts`.
    UnknownNameError
        If a named encoder is neither a folder nor available from the hub.

    Warns
    -----
    PromptWarning
        If a text is longer than the encoder reads.

    Examples
    --------
    >>> from hsvlm.text import encode_texts
    >>> class CountsLetters:
    ...     def encode(self, texts):
    ...         return [[text.count("a"), text.count("e")] for text in texts]
    >>> encode_texts(["a barn", "a fence"], CountsLetters())
    array([[1.       , 0.       ],
           [0.4472136, 0.8944272]], dtype=float32)
    """
    _check_kind(encoder)
    if not can_encode(encoder):
        raise ParameterError(
            "An array of prototypes cannot encode new texts. Use a text encoder: "
            "'all-MiniLM-L6-v2', a folder, or an object with an encode method."
        )
    is_list = isinstance(texts, (Sequence, np.ndarray)) and not isinstance(texts, (str, bytes))
    if not is_list or not all(isinstance(text, str) and not is_blank(text) for text in texts):
        raise ParameterError(
            f"texts must be a list of strings that are not empty, got {quoted(texts)}."
        )
    for text in texts:
        if character := unreadable_character(text, allowed="\t\n\r"):
            raise ParameterError(
                f"{quoted(text)} holds the control character {character!r}. Remove it."
            )
    if not len(texts):
        raise ParameterError("texts is empty. Pass at least one text.")
    encoded = _encode(list(dict.fromkeys(texts)), encoder, device, cache_dir)
    _warn_if_long([(f"text {i}", encoded[text]) for i, text in enumerate(texts)])
    return np.stack([encoded[text].vector for text in texts])


def can_encode(encoder: object) -> bool:
    """Tell whether an encoder takes new texts, unlike an array of embeddings.

    Parameters
    ----------
    encoder : object
        The text encoder, as passed by the user.

    Returns
    -------
    bool
        True for names, folders and objects with ``encode``.

    Examples
    --------
    >>> from hsvlm.text import can_encode
    >>> can_encode("all-MiniLM-L6-v2"), can_encode([[1.0, 0.0], [0.0, 1.0]])
    (True, False)
    """
    if isinstance(encoder, (str, os.PathLike)):
        return True
    return not isinstance(encoder, type) and callable(getattr(encoder, "encode", None))


def _check_kind(encoder: object) -> None:
    """Raise if an encoder can be neither a text encoder nor an array."""
    is_other = encoder is None or callable(encoder) or isinstance(encoder, Mapping)
    if is_other and not can_encode(encoder):
        raise ParameterError(
            f"text_encoder={quoted(encoder)} cannot encode texts and is not an array. "
            f"{HINT_ENCODERS}"
        )


def _check_unlabeled_rows(rows: object) -> None:
    """Refuse tables whose rows have labels of their own, which may be in another order."""
    if hasattr(rows, "iloc") or hasattr(rows, "dims"):
        raise ParameterError(
            f"text_encoder is a {type(rows).__name__}, and the labels of its rows are not read. "
            "Pass an array with one row for each class, in the order of np.unique(y), such as "
            "table.loc[np.unique(y)].to_numpy()."
        )


def _encode(
    texts: list[str],
    encoder: Any,
    device: str | torch.device,
    cache_dir: str | os.PathLike[str] | None,
) -> dict[str, EncodedText]:
    if not isinstance(encoder, (str, os.PathLike)):
        return dict(zip(texts, _encode_by_object(texts, encoder), strict=True))
    model = identify_model(encoder)
    origin = f"The result of the text encoder {os.fspath(encoder)!r}"

    def encode(missing: list[str]) -> list[EncodedText]:
        entries = run_model(model, missing, device)
        rows = _unit_rows([entry.vector for entry in entries], len(missing), origin)
        return [entry._replace(vector=row) for entry, row in zip(entries, rows, strict=True)]

    encoded = encode_cached(texts, model.identity, _cache_dir(cache_dir), encode)
    if identify_model(encoder) == model:
        return encoded
    # Downloaded just now: from here on its revision is known, and with it what the cache holds.
    return _encode(texts, encoder, device, cache_dir)


def _encode_by_object(texts: list[str], encoder: TextEncoder) -> list[EncodedText]:
    origin = f"The result of {type(encoder).__name__}.encode for {len(texts)} texts"
    rows = _unit_rows(encoder.encode(texts), len(texts), origin)
    counts = count_tokens(_innermost(encoder), texts)
    return [EncodedText(row, *count) for row, count in zip(rows, counts, strict=True)]


def _innermost(encoder: TextEncoder) -> TextEncoder:
    while isinstance(encoder, CachedEncoder):
        encoder = encoder.encoder
    return encoder


def _cache_dir(cache_dir: str | os.PathLike[str] | None) -> Path | None:
    return cache_folder("text") if cache_dir is None else expand_home(cache_dir)


def _unit_rows(values: Any, n_rows: int, origin: str) -> NDArray[np.float32]:
    try:
        array = np.asarray(
            list(map(_as_plain, values)) if type(values) in (list, tuple) else _as_plain(values)
        )
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"{origin} is not an array ({error}). It must be numbers of shape ({n_rows}, d)."
        ) from error
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[0] != n_rows:
        raise ParameterError(
            f"{origin} must be numbers of shape ({n_rows}, d), got {type(values).__name__} of "
            f"shape {array.shape} and dtype {array.dtype}."
        )
    array = array.astype(np.float64)
    norms = np.linalg.norm(array, axis=1)
    unusable = np.flatnonzero(~np.isfinite(norms) | (norms == 0.0))
    if unusable.size:
        raise ParameterError(
            f"{origin} must hold finite rows that are not all zero; row {unusable[0]} is not "
            f"({unusable.size} of {n_rows} such rows)."
        )
    rows: NDArray[np.float32] = (array / norms[:, None]).astype(np.float32)
    return rows


def _as_plain(values: Any) -> Any:
    """Return a torch tensor, on any device and of any float type, as an array."""
    return values.detach().cpu().double().numpy() if hasattr(values, "detach") else values


def _class_mean(
    label: Any, texts: tuple[str, ...], encoded: Mapping[str, EncodedText]
) -> NDArray[np.float32]:
    vectors = [encoded[text].vector for text in texts]
    if len(vectors) == 1:
        return vectors[0]
    mean = np.stack(vectors).mean(axis=0, dtype=np.float64)
    norm = float(np.linalg.norm(mean))
    if norm < 1e-6:
        raise PromptError(
            f"The {len(texts)} prompts of class {label!r} cancel each other: the mean of their "
            f"unit vectors has length {norm:.1g}. Remove the texts that contradict the others."
        )
    unit: NDArray[np.float32] = (mean / norm).astype(np.float32)
    return unit


def _warn_if_long(named_entries: list[tuple[str, EncodedText]]) -> None:
    cases = [
        f"{name} ({entry.n_tokens} tokens, {entry.max_tokens} read)"
        for name, entry in named_entries
        if entry.n_tokens > entry.max_tokens > 0
    ]
    if cases:
        message = (
            f"Longer than the text encoder reads: {listed(cases, _MAX_LISTED_CASES, 'texts')}. "
            "The rest is ignored; shorten these texts."
        )
        warnings.warn(message, PromptWarning, stacklevel=3)


def _warn_if_alike(labels: list[Any], prototypes: NDArray[np.float32]) -> None:
    cosines = np.triu(prototypes @ prototypes.T, k=1)
    rows, columns = np.nonzero(cosines > _MAX_COSINE)
    order = np.argsort(-cosines[rows, columns], kind="stable")
    cases = [
        f"{labels[i]!r} and {labels[j]!r} (cosine {cosines[i, j]:.3f})"
        for i, j in zip(rows[order], columns[order], strict=True)
    ]
    if cases:
        message = (
            "The text encoder hardly distinguishes classes "
            f"{listed(cases, _MAX_LISTED_CASES, 'pairs')}. Above a cosine of {_MAX_COSINE} texts "
            "hardly help to separate classes; describe the differences between them."
        )
        warnings.warn(message, PromptWarning, stacklevel=3)
