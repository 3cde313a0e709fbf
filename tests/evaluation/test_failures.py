"""Estimators that fail on a split: stopped at, or reported next to the others."""

import json

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.evaluation import compare_protocols, evaluate
from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import SpatialBlockKFold

BLOCKS = SpatialBlockKFold(2, block_size=5, buffer=1)


class Failing(GaussianNB):
    """Naive Bayes that fails where there are few training samples."""

    def __init__(self, least=10**6):
        super().__init__()
        self.least = least

    def get_params(self, deep=True):
        return {"least": self.least}

    def fit(self, X, y):
        if len(X) < self.least:
            message = "too few\nof them"
            raise ValueError(message)
        return super().fit(X, y)


@pytest.fixture(scope="module")
def data(cube, labels):
    noise = np.random.default_rng(1).normal(scale=5, size=cube.shape)
    return pixel_samples(cube + noise, labels)


@pytest.fixture(scope="module")
def report(data):
    splits = list(BLOCKS.split(*data))
    larger = max(len(train) for train, _ in splits)
    assert min(len(train) for train, _ in splits) < larger
    estimators = {"all": Failing(), "some": Failing(larger), "none": GaussianNB()}
    return evaluate(estimators, *data, splits, baselines=[], error_score=np.nan)


def test_errors_are_raised_by_default(data):
    with pytest.raises(ValueError, match="too few"):
        evaluate(Failing(), *data, BLOCKS, baselines=[])


def test_others_are_measured_all_the_same(report, data):
    expected = evaluate({"none": GaussianNB()}, *data, list(BLOCKS.split(*data)), baselines=[])
    assert [result.correct.tolist() for result in report.results_for("none")] == [
        result.correct.tolist() for result in expected.results
    ]
    accuracies = [result.overall_accuracy for result in report.results_for("all")]
    assert np.isnan(accuracies).all()
    assert [result.problem for result in report.results_for("all")] == ["ValueError: too few"] * 2
    assert sorted(bool(result.problem) for result in report.results_for("some")) == [False, True]


def test_tables_leave_out_what_failed(report):
    _, rows = report.summary()
    cells = {row[0]: row[1:] for row in rows}
    assert cells["all"] == [""] * 6
    (found,) = [result for result in report.results_for("some") if not result.problem]
    assert cells["some"][0] == f"{100 * found.overall_accuracy:.2f}"
    assert " ± " in cells["none"][0]
    assert [row[1] for row in report.recalls()[1]] == [""] * 3
    assert compare_protocols({"blocks": report}).splitlines()[1].split() == ["all"]


def test_the_reason_is_printed(report):
    lines = [
        "all: failed on 2 of 2 splits. ValueError: too few",
        "some: failed on 1 of 2 splits. ValueError: too few",
    ]
    assert report.problem_lines() == lines
    assert str(report).splitlines()[-2:] == lines
    assert f"- {lines[0]}" in report.to_markdown().splitlines()
    assert f"<li>{lines[0]}</li>" in report.to_html()
    problems = [row["problem"] for row in json.loads(json.dumps(report.to_dict()))["results"]]
    assert problems == [result.problem for result in report.results]


def test_messages_of_the_package_stand_alone(cube, labels, settings):
    clf = HSIPromptClassifier(**{**settings, "vision_params": None, "vision_encoder": "ssftt"})
    clf.set_params(window_size=3)
    report = evaluate({"ssftt": clf}, cube, labels, BLOCKS, baselines=[], error_score=np.nan)
    (line,) = report.problem_lines()
    assert line.startswith("ssftt: failed on 2 of 2 splits. window_size=3 is too small for the")


def test_what_failed_cannot_be_compared(report):
    with pytest.raises(ParameterError) as error:
        report.compare("none", "all", "mcnemar")
    assert str(error.value) == (
        "'all' failed on split 0, so there is nothing to compare. The reason: ValueError: too few"
    )


def test_failures_are_not_stored(data, tmp_path):
    store = tmp_path / "store"
    estimators = {"all": Failing(), "none": GaussianNB()}
    evaluate(estimators, *data, BLOCKS, baselines=[], error_score=np.nan, store=store)
    names = {path.name.partition("-split")[0] for path in store.iterdir()}
    assert names == {"none"}


@pytest.mark.parametrize("given", [0, 0.0, "nan", None])
def test_what_else_an_error_score_is_not(data, given):
    with pytest.raises(ParameterError) as error:
        evaluate(GaussianNB(), *data, BLOCKS, error_score=given)
    assert str(error.value) == (
        f'error_score={given!r} is neither "raise" nor NaN. Pass "raise" to stop at the first '
        "error, or float('nan') to report it and continue."
    )


class Stopped(GaussianNB):
    interrupted_ = True


def test_a_training_that_the_user_stopped_is_no_result(data, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        evaluate(Stopped(), *data, BLOCKS, baselines=[], error_score=np.nan, store=tmp_path / "s")
    assert not (tmp_path / "s").exists()
