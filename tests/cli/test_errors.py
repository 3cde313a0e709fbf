"""Whatever is typed: a few lines that name the option, no traceback, no Python."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from hsvlm import Scene
from hsvlm.__main__ import main
from hsvlm.cli import app
from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.io import write_map, write_scene


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, cube, labels):
    monkeypatch.chdir(tmp_path)
    scene = Scene(cube, wavelengths_nm=np.linspace(400, 900, 12))
    write_scene("scene.tif", scene)
    write_map("labels.tif", labels)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hsvlm", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return stop.value.code, out, err

    return run


FIT = ("fit", "scene.tif", "--labels", "labels.tif", "--output", "fitted")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("max_epochs=five", "auto or long or short or a whole number at least 1 and"),
        ("max_epochs=0", "auto or long or short or a whole number at least 1 and"),
        ("max_epochs=1e3", "auto or long or short or a whole number at least 1 and"),
        ("max_epochs=true", "auto or long or short or a whole number at least 1 and"),
        ("max_epochs=none", "auto or long or short or a whole number at least 1 and"),
        ("batch_size=0", "a whole number at least 1 and"),
        ("lr=abc", "a number above 0 and at most 1e+38 is allowed."),
        ("lr=nan", "a number above 0"),
        ("lr=-1", "a number above 0"),
        ("spatial=maybe", "random-walk or none is allowed."),
        ("augment=5", "true or false is allowed."),
        ("n_components=0", "auto, a whole number"),
        ("text_encoder=5", "a text is allowed."),
        ("vision_params=[1]", "a mapping such as {name: value} or none is allowed."),
        ("class_names=x", "Give --prompts with a file that names the classes."),
        ("prompts=x", "Give --prompts."),
        ("verbose=3", "Give --quiet for less."),
        ("checkpoint_dir=x", "Checkpoints lie in the output folder."),
        ("unlabeled=255", "Give --unlabeled."),
        ("random_state=3", 'Give --seed to "fit"'),
        ("callbacks=[]", "objects of Python"),
        ("vision_params={depth: 1, depth: 2}", "the key 'depth' is given twice"),
        ("lr=[1", "Close all brackets and quotes."),
    ],
)
def test_settings_are_checked_by_what_the_classifier_allows(run, setting, message):
    code, _, err = run("fit", "missing.tif", *FIT[2:], "--set", setting)
    assert code == 1
    assert err.startswith(f"hsvlm: --set {setting}: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("window_size=4", "window_size=4 has no center pixel."),
        ("patch_size=9", "patch_size=9 is larger than window_size=5."),
        ("criterion=best", "Unknown criterion 'best'. Known: "),
        ("vision_encoder=best", "Unknown vision encoder 'best'. Known: "),
        ("device=abacus", "device='abacus' cannot be used on this machine"),
        ("vision_params={deep: 1}", "the names are depth, "),
        (
            "vision_params={depth: deep}",
            "vision_params={depth: deep} cannot be used: depth takes a whole number.",
        ),
        ("vision_params={mask_ratio: much}", "mask_ratio takes a number."),
        ("spatial_params={restart: 5}", "restart=5 must be"),
        ("window=3", "The classifier has no setting 'window'. Its settings: adapter, "),
        ("lr", "--set 'lr' has no value."),
        ("=3", "--set '=3' has no name."),
    ],
)
def test_settings_that_contradict_each_other_are_refused_before_files_are_read(
    run, setting, message
):
    code, _, err = run("fit", "missing.tif", *FIT[2:], "--set", setting)
    assert code == 1
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("none", ["none", "None", "NONE", "null", "~"])
def test_none_is_written_in_several_ways(run, none):
    arguments = ["--set", f"spatial={none}", "--set", f"class_weight={none}"]
    code, _, err = run("fit", "missing.tif", *FIT[2:], *arguments)
    assert (code, err) == (1, "hsvlm: missing.tif does not exist. Give the path of a file.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit"], "SCENE, --labels and --output are missing."),
        (["fit", "scene.tif"], "--labels and --output are missing."),
        (["fit", "scene.tif", "--labels", "labels.tif"], "--output is missing."),
        (["fit", "scene.tif", "--output", "x"], "--labels is missing."),
        (["predict"], "MODEL, SCENE and --output are missing."),
        (["predict", "m", "--output", "x"], "SCENE is missing."),
        (["predict", "m", "s", "--output", "x", "--sieve", "3"], "Give --polygons, too."),
        (["predict", "m", "s", "--output", "x", "--polygons", "--sieve", "-1"], "--sieve"),
        (["evaluate", "scene.tif"], "--labels is missing."),
        (["report"], "Missing argument"),
        ([*FIT, "--prompts", "a field of"], "write {} where the class name goes"),
        ([*FIT, "--preset", "best"], "Choose one of accurate, fast, paper-"),
        ([*FIT, "--seed", "-1"], "--seed"),
        ([*FIT, "--wavelengths", "400"], "'400' is not a range."),
        ([*FIT, "--exclude", "900:400"], "'900:400' is not a range."),
        ([*FIT, "--unlabeled", "five"], "neither a whole number"),
        (["fit", "a", "b", "c", "--output", "x"], "c has no label map."),
        (["fit", "a", "b", *FIT[2:]], "--labels goes with one scene, got 2 files."),
        (["evaluate", "--protocol", "best"], "'best' is not one of 'random-10', "),
        # The wording is that of typer, and differs between its releases.
        (["nothing"], "'nothing'"),
        (["fit", "--nothing"], "--nothing"),
    ],
)
def test_wrong_options_are_one_line(run, arguments, message):
    code, _, err = run(*arguments)
    assert code == 2
    assert message in err
    assert err.startswith("hsvlm: ")
    assert err.count("\n") == 1
    assert 'help".' in err


def test_names_of_the_library_stand_in_the_help(run):
    code, printed, _ = run("fit", "--help")
    assert code == 0
    words = " ".join(printed.replace("│", " ").split())
    assert "accurate, fast, paper-clip, paper-indian-pines" in words
    assert "indian-pines, ksc, pavia-university" in words
    assert ".gpkg" in words
    assert "FORMATS" not in words


def test_all_settings_are_listed(run):
    code, printed, _ = run("settings")
    assert code == 0
    assert "max_epochs=auto  (auto or long or short or a whole number at least 1 and" in printed
    assert "Passes over the training samples" in printed
    assert "fast: vision_encoder=mlp" in printed
    listed = json.loads(run("settings", "--json")[1])
    assert {"accurate", "fast"} <= set(listed["presets"])
    names = {setting["name"] for setting in listed["settings"]}
    assert {"lr", "spatial", "text_encoder"} <= names
    assert not names & {"prompts", "random_state"}
    assert all(setting["description"] and setting["allowed"] for setting in listed["settings"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ValueError("bad\nvalue"),
            "An unexpected ValueError stopped the command with scene.tif, labels.tif: bad.",
        ),
        (RecursionError("too deep"), "An unexpected RecursionError stopped the command"),
        (MemoryError(), "The memory of this computer is not enough with scene.tif, labels.tif."),
        (ImportError("no module"), "An unexpected ImportError"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (DataError("Problem.", "f(x=1)", option_hint="--x 1"), "Problem. --x 1"),
    ],
)
def test_errors_of_all_kinds_are_told_in_a_line(run, monkeypatch, error, message):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("hsvlm.io.read_scene", fail)
    code, _, err = run(*FIT)
    assert code == 1
    assert err.startswith(f"hsvlm: {message}")
    assert err.count("\n") == 1
    for arguments in (["--debug", *FIT], [*FIT, "--debug"]):
        assert "Traceback (most recent call last)" in run(*arguments)[2]


def test_warnings_are_printed_once_and_without_source(run, monkeypatch):
    def warn(*_, **__):
        for _ in range(3):
            for number in range(2):
                warnings.warn(
                    HSVLMWarning(f"Odd {number}.", "f(x=1)", option_hint="--x 1"), stacklevel=1
                )
            warnings.warn("foreign\nwarning", RuntimeWarning, stacklevel=1)
            warnings.warn("next version", FutureWarning, stacklevel=1)
        message = "stop"
        raise DataError(message)

    monkeypatch.setattr("hsvlm.io.read_scene", warn)
    _, _, err = run(*FIT)
    assert err.splitlines() == [
        "hsvlm: warning: Odd 0. --x 1",
        "hsvlm: warning: Odd 1. --x 1",
        "hsvlm: warning: foreign warning (RuntimeWarning)",
        "hsvlm: stop",
    ]


def test_long_messages_are_cut(run, monkeypatch):
    def fail(*_, **__):
        raise DataError("\n".join(map(str, range(10))) + "x" * 5000)

    monkeypatch.setattr("hsvlm.io.read_scene", fail)
    _, _, err = run(*FIT)
    assert err.count("\n") == 5
    assert len(err) < 1500


def test_ctrl_c_anywhere(run, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm.io.read_scene", interrupt)
    assert run(*FIT)[::2] == (130, "hsvlm: interrupted.\n")


@pytest.mark.slow
def test_terminals_without_the_letters(tmp_path):
    command = [sys.executable, "-m", "hsvlm", "inspect", "Öl µ.tif"]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.startswith(r"hsvlm: \xd6l \xb5.tif does not exist.")


@pytest.mark.slow
def test_a_reader_that_closes_the_pipe(tmp_path):
    command = f"{sys.executable} -m hsvlm settings | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
def test_every_command_takes_debug(run):
    for name in (command.name or command.callback.__name__ for command in app.registered_commands):
        assert "--debug" in run(name, "--help")[1]
