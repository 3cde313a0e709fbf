"""Processes are killed while they write: what they leave is old or new, and the next goes on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rasterio")
pytest.importorskip("spectral")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

HARNESS = Path(__file__).with_name("harness.py")
SEED = 0
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def found_after(n_kills, folder, *kinds):
    """How often each state of a kind was found after a kill; the harness has checked all."""
    command = [sys.executable, HARNESS, folder, str(n_kills), str(SEED), *kinds]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **THREADS}
    )
    assert done.returncode == 0, f"SEED {SEED}\n{done.stderr}"
    reports = json.loads(done.stdout)
    sys.stdout.write(f"{reports}\n")
    assert tuple(reports) == kinds
    found = {kind: report["found"] for kind, report in reports.items()}
    assert not n_kills or {sum(states.values()) for states in found.values()} == {n_kills}
    return found


def share(found, *words):
    hits = sum(count for state, count in found.items() if any(word in state for word in words))
    return hits / sum(found.values())


@pytest.mark.slow
def test_saving(tmp_path):
    # Which state is found is a matter of time; the next test finds them all.
    for kind, found in found_after(25, tmp_path, "folder", "archive").items():
        assert share(found, "drafts") > 0.2, kind


@pytest.mark.slow
def test_every_step_of_saving(tmp_path):
    for kind, found in found_after(0, tmp_path, "folder", "archive").items():
        assert {state.partition(" ")[0] for state in found} >= {"old", "new"}, kind
        # Those that were killed in the midst of writing leave drafts.
        assert share(found, "drafts") > 0.4, kind


@pytest.mark.slow
def test_mapping(tmp_path):
    # How many kills hit the blocks depends on how busy the machine is.
    for kind, found in found_after(25, tmp_path, "envi", "geotiff").items():
        assert share(found, "block") > 0.1, kind


@pytest.mark.slow
def test_training(tmp_path):
    assert share(found_after(50, tmp_path, "training")["training"], "epoch") > 0.2


@pytest.mark.slow
def test_every_step_of_writing_a_file(tmp_path):
    for kind, found in found_after(0, tmp_path, "envi file", "geotiff file").items():
        # Nothing describes the data for a moment: no header can be taken for that of others.
        assert {"old", "old alone", "new alone", "new"} == found.keys(), kind
