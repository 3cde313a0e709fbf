"""Scenes as inputs of the classifier: their samples, labels, weights and wavelengths."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.labels import as_labels
from hsvlm.exceptions import DataError
from hsvlm.samples import PixelSamples
from hsvlm.scene import Scene, common_classes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "as_scenes",
    "check_bands",
    "check_scales",
    "cube_of_scene",
    "scene_samples",
    "weights_at",
    "with_wavelengths",
]


def as_scenes(X: Any) -> list[Scene] | None:
    """Return scenes as a list, and None for all other inputs."""
    if isinstance(X, Scene):
        return [X]
    if not isinstance(X, (list, tuple)) or not any(isinstance(item, Scene) for item in X):
        return None
    others = {type(item).__name__ for item in X if not isinstance(item, Scene)}
    if others:
        raise DataError(
            f"X contains scenes together with {', '.join(sorted(others))}.",
            "Pass scenes only, or join samples by PixelSamples.concatenate.",
        )
    return list(X)


def scene_samples(
    scenes: list[Scene], y: Any, sample_weight: Any, unlabeled: Any
) -> tuple[PixelSamples, NDArray[Any], NDArray[Any] | None]:
    """Take the labeled valid pixels of scenes, with their labels and weights."""
    maps, weights = (_per_scene(values, scenes) for values in (y, sample_weight))
    if all(labels is scene.labels for labels, scene in zip(maps, scenes, strict=True)):
        y, maps = None, [None] * len(scenes)
    if y is None:
        for number, scene in enumerate(scenes, start=1):
            if scene.labels is None:
                name = repr(scene.name) if scene.name else f"Scene {number}"
                problem = f"{name} has no label map."
                hint = "Pass it as y, or read it with the scene: read_scene(path, labels=...)."
                raise DataError(problem, hint)
        scenes = common_classes(scenes) if len(scenes) > 1 else scenes
    check_scales(scenes)
    parts = []
    for scene, labels in zip(scenes, maps, strict=True):
        own_mark = labels is None and scene.unlabeled != 0
        parts.append(scene.samples(labels, scene.unlabeled if own_mark else unlabeled))
    samples = PixelSamples.concatenate([part for part, _ in parts])
    labels = as_labels(np.concatenate([part for _, part in parts]))
    if sample_weight is None:
        return samples, labels, None
    rows = zip(parts, weights, scenes, strict=True)
    at_samples = [weights_at(part, values, scene.shape) for (part, _), values, scene in rows]
    return samples, labels, np.concatenate([row for row in at_samples if row is not None])


def check_scales(scenes: list[Scene]) -> None:
    """Refuse scenes whose stored values cannot be compared."""
    scales = [scene.scale for scene in scenes if scene.scale is not None]
    if any(not np.array_equal(scale, scales[0]) for scale in scales[1:]):
        raise DataError(
            "The scenes state different scales or offsets, so that their stored values cannot be "
            "compared.",
            "Pass [scene.apply_scale() for scene in scenes].",
            option_hint="Give --apply-scale.",
        )


def _per_scene(values: Any, scenes: list[Scene]) -> Sequence[Any]:
    if values is None:
        return [None] * len(scenes)
    if len(scenes) == 1 and not (isinstance(values, (list, tuple)) and np.ndim(values) != 2):
        return [values]
    if not isinstance(values, (list, tuple)) or len(values) != len(scenes):
        count = len(values) if isinstance(values, (list, tuple)) else 1
        raise DataError(
            f"Number of scenes in X: {len(scenes)}; number of maps: {count}.",
            "Give a list with one map of labels or weights per scene.",
        )
    return values


def with_wavelengths(metadata: Mapping[str, Any], scenes: list[Scene]) -> dict[str, Any]:
    """Add the wavelengths and the scale of the training; refuse scenes that differ in them."""
    first = next((scene for scene in scenes if scene.wavelengths_nm is not None), None)
    known = None if first is None or first.wavelengths_nm is None else first.wavelengths_nm.tolist()
    scale = next((scene.scale for scene in scenes if scene.scale is not None), None)
    result = {
        **metadata,
        "wavelengths_nm": known,
        "scale": None if scale is None else scale.tolist(),
    }
    for scene in scenes:
        check_bands(result, scene)
    return result


def check_bands(metadata: Mapping[str, Any], scene: Scene) -> None:
    """Refuse a scene whose wavelengths are not those of the training; warn if a side lacks them."""
    from hsvlm.io.bands import match_or_warn

    scale = metadata.get("scale")
    here = scene.scale
    if (
        scale is not None
        and here is not None
        and np.shape(scale) == here.shape
        and not np.allclose(scale, here, rtol=1e-6, atol=0)
    ):
        raise DataError(
            "The scene states other scales or offsets than that of the training, so that their "
            "stored values cannot be compared.",
            "Train on scene.apply_scale(), and predict the same of this scene.",
            option_hint='Train with "fit" --apply-scale.',
        )
    if "wavelengths_nm" not in metadata:  # trained on arrays, of which nothing is known
        return
    trained_on, wavelengths = metadata["wavelengths_nm"], scene.wavelengths_nm
    if (
        trained_on is not None
        and wavelengths is not None
        and np.shape(trained_on) != wavelengths.shape
    ):
        return  # the number of bands is checked for every input
    if match_or_warn(scene, trained_on) is not scene:
        raise DataError(
            "The bands of the scene are in another order than those that the classifier was "
            'trained on. Pass match_bands(scene, clf.metadata_["wavelengths_nm"]) of hsvlm.io.'
        )


def cube_of_scene(metadata: Mapping[str, Any], X: Any) -> Any:
    """Return the cube of a scene, without its invalid pixels; other inputs as they are."""
    scenes = as_scenes(X)
    if scenes is None:
        return X
    if not isinstance(X, Scene):
        raise DataError(
            "X is a list of scenes, whose maps may differ in size.",
            "Predict them in turn: [clf.predict(scene) for scene in scenes].",
        )
    check_bands(metadata, X)
    return X.masked_cube()


def weights_at(
    samples: PixelSamples, sample_weight: Any, shape: tuple[int, ...]
) -> NDArray[Any] | None:
    """Return the weights of samples from a map of weights; None stays None."""
    if sample_weight is None:
        return None
    weights = sample_weight if isinstance(sample_weight, np.ndarray) else np.asarray(sample_weight)
    if weights.shape != shape:
        raise DataError(
            f"sample_weight has shape {weights.shape}, the label map {shape}. "
            "Give one weight per pixel of the map."
        )
    at_samples: NDArray[Any] = weights[tuple(samples.coords.T)]
    return at_samples
