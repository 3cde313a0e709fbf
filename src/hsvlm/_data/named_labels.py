"""Labels of samples with the class names of their scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import ClassEntry
from hsvlm._data.texts import normalize_text
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["NamedLabels", "agreed_names", "own_names"]


@dataclass(frozen=True, eq=False)
class NamedLabels:
    """Labels (n_samples,) and class names of samples in their scene.

    `is_text`: the numbers were assigned to text labels and have no meaning in other scenes.
    """

    labels: NDArray[Any]
    names: dict[Any, str]
    is_text: bool

    def __getitem__(self, key: Any) -> NamedLabels:
        return replace(self, labels=self.labels[key])

    @staticmethod
    def joined(parts: Sequence[NamedLabels]) -> NamedLabels:
        """Join the labels of several scenes; raise if their names contradict each other."""
        names: dict[Any, str] = {}
        label_of: dict[str, Any] = {}
        for part in parts:
            for label in np.unique(part.labels).tolist():
                name = part.names.get(label)
                if name is None:
                    continue
                key = normalize_text(name)
                other = label_of.setdefault(key, label)
                if other != label or normalize_text(names.setdefault(label, name)) != key:
                    raise DataError(
                        f"Two scenes number their classes differently: {name!r} is class "
                        f"{label!r} in one; in another it is class {other!r}, or {label!r} is "
                        f"{names.get(label, name)!r}.",
                        "Number them by name: hsvlm.scene.common_classes(scenes).",
                    )
        all_names = {label: name for part in parts for label, name in part.names.items()} | names
        labels = np.concatenate([part.labels for part in parts])
        return NamedLabels(labels, all_names, any(part.is_text for part in parts))


def agreed_names(known: NamedLabels | None, stated: Mapping[Any, str] | None) -> NamedLabels:
    """Join the class names of samples and of a classifier; raise if they differ."""
    if known is None or not isinstance(stated, Mapping):
        return known or NamedLabels(np.empty(0), stated or {}, False)  # type: ignore[arg-type]
    for label in np.unique(known.labels).tolist():
        name, other = known.names.get(label), stated.get(label)
        both_named = ClassEntry(label, name).is_named and ClassEntry(label, other).is_named
        if (
            name
            and isinstance(other, str)
            and both_named
            and normalize_text(name) != normalize_text(other)
        ):
            raise DataError(
                f"Class {label!r} is {name!r} in the scene of the samples and {other!r} in the "
                "class names of the classifier.",
                "Number the classes alike: read_scene(..., class_names=...), or "
                "hsvlm.scene.common_classes for several scenes. If it is one class, rename it in "
                "one of them.",
                option_hint="Give the class one name in both.",
            )
    return replace(known, names={**known.names, **stated})


def own_names(classes: NDArray[Any], names: Mapping[Any, str]) -> dict[Any, str]:
    """Return the names of the classes (n_classes,) that have one."""
    return {label: names[label] for label in classes.tolist() if label in names}
