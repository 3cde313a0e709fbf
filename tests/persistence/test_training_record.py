"""A saved classifier knows its training data, and refuses records that no fit makes."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.exceptions import FileError, HSVLMWarning

NO_RECORD = "ValueError: a record of the training"


@pytest.fixture(scope="module")
def known(settings, cube, labels):
    """Fitted on two scenes; not to be changed."""
    X, y = pixel_samples([cube, cube[:12] + 1], [labels, labels[:12]])
    return HSIPromptClassifier(**{**settings, "max_epochs": 1}).fit(X[::3], y[::3])


def assert_refused(folder, problem):
    with pytest.raises(FileError) as caught:
        HSIPromptClassifier.load(folder, device="cpu")
    assert f"holds what this version does not know ({problem}" in str(caught.value)


def test_the_record_describes_the_training(known, cube):
    record = known.training_.to_dict()
    assert record["n_bands"] == 12
    assert [scene["height"] for scene in record["scenes"]] == [18, 12]
    assert sum(scene["n_pixels"] for scene in record["scenes"]) == record["n_spectra"]
    assert record["value_range"][0] < record["median_range"][0]
    assert known.training_.spectra.quantiles.dtype == np.float64


def test_coordinates_are_kept_once(settings, cube, labels, tmp_path):
    readout = {"n_steps": 20, "weights": (0.5, 0.5)}
    params = {"spatial": "random-walk", "spatial_params": readout}
    clf = HSIPromptClassifier(**{**settings, **params, "max_epochs": 1}).fit(cube, labels)
    assert clf.training_.scenes[0] is clf.readout_.scenes[0]
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert loaded.training_.scenes[0] is loaded.readout_.scenes[0]


def test_few_bytes_are_added(known, tmp_path):
    def size(clf, name):
        return sum(path.stat().st_size for path in clf.save(tmp_path / name).iterdir())

    without = copy.copy(known)
    del without.training_
    assert size(known, "with") - size(without, "without") < 20_000


@pytest.mark.parametrize("name", ["quantiles", "examples"])
@pytest.mark.parametrize(
    "change",
    [
        lambda array: array[:, :-1],
        lambda array: array[:0],
        lambda array: array.astype(np.float16),
        lambda array: np.where(array == array[0, 0], np.nan, array),
        lambda array: np.where(array == array[0, 0], np.inf, array),
    ],
    ids=["bands", "none", "type", "nan", "infinite"],
)
def test_forged_statistics_are_refused(known, tmp_path, name, change):
    clf = copy.copy(known)
    spectra = known.training_.spectra
    forged = replace(spectra, **{name: change(getattr(spectra, name))})
    clf.training_ = replace(known.training_, spectra=forged)
    assert_refused(clf.save(tmp_path / "model"), NO_RECORD)


def test_quantiles_ascend(known, tmp_path):
    clf = copy.copy(known)
    spectra = known.training_.spectra
    forged = replace(spectra, quantiles=spectra.quantiles[::-1].copy())
    clf.training_ = replace(known.training_, spectra=forged)
    assert_refused(clf.save(tmp_path / "model"), NO_RECORD)


@pytest.mark.parametrize("number", [True, 0, -1, 2.5, "10", None])
def test_forged_counts_are_refused(known, edit, tmp_path, number):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["training"].update(n_spectra=number))
    assert_refused(folder, NO_RECORD)


@pytest.mark.parametrize("scene", [0, -1, True, "0", {}])
def test_forged_scenes_are_refused(known, edit, tmp_path, scene):
    folder = known.save(tmp_path / "model")
    edit(folder, lambda config: config["classifier"]["training"].update(scenes=[scene]))
    assert_refused(folder, "")


def test_coordinates_outside_are_refused(known, tmp_path):
    clf = copy.copy(known)
    scene = known.training_.scenes[0]
    clf.training_ = replace(known.training_, scenes=(replace(scene, coords=scene.coords + 99),))
    assert_refused(clf.save(tmp_path / "model"), "ValueError: a scene of the read-out")


def test_a_model_without_a_record_is_loaded(known, cube, tmp_path):
    clf = copy.copy(known)
    del clf.training_
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert loaded.training_ is None
    loaded.predict(cube * 1e4)


def test_a_loaded_model_tells_of_unlike_data(known, cube, tmp_path):
    loaded = HSIPromptClassifier.load(known.save(tmp_path / "model"), device="cpu")
    with pytest.warns(HSVLMWarning, match="another quantity, unit or offset"):
        loaded.predict(cube + 100)
