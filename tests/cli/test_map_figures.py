"""What the figures of ``hsvlm predict`` say."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib.figure import Figure
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.io import write_map, write_scene

pytestmark = pytest.mark.slow  # trains, and draws figures

NAMES = {1: "oats", 2: "soil", 3: "lake"}


@pytest.fixture(scope="module")
def scene(cube, labels):
    return Scene(
        cube,
        labels,
        NAMES,
        np.linspace(400, 900, 12),
        crs="EPSG:32616",
        transform=(20.0, 0.0, 500_000.0, 0.0, -20.0, 4_400_000.0),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory, scene, settings):
    chosen = {**settings, "spatial": "random-walk", "max_epochs": 2, "class_names": NAMES}
    rows = np.arange(scene.shape[0])[:, None]
    train = np.where(rows % 2 == 0, scene.labels, 0)
    clf = HSIPromptClassifier(**chosen).fit(scene, train)
    folder = tmp_path_factory.mktemp("trained") / "crops"
    clf.save(folder / "model")
    return folder


@pytest.fixture
def model(tmp_path, trained):
    return shutil.copytree(trained, tmp_path / "crops")


@pytest.fixture
def drawn(monkeypatch):
    """Figures by the name of their file."""
    figures = {}
    save = Figure.savefig

    def record(figure, path, **options):
        figures[Path(path).name.strip(".").partition(".")[0]] = figure
        save(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", record)
    return figures


def predict(model, scene, *more, name="farm", acquired=None):
    folder = model.parent
    write_scene(folder / f"{name}.tif", scene)
    if acquired:
        path = folder / f"{name}.tif"
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as opened:
            opened.update_tags(ns="IMAGERY", ACQUISITIONDATETIME=acquired)
    arguments = ["predict", model, folder / f"{name}.tif", "--output", folder / "mapped", "--quiet"]
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, *more)])
    assert result.exit_code == 0, result.output
    return folder / "mapped"


def title_of(figure):
    return figure.get_suptitle() or figure.axes[0].get_title()


def test_the_map_is_drawn_beside_an_image(model, scene, drawn):
    folder = predict(model, scene)
    assert {path.name for path in folder.glob("*.png")} == {"map.png"}
    [figure] = drawn.values()
    assert title_of(figure) == "farm, model: crops"
    assert [ax.get_title() for ax in figure.axes] == ["false color (855, 627, 536 nm)", "map"]
    assert figure.axes[0].get_xlabel() == "easting (m)\nWGS 84 / UTM zone 16N"


def test_the_date_of_the_scene_is_in_the_title(model, scene, drawn):
    predict(model, scene, acquired="2005-07-15 10:30:00")
    assert title_of(drawn["map"]) == "farm, 2005-07-15, model: crops"


def test_names_of_files_are_no_formulas(model, scene, drawn):
    predict(model, scene, name=r"$frac$ $x_1^2$")
    assert title_of(drawn["map"]) == r"\$frac\$ \$x_1^2\$, model: crops"


def test_confidence_and_entropy_are_drawn_where_they_are_written(model, scene, drawn):
    folder = predict(model, scene, "--probabilities", "--entropy")
    assert {path.name for path in folder.glob("*.png")} == {
        "map.png",
        "confidence.png",
        "entropy.png",
    }
    labels = {ax.get_ylabel() for figure in drawn.values() for ax in figure.axes}
    note = "(calibrated on training pixels that were held out)"
    assert f"probability of the mapped class\n{note}" in labels
    assert (
        "entropy of the class probabilities\n(0: one class is certain, 1: all are equal)\n" + note
        in labels
    )


def test_the_accuracy_is_that_of_pixels_that_were_not_trained_on(model, scene, drawn):
    write_map(model.parent / "reference.tif", scene.labels, scene=scene, class_names=NAMES)
    folder = predict(model, scene, "--reference", model.parent / "reference.tif")
    n_reference = int((scene.labels != 0).sum())
    n_trained = int((scene.labels[::2] != 0).sum())
    lines = title_of(drawn["map"]).replace("\n", " ")
    assert f"on {n_reference - n_trained} reference pixels" in lines
    assert f"({n_trained} that were trained on are left out)" in lines
    report = (folder / "areas.md").read_text(encoding="utf-8")
    [row] = [line for line in report.splitlines() if "overall accuracy %" in line]
    share, half_width = (float(part) for part in row.split("|")[2].split("±"))
    assert f"overall accuracy {share:.1f} ± {half_width:.1f} % (95 % interval)" in lines


def test_no_accuracy_from_trained_pixels(model, scene, drawn):
    rows = np.arange(scene.shape[0])[:, None]
    train = np.where(rows % 2 == 0, scene.labels, 0)
    write_map(model.parent / "reference.tif", train, scene=scene, class_names=NAMES)
    predict(model, scene, "--reference", model.parent / "reference.tif")
    assert title_of(drawn["map"]).endswith(
        f"all {(train != 0).sum()} reference pixels were trained on: accuracy unknown"
    )


def test_a_scene_without_wavelengths_or_place(model, scene, drawn, tmp_path):
    plain = dataclasses.replace(scene, wavelengths_nm=None, crs=None, transform=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of bands that are not matched
        predict(model, plain)
    assert [ax.get_title() for ax in drawn["map"].axes] == ["bands 10, 6, 2", "map"]
    assert drawn["map"].axes[0].get_xlabel() == "column (px)"
