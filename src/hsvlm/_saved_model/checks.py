"""Whether the parts of a loaded model belong together, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from hsvlm._data.arrays import is_whole_number
from hsvlm.preprocessing import SpectralPCA, StandardNormalVariate

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_classifier", "check_steps"]


def check_classifier(clf: Any) -> None:
    """Refuse fitted values that contradict each other; the network is not looked at."""
    n_classes = len(clf.classes_)
    _expect(
        clf.classes_.ndim == 1
        and n_classes > 1
        and np.array_equal(np.unique(clf.classes_), clf.classes_),
        "classes_",
    )
    _expect(list(clf.prompts_) == clf.classes_.tolist(), "prompts_")
    for texts in clf.prompts_.values():
        _expect(type(texts) is tuple and all(type(one) is str for one in texts), "prompts_")
    _expect(clf.padding_ in ("reflect", "zero"), "padding_")
    _expect(type(clf.device_) is str, "device_")
    _expect(type(clf.interrupted_) is bool, "interrupted_")
    _expect(_is_count(clf.window_size_), "window_size_")
    _expect(_is_count(clf._n_features_out), "_n_features_out")
    _expect(clf.class_names is None or isinstance(clf.class_names, Mapping), "class_names")
    _expect(type(clf.text_classes_) is bool, "text_classes_")
    named = {} if clf.class_names_ is None else clf.class_names_
    _expect(type(named) is dict and set(named) <= set(clf.classes_.tolist()), "class_names_")
    _expect(all(type(name) is str for name in named.values()), "class_names_")
    marks = clf.unlabeled if isinstance(clf.unlabeled, (list, tuple)) else [clf.unlabeled]
    if clf.unlabeled is not None:
        _expect(all(isinstance(mark, (str, Number, np.generic)) for mark in marks), "unlabeled")
    if hasattr(clf, "prototypes_"):
        _check_text(clf, n_classes)
    _check_names(clf, clf.n_features_in_)
    steps = clf.preprocessing_.steps
    scaled = any(isinstance(step.transformer_, StandardScaler) for _, step in steps)
    _expect(scaled, "preprocessing")
    check_steps([step for _, step in steps], clf.n_features_in_)


def check_steps(steps: Sequence[Any], n_features: int, n_expected: int | None = None) -> None:
    """Refuse transformers that do not take what the one before gives."""
    for step in steps:
        if isinstance(step, str):
            continue
        _expect(_is_count(step.n_features_in_) and step.n_features_in_ == n_features, "a step")
        _check_names(step, n_features)
        _check_names(step.transformer_, n_features)
        n_features = _CHECKS[type(step.transformer_)](step.transformer_, n_features)
        _expect(_is_count(step._n_features_out) and step._n_features_out == n_features, "a step")
        if isinstance(step, SpectralPCA):
            _expect(isinstance(step.transformer_, PCA), "SpectralPCA.transformer_")
            _expect(step.n_components_ == n_features, "SpectralPCA.n_components_")
    _expect(n_expected in (None, n_features), "the last step before the classifier")


def _check_text(clf: Any, n_classes: int) -> None:
    _check_array(clf.prototypes_, (n_classes, clf._n_features_out), "prototypes_")
    texts = clf.text_embeddings_
    _check_array(texts, (n_classes, *texts.shape[1:2]), "text_embeddings_")
    _expect(clf.prototypes_.dtype == texts.dtype == np.float32, "prototypes_")
    scale = clf.logit_scale_
    _expect(type(scale) is float and 0 < scale < np.inf, "logit_scale_")
    identity = clf.text_encoder_identity_
    _expect(identity is None or type(identity) is str, "text_encoder_identity")


def _check_pca(pca: Any, n_features: int) -> int:
    n_components = len(pca.components_)
    _check_array(pca.components_, (n_components, n_features), "PCA.components_")
    _check_array(pca.mean_, (n_features,), "PCA.mean_")
    _check_array(pca.explained_variance_, (n_components,), "PCA.explained_variance_")
    _expect(pca.explained_variance_.min(initial=0) >= 0, "PCA.explained_variance_")
    _check_counts(pca, n_features)
    return n_components


def _check_scaler(scaler: Any, n_features: int) -> int:
    if scaler.with_mean or scaler.mean_ is not None:
        _check_array(scaler.mean_, (n_features,), "StandardScaler.mean_")
    if scaler.with_std or scaler.scale_ is not None:
        _check_array(scaler.scale_, (n_features,), "StandardScaler.scale_")
        _expect(scaler.scale_.all(), "StandardScaler.scale_")
    _expect(np.asarray(scaler.n_samples_seen_).dtype.kind in "iuf", "n_samples_seen_")
    return _check_counts(scaler, n_features)


def _check_counts(transformer: Any, n_features: int) -> int:
    _expect(_is_count(transformer.n_features_in_), "n_features_in_")
    _expect(transformer.n_features_in_ == n_features, "n_features_in_")
    return n_features


_CHECKS = {PCA: _check_pca, StandardScaler: _check_scaler, StandardNormalVariate: _check_counts}


def _check_names(estimator: Any, n_features: int) -> None:
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        _expect(names.shape == (n_features,), "feature_names_in_")
        _expect(all(isinstance(one, str) for one in names), "feature_names_in_")


def _check_array(array: Any, shape: tuple[int, ...], name: str) -> None:
    fits = isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape
    _expect(fits and np.isfinite(array).all(), name)


def _is_count(value: Any) -> bool:
    return is_whole_number(value) and bool(value > 0)


def _expect(condition: Any, name: str) -> None:
    if not condition:
        raise ValueError(f"{name} is not what a fit gives, or does not fit the rest")
