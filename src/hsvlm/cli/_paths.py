"""Values that may be a path or a name: paths are made absolute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hsvlm._system.paths import expand_home

# What lies at the path of a value, of options, settings and parameters of the vision encoder.
_KINDS: dict[str, Callable[[Path], bool]] = {
    "clip": Path.is_dir,
    "pretrained": Path.exists,
    "prompts": Path.is_file,
    "text_encoder": Path.is_dir,
}
_SETTINGS = ("pretrained", "text_encoder")
_VISION_PARAMS = ("clip",)


def absolute_if_path(folder: Path, name: str, value: Any) -> Any:
    """Make a value absolute if it is the path of something that is there, seen from a folder."""
    is_there = _KINDS.get(name)
    if is_there is None or not isinstance(value, str):
        return value
    path = folder.absolute() / expand_home(value)
    try:
        is_path = is_there(path)
    except (OSError, ValueError):  # a text that is not the name of a file
        return value
    return str(path) if is_path and value not in _known_names(name) else value


def with_absolute_paths(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Make the paths of existing files and folders among settings absolute."""
    full = _with_paths_in(folder, settings, _SETTINGS)
    params = full.get("vision_params")
    if isinstance(params, Mapping):
        full["vision_params"] = _with_paths_in(folder, params, _VISION_PARAMS)
    return full


def _with_paths_in(
    folder: Path, values: Mapping[str, Any], names: tuple[str, ...]
) -> dict[str, Any]:
    paths = {name: absolute_if_path(folder, name, values[name]) for name in names if name in values}
    return {**values, **paths}


def _known_names(name: str) -> tuple[str, ...]:
    """List the names that take precedence over files and folders of the same name."""
    if name == "prompts":
        from hsvlm.prompts import list_prompt_sets

        return tuple(list_prompt_sets())
    if name == "text_encoder":
        from hsvlm.text.models import MINILM_NAMES

        return MINILM_NAMES
    return ()
