import json
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from hsvlm.cli._options import Recipe, SetOption
from hsvlm.cli._recipes import save_recipe
from hsvlm.cli._settings import check_settings, parse_settings
from hsvlm.exceptions import FileError, MissingFileError, ParameterError

app = typer.Typer()
seen = {}


@app.command()
def shrink(
    context: typer.Context,
    scene: Annotated[Path | None, typer.Argument()] = None,
    map_format: Annotated[str, typer.Option("--format")] = "tif",
    factor: Annotated[float, typer.Option()] = 2.0,
    steps: Annotated[list[int] | None, typer.Option()] = None,
    prompts: Annotated[str | None, typer.Option()] = None,
    output: Annotated[Path | None, typer.Option()] = None,
    settings: SetOption = None,
    recipe: Recipe = None,
) -> None:
    seen.clear()
    chosen = parse_settings(context, settings)
    seen.update(scene=scene, format=map_format, factor=factor, steps=steps, prompts=prompts)
    seen.update(settings=chosen)
    if output is not None:
        save_recipe(context, output, chosen)


@app.command()
def other() -> None:
    pass


def run(*arguments):
    result = CliRunner().invoke(app, ["shrink", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".toml"])
def test_options_come_from_the_recipe(tmp_path, suffix):
    path = tmp_path / f"run{suffix}"
    path.write_text(
        {
            ".yaml": "options: {scene: a.tif, format: hdr, steps: [1, 2]}\nsettings: {lr: 0.5}",
            ".json": '{"options": {"scene": "a.tif", "format": "hdr", "steps": [1, 2]}, '
            '"settings": {"lr": 0.5}}',
            ".toml": 'options = {scene = "a.tif", format = "hdr", steps = [1, 2]}\n'
            "settings = {lr = 0.5}",
        }[suffix]
    )
    assert run("--recipe", path).exit_code == 0
    assert seen == {
        "scene": tmp_path / "a.tif",
        "format": "hdr",
        "factor": 2.0,
        "steps": [1, 2],
        "prompts": None,
        "settings": {"lr": 0.5},
    }


def test_the_command_line_wins(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("options: {scene: a.tif, factor: 3}\nsettings: {lr: 0.5, max_epochs: 3}")
    run("b.tif", "--recipe", path, "--set", "lr=1e-3")
    assert seen["scene"] == Path("b.tif")
    assert seen["factor"] == 3.0
    assert seen["settings"] == {"lr": 0.001, "max_epochs": 3}


def test_epochs_can_be_left_to_the_number_of_samples(tmp_path):
    run("a.tif", "--set", "max_epochs=auto", "--output", tmp_path)
    assert seen["settings"] == {"max_epochs": "auto"}
    assert check_settings(seen["settings"], "fast").max_epochs == "auto"
    run("--recipe", tmp_path / "recipe.yaml")
    assert seen["settings"] == {"max_epochs": "auto"}
    run("--recipe", tmp_path / "recipe.yaml", "--set", "max_epochs=30")
    assert seen["settings"] == {"max_epochs": 30}


def test_a_saved_recipe_repeats_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.json").write_text("{}")
    arguments = ["a.tif", "--format", "hdr", "--steps", "1", "--prompts", "an image of {}"]
    arguments += ["--set", "window_size=9", "--set", "criterion=clip", "--output", tmp_path]
    run(*arguments)
    first = dict(seen)
    assert first["settings"] == {"window_size": 9, "criterion": "clip"}
    monkeypatch.chdir("/")
    run("--recipe", tmp_path / "recipe.yaml")
    assert seen == {**first, "scene": tmp_path / "a.tif"}


def test_prompts_beside_the_recipe_are_found_from_anywhere(tmp_path):
    (tmp_path / "classes.yaml").write_text("classes: []")
    path = tmp_path / "run.yaml"
    path.write_text("options: {prompts: classes.yaml}")
    run("--recipe", path)
    assert seen["prompts"] == str(tmp_path / "classes.yaml")
    path.write_text("options: {prompts: indian-pines}")
    run("--recipe", path)
    assert seen["prompts"] == "indian-pines"


_SETTINGS_WITH_PATHS = {
    "pretrained": "models",
    "text_encoder": "models",
    "vision_params": {"clip": "models", "fusion": "models"},
}


def _with_folder(path):
    return {
        "pretrained": str(path),
        "text_encoder": str(path),
        "vision_params": {"clip": str(path), "fusion": "models"},
    }


def test_folders_beside_the_recipe_are_found_from_anywhere(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"options": {}, "settings": _SETTINGS_WITH_PATHS}))
    run("--recipe", path)
    assert seen["settings"] == _SETTINGS_WITH_PATHS  # names of models, until there is a folder
    (tmp_path / "models").mkdir()
    run("--recipe", path)
    assert seen["settings"] == _with_folder(tmp_path / "models")


def test_folders_of_the_command_line_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    given = [f"{name}={value}" for name, value in _SETTINGS_WITH_PATHS.items()]
    run(*(text for one in given for text in ("--set", one)), "--output", tmp_path)
    assert seen["settings"] == _with_folder(tmp_path / "models")
    monkeypatch.chdir("/")
    run("--recipe", tmp_path / "recipe.yaml")
    assert seen["settings"] == _with_folder(tmp_path / "models")


def test_names_are_not_taken_for_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "indian-pines").mkdir()
    (tmp_path / "salinas").write_text("")
    for prompts in ("indian-pines", "salinas"):
        given = "--prompts", prompts, "--set", "text_encoder=all-MiniLM-L6-v2"
        run(*given, "--output", tmp_path)
        run("--recipe", tmp_path / "recipe.yaml")
        assert seen["prompts"] == prompts
        assert seen["settings"] == {"text_encoder": "all-MiniLM-L6-v2"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", 'this is not a recipe. A recipe holds "command", "options" with the long names'),
        ("options: 3", "this is not a recipe. A recipe holds"),
        ("options: [", "this is not YAML: while parsing a flow"),
        ("command: other\noptions: {}", "this is a recipe of the command 'other', not 'shrink'. "),
        ("options: {skale: 1}", "shrink has no option 'skale'. Its options: factor, format, "),
    ],
)
def test_files_that_are_no_recipe(tmp_path, content, message):
    path = tmp_path / "run.yaml"
    path.write_text(content)
    with pytest.raises(FileError) as error:
        run("--recipe", path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_a_value_of_another_type_is_a_wrong_option(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"options": {"factor": "much"}}))
    assert run("--recipe", path).exit_code == 2
    with pytest.raises(MissingFileError, match=r"no\.yaml does not exist"):
        run("--recipe", tmp_path / "no.yaml")


def test_settings_that_the_classifier_lacks():
    with pytest.raises(ParameterError) as error:
        run("--set", "window=3")
    message = "The classifier has no setting 'window'. Its settings: adapter, adapter_params, "
    assert str(error.value).startswith(message)
    with pytest.raises(ParameterError) as error:
        run("--set", "lr")
    assert str(error.value) == (
        "--set 'lr' has no value. Write --set name=value, for example --set max_epochs=30."
    )
    with pytest.raises(ParameterError, match="the value cannot be read"):
        run("--set", "lr=[")
