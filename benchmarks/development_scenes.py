"""Scenes that the default is developed on, with named classes and, where there are any, fields.

Indian Pines comes as a package. The other files are not part of this repository: they lie in a
folder that ``--data`` or the environment variable ``HSVLM_SCENES`` names.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from scipy.io import loadmat

from hsvlm import Scene
from hsvlm.datasets import fetch_split, load_indian_pines
from hsvlm.model_selection import field_numbers
from hsvlm.plotting import SceneDisplay

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["FOLDER_VARIABLE", "SCENES", "load_photograph", "load_scene", "pure_blocks"]

FOLDER_VARIABLE = "HSVLM_SCENES"
# Five to train on and one to test.
_MIN_PIXELS = 6
_MIN_ABUNDANCE = 0.8
# Training pixels of Houston 2013 lie in patches with gaps; 172 fields, as in earlier experiments.
_FIELD_DILATION = 3
# The file numbers the classes that occur from 1 to 12. They are 12 of the 20 of the contest, in
# its order; names were assigned by looking at the photograph of the file and at mean spectra.
_HOUSTON_2018_CLASSES = {
    1: "healthy grass",
    2: "stressed grass",
    3: "artificial turf",
    4: "deciduous trees",
    5: "non-residential buildings",
    6: "roads",
    7: "sidewalks",
    8: "crosswalks",
    9: "major thoroughfares",
    10: "paved parking lots",
    11: "cars",
    12: "stadium seats",
}


def load_scene(name: str, folder: Path | None = None) -> Scene:
    """Load a scene by name; its `groups` are its fields.

    Parameters
    ----------
    name : str
        One of `SCENES`.
    folder : Path, default=None
        Folder of the files. None is the folder that ``HSVLM_SCENES`` names.

    Returns
    -------
    Scene
        With labels and class names.

    Raises
    ------
    FileNotFoundError
        If a file is missing, or no folder was given.
    """
    return SCENES[name](find_folder(folder))


def load_photograph(name: str, scene: Scene, folder: Path | None = None) -> NDArray[Any]:
    """Return a true-color picture of a scene, of shape (height, width, 3).

    That of Houston 2018 is a photograph of its own, with four times as many pixels on a side.
    """
    if name == "houston-2018":
        file = require_file(find_folder(folder), "houston2018_crop.mat")
        return np.asarray(loadmat(file)["rgbImg"])
    ax = Figure().add_subplot()
    return SceneDisplay.from_scene(scene, kind="true-color", ax=ax).image


def find_folder(folder: Path | None) -> Path | None:
    if folder is None and FOLDER_VARIABLE in os.environ:
        return Path(os.environ[FOLDER_VARIABLE])
    return folder


def require_file(folder: Path | None, name: str) -> Path:
    if folder is None or not (folder / name).is_file():
        place = "no folder was given" if folder is None else f"{folder} does not hold it"
        raise FileNotFoundError(
            f"{name} is needed, and {place}. Name the folder of the files with --data or the "
            f"environment variable {FOLDER_VARIABLE}."
        )
    return folder / name


def indian_pines(_folder: Path | None) -> Scene:
    """Load Indian Pines; fields are connected regions of a class."""
    scene = load_indian_pines()
    return replace(scene, groups=field_numbers(np.asarray(scene.labels)))


def houston_2013(folder: Path | None) -> Scene:
    """Load the training spectra of Houston 2013; all other pixels have no data."""
    spectra = loadmat(require_file(folder, "houston2013_train_hsi.mat"))["HSI_TrSet"]
    split = fetch_split("houston-2013", data_home=folder)
    labels = np.asarray(split.train_map)
    valid = labels > 0
    # The order of the spectra is the row-major order of the labeled pixels.
    cube = np.zeros((*labels.shape, spectra.shape[1]), dtype=np.float32)
    cube[valid] = spectra
    return Scene(
        cube,
        labels,
        split.class_names,
        name="Houston 2013, training spectra",
        valid=valid,
        groups=field_numbers(labels, _FIELD_DILATION),
    )


def houston_2018(folder: Path | None) -> Scene:
    """Load the crop of Houston 2018, on the grid of the cube."""
    file = loadmat(require_file(folder, "houston2018_crop.mat"))
    labels = _without_rare_classes(pure_blocks(file["clasLabs"], 4))
    names = _names_of(labels, _HOUSTON_2018_CLASSES)
    return Scene(file["hyprImg"], labels, names, name="Houston 2018, crop")


def jasper_ridge(folder: Path | None) -> Scene:
    """Load Jasper Ridge; labels are abundances above 0.8 of one material."""
    with np.load(require_file(folder, "jasper_ridge.npz")) as file:
        abundances = file["abund"].astype(np.float32)
        names = {number: str(name) for number, name in enumerate(file["class_names"], 1)}
        pure = abundances.max(axis=2) > _MIN_ABUNDANCE
        labels = np.where(pure, abundances.argmax(axis=2) + 1, 0)
        return Scene(file["cube"], labels, names, file["wavelengths_nm"], name="Jasper Ridge")


def pure_blocks(labels: NDArray[Any], size: int) -> NDArray[np.intp]:
    """Label every block of `size` x `size` pixels that holds a single label; 0 elsewhere."""
    height, width = labels.shape[0] // size, labels.shape[1] // size
    blocks = labels.reshape(height, size, width, size).transpose(0, 2, 1, 3)
    first = blocks[:, :, 0, 0]
    is_pure = (blocks == first[:, :, None, None]).all(axis=(2, 3))
    return np.where(is_pure, first, 0).astype(np.intp)


def _without_rare_classes(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    counts = np.bincount(labels.ravel())
    return np.where(counts[labels] < _MIN_PIXELS, 0, labels)


def _names_of(labels: NDArray[np.intp], names: dict[int, str]) -> dict[int, str]:
    return {number: names[number] for number in np.unique(labels[labels > 0]).tolist()}


SCENES: dict[str, Callable[[Path | None], Scene]] = {
    "indian-pines": indian_pines,
    "houston-2013": houston_2013,
    "houston-2018": houston_2018,
    "jasper-ridge": jasper_ridge,
}
