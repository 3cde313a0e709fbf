"""Fitted spectral transformers as JSON and tensors, and back."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from hsvlm._storage.values import fields
from hsvlm.exceptions import ParameterError
from hsvlm.preprocessing import (
    ShapeAndBrightness,
    SpectralPCA,
    SpectralTransformer,
    StandardNormalVariate,
)
from hsvlm.preprocessing.sources import SourceTransformer, steps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm._storage.values import Packer, Unpacker

__all__ = ["pack_steps", "unpack_steps"]

_SOURCES: Final = "sources"  # of the steps of each source of a stack
_NAMES: Final = "feature_names_in_"  # there after a fit to a data frame
_SPECTRAL: Final = ("_n_features_out", "n_features_in_", "transformer_")

# The classes that a saved model may name, and the attributes that a fit gives them.
_CLASSES: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "PCA": (
        PCA,
        (
            "components_",
            "explained_variance_",
            "explained_variance_ratio_",
            "mean_",
            "n_components_",
            "n_features_in_",
            "n_samples_",
            "noise_variance_",
            "singular_values_",
        ),
    ),
    "ShapeAndBrightness": (
        ShapeAndBrightness,
        ("brightness_scale_", "mean_", "n_features_in_", "n_samples_seen_", "weights_"),
    ),
    "SpectralPCA": (SpectralPCA, (*_SPECTRAL, "n_components_")),
    "SpectralTransformer": (SpectralTransformer, _SPECTRAL),
    "StandardNormalVariate": (StandardNormalVariate, ("n_features_in_",)),
    "StandardScaler": (
        StandardScaler,
        ("mean_", "n_features_in_", "n_samples_seen_", "scale_", "var_"),
    ),
}


def pack_steps(packer: Packer, steps: Sequence[tuple[str, Any]], place: str) -> list[Any]:
    """Turn the fitted steps of a pipeline into JSON."""
    packed = []
    for name, step in steps:
        if isinstance(step, SourceTransformer):
            sources = _pack_sources(packer, step, f"{place}.{name}")
            packed.append({"name": name, "step": None, _SOURCES: sources})
            continue
        skipped = step is None or isinstance(step, str)
        if not (skipped or isinstance(step, (SpectralPCA, SpectralTransformer))):
            raise _unsupported(step, f"{place}.{name}")
        record = None if skipped else _pack(packer, step, f"{place}.{name}", fitted=True)
        packed.append({"name": name, "step": record})
    return packed


def unpack_steps(unpacker: Unpacker, packed: Sequence[Any]) -> list[tuple[str, Any]]:
    """Turn JSON into fitted steps."""
    steps: list[tuple[str, Any]] = []
    for record in packed:
        one = fields(record, ("name", "step"), (_SOURCES,))
        if _SOURCES in one:
            steps.append((one["name"], _unpack_sources(unpacker, one[_SOURCES])))
            continue
        skipped = one["step"] is None
        steps.append((one["name"], "passthrough" if skipped else _unpack(unpacker, one["step"])))
    return steps


def _pack_sources(packer: Packer, step: SourceTransformer, place: str) -> list[Any]:
    check_is_fitted(step)
    return [
        {
            "name": name,
            "n_channels": step.sources_[name],
            "is_pipeline": isinstance(transformer, Pipeline),
            "steps": pack_steps(packer, steps_of(transformer), f"{place}.{name}"),
        }
        for name, transformer in step.transformer_.items()
    ]


def _unpack_sources(unpacker: Unpacker, packed: Sequence[Any]) -> SourceTransformer:
    fitted: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    sizes_out: dict[str, int] = {}
    for record in packed:
        one = fields(record, ("name", "n_channels", "is_pipeline", "steps"))
        steps = unpack_steps(unpacker, one["steps"])
        pipeline = Pipeline(steps).set_output(transform="default")
        fitted[one["name"]] = pipeline if one["is_pipeline"] else steps[0][1]
        sizes[one["name"]] = one["n_channels"]
        sizes_out[one["name"]] = steps[-1][1]._n_features_out
    step = SourceTransformer({name: clone(each) for name, each in fitted.items()}, sizes)
    step.transformer_, step.sources_, step.sources_out_ = fitted, sizes, sizes_out
    step.n_features_in_, step._n_features_out = sum(sizes.values()), sum(sizes_out.values())
    return step


def _pack(packer: Packer, estimator: BaseEstimator, place: str, *, fitted: bool) -> Any:
    name = type(estimator).__name__
    known, attributes = _CLASSES.get(name, (None, ()))
    if type(estimator) is not known:
        raise _unsupported(estimator, place)

    def packed(key: str, value: Any) -> Any:
        within = f"{place}.{key}"
        if isinstance(value, BaseEstimator):
            return {"estimator": _pack(packer, value, within, fitted=key.endswith("_"))}
        if isinstance(value, np.ndarray) and value.dtype.kind in "iuf":
            return packer.store(value, within)
        return packer.pack(value, within)

    # Without the defaults, a model does not depend on parameters that scikit-learn may yet rename.
    # Folders of this machine are left behind, as the memory of a pipeline is.
    defaults = inspect.signature(known).parameters
    parameters = {
        key: packed(key, value)
        for key, value in estimator.get_params(deep=False).items()
        if key != "memory"
        and not (type(value) is type(default := defaults[key].default) and value == default)
    }
    record = {"class": name, "parameters": parameters, "fitted": None}
    if fitted:
        check_is_fitted(estimator)
        state = vars(estimator)
        kept = (*attributes, _NAMES) if _NAMES in state else attributes
        record["fitted"] = {key: packed(key, state[key]) for key in kept}
    return record


def _unpack(unpacker: Unpacker, record: Any) -> Any:
    def unpacked(value: Any) -> Any:
        if isinstance(value, dict) and "estimator" in value:
            return _unpack(unpacker, value["estimator"])
        return unpacker.unpack(value)

    known, attributes = _CLASSES[fields(record, ("class", "parameters", "fitted"))["class"]]
    if "memory" in record["parameters"]:  # would unpickle what lies in a folder of its choice
        raise ValueError("a step comes with a memory")
    estimator = known(**{key: unpacked(value) for key, value in record["parameters"].items()})
    if record["fitted"] is not None:
        for key, value in fields(record["fitted"], attributes, (_NAMES,)).items():
            setattr(estimator, key, unpacked(value))
    return estimator


def _unsupported(step: Any, place: str) -> ParameterError:
    message = (
        f"{place} is a {type(step).__name__}, which a saved model does not hold. The steps before "
        "the classifier may be SpectralPCA, and SpectralTransformer with StandardNormalVariate, "
        "ShapeAndBrightness, StandardScaler or PCA."
    )
    return ParameterError(message)
