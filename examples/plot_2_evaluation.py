"""
Random split and separate blocks, side by side
==============================================

The same classifier on the same scene, once with training pixels drawn at random, once with whole
blocks for training and a buffer around them. Beside it stand baselines, one of which sees no
spectrum at all. The preset "fast" keeps this page quick; the :doc:`benchmarks </benchmarks>` have
the defaults, more splits and more protocols.
"""

# %%
# Two ways to split
# -----------------
# Both train on about a tenth of the labelled pixels. With a buffer of 4 pixels no test window
# contains or touches a training pixel.

import warnings

import numpy as np
from matplotlib import pyplot as plt
from sklearn.model_selection import StratifiedShuffleSplit

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.evaluation import evaluate, leakage_report
from hsvlm.exceptions import SplitWarning
from hsvlm.model_selection import SpatialBlockShuffleSplit
from hsvlm.plotting import ClassificationMapDisplay

scene = load_indian_pines()
X, y = scene.samples()
protocols = {
    "random": StratifiedShuffleSplit(1, train_size=0.1, random_state=0),
    "blocks": SpatialBlockShuffleSplit(2, train_size=0.1, block_size=8, buffer=4),
}

# Two small classes lie within the buffer as a whole; the warning would name them.
warnings.simplefilter("ignore", SplitWarning)

# %%
# Where the pixels of the first split of each lie. Those within the buffer belong to neither side.

figure, axes = plt.subplots(1, 2, figsize=(9, 4.8), layout="compressed")
for ax, (name, cv) in zip(axes, protocols.items(), strict=True):
    train, test = next(cv.split(X, y))
    sides = np.zeros(scene.shape, dtype=int)
    sides[tuple(X.coords[train].T)], sides[tuple(X.coords[test].T)] = 1, 2
    ClassificationMapDisplay.from_labels(
        sides, {1: "training", 2: "test"}, colors={1: "black", 2: "#E69F00"}, title=name, ax=ax
    )

# %%
# The share of test windows that contain a training pixel grows quickly with the window where pixels
# are drawn at random:

train, test = next(protocols["random"].split(X, y))
for window_size in (1, 3, 5, 9, 15):
    share = leakage_report(X[train], X[test], window_size).share_containing
    print(f"window {window_size:2}: {share:.1%}")

# %%
# Evaluate
# --------
# ``random_state=0`` seeds split k with k, so that the standard deviation over splits includes the
# chance of training.

clf = HSIPromptClassifier.from_preset("fast", prompts="indian-pines")
reports = {
    name: evaluate({"hsvlm": clf}, X, y, cv, class_names=scene.class_names, random_state=0)
    for name, cv in protocols.items()
}

# %%
# Under the random split:

reports["random"]

# %%
# In separate blocks:

reports["blocks"]

# %%
# Side by side
# ------------
# The first bar of each pair is what papers mostly print. Look at the nearest training pixel: under
# the random split, knowing the position of a pixel is worth about as much as any classifier, so
# a high accuracy there does not say that spectra or windows were understood. Whoever wants to know
# how a map does on the next field needs the second bar. hsvlm reads its scores out of the scene,
# and so does the smoothed SVM: both bars are about the mapped scene. Two splits are few; the
# differences between blocks are large.

names = reports["random"].names
figure, ax = plt.subplots(figsize=(7, 3.4), layout="compressed")
for place, (protocol, report) in enumerate(reports.items()):
    for row, name in enumerate(names):
        accuracies = [100 * one.overall_accuracy for one in report.results_for(name)]
        mean = sum(accuracies) / len(accuracies)
        height = row + 0.4 * place
        label = protocol if row == 0 else None
        ax.barh(height, mean, 0.36, color=("#56B4E9", "#0072B2")[place], label=label)
        ax.plot(accuracies, [height] * len(accuracies), "k.", markersize=4)
ax.set_yticks([row + 0.2 for row in range(len(names))], names)
ax.invert_yaxis()
ax.set(xlabel="overall accuracy (%), points: single splits", xlim=(0, 100))
legend = ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
