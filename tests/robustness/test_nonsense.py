"""Nonsense in every option of every command, and foreign files for every path."""

import re
import sys
import zipfile

import numpy as np
import pytest
import torch
from typer.main import get_command

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.__main__ import main
from hsvlm.cli import app
from hsvlm.contrastive.model import AlignedModel
from hsvlm.exceptions import DataError
from hsvlm.io import write_map, write_scene

COMMAND = get_command(app)  # which calling `app` makes anew each time
TEXTS = (
    *("", " ", "-1", "0", "nan", "none", "1e999", "9" * 25, "five", "Öl 中文 😀", "\x1b[31mred"),
    *("x" * 5000, ".", "missing.tif", "binary.bin", "{}", "{", "}{", "%s{0}", "a=b", "=", "[1, 2"),
    *("lr={a: [}", "lr=!!python/name:os.system", "lr=1", "max_epochs=1:30", "--", "/dev/null"),
)
PYTHON = re.compile(
    r"\w+\([^)]*\w=|\b(read_scene|read_labels|match_bands|MapSplit|dataclasses|numpy|np\.\w|"
    r"select_bands|from_preset|astype|tolerance_nm|set_params|clf\.|Scene\(|load\()|__init__"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, cube, labels, settings):
    folder = tmp_path_factory.mktemp("nonsense")
    scene = Scene(cube, wavelengths_nm=np.linspace(400, 900, 12))
    write_scene(folder / "scene.tif", scene)
    write_map(folder / "labels.tif", labels)
    clf = HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(*Scene(cube, labels).samples())
    clf.save(folder / "model", metadata={"wavelengths_nm": scene.wavelengths_nm.tolist()})
    (folder / "binary.bin").write_bytes(bytes(range(256)) * 8)
    return folder


BUILT = set()


def _build_once(*arguments):
    """Stand in for a model that tells whether settings can be used; most runs have the same."""
    if (key := repr(arguments)) not in BUILT or torch.get_default_device().type != "meta":
        model = AlignedModel(*arguments)
        BUILT.add(key)
        return model
    return None


@pytest.fixture
def run(folder, monkeypatch, capsys):
    def stop(*_, **__):
        message = "Training is left out of this test."
        raise DataError(message)

    monkeypatch.chdir(folder)
    monkeypatch.setattr("hsvlm.cli.app", COMMAND)
    monkeypatch.setattr("hsvlm.contrastive.model.AlignedModel", _build_once)
    monkeypatch.setattr("hsvlm.estimator.fit_classifier", stop)
    monkeypatch.setattr("hsvlm.pretraining.MaskedPretrainer.fit", stop)
    monkeypatch.setattr("hsvlm.evaluation.evaluate", stop)
    monkeypatch.setattr("hsvlm.cli._demo_run.run_demo", stop)
    monkeypatch.setattr("hsvlm.mapping.predict_scene", stop)

    def run(arguments):
        monkeypatch.setattr(sys, "argv", ["hsvlm", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        err = capsys.readouterr().err
        problems = [
            name
            for name, is_wrong in {
                "status": stop.value.code not in (0, 1, 2),
                "length": err.count("\n") > 5,
                "traceback": "Traceback" in err or "An unexpected" in err,
                "python": PYTHON.search(err),
                "control": "\x1b" in err,
            }.items()
            if is_wrong
        ]
        return [(problems, " ".join(arguments)[:200], err[:600])] if problems else []

    return run


COMPLETE = {
    "fit": ["scene.tif", "--labels", "labels.tif", "--output", "fitted"],
    "predict": ["model", "scene.tif", "--output", "mapped"],
    "evaluate": ["scene.tif", "--labels", "labels.tif", "--output", "evaluated"],
    "compare": [
        *("scene.tif", "--labels", "labels.tif", "--output", "compared"),
        *("--encoders", "default"),
    ],
    "pretrain": ["scene.tif", "--output", "pretrained"],
    "inspect": ["scene.tif"],
    "report": ["model", "page.html"],
    "demo": ["--output", "demo"],
    "settings": [],
}


def options(command):
    parameters = COMMAND.commands[command].params
    return [option for option in parameters if option.opts[0].startswith("--")]


def commands_before(command):
    return list(COMPLETE)[: list(COMPLETE).index(command)]


def is_known(word, command):
    """Whether a command before this one is given the same, and reads it by the same function."""
    return any(word in COMPLETE[one] for one in commands_before(command))


def is_shared(option, command):
    """Whether a command before this one has the same option, which is read by the same function."""
    before = commands_before(command)
    return (option.opts, option.help) in [(o.opts, o.help) for one in before for o in options(one)]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMAND.commands)
def test_no_option_takes_nonsense_with_a_traceback(run, command):
    complaints = []
    for number, option in enumerate(options(command)):
        # Neighbours have different texts of a sample.
        texts = TEXTS[number % 4 :: 4] if is_shared(option, command) else TEXTS
        for text in texts:
            value = f"lidar={text}" if option.opts[0] == "--auxiliary" and len(text) % 2 else text
            arguments = [command, *COMPLETE[command], f"{option.opts[0]}={value}"]
            if option.opts[0] == "--labels":
                arguments = [command, "scene.tif", *arguments[4:]]
            complaints += run(arguments)
    for place, word in enumerate(COMPLETE[command]):
        for text in TEXTS[place % 4 :: 4] if is_known(word, command) else TEXTS:
            arguments = list(COMPLETE[command])
            arguments[place] = text
            complaints += run([command, *arguments])
    assert complaints == []


def _foreign_files(folder):
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "text")
    contents = {
        "empty": b"",
        "text": b"This is not a raster.\n" * 20,
        "html": b"<!DOCTYPE html><html><body>404</body></html>",
        "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:"
        + b"0" * 64
        + b"\nsize 9\n",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "zip": (folder / "a.zip").read_bytes(),
        "huge": b"ENVI\nsamples = 999999999\nlines = 999999999\nbands = 999999\n" * 3,
        "bytes": bytes(range(256)) * 4,
        "json": b'{"a": [1, {"b": null}]}',
        "yaml": b"a: [1, 2\n",
    }
    for name, content in contents.items():
        for suffix in (*RASTERS, *FEATURES, *TEXT_FILES, ".zip", ""):
            path = folder / f"{name}{suffix}"
            if not path.exists():
                path.write_bytes(content)
            yield path.name
    yield "."


RASTERS = (".tif", ".hdr", ".mat", ".npy", ".npz", ".nc", ".h5")
FEATURES = (".gpkg", ".shp", ".geojson")
TEXT_FILES = (".yaml", ".json", ".toml")
LABELS = (*RASTERS, *FEATURES, ".zip")
READS = {
    **dict.fromkeys(("scene.tif", "--auxiliary"), RASTERS),
    **dict.fromkeys(("labels.tif", "--labels", "--reference", "--test-labels"), LABELS),
    **dict.fromkeys(("--prompts", "--recipe"), TEXT_FILES),
    "model": (".zip", *TEXT_FILES),
}
# "evaluate" and "predict" read these by the functions of "fit", which is given all files.
READ_BY_FIT = {"scene.tif", "labels.tif", "--prompts", "--recipe", "--reference", "--test-labels"}
SAMPLE = 7


def is_worth_it(number, name, place, command):
    """Whether the suffix is known there, so that the content matters; else a sample is enough."""
    if number % SAMPLE == 0:  # has each of the 10 contents and each of the 15 suffixes
        return True
    is_read_by_fit = command in ("predict", "evaluate") and place in READ_BY_FIT
    return not is_read_by_fit and name.endswith(READS.get(place, ()))


@pytest.mark.slow
# "compare" reads its files by the functions of "evaluate", and "pretrain" by those of "fit".
@pytest.mark.parametrize("command", ["fit", "predict", "evaluate", "inspect"])
def test_no_path_takes_foreign_files_with_a_traceback(run, folder, command):
    paths = {"--labels", "--reference", "--test-labels", "--recipe", "--prompts", "--store"}
    paths -= set(COMPLETE[command])
    complaints = []
    for number, name in enumerate(_foreign_files(folder)):
        for place, word in enumerate(COMPLETE[command]):
            if not word.startswith("--") and is_worth_it(number, name, word, command):
                arguments = list(COMPLETE[command])
                arguments[place] = name
                complaints += run([command, *arguments])
        for option in options(command):
            if option.opts[0] in paths and is_worth_it(number, name, option.opts[0], command):
                complaints += run([command, *COMPLETE[command], option.opts[0], name])
        if command in ("fit", "inspect") and is_worth_it(number, name, "--auxiliary", command):
            complaints += run([command, *COMPLETE[command], "--auxiliary", f"lidar={name}"])
    assert complaints == []
