"""``hsvlm pretrain``: encoders from scenes without labels."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from hsvlm import Scene
from hsvlm.cli import app
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.io import read_scene, write_map, write_scene

# Where it is stopped cannot be set from outside.
from hsvlm.pretraining import MaskedPretrainer, _loop, load_pretrained
from hsvlm.vision.transplant import PretrainedViT

OPTIONS = ("--epochs", "1", "--quiet")


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.split())


@pytest.fixture
def files(tmp_path, monkeypatch, cube, labels):
    monkeypatch.chdir(tmp_path)
    scene = Scene(cube, wavelengths_nm=np.linspace(400, 900, 12))
    write_scene("scene.tif", scene)
    write_scene("turned.tif", replace(scene, cube=cube[:10]).select_bands(np.arange(12)[::-1]))
    write_map("labels.tif", labels)
    return scene


@pytest.mark.slow
def test_the_encoder_is_that_of_python(files):
    code, printed, _ = run("pretrain", "scene.tif", "-o", "out", "--seed", "3", *OPTIONS)
    assert code == 0
    expected = MaskedPretrainer(max_epochs=1, random_state=3).fit(read_scene("scene.tif"))
    encoder = load_pretrained("out/encoder")
    assert encoder.digest == expected.encoder_.digest
    assert encoder.provenance["wavelengths_nm"] == pytest.approx(files.wavelengths_nm)
    assert "Trained vit (" in printed
    assert "on 360 pixels of 12 bands, without labels" in printed
    assert "--set pretrained=out/encoder" in printed


@pytest.mark.slow
def test_several_scenes_are_joined_by_wavelength(files):
    _, printed, _ = run("pretrain", "scene.tif", "turned.tif", "-o", "out", "--json", *OPTIONS)
    figures = json.loads(printed)
    assert figures["n_pixels"] == 18 * 20 + 10 * 20
    assert figures["encoder"] == "out/encoder"
    report = json.loads(Path("out/report.json").read_text())
    assert report == {name: value for name, value in figures.items() if name != "encoder"}
    scenes = load_pretrained("out/encoder").provenance["scenes"]
    same = MaskedPretrainer(max_epochs=1).fit([files, replace(files, cube=files.cube[:10])])
    assert [scene["sha256"] for scene in scenes] == [
        scene["sha256"] for scene in same.encoder_.provenance["scenes"]
    ]


@pytest.mark.slow
def test_a_recipe_repeats_it(files):
    run("pretrain", "scene.tif", "-o", "out", "--encoder", "vit", "--window-size", "9", *OPTIONS)
    code, _, _ = run("pretrain", "--recipe", "out/recipe.yaml", "-o", "again", "--quiet")
    assert code == 0
    first, second = (load_pretrained(f"{folder}/encoder") for folder in ("out", "again"))
    assert (first.vision_encoder, first.window_size) == ("vit", 9)
    assert first.digest == second.digest
    code, _, _ = run("pretrain", "--recipe", "out/recipe.yaml", "--quiet")  # replaces its output
    assert code == 0


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on(files, monkeypatch):
    arguments = ("pretrain", "scene.tif", "-o", "out", "--epochs", "12", "--quiet")
    run(*arguments)
    expected = load_pretrained("out/encoder").digest
    shutil.rmtree("out")
    epoch, epochs = _loop.WindowStream.epoch, []

    def watched(self, rng):
        epochs.append(0)
        if len(epochs) == 12:
            raise SystemError
        return epoch(self, rng)

    monkeypatch.setattr(_loop.WindowStream, "epoch", watched)
    with pytest.raises(SystemError):
        run(*arguments)
    assert len(list(Path("out/checkpoints").iterdir())) == 1
    assert (
        run("pretrain", "--recipe", "out/recipe.yaml", "-o", "out", "--resume", "--quiet")[0] == 0
    )
    assert len(epochs) == 12 + 2  # the last two of twelve once more
    assert load_pretrained("out/encoder").digest == expected
    assert not Path("out/checkpoints").exists()


@pytest.mark.slow
def test_bands_are_chosen(files):
    run("pretrain", "scene.tif", "-o", "out", "--wavelengths", "400:700", *OPTIONS)
    assert load_pretrained("out/encoder").preprocessing[0].n_features_in_ == 7
    run("pretrain", "scene.tif", "-o", "reduced", "--channels", "5", *OPTIONS)
    assert load_pretrained("reduced/encoder").preprocessing[-1].n_features_in_ == 5


@pytest.mark.slow
def test_a_classifier_starts_from_it(files):
    run("pretrain", "scene.tif", "-o", "out", *OPTIONS)
    code, printed, _ = run(
        *("fit", "scene.tif", "--labels", "labels.tif", "-o", "model", "--quiet"),
        *("--set", "pretrained=out/encoder", "--set", "max_epochs=1", "--set", "spatial=none"),
        *("--set", "criterion=cross-entropy"),
    )
    assert code == 0
    assert "The model is in model/model" in printed


@pytest.mark.slow
def test_an_encoder_is_inspected(files):
    run("pretrain", "scene.tif", "-o", "out", *OPTIONS)
    _, printed, _ = run("inspect", "out/encoder")
    lines = dict(line.split("  ", 1) for line in printed.splitlines())
    assert lines["pre-trained encoder"].startswith("vit, ")
    assert lines["scenes"].strip() == "18 x 20 x 12"
    figures = json.loads(run("inspect", "out/encoder", "--json")[1])
    assert figures["n_pixels"] == 360
    assert "read" not in figures["scenes"][0]
    assert "encoder" in run("inspect", "out")[1]


@pytest.mark.slow
def test_published_weights_are_inspected(files):
    torch.manual_seed(0)
    body = PretrainedViT(6, 5, 1, width=16, depth=1, n_heads=2)
    torch.save(body.state_dict(), "body.pth")
    Path("body.json").write_text('{"n_heads": 2}')
    _, printed, _ = run("inspect", "body.pth")
    lines = dict(line.split("  ", 1) for line in printed.splitlines())
    stripped = {name: line.strip() for name, line in lines.items()}
    assert stripped["pre-trained encoder"].startswith("pretrained-vit, ")
    assert stripped["model"] == "ViT, recognized by its tensors"
    assert stripped["license"] == "unknown, see unknown"
    assert stripped["assumed"] == (
        "n_heads=2: the file body.json; norm_eps=1e-06: what is known of ViT"
    )
    assert stripped["not used"] == "3 tensors, such as embedding.bias"
    figures = json.loads(run("inspect", "body.pth", "--json")[1])
    assert figures["vision_params"]["n_heads"] == 2
    assert figures["dropped"] == ["embedding.bias", "embedding.weight", "positions"]
    digest = hashlib.sha256(Path("body.pth").read_bytes()).hexdigest()
    assert figures["file_sha256"] == digest == stripped["file, SHA-256"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (("--encoder", "vit-9"), UnknownNameError, "Unknown vision encoder 'vit-9'"),
        (("--window-size", "4"), ParameterError, "window_size=4 has no center pixel"),
    ],
)
def test_wrong_options_are_refused_before_files_are_read(files, options, error, message):
    with pytest.raises(error, match=message):
        run("pretrain", "missing.tif", "-o", "out", *options)


def test_what_is_missing_is_said(files):
    code, _, printed = run("pretrain", "scene.tif")
    assert code == 2
    assert "--output is missing. Give it here or in a recipe." in printed


def test_scenes_with_other_bands_are_refused(files, cube):
    write_scene("other.tif", Scene(cube[..., :5]))
    with pytest.raises(DataError, match="has 12 bands and 'other' has 5"):
        run("pretrain", "scene.tif", "other.tif", "-o", "out", *OPTIONS)
