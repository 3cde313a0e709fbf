"""Every registered encoder is chosen by its name: in a search, an evaluation, and commands."""

import json

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.evaluation import evaluate, with_encoders
from hsvlm.io import read_scene, write_map, write_scene
from hsvlm.model_selection import SpatialBlockKFold
from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import required_params

# Those that have to be told more than a name are tested for themselves.
NAMES = [name for name in list_vision_encoders() if not required_params(get_vision_encoder(name))]
BLOCKS = SpatialBlockKFold(2, block_size=5, buffer=1)
COMMON = {"max_epochs": 1, "spatial": None, "device": "cpu", "random_state": 0}
N_BANDS = 27  # a multiple of 3


@pytest.fixture(scope="module")
def scene(labels):
    """Enough bands with wavelengths for every encoder, and few pixels."""
    labels = labels[:10]
    cube = np.random.default_rng(0).normal(size=(*labels.shape, N_BANDS)).astype(np.float32)
    for label in (1, 2, 3):
        cube[labels == label, label] += 6
    names = {1: "oats", 2: "soil", 3: "lake"}
    return Scene(cube, labels, names, wavelengths_nm=np.linspace(400, 2500, N_BANDS))


@pytest.fixture
def params_of(oracle_of):
    """A function from a name to arguments that make a large encoder small."""
    return lambda name: dict(getattr(oracle_of(name), "PARAMS", {}))


@pytest.mark.slow
def test_a_grid_of_all_names_is_searched(scene, params_of):
    X, y = scene.samples()
    # Window and channels suit all of them.
    clf = HSIPromptClassifier(**COMMON, window_size=9, n_components=None)
    grid = [{"vision_encoder": [name], "vision_params": [params_of(name)]} for name in NAMES]
    fold = next(BLOCKS.split(X, y))  # one is enough, as there are many names
    search = GridSearchCV(clf, grid, cv=[fold], error_score="raise").fit(X, y)
    assert search.cv_results_["param_vision_encoder"].tolist() == NAMES
    assert search.best_estimator_.vision_encoder in NAMES
    assert (search.predict(X) == y).mean() > 0.5


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Some networks will train")
def test_a_list_of_all_names_is_evaluated(scene, params_of):
    # With a window, patches and components that some of them cannot work with.
    base = HSIPromptClassifier(**COMMON, n_components=6)
    classifiers = with_encoders(NAMES, base)
    for clf in classifiers.values():
        clf.set_params(vision_params=params_of(clf.vision_encoder))
    fold = next(BLOCKS.split(*scene.samples()))
    report = evaluate(classifiers, scene, cv=[fold], baselines=[])
    assert [name.partition(":")[0] for name in report.names] == NAMES
    assert all(0 <= result.overall_accuracy <= 1 for result in report.results)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("name", NAMES)
def test_commands_fit_and_predict(name, scene, params_of, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scene("scene.hdr", scene)
    write_map("labels.tif", scene.labels, scene=scene, class_names=scene.class_names)
    window_size = max(5, get_vision_encoder(name).MIN_WINDOW)
    of_both = {"vision_encoder": name, "window_size": window_size, "patch_size": 1, "max_epochs": 1}
    of_both["n_components"] = None
    written = of_both | {
        "vision_params": json.dumps(params_of(name)),
        "spatial": "none",
        "n_components": "none",
    }
    chosen = [part for key, value in written.items() for part in ("--set", f"{key}={value}")]
    chosen += ["--set", "device=cpu", "--seed", "0"]
    for command in (
        ["fit", "scene.hdr", "--labels", "labels.tif", "-o", "fitted", "--quiet", *chosen],
        ["predict", "fitted", "scene.hdr", "-o", "map", "--quiet"],
    ):
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    clf = HSIPromptClassifier.load("fitted/model", device="cpu")
    assert clf.get_params()["vision_encoder"] == name
    again = HSIPromptClassifier(**COMMON | of_both, vision_params=params_of(name))
    again.fit(read_scene("scene.hdr", labels="labels.tif"))
    np.testing.assert_array_equal(clf.predict_proba(scene.cube), again.predict_proba(scene.cube))
