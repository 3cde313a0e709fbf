import copy
from dataclasses import replace

import joblib
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hsvlm import HSIPromptClassifier, Scene, pixel_samples
from hsvlm.mapping._fingerprint import fingerprint


@pytest.mark.parametrize(
    "clf",
    [
        RandomForestClassifier(5, random_state=0),
        make_pipeline(StandardScaler(), SVC()),
    ],
    ids=["forest", "svm"],
)
def test_classifiers_keep_their_mark_on_disk(tmp_path, cube, labels, clf):
    clf.fit(*pixel_samples(cube, labels))
    joblib.dump(clf, tmp_path / "clf")
    marks = {fingerprint(joblib.load(tmp_path / "clf"), Scene(cube), [], 0) for _ in range(3)}
    assert marks == {fingerprint(clf, Scene(cube), [], 0)}


def test_prompt_classifiers_keep_their_mark_on_disk(tmp_path, cube, fitted):
    fitted.save(tmp_path / "model")
    loaded = [type(fitted).load(tmp_path / "model") for _ in range(2)]
    one, other = (fingerprint(clf, Scene(cube), [], 0) for clf in loaded)
    assert one == other


def test_prompt_classifiers_in_others_keep_their_mark(tmp_path, cube, labels, fitted):
    clf = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(*pixel_samples(cube, labels))
    joblib.dump(clf, tmp_path / "clf")
    marks = {fingerprint(joblib.load(tmp_path / "clf"), Scene(cube), [], 0) for _ in range(3)}
    assert len(marks) == 1
    other = copy.copy(fitted)
    other.prototypes_ = fitted.prototypes_[::-1]
    clf.calibrated_classifiers_[0].estimator = FrozenEstimator(other)
    assert fingerprint(clf, Scene(cube), [], 0) not in marks


@pytest.fixture(scope="module")
def read_out(cube, labels, settings):
    given = {"spatial": "random-walk", "spatial_params": {"weights": (0.5, 0.5)}, "max_epochs": 1}
    return HSIPromptClassifier(**{**settings, **given}).fit(cube, labels)


@pytest.mark.slow
def test_read_outs_keep_their_mark_on_disk(tmp_path, cube, read_out):
    read_out.save(tmp_path / "model")
    loaded = [type(read_out).load(tmp_path / "model") for _ in range(2)]
    one, other = (fingerprint(clf, Scene(cube), [], 0) for clf in loaded)
    assert one == other


def changed(clf, **changes):
    """The same fitted classifier, with changes of its read-out."""
    other = copy.copy(clf)
    other.readout_ = replace(clf.readout_, **changes)
    return other


def test_read_outs_count(cube, read_out):
    (scene,) = read_out.readout_.scenes
    fewer = replace(scene, targets=np.where(scene.coords[:, 0] < 4, 0, scene.targets))
    others = [
        changed(read_out),
        changed(read_out, weights=(1.0, 0.5)),
        changed(read_out, temperature=2.0),
        changed(read_out, restart=0.5),
        changed(read_out, scenes=(fewer,)),
        copy.copy(read_out).set_params(spatial=None),
    ]
    assert len({fingerprint(clf, Scene(cube), [], 0) for clf in others}) == len(others)


def test_the_order_of_values_in_memory_does_not_count(cube, fitted):
    turned = np.asfortranarray(cube)
    assert fingerprint(fitted, Scene(turned), [], 0) == fingerprint(fitted, Scene(cube), [], 0)


def test_options_and_types_count(cube, fitted):
    marks = {
        fingerprint(fitted, Scene(cube), [], 0),
        fingerprint(fitted, Scene(cube), [], 1),
        fingerprint(fitted, Scene(cube.astype(np.float64)), [], 0),
        fingerprint(fitted, Scene(cube.astype(">f4")), [], 0),
        fingerprint(fitted, Scene(cube[:, ::-1]), [], 0),
    }
    assert len(marks) == 5
