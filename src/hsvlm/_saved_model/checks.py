"""Whether the parts of a loaded model belong together, before anything is computed with them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from hsvlm._data.arrays import is_whole_number
from hsvlm.preprocessing import ShapeAndBrightness, SpectralPCA, StandardNormalVariate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm._prediction.model import FittedModel

__all__ = ["check_model", "check_steps"]

# A classifier has one of them, which counts the training spectra.
_SCALERS = (ShapeAndBrightness, StandardScaler)


def check_model(model: FittedModel, parameters: Mapping[str, Any]) -> None:
    """Refuse fitted values that contradict each other; the network is not looked at."""
    n_classes = len(model.classes)
    stated, unlabeled = parameters.get("class_names"), parameters.get("unlabeled")
    _expect(
        model.classes.ndim == 1
        and n_classes > 1
        and np.array_equal(np.unique(model.classes), model.classes),
        "classes_",
    )
    _expect(list(model.prompts) == model.classes.tolist(), "prompts_")
    for texts in model.prompts.values():
        _expect(type(texts) is tuple and all(type(one) is str for one in texts), "prompts_")
    _expect(model.padding in ("reflect", "zero"), "padding_")
    _expect(type(model.device) is str, "device_")
    _expect(type(model.interrupted) is bool, "interrupted_")
    _expect(_is_count(model.window_size), "window_size_")
    _expect(_is_count(model.n_features_out), "_n_features_out")
    _expect(stated is None or isinstance(stated, Mapping), "class_names")
    _expect(type(model.text_classes) is bool, "text_classes_")
    named = model.class_names
    _expect(type(named) is dict and set(named) <= set(model.classes.tolist()), "class_names_")
    _expect(all(type(name) is str for name in named.values()), "class_names_")
    marks = unlabeled if isinstance(unlabeled, (list, tuple)) else [unlabeled]
    if unlabeled is not None:
        _expect(all(isinstance(mark, (str, Number, np.generic)) for mark in marks), "unlabeled")
    if model.prototypes is not None:
        _check_text(model, n_classes)
    _check_names(model.feature_names_in, model.n_features_in)
    steps = model.preprocessing.steps
    scaled = any(isinstance(step.transformer_, _SCALERS) for _, step in steps)
    _expect(scaled, "preprocessing")
    check_steps([step for _, step in steps], model.n_features_in)


def check_steps(steps: Sequence[Any], n_features: int, n_expected: int | None = None) -> None:
    """Refuse transformers that do not take what the one before gives."""
    for step in steps:
        if isinstance(step, str):
            continue
        _expect(_is_count(step.n_features_in_) and step.n_features_in_ == n_features, "a step")
        for each in (step, step.transformer_):
            _check_names(getattr(each, "feature_names_in_", None), n_features)
        n_features = _CHECKS[type(step.transformer_)](step.transformer_, n_features)
        _expect(_is_count(step._n_features_out) and step._n_features_out == n_features, "a step")
        if isinstance(step, SpectralPCA):
            _expect(isinstance(step.transformer_, PCA), "SpectralPCA.transformer_")
            _expect(step.n_components_ == n_features, "SpectralPCA.n_components_")
    _expect(n_expected in (None, n_features), "the last step before the classifier")


def _check_text(model: FittedModel, n_classes: int) -> None:
    prototypes: Any = model.prototypes
    texts: Any = model.text_embeddings
    _check_array(prototypes, (n_classes, model.n_features_out), "prototypes_")
    _check_array(texts, (n_classes, *texts.shape[1:2]), "text_embeddings_")
    _expect(prototypes.dtype == texts.dtype == np.float32, "prototypes_")
    scale = model.logit_scale
    _expect(type(scale) is float and 0 < scale < np.inf, "logit_scale_")
    identity = model.text_encoder_identity
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


def _check_brightness(transformer: Any, n_features: int) -> int:
    n_columns = n_features + 2  # the mean of a spectrum and its deviation
    _check_array(transformer.brightness_scale_, (2,), "ShapeAndBrightness.brightness_scale_")
    _check_array(transformer.mean_, (n_columns,), "ShapeAndBrightness.mean_")
    _check_array(transformer.weights_, (n_columns,), "ShapeAndBrightness.weights_")
    _expect(transformer.brightness_scale_.min() > 0, "ShapeAndBrightness.brightness_scale_")
    _expect(transformer.weights_.min() >= 0, "ShapeAndBrightness.weights_")
    _expect(_is_count(transformer.n_samples_seen_), "ShapeAndBrightness.n_samples_seen_")
    _check_counts(transformer, n_features)
    return n_columns


def _check_counts(transformer: Any, n_features: int) -> int:
    _expect(_is_count(transformer.n_features_in_), "n_features_in_")
    _expect(transformer.n_features_in_ == n_features, "n_features_in_")
    return n_features


_CHECKS = {
    PCA: _check_pca,
    ShapeAndBrightness: _check_brightness,
    StandardNormalVariate: _check_counts,
    StandardScaler: _check_scaler,
}


def _check_names(names: Any, n_features: int) -> None:
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
