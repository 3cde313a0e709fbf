"""Resolve a template, a dict or the name of a set to the texts of each class."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hsvlm._data.class_table import ClassMatch, ClassTable, match_classes
from hsvlm._data.texts import is_blank, listed, normalize_text, quoted, unreadable_character
from hsvlm.exceptions import DataError, HSVLMWarning, PromptError
from hsvlm.prompts._sets import list_prompt_sets, prompt_set_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = [
    "DEFAULT_TEMPLATE",
    "checked_names",
    "checked_texts",
    "fill_template",
    "resolve_prompts",
]

DEFAULT_TEMPLATE: Final = "an aerial photograph of {}"
"""Template used without prompts; ``{}`` stands for the name of the class."""

_MAX_LISTED_LABELS = 10


def fill_template(template: str, names: Iterable[str]) -> list[str]:
    """Write one text for each name.

    Parameters
    ----------
    template : str
        Text with ``{}`` in place of the name; other braces stay.
    names : iterable of str
        Names of classes or materials.

    Returns
    -------
    list of str
        One text for each name, in the order of `names`.

    Raises
    ------
    PromptError
        If `template` does not contain ``{}``, or `names` is a single text.

    Examples
    --------
    >>> from hsvlm.prompts import fill_template
    >>> fill_template("a field of {} seen from above", ["oats", "wheat"])
    ['a field of oats seen from above', 'a field of wheat seen from above']
    """
    if "{}" not in template:
        raise PromptError(
            f"The template {quoted(template)} has no place for a name. "
            'Write "{}" where the name of the class goes.'
        )
    if isinstance(names, str):
        raise PromptError(f"names must be a list of names, got the text {quoted(names)}.")
    return [template.replace("{}", name) for name in names]


def resolve_prompts(
    prompts: Mapping[Any, str | Sequence[str]] | str | None,
    classes: NDArray[Any],
    class_names: Mapping[Any, str] | None = None,
) -> dict[Any, tuple[str, ...]]:
    """Resolve the prompts of each class.

    Parameters
    ----------
    prompts : dict of label to str or sequence of str, str or None
        A dict holds one text or several texts for each class, by label or name. A string that
        contains ``{}`` is a template, filled with the name of each class. Another string is the
        name of a prompt set, whose classes are matched by name, or by number if none of `classes`
        has a name. None is `DEFAULT_TEMPLATE`.
    classes : ndarray of shape (n_classes,)
        The distinct labels, as returned by ``numpy.unique(y)``. Python and NumPy scalars match:
        the key ``3`` is the prompt of ``numpy.int64(3)``.
    class_names : dict of label to str, default=None
        Names for templates; the default is ``str(label)``. Labels with a name may have prompts
        even if they are absent from `classes`, as in a cross-validation fold.

    Returns
    -------
    dict of label to tuple of str
        The texts of each class, in the order of `classes`, with Python scalars as keys.

    Raises
    ------
    PromptError
        If a class lacks a prompt; a prompt belongs to an unknown class; a text is empty, is not a
        string, or holds control characters other than white space; two classes share a text, or
        one class has it twice (case, spacing and invisible characters do not count); a dict has
        texts for the label and for the name of one class; for a template or a set, `class_names`
        names none of `classes`, or has labels of another type; or `prompts` or `class_names` has
        another form than those above.

    Warns
    -----
    HSVLMWarning
        If two classes have the same name, or `class_names` looks as if it counts from another
        number than `classes`.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.prompts import resolve_prompts
    >>> resolve_prompts("a field of {}", np.array([1, 2]), {1: "oats", 2: "wheat"})
    {1: ('a field of oats',), 2: ('a field of wheat',)}
    >>> resolve_prompts({1: ["oats", "a cereal with loose panicles"], 2: "wheat"}, np.array([1, 2]))
    {1: ('oats', 'a cereal with loose panicles'), 2: ('wheat',)}
    >>> resolve_prompts("pavia-university", np.array([9]))
    {9: ('deep shadow thrown by tall buildings, unlit areas where almost no light comes back to
    the sensor',)}
    """
    labels: list[Any] = np.asarray(classes).tolist()
    names = checked_names(class_names)
    if isinstance(prompts, Mapping):
        texts = _under_labels(prompts, labels, names)
        _check_labels(texts, labels, names)
        resolved = {label: checked_texts(label, texts[label]) for label in labels}
    elif prompts is None or (isinstance(prompts, str) and "{}" in prompts):
        _check_named_labels(names, labels)
        template = DEFAULT_TEMPLATE if prompts is None else prompts
        resolved = _from_template(template, labels, names)
    elif isinstance(prompts, str) and prompts in list_prompt_sets():
        _check_named_labels(names, labels)
        resolved = _from_set(prompts, labels, names)
    else:
        raise PromptError(
            f"prompts={quoted(prompts)} cannot be used. Pass a dict with one text (or a list of "
            'texts) for each class, a template that contains "{}" where the name of the class '
            f"goes, or the name of a prompt set ({', '.join(map(repr, list_prompt_sets()))})."
        )
    _check_distinct(resolved)
    _warn_of_names(labels, names)
    return resolved


def _list_labels(labels: Sequence[Any]) -> str:
    plain = (label.item() if isinstance(label, np.generic) else label for label in labels)
    return listed(list(map(repr, plain)), _MAX_LISTED_LABELS)


def _list_classes(labels: Sequence[Any]) -> str:
    return f"{'class' if len(labels) == 1 else 'classes'} {_list_labels(labels)}"


def checked_names(class_names: object) -> dict[Any, str]:
    """Return class names by label; raise if they are not texts."""
    if class_names is None:
        return {}
    if not isinstance(class_names, Mapping):
        raise PromptError(
            f"class_names must be a dict {{label: name}}, got {type(class_names).__name__}. "
            "A sequence does not say which label its first name belongs to; pass "
            "dict(enumerate(names, start=1)) if the labels are 1, 2, 3."
        )
    for label, name in class_names.items():
        if not isinstance(name, str) or is_blank(name):
            raise PromptError(
                f"class_names[{label!r}] must be a string that is not empty, got {quoted(name)}. "
                "Name the class, or leave it out to use its label."
            )
        if character := unreadable_character(name):
            raise PromptError(
                f"class_names[{label!r}] holds the control character {character!r}, got "
                f"{quoted(name)}. Remove it."
            )
    return dict(class_names)


def _check_named_labels(names: dict[Any, str], labels: list[Any]) -> None:
    if not labels:
        return
    absent = [label for label in names if isinstance(label, str) != isinstance(labels[0], str)]
    if not absent and not any(label in names for label in labels):
        absent = list(names)
    if absent:
        raise PromptError(
            f"class_names names {_list_classes(absent)}, none of which is in y, whose labels "
            f"are {_list_labels(labels)}. Use the labels of y as keys, of the same type."
        )


def _warn_of_names(labels: list[Any], names: dict[Any, str]) -> None:
    owners: dict[str, Any] = {}
    for label in labels:
        if label not in names:
            continue
        owner = owners.setdefault(normalize_text(names[label]), label)
        if owner != label:
            message = (
                f"Classes {owner!r} and {label!r} have the same name {quoted(names[label])} (case "
                "and spacing do not count), so maps and reports do not tell them apart."
            )
            hint = "Give each class a name of its own."
            warnings.warn(HSVLMWarning(message, hint), stacklevel=3)
    numbers = {label for label in labels if not isinstance(label, str)}
    if owners and set(names) in ({n - 1 for n in numbers}, {n + 1 for n in numbers}):
        message = (
            f"class_names names {_list_classes(list(names))}, and y has {_list_labels(labels)}: if "
            "they count from different numbers, each name belongs to another class."
        )
        warnings.warn(HSVLMWarning(message, "Use the labels of y as keys."), stacklevel=3)


def _check_labels(prompts: Mapping[Any, Any], labels: list[Any], names: dict[Any, str]) -> None:
    missing = [label for label in labels if label not in prompts]
    if missing:
        got = _list_classes(list(prompts)) if prompts else "no class"
        raise PromptError(
            f"No prompt for {_list_classes(missing)}; prompts has texts for {got}.",
            "Give each class of y a text (or a list of texts) under its own label, or pass one "
            'template that contains "{}" for all classes.',
            option_hint="Describe each class in the file of --prompts, or give one template with "
            "{} for all.",
        )
    known = {*labels, *names}
    unknown = [label for label in prompts if label not in known]
    if unknown:
        raise PromptError(
            f"prompts has texts for {_list_classes(unknown)}, absent from y, whose labels are "
            f"{_list_labels(labels)}.",
            "Remove them; or, where such a class exists and only has no sample here (as in a "
            "cross-validation fold), declare it in class_names.",
            option_hint="Remove them from the file of classes, or label such pixels.",
        )


def checked_texts(label: Any, value: object) -> tuple[str, ...]:
    """Return the prompts of a class; raise if they are not texts."""
    if isinstance(value, str):
        texts: tuple[object, ...] = (value,)
    elif isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (bytes, bytearray)):
        texts = tuple(np.atleast_1d(value) if isinstance(value, np.ndarray) else value)
    else:
        raise PromptError(
            f"The prompt of class {label!r} must be a string or a list of strings, got "
            f"{quoted(value)} ({type(value).__name__})."
        )
    if not texts:
        raise PromptError(
            f"The list of prompts of class {label!r} is empty. Give it at least one text."
        )
    for text in texts:
        if not isinstance(text, str):
            raise PromptError(
                f"Every prompt of class {label!r} must be a string, got {quoted(text)} "
                f"({type(text).__name__})."
            )
        if is_blank(text):
            raise PromptError(
                f"A prompt of class {label!r} is empty ({quoted(text)}). Describe the class in "
                "words, or at least name it."
            )
        if character := unreadable_character(text, allowed="\t\n\r"):
            raise PromptError(
                f"A prompt of class {label!r} holds the control character {character!r}: "
                f"{quoted(text)}. Remove it; in a template, it may come from the name of the class."
            )
    return tuple(str(text) for text in texts)


def _from_template(
    template: str, labels: list[Any], names: dict[Any, str]
) -> dict[Any, tuple[str, ...]]:
    filled = fill_template(template, [names.get(label, str(label)) for label in labels])
    return {label: checked_texts(label, text) for label, text in zip(labels, filled, strict=True)}


def _from_set(name: str, labels: list[Any], names: dict[Any, str]) -> dict[Any, tuple[str, ...]]:
    theirs = prompt_set_table(name)
    texts = {entry.value: entry.prompts for entry in theirs.entries}
    ours = ClassTable.of("y", labels, names)
    if ours.is_named:
        match = _matched(ours, theirs)
        if match.missing:
            hint = "Name the classes as that set does, or pass a dict with a text for each class."
            raise PromptError(
                match.problem(match.missing),
                hint,
                option_hint=hint.replace("pass a dict", "give a file"),
            )
        return {label: match.pairs[label].prompts for label in labels}
    missing = [label for label in labels if label not in texts]
    if missing:
        raise PromptError(
            f"The prompt set {name!r} has no prompt for {_list_classes(missing)}; its labels are 1 "
            f"to {len(texts)}.",
            "Use the labels of that scene's ground truth, or pass a dict with a text for each "
            "class.",
            option_hint="Use the labels of that scene's ground truth, or give a file of classes.",
        )
    return {label: texts[label] for label in labels}


def _under_labels(
    prompts: Mapping[Any, Any], labels: list[Any], names: dict[Any, str]
) -> dict[Any, Any]:
    """Replace class names in the keys of prompts by labels."""
    ours = ClassTable.of("y", [*labels, *names], names)
    by_label = all(label in prompts for label in labels)
    if by_label or not ours.is_named or not any(isinstance(key, str) for key in prompts):
        return dict(prompts)
    pairs = _matched(ours, ClassTable.of("prompts", prompts)).pairs
    label_of = {entry.value: label for label, entry in pairs.items()}
    renamed: dict[Any, Any] = {}
    for key, texts in prompts.items():
        label = label_of.get(key, key)
        if label in renamed:
            raise PromptError(
                f"prompts has texts for class {label!r} under its label and under its name "
                f"{quoted(names.get(label))}.",
                "Put them into one list.",
            )
        renamed[label] = texts
    return renamed


def _matched(ours: ClassTable, theirs: ClassTable) -> ClassMatch:
    try:
        return match_classes(ours, theirs)
    except DataError as error:
        raise PromptError(str(error)) from error


def _check_distinct(resolved: dict[Any, tuple[str, ...]]) -> None:
    owners: dict[str, Any] = {}
    for label, texts in resolved.items():
        for text in texts:
            key = normalize_text(text)
            if key not in owners:
                owners[key] = label
                continue
            owner = owners[key]
            raise PromptError(
                f"Class {label!r} has the prompt {quoted(text)} twice. Remove one of the two."
                if owner == label
                else f"Classes {owner!r} and {label!r} have the same prompt {quoted(text)} (case "
                "and spacing do not count), so no text distinguishes them. Give each class its own "
                "text, or its own name in class_names if a template is used."
            )
