"""The command line among files of other people: odd names, foreign files, hostile texts."""

import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import KFold
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene, pixel_samples
from hsvlm.__main__ import main
from hsvlm.cli import app
from hsvlm.cli._outputs import create_output, escape, escape_line
from hsvlm.evaluation import evaluate
from hsvlm.exceptions import FileError, ParameterError
from hsvlm.io import write_map, write_scene
from hsvlm.mapping import predict_scene

HOSTILE = "\x1b]0;owned\x07\x1b[2J\u202eoats\x9b31m\nlabel"
SCRIPT = "<script>alert(1)</script>"
SMALL = ["window_size=3", "patch_size=1", "max_epochs=1", "n_components=4"]
SMALL += ["vision_params={width: 16, depth: 1, n_heads: 2, mlp_width: 16}"]


def run(*arguments):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def files(tmp_path, cube, labels):
    write_scene(tmp_path / "scene.tif", Scene(cube))
    write_map(tmp_path / "labels.tif", labels)
    return tmp_path


@pytest.fixture
def fitted(files, cube, labels):
    settings = {"vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}}
    clf = HSIPromptClassifier(
        text_encoder=np.eye(3, 8, dtype=np.float32), window_size=3, patch_size=1, max_epochs=1,
        n_components=4, class_names={1: SCRIPT, 2: "soil", 3: "lake"}, device="cpu",
        random_state=0, **settings,
    ).fit(cube, labels)  # fmt: skip
    clf.save(files / "model")
    return clf


def test_control_characters_are_written_out():
    assert escape("a\x1b[31m\tb\x9c\u202e é\nµ") == r"a\x1b[31m\tb\x9c\u202e é" + "\nµ"
    assert escape_line("a\nb") == r"a\nb"


def test_texts_of_files_do_not_reach_the_terminal(files, monkeypatch, capsys):
    path = write_scene(files / "named.tif", Scene(np.ones((2, 3, 2)), name=HOSTILE))
    monkeypatch.setattr(Scene, "summary", lambda self: {"name": HOSTILE, "size": "2 x 3"})
    for arguments in (
        ["inspect", path],
        ["inspect", files / f"{HOSTILE[:10]}.tif"],
    ):
        monkeypatch.setattr(sys, "argv", ["hsvlm", *map(str, arguments)])
        with pytest.raises(SystemExit):
            main()
        shown = "".join(capsys.readouterr())
        assert r"\x1b]0;owned" in shown
        assert not set(shown) & set("\x1b\x07\u202e\x9b")


@pytest.mark.slow
def test_reports_in_html_quote_class_names(fitted, cube, labels):
    scene = Scene(cube, labels)
    areas = predict_scene(fitted, scene).area_report(labels)
    names = {1: SCRIPT, 2: "soil", 3: "lake"}
    X, y = pixel_samples(cube, labels)
    report = evaluate({SCRIPT: DummyClassifier()}, X, y, KFold(2), class_names=names)
    for one in (areas, report, Scene(cube, name=SCRIPT)):
        html = one._repr_html_()
        assert "&lt;script&gt;" in html
        assert "<script>" not in html


@pytest.mark.parametrize("name", ["a b", "-dashed", "Öl µ", "new\nline", "quo'te"])
def test_paths_of_any_name(tmp_path, monkeypatch, cube, labels, name):
    monkeypatch.chdir(tmp_path)
    folder = Path(name)
    folder.mkdir()
    write_scene(folder / "scene.tif", Scene(cube))
    write_map(folder / "labels.tif", labels)
    assert "18 x 20 pixels" in run("inspect", "--", folder / "scene.tif")
    create_output(folder / "out" / "put", ("map.tif",), (folder / "scene.tif",), "predict")
    assert (folder / "out" / "put").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["scene.tif", "linked.tif"])
def test_the_scene_is_never_written_over(files, fitted, name):
    (files / "scene.tif").rename(files / "map.tif")
    path = files / "map.tif"
    if name == "linked.tif":
        path = files / name
        path.symlink_to(files / "map.tif")
    before = (files / "map.tif").read_bytes()
    with pytest.raises(ParameterError) as error:
        run("predict", files / "model", path, "--output", files)
    assert str(error.value) == (
        f"{files / 'map.tif'} would be overwritten, but {path} is read. Give another folder as "
        "--output."
    )
    with pytest.raises(ParameterError, match="which is the scene itself"):
        predict_scene(fitted, path, files / "map.tif")
    assert (files / "map.tif").read_bytes() == before


@pytest.mark.slow
def test_files_of_others_are_kept_and_our_own_replaced(files, fitted):
    predict = ["predict", files / "model", files / "scene.tif", "--output", files / "mapped"]
    run(*predict, "--quiet")
    first = (files / "mapped" / "map.tif").read_bytes()
    run(*predict, "--quiet")
    assert (files / "mapped" / "map.tif").read_bytes() == first
    (files / "mapped" / "recipe.yaml").write_text("mine")
    with pytest.raises(FileError) as error:
        run(*predict)
    assert str(error.value) == (
        f"{files / 'mapped'}: recipe.yaml exists already, and no recipe of hsvlm says that it "
        "made it. Give another folder as --output, or move that file away."
    )
    fit = ["fit", files / "scene.tif", "--labels", files / "labels.tif", "--prompts", "a {}"]
    (files / "mine").mkdir()
    (files / "mine" / "classes.yaml").write_text("mine")
    with pytest.raises(FileError, match=r"classes\.yaml exists already, and no recipe"):
        run(*fit, "--output", files / "mine", *(part for one in SMALL for part in ("--set", one)))
    assert (files / "mine" / "classes.yaml").read_text() == "mine"


@pytest.mark.slow
def test_a_run_that_was_stopped_can_be_repeated(files, fitted, monkeypatch):
    predict = ["predict", files / "model", files / "scene.tif", "--output", files / "mapped"]

    def stop(*_):
        raise FileError("stopped")

    with monkeypatch.context() as patched:
        patched.setattr("hsvlm.cli._map_figures._draw_map", stop)
        with pytest.raises(FileError, match="stopped"):
            run(*predict)
    assert (files / "mapped" / "map.tif").exists()
    run(*predict)
    assert (files / "mapped" / "map.png").exists()


@pytest.mark.slow
def test_folders_that_cannot_be_written_to(files, fitted, monkeypatch):
    (files / "file").write_text("")
    with pytest.raises(FileError, match=r"nothing can be written there \(it is not a folder"):
        run("predict", files / "model", files / "scene.tif", "--output", files / "file")

    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hsvlm.cli._outputs.tempfile.TemporaryFile", refuse)
    with pytest.raises(FileError) as error:
        create_output(files / "closed", (), (), "fit")
    assert str(error.value) == (
        f"{files / 'closed'}: nothing can be written there (Permission denied). Give another "
        "folder as --output."
    )


def test_errors_of_the_system_are_one_line(monkeypatch, capsys):
    def fail():
        raise OSError(28, "No space left on device", "map\x1b.tif")

    monkeypatch.setattr("hsvlm.cli.app", fail)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == (
        r"hsvlm: [Errno 28] No space left on device: 'map\x1b.tif'" + "\n"
    )
