"""Find the colors of the classes that a prompt set describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm._data.class_table import ClassTable, match_classes
from hsvlm.exceptions import DataError
from hsvlm.prompts._sets import list_prompt_sets, load_class_colors, prompt_set_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["set_colors"]


def set_colors(prompts: Any, labels: Iterable[Any], names: Mapping[Any, str]) -> dict[Any, str]:
    """Return the colors of a prompt set by label; empty for other prompts."""
    if not (isinstance(prompts, str) and prompts in list_prompt_sets()):
        return {}
    colors = load_class_colors(prompts)
    try:
        pairs = match_classes(ClassTable.of("y", labels, names), prompt_set_table(prompts)).pairs
    except DataError:
        return {}
    return {label: colors[entry.value] for label, entry in pairs.items()}
