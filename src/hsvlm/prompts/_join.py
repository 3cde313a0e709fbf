"""Match prompts of any source with the labels of a label map."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from hsvlm._data.class_table import (
    ClassEntry,
    ClassTable,
    check_distinct,
    label_table,
    match_classes,
    present_labels,
)
from hsvlm.exceptions import HSVLMWarning, PromptError
from hsvlm.prompts._files import PromptFile, read_prompt_file
from hsvlm.prompts._resolve import checked_names, checked_texts
from hsvlm.prompts._sets import list_prompt_sets, load_class_colors, prompt_set_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hsvlm._data.class_table import Labeled

__all__ = ["join_prompts"]


def join_prompts(prompts: Any, labeled: Labeled, *, source: str = "the labels") -> PromptFile:
    """Assign names, colors and prompts of classes to the labels of a label map.

    Classes are the same if they have the same name, except for case and spacing; numbers decide
    only where the labels or the prompts have no names.

    Parameters
    ----------
    prompts : path, PromptFile, str or None
        A file of classes, its content, a template with ``{}`` for the name, the name of a prompt
        set, or None.
    labeled : Scene or LabelMap
        The labels, with the names and colors of their file.
    source : str, default="the labels"
        Name of the labels in messages, for example their file.

    Returns
    -------
    PromptFile
        For the classifier: `prompts` and `class_names` by label of the map. Names of the labels
        take precedence over those of the prompts, and colors of the prompts over those of the
        labels; those of a set come last.

    Raises
    ------
    PromptError
        If a class of the label map has no counterpart in the prompts; names or prompts are not
        texts, or are empty; or `prompts` is none of the above.
    DataError
        If one name or number stands for two classes, or the labels are text and the prompts
        numbers without names, or vice versa.
    MissingFileError, FileError
        If `prompts` is a path without a file of classes.

    Warns
    -----
    HSVLMWarning
        If the file describes classes without a pixel in the map.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.io import LabelMap
    >>> from hsvlm.prompts import PromptFile, join_prompts
    >>> labels = LabelMap(np.array([[1, 2]]), {1: "asphalt", 2: "oats"})
    >>> texts = {1: ["a field of oats"], 2: ["a road"]}
    >>> join_prompts(PromptFile(texts, {1: "Oats", 2: "Asphalt"}, {}), labels).prompts
    {1: ['a road'], 2: ['a field of oats']}
    """
    ours = label_table(labeled, source)
    names, colors = dict(labeled.class_names), dict(labeled.class_colors)
    if prompts is None or (isinstance(prompts, str) and "{}" in prompts):
        return PromptFile(prompts, names, colors)
    is_set = isinstance(prompts, str) and prompts in list_prompt_sets()
    template = None
    if is_set:
        theirs = prompt_set_table(prompts)
    else:
        file = _as_file(prompts)
        theirs = _file_table(file)
        check_distinct(theirs)
        template = file.prompts if isinstance(file.prompts, str) else None
    match = match_classes(ours, theirs)
    present = present_labels(labeled)
    missing = [entry for entry in match.missing if entry.value in present]
    if missing:
        hint = (
            f"Name them as {theirs.source} does"
            if is_set
            else "Describe them there under the same names"
        )
        raise PromptError(
            match.problem(missing),
            f"{hint}, or remove their labels if they are not to be mapped.",
        )
    if match.extra and not is_set:
        unused = ", ".join(map(str, match.extra))
        warnings.warn(
            HSVLMWarning(
                f"{theirs.source} describes {unused}, which {ours.source} does not have: the "
                "classifier will not know them."
            ),
            stacklevel=2,
        )
    named = {entry.value for entry in ours.entries if entry.is_named}
    names |= {
        value: str(entry.name or entry.value)
        for value, entry in match.pairs.items()
        if value not in named and entry.is_named
    }
    if is_set:
        # Not in the table: classes of a picture must not be matched with these colors.
        of_set = load_class_colors(prompts)
        colors = {value: of_set[entry.value] for value, entry in match.pairs.items()} | colors
    colors |= {value: entry.color for value, entry in match.pairs.items() if entry.color}
    if not any(entry.prompts for entry in match.pairs.values()):
        return PromptFile(prompts if is_set else template, names, colors)
    texts = {value: list(entry.prompts) for value, entry in match.pairs.items()}
    return PromptFile(texts, names, colors)


def _as_file(prompts: Any) -> PromptFile:
    if isinstance(prompts, PromptFile):
        return prompts
    if not isinstance(prompts, (str, PathLike)):
        raise PromptError(
            f"join_prompts takes a file of classes, a PromptFile, a template, the name of a prompt "
            f"set or None, got {type(prompts).__name__}. A dict goes into a PromptFile: "
            "PromptFile(prompts, class_names, {})."
        )
    return read_prompt_file(prompts)


def _file_table(file: PromptFile) -> ClassTable:
    texts = file.prompts if isinstance(file.prompts, Mapping) else {}
    names, colors = checked_names(file.class_names), file.class_colors or {}
    values: Iterable[Any] = file.labels or (*texts, *names, *colors)
    entries = (
        ClassEntry(
            value,
            names.get(value),
            colors.get(value),
            checked_texts(value, texts[value]) if value in texts else (),
        )
        for value in dict.fromkeys(values)
    )
    return ClassTable(file.source, tuple(entries))
