"""Report pages of evaluations and comparisons."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import (
    BASELINES,
    ComparisonTable,
    EvaluationReport,
    FoldResult,
    LeakageReport,
    evaluate,
    scene_protocol,
)
from hsvlm.exceptions import FileError

HOSTILE = "</script><img src=x onerror=\"document.title='bad'\">\u202e"


@pytest.fixture(scope="module")
def reports():
    scene = make_synthetic_scene(random_state=0)
    hostile = {label: f"{name} {HOSTILE}" for label, name in scene.class_names.items()}
    scene = replace(scene, class_names=hostile)
    reports = {}
    for name in ("random-10", "blocks"):
        protocol = scene_protocol(scene, name, n_splits=2)
        reports[name] = evaluate(
            {f"Bayes {HOSTILE}": GaussianNB()},
            *(protocol.X, protocol.y, protocol.cv),
            class_names=protocol.class_names,
        )
    return reports


def text_of(page):
    """Return what a reader of a page sees, without markup."""
    body = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "\n", body))


def words(text):
    return set(text.replace("%", " ").replace(";", " ").split())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["random-10", "blocks"])
def test_every_figure_of_the_text_is_on_the_page(tmp_path, reports, name):
    report = reports[name]
    page = report.save_report(tmp_path / "page.html").read_text(encoding="utf-8")
    numbers = [word for word in words(str(report)) if re.search(r"\d", word)]
    assert len(numbers) > 40
    missing = [word for word in numbers if word not in words(text_of(page))]
    # The text numbers its columns.
    assert not [word for word in missing if not re.fullmatch(r"\[\d+\]", word)]


def test_every_figure_of_a_comparison_is_on_the_page(tmp_path, reports):
    table = ComparisonTable(reports)
    page = table.save_report(tmp_path / "page.html", title="Two protocols")
    text = text_of(page.read_text(encoding="utf-8"))
    shown = [word.strip(".,:") for word in words(str(table)) if "\u202e" not in word]
    assert not [word for word in shown if word not in text]
    assert "<h1>Two protocols</h1>" in page.read_text(encoding="utf-8")
    for name, _ in BASELINES.values():
        assert name in text


def test_the_honest_figure_stands_before_the_flattering_one(tmp_path, reports):
    table = ComparisonTable(reports)
    text = text_of(table.save_report(tmp_path / "page.html").read_text(encoding="utf-8"))
    _, rows = table.summary()
    flattering, honest = (row[3] for row in rows[:2])
    sentence = next(line for line in text.splitlines() if "which flatters" in line)
    assert sentence.index(f"{honest} % (blocks)") < sentence.index(f"{flattering} % (random-10)")
    assert "Expect less away" in text_of(
        reports["random-10"].save_report(tmp_path / "page.html").read_text(encoding="utf-8")
    )


def test_names_are_escaped(tmp_path, reports):
    page = ComparisonTable(reports).save_report(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "\u202e" not in page
    assert "meadow &lt;/script&gt;&lt;img" in page


def test_confusions_are_summed_over_the_splits(tmp_path, reports):
    report = reports["blocks"]
    page = report.save_report(tmp_path / "page.html").read_text(encoding="utf-8")
    matrix = (
        page.partition("Confusions of Bayes")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    )
    cells = [int(cell) for cell in re.findall(r">(\d+)</td>", matrix)]
    assert len(cells) == 16
    own = report.results_for(report.names[0])
    assert sum(cells) == sum(result.n_test for result in own)
    assert sum(cells[::5]) == sum(int(result.correct.sum()) for result in own)


def test_comparisons_are_on_the_page(tmp_path, reports):
    report = reports["blocks"]
    text = text_of(report.save_report(tmp_path / "page.html").read_text(encoding="utf-8"))
    for other in report.names[1:]:
        result = report.compare(report.names[0], other)
        assert f"{100 * result.difference:+.2f}" in text
        assert f"{result.p_value:.3g}" in text


def test_failures_and_older_results_have_a_page(tmp_path):
    result = FoldResult(
        *("net", 0, 0.5, 0.5, 0.5, {1: 0.5}, 100, 2, 1.0, 0.5, None, ""),
        correct=np.array([True, False]),
    )
    nan = float("nan")
    failed = FoldResult(
        *("broken", 0, nan, nan, nan, {}, 100, 2, nan, nan, None, ""),
        correct=np.zeros(2, dtype=bool),
        problem="Too small.",
    )
    leakage = LeakageReport(5, 100, 2, 0.25, 0.5, {0.5: np.inf})
    report = EvaluationReport((result, failed), (leakage,), ("net", "broken"), 5, "p", {}, True)
    text = text_of(report.save_report(tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "broken: failed on 1 of 1 split. Too small." in text
    assert "inf px" in text
    assert "Confusions" not in text


def test_files_of_others_are_kept(tmp_path, reports):
    (tmp_path / "mine.html").write_text("mine")
    with pytest.raises(FileError, match="is not a page of hsvlm"):
        reports["blocks"].save_report(tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("color_scheme", ["light", "dark"])
def test_tables_sort_in_a_browser(open_page, tmp_path, reports, color_scheme):
    path = ComparisonTable(reports).save_report(tmp_path / "page.html")
    page = open_page(path, color_scheme=color_scheme)
    header = page.get_by_role("columnheader", name="OA %").first
    header.click()
    page.wait_for_selector("th[aria-sort]")
    table = page.locator("table").first
    cells = table.locator("tbody td:nth-child(4)").all_text_contents()
    values = [float(cell.split(" ±")[0]) for cell in cells]
    assert values == sorted(values, reverse=True)
    assert page.title() == "Comparison of classifiers"
