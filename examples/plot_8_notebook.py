"""
From files to a map, in a notebook
==================================

Read a scene, look at it, estimate an accuracy that holds elsewhere, train, map, and hand the map
on. The button at the end of this page downloads it as a Jupyter notebook. The scene is synthetic
and the training short, so that all of it takes a minute; start at the second step with your own
files.
"""

# %%
# Files to start with
# -------------------
# A synthetic scene of 32 x 32 pixels of 30 m, at a place that is **made up**: a cube in the format
# of ENVI, and a label map as GeoTIFF.

import tempfile
from dataclasses import replace
from pathlib import Path

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import evaluate
from hsvlm.io import read_scene, write_map, write_scene
from hsvlm.mapping import predict_scene
from hsvlm.model_selection import SpatialBlockKFold

folder = Path(tempfile.mkdtemp())
original = replace(
    make_synthetic_scene(random_state=0),
    crs="EPSG:32632",
    transform=(30, 0, 500_000, 0, -30, 4_400_000),
)
write_scene(folder / "site.hdr", original)
write_map(folder / "labels.tif", original.labels, scene=original)

# %%
# Read and look
# -------------
# The cube stays on disk. A notebook shows a false-color image, the place and the classes.

scene = read_scene(folder / "site.hdr", labels=folder / "labels.tif")
scene

# %%
# The labeled pixels are the samples. They remember where they are.

X, y = scene.samples()
X

# %%
# Evaluate honestly
# -----------------
# Whole blocks of pixels are held out, at a distance from the training pixels. Random pixels would
# be surrounded by training pixels, and the accuracy would be too high. With ``verbose=1``, a
# progress bar is shown.

clf = HSIPromptClassifier(vision_encoder="mlp", max_epochs=5, random_state=0)
report = evaluate(
    {"prompts": clf},
    X,
    y,
    SpatialBlockKFold(n_splits=2, block_size=8, buffer=2),
    baselines=["spectral-svm"],
)
report

# %%
# Fit
# ---
# Now to all labels. Below its diagram, the classifier lists the classes with their prompts.

clf.fit(scene)

# %%
# Map
# ---

scene_map = predict_scene(clf, scene, probabilities=True)
scene_map

# %%
# Areas in pixels and hectares:

scene_map.area_report()

# %%
# Hand on
# -------
# As a dataset of xarray with coordinates, as a raster for geographic information systems, as a page
# that opens in any browser without a connection, and as a model that others can load.

dataset = scene_map.to_xarray()
dataset["probability"].mean(("y", "x")).to_series()

# %%

write_map(folder / "map.tif", scene_map.label_map, scene=scene)
scene_map.save_report(folder / "map.html", classifier=clf)
clf.save(folder / "model")
sorted(path.name for path in folder.iterdir())
