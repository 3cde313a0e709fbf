"""The benchmark of pages of maps: its scenes, what is recorded, and the section."""

from contextlib import nullcontext

import numpy as np
import pytest

from benchmarks import records, report_pages


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(report_pages, "PATH", tmp_path / "pages.csv")
    monkeypatch.setattr(report_pages, "CACHE", tmp_path)
    monkeypatch.setattr(report_pages, "machine", lambda: "a machine")
    monkeypatch.setattr(records, "commit", lambda: "0123456")
    return report_pages.PATH


def test_scenes_are_read_from_files(tmp_path):
    scene = report_pages.make_scene(60, tmp_path)
    assert scene.cube.shape == (60, 60, report_pages.N_BANDS)
    assert isinstance(scene.cube, np.memmap)
    assert len(np.unique(scene.labels)) == report_pages.N_CLASSES
    rest = scene.cube[report_pages.STRIP_ROWS :]
    assert rest.std() > 0


@pytest.mark.slow
def test_pages_are_measured_in_a_browser(tmp_path, monkeypatch, browser):
    monkeypatch.setattr(report_pages, "N_CLICKS", 3)
    page = tmp_path / "page.html"
    written = report_pages.write_page("60", page)
    assert written["page_mb"] == page.stat().st_size / 1e6
    assert 0.125 < written["confidence"] < 1
    # The driver of the browser runs once in a process.
    monkeypatch.setattr(report_pages, "open_browser", lambda: nullcontext(browser))
    figures = report_pages.measure_page(page)
    assert 0 < figures["click_ms"] <= figures["slowest_click_ms"] < 20_000


def test_results_are_recorded_and_rendered(path, monkeypatch):
    written = {"bands": 200, "classes": 8, "confidence": 0.75, "write_s": 3.0, "page_mb": 4.25}
    shown = {"open_s": 1.5, "click_ms": 20.4, "slowest_click_ms": 70.0, "toggle_ms": 16.0}
    monkeypatch.setattr(report_pages, "run_json", lambda *_: dict(written))
    monkeypatch.setattr(report_pages, "measure_page", lambda _: dict(shown))
    report_pages.measure(["1000"])
    text = report_pages.render()
    assert "| 1000 | 200 | 8 | 0.75 | 3.0 | 4.2 | 1.5 | 20 | 70 | 16 |" in text
    assert "Measured on a machine." in text
    assert "where up to 70%" in " ".join(text.split())
