"""
Tuning in GridSearchCV, on folds that keep a distance
=====================================================

The window size and the number of principal components, searched together in a pipeline. The same
search on random folds shows why the folds matter: they reward large windows for what these see of
the training pixels. One labelled pixel in sixteen, a narrow network, 6 epochs and a grid of four
keep this page quick.
"""

# %%
# The pipeline
# ------------
# :class:`~hsvlm.SpectralPCA` keeps samples samples, so that the classifier behind it can still
# cut windows. The classifier's own reduction is switched off by ``n_components=None``, and its
# read-out of the scene by ``spatial=None``: what is compared here are windows.

import warnings

from matplotlib import pyplot as plt
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA
from hsvlm.datasets import load_indian_pines
from hsvlm.exceptions import SplitWarning
from hsvlm.model_selection import SpatialBlockKFold

scene = load_indian_pines()
X, y = scene.samples()
X, y = X[::16], y[::16]
clf = HSIPromptClassifier(
    "indian-pines",
    n_components=None,
    spatial=None,
    vision_params={"width": 32},
    max_epochs=6,
    batch_size=64,
    lr=2e-3,
    random_state=0,
)
pipeline = Pipeline([("pca", SpectralPCA()), ("clf", clf)])
grid = {"pca__n_components": [10, 30], "clf__window_size": [3, 9]}

# %%
# Two kinds of folds
# ------------------
# Blocks of 24 pixels, and no test pixel within 4 pixels of a training pixel, half of the largest
# window. Some classes lie in one block only, and a warning would name them.

warnings.simplefilter("ignore", SplitWarning)
folds = {
    "spatial blocks": SpatialBlockKFold(3, block_size=24, buffer=4),
    "random": KFold(3, shuffle=True, random_state=0),
}
searches = {
    name: GridSearchCV(pipeline, grid, cv=cv, refit=name == "spatial blocks")
    for name, cv in folds.items()
}
for search in searches.values():
    search.fit(X, y)

# %%
# What they find
# --------------
# Dots are folds, bars are means. Under random folds accuracies are higher, and the larger window
# looks far better. Under separate blocks it gains less, and the folds differ by much more than the
# windows do: with three folds, its lead may be chance.

figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True, layout="compressed")
for ax, (name, search) in zip(axes, searches.items(), strict=True):
    results = search.cv_results_
    for place in range(len(results["params"])):
        ax.bar(place, 100 * results["mean_test_score"][place], color="#56B4E9")
        single = [100 * results[f"split{fold}_test_score"][place] for fold in range(3)]
        ax.plot([place] * 3, single, "k.")
    labels = [
        f"window {one['clf__window_size']}\n{one['pca__n_components']} PCs"
        for one in results["params"]
    ]
    ax.set_xticks(range(len(labels)), labels)
    ax.set(title=name, ylim=(0, 100))
axes[0].set_ylabel("overall accuracy (%)")

# %%
# The search is a classifier
# --------------------------
# After the search, the best setting is fitted to all samples. The search object predicts cubes
# like any classifier.

search = searches["spatial blocks"]
print(search.best_params_)
print(search.predict(scene.cube).shape)

# %%
# The score of the winner is a little too good, for it was chosen by that score. An outer loop
# around the search gives an honest one: see :doc:`/guide/tuning`.
search
