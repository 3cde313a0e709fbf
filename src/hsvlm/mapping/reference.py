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
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm._data.class_table import ClassMatch

__all__ = ["in_labels_of_map", "match_reference"]


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
