"""What wrong training labels do to a map, and whether they are found.

``python -m benchmarks.wrong_labels --data FOLDER --jobs 2`` gives a fifth of the training labels of
three scenes another class and compares maps with those of the right labels. The lines go to
``benchmarks/results/wrong_labels/wrong_labels.csv``, and the pages are rendered anew.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np

from benchmarks.development_scenes import load_scene
from benchmarks.page import commands, write_pages
from benchmarks.records import RESULTS, commit, read_rows, write_rows
from benchmarks.scenes import make_rows, make_splits
from benchmarks.scenes_page import DEFAULT, WINDOWS
from hsvlm.evaluation import markdown_table, mean_and_deviation
from hsvlm.evaluation._folds import describe_environment, with_random_state
from hsvlm.exceptions import HSVLMWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = RESULTS / "wrong_labels" / "wrong_labels.csv"
SCENES = ("indian-pines", "houston-2018", "jasper-ridge")
PROTOCOLS = ("random-10", "blocks")
ROWS = (DEFAULT, WINDOWS, "RBF-SVM, 3x3 SNV, smoothed")
SHARE = 0.2
COLUMNS = (
    "scene", "protocol", "row", "draw", "n_wrong", "OA", "AA", "kept", "corrected", "n_disputed",
    "n_found", "commit", "environment",
)  # fmt: skip

_TEXT = """## Wrong training labels

{commands}

- {share:.0f} % of the training labels, drawn at random, get another class, drawn at random. Scenes
  and protocols as under *Several scenes*; draws: {n_draws}; mean, and from two draws on
  standard deviation, in percent.
- *right labels* and *wrong labels*: overall accuracy on the test pixels, trained with each.
- *kept* and *corrected*: of the training pixels with a wrong label, those that get it in the map,
  and those that get their true class.

{accuracy}

The labels that the default disputes: how many of the wrong ones it finds, how many of the disputed
ones are wrong, and how many it disputes where all are right.

{disputed}
"""


def with_wrong_labels(
    y: NDArray[Any], seed: int, share: float
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Give a share of the labels another class; return labels and the indices of wrong ones."""
    rng = np.random.RandomState(seed)
    wrong = rng.permutation(len(y))[: round(share * len(y))]
    classes = np.unique(y)
    labels = y.copy()
    for index in wrong:
        labels[index] = rng.choice(classes[classes != y[index]])
    return labels, wrong


def measure(
    scene_name: str, protocol: str, row: str, draw: int, share: float, folder: Path | None
) -> dict[str, Any]:
    """Train on some wrong labels and look at the map."""
    scene = load_scene(scene_name, folder)
    X, y = scene.samples()
    train, test = make_splits(protocol, scene, X, y, draw + 1)[draw]
    labels, wrong = with_wrong_labels(y[train], draw, share)
    clf = with_random_state(make_rows(scene_name)[row], 0, draw)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HSVLMWarning)  # that labels are disputed
        clf.fit(X[train], labels)
    right = clf.predict(X[test]) == y[test]
    line = {
        "scene": scene_name,
        "protocol": protocol,
        "row": row,
        "draw": draw,
        "n_wrong": len(wrong),
        "OA": right.mean(),
        "AA": np.mean([right[y[test] == label].mean() for label in np.unique(y[test])]),
        "commit": commit(),
        "environment": describe_environment(),
    }
    if len(wrong):
        predicted = clf.predict(X[train[wrong]])
        line["kept"] = (predicted == labels[wrong]).mean()
        line["corrected"] = (predicted == y[train[wrong]]).mean()
    if row == DEFAULT:
        disputed = clf.disputed_labels_
        places = {(one["row"], one["col"]) for one in disputed}
        line["n_disputed"] = len(disputed)
        line["n_found"] = len(places & set(map(tuple, X.coords[train[wrong]].tolist())))
    return line


def render() -> str:
    """Render the section of the page."""
    lines = read_rows(FILE)
    values: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for line in lines:
        key = line["scene"], line["protocol"], line["row"], str(line["n_wrong"] != "0")
        values.setdefault(key, []).append(line)

    def percent(key: tuple[str, ...], name: str) -> str:
        return mean_and_deviation([100 * float(line[name]) for line in values[key]])

    accuracy, disputed = [], []
    for scene, protocol, row in dict.fromkeys((one[0], one[1], one[2]) for one in values):
        cell = scene, protocol, row
        right, wrong = (*cell, "False"), (*cell, "True")
        if right not in values or wrong not in values:  # a run that was stopped
            continue
        figures = percent(right, "OA"), percent(wrong, "OA")
        shares = percent(wrong, "kept"), percent(wrong, "corrected")
        accuracy.append([f"{scene}, {protocol}", row, *figures, *shares])
        if row == DEFAULT:
            n_wrong, n_found, n_disputed = (
                sum(int(line[name]) for line in values[wrong])
                for name in ("n_wrong", "n_found", "n_disputed")
            )
            by_mistake = sum(int(line["n_disputed"]) for line in values[right])
            found = f"{n_found} of {n_wrong}", f"{n_found} of {n_disputed}", str(by_mistake)
            disputed.append([f"{scene}, {protocol}", *found])
    header = ["", "row", "right labels", "wrong labels", "kept", "corrected"]
    n_draws = len({line["draw"] for line in lines})
    command = f"python -m benchmarks.wrong_labels --data FOLDER --draws {n_draws}"
    return _TEXT.format(
        commands=commands(command, "wrong_labels"),
        share=100 * SHARE,
        n_draws=n_draws,
        accuracy=markdown_table(header, accuracy),
        disputed=markdown_table(
            ["", "wrong ones found", "disputed ones wrong", "disputed of right labels"], disputed
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--data", type=Path, help="folder of the scenes, or set HSVLM_SCENES")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args()
    tasks = [
        joblib.delayed(measure)(scene, protocol, row, draw, share, given.data)
        for scene in SCENES
        for protocol in PROTOCOLS
        for row in ROWS
        for draw in range(given.draws)
        for share in (0.0, SHARE)
    ]
    lines = []
    for line in joblib.Parallel(n_jobs=given.jobs, return_as="generator")(tasks):
        lines.append(line)
        print(*(line.get(name) for name in COLUMNS[:11]), flush=True)
        write_rows(FILE, COLUMNS, lines)
    write_pages()


if __name__ == "__main__":
    main()
