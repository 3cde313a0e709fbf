"""Chosen bands, several scenes and the options that say how they are read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.exceptions import DataError
from hsvlm.io import write_map, write_scene

pytestmark = pytest.mark.usefixtures("no_pictures")

SMALL = ["window_size=3", "patch_size=1", "max_epochs=1", "n_components=2", "spatial=none"]
SMALL += ["vision_params={width: 16, depth: 1, n_heads: 2, mlp_width: 16}"]
NAMES = {1: "oats", 2: "soil", 3: "lake"}


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


def fit(*arguments):
    settings = [part for setting in SMALL for part in ("--set", setting)]
    return json.loads(run("fit", *arguments, "--output", "fitted", "--quiet", "--json", *settings))


@pytest.fixture
def scene(tmp_path, monkeypatch, cube, labels):
    monkeypatch.chdir(tmp_path)
    scene = Scene(cube, labels, NAMES, wavelengths_nm=np.linspace(400, 950, 12))
    write_scene("scene.tif", scene)
    write_map("labels.tif", labels, class_names=NAMES)
    return scene


def trained_wavelengths():
    return HSIPromptClassifier.load("fitted/model").metadata_["wavelengths_nm"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "kept"),
    [
        (["--wavelengths", "450:700"], [450, 500, 550, 600, 650, 700]),
        (["--wavelengths", "400:450,900:"], [400, 450, 900, 950]),
        (["--wavelengths", ":500", "--wavelengths", "900:"], [400, 450, 500, 900, 950]),
        (["--exclude", "420:920"], [400, 950]),
        (["--wavelengths", "400:600", "--exclude", "440:510"], [400, 550, 600]),
    ],
)
def test_the_model_keeps_the_bands_chosen(scene, options, kept):
    assert fit("scene.tif", "--labels", "labels.tif", *options)["n_bands"] == len(kept)
    assert trained_wavelengths() == kept
    run("predict", "fitted", "scene.tif", "--output", "mapped", "--quiet")


@pytest.mark.slow
def test_bands_that_the_file_marks_as_bad_stay_out(scene):
    write_scene("bad.hdr", replace(scene, bad_bands=np.arange(12) < 4))
    fit("bad.hdr", "--labels", "labels.tif", "--wavelengths", "400:700")
    assert trained_wavelengths() == [600, 650, 700]


@pytest.mark.slow
def test_ranges_need_wavelengths_and_bands(scene):
    arguments = ["scene.tif", "--labels", "labels.tif"]
    with pytest.raises(DataError, match=r"leave no usable band of 'scene'.* 400.0 and 950.0 nm"):
        fit(*arguments, "--wavelengths", "0.4:0.7")
    write_scene("plain.tif", replace(scene, wavelengths_nm=None))
    with pytest.raises(DataError, match="The wavelengths of 'plain' are unknown"):
        fit("plain.tif", *arguments[1:], "--exclude", "0:500")


@pytest.mark.slow
def test_several_scenes_are_joined_by_names_and_wavelengths(scene, labels):
    turned = scene.select_bands(np.arange(12)[::-1])
    write_scene("turned.tif", turned)
    renumbered = np.array([0, 3, 1, 2], dtype=np.uint8)[labels]
    write_map("renumbered.tif", renumbered, class_names={3: "oats", 1: "soil", 2: "lake"})
    report = fit("scene.tif", "labels.tif", "turned.tif", "renumbered.tif")
    once = [int((labels == label).sum()) for label in (1, 2, 3)]
    assert [entry["n_samples"] for entry in report["classes"]] == [2 * count for count in once]
    assert [entry["name"] for entry in report["classes"]] == ["oats", "soil", "lake"]
    clf = HSIPromptClassifier.load("fitted/model")
    assert clf.metadata_["scene"] == "scene, turned"
    run("fit", "--recipe", "fitted/recipe.yaml", "--output", "again", "--quiet")
    again = HSIPromptClassifier.load("again/model")
    np.testing.assert_array_equal(clf.predict(scene.cube), again.predict(scene.cube))


@pytest.mark.slow
def test_scenes_of_other_bands_are_refused(scene):
    write_scene("plain.tif", replace(scene.select_bands(np.arange(5)), wavelengths_nm=None))
    with pytest.raises(DataError, match="'scene' has 12 bands and 'plain' has 5, and without"):
        fit("scene.tif", "labels.tif", "plain.tif", "labels.tif")


@pytest.mark.slow
def test_values_for_no_label(scene, labels):
    write_map("marked.tif", np.where(labels == 0, 255, labels).astype(np.uint8))
    report = fit("scene.tif", "--labels", "marked.tif", "--unlabeled", "255")
    assert [entry["label"] for entry in report["classes"]] == [1, 2, 3]
    report = fit("scene.tif", "--labels", "labels.tif", "--unlabeled", "0,3")
    assert [entry["label"] for entry in report["classes"]] == [1, 2]


def test_values_and_rule_of_no_data(scene, cube):
    broken = cube.copy()
    broken[0, 0, 3] = np.nan
    broken[0, 1] = -9999
    broken[0, 2, 1] = -9999
    write_scene("broken.tif", Scene(broken))

    def count(*options):
        return json.loads(run("inspect", "broken.tif", "--json", *options))["n_valid"]

    assert count("--nodata", "nan,-9999") == 357
    assert count("--nodata", "nan,-9999", "--nodata-rule", "all") >= 358
    assert count("--nodata", "none") >= 359


def test_cubes_with_two_dimensions(scene, cube):
    np.save("flat.npy", cube.reshape(-1, 12))
    figures = json.loads(run("inspect", "flat.npy", "--shape", "18x20", "--json"))
    assert (figures["height"], figures["width"], figures["n_bands"]) == (18, 20, 12)
    assert "'18' is not a height and a width" in run(
        "inspect", "flat.npy", "--shape", "18", status=2
    )


@pytest.mark.slow
def test_labels_of_the_file_of_the_cube(scene, cube, labels):
    np.savez("both.npz", cube=cube, truth=labels, other=labels.T)
    report = fit("both.npz", "--label-variable", "truth")
    assert report["n_samples"] == int((labels > 0).sum())


@pytest.mark.parametrize("option", [["--label-column", "crop"], ["--all-touched"]])
def test_label_options_without_labels(scene, option):
    printed = run("inspect", "scene.tif", *option, status=2)
    assert f"{option[0]} says how labels are read, but there are none." in printed
