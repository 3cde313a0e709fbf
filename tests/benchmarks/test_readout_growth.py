"""The cost of the read-out in growing scenes: the scene, what is recorded, and the page."""

import sys

import numpy as np
import pytest

from benchmarks import growth, page, readout_growth, records


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(readout_growth, "PATH", tmp_path / "readout.csv")
    monkeypatch.setattr(readout_growth, "machine", lambda: "a machine")
    monkeypatch.setattr(records, "commit", lambda: "0123456")
    return readout_growth.PATH


@pytest.fixture
def calls(monkeypatch):
    """Answer for the processes that measure, and list them."""
    listed = []

    def run_json(module, step, kind, side):
        listed.append((module, step, kind, int(side)))
        seconds = {"windows": 10.0, "default": 13.0}[kind]
        return {f"{kind}_s": seconds, f"{kind}_mb": float(side)}

    monkeypatch.setattr(readout_growth, "run_json", run_json)
    return listed


@pytest.mark.slow
def test_scene_has_the_labels_of_its_fields_whatever_its_size():
    small, _ = readout_growth.make_scene(120)
    cube, labels = readout_growth.make_scene(520)
    assert cube.shape == (520, 520, readout_growth.N_BANDS)
    assert cube.dtype == np.float32
    np.testing.assert_array_equal(cube[:120, :120], small)
    np.testing.assert_array_equal(cube[250:370, 500:520], small[:, :20])
    assert np.count_nonzero(labels) == readout_growth.N_LABELS
    classes = np.unique(labels[labels > 0])
    assert classes.tolist() == list(range(1, readout_growth.N_CLASSES + 1))
    # Scattered: every quarter has its share.
    assert np.count_nonzero(labels[:260, :260]) == pytest.approx(150, abs=50)
    # Spectra of a class are nearer to each other than to those of other classes.
    means = np.stack([cube[labels == label].mean(axis=0) for label in classes])
    distances = np.linalg.norm(cube[labels > 0][:, None] - means, axis=2)
    assert (classes[distances.argmin(axis=1)] == labels[labels > 0]).mean() > 0.8


def test_both_fits_differ_in_the_read_out_only():
    labels = np.array([[0, 1, 3]])
    default, windows = (
        readout_growth.make_classifier(kind, labels).get_params() for kind in ("default", "windows")
    )
    assert default["text_encoder"].shape[0] == 2
    different = [name for name in default if np.any(default[name] != windows[name])]
    assert different == ["spatial"]
    assert windows["spatial"] is None


def test_sizes_are_measured_alone_and_keep_the_others(calls, path):
    readout_growth.measure([500, 1000])
    readout_growth.measure([250, 500])
    expected = [(side, kind) for side in (500, 1000, 250, 500) for kind in ("windows", "default")]
    assert [(side, kind) for _, _, kind, side in calls] == expected
    assert {call[:2] for call in calls} == {("benchmarks.readout_growth", "measured")}
    rows = records.read_rows(path)
    assert sorted(int(row["side"]) for row in rows) == [250, 500, 1000]
    assert rows[0]["default_s"] == "13"
    assert rows[0]["windows_mb"] == "500"


def test_page_has_the_ratio_in_the_order_of_size_and_the_exact_command(calls, monkeypatch):
    monkeypatch.setattr(page, "write_pages", lambda: None)
    monkeypatch.setattr(sys, "argv", ["readout_growth", "--side", "1000", "250"])
    readout_growth.main()
    text = readout_growth.render()
    assert "`python -m benchmarks.readout_growth --side 250 1000`" in text
    small, large = [line for line in text.splitlines() if " x " in line and "|" in line]
    assert small == "| 250 x 250 | 13.0 | 10.0 | 1.30 | 12 | 250 | 250 |"
    assert large == "| 1,000 x 1,000 | 13.0 | 10.0 | 1.30 | 200 | 1,000 | 1,000 |"
    assert "Measured on a machine." in text
    assert text in growth.render()


def test_page_of_growth_needs_no_read_out():
    assert "The read-out in a growing scene" not in growth.render()


def test_indian_pines_has_a_tenth_of_its_labels():
    cube, labels = readout_growth.load_tenth()
    assert cube.shape == (145, 145, 200)
    assert np.count_nonzero(labels) == 1024
    assert len(np.unique(labels)) == 17
