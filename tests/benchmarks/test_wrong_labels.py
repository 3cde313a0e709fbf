"""Wrong labels are made as the page says, and the page counts what the lines say."""

import numpy as np
import pytest

from benchmarks import wrong_labels
from benchmarks.records import write_rows


def test_a_share_gets_another_class():
    y = np.repeat([3, 5, 9], [40, 40, 20])
    labels, wrong = wrong_labels.with_wrong_labels(y, 0, 0.2)
    assert len(wrong) == len(set(wrong.tolist())) == 20
    assert np.array_equal(np.sort(wrong), np.flatnonzero(labels != y))
    assert set(labels.tolist()) <= {3, 5, 9}
    assert not np.array_equal(wrong, wrong_labels.with_wrong_labels(y, 1, 0.2)[1])
    assert len(wrong_labels.with_wrong_labels(y, 0, 0.0)[1]) == 0


@pytest.fixture
def measured(tmp_path, monkeypatch):
    path = tmp_path / "wrong_labels.csv"
    monkeypatch.setattr(wrong_labels, "FILE", path)
    common = {"scene": "made-up", "protocol": "blocks", "row": "default", "AA": 0.5}
    rows = [
        {**common, "draw": 0, "n_wrong": 0, "OA": 0.9, "n_disputed": 1, "n_found": 0},
        {**common, "draw": 0, "n_wrong": 10, "OA": 0.8, "kept": 0.1, "corrected": 0.7,
         "n_disputed": 9, "n_found": 8},
    ]  # fmt: skip
    write_rows(path, wrong_labels.COLUMNS, rows)


def test_the_page_says_what_was_measured(measured):
    page = wrong_labels.render()
    assert "| made-up, blocks | default | 90.00 | 80.00 | 10.00 | 70.00 |" in page
    assert "| made-up, blocks | 8 of 10 | 8 of 9 | 1 |" in page
