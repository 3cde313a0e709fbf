"""Recipes: files that hold the options of a command, so that a run can be repeated."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

import hsvlm
from hsvlm._files import existing_file, parsed_file, replaced, unreadable
from hsvlm._runtime import import_optional
from hsvlm.cli._outputs import MADE_BY
from hsvlm.exceptions import ParameterError

__all__ = ["RECIPE_NAME", "claim_folder", "load_recipe", "parse_settings", "save_recipe"]

RECIPE_NAME = "recipe.yaml"
_SUFFIXES = (".json", ".toml", ".yaml", ".yml")
_NOT_KEPT = ("recipe", "as_json", "quiet", "resume", "settings")
_SETTINGS = "hsvlm.settings"
_REMEDY = (
    'A recipe holds "command", "options" with the long names of the command\'s options, and '
    'perhaps "settings" of the classifier. Every output folder of hsvlm has one to start from.'
)


def load_recipe(context: typer.Context, path: Path | None) -> Path | None:
    """Take the options of a command from a recipe, where the command line does not give them.

    Parameters
    ----------
    context : typer.Context
        Of the command; receives the options.
    path : Path or None
        Of a YAML, JSON or TOML file. Paths in it are relative to its folder.

    Returns
    -------
    Path or None
        The same path.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is no recipe of this command.
    """
    if path is None:
        return None
    source = existing_file(path)
    content = parsed_file(source, _SUFFIXES, _REMEDY)
    if not isinstance(content, Mapping) or not isinstance(content.get("options"), Mapping):
        raise unreadable(source, "this is not a recipe", _REMEDY)
    if content.get("command", context.info_name) != context.info_name:
        wrong = f"this is a recipe of the command {content['command']!r}, not {context.info_name!r}"
        raise unreadable(source, wrong, f"Run: hsvlm {content['command']} --recipe {source}")
    known = {name: one for one in context.command.params for name in _names(one)}
    unknown = [name for name in content["options"] if name not in known]
    if unknown:
        wrong = f"{context.info_name} has no option {', '.join(map(repr, unknown))}"
        raise unreadable(source, wrong, f"Its options: {', '.join(sorted(known))}.")
    paths = _path_options(context)
    defaults = {
        str(known[name].name): _located(value, source.parent, known[name].name in paths)
        for name, value in content["options"].items()
    }
    if "prompts" in defaults and (source.parent / str(defaults["prompts"])).is_file():
        # Prompts may also be a template, or the name of a set.
        defaults["prompts"] = str(source.parent / defaults["prompts"])
    context.default_map = {**(context.default_map or {}), **defaults}
    settings = content.get("settings") or {}
    if not isinstance(settings, Mapping):
        raise unreadable(source, "its settings are no mapping of names to values", _REMEDY)
    context.meta[_SETTINGS] = dict(settings)
    return path


def parse_settings(context: typer.Context, given: list[str] | None) -> dict[str, Any]:
    """Read settings of the classifier, such as ``max_epochs=30``.

    Parameters
    ----------
    context : typer.Context
        Of the command; holds the settings of its recipe, which those given here override.
    given : list of str or None
        Each a name and a YAML value.

    Returns
    -------
    dict
        Values by name.

    Raises
    ------
    ParameterError
        If one is not of this form, or the classifier has no such parameter.
    """
    settings: dict[str, Any] = dict(context.meta.get(_SETTINGS, {}))
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals:
            message = (
                f"--set {one!r} has no value. Write --set name=value, for example max_epochs=30."
            )
            raise ParameterError(message)
        settings[name.strip()] = _yaml_value(one, value)
    if settings:
        from hsvlm.estimator import HSIPromptClassifier

        known = HSIPromptClassifier().get_params()
        unknown = [name for name in settings if name not in known]
        if unknown:
            message = (
                f"The classifier has no setting {', '.join(map(repr, unknown))}. "
                f"Its settings: {', '.join(sorted(known))}."
            )
            raise ParameterError(message)
    return settings


def claim_folder(context: typer.Context, folder: Path, settings: Mapping[str, Any]) -> None:
    """Leave a recipe in a folder that has none, so that a run that is stopped can be repeated.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    folder : Path
        Where its output is going to be.
    settings : dict
        Of the classifier.
    """
    if not (folder / RECIPE_NAME).exists():
        save_recipe(context, folder, settings)


def save_recipe(
    context: typer.Context, folder: Path, settings: Mapping[str, Any], **options: Any
) -> Path:
    """Write the recipe that repeats the command at hand.

    Parameters
    ----------
    context : typer.Context
        Of the command.
    folder : Path
        Where the output of the command is.
    settings : dict
        Of the classifier.
    **options
        Options that differ from those of the command.

    Returns
    -------
    Path
        Of the recipe.
    """
    kept = {}
    for parameter in context.command.params:
        value = options.get(str(parameter.name), _plain(context.params.get(str(parameter.name))))
        if parameter.name not in _NOT_KEPT and value not in (None, []):
            kept[_names(parameter)[0]] = value
    content: dict[str, Any] = {"command": context.info_name, "options": kept}
    if settings:
        content["settings"] = dict(settings)
    yaml = import_optional("yaml", "cli")
    target = folder / RECIPE_NAME
    header = (
        f"{MADE_BY} {hsvlm.__version__}. Repeat it with:\n"
        f"#   hsvlm {context.info_name} --recipe {RECIPE_NAME}\n"
    )
    text = header + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    with replaced(target) as draft:
        draft.write_text(text, encoding="utf-8")
    return target


def _yaml_value(given: str, value: str) -> Any:
    yaml = import_optional("yaml", "cli")
    try:
        found = yaml.safe_load(value)
    except yaml.YAMLError as error:
        message = f"--set {given!r} has a value that is not YAML. Put texts in quotes."
        raise ParameterError(message) from error
    # YAML 1.1 takes 1e-3 for a text, for want of a point.
    try:
        return float(found) if isinstance(found, str) else found
    except ValueError:
        return found


def _names(parameter: Any) -> list[str]:
    longest = sorted(parameter.opts, key=len, reverse=True)
    return [one.lstrip("-") for one in longest if one.startswith("--") or "-" not in one]


def _path_options(context: typer.Context) -> set[str]:
    hints = get_type_hints(inspect.unwrap(context.command.callback))  # type: ignore[arg-type]
    return {name for name, hint in hints.items() if hint is Path or Path in get_args(hint)}


def _located(value: Any, folder: Path, is_path: bool) -> Any:
    # What a recipe calls by a relative path lies beside it, from wherever it is run.
    return str(folder / Path(value).expanduser()) if is_path and isinstance(value, str) else value


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
