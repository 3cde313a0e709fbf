import json
import subprocess
import sys

import pytest
from matplotlib.image import imread

from hsvlm.__main__ import main
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


@pytest.mark.slow
def test_demo_writes_report_and_figures(tmp_path):
    done = run("demo", "--output", str(tmp_path / "demo"), "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["n_train"] == 1024
    assert figures["n_test"] == 9225
    assert 0.15 < figures["overall_accuracy"] < 0.99
    assert 0.95 < figures["coordinates_overall_accuracy"] < 0.99
    assert figures["leaking_share"] > 0.99
    assert json.loads((tmp_path / "demo" / "report.json").read_text()) == figures
    report = (tmp_path / "demo" / "report.txt").read_text()
    assert "1-NN on (row, col), no spectra" in report
    assert "Soybean-mintill" in report
    for name in FIGURES:
        image = imread(tmp_path / "demo" / f"{name}.png")
        assert min(image.shape[:2]) > 600
        assert image[..., :3].std() > 0.05


def test_help_and_wrong_options():
    assert "Indian Pines" in run("demo", "--help").stdout
    assert run("demo", "--epochs", "0").returncode == 2
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
