"""Output folders: nothing of the user's or of another command is replaced."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.cli._outputs import check_output
from hsvlm.exceptions import FileError
from hsvlm.io import write_map, write_scene

FIT = ("fit", "scene.tif", "--labels", "labels.tif", "--output")
EVALUATE = ("evaluate", "scene.tif", "--labels", "labels.tif", "--output")
PREDICT = ("predict", "model", "scene.tif", "--output")
PRETRAIN = ("pretrain", "scene.tif", "--output")
DEMO = ("demo", "--output")
COMPARE = ("compare", "scene.tif", "--labels", "labels.tif", "--encoders", "default", "--output")
COMMANDS = {
    "fit": FIT,
    "evaluate": EVALUATE,
    "compare": COMPARE,
    "predict": PREDICT,
    "pretrain": PRETRAIN,
    "demo": DEMO,
}


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def files(tmp_path_factory, cube, labels, settings):
    folder = tmp_path_factory.mktemp("files")
    write_scene(folder / "scene.tif", Scene(cube))
    write_map(folder / "labels.tif", labels)
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(*Scene(cube, labels).samples())
    clf.save(folder / "model")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch, files):
    """A folder of the test's own, in which commands run."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("first", COMMANDS)
@pytest.mark.parametrize("second", COMMANDS)
def test_a_folder_belongs_to_one_command(folder, first, second):
    if first == second:
        return
    output = folder / "output"
    output.mkdir()
    (output / "recipe.yaml").write_text(f"# Made by hsvlm 0.1.0.\ncommand: {first}\noptions: {{}}")
    before = contents(folder)
    with pytest.raises(FileError, match=f'this is the output folder of "hsvlm {first}"'):
        run(*COMMANDS[second], "output")
    assert contents(folder) == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "recipe", ["mine: 1", "# Made by hsvlm 0.1.0.\nbroken: [", "# Made by hsvlm\n- 1", ""]
)
def test_a_recipe_of_others_is_kept(folder, command, recipe):
    (folder / "output").mkdir()
    (folder / "output" / "recipe.yaml").write_text(recipe)
    with pytest.raises(FileError, match=r"recipe\.yaml exists already, and no recipe of hsvlm"):
        run(*COMMANDS[command], "output")
    assert (folder / "output" / "recipe.yaml").read_text() == recipe


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("output", ["model", "model/deeper/down"])
def test_nothing_is_written_into_a_model(folder, command, output):
    before = contents(folder)
    with pytest.raises(FileError, match="is a saved model"):
        run(*COMMANDS[command], output)
    assert contents(folder) == before


def test_links_are_not_taken_for_our_own(folder):
    (folder / "mine.yaml").write_text("# Made by hsvlm 0.1.0.\ncommand: fit\noptions: {}")
    (folder / "output").mkdir()
    (folder / "output" / "recipe.yaml").symlink_to(folder / "mine.yaml")
    with pytest.raises(FileError, match=r"recipe\.yaml exists already"):
        check_output(folder / "output", (), (), "fit")
    (folder / "dangling").symlink_to(folder / "nowhere")
    with pytest.raises(FileError, match="it is not a folder"):
        check_output(folder / "dangling", (), (), "fit")


@pytest.mark.parametrize("command", ["fit", "evaluate", "compare", "predict", "pretrain"])
def test_what_fails_leaves_no_folder(folder, command):
    arguments = [text if text != "scene.tif" else "missing.tif" for text in COMMANDS[command]]
    with pytest.raises(FileError, match=r"missing\.tif does not exist"):
        run(*arguments, "output")
    assert not (folder / "output").exists()


def test_prompts_of_evaluate_are_found_from_the_recipe(folder, monkeypatch):
    reports = []

    def measure(estimators, *_, **__):
        reports.append(next(iter(estimators.values())).prompts)
        message = "stopped"
        raise FileError(message)

    monkeypatch.setattr("hsvlm.evaluation.evaluate", measure)
    classes = [{"value": value, "prompts": f"class {value}"} for value in (1, 2, 3)]
    (folder / "classes.json").write_text(json.dumps({"classes": classes}))
    with pytest.raises(FileError, match="stopped"):
        run(*EVALUATE, "output", "--prompts", "classes.json", "--protocol", "ten-per-class")
    monkeypatch.chdir("/")
    with pytest.raises(FileError, match="stopped"):
        run("evaluate", "--recipe", folder / "output" / "recipe.yaml")
    assert reports[0] == reports[1] != None  # noqa: E711


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("options: {epochs: five}", "recipe.yaml: Invalid value for '--epochs'"),
        ("options: {epochs: [1, 2]}", "epochs: [1, 2] is a list, and the option takes one value"),
        ("options: {epochs: true}", "epochs: True is not a value of this option"),
        ("options: {labels: {a: 1}}", "labels: {'a': 1} is not a value of this option"),
        ("options: {protocol: best}", "recipe.yaml: Invalid value for '--protocol'"),
        ("options: {splits: 0}", "recipe.yaml: Invalid value for '--splits'"),
        ("options: {prompts: a field of}", "recipe.yaml: Invalid value for '--prompts'"),
    ],
)
def test_values_of_recipes_are_checked_by_their_option(folder, recipe, message):
    (folder / "recipe.yaml").write_text(recipe)
    status, printed = run("evaluate", "--recipe", "recipe.yaml")
    assert status == 2
    assert message in printed
    assert "recipe.yaml: " in printed


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("options: {}\noptions: {}", "the key 'options' is given twice, in lines 1 and 2"),
        ("options: {epochs: 1, epochs: 2}", "the key 'epochs' is given twice"),
        ("option: {}\noptions: {}", "'option' is not a part of a recipe"),
        ("options: {recipe: a.yaml}", "evaluate has no option 'recipe'"),
        ("options: {}\nsettings: [1]", "settings are not a mapping"),
    ],
)
def test_recipes_that_say_something_else_than_they_seem(folder, recipe, message):
    (folder / "recipe.yaml").write_text(recipe)
    with pytest.raises(FileError, match=message):
        run("evaluate", "--recipe", "recipe.yaml")


def test_settings_of_recipes_are_checked(folder):
    (folder / "recipe.yaml").write_text("options: {}\nsettings: {max_epochs: five}")
    with pytest.raises(
        ValueError, match=r"recipe\.yaml: the setting max_epochs: five: auto or long or short or a"
    ):
        run("evaluate", "--recipe", "recipe.yaml")


def test_one_protocol_of_a_recipe_needs_no_list(folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "hsvlm.cli._protocols.of_dataset", lambda names, *_: seen.extend(map(str, names)) or []
    )
    (folder / "recipe.yaml").write_text("options: {protocol: blocks, epochs: 1}")
    run("evaluate", "--recipe", "recipe.yaml", "--json")
    assert seen == ["blocks"]
    assert np.size(seen) == 1
