"""Names in help texts, which the libraries that hold them list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Stand in help texts for lists that are read when help is asked for: importing them takes time.
FEATURE_FORMATS = "FEATURE_FORMATS"
PRESETS = "PRESETS"
PROMPT_SETS = "PROMPT_SETS"
SCENE_FORMATS = "SCENE_FORMATS"


def fill_in_names(parameters: Iterable[Any]) -> None:
    """Put lists of names into the help of options and arguments."""
    for parameter in parameters:
        text = getattr(parameter, "help", None) or ""
        for placeholder, names in _LISTS.items():
            if placeholder in text:
                text = text.replace(placeholder, ", ".join(names()))
        parameter.help = text


def _presets() -> Iterable[str]:
    from hsvlm._training.settings import list_presets

    return list_presets()


def _prompt_sets() -> Iterable[str]:
    from hsvlm.prompts import list_prompt_sets

    return list_prompt_sets()


def _scene_formats() -> Iterable[str]:
    from hsvlm.io import list_scene_suffixes

    return list_scene_suffixes()


def _feature_formats() -> Iterable[str]:
    from hsvlm.io import list_feature_suffixes

    return list_feature_suffixes()


_LISTS: dict[str, Callable[[], Iterable[str]]] = {
    FEATURE_FORMATS: _feature_formats,
    PRESETS: _presets,
    PROMPT_SETS: _prompt_sets,
    SCENE_FORMATS: _scene_formats,
}
