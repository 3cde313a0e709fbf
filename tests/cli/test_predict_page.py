"""The page that ``hsvlm predict --report`` writes."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.exceptions import FileError
from hsvlm.io import write_map, write_scene


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, cube, labels, settings):
    """Return a folder with a scene, its labels and a model; tests work in copies of it."""
    folder = tmp_path_factory.mktemp("inputs")
    place = {"crs": "EPSG:32616", "transform": (20.0, 0.0, 500_000.0, 0.0, -20.0, 4_400_000.0)}
    scene = Scene(cube, labels, {1: "Oats", 2: "Soil", 3: "Lake"}, **place)
    write_scene(folder / "scene.hdr", scene)
    write_map(folder / "labels.tif", labels, scene=scene, class_names=scene.class_names)
    clf = HSIPromptClassifier(**settings, class_names=scene.class_names)
    clf.fit(cube, labels).save(folder / "model")
    return folder


@pytest.fixture
def files(tmp_path, inputs, monkeypatch):
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


PREDICT = ("predict", "model", "scene.hdr", "--output", "mapped", "--quiet", "--json")


def run(*arguments):
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.slow
def test_the_page_shows_probabilities_reference_and_recipe(files, open_page):
    result = run(*PREDICT, "--report", "map.html", "--reference", "labels.tif")
    assert json.loads(result.stdout)["report"] == "map.html"
    assert (files / "mapped" / "probabilities.tif").exists()
    recipe = (files / "mapped" / "recipe.yaml").read_text(encoding="utf-8")
    page = open_page(files / "map.html")
    page.wait_for_selector(".map-view[data-ready]")
    assert page.locator(".map-layers label").all_inner_texts() == [
        "Classes", "Probability", "Entropy", "Reference", "Errors",
    ]  # fmt: skip
    assert page.locator("pre code").last.text_content() == recipe
    assert page.locator(".map-classes .class-name").all_inner_texts() == ["Oats", "Soil", "Lake"]
    assert "ha" in page.locator(".map-classes .count").first.inner_text()
    again = run("predict", "--recipe", "mapped/recipe.yaml", "--quiet", "--json")
    assert again.exit_code == 0, again.output
    assert "mapped/recipe.yaml" not in recipe


@pytest.mark.slow
def test_the_page_may_lie_in_the_output_folder(files):
    result = run(*PREDICT[:-1], "--report", "mapped/map.html")
    assert result.exit_code == 0, result.output
    assert "The page is mapped/map.html." in result.stdout
    assert (files / "mapped" / "map.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "message"),
    [("mine.html", "is not replaced"), ("none/map.html", "does not exist"), ("map.pdf", "is HTML")],
)
def test_pages_are_refused_before_the_map_is_made(files, name, message):
    (files / "mine.html").write_text("mine", encoding="utf-8")
    with pytest.raises(FileError, match=message):
        run(*PREDICT, "--report", name)
    assert not (files / "mapped").exists()
    assert (files / "mine.html").read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_pixels_without_data_are_shown(files, open_page, cube):
    values = np.array(cube)
    values[:2] = -9999
    write_scene("gap.hdr", Scene(values))
    result = run(
        "predict",
        "model",
        "gap.hdr",
        "--output",
        "gaps",
        "--report",
        "gap.html",
        "--nodata",
        "-9999",
    )
    assert result.exit_code == 0, result.output
    page = open_page(files / "gap.html")
    page.wait_for_selector(".map-view[data-ready]")
    page.get_by_label("Row", exact=True).fill("0")
    page.get_by_label("Column", exact=True).fill("0")
    assert page.get_by_role("status").inner_text() == "No data at this pixel"
