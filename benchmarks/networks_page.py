"""The page about networks of the field, rendered from CSV files."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.page import commands
from benchmarks.published_settings import OWN
from benchmarks.records import RESULTS, environments, read_rows
from hsvlm import HSIPromptClassifier
from hsvlm.evaluation import markdown_table, mean_and_deviation

if TYPE_CHECKING:
    from benchmarks.records import Lines

__all__ = ["FOLDER", "READOUTS", "front_table", "render", "setting_label"]

FOLDER = RESULTS / "networks"
READOUTS = ("alone", "read-out")
DEFAULT = HSIPromptClassifier().vision_encoder
# Overall accuracy on Indian Pines in table 1 of the paper, which draws 10 % at random.
TABLE_1 = {
    "cnn2d": 85.98,
    "cnn3d": 85.95,
    "dctn": 92.85,
    "hit": 82.13,
    "hybridsn": 67.26,
    "morphformer": 91.98,
    "ss-tmnet": 84.67,
    "ssftt": 91.11,
    "vit": 66.21,
}

# Lines of every network at a setting, by cell.
Rows = dict[tuple[str, str], dict[str, "Lines"]]

_TEXT = """## Networks of the field

{commands}

- Every vision encoder in the same classifier. *ours*: the setting of the default, windows of 5
  pixels (or the smallest that the network takes), 40 components, prompts, and at least 1,000 steps.
  *own*: window, components and training of the publication or its code with a linear head; bands or
  components are standardized, the optimizer is AdamW, and steps that shrink the learning rate are a
  cosine. Networks without a publication have no setting of their own.
- *alone*: window by window. *read-out*: the same training, read out of the scene.
- Scenes and protocols as under *Several scenes*; *map-695* is the published split of Indian Pines.
- Borders are padded, and every test pixel counts; under *random-10-unpadded*, pixels without a
  whole window are not trained on and count as wrong, as in some public code
  ([what table 1 is](guide/table-1.md)).
- Mean ± standard deviation over the draws, of which there is the number in brackets; an empty cell
  was not measured. Epochs are those of the training; a training that was shortened, to fewer
  epochs than its setting asks for, says so beside its setting. *mean* is that of the first draw of
  all cells but the unpadded one, where all were measured.
- Environment: {environment}. Other work ran beside it: seconds are upper bounds.

Overall accuracy, alone / with the read-out:

{overall}

Average accuracy, alone / with the read-out:

{average}

Size, multiply-adds for one window of Indian Pines, and time on one core; beside them the overall
accuracy in table 1 of the paper (10 % at random):

{costs}

Front of accuracy against cost: networks, cheapest first, that no network of at most the same
multiply-adds surpasses in overall accuracy on the same draws; beside them the default,
*{default}*, and the best network that costs no more than it:

{fronts}
"""


def render() -> str:
    """Render the page."""
    cells = {path.stem: read_rows(path) for path in sorted(FOLDER.glob("*.csv"))}
    rows: Rows = defaultdict(lambda: defaultdict(list))
    for cell, lines in cells.items():
        for line in lines:
            rows[setting_label(line), line["network"]][cell].append(line)
    order = sorted(rows, key=lambda row: (not row[0].startswith("ours"), row[1], row[0]))
    names = list(cells)
    padded = [name for name in names if not name.endswith("-unpadded")]

    def accuracy(measure: str) -> str:
        head = ["network", "setting", "mean", *names]
        body = [
            [
                network,
                setting,
                _mean([rows[setting, network][cell] for cell in padded], measure),
                *(_pair(rows[setting, network][cell], measure) for cell in names),
            ]
            for setting, network in order
        ]
        return markdown_table(head, body)

    return _TEXT.format(
        default=DEFAULT,
        fronts=front_table(rows, names),
        commands=commands("python -m benchmarks.networks --data FOLDER", "networks"),
        environment=environments("networks"),
        overall=accuracy("OA"),
        average=accuracy("AA"),
        costs=markdown_table(
            ["network", "setting", "window", "channels", "epochs", "parameters", "multiply-adds",
             "fit, s", "ms per window", "table 1"],
            [_costs(network, setting, rows[setting, network]) for setting, network in order],
        ),
    )  # fmt: skip


def setting_label(line: dict[str, Any]) -> str:
    """Name the setting, with the epochs of a training that was shortened."""
    setting: str = line["setting"]
    whole = "auto" if setting == "ours" else OWN[line["network"]]["max_epochs"]
    n_epochs = json.loads(line["settings"])["max_epochs"]
    return setting if n_epochs == whole else f"{setting}, {n_epochs} epochs"


def _pair(lines: Lines, measure: str) -> str:
    """Mean and deviation, alone and with the read-out."""
    if not lines:
        return ""
    found = [
        [100 * float(line[measure]) for line in lines if line["readout"] == name]
        for name in READOUTS
    ]
    return " / ".join(mean_and_deviation(one) for one in found) + f" ({len(found[0])})"


def _mean(cells: list[Lines], measure: str) -> str:
    """Mean over the first draw of all cells, alone and with the read-out."""
    first = [[line for line in lines if line["draw"] == "0"] for lines in cells]
    if not all(first):
        return ""
    return " / ".join(
        f"{100 * np.mean([_of(lines, name, measure) for lines in first]):.2f}" for name in READOUTS
    )


def _of(lines: Lines, readout: str, measure: str) -> float:
    """Accuracy of the only line with this read-out."""
    (value,) = (float(line[measure]) for line in lines if line["readout"] == readout)
    return value


def front_table(rows: Rows, cells: list[str]) -> str:
    """Tabulate for every cell and readout which networks are worth their cost."""
    body = []
    for cell in cells:
        for readout in READOUTS:
            points = _points(rows, cell, readout)
            if DEFAULT not in points:
                continue
            cost, accuracy = points[DEFAULT]
            front = [
                name
                for name, (own_cost, own) in points.items()
                if not any(
                    other_cost <= own_cost and other > own for other_cost, other in points.values()
                )
            ]
            cheap = {name: point for name, point in points.items() if point[0] <= cost}
            best = max(cheap, key=lambda name: cheap[name][1])
            lead = cheap[best][1] - accuracy
            share = cheap[best][0] / cost
            behind = (
                "on the front"
                if lead <= 0
                else f"{lead:.2f} behind {best}, which costs {share:.2f} times as much"
            )
            listed = ", ".join(f"{name} {points[name][1]:.2f}" for name in front)
            body.append([cell, readout, listed, f"{accuracy:.2f}, {behind}"])
    return markdown_table(["", "", "front", "default"], body)


def _points(rows: Rows, cell: str, readout: str) -> dict[str, tuple[float, float]]:
    """Multiply-adds and overall accuracy of every network, cheapest first.

    The mean is that of the draws that all networks share.
    """
    by_name = {
        network if setting == "ours" else f"{network} ({setting})": {
            line["draw"]: line for line in of_row[cell] if line["readout"] == readout
        }
        for (setting, network), of_row in rows.items()
        if of_row[cell]
    }
    shared = set.intersection(*map(set, by_name.values())) if by_name else set()
    if not shared:
        return {}
    points = {
        name: (
            float(next(iter(lines.values()))["n_multiply_adds"]),
            float(np.mean([100 * float(lines[draw]["OA"]) for draw in shared])),
        )
        for name, lines in by_name.items()
    }
    return dict(sorted(points.items(), key=lambda point: point[1]))


def _costs(network: str, setting: str, cells: dict[str, Lines]) -> list[str]:
    """Cost of one row, on the first cell of Indian Pines that was measured."""
    measured = [cells[name] for name in sorted(cells) if name.startswith("indian-pines")]
    lines = next((one for one in measured if one), next(one for one in cells.values() if one))
    first = lines[0]
    per_window = [float(line["predict_s"]) / int(line["n_test"]) for line in lines]
    return [
        network,
        setting,
        first["window_size"],
        first["n_channels"],
        first["n_epochs"],
        f"{int(first['n_parameters']):,}",
        f"{int(first['n_multiply_adds']) / 1e6:,.2f} M",
        f"{np.mean([float(line['fit_s']) for line in lines]):.0f}",
        f"{1000 * np.mean(per_window):.2f}",
        f"{TABLE_1[network]:.2f}" if network in TABLE_1 else "",
    ]
