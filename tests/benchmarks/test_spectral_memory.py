"""Measurement of the parts of a network: what is kept, the course of a training, and the page."""

from argparse import Namespace

import numpy as np
import pytest

from benchmarks import records, spectral_memory, spectral_memory_page
from hsvlm.datasets import make_synthetic_scene

ROWS = ["all parts", "random start", "mlp"]


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(spectral_memory, "CACHE", tmp_path / "cache")
    for module in (spectral_memory, spectral_memory_page):
        monkeypatch.setattr(module, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(spectral_memory, "commit", lambda: "0123456")
    monkeypatch.setattr(spectral_memory, "N_POINTS", 2)


@pytest.fixture(scope="module")
def scene():
    return make_synthetic_scene(height=30, width=30, random_state=0)


def measure(scene, rows=ROWS, draws=1):
    given = Namespace(draws=draws, max_epochs=4, jobs=1)
    spectral_memory.measure("jasper-ridge", scene, "random-10", rows, given)
    lines = records.read_rows(spectral_memory.FOLDER / "jasper-ridge-random-10.csv")
    return lines, records.read_rows(spectral_memory.FOLDER / "course.csv")


@pytest.mark.slow
def test_every_fit_has_a_line_and_a_course(scene):
    lines, course = measure(scene)
    assert [line["row"] for line in lines] == ROWS
    assert all(0.1 < float(line["OA"]) <= 1 for line in lines)
    assert {line["n_epochs"] for line in lines} == {"4"}
    assert [(point["row"], point["epoch"]) for point in course] == [
        (row, epoch) for row in sorted(ROWS) for epoch in ("2", "4")
    ]
    n_parameters = {line["row"]: int(line["n_parameters"]) for line in lines}
    assert n_parameters["all parts"] == n_parameters["random start"] != n_parameters["mlp"]


def test_a_course_ends_with_the_accuracy_of_the_classifier(scene, monkeypatch):
    # All test pixels are watched, so that the last point is the overall accuracy.
    monkeypatch.setattr(spectral_memory, "N_WATCHED", 10**6)
    lines, course = measure(scene, ["mlp"])
    assert float(course[-1]["OA"]) == pytest.approx(float(lines[0]["OA"]))
    assert course[0]["OA"] != course[-1]["OA"]


@pytest.mark.slow
def test_finished_fits_are_read_and_more_draws_continue(scene, monkeypatch):
    before, course = measure(scene, ["mlp"])
    fits = []
    fit = spectral_memory.HSIPromptClassifier.fit
    monkeypatch.setattr(
        spectral_memory.HSIPromptClassifier, "fit", lambda *args: fits.append(args) or fit(*args)
    )
    after, longer = measure(scene, ["mlp"], draws=2)
    assert len(fits) == 1
    assert after[:1] == before
    assert longer[:2] == course
    assert [line["draw"] for line in after] == ["0", "1"]


@pytest.mark.parametrize("row", spectral_memory.ROWS)
def test_a_row_changes_what_it_says(row):
    whole = spectral_memory.make_estimator("all parts", 4, None).get_params()
    params = spectral_memory.make_estimator(row, 4, None).get_params()
    changed = {name for name in params if params[name] != whole[name]}
    assert changed <= {"vision_params", "criterion_params"}
    assert bool(changed) == (row != "all parts")
    assert whole["vision_params"] == {"n_prototypes": 40, "add_query": False}
    assert whole["criterion_params"] == {"label_smoothing": 0.1}


def test_bands_get_another_gain(scene):
    X, _ = scene.samples()
    other = spectral_memory.with_other_gain(scene, 0)
    ratio = np.asarray(other) / np.asarray(X)
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape), rtol=1e-4)
    assert 0.02 < ratio[0].std() < 0.1


@pytest.mark.parametrize(
    ("accuracies", "level", "epoch"),
    [
        ([0.1, 0.5, 0.9], 0.5, 2),
        ([0.6, 0.4, 0.9], 0.5, 3),
        ([0.6, 0.6], 0.5, 1),
        ([0.6, 0.4], 0.5, None),
    ],
)
def test_a_level_is_reached_where_it_is_never_left_again(accuracies, level, epoch):
    course = [{"epoch": str(number), "OA": str(one)} for number, one in enumerate(accuracies, 1)]
    assert spectral_memory_page.first_epoch_at(course, level) == epoch


def test_the_page_says_what_was_measured():
    folder = spectral_memory_page.FOLDER
    common = {"AA": 0.5, "fit_s": 10, "n_parameters": 1000, "n_multiply_adds": 2_000_000}
    lines = [
        {"row": row, "draw": draw, "OA": value, "OA_gain": value - 0.1, **common}
        for row, values in {"all parts": [0.9, 0.8], "random start": [0.8, 0.6]}.items()
        for draw, value in enumerate(values)
    ]
    path = folder / "houston-2018-blocks.csv"
    records.write_rows(path, spectral_memory.COLUMNS, lines)
    place = {"scene": "houston-2018", "protocol": "blocks"}
    points = [
        {**place, "row": row, "draw": draw, "epoch": 2 * number, "OA": accuracy}
        for draw in (0, 1)
        for row, values in {
            "all parts": [0.5, 0.8, 0.8, 0.9],
            "random start": [0.2, 0.5, 0.7, 0.8],
        }.items()
        for number, accuracy in enumerate(values, 1)
    ]
    records.write_rows(folder / "course.csv", spectral_memory.COURSE_COLUMNS, points)
    page = spectral_memory_page.render()
    assert "| all parts | 85.00 ± 7.07 / 50.00 ± 0.00 |" in page
    assert "| all parts | 75.00 ± 7.07 |" in page
    assert "| minus random start | +15.00 ± 5.00 |" in page
    # 95 % of 0.8 is 0.76: after half of the training, or after the whole.
    assert "| all parts | 0.50 | 1.00 | 50.00 ± 0.00 | 20.00 ± 0.00 |" in page
    assert "| all parts | 10 | 1,000 | 2.00 M |" in page
