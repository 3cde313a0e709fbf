"""What the networks of the paper's table 1 cost, counted on our own.

``python -m benchmarks.costs`` counts parameters and multiply-adds at the setting behind the cost
columns of that table, 200 bands, windows of 15 pixels and 17 outputs, writes
``benchmarks/results/costs/costs.csv`` and renders the pages anew. Nothing is trained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from benchmarks.page import commands, write_pages
from benchmarks.published_settings import OWN
from benchmarks.records import RESULTS, read_rows, write_rows
from hsvlm.evaluation import markdown_table, network_cost
from hsvlm.vision import get_vision_encoder, list_vision_encoders

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = RESULTS / "costs" / "costs.csv"
N_BANDS, WINDOW_SIZE, N_OUTPUTS = 200, 15, 17
# Printed in table 1: "FLOPs (G)" and "Params (MB)".
PRINTED = {
    "cnn2d": (0.03, 2.76),
    "cnn3d": (0.13, 1.54),
    "hybridsn": (0.53, 4.32),
    "vit": (0.13, 2.61),
    "ssftt": (0.02, 0.15),
    "morphformer": (0.07, 0.21),
    "hit": (1.17, 51.23),
    "ss-tmnet": (2.67, 83.33),
    "dctn": (1.48, 45.32),
}
# SSFTT reads 30 components and has no background class.
CHANNELS = {"ssftt": 30}
PARAMS: Mapping[str, dict[str, Any]] = {
    "vit": {**OWN["vit"]["vision_params"], "patch_size": 3},
    "cnn3d": {"flatten": True},
}
COLUMNS = ("network", "n_channels", "n_parameters", "n_multiply_adds", "flops_g", "params_mb")

_TEXT = """## Costs in table 1

{commands}

Encoders of this package with a linear head of 17 outputs, the background among them, for windows of
15 x 15 pixels of 200 bands; SSFTT for 30 components, 16 outputs. *FLOPs* and *Params* are the
figures that table 1 of the paper prints.

{table}
"""


def count(name: str) -> dict[str, Any]:
    """Count one network, built without memory."""
    n_channels = CHANNELS.get(name, N_BANDS)
    with torch.device("meta"):
        encoder: Any = get_vision_encoder(name)(
            n_channels=n_channels, window_size=WINDOW_SIZE, **PARAMS.get(name, {})
        )
        n_outputs = N_OUTPUTS - (name in CHANNELS)
        network = nn.Sequential(encoder, nn.Linear(encoder.n_features, n_outputs))
        cost = network_cost(network, (WINDOW_SIZE, WINDOW_SIZE, n_channels))
    flops, params = PRINTED[name]
    return {
        "network": name,
        "n_channels": n_channels,
        "n_parameters": cost.n_parameters,
        "n_multiply_adds": cost.n_multiply_adds,
        "flops_g": flops,
        "params_mb": params,
    }


def render() -> str:
    """Render the page."""
    body = [
        [
            line["network"],
            f"{int(line['n_parameters']):,}",
            line["params_mb"],
            f"{int(line['n_multiply_adds']) / 1e9:.3f} G",
            line["flops_g"],
        ]
        for line in read_rows(FILE)
    ]
    head = ["network", "parameters", "Params (MB)", "multiply-adds", "FLOPs (G)"]
    return _TEXT.format(
        commands=commands("python -m benchmarks.costs", "costs"),
        table=markdown_table(head, body),
    )


def main() -> None:
    known = list_vision_encoders()
    write_rows(FILE, COLUMNS, [count(name) for name in PRINTED if name in known])
    write_pages()


if __name__ == "__main__":
    main()
