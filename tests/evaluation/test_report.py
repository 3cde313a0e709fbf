import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.evaluation import EvaluationReport, FoldResult, LeakageReport, compare_protocols
from hsvlm.exceptions import DataError, UnknownNameError


def result(name, split, accuracy, recall, n_parameters=None, kappa=0.5):
    return FoldResult(
        estimator=name,
        split=split,
        overall_accuracy=accuracy,
        average_accuracy=float(np.mean(list(recall.values()))),
        kappa=kappa,
        recall=recall,
        n_train=100 + split,
        n_test=200,
        fit_seconds=1.25 + split,
        predict_seconds=0.5,
        n_parameters=n_parameters,
        environment="",
        correct=np.ones(200, dtype=bool),
    )


def leakage(split, median=8.0):
    return LeakageReport(5, 100 + split, 200, 0.25 * split, 0.5, {0.0: 3.0, 0.5: median})


@pytest.fixture
def report():
    results = (
        result("net <b>|", 0, 0.5, {1: 0.25, 2: 0.75}, n_parameters=12345),
        result("net <b>|", 1, 0.6, {1: 0.5}, n_parameters=12345),
        result("svm", 0, 0.25, {1: 0.125, 2: 0.5}),
        result("svm", 1, 0.25, {1: 0.5}, kappa=float("nan")),
    )
    names = ("net <b>|", "svm")
    sides = (leakage(0), leakage(1, median=np.inf))
    return EvaluationReport(results, sides, names, 5, "Blocks(<2>)", {1: "corn & rye"}, True)


def test_text(report):
    assert str(report) == repr(report)
    assert str(report).split("\n") == [
        "Blocks(<2>)",
        "",
        "2 splits with 100 to 101 training and 200 test samples",
        "test windows (5 x 5 pixels) that contain a training pixel: 12.5%; that overlap a training "
        "window: 50.0%",
        "median distance to the nearest training pixel: 8 to inf px",
        "",
        "                      OA %           AA %   kappa x 100  fit s  predict s  parameters",
        "[1] net <b>|  55.00 ± 7.07   50.00 ± 0.00  50.00 ± 0.00    1.8        0.5      12,345",
        "[2] svm       25.00 ± 0.00  40.62 ± 13.26     nan ± nan    1.8        0.5",
        "",
        "recall %     [1]   [2]",
        "corn & rye  37.5  31.2",
        "2           75.0  50.0",
    ]


def test_one_split_has_no_deviation(report):
    single = EvaluationReport(
        report.results[::2], report.leakage[:1], report.names, 5, "p", {}, True
    )
    assert single.summary()[1][0][1] == "50.00"
    assert str(single).split("\n")[2] == "1 split with 100 training and 200 test samples"


def test_numbers_of_samples_are_written_in_full(report):
    many = [LeakageReport(5, n, 98_765_432, 0.0, 0.0, {0.5: 8.0}) for n in (1_234_567, 1_234_568)]
    large = EvaluationReport(report.results, tuple(many), report.names, 5, "p", {}, True)
    assert large.leakage_lines()[0] == (
        "2 splits with 1234567 to 1234568 training and 98765432 test samples"
    )


def test_markdown(report):
    lines = report.to_markdown().split("\n")
    assert lines[0] == "`Blocks(<2>)`"
    assert lines[2:5] == [f"- {line}" for line in report.leakage_lines()]
    header, rows = report.summary()
    tables = [line for line in lines if line.startswith("|")]
    assert tables[0] == f"| {' | '.join(header)} |"
    assert tables[1] == "| --- | --- | --- | --- | --- | --- | --- |"
    assert tables[2].startswith(r"| net <b>\| | 55.00 ± 7.07 | ")
    assert tables[4:] == [
        r"| recall % | net <b>\| | svm |",
        "| --- | --- | --- |",
        "| corn & rye | 37.5 | 31.2 |",
        "| 2 | 75.0 | 50.0 |",
    ]
    assert len(rows) == 2


def test_html_is_escaped(report):
    text = report.to_html()
    assert report._repr_html_() == text
    assert text.startswith("<div><p><code>Blocks(&lt;2&gt;)</code></p><ul><li>2 splits with 100")
    assert "<b>" not in text
    assert text.count("<td>net &lt;b&gt;|</td>") == 1
    assert "<th>net &lt;b&gt;|</th>" in text
    assert "<td>corn &amp; rye</td><td>37.5</td><td>31.2</td>" in text
    assert text.count("<table>") == text.count("</table>") == 2


def test_frame(report):
    frame = report.to_frame()
    assert len(frame) == 4
    for row, one in zip(frame.to_dict("records"), report.results, strict=True):
        for column in (
            "estimator",
            "split",
            "overall_accuracy",
            "average_accuracy",
            "n_train",
            "n_test",
            "fit_seconds",
            "predict_seconds",
        ):
            assert row[column] == getattr(one, column)
        np.testing.assert_equal(row["kappa"], one.kappa)
        assert row["n_classes_tested"] == len(one.recall)
        side = report.leakage[one.split]
        assert row["share_containing"] == side.share_containing
        assert row["share_overlapping"] == side.share_overlapping
        assert row["median_distance"] == side.distance_quantiles[0.5]
    assert frame["median_distance"].tolist() == [8, np.inf, 8, np.inf]
    assert frame["n_parameters"].isna().tolist() == [False, False, True, True]


def test_dictionary_is_json(report):
    found = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert found == report.to_dict()
    assert (found["protocol"], found["window_size"]) == ("Blocks(<2>)", 5)
    rows = found["results"]
    assert [one["overall_accuracy"] for one in rows] == [0.5, 0.6, 0.25, 0.25]
    assert [one["median_distance"] for one in rows] == [8, None, 8, None]
    assert [one["kappa"] for one in rows] == [0.5, 0.5, 0.5, None]
    assert [one["n_parameters"] for one in rows] == [12345, 12345, None, None]


def test_results_of_one_estimator(report):
    assert [one.split for one in report.results_for("svm")] == [0, 1]
    assert {one.estimator for one in report.results_for("svm")} == {"svm"}
    with pytest.raises(UnknownNameError) as error:
        report.results_for("forest")
    assert str(error.value) == "Unknown estimator 'forest'. Known: 'net <b>|', 'svm'."


@pytest.mark.slow
@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_deviation_is_over_the_splits(values):
    results = tuple(result("a", n, value, {1: value}) for n, value in enumerate(values))
    sides = tuple(leakage(0) for _ in values)
    report = EvaluationReport(results, sides, ("a",), 5, "p", {}, True)
    mean, deviation = map(float, report.summary()[1][0][1].split(" ± "))
    assert mean == pytest.approx(100 * sum(values) / len(values), abs=0.006)
    variance = sum((100 * one - 100 * np.mean(values)) ** 2 for one in values) / (len(values) - 1)
    assert deviation == pytest.approx(variance**0.5, abs=0.006)


def test_protocols_side_by_side(report):
    other = EvaluationReport(report.results[2:], report.leakage, ("svm",), 5, "p", {}, True)
    assert compare_protocols({"blocks": report, "random": other}).split("\n") == [
        "                blocks        random",
        "net <b>|  55.00 ± 7.07",
        "svm       25.00 ± 0.00  25.00 ± 0.00",
    ]


def test_a_report_comes_back_from_json(report):
    figures = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    again = EvaluationReport.from_dict(figures)
    assert str(again) == str(report)
    assert again.to_dict() == report.to_dict()
    assert again.leakage == report.leakage
    for first, second in zip(report.results, again.results, strict=True):
        assert first.correct.tolist() == second.correct.tolist()
    assert str(again.compare("net <b>|", "svm")) == str(report.compare("net <b>|", "svm"))


@pytest.mark.parametrize("change", [{"results": 5}, {"names": None}, {"splits": [{}]}])
def test_changed_figures_are_refused(report, change):
    with pytest.raises(DataError, match="These are not the figures of an evaluation"):
        EvaluationReport.from_dict({**report.to_dict(), **change})
    with pytest.raises(DataError, match=r"Pass what EvaluationReport\.to_dict returned, unchanged"):
        EvaluationReport.from_dict([])


def places_in(figures, place=()):
    items = figures.items() if isinstance(figures, dict) else enumerate(figures[:2])
    for key, value in items:
        yield (*place, key)
        if isinstance(value, (dict, list)):
            yield from places_in(value, (*place, key))


@pytest.mark.parametrize(
    "value", [None, "x", -1, True, 10**30, float("inf"), [], {}, [[1, 2]], "\ud800"], ids=str
)
def test_figures_with_any_change_are_refused_or_make_a_page(report, tmp_path, value):
    figures = json.loads(json.dumps(report.to_dict()))
    n_refused = 0
    for place in places_in(figures):
        changed = json.loads(json.dumps(figures))
        part = changed
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = value
        try:
            EvaluationReport.from_dict(changed).save_report(tmp_path / "page.html")
        except DataError:
            n_refused += 1
    assert n_refused > 10
