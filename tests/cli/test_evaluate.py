"""Protocols of ``hsvlm evaluate`` that need files of the user: test maps and groups."""

import warnings
from pathlib import Path

import geopandas
import joblib
import numpy as np
import pytest
from shapely.geometry import box
from typer.testing import CliRunner

from hsvlm import Scene
from hsvlm.cli import app
from hsvlm.exceptions import FileError, HSVLMWarning, ParameterError
from hsvlm.io import write_map, write_scene

NAMES = {1: "oats", 2: "soil", 3: "lake"}


@pytest.fixture
def evaluate(tmp_path, monkeypatch, cube, labels):
    monkeypatch.chdir(tmp_path)
    grid = {"crs": "EPSG:32616", "transform": (1.0, 0.0, 0.0, 0.0, -1.0, 18.0)}
    scene = Scene(cube, labels, NAMES, **grid)
    write_scene("scene.tif", scene)
    upper = np.where(np.arange(18)[:, None] < 9, labels, 0).astype(np.uint8)
    write_map("upper.tif", upper, scene=scene, class_names=NAMES)
    lower = np.array([0, 3, 1, 2], dtype=np.uint8)[np.where(upper, 0, labels)]
    write_map("lower.tif", lower, scene=scene, class_names={3: "oats", 1: "soil", 2: "lake"})
    corners = [(2, 7, "oats"), (7, 13, "soil"), (13, 18, "lake")] * 2
    rows = [2, 2, 2, 11, 11, 11]
    fields = [box(a, y, b, y + 5) for (a, b, _), y in zip(corners, rows, strict=True)]
    frame = {"crop": [name for _, _, name in corners], "field": [1, 2, 3, 4, 5, 6]}
    geopandas.GeoDataFrame(frame, geometry=fields, crs="EPSG:32616").to_file("fields.gpkg")
    seen = {}

    def measure(estimators, X, y, cv, **more):
        [clf] = estimators.values()
        seen.update(clf=clf, X=X, y=y, splits=list(cv.split(X, y)), **more)
        message = "stopped"
        raise FileError(message)

    monkeypatch.setattr("hsvlm.evaluation.evaluate", measure)

    def evaluate(*arguments, scene=("scene.tif",)):
        seen.clear()
        result = CliRunner().invoke(app, ["evaluate", *scene, "--splits", "2", *arguments])
        if isinstance(result.exception, ParameterError):
            raise result.exception
        assert isinstance(result.exception, FileError), result.output
        assert str(result.exception) == "stopped"
        return seen

    return evaluate


def test_a_second_label_map_is_tested_on_by_name(evaluate, labels):
    seen = evaluate("--labels", "upper.tif", "--test-labels", "lower.tif")
    train, test = seen["splits"][0]
    rows = seen["X"].coords[:, 0]
    assert (rows[train] < 9).all()
    assert (rows[test] >= 9).all()
    assert len(test) == int((labels[9:] > 0).sum())
    np.testing.assert_array_equal(seen["y"], labels[tuple(seen["X"].coords.T)])


def test_whole_fields_are_left_out(evaluate):
    more = ["--label-column", "crop", "--group-column", "field"]
    seen = evaluate("--labels", "fields.gpkg", *more)
    group = seen["groups"][tuple(seen["X"].coords.T)]
    for train, test in seen["splits"]:
        assert not set(group[train]) & set(group[test])


@pytest.mark.slow
def test_warnings_of_workers_are_printed_like_those_of_the_command(evaluate, monkeypatch, capfd):
    warning = HSVLMWarning("Few pixels.", "Pass label_column='crop'.")

    def measure(*_, n_jobs, **__):
        joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(warnings.warn)(warning) for _ in range(2))
        raise FileError("stopped")

    monkeypatch.setattr("hsvlm.evaluation.evaluate", measure)
    evaluate("--labels", "upper.tif", "--jobs", "2", "--protocol", "ten-per-class")
    lines = set(capfd.readouterr().err.splitlines())
    assert lines == {"hsvlm: warning: Few pixels. Pass --label-column 'crop'."}


def test_groups_need_a_column(evaluate):
    with pytest.raises(ParameterError) as error:
        evaluate("--labels", "upper.tif", "--protocol", "groups")
    assert "--group-column" in error.value.for_command_line()


@pytest.mark.parametrize("scene", [("scene.tif", "--labels", "upper.tif"), ()])
def test_a_file_may_hold_names_only(evaluate, monkeypatch, cube, labels, scene):
    own = Scene(cube, labels, NAMES)
    monkeypatch.setattr("hsvlm.evaluation._protocols.load_indian_pines", lambda: own)
    entries = [f"{{value: {value}, name: {name}}}" for value, name in NAMES.items()]
    Path("names.yaml").write_text(f"classes: [{', '.join(entries)}]", encoding="utf-8")
    clf = evaluate("--prompts", "names.yaml", "--protocol", "ten-per-class", scene=scene)["clf"]
    assert (clf.prompts, clf.class_names) == (None, NAMES)


def test_splits_of_all_protocols_are_made_first(evaluate):
    given = ["--label-column", "crop", "--group-column", "field", "--protocol", "ten-per-class"]
    with pytest.raises(ParameterError) as error:
        evaluate("--labels", "fields.gpkg", *given, "--protocol", "groups", "--splits", "9")
    assert error.value.for_command_line() == (
        "The protocol groups cannot be used: 6 of 6 groups can be left out while every class keeps "
        "one, fewer than n_splits=9. Give another number of --splits or --protocol ten-per-class, "
        "or label more pixels."
    )
