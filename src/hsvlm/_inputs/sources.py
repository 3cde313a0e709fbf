"""Whether data have the sources that a classifier was fitted on."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from hsvlm._data.cubes import n_dimensions
from hsvlm._data.lazy import valid_pixels
from hsvlm._data.sources import SPECTRA, describe_sources, source_sizes, source_slices
from hsvlm._data.stacked import source_rasters
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.io.named_arrays import is_named_cube, named_inputs, named_scene
from hsvlm.preprocessing.sources import SourceTransformer, sources_before
from hsvlm.samples import PixelSamples
from hsvlm.scene import Raster, Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sklearn.base import BaseEstimator

__all__ = [
    "absent_values",
    "check_sources",
    "fit_data",
    "fitted_sources",
    "with_absent_sources",
    "with_auxiliary",
]


def fitted_sources(estimator: BaseEstimator) -> dict[str, int] | None:
    """Return the number of channels of each source of the fit; None for spectra alone."""
    step = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(step, SourceTransformer):
        return dict(step.sources_)
    return sources_before(step.preprocessing_) if hasattr(step, "preprocessing_") else None


def absent_values(estimator: BaseEstimator) -> Any:
    """Return what an encoder reads in place of absent sources; None if it needs all of them."""
    module: Any = getattr(getattr(estimator, "net_", None), "module_", None)
    return getattr(getattr(module, "encoder", None), "absent_values", None)


def with_absent_sources(estimator: BaseEstimator, X: Any) -> Any:
    """Complete a scene for an encoder that was trained to do without some sources; warn of it."""
    values = absent_values(estimator)
    if values is None or not isinstance(X, Scene):
        return X
    step = estimator.preprocessing_.steps[0][1]
    if not isinstance(step, SourceTransformer):  # sources of an array, stated in vision_params
        return X
    first, *others = step.sources_
    given = X.sources or {first: slice(0, X.n_bands)}
    absent = [name for name in others if name not in given]
    if not absent or first not in given:
        return X
    names = ", ".join(map(repr, absent))
    warning = HSVLMWarning(
        f"The scene has no {names}, which the classifier was trained to do without: predictions "
        "are less accurate.",
        "Add it for better ones: dataclasses.replace(scene, auxiliary={"
        f"{absent[0]!r}: hsvlm.io.align(raster, like=scene)}}).",
        option_hint=f"Give --auxiliary {absent[0]}=FILE for better ones.",
    )
    warnings.warn(warning, stacklevel=4)  # at the call of a method
    sizes = {name: step.sources_out_[name] for name in others}
    rasters: dict[str, Raster] = {}
    for name, channels in source_slices(sizes).items():
        if name in given:
            rasters |= source_rasters(X, [name])
            continue
        neutral = values[channels].cpu().numpy()[np.newaxis]
        row = step.transformer_[name].transformer_.inverse_transform(neutral)
        rasters[name] = Raster(np.broadcast_to(row.astype(np.float32), (*X.shape, row.shape[1])))
    spectra = X if X.sources is None else replace(X.select_sources([first]), sources=None)
    return replace(spectra, auxiliary=rasters)


def check_sources(estimator: BaseEstimator, X: Any) -> None:
    """Refuse scenes and samples with other sources than those of the fit."""
    if not isinstance(X, (PixelSamples, Scene)):
        return
    step = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(step, SourceTransformer) and not hasattr(step, "preprocessing_"):
        return
    expected = fitted_sources(estimator)
    sources = None if X.sources is None else source_sizes(X.sources)
    n_channels = X.n_bands if isinstance(X, Scene) else X.shape[1]
    named = sources or ({SPECTRA: n_channels} if isinstance(X, Scene) else {})
    missing = [name for name in expected or {} if name not in named]
    if missing and named:
        raise DataError(
            f"The classifier was fitted on the sources {describe_sources(expected)}, and X holds "
            f"{describe_sources(sources)}: {', '.join(map(repr, missing))} is missing.",
            "Add it: dataclasses.replace(scene, auxiliary={"
            f"{missing[0]!r}: hsvlm.io.align(raster, like=scene)}}).",
            option_hint=f"Give --auxiliary {missing[0]}=FILE.",
        )
    # Without names, the number of channels decides, which is checked for every input.
    is_stack = expected is None and n_channels == step.n_features_in_
    if (
        sources is None
        or is_stack
        or (expected and list(sources.items()) == list(expected.items()))
    ):
        _warn_of_units(estimator, X)
        return
    hint = "Give the same sources in the same order, with the same channels."
    if expected is None:
        hint = f"Pass scene.select_sources([{next(iter(sources))!r}])."
    raise DataError(
        f"The classifier was fitted on {describe_sources(expected)}, and X holds "
        f"{describe_sources(sources)}.",
        hint,
        option_hint="Give the same --auxiliary as to fit.",
    )


def _warn_of_units(estimator: BaseEstimator, X: PixelSamples | Scene) -> None:
    """Warn if a source states another unit than in the fit."""
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    record = getattr(last, "training_", None)
    known = {} if record is None else record.sources
    details = X.source_details if isinstance(X, Scene) else X.channels.details
    for name, source in details.items():
        unit = known[name].unit if name in known else ""
        if unit and source.unit and unit != source.unit:
            warning = HSVLMWarning(
                f"The source {name!r} is in {source.unit}, and was in {unit} in the training.",
                "Convert its values if the units differ in more than their names.",
            )
            warnings.warn(warning, stacklevel=4)


def with_auxiliary(X: Any, auxiliary: Mapping[str, Any] | None) -> Any:
    """Add sources to a cube."""
    if not auxiliary:
        return X
    if n_dimensions(X) != 3 or isinstance(X, PixelSamples):
        raise DataError(
            f"auxiliary={{{', '.join(map(repr, auxiliary))}}} belongs to a cube, and X is of type "
            f"{type(X).__name__}.",
            "Add the sources to the scene: dataclasses.replace(scene, auxiliary=...); its samples "
            "have them then.",
        )
    scene = named_scene(X)
    if not isinstance(scene, Scene):
        return Scene(X, valid=valid_pixels(X), auxiliary=auxiliary)
    return replace(scene, auxiliary=auxiliary)


def fit_data(
    X: Any, y: Any, sample_weight: Any, auxiliary: Mapping[str, Any] | None
) -> tuple[Any, Any, Any]:
    """Bring cubes with named axes to scenes, and add sources to cubes; leave all else."""
    if not is_named_cube(X):
        return with_auxiliary(X, auxiliary), y, sample_weight
    scene, y, sample_weight = named_inputs(X, y, sample_weight)
    return (replace(scene, auxiliary=auxiliary) if auxiliary else scene), y, sample_weight
