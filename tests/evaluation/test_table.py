"""One table of several protocols: verdicts, means, failures, and forms for people and machines."""

import csv
import io
import json

import numpy as np
import pytest

from hsvlm.evaluation import ComparisonTable, EvaluationReport, FoldResult, LeakageReport
from hsvlm.exceptions import ParameterError


def result(name, split, accuracy, **more):
    values = {
        "estimator": name,
        "split": split,
        "overall_accuracy": accuracy,
        "average_accuracy": accuracy / 2,
        "kappa": accuracy / 4,
        "recall": {1: accuracy},
        "n_train": 100,
        "n_test": 200,
        "fit_seconds": 1.25 + split,
        "predict_seconds": 0.5,
        "n_parameters": None,
        "environment": "",
        "correct": np.ones(200, dtype=bool),
    }
    return FoldResult(**{**values, **more})


def network(name, split, accuracy, share, **more):
    cost = {"n_parameters": 12345, "n_multiply_adds": 2_345_678, "window_size": 5}
    return result(name, split, accuracy, share_containing=share, **{**cost, **more})


def failed(name, split, problem="No <memory>."):
    return result(name, split, float("nan"), problem=problem, recall={})


def report(protocol, adjacent, results):
    sides = tuple(
        LeakageReport(5, 100, 200, adjacent, 0.5, {0.5: 8.0}, share_adjacent=share)
        for share in (adjacent, adjacent)
    )
    names = tuple(dict.fromkeys(one.estimator for one in results))
    return EvaluationReport(tuple(results), sides, names, 5, protocol, {}, True)


@pytest.fixture
def table():
    random = [network("vit", 0, 0.9, 0.8), network("vit", 1, 1.0, 0.6)]
    random += [failed("ssftt", 0), failed("ssftt", 1)]
    random += [result("svm", 0, 0.8), result("svm", 1, 0.7)]
    blocks = [network("vit", 0, 0.5, 0.0), network("vit", 1, 0.75, 0.01)]
    blocks += [network("ssftt", 0, 0.5, 0.5), failed("ssftt", 1)]
    blocks += [result("svm", 0, 0.8, kappa=float("nan")), result("svm", 1, 0.7)]
    return ComparisonTable(
        {"random-10": report("Draw()", 0.5, random), "blocks": report("Blocks()", 0.0, blocks)}
    )


def test_rows_of_an_estimator_follow_each_other(table):
    pairs = [(row["estimator"], row["protocol"]) for row in table.rows()]
    names, protocols = ["vit", "ssftt", "svm"], ["random-10", "blocks"]
    assert pairs == [(name, protocol) for name in names for protocol in protocols]


def test_means_and_deviations(table):
    row = table.rows()[0]
    assert row["n_splits"] == 2
    for name, factor in (("overall_accuracy", 1), ("average_accuracy", 0.5), ("kappa", 0.25)):
        assert row[name] == pytest.approx(0.95 * factor)
        assert row[f"{name}_deviation"] == pytest.approx(np.std([0.9, 1.0], ddof=1) * factor)
    assert row["share_containing"] == pytest.approx(0.7)
    assert (row["window_size"], row["n_parameters"], row["n_multiply_adds"]) == (5, 12345, 2345678)
    assert (row["fit_seconds"], row["predict_seconds"], row["problem"]) == (1.75, 0.5, "")
    assert table.rows()[5]["kappa"] is None  # NaN in one of the splits


def test_verdicts_follow_pixels_and_windows(table):
    found = {(row["estimator"], row["protocol"]): row["verdict"] for row in table.rows()}
    assert found == {
        ("vit", "random-10"): "flattering",
        ("vit", "blocks"): "honest",  # half a percent
        ("ssftt", "random-10"): "flattering",
        ("ssftt", "blocks"): "flattering",  # its window reaches the training pixels
        ("svm", "random-10"): "flattering",
        ("svm", "blocks"): "honest",
    }


def test_failures_leave_their_cells_empty(table):
    first, second = table.rows()[2:4]
    assert first["n_splits"] == 0
    empty = {"estimator", "protocol", "verdict", "n_splits", "problem"}
    assert {value for name, value in first.items() if name not in empty} == {None}
    assert first["problem"] == "No <memory>."
    assert second["overall_accuracy"] == 0.5
    assert second["overall_accuracy_deviation"] is None
    assert second["problem"] == "1 of 2 splits failed. No <memory>."
    assert table.summary()[1][2] == ["ssftt", "random-10", "flattering", *[""] * 9]


def test_text(table):
    assert str(table) == repr(table)
    lines = str(table).split("\n")
    assert lines[1].split() == [
        *("vit", "random-10", "flattering", "95.00", "±", "7.07", "47.50", "±", "3.54"),
        *("23.75", "±", "1.77", "70.0", "5", "12,345", "2.35", "1.75", "0.50"),
    ]
    assert lines[7:] == [
        "",
        "flattering: more than 1% of the test pixels touch a training pixel or have one in their "
        "window; honest: at most 1%",
        "leakage: test pixels with a training pixel in the window that the estimator reads",
        "random-10: Draw(), 2 splits with 100 training and 200 test samples",
        "blocks: Blocks(), 2 splits with 100 training and 200 test samples",
        "ssftt (random-10): No <memory>.",
        "ssftt (blocks): 1 of 2 splits failed. No <memory>.",
    ]


def test_a_problem_under_several_protocols_is_told_once():
    rows = [failed("a", 0), failed("a", 1)]
    table = ComparisonTable({"b": report("B()", 0.0, rows), "c": report("C()", 0.0, rows)})
    assert table.note_lines()[-1] == "a (b, c): No <memory>."


def test_markdown_and_html(table):
    header, rows = table.summary()
    lines = table.to_markdown().split("\n")
    assert lines[0] == f"| {' | '.join(header)} |"
    assert lines[2] == f"| {' | '.join(rows[0])} |"
    assert lines[-1] == "- ssftt (blocks): 1 of 2 splits failed. No <memory>."
    text = table.to_html()
    assert table._repr_html_() == text
    assert "<memory>" not in text
    assert text.count("<tr>") == 1 + len(rows)


def test_csv_holds_the_rows(table):
    lines = list(csv.DictReader(io.StringIO(table.to_csv())))
    for line, row in zip(lines, table.rows(), strict=True):
        assert list(line) == list(row)
        for name, value in row.items():
            if isinstance(value, float):
                assert float(line[name]) == pytest.approx(value, rel=1e-9)
            else:
                assert line[name] == ("" if value is None else str(value))


def test_rows_are_json_and_a_frame(table):
    assert json.loads(json.dumps(table.rows(), allow_nan=False)) == table.rows()
    frame = table.to_frame()
    assert frame["estimator"].tolist() == [row["estimator"] for row in table.rows()]
    assert frame["n_multiply_adds"].isna().tolist() == [False, False, True, False, True, True]


def test_estimators_of_a_single_protocol_have_a_single_row(table):
    other = report("Other()", 0.0, [network("cnn2d", 0, 0.5, 0.0), network("cnn2d", 1, 0.5, 0.0)])
    joined = ComparisonTable({**table.reports, "other": other})
    assert [row["protocol"] for row in joined.rows() if row["estimator"] == "cnn2d"] == ["other"]


def test_nothing_to_compare():
    with pytest.raises(ParameterError) as error:
        ComparisonTable({})
    assert str(error.value) == (
        "There is no report to compare. Pass a dict of {protocol: report of evaluate}."
    )
