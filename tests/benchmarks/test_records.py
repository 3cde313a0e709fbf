"""Results of benchmarks as CSV files: recorded once, read back, and replaced when measured anew."""

import json

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from benchmarks import records
from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.evaluation import evaluate
from hsvlm.model_selection import SpatialBlockKFold

ROWS = {"bayes": GaussianNB(), "a tree, of depth 1": DecisionTreeClassifier(max_depth=1)}
NAMES = {1: "Corn", 2: "Oats", 3: "Rye, wild"}


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(records, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(records, "commit", lambda: "0123456")


@pytest.fixture(scope="module")
def data(cube, labels):
    noise = np.random.default_rng(1).normal(scale=5, size=cube.shape)
    return pixel_samples(cube + noise, labels)


@pytest.fixture(scope="module")
def splits(data):
    return list(SpatialBlockKFold(2, block_size=5, buffer=1).split(*data))


@pytest.fixture(scope="module")
def measured(data, splits):
    def measure(rows=ROWS, cv=splits):
        return evaluate(rows, *data, cv, baselines=[], class_names=NAMES, random_state=0)

    return measure


def csv_files():
    return {path.name: path.read_text() for path in sorted(records.RESULTS.rglob("*.csv"))}


def rows_of(name="blocks"):
    return records.read_rows(records.RESULTS / "accuracy" / f"{name}.csv")


def test_report_is_read_as_it_was_recorded(measured):
    report = measured()
    records.record("accuracy", "blocks", report, ROWS)
    again = records.read_report("accuracy", "blocks")
    assert again.names == report.names
    assert again.class_names == NAMES
    assert again.window_size == report.window_size
    for one, other in zip(report.results, again.results, strict=True):
        for name in ("estimator", "split", "n_train", "n_test", "n_parameters", "environment"):
            assert getattr(one, name) == getattr(other, name)
        for name in ("overall_accuracy", "average_accuracy", "kappa"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)
        assert one.recall == pytest.approx(other.recall, abs=1e-6)
        assert one.fit_seconds == pytest.approx(other.fit_seconds, abs=1e-3)
    for one, other in zip(report.leakage, again.leakage, strict=True):
        assert one.share_containing == pytest.approx(other.share_containing)
        assert one.distance_quantiles[0.5] == other.distance_quantiles[0.5]
        assert other.share_same_group is None
    expected = report.compare(*ROWS)
    assert again.compare(*ROWS).p_value == pytest.approx(expected.p_value)


def test_rows_have_names_settings_seeds_and_origin(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    first, _, tree, _ = rows_of()
    assert (first["row"], first["split"], first["seed"]) == ("bayes", "0", "")
    assert (tree["row"], tree["split"], tree["seed"]) == ("a tree, of depth 1", "0", "0")
    assert json.loads(tree["settings"])["max_depth"] == 1
    assert first["commit"] == "0123456"
    assert "numpy" in first["environment"]


def test_recording_the_same_fits_again_changes_nothing(measured, monkeypatch):
    report = measured()
    records.record("accuracy", "blocks", report, ROWS)
    before = csv_files()
    monkeypatch.setattr(records, "commit", lambda: "later")
    records.record("accuracy", "blocks", report, ROWS)
    assert csv_files() == before


@pytest.mark.slow
def test_fits_measured_anew_replace_the_earlier_ones(measured, monkeypatch):
    records.record("accuracy", "blocks", measured(), ROWS)
    earlier = [row for row in rows_of() if row["row"] == "bayes"]
    monkeypatch.setattr(records, "commit", lambda: "later")
    slower = measured({"bayes": GaussianNB()})
    for result in slower.results:
        object.__setattr__(result, "fit_seconds", result.fit_seconds + 100)
    records.record("accuracy", "blocks", slower, ROWS)
    rows = rows_of()
    assert [row["commit"] for row in rows] == ["later", "later", "0123456", "0123456"]
    assert [float(row["fit_s"]) > 99 for row in rows] == [True, True, False, False]
    assert [row["OA"] for row in rows[:2]] == [row["OA"] for row in earlier]


def test_rows_keep_their_order_whenever_they_are_measured(measured):
    order = [*ROWS, "later"]
    for rows in ({"later": GaussianNB(var_smoothing=1)}, *({name: ROWS[name]} for name in ROWS)):
        records.record("accuracy", "blocks", measured(rows), rows, order)
    assert [row["row"] for row in rows_of()] == np.repeat(order, 2).tolist()
    assert records.read_report("accuracy", "blocks").names == tuple(order)


@pytest.mark.slow
def test_a_row_has_one_setting_at_a_time(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    changed = {"bayes": GaussianNB(var_smoothing=0.5)}
    records.record("accuracy", "blocks", measured(changed), changed)
    settings = {row["row"]: json.loads(row["settings"]) for row in rows_of()}
    assert settings["bayes"]["var_smoothing"] == 0.5
    assert [row["row"] for row in rows_of()] == np.repeat(list(ROWS), 2).tolist()


def test_splits_of_earlier_settings_go(measured, splits):
    records.record("accuracy", "blocks", measured(), ROWS)
    changed = {name: DecisionTreeClassifier(max_depth=2) for name in ROWS}
    records.record("accuracy", "blocks", measured(changed, splits[:1]), changed)
    report = records.read_report("accuracy", "blocks")
    assert [result.split for result in report.results] == [0, 0]
    assert len(report.leakage) == 1


@pytest.mark.slow
def test_protocols_share_the_files_of_recalls_and_splits(measured):
    for protocol in ("blocks", "random"):
        records.record("accuracy", protocol, measured(), ROWS)
    blocks = csv_files()
    records.record("accuracy", "random", measured({"bayes": GaussianNB()}), ROWS)
    for protocol in ("blocks", "random"):
        assert len(records.read_report("accuracy", protocol).results) == 4
    for name in ("blocks.csv", "recall.csv", "splits.csv"):
        assert csv_files()[name] == blocks[name]


def test_comparison_of_hits_is_published_and_the_hits_are_not(measured):
    report = measured()
    records.record("accuracy", "blocks", report, ROWS)
    expected = report.compare(*ROWS, "mcnemar")
    first, second = (
        np.concatenate([result.correct for result in report.results_for(name)]) for name in ROWS
    )
    (line,) = records.read_rows(records.RESULTS / "accuracy" / "comparisons.csv")
    assert (line["first"], line["second"]) == tuple(ROWS)
    assert line["method"] == expected.method
    assert float(line["p_value"]) == pytest.approx(expected.p_value)
    assert float(line["statistic"]) == pytest.approx(expected.statistic)
    assert int(line["only_first_right"]) == (first & ~second).sum()
    assert int(line["only_second_right"]) == (second & ~first).sum()
    assert not list(records.RESULTS.rglob("*.npz"))


@pytest.mark.slow
def test_comparisons_stay_without_the_cache_and_later_rows_are_compared_with_it(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    path = records.RESULTS / "accuracy" / "comparisons.csv"
    later = {"later": GaussianNB(var_smoothing=1)}
    both = measured({**ROWS, **later}).compare("bayes", "later", "mcnemar")
    records.record("accuracy", "blocks", measured(later), later)
    first, second = records.read_rows(path)
    assert (second["first"], second["second"]) == ("bayes", "later")
    assert float(second["p_value"]) == pytest.approx(both.p_value)
    (records.CACHE / "accuracy" / "blocks.npz").unlink()
    records.record("accuracy", "blocks", measured(later), later)
    assert records.read_rows(path) == [first, second]


def test_comparison_of_a_row_that_changed_goes(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    (records.CACHE / "accuracy" / "blocks.npz").unlink()
    changed = {"bayes": GaussianNB(priors=[0.9, 0.05, 0.05])}
    records.record("accuracy", "blocks", measured(changed), changed)
    assert records.read_rows(records.RESULTS / "accuracy" / "comparisons.csv") == []


def test_hits_of_other_settings_are_not_compared(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    path = records.CACHE / "accuracy" / "blocks.npz"
    with np.load(path) as file:
        hits = {name: ~value for name, value in file.items()}
    np.savez_compressed(path, **hits)
    later = {"later": GaussianNB(var_smoothing=1)}
    records.record("accuracy", "blocks", measured(later), later)
    lines = records.read_rows(records.RESULTS / "accuracy" / "comparisons.csv")
    assert [line["second"] for line in lines] == ["a tree, of depth 1"]


def test_splits_that_test_samples_twice_have_no_comparison_of_hits(measured):
    split = np.arange(40), np.arange(40, 80)
    report = measured(cv=[split, split])
    records.record("accuracy", "twice", report, ROWS)
    assert not (records.RESULTS / "accuracy" / "comparisons.csv").exists()
    assert not records.CACHE.exists()


def test_rows_on_different_splits_are_refused(measured):
    records.record("accuracy", "blocks", measured(), ROWS)
    path = records.RESULTS / "accuracy" / "blocks.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ValueError, match="has splits 0, 1 of 'bayes', but 0 of 'a tree, of depth"):
        records.read_report("accuracy", "blocks")


def test_protocol_that_was_not_measured_is_named():
    with pytest.raises(FileNotFoundError, match=r"blocks\.csv has no results\. Measure them first"):
        records.read_report("accuracy", "blocks")


def test_environments_of_experiments_are_listed_once(measured):
    report = measured()
    records.record("accuracy", "blocks", report, ROWS)
    assert records.environments("accuracy", "missing") == report.results[0].environment
    rows = [{"environment": "zebra"}, {"environment": None}]
    records.write_rows(records.RESULTS / "other" / "rows.csv", ["environment"], rows)
    both = f"{report.results[0].environment} and zebra"
    assert records.environments("other", "accuracy") == both


def test_lines_of_the_same_key_are_replaced(tmp_path):
    path, columns = tmp_path / "lines.csv", ("name", "value", "commit")
    first = [{"name": "a", "value": 1, "commit": "x"}, {"name": "b", "value": 0.5, "commit": "x"}]
    later = [{"name": "b", "value": 0.5, "commit": "y"}, {"name": "c", "value": 3, "commit": "y"}]
    records.update_rows(path, columns, ("name",), first)
    records.update_rows(path, columns, ("name",), [*later, {"name": "a", "commit": "y"}])
    assert path.read_text() == "name,value,commit\na,,y\nb,0.5,x\nc,3,y\n"


def test_settings_are_canonical_and_without_seeds():
    def described(**changes):
        estimator = HSIPromptClassifier(random_state=3, **changes)
        return json.loads(records.describe_settings(estimator))

    found = described(text_encoder=np.eye(3, 8), prompts={2: "oats", 1: "corn"}, lr=np.float32(0.5))
    assert found["estimator"] == "HSIPromptClassifier"
    assert found["text_encoder"] == "array of shape (3, 8)"
    assert found["prompts"] == {"1": "corn", "2": "oats"}
    assert found["lr"] == 0.5
    assert "random_state" not in found
    assert list(found) == sorted(found)
    pipeline = json.loads(
        records.describe_settings(make_pipeline(StandardScaler(), DecisionTreeClassifier()))
    )
    assert pipeline["decisiontreeclassifier"] == "DecisionTreeClassifier"
    assert "decisiontreeclassifier__random_state" not in pipeline
    assert pipeline["decisiontreeclassifier__max_depth"] is None


def test_parameters_that_came_later_leave_settings_the_same():
    now = records.describe_settings(HSIPromptClassifier(window_size=7))
    before = json.loads(now)
    del before["adapter"]
    assert records.same_settings(json.dumps(before), now)
    adapted = records.describe_settings(HSIPromptClassifier(window_size=7, adapter="lora"))
    assert not records.same_settings(json.dumps(before), adapted)
    other = json.dumps({**before, "window_size": 9})
    assert not records.same_settings(other, now)
    assert not records.same_settings(now, json.dumps(before))
