"""Recipes: files that hold the options of a command, so that a run can be repeated."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from hsvlm._system.files import atomic_write, existing_file, file_error, parsed_file
from hsvlm._system.optional import import_optional
from hsvlm._system.version import __version__
from hsvlm.cli._outputs import RECIPE_HEADER, RECIPE_NAME
from hsvlm.cli._settings import SETTINGS_KEY

_SUFFIXES = (".json", ".toml", ".yaml", ".yml")
_SECTIONS = ("command", "options", "settings")
_NOT_IN_RECIPES = ("recipe", "settings", "debug", "help")
_NOT_KEPT = ("recipe", "debug", "as_json", "quiet", "resume", "settings")
# Options of text that may be the path of a file or folder.
_PERHAPS_PATHS = ("prompts", "text_encoder")
_REMEDY = (
    'A recipe holds "command", "options" with the long names of the command\'s options, and '
    'perhaps "settings" of the classifier. Every output folder of hsvlm has one to start from.'
)


def load_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a command from a recipe, where the command line does not give them."""
    if path is None:
        return None
    source = existing_file(path)
    content = parsed_file(source, _SUFFIXES, _REMEDY)
    if not isinstance(content, Mapping) or not isinstance(content.get("options"), Mapping):
        raise file_error(source, "this is not a recipe", _REMEDY)
    if content.get("command", context.info_name) != context.info_name:
        wrong = f"this is a recipe of the command {content['command']!r}, not {context.info_name!r}"
        raise file_error(source, wrong, "Give the recipe to that command.")
    strange = [str(name) for name in content if name not in _SECTIONS]
    if strange:
        wrong = f"{', '.join(map(repr, strange))} is not a part of a recipe"
        raise file_error(source, wrong, _REMEDY)
    known = {
        name: option
        for option in context.command.params
        for name in _names(option)
        if option.name not in _NOT_IN_RECIPES
    }
    unknown = [str(name) for name in content["options"] if name not in known]
    if unknown:
        wrong = f"{context.info_name} has no option {', '.join(map(repr, unknown))}"
        raise file_error(source, wrong, f"Its options: {', '.join(sorted(known))}.")
    defaults = {
        str(known[name].name): _option_value(context, source, known[name], name, value)
        for name, value in content["options"].items()
        if value is not None
    }
    context.default_map = {**(context.default_map or {}), **defaults}
    settings = content.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise file_error(source, "its settings are no mapping of names to values", _REMEDY)
    context.meta[SETTINGS_KEY] = (source, dict(settings))
    return path


def reserve_folder(context: typer.Context, folder: Path, settings: Mapping[str, Any]) -> None:
    """Leave a recipe in a folder that has none, so that a run that is stopped can be repeated."""
    if not (folder / RECIPE_NAME).exists():
        save_recipe(context, folder, settings)


def save_recipe(
    context: typer.Context, folder: Path, settings: Mapping[str, Any], **options: Any
) -> Path:
    """Write the recipe that repeats the command at hand."""
    kept = {}
    for parameter in context.command.params:
        value = options.get(str(parameter.name), _plain(context.params.get(str(parameter.name))))
        if parameter.name in _PERHAPS_PATHS and parameter.name not in options:
            value = _absolute_if_there(value)
        if parameter.name not in _NOT_KEPT and value not in (None, []):
            kept[_names(parameter)[0]] = value
    content: dict[str, Any] = {"command": context.info_name, "options": kept}
    if settings:
        content["settings"] = dict(settings)
    yaml = import_optional("yaml", "cli")
    target = folder / RECIPE_NAME
    header = (
        f"{RECIPE_HEADER} {__version__}. Repeat it with:\n"
        f"#   hsvlm {context.info_name} --recipe {RECIPE_NAME}\n"
    )
    text = header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with atomic_write(target) as draft:
        draft.write_text(text, encoding="utf-8")
    return target


def _option_value(context: typer.Context, recipe: Path, option: Any, name: str, value: Any) -> Any:
    """Check a value of a recipe, and make paths relative to its folder absolute."""
    several = bool(getattr(option, "multiple", False)) or option.nargs == -1
    values = value if isinstance(value, list) else [value]
    is_flag = bool(getattr(option, "is_flag", False) or getattr(option, "is_bool_flag", False))
    for item in values:
        if isinstance(item, (list, Mapping)) or (isinstance(item, bool) and not is_flag):
            raise typer.BadParameter(f"{recipe}: {name}: {item!r} is not a value of this option.")
    if isinstance(value, list) and not several:
        raise typer.BadParameter(
            f"{recipe}: {name}: {value!r} is a list, and the option takes one value."
        )
    if option.name in _path_options(context):
        values = [str(recipe.parent / Path(str(item)).expanduser()) for item in values]
    elif option.name in _PERHAPS_PATHS and _exists(recipe.parent / str(value)):
        values = [str(recipe.parent / str(value))]
    # Numbers of YAML, such as a no-data value, reach options of text as they are written.
    values = [item if isinstance(item, bool) else str(item) for item in values]
    return values if several else values[0]


def _path_options(context: typer.Context) -> set[str]:
    hints = get_type_hints(inspect.unwrap(context.command.callback))  # type: ignore[arg-type]
    return {name for name, hint in hints.items() if _holds_paths(hint)}


def _holds_paths(hint: Any) -> bool:
    return hint is Path or any(_holds_paths(argument) for argument in get_args(hint))


def _absolute_if_there(value: Any) -> Any:
    path = Path(str(value)).expanduser()
    return str(path.absolute()) if isinstance(value, str) and _exists(path) else value


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that is not the name of a file
        return False


def _names(parameter: Any) -> list[str]:
    longest = sorted(parameter.opts, key=len, reverse=True)
    return [name.lstrip("-") for name in longest if name.startswith("--") or "-" not in name]


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
