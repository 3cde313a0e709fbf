"""
Other classes without retraining
================================

The classifier is its prompts. After training, classes can be reworded and merged, and every pixel
can be compared with any sentence; the network stays as it is. What it has not learned from
training pixels, a sentence does not teach it.
"""

# %%
# A fitted classifier
# -------------------
# 15 epochs, to be quick, and windows by themselves: other prompts know nothing of the training
# labels that could be carried over the scene. The split is random, for simplicity: accuracies
# here compare the classifier with itself and are no forecast for another scene.

import numpy as np
from matplotlib import pyplot as plt
from sklearn.model_selection import train_test_split

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.plotting import ClassificationMapDisplay, PromptSimilarityDisplay
from hsvlm.prompts import load_prompt_set

scene = load_indian_pines()
X, y = scene.samples()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.1, stratify=y, random_state=0
)
clf = HSIPromptClassifier(
    "indian-pines", class_names=scene.class_names, spatial=None, max_epochs=15, random_state=0
)
clf.fit(X_train, y_train)
print(f"16 classes: {clf.score(X_test, y_test):.1%} of the random test pixels")

# %%
# How alike the prompts are
# -------------------------
# Cosines between the prototypes, that is, between the texts as the encoder sees them. Texts that
# are nearly the same would give training nothing to hold on to.

display = PromptSimilarityDisplay.from_estimator(clf)

# %%
# Merge classes
# -------------
# Several texts may stand for one class: their unit vectors are averaged. Here the prompts of the 16
# classes become those of four.

groups = {
    "crops": [2, 3, 4, 8, 9, 10, 11, 12, 13],
    "pasture": [1, 5, 6, 7],
    "woods": [14],
    "buildings and roads": [15, 16],
}
prompts = load_prompt_set("indian-pines")
coarse = clf.with_prompts({name: [prompts[one] for one in of] for name, of in groups.items()})
coarse_map = coarse.predict(scene.cube)
display = ClassificationMapDisplay.from_labels(coarse_map, title="four classes, same network")

# %%
# Merging the predictions of the 16 classes afterwards is the other way to the same map, and mostly
# the more accurate one, since the network was trained to tell those 16 apart:

group_of = {label: name for name, of in groups.items() for label in of}
truth = np.array([group_of[label] for label in y_test])
merged = np.array([group_of[label] for label in clf.predict(X_test)])
print(f"merged prompts:     {np.mean(coarse.predict(X_test) == truth):.1%}")
print(f"merged predictions: {np.mean(merged == truth):.1%}")

# %%
# Ask with a sentence
# -------------------
# Cosines of every pixel with texts that no class had. The first two are near to what the network
# was trained on. The last is not: nothing like it is in the scene, and yet some pixels are nearer
# to it than others. A cosine says how near, never that the material is there.

texts = ["a dense forest", "a field of corn", "a sandy beach by the sea"]
cosines = clf.similarity(scene.cube, texts)
figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="compressed")
for ax, text, image in zip(axes, texts, np.moveaxis(cosines, -1, 0), strict=True):
    shown = ax.imshow(image, vmin=cosines.min(), vmax=cosines.max(), cmap="viridis")
    ax.set(title=text, xticks=[], yticks=[])
colorbar = figure.colorbar(shown, ax=axes, label="cosine", shrink=0.8)
# sphinx_gallery_thumbnail_number = 3
