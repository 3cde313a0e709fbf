import warnings

import pytest
from sklearn.model_selection import GridSearchCV

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.datasets import load_indian_pines
from hsvlm.exceptions import SplitWarning
from hsvlm.model_selection import SpatialBlockKFold


@pytest.mark.slow
def test_grid_search_over_separated_blocks():
    scene = load_indian_pines()
    X, y = pixel_samples(scene.cube, scene.labels)
    X, y = X[::6], y[::6]
    clf = HSIPromptClassifier(
        "indian-pines",
        class_names=scene.class_names,
        vision_params={"width": 16, "depth": 1, "n_heads": 1, "mlp_width": 16},
        batch_size=256,
        max_epochs=2,
        patch_size=1,
        spatial=None,
        random_state=0,
    )
    cv = SpatialBlockKFold(3, block_size=16, buffer=7)
    with warnings.catch_warnings():
        # Grass-pasture-mowed lies in one block, so one fold cannot train on it.
        warnings.simplefilter("ignore", SplitWarning)
        search = GridSearchCV(clf, {"window_size": [1, 3]}, cv=cv, error_score="raise").fit(X, y)
    assert search.best_params_["window_size"] in (1, 3)
    assert (search.cv_results_["mean_test_score"] > 1 / 16).all()
    assert search.predict(scene.cube).shape == scene.labels.shape
