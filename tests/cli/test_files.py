"""From files to maps on the command line, with the same result as in Python."""

import json
import shutil
from dataclasses import replace

import geopandas
import numpy as np
import pytest
import rasterio
import torch
from spectral.io import envi
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm._training.callbacks import Monitor
from hsvlm.cli import app
from hsvlm.datasets import load_indian_pines
from hsvlm.exceptions import DataError, FileError, MissingFileError, PromptError
from hsvlm.io import write_map, write_scene
from hsvlm.prompts import write_prompt_file
from hsvlm.vision.transplant import PretrainedViT

SMALL = {
    "window_size": 5,
    "patch_size": 1,
    "max_epochs": 2,
    "n_components": 6,
    "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
}
BY_WINDOW = ("--set", "spatial=none")  # for tests that are not about the read-out
PROMPTS = {1: ["a field of oats"], 2: ["bare soil"], 3: ["a lake"]}
NAMES = {1: "Oats", 2: "Soil", 3: "Lake"}
COLORS = {1: "#00ff00", 2: "#886644", 3: "#0000ff"}


def run(*arguments):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def set_options(settings):
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]


@pytest.fixture
def georeferenced(cube, labels):
    return Scene(
        cube,
        labels,
        wavelengths_nm=np.linspace(400, 900, 12),
        crs="EPSG:32616",
        transform=(20.0, 0.0, 500_000.0, 0.0, -20.0, 4_400_000.0),
    )


@pytest.fixture
def files(tmp_path, georeferenced):
    write_scene(tmp_path / "scene.tif", georeferenced)
    write_map(tmp_path / "labels.tif", georeferenced.labels, scene=georeferenced)
    write_prompt_file(tmp_path / "classes.yaml", PROMPTS, NAMES, COLORS)
    return tmp_path


def fit(folder, *more):
    return run(
        *("fit", folder / "scene.tif", "--labels", folder / "labels.tif"),
        *("--prompts", folder / "classes.yaml", "--output", folder / "fitted", "--quiet"),
        *(*set_options(SMALL), *more),
    )


@pytest.mark.slow
def test_fit_and_predict_equal_python(files, cube, labels):
    report = json.loads(fit(files, "--json"))
    assert report["model"] == str(files / "fitted" / "model")
    assert report["classes"][0] == {"label": 1, "name": "Oats", "n_samples": 70}
    arguments = ["predict", files / "fitted", files / "scene.tif", "--output", files / "mapped"]
    more = ["--probabilities", "--entropy", "--reference", files / "labels.tif", "--quiet"]
    more += ["--polygons", "--sieve", 3, "--stac"]
    areas = json.loads(run(*arguments, *more, "--json"))

    clf = HSIPromptClassifier(PROMPTS, class_names=NAMES, random_state=0, **SMALL)
    clf.fit(cube, labels)
    with rasterio.open(files / "mapped" / "map.tif") as opened:
        np.testing.assert_array_equal(opened.read(1), clf.predict(cube))
        assert opened.crs.to_epsg() == 32616
        assert opened.transform[:6] == (20.0, 0.0, 500_000.0, 0.0, -20.0, 4_400_000.0)
        assert opened.colormap(1)[3] == (0, 0, 255, 255)
    with rasterio.open(files / "mapped" / "probabilities.tif") as opened:
        found = np.moveaxis(opened.read(), 0, -1)
        np.testing.assert_array_equal(found, clf.predict_proba(cube))
        assert opened.descriptions == ("Oats", "Soil", "Lake")
    assert areas["map"] == str(files / "mapped" / "map.tif")
    polygons = geopandas.read_file(files / "mapped" / "polygons.gpkg", layer="classes")
    assert set(zip(polygons.value, polygons.name, polygons.color, strict=True)) <= {
        (label, name, COLORS[label]) for label, name in NAMES.items()
    }
    assert polygons.area_ha.sum() == pytest.approx(0.04 * cube[..., 0].size)
    assert polygons.probability.between(0, 1).all()
    item = json.loads((files / "mapped" / "map.json").read_text())
    assert item["assets"].keys() == {
        *("map", "probabilities", "entropy", "polygons", "areas", "preview"),
    }
    assert item["assets"]["preview"]["href"] == "./map.png"
    classes = item["assets"]["map"]["classification:classes"][1:]
    assert [entry["description"] for entry in classes] == [texts[0] for texts in PROMPTS.values()]
    names = {one.name for one in (files / "mapped").iterdir()}
    assert {"map.qml", "map.tif.aux.xml", "probabilities.qml", "entropy.qml"} <= names
    assert {"map.tif", "entropy.tif", "areas.json", "areas.md", "map.png", "recipe.yaml"} <= names
    assert not [name for name in names if "part" in name]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_an_adapted_encoder_equals_python(files, cube, labels):
    path = files / "body.pth"
    torch.manual_seed(0)
    torch.save(PretrainedViT(6, 5, 1, width=16, depth=1, n_heads=2).state_dict(), path)
    chosen = {"pretrained": path, "adapter": "krona+", "adapter_params": {"ratio": 4}}
    settings = {name: SMALL[name] for name in SMALL if name != "vision_params"}
    chosen["vision_params"] = {"n_heads": 2}
    fit(files, *set_options(chosen), *BY_WINDOW)
    run("predict", files / "fitted", files / "scene.tif", "--output", files / "mapped", "--quiet")
    settings |= {"spatial": None, **chosen}
    clf = HSIPromptClassifier(PROMPTS, class_names=NAMES, random_state=0, **settings)
    clf.fit(cube, labels)
    with rasterio.open(files / "mapped" / "map.tif") as opened:
        np.testing.assert_array_equal(opened.read(1), clf.predict(cube))


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_the_recipes_repeat_both_runs(files):
    fit(files)
    predict = ["predict", files / "fitted", files / "scene.tif", "--output", files / "mapped"]
    run(*predict, "--quiet")
    (files / "classes.yaml").unlink()
    recipe = files / "fitted" / "recipe.yaml"
    run("fit", "--recipe", recipe, "--output", files / "again", "--quiet")
    run(
        *("predict", files / "again", "--recipe", files / "mapped" / "recipe.yaml"),
        *("--output", files / "mapped-again", "--quiet"),
    )
    first, second = (files / name / "map.tif" for name in ("mapped", "mapped-again"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_envi_maps(files):
    fit(files, *BY_WINDOW)
    folder = files / "mapped"
    run("predict", files / "fitted", files / "scene.tif", "--output", folder, "--format", "hdr")
    opened = envi.open(str(folder / "map.hdr"))
    assert opened.metadata["class names"][1:] == ["Oats", "Soil", "Lake"]
    assert opened.shape == (18, 20, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_bands_are_matched_by_wavelength(files, georeferenced):
    fit(files, *BY_WINDOW)
    turned = georeferenced.select_bands(np.arange(12)[::-1])
    write_scene(files / "turned.tif", turned)
    predict = ["predict", files / "fitted"]
    run(*predict, files / "scene.tif", "--output", files / "a", "--quiet")
    run(*predict, files / "turned.tif", "--output", files / "b", "--quiet")
    with rasterio.open(files / "a" / "map.tif") as a, rasterio.open(files / "b" / "map.tif") as b:
        np.testing.assert_array_equal(a.read(1), b.read(1))

    nameless = replace(georeferenced.select_bands(np.arange(5)), wavelengths_nm=None)
    write_scene(files / "few.tif", nameless)
    with pytest.raises(DataError, match="was trained on 12 bands and 'few' has 5, and without"):
        run(*predict, files / "few.tif", "--output", files / "c")


def test_inspect_tells_of_scenes(files):
    described = ["inspect", files / "scene.tif", "--labels", files / "labels.tif"]
    printed = run(*described)
    assert "18 x 20 pixels, 12 bands" in printed
    assert "400.0 to 900.0 nm" in printed
    figures = json.loads(run(*described, "--json"))
    assert (figures["height"], figures["width"], figures["n_bands"]) == (18, 20, 12)
    assert figures["wavelengths_nm"][-1] == 900.0
    assert figures["transform"][0] == 20.0
    assert figures["n_valid"] == 360
    assert [one["n_pixels"] for one in figures["labels"]] == [136, 70, 84, 70]


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_inspect_tells_of_models(files):
    fit(files, *BY_WINDOW)
    printed = run("inspect", files / "fitted")
    assert "1: Oats #00ff00 (a field of oats)" in printed
    assert "max_epochs=2" in printed
    assert "12, 400.0 to 900.0 nm" in printed
    figures = json.loads(run("inspect", files / "fitted" / "model", "--json"))
    lake = {"label": 3, "name": "Lake", "color": "#0000ff", "prompts": ["a lake"]}
    assert figures["classes"][2] == lake
    assert figures["n_epochs"] == 2


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_evaluate_on_files(files):
    output = files / "evaluated"
    printed = run(
        *("evaluate", files / "scene.tif", "--labels", files / "labels.tif"),
        *("--prompts", files / "classes.yaml", "--protocol", "random-10", "--splits", 1),
        *("--output", output, "--quiet", *set_options(SMALL)),
    )
    assert "=== scene.tif, random-10 ===" in printed
    assert "Lake" in printed
    assert {one.name for one in output.iterdir()} == {"report.json", "report.md", "recipe.yaml"}


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_what_is_missing_or_wrong_is_said_before_anything_is_computed(files):
    fitting = ["fit", files / "scene.tif", "--labels", files / "labels.tif"]
    assert CliRunner().invoke(app, ["fit", "--output", "x"]).exit_code == 2
    assert CliRunner().invoke(app, ["predict"]).exit_code == 2
    with pytest.raises(MissingFileError, match=r"nothing\.tif does not exist"):
        run("fit", files / "nothing.tif", *fitting[2:], "--output", files / "fitted")
    with pytest.raises(MissingFileError, match="nothing does not exist"):
        run("inspect", files / "nothing")
    with pytest.raises(FileError, match="nothing"):
        run("predict", files / "nothing", files / "scene.tif", "--output", files / "mapped")
    write_prompt_file(files / "classes.yaml", {1: "oats", 2: "soil"})
    with pytest.raises(PromptError) as error:
        run(*fitting, "--prompts", files / "classes.yaml", "--output", files / "fitted")
    assert str(error.value) == (
        f"Class 3 of {files / 'labels.tif'} has no counterpart in {files / 'classes.yaml'}, whose "
        "classes are 1, 2. Describe them there under the same names, or remove their labels if "
        "they are not to be mapped."
    )
    assert not (files / "fitted").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_fit_that_was_stopped_goes_on(files, monkeypatch):
    fit(files, "--set", "checkpoint_every=1")
    expected = (files / "fitted" / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(files / "fitted")
    watch, epochs = Monitor.on_epoch_begin, []

    def on_epoch_begin(self, net, **more):
        epochs.append(len(net.history))
        if epochs == [1, 1, 1, 1, 2]:
            raise SystemError
        watch(self, net, **more)

    monkeypatch.setattr(Monitor, "on_epoch_begin", on_epoch_begin)
    with pytest.raises(SystemError):
        fit(files, "--set", "checkpoint_every=1")
    recipe = files / "fitted" / "recipe.yaml"
    run("fit", "--recipe", recipe, "--output", files / "fitted", "--resume")
    # The three short trainings that weigh the read-out come first, and once more.
    assert epochs == [1, 1, 1, 1, 2, 1, 1, 1, 2]
    assert (files / "fitted" / "model" / "model.safetensors").read_bytes() == expected
    assert not (files / "fitted" / "checkpoints").exists()
    assert "resume" not in recipe.read_text()


def test_ctrl_c_has_its_own_exit_status(files, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm.estimator.fit_classifier", interrupt)
    arguments = ["fit", files / "scene.tif", "--labels", files / "labels.tif"]
    arguments += ["--output", files / "fitted"]
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 130
    assert result.stderr.endswith("hsvlm: interrupted.\n")


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("suffix", ["tif", "hdr"])
def test_indian_pines_from_files_equals_indian_pines_from_arrays(tmp_path, suffix):
    scene = load_indian_pines()
    scene = replace(scene, cube=scene.cube[100:, :50], labels=scene.labels[100:, :50])
    write_scene(tmp_path / f"scene.{suffix}", scene)
    write_map(tmp_path / f"labels.{suffix}", scene.labels, class_names=scene.class_names)
    settings = {"max_epochs": 1, "window_size": 3, "spatial_params": {"weights": [0.5, 0.5]}}
    run(
        *("fit", tmp_path / f"scene.{suffix}", "--labels", tmp_path / f"labels.{suffix}"),
        *("--prompts", "indian-pines", "--output", tmp_path / "fitted", "--quiet"),
        *set_options(settings),
    )
    run(
        *("predict", tmp_path / "fitted", tmp_path / f"scene.{suffix}", "--format", suffix),
        *("--output", tmp_path / "mapped", "--quiet"),
    )
    clf = HSIPromptClassifier("indian-pines", random_state=0, **settings)
    expected = clf.fit(scene.cube, scene.labels).predict(scene.cube)
    path = tmp_path / "mapped" / f"map.{suffix}"
    if suffix == "tif":
        with rasterio.open(path) as opened:
            found = opened.read(1)
    else:
        found = envi.open(str(path)).read_band(0)
    np.testing.assert_array_equal(found, expected)
