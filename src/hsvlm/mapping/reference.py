"""References in the labels of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import (
    ClassTable,
    label_table,
    match_classes,
    present_labels,
    relabel,
)
from hsvlm._data.label_maps import labeled_pixels
from hsvlm._data.named_labels import agreed_names
from hsvlm.exceptions import DataError
from hsvlm.samples import remembered_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm._data.class_table import ClassMatch
    from hsvlm.samples import PixelSamples
    from hsvlm.scene import Scene

__all__ = ["in_labels_of_map", "match_reference", "refuse_other_place", "sampled_reference"]

_MAX_SHIFT_PX = 0.5


def refuse_other_place(scene: Scene, reference: Any) -> None:
    """Refuse a LabelMap or Scene of as many pixels that lies elsewhere."""
    here, there = scene.transform, reference.transform
    if here is None or there is None or np.shape(reference.labels) != scene.shape:
        return  # shapes are compared later
    (a, b, _, d, e, _), (height, width) = here, scene.shape
    across, down = np.array([(0, width, 0), (0, 0, height)], dtype=np.float64)
    corners = np.stack([across, down, np.ones(3)])
    shift = np.reshape(np.subtract(there, here), (2, 3)) @ corners
    if (np.hypot(*shift) > _MAX_SHIFT_PX * np.hypot(*np.reshape((a, b, d, e), (2, 2))).max()).any():
        raise DataError(
            f"The reference lies elsewhere than the scene: its transform is {there}, that of the "
            f"scene {here}.",
            "Bring it onto the grid of the scene: hsvlm.io.read_labels(path, scene).",
        )


def match_reference(
    reference: Any, classes: NDArray[Any], class_names: Mapping[Any, str], *, numbered: bool
) -> ClassMatch:
    """Match the classes of a LabelMap or Scene with those of a map; raise if one is missing."""
    if reference.labels is None:
        raise DataError(
            "The reference scene has no labels.", "Give a label map or a scene with labels."
        )
    names = {label: name for label, name in class_names.items() if name != str(label)}
    ours = ClassTable.of("the map", [*classes.tolist(), *names], names, numbered=numbered)
    match = match_classes(ours, label_table(reference, "the reference"))
    present = present_labels(reference)
    unknown = [entry for entry in match.extra if entry.value in present]
    if unknown:
        raise DataError(
            match.problem(unknown), "Rename these classes as the map does, or remove their labels."
        )
    return match


def in_labels_of_map(reference: Any, match: ClassMatch, unlabeled: Any) -> NDArray[Any]:
    """Convert a reference to the labels of the map; pixels without label are masked."""
    if isinstance(unlabeled, int) and unlabeled == 0:
        unlabeled = reference.unlabeled
    codes = {entry.value: label for label, entry in match.pairs.items()}
    labels = relabel(np.ma.getdata(reference.labels), codes)
    return np.ma.MaskedArray(labels, ~labeled_pixels(reference.labels, unlabeled))


def sampled_reference(
    samples: PixelSamples, labels: Any, shape: tuple[int, int], class_names: Mapping[Any, str]
) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return flat positions and labels of samples of a map of this shape."""
    height, width = shape
    labels = np.asarray(labels)
    agreed_names(remembered_names(samples, labels), class_names)
    if len(np.unique(samples.scene_ids)) > 1:
        raise DataError(
            "The samples of the reference are of several scenes. Give those of the mapped scene "
            "only, such as X[X.scene_ids == 0] with their labels."
        )
    rows, cols = samples.coords.T
    outside = len(samples) and (rows.max() >= height or cols.max() >= width)
    if outside or labels.shape != (len(samples),):
        raise DataError(
            f"The reference has {len(samples)} samples and labels of shape {labels.shape}, in a "
            f"scene of {height} x {width} pixels. Give samples of this scene, and one label for "
            "each."
        )
    return rows * width + cols, labels
