import json
import subprocess
import sys
from dataclasses import replace

import pytest
from matplotlib.image import imread

from hsvlm.__main__ import main
from hsvlm.datasets import load_indian_pines
from hsvlm.exceptions import DataError

FIGURES = (
    "confusion-matrix",
    "false-colour",
    "ground-truth",
    "predicted-map",
    "prompt-similarity",
    "training-curve",
)


def run(*arguments):
    command = [sys.executable, "-m", "hsvlm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Run a command in this process; gives its status and what it prints."""

    def run_here(*arguments):
        monkeypatch.setattr(sys, "argv", ["hsvlm", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, capsys.readouterr().out

    return run_here


@pytest.fixture
def corner(monkeypatch):
    """A quarter of Indian Pines with 7 classes takes its place."""
    scene = load_indian_pines()
    part = replace(scene, cube=scene.cube[75:, :80], labels=scene.labels[75:, :80])
    for module in ("hsvlm.cli._demo_run", "hsvlm.evaluation._protocols"):
        monkeypatch.setattr(f"{module}.load_indian_pines", lambda: part)


@pytest.mark.slow
@pytest.mark.usefixtures("corner")
def test_demo_writes_report_and_figures(tmp_path, run_here):
    status, printed = run_here(
        "demo", "--output", str(tmp_path / "demo"), "--epochs", "1", "--json"
    )
    assert status == 0
    figures = json.loads(printed)
    assert figures["n_train"] == 278
    assert figures["n_test"] == 2510
    assert 0.15 < figures["window_by_window_overall_accuracy"] < figures["overall_accuracy"] < 1
    assert 0.95 < figures["coordinates_overall_accuracy"] < 0.99
    assert 0.8 < figures["leaking_share"] < 0.95
    assert json.loads((tmp_path / "demo" / "report.json").read_text()) == figures
    report = (tmp_path / "demo" / "report.txt").read_text()
    assert "1-NN on (row, col), no spectra" in report
    assert "Soybean-mintill" in report
    for name in FIGURES:
        image = imread(tmp_path / "demo" / f"{name}.png")
        assert min(image.shape[:2]) > 600
        assert image[..., :3].std() > 0.05


@pytest.mark.slow
@pytest.mark.usefixtures("corner")
def test_evaluate_puts_protocols_side_by_side(tmp_path, run_here):
    arguments = ["evaluate", "--protocol", "random-10", "--protocol", "blocks", "--splits", "1"]
    arguments += ["--epochs", "1", "--store", str(tmp_path / "store")]
    status, printed = run_here(*arguments)
    assert status == 0
    assert "test windows (5 x 5 pixels) that contain a training pixel: 86.5%" in printed
    assert "contain a training pixel: 0.0%" in printed
    last = printed.split("=== indian-pines, OA % ===")[1].split("\n")
    assert last[2].split() == ["random-10", "blocks"]
    assert [line.split("  ")[0] for line in last[3:8]] == [
        "hsvlm",
        "1-NN on (row, col), no spectra",
        "RBF-SVM on spectra",
        "RBF-SVM, 3x3 SNV, smoothed",
        "most frequent class",
    ]
    # Everything is in the store now, so nothing is trained again.
    figures = json.loads(run_here(*arguments, "--json")[1])
    assert list(figures) == ["random-10", "blocks"]
    stored = [json.loads(path.read_text()) for path in (tmp_path / "store").iterdir()]
    assert sorted(one["fit_seconds"] for one in stored) == sorted(
        one["fit_seconds"] for report in figures.values() for one in report["results"]
    )


def test_missing_maps_are_noticed_before_anything_is_trained(tmp_path, monkeypatch, capsys):
    def offline(**_):
        message = "The maps are not here."
        raise DataError(message)

    monkeypatch.setattr("hsvlm.evaluation._protocols.fetch_indian_pines_split", offline)
    monkeypatch.setattr(sys, "argv", ["hsvlm", "evaluate", "--protocol", "all"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "hsvlm: The maps are not here.\n"


@pytest.mark.slow
def test_help_and_wrong_options(run_here):
    assert "blocks" in run_here("evaluate", "--help")[1]
    assert run_here("evaluate", "--protocol", "random")[0] == 2
    assert "Indian Pines" in run_here("demo", "--help")[1]
    assert run_here("demo", "--epochs", "0")[0] == 2
    assert run("nothing").returncode == 2


def test_errors_of_the_package_are_one_line(monkeypatch, capsys):
    def fail():
        message = "The cube is broken."
        raise DataError(message)

    monkeypatch.setattr("hsvlm.cli.app", fail)
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "hsvlm: The cube is broken.\n"
