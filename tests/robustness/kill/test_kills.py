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
ENVIRONMENT = {**os.environ, **THREADS}


@pytest.fixture(scope="module")
def harness():
    """One process for all tests, as importing takes longer than most of them."""
    command = [sys.executable, HARNESS]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as opened:
        yield opened
        opened.stdin.close()
        assert opened.wait(60) == 0


@pytest.fixture
def found_after(harness, tmp_path):
    """How often each state of a kind was found after a kill; the harness has checked all."""

    def found_after(n_hits, *kinds):
        harness.stdin.write(f"{json.dumps([str(tmp_path), n_hits, SEED, kinds])}\n")
        harness.stdin.flush()
        answer = harness.stdout.readline()
        assert answer, "the harness ended"
        reports = json.loads(answer)
        assert "error" not in reports, f"SEED {SEED}\n{reports['error']}"
        sys.stdout.write(f"{reports}\n")
        assert tuple(reports) == kinds
        return {kind: report["found"] for kind, report in reports.items()}

    return found_after


def count(found, word):
    return sum(number for state, number in found.items() if word in state)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kinds", "state", "n_hits"),
    [
        (("folder", "archive"), "drafts", 6),
        (("envi", "geotiff"), "block", 4),
        (("training",), "epoch", 6),
        (("training with sources",), "epoch", 3),
        (("geotiff with sources",), "block", 3),
    ],
)
def test_random_kills(found_after, kinds, state, n_hits):
    for kind, found in found_after(n_hits, *kinds).items():
        assert count(found, state) == n_hits, kind


@pytest.mark.slow
def test_every_step_of_saving(found_after):
    for kind, found in found_after(0, "folder", "archive").items():
        assert {state.partition(" ")[0] for state in found} >= {"old", "new"}, kind
        # Those that were killed in the midst of writing leave drafts.
        assert count(found, "drafts") > 0.4 * sum(found.values()), kind


@pytest.mark.slow
def test_every_step_of_writing_a_file(found_after):
    for kind, found in found_after(0, "envi file", "geotiff file").items():
        # Nothing describes the data for a moment: no header can be taken for that of others.
        assert {"old", "old alone", "new alone", "new"} == found.keys(), kind
