"""What ``hsvlm inspect`` says of everything that the commands read and write."""

import json
from dataclasses import replace

import geopandas
import numpy as np
import pytest
from shapely.geometry import box
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm._training_record import DisputedLabels  # what readout_ holds
from hsvlm.cli import app
from hsvlm.exceptions import FileError, HSVLMWarning
from hsvlm.io import write_map
from hsvlm.prompts import write_prompt_file

NAMES, COLORS = {1: "oats", 2: "soil", 3: "lake"}, {1: "#00ff00", 2: "#886644", 3: "#0000ff"}


def inspect(*arguments):
    result = CliRunner().invoke(app, ["inspect", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def fitted(cube, labels, settings):
    parameters = {**settings, "max_epochs": 1, "spatial": "random-walk", "class_names": NAMES}
    parameters["spatial_params"] = {"restart": 0.01, "weights": (1, 0.25)}
    return HSIPromptClassifier(**parameters).fit(*Scene(cube, labels).samples())


@pytest.fixture
def dispute(fitted):
    """The same classifier with disputed labels, of class 2 and rather of class 3."""

    def change(scenes):
        numbers = np.arange(len(scenes))
        disputed = DisputedLabels(
            scenes=np.array(scenes),
            coords=np.column_stack([numbers + 30, numbers + 70]),
            targets=np.full(len(scenes), 1),
            suggested=np.full(len(scenes), 2),
            trust=numbers / 64,
        )
        fitted.readout_ = replace(fitted.readout_, disputed=disputed)
        return fitted

    return change


@pytest.mark.parametrize("name", ["model", "model.zip"])
def test_models(tmp_path, fitted, name):
    metadata = {"wavelengths_nm": list(range(400, 1000, 50)), "scene": "field"}
    metadata["class_colors"] = [[label, color] for label, color in COLORS.items()]
    fitted.save(tmp_path / name, metadata=metadata)
    printed = inspect(tmp_path / name)
    for text in (
        "1: oats #00ff00 (an aerial photograph of oats)",
        "field",
        "224 pixels of a scene of 18 x 20 pixels",
        "restart=0.01",
        "weights=[1.0, 0.25, 0.0]",
        "12, 400.0 to 950.0 nm",
        "0.1.0",
        "max_epochs=1",
    ):
        assert text in printed
    assert "disputed" not in printed
    figures = json.loads(inspect(tmp_path / name, "--json"))
    assert figures["readout"]["restart"] == 0.01
    assert figures["readout"]["weights"] == [1, 0.25, 0]
    assert figures["disputed_labels"] == []
    assert figures["training_scene"] == "field"
    assert figures["training_scenes"] == [{"height": 18, "width": 20, "n_pixels": 224}]
    assert figures["settings"]["window_size"] == 5
    assert figures["classes"][2]["color"] == "#0000ff"


@pytest.mark.slow
def test_disputed_labels(tmp_path, dispute):
    dispute([0, 0]).save(tmp_path / "model")
    printed = " ".join(inspect(tmp_path / "model").split())
    assert (
        "disputed labels row 30, column 70: 2, rather 3 row 31, column 71: 2, rather 3 training"
        in printed
    )
    figures = json.loads(inspect(tmp_path / "model", "--json"))
    common = {"scene": 0, "label": 2, "suggested": 3}
    assert figures["disputed_labels"] == [
        {**common, "row": 30, "col": 70, "probability": 0},
        {**common, "row": 31, "col": 71, "probability": 1 / 64},
    ]


def test_many_disputed_labels_of_several_scenes(tmp_path, dispute):
    dispute([1] * 23).save(tmp_path / "model")
    printed = inspect(tmp_path / "model")
    assert "scene 1, row 30, column 70: 2, rather 3" in printed
    assert "row 49" in printed
    assert "row 50" not in printed
    assert "and 3 more" in printed
    assert len(json.loads(inspect(tmp_path / "model", "--json"))["disputed_labels"]) == 23


@pytest.mark.slow
def test_disputed_labels_of_text(tmp_path, cube, labels, settings):
    X, y = Scene(cube, labels).samples()
    wrong = np.random.default_rng(1).choice(len(y), 10, replace=False)
    y[wrong] = y[wrong] % 3 + 1
    clf = HSIPromptClassifier(**{**settings, "spatial": "random-walk"})
    with pytest.warns(HSVLMWarning, match="probably wrong"):
        clf.fit(X, np.array(["", "oats", "so\nil", "lake"])[y])
    clf.save(tmp_path / "model")
    table = json.loads(inspect(tmp_path / "model", "--json"))["disputed_labels"]
    assert [one["label"] for one in table] == clf.disputed_labels_["label"].tolist()
    printed = inspect(tmp_path / "model")
    assert f"column {table[0]['col']}: {table[0]['label']}".replace("\n", "\\n") in printed


@pytest.mark.parametrize("suffix", ["tif", "hdr"])
def test_maps(tmp_path, labels, suffix):
    path = tmp_path / f"map.{suffix}"
    write_map(path, labels, class_names=NAMES, class_colors=COLORS)
    printed = inspect(path)
    assert "1: oats #00FF00 70 pixels" in printed
    figures = json.loads(inspect(path, "--json"))
    assert [entry["n_pixels"] for entry in figures["classes"]] == [136, 70, 84, 70]
    assert figures["classes"][3]["name"] == "lake"


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
def test_features_without_a_scene(tmp_path, suffix):
    frame = geopandas.GeoDataFrame(
        {"crop": ["oats", "soil"]}, geometry=[box(0, 0, 1, 1), box(2, 2, 3, 3)], crs="EPSG:4326"
    )
    path = tmp_path / f"fields.{suffix}"
    frame.to_file(path)
    printed = inspect(path)
    assert "2 features, Polygon, EPSG:4326, columns crop" in printed
    assert json.loads(inspect(path, "--json"))["layers"][0]["columns"] == ["crop"]


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_files_of_classes(tmp_path, suffix):
    path = tmp_path / f"classes.{suffix}"
    write_prompt_file(path, {1: "a field", 2: ["soil", "dust"]}, {1: "oats"}, {1: "#00ff00"})
    printed = inspect(path)
    assert "1: oats #00ff00 (a field)" in printed
    assert "(soil; dust)" in printed
    assert json.loads(inspect(path, "--json"))["classes"][0]["color"] == "#00ff00"


def test_files_of_classes_without_names(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text('classes: [{value: 1}, {value: 2, color: "#00ff00"}, {value: oats}]')
    assert inspect(path).split() == ["classes", "1:", "2:", "#00ff00", "oats:"]


def test_output_folders_and_recipes(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("command: predict\noptions: {scene: a.tif}\nsettings: {lr: 0.1}\n")
    (tmp_path / "areas.json").write_text('{"classes": []}')
    for path in (recipe, tmp_path):
        printed = inspect(path)
        assert "hsvlm predict" in printed
        assert "scene: a.tif" in printed
        assert "lr: 0.1" in printed
    assert "areas.json" in inspect(tmp_path)
    assert json.loads(inspect(tmp_path, "--json"))["areas"] == {"classes": []}


@pytest.mark.parametrize(
    ("content", "problem"),
    [("{", "this is not JSON"), (" " * (1 << 20) + "{}", "above the limit")],
)
def test_output_that_is_not_read_is_named(tmp_path, content, problem):
    (tmp_path / "recipe.yaml").write_text("command: evaluate\noptions: {scene: a.tif}\n")
    (tmp_path / "report.json").write_text(content)
    assert problem in inspect(tmp_path)
    figures = json.loads(inspect(tmp_path, "--json"))
    assert problem in figures["not read"]["report.json"]
    assert figures["files"] == ["recipe.yaml", "report.json"]


def test_folders_of_something_else(tmp_path):
    with pytest.raises(FileError, match="holds neither a model nor the output of a command"):
        inspect(tmp_path)
