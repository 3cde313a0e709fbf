"""Models of every format and every release are loaded.

Each release adds a file that it has written: python tests/persistence/make_format_1.py PATH, with
the PATH tests/persistence/release-VERSION.zip. None of these files is ever written again.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from hsvlm._storage.format import FORMAT
from hsvlm._storage.parts import read_parts
from hsvlm.persistence import load, save

FOLDER = Path(__file__).parent


def test_every_format_has_its_file():
    names = {path.name for path in FOLDER.glob("*.zip")}
    assert {f"format-{number}.zip" for number in range(1, FORMAT + 1)} <= names


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.zip")), ids=lambda path: path.stem)
def test_models_of_the_past_are_loaded(path):
    pipeline = load(path, device="cpu")
    clf = pipeline[-1]
    cube, expected = clf.metadata_["cube"], clf.metadata_["probabilities"]
    # Other processors and versions of torch round differently.
    np.testing.assert_allclose(pipeline.predict_proba(cube), expected, atol=1e-4)
    assert clf.prompts_ == {1: ("oats",), 2: ("wheat", "a cereal"), 3: ("bare soil",)}
    assert clf.class_names == {1: "Oats", 2: "Wheat", 3: "Soil"}
    assert [name for name, _ in pipeline.steps] == ["scale", "skipped", "clf"]
    assert len(clf.history_) == 3
    assert clf.interrupted_ is False
    assert len(clf.disputed_labels_) == 0


def test_read_outs_of_before_windows_had_a_weight():
    """Their temperature was that of the walks, which were all that was read out."""
    path = FOLDER / "format-1-walks.zip"
    former = json.loads(read_parts(path)["config.json"])["classifier"]["readout"]
    assert former["brier_scores"] is not None
    assert former["temperature"] != 1
    clf = load(path, device="cpu")[-1]
    readout = clf.readout_
    assert readout.weights == (1 / former["temperature"], 0, 0)
    assert (readout.restart, readout.temperature, readout.noise) == (former["restart"], 1, 0)
    # About half of the pixels are known; the others are predicted with doubts.
    probabilities = clf.metadata_["probabilities"].max(axis=2)
    assert 0.3 < (probabilities > 1 - 1e-6).mean() < 0.6
    assert probabilities.min() < 0.7


def layout(value):
    """Keys at all depths, and the kinds of the values."""
    if isinstance(value, dict):
        return {key: layout(one) for key, one in value.items()}
    if isinstance(value, list):
        return [layout(one) for one in value[:3]]
    return type(value).__name__


def test_the_layout_is_that_of_its_format(tmp_path):
    """A change of the layout needs a new number, a file of its own and a way to read the old."""
    current = FOLDER / f"format-{FORMAT}.zip"
    again = save(load(current, device="cpu"), tmp_path / "again")
    old, new = (json.loads(read_parts(path)["config.json"]) for path in (current, again))
    # A parameter that is added has a default and needs no new number.
    added = new["classifier"]["parameters"].keys() - old["classifier"]["parameters"].keys()
    for name in added:
        del new["classifier"]["parameters"][name]
    assert layout(new) == layout(old)
