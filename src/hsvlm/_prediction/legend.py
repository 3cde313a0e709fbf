"""Colors of the classes of a fitted classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._data.class_table import ClassTable, match_classes
from hsvlm.exceptions import DataError
from hsvlm.prompts.colors import set_colors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hsvlm.scene import Scene

__all__ = ["known_colors"]


def known_colors(
    classifier: object, scene: Scene | None, labels: Sequence[Any], names: Mapping[Any, str]
) -> dict[Any, str]:
    """Collect the colors of classes from the prompt set, the scene and the saved classifier."""
    # The later ones win: files of the user are more specific than a set.
    saved = dict(getattr(classifier, "metadata_", {}).get("class_colors", []))
    return {
        **set_colors(getattr(classifier, "prompts", None), labels, names),
        **({} if scene is None else _scene_colors(scene, labels, names)),
        **{label: color for label, color in saved.items() if label in labels},
    }


def _scene_colors(scene: Scene, labels: Sequence[Any], names: Mapping[Any, str]) -> dict[Any, str]:
    """Return the colors of the scene for classes of the same name or number."""
    scene_colors = scene.class_colors
    theirs = ClassTable.of(
        "the scene", scene_colors, scene.class_names, scene_colors, numbered=not scene.text_classes
    )
    try:
        pairs = match_classes(ClassTable.of("the classifier", labels, names), theirs).pairs
    except DataError:
        return {}
    return {label: str(entry.color) for label, entry in pairs.items()}
