"""Lists of names in help texts, read from their registries."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# Placeholders in help texts. The lists are read when help is requested, since imports take time.
ENCODERS = "VISION_ENCODERS"
FEATURE_FORMATS = "FEATURE_FORMATS"
PRESETS = "PRESETS"
PROMPT_SETS = "PROMPT_SETS"
SCENE_FORMATS = "SCENE_FORMATS"
MASKED_ENCODERS = "MASKED_ENCODERS"
_LISTS = {
    ENCODERS: ("hsvlm.vision", "list_vision_encoders"),
    FEATURE_FORMATS: ("hsvlm.io", "list_feature_suffixes"),
    PRESETS: ("hsvlm._training.presets", "list_presets"),
    PROMPT_SETS: ("hsvlm.prompts", "list_prompt_sets"),
    SCENE_FORMATS: ("hsvlm.io", "list_scene_suffixes"),
    MASKED_ENCODERS: ("hsvlm.pretraining", "list_token_encoders"),
}


def fill_in_names(parameters: Iterable[Any]) -> None:
    """Put lists of names into the help of options and arguments."""
    for parameter in parameters:
        text = getattr(parameter, "help", None) or ""
        for placeholder, (module, function) in _LISTS.items():
            if placeholder in text:
                names = getattr(import_module(module), function)()
                text = text.replace(placeholder, ", ".join(names))
        parameter.help = text
