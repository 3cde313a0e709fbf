"""Whether data have the sources that a classifier was fitted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from hsvlm._data.cubes import n_dimensions
from hsvlm._data.lazy import valid_pixels
from hsvlm._data.sources import describe_sources, source_sizes
from hsvlm.exceptions import DataError
from hsvlm.preprocessing.sources import SourceTransformer, sources_before
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_sources", "with_auxiliary"]


def check_sources(estimator: Any, X: Any) -> None:
    """Refuse scenes and samples with other sources than those of the fit."""
    if not isinstance(X, (PixelSamples, Scene)):
        return
    step = estimator.steps[0][1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(step, SourceTransformer):
        expected: dict[str, int] | None = step.sources_
    elif hasattr(step, "preprocessing_"):
        expected = sources_before(step.preprocessing_)
    else:
        return
    sources = None if X.sources is None else source_sizes(X.sources)
    is_scene = isinstance(X, Scene)
    n_channels = X.n_bands if isinstance(X, Scene) else X.shape[1]
    if sources is None and expected is not None and (is_scene or n_channels < step.n_features_in_):
        missing = [name for name in expected if name != next(iter(expected))]
        raise DataError(
            f"The classifier was fitted on the sources {describe_sources(expected)}, and X holds "
            f"spectra alone: {', '.join(map(repr, missing))} is missing.",
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
    return Scene(X, valid=valid_pixels(X), auxiliary=auxiliary)
