"""What options of the command line mean, and what is said when they mean nothing."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import hsvlm
from hsvlm import Scene
from hsvlm.cli import app
from hsvlm.cli._scenes import read_classes
from hsvlm.exceptions import PromptError
from hsvlm.io import write_map, write_scene

SMALL = ["window_size=3", "patch_size=1", "max_epochs=1", "n_components=3"]
SMALL += ["vision_params={width: 16, depth: 1, n_heads: 2, mlp_width: 16}"]


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    # Without the frame that a terminal is shown around a message.
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


@pytest.fixture
def folder(tmp_path, cube, labels):
    write_scene(tmp_path / "scene.hdr", Scene(cube))
    write_map(tmp_path / "labels.tif", labels)
    return tmp_path


def fit(folder, scene="scene.hdr"):
    code, _ = invoke(
        *("fit", folder / scene, "--labels", folder / "labels.tif"),
        *("--output", folder / "fitted", "--quiet"),
        *(part for one in SMALL for part in ("--set", one)),
    )
    assert code == 0


def test_the_version():
    assert invoke("--version") == (0, hsvlm.__version__)


@pytest.mark.parametrize(("nodata", "n_valid"), [("-7", 358), ("none", 360), ("nan", 360)])
def test_pixels_without_data(folder, cube, nodata, n_valid):
    broken = cube.copy()
    broken[3, 4:6] = -7
    write_scene(folder / "broken.tif", Scene(broken))
    code, printed = invoke("inspect", folder / "broken.tif", "--nodata", nodata, "--json")
    assert (code, json.loads(printed)["n_valid"]) == (0, n_valid)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["inspect", "scene.hdr", "--nodata", "nothing"],
            """Invalid value for '--nodata': 'nothing' is neither a number nor "nan", "none" """
            'or "auto".',
        ),
        (
            ["evaluate", "scene.hdr"],
            "hsvlm: --labels is missing. Give it here or in a recipe. See ",
        ),
    ],
)
def test_options_that_mean_nothing(folder, monkeypatch, arguments, message):
    monkeypatch.chdir(folder)
    code, printed = invoke(*arguments)
    assert code == 2
    assert message in printed


@pytest.mark.slow
def test_bad_bands_are_left_out(folder, cube):
    bad = np.arange(12) < 4
    write_scene(folder / "bad.hdr", Scene(cube, bad_bands=bad))
    fit(folder, "bad.hdr")
    assert hsvlm.HSIPromptClassifier.load(folder / "fitted" / "model").n_features_in_ == 8


def test_prompt_sets_bring_their_names_where_the_scene_has_none(cube, labels):
    scene = Scene(cube, labels)
    assert read_classes("pavia-university", scene).class_names[3] == "Gravel"
    named = replace(scene, class_names={1: "gravel", 2: "Trees", 3: "asphalt"})
    assert read_classes("pavia-university", named).class_names == named.class_names
    with pytest.raises(PromptError, match=r"'mine'.* no counterpart in the prompt set"):
        read_classes("pavia-university", replace(scene, class_names={1: "mine"}))


@pytest.mark.slow
def test_what_cannot_be_drawn_is_left_out(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "hsvlm.plotting", None)
    fit(folder)
    predict = ["predict", folder / "fitted", folder / "scene.hdr", "--output", folder / "mapped"]
    assert invoke(*predict, "--quiet")[0] == 0
    written = {one.name for name in ("fitted", "mapped") for one in (folder / name).iterdir()}
    assert {"model", "map.tif", "areas.md"} <= written
    assert not [name for name in written if name.endswith(".png")]
