"""Whether loaded steps belong together, before anything is computed with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from hsvlm._data.arrays import is_whole_number
from hsvlm.preprocessing._brightness import ShapeAndBrightness
from hsvlm.preprocessing._normalization import StandardNormalVariate
from hsvlm.preprocessing._spectral import SpectralPCA
from hsvlm.preprocessing.sources import SourceTransformer, steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["check_array", "check_names", "check_steps", "expect", "is_count"]


def check_steps(steps: Sequence[Any], n_features: int, n_expected: int | None = None) -> int:
    """Refuse steps that do not take what the one before gives; count what the last gives."""
    for step in steps:
        if isinstance(step, str):
            continue
        expect(is_count(step.n_features_in_) and step.n_features_in_ == n_features, "a step")
        for each in (step, step.transformer_):
            check_names(getattr(each, "feature_names_in_", None), n_features)
        if isinstance(step, SourceTransformer):
            n_features = _check_sources(step, n_features)
            continue
        n_features = _CHECKS[type(step.transformer_)](step.transformer_, n_features)
        expect(is_count(step._n_features_out) and step._n_features_out == n_features, "a step")
        if isinstance(step, SpectralPCA):
            expect(isinstance(step.transformer_, PCA), "SpectralPCA.transformer_")
            expect(step.n_components_ == n_features, "SpectralPCA.n_components_")
    expect(n_expected in (None, n_features), "the last step before the classifier")
    return n_features


def _check_sources(step: SourceTransformer, n_features: int) -> int:
    sizes, sizes_out = step.sources_, step.sources_out_
    expect(sizes and sizes.keys() == sizes_out.keys() == step.transformer_.keys(), "sources")
    expect(all(map(is_count, sizes.values())) and sum(sizes.values()) == n_features, "sources")
    for name, transformer in step.transformer_.items():
        steps = [inner for _, inner in steps_of(transformer)]
        expect(check_steps(steps, sizes[name]) == sizes_out[name], "sources")
    return sum(sizes_out.values())


def _check_pca(pca: Any, n_features: int) -> int:
    n_components = len(pca.components_)
    check_array(pca.components_, (n_components, n_features), "PCA.components_")
    check_array(pca.mean_, (n_features,), "PCA.mean_")
    check_array(pca.explained_variance_, (n_components,), "PCA.explained_variance_")
    expect(pca.explained_variance_.min(initial=0) >= 0, "PCA.explained_variance_")
    _check_counts(pca, n_features)
    return n_components


def _check_scaler(scaler: Any, n_features: int) -> int:
    if scaler.with_mean or scaler.mean_ is not None:
        check_array(scaler.mean_, (n_features,), "StandardScaler.mean_")
    if scaler.with_std or scaler.scale_ is not None:
        check_array(scaler.scale_, (n_features,), "StandardScaler.scale_")
        expect(scaler.scale_.all(), "StandardScaler.scale_")
    expect(np.asarray(scaler.n_samples_seen_).dtype.kind in "iuf", "n_samples_seen_")
    return _check_counts(scaler, n_features)


def _check_brightness(transformer: Any, n_features: int) -> int:
    n_columns = n_features + 2  # the mean of a spectrum and its deviation
    check_array(transformer.brightness_scale_, (2,), "ShapeAndBrightness.brightness_scale_")
    check_array(transformer.mean_, (n_columns,), "ShapeAndBrightness.mean_")
    check_array(transformer.weights_, (n_columns,), "ShapeAndBrightness.weights_")
    expect(transformer.brightness_scale_.min() > 0, "ShapeAndBrightness.brightness_scale_")
    expect(transformer.weights_.min() >= 0, "ShapeAndBrightness.weights_")
    expect(is_count(transformer.n_samples_seen_), "ShapeAndBrightness.n_samples_seen_")
    _check_counts(transformer, n_features)
    return n_columns


def _check_counts(transformer: Any, n_features: int) -> int:
    expect(is_count(transformer.n_features_in_), "n_features_in_")
    expect(transformer.n_features_in_ == n_features, "n_features_in_")
    return n_features


_CHECKS = {
    PCA: _check_pca,
    ShapeAndBrightness: _check_brightness,
    StandardNormalVariate: _check_counts,
    StandardScaler: _check_scaler,
}


def check_names(names: Any, n_features: int) -> None:
    """Refuse names of features that are not one text per feature."""
    if names is not None:
        expect(names.shape == (n_features,), "feature_names_in_")
        expect(all(isinstance(one, str) for one in names), "feature_names_in_")


def check_array(array: Any, shape: tuple[int, ...], name: str) -> None:
    """Refuse an array of another shape, or with values that are not finite."""
    fits = isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == shape
    expect(fits and np.isfinite(array).all(), name)


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number above 0."""
    return is_whole_number(value) and bool(value > 0)


def expect(condition: Any, name: str) -> None:
    """Raise ValueError with the name of the value that breaks a condition."""
    if not condition:
        raise ValueError(f"{name} is not what a fit gives, or does not fit the rest")
