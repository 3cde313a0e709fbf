"""Signatures of commands: groups of options, and options that may come from a recipe."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from hsvlm._system.paths import expand_home

Debug = Annotated[
    bool, typer.Option("--debug", help="With an error, print the traceback, for developers.")
]


def check_missing(**values: Any) -> None:
    """Raise if arguments or options that a command needs are neither given nor in its recipe."""
    names = [name for name, value in values.items() if value is None]
    if names:
        words = [name if name.isupper() else f"--{name.replace('_', '-')}" for name in names]
        listed = " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        verb = "is" if len(names) == 1 else "are"
        raise typer.BadParameter(
            f"{listed} {verb} missing. Give {'it' if verb == 'is' else 'them'} here or in a recipe."
        )


def _with_home(value: Any) -> Any:
    """Expand the home folders in paths; other values stay as they are."""
    if isinstance(value, (list, tuple)):
        return [_with_home(item) for item in value]
    return expand_home(value) if isinstance(value, Path) else value


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --debug, and make each field of a dataclass argument an option, for typer."""
    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    groups: dict[str, Any] = {}
    parameters = []
    for parameter in signature.parameters.values():
        group = parameter.annotation
        if not is_dataclass(group):
            parameters.append(parameter.replace(kind=keyword))
            continue
        groups[parameter.name] = group
        hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name, keyword, default=field.default, annotation=hints[field.name]
            )
            for field in fields(group)
        ]
    parameters.append(inspect.Parameter("debug", keyword, default=False, annotation=Debug))

    def run(**values: Any) -> None:
        values.pop("debug")  # the entry of the program looks for it
        values = {name: _with_home(value) for name, value in values.items()}
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        command(**values)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return run


def values_of_recipe(command: Callable[..., None], recipe: Path) -> dict[str, Any]:
    """Return the arguments that a command gets with --recipe, without running it."""
    collected: dict[str, Any] = {}

    @wraps(command)
    def collect(**values: Any) -> None:
        collected.update(values)

    app = typer.Typer(add_completion=False)
    app.command(command.__name__)(expand_options(collect))
    arguments = ["--recipe", str(recipe)]
    typer.main.get_command(app).main(arguments, prog_name=command.__name__, standalone_mode=False)
    return collected
