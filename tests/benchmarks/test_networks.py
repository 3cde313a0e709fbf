"""The front of accuracy against cost of the networks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.networks import record
from benchmarks.networks_page import front_table, setting_label
from benchmarks.records import read_rows

if TYPE_CHECKING:
    from pathlib import Path


def lines(cost: float, *accuracies: float) -> list[dict[str, Any]]:
    """One line for every draw, with and without the read-out."""
    return [
        {"readout": readout, "draw": str(draw), "n_multiply_adds": str(cost), "OA": str(accuracy)}
        for draw, accuracy in enumerate(accuracies)
        for readout in ("alone", "read-out")
    ]


def test_what_is_cheaper_and_better_takes_the_place_of_the_default() -> None:
    rows = {
        ("ours", "overlap-vit"): {"cell": lines(2e6, 0.90)},
        ("ours", "mlp"): {"cell": lines(1e6, 0.91)},
        ("own", "cnn2d"): {"cell": lines(9e6, 0.95)},
        ("ours", "vit"): {"cell": lines(4e6, 0.80)},
    }
    table = front_table(rows, ["cell"])
    front = "mlp 91.00, cnn2d (own) 95.00"
    default = "90.00, 1.00 behind mlp, which costs 0.50 times as much"
    assert table.count(f"| {front} | {default} |") == 2


def test_the_default_is_on_the_front_where_only_costlier_networks_surpass_it() -> None:
    rows = {
        ("ours", "overlap-vit"): {"cell": lines(2e6, 0.90)},
        ("ours", "mlp"): {"cell": lines(1e6, 0.85)},
        ("ours", "vit"): {"cell": lines(4e6, 0.99)},
    }
    assert "| mlp 85.00, overlap-vit 90.00, vit 99.00 | 90.00, on the front |" in front_table(
        rows, ["cell"]
    )


def test_only_draws_of_all_networks_are_compared() -> None:
    rows = {
        ("ours", "overlap-vit"): {"cell": lines(2e6, 0.90, 0.10)},
        ("ours", "mlp"): {"cell": lines(1e6, 0.85)},
    }
    assert "90.00, on the front" in front_table(rows, ["cell"])


def test_a_cell_without_the_default_has_no_front() -> None:
    rows = {("ours", "mlp"): {"cell": lines(1e6, 0.85)}}
    assert "85.00" not in front_table(rows, ["cell"])


@pytest.mark.parametrize(
    ("setting", "max_epochs", "label"),
    [
        ("ours", "auto", "ours"),
        ("ours", 10, "ours, 10 epochs"),
        ("own", 200, "own"),
        ("own", 20, "own, 20 epochs"),
    ],
)
def test_a_shortened_training_says_so(setting: str, max_epochs: int | str, label: str) -> None:
    settings = json.dumps({"max_epochs": max_epochs})
    assert setting_label({"network": "cnn2d", "setting": setting, "settings": settings}) == label


def test_a_shortened_training_stands_beside_a_whole_one(tmp_path: Path) -> None:
    def measured(max_epochs: int | str, accuracy: float, draw: int = 0) -> list[dict[str, Any]]:
        settings = json.dumps({"max_epochs": max_epochs})
        return [
            {
                "network": "cnn2d",
                "setting": "ours",
                "readout": "alone",
                "draw": str(draw),
                "OA": accuracy,
                "settings": settings,
            }
        ]

    path = tmp_path / "cell.csv"
    for lines_of_fit in (
        measured("auto", 0.9),
        measured(10, 0.7),
        measured("auto", 0.8, draw=1),
        measured(10, 0.6),
    ):
        record(path, lines_of_fit)
    kept = {(setting_label(line), line["draw"]): line["OA"] for line in read_rows(path)}
    assert kept == {("ours", "0"): "0.9", ("ours", "1"): "0.8", ("ours, 10 epochs", "0"): "0.6"}
