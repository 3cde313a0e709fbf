"""Maps opened again from the files that were written of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm.mapping._map import SceneMap
from hsvlm.mapping._predict import map_legend
from hsvlm.mapping._training import TrainingLookup

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.scene import Scene

__all__ = ["saved_map"]


def saved_map(
    clf: HSIPromptClassifier,
    scene: Scene,
    areas: Mapping[str, Any],
    path: Path,
    *,
    probabilities: Path | None,
    entropy: Path | None,
) -> SceneMap:
    """Return the map that a classifier made of a scene, from its files.

    `areas` are the figures of its area report. Raises KeyError for classes that they lack.
    """
    labels = clf.classes_.tolist()
    entries = {entry["label"]: entry for entry in areas["classes"]}
    means = {label: entries[label]["mean_confidence"] for label in labels}
    names, colors = map_legend(clf, scene, clf.classes_, None, None)
    record = clf.training_
    return SceneMap(
        scene,
        clf.classes_,
        names,
        colors,
        {label: int(entries[label]["pixels"]) for label in labels},
        {label: float("nan") if mean is None else float(mean) for label, mean in means.items()},
        path=path,
        probabilities_path=probabilities,
        entropy_path=entropy,
        text_classes=clf.text_classes_,
        training=None if record is None else TrainingLookup(record, scene.masked_cube()),
    )
