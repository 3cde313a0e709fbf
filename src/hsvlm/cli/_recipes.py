"""Recipes: files with the options of a command, so that a run can be repeated."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from hsvlm._system.files import existing_file, file_error, parsed_file
from hsvlm._system.optional import import_optional
from hsvlm._system.paths import expand_home
from hsvlm._system.version import __version__
from hsvlm.cli._outputs import RECIPE_HEADER, RECIPE_NAME, create_output, write_text
from hsvlm.cli._paths import absolute_if_path, with_absolute_paths
from hsvlm.cli._settings import SETTINGS_KEY

_SUFFIXES = (".json", ".toml", ".yaml", ".yml")
_SECTIONS = ("command", "options", "settings")
_NOT_IN_RECIPES = ("recipe", "settings", "debug", "help")
_NOT_SAVED = ("recipe", "debug", "as_json", "quiet", "resume", "settings")
# Options whose values are NAME=FILE.
_NAMED_PATHS = ("auxiliary",)
_HINT_RECIPE = (
    'A recipe holds "command", "options" with the long names of the command\'s options, and '
    'perhaps "settings" of the classifier. Every output folder of hsvlm has one to start from.'
)


def load_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options that the command line does not give from a recipe."""
    if path is None:
        return None
    source = existing_file(path)
    content = parsed_file(source, _SUFFIXES, _HINT_RECIPE)
    if not isinstance(content, Mapping) or not isinstance(content.get("options"), Mapping):
        raise file_error(source, "this is not a recipe", _HINT_RECIPE)
    command = content.get("command", context.info_name)
    if command != context.info_name:
        problem = f"this is a recipe of the command {command!r}, not {context.info_name!r}"
        raise file_error(source, problem, "Give the recipe to that command.")
    unknown = [repr(str(name)) for name in content if name not in _SECTIONS]
    if unknown:
        raise file_error(source, f"{', '.join(unknown)} is not a part of a recipe", _HINT_RECIPE)
    known = {
        name: option
        for option in context.command.params
        for name in _option_names(option)
        if option.name not in _NOT_IN_RECIPES
    }
    unknown = [repr(str(name)) for name in content["options"] if name not in known]
    if unknown:
        problem = f"{context.info_name} has no option {', '.join(unknown)}"
        raise file_error(source, problem, f"Its options: {', '.join(sorted(known))}.")
    defaults = {
        str(known[name].name): _option_value(context, source, known[name], name, value)
        for name, value in content["options"].items()
        if value is not None
    }
    context.default_map = {**(context.default_map or {}), **defaults}
    settings = content.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise file_error(source, "its settings are not a mapping of names to values", _HINT_RECIPE)
    context.meta[SETTINGS_KEY] = (source, with_absolute_paths(source.parent, settings))
    return path


def reserve_folder(
    context: typer.Context,
    folder: Path,
    names: Iterable[str],
    inputs: Iterable[Path | None],
    settings: Mapping[str, Any],
) -> None:
    """Create the output folder, with a recipe by which a stopped run can be repeated."""
    create_output(folder, names, inputs, str(context.info_name))
    if not (folder / RECIPE_NAME).exists():
        save_recipe(context, folder, settings)


def save_recipe(
    context: typer.Context, folder: Path, settings: Mapping[str, Any], **options: Any
) -> None:
    """Write the recipe that repeats the current command; `options` replace those given."""
    write_text(folder / RECIPE_NAME, recipe_text(context, settings, **options))


def recipe_text(context: typer.Context, settings: Mapping[str, Any], **options: Any) -> str:
    """Return the recipe that repeats the current command; `options` replace those given."""
    saved = {}
    paths = _path_options(context)  # typer 0.19 holds their values as texts
    for parameter in context.command.params:
        name = str(parameter.name)
        value = options.get(name, _plain(context.params.get(name), is_path=name in paths))
        if name not in options:
            value = absolute_if_path(Path.cwd(), name, value)
        if name in _NAMED_PATHS:
            value = [_with_path_in(Path.cwd(), item) for item in value or ()]
        if name not in _NOT_SAVED and value not in (None, []):
            saved[_option_names(parameter)[0]] = value
    content: dict[str, Any] = {"command": context.info_name, "options": saved}
    if settings:
        content["settings"] = with_absolute_paths(Path.cwd(), settings)
    yaml = import_optional("yaml", "cli")
    header = (
        f"{RECIPE_HEADER} {__version__}. Repeat it with:\n"
        f"#   hsvlm {context.info_name} --recipe {RECIPE_NAME}\n"
    )
    return header + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _option_value(context: typer.Context, recipe: Path, option: Any, name: str, value: Any) -> Any:
    """Check a value of a recipe, and resolve paths relative to its folder."""
    is_list = bool(getattr(option, "multiple", False)) or option.nargs == -1
    values = value if isinstance(value, list) else [value]
    is_flag = bool(getattr(option, "is_flag", False) or getattr(option, "is_bool_flag", False))
    for item in values:
        if isinstance(item, (list, Mapping)) or (isinstance(item, bool) and not is_flag):
            raise typer.BadParameter(f"{recipe}: {name}: {item!r} is not a value of this option.")
    if isinstance(value, list) and not is_list:
        raise typer.BadParameter(
            f"{recipe}: {name}: {value!r} is a list, and the option takes one value."
        )
    if option.name in _path_options(context):
        values = [str(recipe.parent / expand_home(str(item))) for item in values]
    elif option.name in _NAMED_PATHS:
        values = [_with_path_in(recipe.parent, str(item)) for item in values]
    else:
        values = [absolute_if_path(recipe.parent, str(option.name), item) for item in values]
    # Numbers of YAML, such as a no-data value, reach options of text as they are written.
    values = [item if isinstance(item, bool) else str(item) for item in values]
    return values if is_list else values[0]


def _path_options(context: typer.Context) -> set[str]:
    hints = get_type_hints(inspect.unwrap(context.command.callback))  # type: ignore[arg-type]
    return {name for name, hint in hints.items() if _holds_paths(hint)}


def _holds_paths(hint: Any) -> bool:
    return hint is Path or any(_holds_paths(argument) for argument in get_args(hint))


def _with_path_in(folder: Path, text: str) -> str:
    """Make the path of NAME=FILE absolute; other texts are refused where they are read."""
    name, is_named, path = text.partition("=")
    return f"{name}={folder.absolute() / expand_home(path)}" if is_named and path else text


def _option_names(parameter: Any) -> list[str]:
    longest = sorted(parameter.opts, key=len, reverse=True)
    return [name.lstrip("-") for name in longest if name.startswith("--") or "-" not in name]


def _plain(value: Any, is_path: bool) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(item, is_path) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(expand_home(value).absolute()) if is_path else str(value)
