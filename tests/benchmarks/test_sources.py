"""The comparison of a second source, on a small scene, and its page."""

import numpy as np
import pytest

from benchmarks import sources, sources_page
from benchmarks.records import read_rows
from hsvlm import Raster, Scene


@pytest.fixture
def files(monkeypatch, tmp_path, cube, labels):
    scene = Scene(
        cube,
        labels,
        {1: "oats", 2: "soil", 3: "water"},
        auxiliary={
            "lidar": Raster(labels.astype(np.float32)),
            "shuffled": Raster(np.zeros(labels.shape)),
        },
    )
    monkeypatch.setattr(sources, "load_sources", lambda name, folder: scene)
    monkeypatch.setattr(sources, "FOLDER", tmp_path / "sources")
    monkeypatch.setattr(sources_page, "FOLDER", tmp_path / "sources")
    monkeypatch.setattr(sources, "CACHE", tmp_path / "cache")
    return tmp_path / "sources"


@pytest.mark.slow
def test_rows_are_measured_on_the_same_draws(files):
    rows = ["RBF-SVM on the second source", sources_page.STACKED_SVM]
    sources.measure("houston-2013", "ten-per-class", rows, range(2), None)
    lines = read_rows(files / "houston-2013-ten-per-class.csv")
    assert [(line["row"], line["draw"]) for line in lines] == [
        (row, draw) for row in rows for draw in ("0", "1")
    ]
    assert float(lines[0]["OA"]) == 1  # the second source is the label
    page = sources_page.render()
    assert "RBF-SVM on the second source | 100.00 ± 0.00 (2)" in page
    assert "houston-2013-ten-per-class:" in page


def test_every_row_names_sources_of_the_scene():
    for scene_name, second in (("houston-2013", "lidar"), ("houston-2018", "rgb")):
        used = {name for row in sources.make_rows(scene_name).values() for name in row.sources}
        assert used == {"spectra", second, "shuffled"}
