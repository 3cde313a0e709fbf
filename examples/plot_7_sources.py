"""
Spectra and heights
===================

Meadow and forest have the same spectra in this made scene, so have parking lots and flat roofs, and
heights know nothing of the material: each source alone is right at best where the larger of two
classes is. Both together can be right everywhere.
"""

# %%
# One scene, two sources
# ----------------------
# The channels of LiDAR lie behind the bands, under their own name.

import numpy as np
from matplotlib import pyplot as plt

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_two_source_scene
from hsvlm.evaluation import spectral_svm
from hsvlm.model_selection import PerClassShuffleSplit
from hsvlm.plotting import ClassificationMapDisplay, PromptMatrixDisplay

scene = make_two_source_scene(height=48, width=48, random_state=0)
print(scene)

# %%
# What each source is worth
# -------------------------
# The same classifier and the same training pixels, 20 per class; the split is random, which is fair
# here, since noise and light of this scene differ from pixel to pixel.

X, y = scene.samples()
train, test = next(PerClassShuffleSplit(1, train_per_class=20).split(X, y))
for names in (["spectra"], ["lidar"], ["spectra", "lidar"]):
    Z, _ = scene.select_sources(names).samples()
    accuracy = spectral_svm().fit(Z[train], y[train]).score(Z[test], y[test])
    print(f"{' and '.join(names)}: {accuracy:.1%}")
most = np.bincount(y)[1:].reshape(2, 2).max(axis=1).sum() / len(y)
print(f"at best with spectra alone: {most:.1%}")

# %%
# A network that joins them
# -------------------------
# The encoder is told which channels belong together. Its matrices say what each spectral channel
# takes from the second source, and each pixel from its neighbors.

clf = HSIPromptClassifier(
    vision_encoder="fusion-vit", spatial=None, max_epochs=20, random_state=0
).fit(X[train], y[train])
print(f"fusion-vit: {clf.score(X[test], y[test]):.1%}")
PromptMatrixDisplay.from_estimator(clf, X[test])

# %%
# The map
# -------

fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
left.imshow(np.asarray(scene.select_sources(["lidar"]).cube)[..., 0], cmap="cividis")
left.set(title="height", xticks=[], yticks=[])
display = ClassificationMapDisplay.from_labels(
    clf.predict(scene), class_names=scene.class_names, title="fusion-vit", ax=right
)
