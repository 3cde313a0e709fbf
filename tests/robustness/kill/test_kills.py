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


def found_after(kind, n_kills, folder):
    """How often each state was found after a kill; the harness has checked that it is whole."""
    command = [sys.executable, HARNESS, kind, folder, str(n_kills), str(SEED)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **THREADS}
    )
    assert done.returncode == 0, f"SEED {SEED}\n{done.stderr}"
    report = json.loads(done.stdout)
    sys.stdout.write(f"{kind}: {report}\n")
    assert sum(report["found"].values()) == n_kills or not n_kills
    return report["found"]


def share(found, *words):
    hits = sum(count for state, count in found.items() if any(word in state for word in words))
    return hits / sum(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_saving(tmp_path, kind):
    # Which state is found is a matter of time; the next test finds them all.
    assert share(found_after(kind, 25, tmp_path), "drafts") > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_every_step_of_saving(tmp_path, kind):
    found = found_after(kind, 0, tmp_path)
    assert {state.partition(" ")[0] for state in found} >= {"old", "new"}
    # Those that were killed in the midst of writing leave drafts.
    assert share(found, "drafts") > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["envi", "geotiff"])
def test_mapping(tmp_path, kind):
    # How many kills hit the blocks depends on how busy the machine is.
    assert share(found_after(kind, 25, tmp_path), "block") > 0.1


@pytest.mark.slow
def test_training(tmp_path):
    assert share(found_after("training", 50, tmp_path), "epoch") > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["envi file", "geotiff file"])
def test_every_step_of_writing_a_file(tmp_path, kind):
    found = found_after(kind, 0, tmp_path)
    # Nothing describes the data for a moment, so that no header can be taken for that of others.
    assert {"old", "old alone", "new alone", "new"} == found.keys()
