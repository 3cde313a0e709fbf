"""
From a file to a georeferenced map
==================================

Read a scene and its labels from files, train, save the classifier, map the scene into a GeoTIFF and
report areas. The files are made first, from Indian Pines; with your own, start at the second step.
The preset "fast" keeps this page quick.
"""

# %%
# Files to start with
# -------------------
# The cube that comes as a package has no georeference. The one here is **made up**: pixels of 20 m,
# somewhere in UTM zone 16 north. A corner is marked as holding no data, as at the edge of a flight
# line.

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import load_indian_pines
from hsvlm.io import read_scene, write_map, write_scene
from hsvlm.mapping import predict_scene
from hsvlm.model_selection import SpatialBlockShuffleSplit
from hsvlm.plotting import ClassificationMapDisplay, ProbabilityMapDisplay

folder = Path(tempfile.mkdtemp())
rows, columns = np.indices((145, 145))
original = replace(
    load_indian_pines(),
    valid=rows + columns > 40,
    crs="EPSG:32616",
    transform=(20, 0, 500_000, 0, -20, 4_480_000),
)
write_scene(folder / "site.hdr", original)  # ENVI: site.img and its header
write_map(folder / "labels.tif", original.labels, scene=original)
print(sorted(path.name for path in folder.iterdir()))

# %%
# Read
# ----
# The cube stays on disk. Names and colours of the classes come with the label map; CRS,
# wavelengths and pixels without data come with the scene. Field samples in a shapefile or
# GeoPackage work in place of the label map.

scene = read_scene(folder / "site.hdr", labels=folder / "labels.tif")
scene

# %%
# Train and save
# --------------
# A tenth of the labelled pixels, in blocks. The rest is the reference, less those within 4 pixels
# of a training pixel. One small class lies within that distance as a whole, and a warning says so.

X, y = scene.samples()
split = SpatialBlockShuffleSplit(1, train_size=0.1, block_size=6, buffer=4)
train, test = next(split.split(X, y))
clf = HSIPromptClassifier.from_preset(
    "fast", prompts="indian-pines", class_names=scene.class_names, random_state=0
)
clf.fit(X[train], y[train])
model = clf.save(folder / "model", metadata={"wavelengths_nm": scene.wavelengths_nm})

# %%
# Map
# ---
# In another program, on another day, with nothing but files. The scene is read from top to bottom
# and never as a whole; a run that was stopped goes on where it was.

clf = HSIPromptClassifier.load(model)
found = predict_scene(
    clf, folder / "site.hdr", folder / "map.tif", entropy=folder / "entropy.tif", verbose=0
)
found

# %%
# What a geographic information system finds in the file:

with rasterio.open(folder / "map.tif") as file:
    print(file.crs, file.res, file.dtypes, "no data:", file.nodata)
    print(file.tags()["CLASS_NAMES"][:60], "...")
    print("colour of class 2:", file.colormap(1)[2])

# %%
# Areas
# -----
# Pixels, hectares and shares from the map alone. With reference pixels, accuracies too, and areas
# that allow for the errors of the map. The intervals hold if the reference is a random sample of
# the map. Labelled fields of a benchmark are none, so take these as a demonstration.

found.area_report((X[test], y[test]))

# %%
# Figures
# -------
# With a georeference come coordinates and a scale bar. The corner without data stays white.

display = ClassificationMapDisplay.from_map(found, image=True, title="map.tif")

# %%
# Where the classifier hesitates. The color bar says whether its probabilities are calibrated.

display = ProbabilityMapDisplay.from_map(found, kind="entropy", estimator=clf, title="entropy.tif")

# %%
# The entropy raster is a file like any other:

entropy = read_scene(folder / "entropy.tif")
print(entropy, entropy.band_names)
