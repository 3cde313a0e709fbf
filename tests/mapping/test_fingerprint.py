import joblib
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hsvlm import Scene, pixel_samples
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
