"""Search window size and prompts together with a preprocessing step, on a synthetic scene.

Run it with ``python examples/grid_search.py``.
"""

from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA, pixel_samples
from hsvlm.datasets import make_synthetic_scene
from hsvlm.model_selection import SpatialBlockKFold

scene = make_synthetic_scene(noise=0.4, random_state=0)
X, y = pixel_samples(scene.cube, scene.labels)

clf = HSIPromptClassifier(
    class_names=scene.class_names,
    n_components=None,  # the step before it reduces the bands
    patch_size=1,
    max_epochs=5,
    random_state=0,
)
pipeline = Pipeline([("pca", SpectralPCA()), ("clf", clf)])
grid = {
    "pca__n_components": [5, 15],
    "clf__window_size": [1, 3, 5],
    "clf__prompts": [None, "{}, seen from above"],
}

# Whole blocks are held out, two pixels apart, half of the largest window: pixels drawn at random
# would favour large windows.
folds = SpatialBlockKFold(3, block_size=8, buffer=2)
search = GridSearchCV(pipeline, grid, cv=folds).fit(X, y)

order = search.cv_results_["rank_test_score"].argsort()
for number in order[:5]:
    score, settings = (search.cv_results_[name][number] for name in ("mean_test_score", "params"))
    print(f"{score:.3f}  {settings}")
print(f"map of the whole scene by the best: {search.predict(scene.cube).shape}")
