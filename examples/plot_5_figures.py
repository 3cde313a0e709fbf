"""
Figures for a paper
===================

The displays of :mod:`hsvlm.plotting` on one scene and one classifier. They work like those of
scikit-learn: ``from_...`` computes and draws, ``ax=`` draws into axes of your own, and ``figure_``
is there to be saved, for example with ``display.figure_.savefig("map.pdf")``. The preset "fast"
keeps this page quick, and the split is random: the figures show what can be drawn, not how good a
map is.
"""

# %%
# Scene and classifier
# --------------------

import numpy as np
from matplotlib import pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import train_test_split

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.plotting import (
    ClassificationMapDisplay,
    EmbeddingDisplay,
    LossLandscapeDisplay,
    ProbabilityMapDisplay,
    PromptSimilarityDisplay,
    SceneDisplay,
    SpectraDisplay,
    TrainingCurveDisplay,
)

scene = load_indian_pines()
X, y = scene.samples()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.1, stratify=y, random_state=0
)
clf = HSIPromptClassifier.from_preset(
    "fast",
    prompts="indian-pines",
    class_names=scene.class_names,
    validation_fraction=0.1,
    random_state=0,
)
clf.fit(X_train, y_train)
label_map = clf.predict(scene.cube)

# %%
# The scene
# ---------
# Vegetation is red in false colour. Two displays in one figure, by ``ax=``:

figure, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="compressed")
for ax, kind in zip(axes, ("false-color", "true-color"), strict=True):
    SceneDisplay.from_scene(scene, kind=kind, title=kind, ax=ax)

# %%
# Spectra
# -------
# Means of some classes, with their standard deviations.

display = SpectraDisplay.from_scene(scene, classes=[2, 11, 14], value_label="scaled radiance")

# %%
# Maps
# ----
# Reference, prediction, and where they differ. Training pixels count here, too.

display = ClassificationMapDisplay.from_predictions(scene.labels, label_map, scene=scene)

# %%
# Beside an image of the scene, over two columns of a page:

display = ClassificationMapDisplay.from_labels(label_map, scene=scene, image=True)

# %%
# Where the classifier hesitates
# ------------------------------
# Entropy of the class probabilities: 0 where one class is certain, 1 where all are equally
# probable.

probabilities = clf.predict_proba(scene.cube)
display = ProbabilityMapDisplay.from_probabilities(probabilities, kind="entropy", title="entropy")

# %%
# The probability of one class:

display = ProbabilityMapDisplay.from_probabilities(
    probabilities, label=14, classes=clf.classes_, scene=scene
)

# %%
# Which classes are confused
# --------------------------
# The confusion matrix is scikit-learn's, here in shares of the true class.

figure, ax = plt.subplots(figsize=(7.5, 7), layout="compressed")
display = ConfusionMatrixDisplay.from_predictions(
    y_test,
    clf.predict(X_test),
    display_labels=[scene.class_names[label] for label in clf.classes_],
    normalize="true",
    include_values=False,
    xticks_rotation="vertical",
    cmap="Blues",
    ax=ax,
)

# %%
# Prompts and embeddings
# ----------------------
# How alike the prompts are to the text encoder:

display = PromptSimilarityDisplay.from_estimator(clf)

# %%
# Test pixels and prototypes in the joint space, brought to a plane by t-SNE. ``method="umap"`` and
# ``"pca"`` are the others.

display = EmbeddingDisplay.from_estimator(
    clf, X_test, y_test, method="tsne", max_samples=800, random_state=0
)

# %%
# Training
# --------
# Loss, validation accuracy and learning rate. Validation blocks touch the training pixels around
# them, so this is a gauge of training and no estimate of accuracy.

display = TrainingCurveDisplay.from_estimator(clf)

# %%
# The loss around the trained weights, in a plane of two random directions, from few samples and on
# a coarse grid:

some = np.random.default_rng(0).choice(len(y_train), 200, replace=False)
display = LossLandscapeDisplay.from_estimator(
    clf, X_train[some], y_train[some], n_steps=11, random_state=0
)
# sphinx_gallery_thumbnail_number = 9
