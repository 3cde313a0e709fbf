"""
From a cube and prompts to a map
================================

A tenth of the labelled pixels of Indian Pines and one sentence per class make a map of the whole
scene. The preset "fast" keeps this page quick; leave it out to have the default.
"""

# %%
# The scene
# ---------
# A :class:`~hsvlm.Scene` keeps a cube together with its label map, the names of the classes and
# the wavelengths of the bands.

from sklearn.model_selection import train_test_split

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.metrics import classification_summary
from hsvlm.plotting import ClassificationMapDisplay, SceneDisplay
from hsvlm.prompts import load_prompt_set

scene = load_indian_pines()
scene

# %%
# Near infrared, red and green as red, green and blue: vegetation appears red, and much of the scene
# is soil in June.

display = SceneDisplay.from_scene(scene)

# %%
# Pixels and prompts
# ------------------
# Samples are pixels that remember where they lie. To scikit-learn they are an array of spectra, so
# its own functions split them. This split is drawn at random, as in most papers;
# :ref:`the next example <sphx_glr_gallery_plot_2_evaluation.py>` shows what that hides.

X, y = scene.samples()
X_train, X_test, y_train, y_test = train_test_split(
    X, y, train_size=0.1, stratify=y, random_state=0
)
print(X_train)

# %%
# For this scene, a set of prompts comes with hsvlm. For your own classes, write a dict of this
# form.

prompts = load_prompt_set("indian-pines")
for label in (2, 10, 14):
    print(f"{label}: {prompts[label]}")

# %%
# Fit
# ---
# ``fit`` encodes the prompts, reduces the spectra to principal components, and trains a small
# vision transformer on the windows around the training pixels.

clf = HSIPromptClassifier.from_preset(
    "fast", prompts=prompts, class_names=scene.class_names, random_state=0
)
clf.fit(X_train, y_train)

# %%
# On the test pixels:

summary = classification_summary(y_test, clf.predict(X_test))
print(summary.to_text(scene.class_names))

# %%
# Predict the scene
# -----------------
# Give a cube, get a map. Pixels at the border are predicted as well, and those without a label in
# the reference too: what the map says there, nobody has checked.

label_map = clf.predict(scene.cube)
display = ClassificationMapDisplay.from_labels(
    label_map, scene.class_names, title="predicted, every pixel"
)

# %%
# The same colours for the labels there are:

display = ClassificationMapDisplay.from_labels(
    scene.labels, scene.class_names, title="reference, labelled pixels"
)

# %%
# Probabilities come with it, in the order of ``clf.classes_``. They tell where the classifier
# hesitates between the classes it knows; of a material it does not know, they tell nothing.

probabilities = clf.predict_proba(scene.cube)
print(probabilities.shape, probabilities.dtype)
print(f"{(probabilities.max(axis=-1) < 0.5).mean():.1%} of the pixels have no class above one half")
# sphinx_gallery_thumbnail_number = 2
