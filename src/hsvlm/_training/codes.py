"""Class names and prompts by the labels of y, where these are codes of remembered labels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hsvlm._data.texts import normalize_text
from hsvlm.contrastive.losses import uses_text
from hsvlm.exceptions import DataError, HSVLMWarning, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._data.named_labels import NamedLabels
    from hsvlm._prediction.model import FittedModel
    from hsvlm._training.settings import FitSettings

__all__ = ["names_of_codes", "warn_of_numbered_texts"]

_SHOWN = 3  # labels and names quoted in an error


def names_of_codes(
    settings: FitSettings, previous: FittedModel | None, X: Any, y: NDArray[Any]
) -> tuple[Any, Any]:
    """Return names and prompts by the labels of y, which may be codes of remembered labels."""
    warm = previous is not None
    names = settings.class_names if previous is None else previous.class_names
    prompts = settings.prompts
    label_of = _remembered_labels(X, y)
    if not label_of:
        if not warm:
            _refuse_codes(settings, names, set(y.tolist()))
        return names, prompts
    known = {code: X.named_labels.names.get(label) for code, label in label_of.items()}
    true_names = {code: name for code, name in known.items() if name is not None}
    stated = names if isinstance(names, Mapping) else {}
    by_code = _agree(stated, true_names)
    by_label = _agree({code: stated.get(label) for code, label in label_of.items()}, true_names)
    if stated and not by_code and (warm or not by_label):
        listed = ", ".join(f"{code!r} is {name!r}" for code, name in list(true_names.items())[:4])
        raise DataError(
            f"y is not what the scene of the samples has: there, {listed}, unlike the class names "
            "of the classifier.",
            "Name the classes as y numbers them, or pass the labels of the scene.",
        )
    if isinstance(prompts, Mapping) and not warm:
        prompts = _prompts_of_codes(prompts, label_of, by_code=by_code and bool(stated))
    return {**true_names, **(stated if by_code else {})}, prompts


def warn_of_numbered_texts(settings: FitSettings, named: NamedLabels) -> None:
    """Warn if prompts are by numbers that a reader gave to text labels."""
    prompts = settings.prompts
    is_by_number = isinstance(prompts, Mapping) and not any(isinstance(key, str) for key in prompts)
    if not (named.is_text and is_by_number and uses_text(settings.criterion)):
        return
    if settings.class_names:  # agrees with the names of the scene
        return
    names = sorted(named.names.items())
    listed = ", ".join(f"{label} is {name!r}" for label, name in names[:_SHOWN])
    more = ", ..." if len(names) > _SHOWN else ""
    problem = (
        "prompts are by number, and the scene has text labels, which are numbered in alphabetical "
        f"order: {listed}{more}."
    )
    hint = "Give prompts by name, {name: text}, or state class_names."
    warnings.warn(HSVLMWarning(problem, hint), stacklevel=6)


def _remembered_labels(X: Any, y: NDArray[Any]) -> dict[Any, Any]:
    """Map each label of y to the one that the samples remember, if it is another one to one."""
    known = getattr(X, "named_labels", None)
    if known is None or len(known.labels) != len(y):
        return {}
    pairs = set(zip(y.tolist(), known.labels.tolist(), strict=True))
    label_of = dict(pairs)
    one_to_one = len(pairs) == len(label_of) == len(set(label_of.values()))
    return label_of if one_to_one and any(one != other for one, other in pairs) else {}


def _agree(stated: Mapping[Any, Any], true_names: Mapping[Any, str]) -> bool:
    return all(
        normalize_text(str(stated[code])) == normalize_text(name)
        for code, name in true_names.items()
        if stated.get(code) is not None
    )


def _prompts_of_codes(
    prompts: Mapping[Any, Any], label_of: Mapping[Any, Any], *, by_code: bool
) -> Mapping[Any, Any]:
    """Key prompts by the labels of y where they are keyed by remembered labels."""
    has_codes, has_labels = (
        all(one in prompts for one in ones) for ones in (label_of, label_of.values())
    )
    if by_code or not has_labels:
        return prompts
    if has_codes:
        raise DataError(
            "y is not what the scene of the samples has, as if a tool had replaced the labels by "
            "codes, and prompts has texts for the labels of both.",
            "Give prompts by class name: {name: text}.",
        )
    return {code: prompts[label] for code, label in label_of.items()}


def _refuse_codes(settings: FitSettings, names: Mapping[Any, str] | None, labels: set[Any]) -> None:
    uses_names = settings.prompts is None or (
        isinstance(settings.prompts, str) and "{}" in settings.prompts
    )
    if not names or not uses_names or not uses_text(settings.criterion):
        return
    codes = labels in (set(range(len(labels))), {-1, 1})
    # A fold that lacks a class has no label without a name.
    if codes and labels - set(names) and set(names) - labels and labels & set(names):
        listed, named = (
            ", ".join(map(str, list(values)[:_SHOWN])) + (", ..." if len(values) > _SHOWN else "")
            for values in (sorted(labels), names)
        )
        problem = (
            f"y contains {listed}, and class_names names {named}: y looks like codes that a tool "
            "of scikit-learn made of the labels, so names would go to other classes."
        )
        hint = (
            "Label the classes 0, 1, 2, ...; or pass samples of a Scene, which remember their "
            "labels, to a tool that keeps samples."
        )
        raise ParameterError(problem, hint)
