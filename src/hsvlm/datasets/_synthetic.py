"""A synthetic scene for tests and examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.utils import check_random_state

from hsvlm._data.arrays import is_whole_number
from hsvlm.datasets._colors import SYNTHETIC_COLORS
from hsvlm.exceptions import ParameterError
from hsvlm.scene import Raster, Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MIN_LABELS_PER_CLASS = 5
_NAMES = ("meadow", "bare soil", "forest", "asphalt", "water", "maize", "gravel", "metal roof")
_TWO_SOURCE_NAMES = ("meadow", "forest", "parking lot", "flat roof")


def make_synthetic_scene(
    *,
    height: int = 32,
    width: int = 32,
    n_bands: int = 30,
    n_classes: int = 4,
    noise: float = 0.05,
    labeled_share: float = 0.5,
    random_state: Any = None,
) -> Scene:
    """Make a small scene of coherent regions with smooth spectra.

    Every class has a smooth reflectance spectrum and covers connected regions; illumination varies
    over the scene by a fifth, and every value has independent noise.

    Parameters
    ----------
    height, width : int, default=32
        Size in pixels, at least 8.
    n_bands : int, default=30
        Number of bands between 400 and 2,500 nm, at least 2.
    n_classes : int, default=4
        Number of classes, from 2 to 8.
    noise : float, default=0.05
        Standard deviation of the noise, in units of reflectance, at least 0.
    labeled_share : float, default=0.5
        Share of labeled pixels, in (0, 1]. Every class gets at least 5.
    random_state : int, RandomState instance or None, default=None
        Seed of the scene.

    Returns
    -------
    Scene
        `cube` of shape (height, width, n_bands), float32, reflectance; `labels` of shape
        (height, width), uint8, 0 is unlabeled and every class is present; `class_names` and
        `class_colors`; `wavelengths_nm` of shape (n_bands,).

    Raises
    ------
    ParameterError
        If the scene is too small, or a parameter is out of range.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> make_synthetic_scene(random_state=0)
    Scene('synthetic', 32 x 32 pixels, 30 bands from 400 to 2500 nm, float32, 4 classes)
    """
    _check_parameters(height, width, n_bands, n_classes, noise, labeled_share)
    rng = check_random_state(random_state)
    wavelengths = np.linspace(400.0, 2500.0, n_bands)
    classes = _regions(rng, height, width, n_classes)
    light = 1 + 0.2 * _smooth_field(rng, height, width)
    cube = _spectra(rng, wavelengths, n_classes)[classes] * light[..., None]
    cube += noise * rng.standard_normal(cube.shape)
    labeled = _labeled_mask(rng, classes, labeled_share)
    class_names, class_colors = _legend(_NAMES[:n_classes])
    return Scene(
        cube=cube.astype(np.float32),
        labels=np.where(labeled, classes + 1, 0).astype(np.uint8),
        class_names=class_names,
        class_colors=class_colors,
        wavelengths_nm=wavelengths,
        name="synthetic",
    )


def make_two_source_scene(
    *, height: int = 32, width: int = 32, labeled_share: float = 0.5, random_state: Any = None
) -> Scene:
    """Make a small scene whose classes only two sources together can tell apart.

    Two materials, each on the ground and raised above it: "meadow" and "forest" have the same
    spectra, so have "parking lot" and "flat roof", and heights know nothing of the material. A
    classifier of the spectra or heights of single pixels is right at best where the larger of two
    classes is; who sees both can be right everywhere.

    Parameters
    ----------
    height, width : int, default=32
        Size in pixels, at least 8.
    labeled_share : float, default=0.5
        Share of labeled pixels, in (0, 1]. Every class gets at least 5.
    random_state : int, RandomState instance or None, default=None
        Seed of the scene.

    Returns
    -------
    Scene
        As :func:`make_synthetic_scene`, with 30 bands of spectra and the source ``"lidar"``:
        heights in meters above the ground, float32.

    Raises
    ------
    ParameterError
        If the scene is too small, or a parameter is out of range.

    Examples
    --------
    >>> from hsvlm.datasets import make_two_source_scene
    >>> make_two_source_scene(random_state=0).sources
    {'spectra': slice(0, 30, None), 'lidar': slice(30, 31, None)}
    """
    n_bands, noise = 30, 0.05
    _check_parameters(height, width, n_bands, 4, noise, labeled_share)
    rng = check_random_state(random_state)
    wavelengths = np.linspace(400.0, 2500.0, n_bands)
    classes = _regions(rng, height, width, 4)
    material, is_raised = classes // 2, classes % 2
    # Whatever changes smoothly would tell the place of a pixel, and with it the class.
    light = 1 + 0.1 * rng.standard_normal((height, width))
    cube = _spectra(rng, wavelengths, 2)[material] * light[..., None]
    cube += noise * rng.standard_normal(cube.shape)
    heights = 6 * is_raised + 0.3 * rng.standard_normal((height, width))
    labeled = _labeled_mask(rng, classes, labeled_share)
    class_names, class_colors = _legend(_TWO_SOURCE_NAMES)
    return Scene(
        cube=cube.astype(np.float32),
        labels=np.where(labeled, classes + 1, 0).astype(np.uint8),
        class_names=class_names,
        class_colors=class_colors,
        wavelengths_nm=wavelengths,
        name="synthetic, two sources",
        auxiliary={"lidar": Raster(heights.astype(np.float32), names=("height",))},
    )


def _legend(names: tuple[str, ...]) -> tuple[dict[int, str], dict[int, str]]:
    """Return names and colors of the classes, by label."""
    colors = (SYNTHETIC_COLORS[name] for name in names)
    return dict(enumerate(names, start=1)), dict(enumerate(colors, start=1))


def _check_parameters(
    height: int, width: int, n_bands: int, n_classes: int, noise: float, labeled_share: float
) -> None:
    sizes = {"height": height, "width": width, "n_bands": n_bands, "n_classes": n_classes}
    for name, size in sizes.items():
        if not is_whole_number(size):
            raise ParameterError(f"{name}={size!r} is not a whole number.")
    if min(height, width) < 8:
        raise ParameterError(
            f"A scene of {height} x {width} pixels is too small. Use at least 8 x 8."
        )
    for name, value, allowed, is_valid in (
        ("n_bands", n_bands, "at least 2", n_bands >= 2),
        ("n_classes", n_classes, f"2 to {len(_NAMES)}", 2 <= n_classes <= len(_NAMES)),
        ("noise", noise, "0 or more", noise >= 0),
        ("labeled_share", labeled_share, "more than 0 and at most 1", 0 < labeled_share <= 1),
    ):
        if not is_valid:
            raise ParameterError(f"{name}={value} is out of range. Use {allowed}.")


def _smooth_field(rng: np.random.RandomState, height: int, width: int) -> NDArray[np.float64]:
    field = gaussian_filter(rng.standard_normal((height, width)), min(height, width) / 6)
    return np.asarray(field / abs(field).max())


def _regions(
    rng: np.random.RandomState, height: int, width: int, n_classes: int
) -> NDArray[np.intp]:
    # The highest of several smooth fields; standardized, so that every class wins somewhere.
    fields = np.stack([_smooth_field(rng, height, width) for _ in range(n_classes)])
    fields -= fields.mean(axis=(1, 2), keepdims=True)
    fields /= fields.std(axis=(1, 2), keepdims=True)
    classes = fields.argmax(axis=0)
    # Small scenes of many classes may still lack one: raise the fields of small classes.
    while (
        counts := np.bincount(classes.ravel(), minlength=n_classes)
    ).min() < _MIN_LABELS_PER_CLASS:
        fields[counts < _MIN_LABELS_PER_CLASS] += 0.1
        classes = fields.argmax(axis=0)
    return np.asarray(classes)


def _labeled_mask(
    rng: np.random.RandomState, classes: NDArray[np.intp], share: float
) -> NDArray[np.bool_]:
    draws = rng.uniform(size=classes.shape)
    labeled = draws < share
    for class_index in range(int(classes.max()) + 1):
        members = classes == class_index
        labeled |= members & (
            draws
            <= np.partition(draws[members], _MIN_LABELS_PER_CLASS - 1)[_MIN_LABELS_PER_CLASS - 1]
        )
    return labeled


def _spectra(
    rng: np.random.RandomState, wavelengths: NDArray[np.float64], n_classes: int
) -> NDArray[np.float64]:
    centers = rng.uniform(400, 2500, size=(n_classes, 4, 1))
    widths = rng.uniform(100, 500, size=(n_classes, 4, 1))
    heights = rng.uniform(0.1, 0.5, size=(n_classes, 4, 1))
    bumps = heights * np.exp(-(((wavelengths - centers) / widths) ** 2))
    return np.asarray(0.1 + bumps.sum(axis=1))
