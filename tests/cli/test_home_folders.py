"""Every option and argument that takes a path refuses the home folder of an unknown user."""

import inspect
from typing import get_type_hints

import pytest
import typer.main
from typer.testing import CliRunner

from hsvlm.cli import app
from hsvlm.exceptions import MissingFileError

UNKNOWN = "~nobody-of-this-name/x"
COMMANDS = typer.main.get_command(app).commands
PATHS = [
    (command, parameter)
    for command in COMMANDS
    for parameter in COMMANDS[command].params
    if parameter.name not in ("help", "debug")
    if "pathlib" in str(get_type_hints(inspect.unwrap(COMMANDS[command].callback))[parameter.name])
]


def arguments_with(command, parameter, value):
    """The shortest command line in which a parameter has a value."""
    is_option = bool(parameter.opts and parameter.opts[0].startswith("-"))
    given = [max(parameter.opts, key=len), value] if is_option else []
    for other in COMMANDS[command].params:
        if other.param_type_name == "argument" and other.required and other is not parameter:
            given.append("scene.tif")
        elif other is parameter and not is_option:
            given.append(value)
            break
        elif other.param_type_name == "argument" and not is_option:
            given.append("before.tif")
    return [command, *given]


def refused(arguments):
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, MissingFileError), (arguments, result.output)
    return str(result.exception)


@pytest.mark.parametrize(
    ("command", "parameter"), PATHS, ids=[f"{name} {option.name}" for name, option in PATHS]
)
def test_every_path(command, parameter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    message = refused(arguments_with(command, parameter, UNKNOWN))
    assert message.startswith(f"{UNKNOWN}: there is no home folder ~nobody-of-this-name on")
    assert list(tmp_path.iterdir()) == []


def test_paths_are_tested_at_all():
    names = {(command, parameter.name) for command, parameter in PATHS}
    assert {("fit", "scene"), ("fit", "output"), ("evaluate", "store"), ("inspect", "path")} < names


@pytest.mark.parametrize(
    "option",
    [
        ("--auxiliary", f"lidar={UNKNOWN}"),
        ("--prompts", UNKNOWN),
        ("--set", f"pretrained={UNKNOWN}"),
    ],
)
def test_texts_that_hold_a_path(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = ["scene.tif", "--labels", "labels.tif", "--output", "fitted"]
    assert refused(["fit", *files, *option]).startswith(f"{UNKNOWN}: there is no home folder")


def test_paths_of_recipes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for option in (f"labels: {UNKNOWN}", f"auxiliary: [lidar={UNKNOWN}]"):
        (tmp_path / "recipe.yaml").write_text(f"command: fit\noptions:\n  {option}\n")
        assert refused(["fit", "--recipe", "recipe.yaml"]).startswith(f"{UNKNOWN}: there is no")


def test_templates_may_begin_like_a_home_folder():
    result = CliRunner().invoke(app, ["fit", "--prompts", "~a {} field"])
    assert "missing" in result.output
