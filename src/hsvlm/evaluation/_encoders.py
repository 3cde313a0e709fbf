"""Classifiers that differ in their vision encoder, by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError

from hsvlm._data.texts import parse_plain_value
from hsvlm.estimator import HSIPromptClassifier
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import (
    named_choices,
    needed_settings,
    own_parameters,
    takes_patch_size,
    value_problem,
)

if TYPE_CHECKING:
    import inspect
    from collections.abc import Sequence

__all__ = ["DEFAULT_NAME", "with_encoders"]

DEFAULT_NAME = "default"
# The evaluation sets the seed, the name itself the encoder, and mappings are no simple values.
_NOT_IN_NAMES = {
    *("callbacks", "checkpoint_dir", "checkpoint_every", "class_names", "criterion_params"),
    *("prompts", "random_state", "resume", "spatial_params", "unlabeled", "verbose"),
    *("vision_encoder", "vision_params", "warm_start"),
}


def with_encoders(
    names: str | Sequence[str], clf: HSIPromptClassifier | None = None
) -> dict[str, HSIPromptClassifier]:
    """Make classifiers that differ in their vision encoder, for :func:`evaluate`.

    Parameters
    ----------
    names : str or sequence of str
        Registered names, see :func:`hsvlm.vision.list_vision_encoders`, or ``"default"`` for the
        classifier as it is. Settings of the classifier or the encoder may follow:
        ``"ssftt:window_size=13:n_components=30"``.
    clf : HSIPromptClassifier, default=None
        Classifier with all other settings; it is cloned. None takes
        ``HSIPromptClassifier()``. Its `vision_params` are kept for its own encoder only, and its
        `patch_size` for encoders that use patches.

    Returns
    -------
    dict of {name: HSIPromptClassifier}
        Not fitted, in the order of the names. Where an encoder cannot work with a setting of `clf`,
        such as a window that is too small for it, the nearest one that it can work with takes its
        place and is added to the name.

    Raises
    ------
    UnknownNameError
        If a name is not registered.
    ParameterError
        If a setting is unknown, or its value is not allowed.

    Examples
    --------
    >>> from hsvlm.evaluation import with_encoders
    >>> made = with_encoders(["default", "vit:depth=1:window_size=9"])
    >>> list(made)
    ['default', 'vit:depth=1:window_size=9']
    >>> made["vit:depth=1:window_size=9"]
    HSIPromptClassifier(vision_encoder='vit', vision_params={'depth': 1},
                        window_size=9)
    >>> list(with_encoders(["vit", "hybridsn"]))
    ['vit:patch_size=1', 'hybridsn:window_size=9']
    """
    base = HSIPromptClassifier() if clf is None else clf
    listed = [names] if isinstance(names, str) else names
    return dict(_with_encoder(name, base) for name in listed)


def _with_encoder(name: str, base: HSIPromptClassifier) -> tuple[str, HSIPromptClassifier]:
    """Return the classifier, and its name with the settings that its encoder needed."""
    clf: HSIPromptClassifier = clone(base)
    encoder_name, *texts = (part.strip() for part in name.split(":"))
    if encoder_name != DEFAULT_NAME:
        if encoder_name not in list_vision_encoders():
            known = [DEFAULT_NAME, *list_vision_encoders()]
            raise UnknownNameError.for_name("vision encoder", encoder_name, known)
        if encoder_name != base.vision_encoder:
            clf.set_params(vision_encoder=encoder_name, vision_params=None)
            if not takes_patch_size(get_vision_encoder(encoder_name)):
                clf.set_params(patch_size=HSIPromptClassifier().patch_size)
    for text in texts:
        _apply_setting(clf, name, text)
    try:
        clf._validate_params()
    except InvalidParameterError as error:
        raise ParameterError(f"{name}: {error}") from error
    # The classifier as it is stays as it is.
    return (name, clf) if encoder_name == DEFAULT_NAME else (_fit_to_encoder(name, clf), clf)


def _fit_to_encoder(name: str, clf: HSIPromptClassifier) -> str:
    """Change settings that the encoder cannot work with, and return the name with them."""
    stated = {text.partition("=")[0].strip() for text in name.split(":")}
    given = {key: getattr(clf, key) for key in ("window_size", "patch_size", "n_components")}
    needed = needed_settings(get_vision_encoder(str(clf.vision_encoder)), **given)
    for key, value in needed.items():
        if key not in stated:
            clf.set_params(**{key: value})
            name += f":{key}={'none' if value is None else value}"
    return name


def _apply_setting(clf: HSIPromptClassifier, name: str, text: str) -> None:
    key, equals, written = (part.strip() for part in text.partition("="))
    if not key or not equals or not written:
        raise ParameterError(
            f"{name!r}: {text!r} is not a setting. Write name=value, such as "
            '"ssftt:window_size=13:n_components=30".'
        )
    value = _parse_value(name, text, written)
    of_classifier = sorted(set(clf.get_params()) - _NOT_IN_NAMES)
    if key in of_classifier:
        clf.set_params(**{key: value})
        return
    of_encoder = _encoder_settings(clf)
    if key in of_encoder:
        # Of a parameter that takes names, "none" may be one.
        value = written if written in named_choices(of_encoder[key]) else value
        problem = value_problem(of_encoder[key], value)
        if problem:
            raise ParameterError(f"{name!r}: {text!r} cannot be used: {problem}.")
    else:
        raise ParameterError(
            f"{name!r}: {key!r} is not a setting. The encoder has "
            f"{', '.join(of_encoder) or 'none'}, the classifier {', '.join(of_classifier)}."
        )
    clf.set_params(vision_params={**(clf.vision_params or {}), key: value})


def _parse_value(name: str, text: str, written: str) -> Any:
    """Read a number, a truth value, none, a text, or a list of numbers."""
    if not written.startswith("["):
        return parse_plain_value(written)
    try:
        return json.loads(written)
    except ValueError as error:
        raise ParameterError(
            f"{name!r}: {text!r} is not a list. Write numbers with commas between them, such as "
            "[1, 2]."
        ) from error


def _encoder_settings(clf: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of an encoder that do not follow from the data."""
    encoder = clf.vision_encoder
    return own_parameters(get_vision_encoder(encoder) if isinstance(encoder, str) else encoder)
