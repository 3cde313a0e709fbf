"""Prompts of any source, brought under the labels of a label map."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from hsvlm._data.class_table import (
    ClassEntry,
    ClassTable,
    label_table,
    match_classes,
    present_labels,
)
from hsvlm.exceptions import HSVLMWarning, PromptError
from hsvlm.prompts._files import PromptFile, read_prompt_file
from hsvlm.prompts._sets import PROMPT_SETS, load_class_names, load_prompt_set

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hsvlm._data.class_table import Labeled

__all__ = ["join_prompts"]

_SET = "the prompt set"


def join_prompts(prompts: Any, labeled: Labeled, *, source: str = "the labels") -> PromptFile:
    """Bring names, colors and prompts of classes under the labels of a label map.

    Classes are the same if they have the same name, but for case and spacing; numbers decide only
    where the labels or the prompts have no names.

    Parameters
    ----------
    prompts : path, PromptFile, str or None
        A file of classes, its content, a template with ``{}`` for the name, the name of a prompt
        set, or None.
    labeled : Scene or LabelMap
        The labels, with the names and colors that their file gives.
    source : str, default="the labels"
        What to call the labels in messages, for example the name of their file.

    Returns
    -------
    PromptFile
        For the classifier: `prompts` and `class_names` under the labels of the map. Names are
        those of the labels, where they have some; colors are those of the prompts.

    Raises
    ------
    PromptError
        If a class of the label map has no counterpart in the prompts.
    DataError
        If one name stands for two classes, or the labels are text and the prompts numbers without
        names, or the other way round.
    MissingFileError, FileError
        If `prompts` is a path without a file of classes.

    Warns
    -----
    HSVLMWarning
        If the file describes classes of which the map has no pixel.

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
    if isinstance(prompts, str) and prompts in PROMPT_SETS:
        theirs = _set_table(prompts)
    else:
        file = prompts if isinstance(prompts, PromptFile) else read_prompt_file(prompts)
        theirs = _file_table(file)
        if isinstance(file.prompts, str):
            prompts = file.prompts
    match = match_classes(ours, theirs)
    present = present_labels(labeled)
    lost = [entry for entry in match.missing if entry.value in present]
    if lost:
        raise PromptError(
            match.problem(lost),
            f"Name them as {theirs.source} does, or remove their labels if they are not to be "
            "mapped."
            if theirs.source.startswith(_SET)
            else "Describe them there under the same names, or remove their labels if they are "
            "not to be mapped.",
        )
    if match.extra and not theirs.source.startswith(_SET):
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
    colors |= {value: entry.color for value, entry in match.pairs.items() if entry.color}
    if not any(entry.prompts for entry in match.pairs.values()):
        return PromptFile(prompts if isinstance(prompts, str) else None, names, colors)
    texts = {value: list(entry.prompts) for value, entry in match.pairs.items()}
    return PromptFile(texts, names, colors)


def _set_table(name: str) -> ClassTable:
    names = load_class_names(name)
    entries = (
        ClassEntry(label, names[label], prompts=(text,))
        for label, text in load_prompt_set(name).items()
    )
    return ClassTable(f"{_SET} {name!r}", tuple(entries))


def _file_table(file: PromptFile) -> ClassTable:
    texts = file.prompts if isinstance(file.prompts, dict) else {}
    values: Iterable[Any] = file.labels or (*texts, *file.class_names, *file.class_colors)
    entries = (
        ClassEntry(
            value,
            file.class_names.get(value),
            file.class_colors.get(value),
            tuple(texts.get(value, ())),
        )
        for value in dict.fromkeys(values)
    )
    return ClassTable(file.source, tuple(entries))
