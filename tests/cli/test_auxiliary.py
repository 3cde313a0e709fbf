"""Further sources of a scene on the command line: from files to the map that Python makes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import scipy.io
from rasterio.warp import transform_bounds
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.exceptions import (
    DataError,
    FileError,
    HSVLMWarning,
    MissingFileError,
    ParameterError,
)
from hsvlm.io import align, read_scene, write_map, write_scene

pytestmark = pytest.mark.usefixtures("no_pictures")

SETTINGS = {
    "window_size": 3,
    "patch_size": 1,
    "max_epochs": 1,
    "n_components": 3,
    "spatial": "none",
    "vision_params": {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16},
}
BOTH = ["--auxiliary", "lidar=dsm.tif", "--auxiliary", "sar=power.tif"]
FILES = {"lidar": "dsm.tif", "sar": "power.tif"}
SPECTRA = "'spectra' (12 channels)"
SOURCES = f"{SPECTRA}, 'lidar' (1 channel), 'sar' (2 channels)"


def run(*arguments, status=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    # Without the frame around wrong options.
    return result.stdout if status == 0 else " ".join(result.output.replace("│", " ").split())


def options(**changes):
    return [
        part
        for name, value in {**SETTINGS, **changes}.items()
        for part in ("--set", f"{name}={value}")
    ]


ONE_SCENE = ("scene.tif", "--labels", "labels.tif")


def fit(*arguments, files=ONE_SCENE, output="fitted", **settings):
    return run("fit", *files, *arguments, "--output", output, "--quiet", *options(**settings))


def predict(*arguments, output="mapped"):
    return run("predict", "fitted", "scene.tif", *arguments, "--output", output, "--quiet")


def read_map(output="mapped"):
    with rasterio.open(f"{output}/map.tif") as opened:
        return opened.read(1)


@pytest.fixture
def scene(tmp_path, monkeypatch, cube, labels):
    """Write a scene of 18 x 20 pixels of 20 m, finer heights in degrees, and coarser power."""
    monkeypatch.chdir(tmp_path)
    scene = Scene(
        cube,
        labels,
        wavelengths_nm=np.linspace(400, 950, 12),
        crs="EPSG:32616",
        transform=(20, 0, 500_000, 0, -20, 4_400_000),
    )
    write_scene("scene.tif", scene)
    write_map("labels.tif", labels, scene=scene)
    bounds = (500_000, 4_399_640, 500_400, 4_400_000)
    west, _, east, north = transform_bounds("EPSG:32616", "EPSG:4326", *bounds)
    step = (east - west) / 60
    rng = np.random.default_rng(0)
    heights = rng.normal(100, 10, (80, 80, 1)).astype(np.float32)
    place = (step, 0, west - 5 * step, 0, -step, north + 5 * step)
    write_scene("dsm.tif", Scene(heights, crs="EPSG:4326", transform=place))
    power = rng.gamma(2, size=(10, 12, 2)).astype(np.float32)
    place = (40, 0, 499_960, 0, -40, 4_400_040)
    write_scene("power.tif", Scene(power, crs="EPSG:32616", transform=place))
    return scene


def stacked(files=FILES):
    scene = read_scene("scene.tif", labels="labels.tif")
    return replace(scene, auxiliary={name: align(path, like=scene) for name, path in files.items()})


def in_python(**changes):
    settings = {**SETTINGS, "spatial": None, **changes}
    return HSIPromptClassifier(random_state=0, **settings).fit(stacked())


@pytest.mark.slow
def test_the_map_equals_that_of_python(scene):
    report = json.loads(fit(*BOTH, "--json", max_epochs=20))
    assert report["n_bands"] == 15
    assert report["sources"] == {"spectra": 12, "lidar": 1, "sar": 2}
    # In any order, and from bands in another one.
    predict(*BOTH[2:], *BOTH[:2], "--probabilities")
    clf = in_python(max_epochs=20)
    expected = clf.predict(stacked())
    np.testing.assert_array_equal(read_map(), expected)
    assert set(np.unique(expected)) == {1, 2, 3}
    with rasterio.open("mapped/probabilities.tif") as opened:
        values = np.moveaxis(opened.read(), 0, -1)
    np.testing.assert_array_equal(values, clf.predict_proba(stacked()))
    write_scene("scene.tif", scene.select_bands(np.arange(12)[::-1]))
    predict(*BOTH, output="reversed")
    np.testing.assert_array_equal(read_map("reversed"), expected)


@pytest.mark.slow
def test_the_model_tells_its_sources(scene):
    assert f"pixels of {SOURCES} in" in fit(*BOTH)
    clf = HSIPromptClassifier.load("fitted/model")
    assert clf.metadata_["auxiliary"] == "lidar=dsm.tif, sar=power.tif"
    lines = run("inspect", "fitted")
    assert "bands       15, 400.0 to 950.0 nm" in lines
    assert f"sources     {SOURCES}" in lines
    figures = json.loads(run("inspect", "fitted", "--json"))
    assert figures["sources"] == {"spectra": 12, "lidar": 1, "sar": 2}
    assert figures["wavelengths_nm"] == [*scene.wavelengths_nm, None, None, None]
    card = Path("fitted/model/README.md").read_text()
    assert f"- sources {SOURCES}" in card
    assert "- band centres from 400 to 950 nm" in card
    assert "- auxiliary: lidar=dsm.tif, sar=power.tif" in card


@pytest.mark.slow
def test_recipes_repeat_both_runs_from_another_folder(scene, tmp_path, monkeypatch):
    fit(*BOTH)
    predict(*BOTH)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run("fit", "--recipe", "../fitted/recipe.yaml", "--output", "fitted", "--quiet")
    recipe = ["--recipe", "../mapped/recipe.yaml"]
    run("predict", "fitted", *recipe, "--output", "mapped", "--quiet")
    np.testing.assert_array_equal(read_map(), read_map("../mapped"))


@pytest.mark.slow
def test_paths_of_a_recipe_are_those_beside_it(scene, tmp_path, monkeypatch):
    text = "command: evaluate\noptions:\n  scene: scene.tif\n  auxiliary: [lidar=heights.tif]\n"
    Path("recipe.yaml").write_text(f"{text}  labels: labels.tif\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(MissingFileError) as error:
        run("evaluate", "--recipe", "../recipe.yaml")
    assert str(tmp_path / "heights.tif") in str(error.value).replace("elsewhere/../", "")


@pytest.mark.slow
def test_a_prediction_needs_the_sources_of_the_fit(scene, monkeypatch):
    fit(*BOTH)
    monkeypatch.setattr("hsvlm.cli._options.ReadOptions.read", None)  # before a file is read
    trained_on = f"The model was trained on the sources {SOURCES}"
    for arguments, message in {
        (): f"{trained_on}: 'lidar', 'sar' are missing. Give --auxiliary lidar=FILE.",
        (*BOTH[:2],): f"{trained_on}: 'sar' is missing. Give --auxiliary sar=FILE.",
        (*BOTH, "--auxiliary", "dsm=dsm.tif"): f"{trained_on}, and has no source 'dsm'. Leave out "
        "--auxiliary dsm=FILE.",
        (*BOTH[:2], "--auxiliary", "dsm=dsm.tif"): f"{trained_on}, and has no source 'dsm'. Give "
        "--auxiliary sar=FILE.",
    }.items():
        with pytest.raises(DataError) as error:
            predict(*arguments)
        assert error.value.for_command_line() == message
    assert not Path("mapped").exists()


@pytest.mark.slow
def test_a_source_with_other_channels_is_refused_before_the_folder_is_made(scene):
    fit(*BOTH)
    with pytest.raises(DataError) as error:
        predict(*BOTH[:2], "--auxiliary", "sar=dsm.tif")
    assert error.value.for_command_line() == (
        f"The classifier was fitted on {SOURCES}, and X holds {SPECTRA}, 'lidar' (1 channel), "
        "'sar' (1 channel). Give the same --auxiliary as to fit."
    )
    assert not Path("mapped").exists()


@pytest.mark.slow
def test_a_model_of_spectra_alone_takes_no_source(scene):
    fit()
    with pytest.raises(DataError) as error:
        predict(*BOTH[:2])
    assert error.value.for_command_line() == (
        "The model was trained on the bands of a scene alone, and has no source 'lidar'. Leave "
        "out --auxiliary lidar=FILE."
    )


@pytest.mark.slow
def test_an_encoder_that_may_do_without_a_source(scene):
    params = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16, "source_dropout": 0.3}
    settings = {"vision_encoder": "fusion-vit", "vision_params": params, "max_epochs": 10}
    fit(*BOTH, **settings)
    with pytest.warns(HSVLMWarning, match="The scene has no 'lidar'"):
        predict(*BOTH[2:])
    with pytest.warns(HSVLMWarning, match="The scene has no 'lidar'"):
        expected = in_python(**settings).predict(stacked({"sar": "power.tif"}))
    np.testing.assert_array_equal(read_map(), expected)
    assert len(np.unique(expected)) > 1


@pytest.mark.slow
def test_an_encoder_takes_names_truth_values_and_lists(scene):
    params = {**SETTINGS["vision_params"], "fusion": "concat", "multi_scale": False}
    settings = {"vision_encoder": "fusion-vit", "vision_params": params}
    fit(*BOTH, **settings)
    loaded, expected = HSIPromptClassifier.load("fitted/model"), in_python(**settings)
    np.testing.assert_array_equal(
        loaded.predict_proba(stacked()), expected.predict_proba(stacked())
    )
    assert loaded.net_.module_.encoder.fusion == "concat"
    run("fit", "--recipe", "fitted/recipe.yaml", "--output", "again", "--quiet")
    assert HSIPromptClassifier.load("again/model").vision_params == loaded.vision_params


@pytest.mark.parametrize(
    ("encoder", "params", "problem"),
    [
        ("fusion-vit", "fusion: cat", 'fusion takes "cross" or "concat" or "none"'),
        ("fusion-vit", "multi_scale: 2", "multi_scale takes true or false"),
        ("fusion-vit", "depth: 1.5", "depth takes a whole number"),
        ("dctn", "n_groups: few", "n_groups takes a whole number or none"),
        ("dctn", "depths: 3", "depths takes a list of whole numbers"),
        ("dctn", "depths: [3, deep]", "depths takes a list of whole numbers"),
    ],
)
def test_values_that_an_encoder_does_not_take(encoder, params, problem):
    settings = {"vision_encoder": encoder, "vision_params": f"{{{params}}}"}
    with pytest.raises(ParameterError) as error:
        fit(*BOTH, **settings)
    assert str(error.value).replace("'", "") == (
        f"vision_params={{{params}}} cannot be used: {problem}."
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dsm.tif", "'dsm.tif' is not a name and a file. Write them as lidar=dsm.tif."),
        ("=dsm.tif", "'=dsm.tif' is not a name and a file."),
        ("lidar=", "'lidar=' is not a name and a file."),
        (
            "spectra=dsm.tif",
            "'spectra' is the name of the bands of the scene. Give dsm.tif another one.",
        ),
    ],
)
def test_values_that_are_not_a_name_and_a_file(text, message):
    for command in ("fit", "predict", "evaluate", "compare", "inspect"):
        assert message in run(command, "scene.tif", "--auxiliary", text, status=2)


@pytest.fixture
def arrays(scene):
    """Write heights of the scene and finer power into a MATLAB file without a place."""
    rng = np.random.default_rng(0)
    values = {"heights": rng.normal(size=(18, 20)), "power": rng.gamma(2, size=(36, 40, 2))}
    scipy.io.savemat("arrays.mat", values)
    return values


@pytest.mark.slow
def test_arrays_without_a_place(arrays):
    names = ["--auxiliary-variable", "lidar=heights", "--auxiliary-variable", "sar=power"]
    files = ["--auxiliary", "lidar=arrays.mat", "--auxiliary", "sar=arrays.mat"]
    fit(*files, *names, max_epochs=5)
    predict(*files, *names)
    scene = read_scene("scene.tif", labels="labels.tif")
    power = arrays["power"].reshape(18, 2, 20, 2, 2).mean(axis=(1, 3)).astype(np.float32)
    scene = replace(scene, auxiliary={"lidar": arrays["heights"], "sar": power})
    clf = HSIPromptClassifier(random_state=0, **{**SETTINGS, "spatial": None, "max_epochs": 5})
    np.testing.assert_array_equal(read_map(), clf.fit(scene).predict(scene))
    saved = HSIPromptClassifier.load("fitted/model")
    assert saved.metadata_["auxiliary"] == "lidar=arrays.mat (heights), sar=arrays.mat (power)"
    recipe = ["--recipe", "mapped/recipe.yaml"]
    run("predict", "fitted", *recipe, "--output", "repeated", "--quiet")
    np.testing.assert_array_equal(read_map("repeated"), read_map())


def test_arrays_that_must_be_named(arrays):
    with pytest.raises(FileError) as error:
        run("inspect", "scene.tif", "--auxiliary", "lidar=arrays.mat")
    assert error.value.for_command_line() == (
        "arrays.mat: holds 2 variables that could be the raster. Name one of them, as in "
        "--auxiliary-variable NAME=heights. It holds: heights (18, 20) double, power (36, 40, 2) "
        "double."
    )


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["heights"], "'heights' is not a name and a variable. Write them as lidar=heights."),
        (
            ["lidar=heights", "lidar=power"],
            "'lidar' has two variables, heights and power. Give one.",
        ),
        (
            ["sar=power"],
            "--auxiliary-variable sar=power: there is no source 'sar'. Give --auxiliary sar=FILE.",
        ),
    ],
)
def test_variables_that_are_not_of_a_source(arrays, texts, message):
    names = [part for text in texts for part in ("--auxiliary-variable", text)]
    arguments = ["scene.tif", "--auxiliary", "lidar=arrays.mat", *names]
    assert message in run("inspect", *arguments, status=2)


@pytest.mark.slow
def test_files_that_cannot_be_sources(scene):
    far = replace(scene, transform=(20, 0, 0, 0, -20, 0)).select_bands([0])
    write_scene("far.tif", far)
    write_scene("no-crs.tif", replace(far, crs=None))
    for name, kind, message in (
        ("missing.tif", MissingFileError, "missing.tif"),
        ("far.tif", DataError, "The raster far.tif and the scene have no common area"),
        ("no-crs.tif", DataError, "Add the CRS to its file."),
    ):
        with pytest.raises(kind) as error:
            run("inspect", "scene.tif", "--auxiliary", f"lidar={name}")
        assert message in error.value.for_command_line()
    Path("text.tif").write_text("This is not a raster.")
    with pytest.raises(FileError, match=r"text\.tif"):
        run("inspect", "scene.tif", "--auxiliary", "lidar=text.tif")


@pytest.mark.slow
def test_inspect_shows_what_is_stacked(scene):
    heights = np.where(np.arange(400).reshape(20, 20, 1) < 40, np.nan, 1.0)[:18]
    write_scene("partial.tif", replace(scene, cube=heights, wavelengths_nm=None))
    lines = run("inspect", "scene.tif", *BOTH[2:], "--auxiliary", "lidar=partial.tif")
    assert f"18 x 20 pixels, {SPECTRA}, 'sar' (2 channels), 'lidar' (1 channel)" in lines
    assert "320 of 360" in lines
    figures = json.loads(run("inspect", "scene.tif", *BOTH, "--json"))
    assert figures["sources"] == {"spectra": 12, "lidar": 1, "sar": 2}
    assert figures["wavelengths_nm"][11:] == [950, None, None, None]
    assert json.loads(run("inspect", "scene.tif", "--json"))["sources"] is None


@pytest.mark.slow
def test_several_scenes_share_a_file_or_have_one_each(scene):
    pairs = ["scene.tif", "labels.tif", "scene.tif", "labels.tif"]
    fit(*BOTH[:2], files=pairs, output="shared")
    fit(*BOTH[:2], *BOTH[:2], files=pairs, output="each")
    clf, other = (HSIPromptClassifier.load(f"{name}/model") for name in ("shared", "each"))
    scene = stacked({"lidar": "dsm.tif"})
    np.testing.assert_array_equal(clf.predict_proba(scene), other.predict_proba(scene))
    assert other.metadata_["auxiliary"] == "lidar=dsm.tif, lidar=dsm.tif"
    assert (
        "--auxiliary lidar=FILE: got 3 files and 2 scenes. Give one file that covers all scenes, "
        "or one for each scene, in their order."
    ) in run("fit", *pairs, *BOTH[:2] * 3, "--output", "no", *options(), status=2)
    message = "--auxiliary lidar=FILE: got 2 files. Give one file."
    assert message in run("inspect", "scene.tif", *BOTH[:2] * 2, status=2)
    np.save("heights.npy", np.ones((18, 20, 1)))
    with pytest.raises(DataError) as error:
        fit("--auxiliary", "lidar=heights.npy", files=pairs, output="no")
    assert str(error.value) == (
        "heights.npy does not state where it lies, so one file cannot be the source 'lidar' of "
        "several scenes. Repeat --auxiliary lidar=FILE, with a file for each scene."
    )


@pytest.mark.slow
def test_the_file_of_a_source_is_not_overwritten(scene):
    fit(*BOTH)
    Path("mapped").mkdir()
    Path("dsm.tif").rename("mapped/map.tif")
    with pytest.raises(ValueError, match="would be overwritten"):
        predict("--auxiliary", "lidar=mapped/map.tif", *BOTH[2:])


@pytest.mark.slow
def test_protocols_with_sources(scene):
    arguments = [*ONE_SCENE, *BOTH[:2], "--quiet"]
    chosen = ["--protocol", "random-10", "--splits", "1"]
    run("evaluate", *arguments, *chosen, *options(), "--output", "evaluated")
    report = json.loads(Path("evaluated/report.json").read_text())
    assert len(report["random-10"]["results"]) == 5
    chosen = ["--encoders", "default", "--protocols", "random-10", "--seeds", "1"]
    run("compare", *arguments, *chosen, *options(), "--output", "compared")
    with pytest.raises(FileError, match="other bands, sources or values"):
        run("compare", *ONE_SCENE, *chosen, *options(), "--output", "compared", "--quiet")
    message = "--auxiliary needs a scene of your own."
    assert message in run("evaluate", *BOTH[:2], status=2)
