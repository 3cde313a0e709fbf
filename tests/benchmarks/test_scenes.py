"""Measurement on several scenes: splits, kept predictions, and the page."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from benchmarks import development_scenes, records, scenes, scenes_page
from benchmarks.chosen_svm import chosen_svm
from hsvlm import Scene
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import CoordinateNeighbors
from hsvlm.model_selection import field_numbers, nearest_distance

ROWS = {
    "default": GaussianNB(),
    "default, window by window": DecisionTreeClassifier(max_depth=2),
    "1-NN on (row, col), no spectra": CoordinateNeighbors(),
}
COLUMN = list(ROWS)


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    for module in (records, scenes, scenes_page):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    for module in (records, scenes_page):
        monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(scenes, "commit", lambda: "0123456")
    monkeypatch.setattr(scenes, "make_rows", lambda scene_name: ROWS)


@pytest.fixture(scope="module")
def scene():
    return make_synthetic_scene(random_state=0)


@pytest.fixture(scope="module")
def scene_of_fields():
    """Fields of 4 x 4 pixels, 8 pixels apart, of two classes in turn."""
    rows, cols = np.mgrid[:72, :72]
    labels = 1 + (rows // 12 + cols // 12) % 2
    labels[(rows % 12 > 3) | (cols % 12 > 3)] = 0
    cube = np.random.default_rng(0).normal(size=(72, 72, 3))
    return Scene(cube, labels, {1: "corn", 2: "oats"}, groups=field_numbers(labels))


def measure(scene, names=COLUMN, n_draws=2, name="scenes"):
    scenes.measure("jasper-ridge", scene, "ten-per-class", names, range(n_draws), name, 1)
    return records.read_rows(scenes_page.results_folder(name) / "jasper-ridge-ten-per-class.csv")


@pytest.mark.slow
def test_every_row_and_draw_has_a_line(scene):
    lines = measure(scene)
    assert [line["row"] for line in lines] == np.repeat(COLUMN, 2).tolist()
    assert [line["draw"] for line in lines] == ["0", "1"] * 3
    assert [line["seed"] for line in lines] == ["", "", "0", "1", "", ""]
    assert {line["commit"] for line in lines} == {"0123456"}
    assert all(0.2 < float(line["OA"]) <= 1 for line in lines)
    assert [bool(line["brier_score"]) for line in lines] == [True] * 4 + [False] * 2


def test_kept_predictions_say_what_the_estimator_said(scene):
    X, y = scene.samples()
    line = measure(scene, ["default"], 1)[0]
    (path,) = records.CACHE.rglob("*.npz")
    with np.load(path) as file:
        train, test = file["train"], file["test"]
        clf = GaussianNB().fit(X[train], y[train])
        np.testing.assert_array_equal(file["predicted"], clf.predict(X[test]))
        np.testing.assert_allclose(file["probabilities"], clf.predict_proba(X[test]), atol=1e-3)
        np.testing.assert_array_equal(file["classes"], clf.classes_)
    assert float(line["OA"]) == pytest.approx(clf.score(X[test], y[test]))
    assert np.bincount(y[train])[1:].tolist() == [10] * len(np.unique(y))


@pytest.mark.slow
def test_finished_fits_are_read_and_more_draws_continue(scene, monkeypatch):
    before = measure(scene, n_draws=1)
    fits = []
    run_fold = scenes.run_fold
    monkeypatch.setattr(scenes, "run_fold", lambda *args: fits.append(args) or run_fold(*args))
    after = measure(scene, n_draws=2)
    assert len(fits) == len(ROWS)
    assert after[::2] == before


def test_trials_have_results_and_fits_of_their_own(scene):
    measure(scene, ["default"], 1, name="trial")
    assert not records.RESULTS.exists()
    assert len(list(records.CACHE.rglob("trial/**/*.npz"))) == 1
    measure(scene, ["default"], 1)
    assert len(list(records.CACHE.rglob("*.npz"))) == 2


@pytest.mark.slow
def test_changed_settings_replace_all_draws_of_a_row(scene, monkeypatch):
    measure(scene)
    changed = {**ROWS, "default": GaussianNB(var_smoothing=0.5)}
    monkeypatch.setattr(scenes, "make_rows", lambda scene_name: changed)
    lines = measure(scene, ["default"], 1)
    assert [line["draw"] for line in lines if line["row"] == "default"] == ["0"]
    assert len(lines) == 5


def test_fields_are_tested_whole_far_from_training_pixels(scene_of_fields):
    X, y = scene_of_fields.samples()
    field = scene_of_fields.sample_groups()
    positions = np.column_stack([X.scene_ids, X.coords])
    splits = scenes.make_splits("fields", scene_of_fields, X, y, 7)
    assert len(splits) == 7
    for train, test in splits:
        assert not np.isin(field[train], field[test]).any()
        assert np.isin(np.flatnonzero(np.isin(field, field[test])), test).all()
        assert nearest_distance(positions[test], positions[train]).min() > 7
        assert np.bincount(y[train]).max() == 40
    tested = np.sort(np.concatenate([test for _, test in splits[:5]]))
    np.testing.assert_array_equal(tested, np.arange(len(y)))
    assert not np.array_equal(splits[0][1], splits[5][1])


@pytest.mark.parametrize("protocol", scenes.PROTOCOLS)
def test_first_draws_do_not_depend_on_their_number(scene_of_fields, protocol):
    X, y = scene_of_fields.samples()
    few, many = (scenes.make_splits(protocol, scene_of_fields, X, y, count) for count in (2, 4))
    assert (len(few), len(many)) == (2, 4)
    for split, same in zip(few, many[:2], strict=True):
        np.testing.assert_array_equal(split[0], same[0])
        np.testing.assert_array_equal(split[1], same[1])


def test_brier_score_counts_classes_that_were_not_trained_on():
    probabilities = np.array([[0.8, 0.2], [0.8, 0.2]])
    score = scenes.brier_score(probabilities, np.array([1, 3]), np.array([1, 2]))
    assert score == pytest.approx((0.2**2 + 0.2**2 + 0.8**2 + 0.2**2 + 1) / 2)


def write_lines(scene_name, protocol, accuracies):
    lines = [
        {"row": row, "draw": draw, "OA": value, "AA": value / 2, "fit_s": 1, "predict_s": 2}
        for row, values in accuracies.items()
        for draw, value in enumerate(values)
    ]
    path = records.RESULTS / "scenes" / f"{scene_name}-{protocol}.csv"
    records.write_rows(path, scenes.COLUMNS, lines)


def test_page_has_paired_differences_ranks_and_lost_cells():
    default, windows, nearest = COLUMN
    write_lines(
        "jasper-ridge", "blocks", {default: [0.9, 0.8], windows: [0.91, 0.83], nearest: [0.5, 0.6]}
    )
    write_lines("houston-2018", "blocks", {default: [0.9, 0.9], nearest: [0.5, 0.6]})
    page = scenes_page.render()
    # Differences of -1 and -3 points; of 40 and 20.
    assert (
        f"85.00 ± 7.07 | -2.00 ± 1.00 | -1.00 ± 0.50 | +30.00 ± 10.00 | +15.00 ± 5.00 | {nearest}"
        in page
    )
    assert "| default | 85.00 ± 7.07 / 42.50 ± 3.54 |" in page
    assert f"- jasper-ridge, blocks: -2.00 ± 1.00 against “{windows}”" in page
    assert "- houston-2018" not in page
    # Windows were not measured everywhere, so that they have no rank.
    assert "| default | 1.00 | 1.00 |" in page
    assert f"| {nearest} | 2.00 | 2.00 |" in page


def test_differences_use_the_draws_that_both_rows_have():
    write_lines("jasper-ridge", "blocks", {"default": [0.9, 0.8, 0.1], COLUMN[1]: [0.8, 0.8]})
    rows = scenes_page.read_cells(records.RESULTS / "scenes")["jasper-ridge", "blocks"]
    assert scenes_page.paired_differences(rows, COLUMN[1]) == pytest.approx([10, 0])


def test_blocks_of_several_labels_have_none():
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 0], [3, 3, 0, 0], [3, 3, 0, 0]])
    np.testing.assert_array_equal(development_scenes.pure_blocks(labels, 2), [[1, 0], [3, 0]])


def test_missing_file_says_where_it_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HSVLM_SCENES", str(tmp_path))
    with pytest.raises(FileNotFoundError) as error:
        development_scenes.load_scene("jasper-ridge")
    assert str(error.value) == (
        f"jasper_ridge.npz is needed, and {tmp_path} does not hold it. Name the folder of the "
        "files with --data or the environment variable HSVLM_SCENES."
    )


@pytest.mark.slow
@pytest.mark.parametrize("normalized", [False, True])
def test_svm_chooses_its_width_inside_the_training_side(scene, normalized):
    X, y = scene.samples()
    train, test = scenes.make_splits("ten-per-class", scene, X, y, 1)[0]
    clf = chosen_svm(normalized=normalized).fit(X[train], y[train])
    assert clf.score(X[test], y[test]) > 0.9
    probabilities = clf.predict_proba(X[test])
    assert probabilities.shape == (len(test), len(clf.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    # Labels that follow a fast wave need a narrow kernel.
    wave = np.linspace(-3, 3, 120)[:, None]
    narrow = chosen_svm().fit(wave, (np.sin(9 * wave[:, 0]) > 0).astype(int))
    assert narrow[-1].best_params_["gamma"] == 10
