"""What pre-training accepts as X, brought to pixels of scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import validate_data

from hsvlm._data.arrays import NotNumbersError, check_numbers, native, refuse_masked
from hsvlm._data.cubes import (
    as_cube,
    as_cubes,
    check_band_count,
    check_same_bands,
    check_window_fits,
    n_dimensions,
)
from hsvlm._data.lazy import valid_pixels
from hsvlm._data.sources import describe_sources, source_sizes
from hsvlm._data.spectra import check_finite
from hsvlm._data.wavelengths import refuse_shift
from hsvlm._inputs.kinds import PredictInputs, is_cube
from hsvlm._inputs.scenes import as_scenes, check_bands, check_scales, with_wavelengths
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.pretraining._choices import Choices, choose, suited_to
from hsvlm.pretraining._pixels import PixelPool, ScenePixels, usable_cube, without_pixels
from hsvlm.samples import PixelSamples, pixels_of
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

__all__ = ["feature_inputs", "gives_map", "pool_of"]

_ACCEPTED_KINDS = (
    "Pass a Scene or a list of them, a cube (height, width, n_bands) or a list of them, "
    "PixelSamples, or spectra (n_samples, n_bands)."
)


def gives_map(X: Any) -> bool:
    """Tell whether features of `X` are a map; a list of scenes or cubes is refused as one."""
    return as_scenes(X) is not None or _is_list_of_cubes(X) or is_cube(X)


def pool_of(
    estimator: BaseEstimator, X: Any, exclude: PixelSamples | None
) -> tuple[PixelPool, Choices]:
    """Return the pixels to train on, and what to train; set what is known of the bands."""
    has_windows = True
    scenes = as_scenes(X)
    estimator.metadata_ = _band_metadata(X, scenes)
    centers: list[NDArray[np.bool_] | None] | None = None
    for part in [X] if isinstance(X, PixelSamples) else scenes or ():
        if part.sources is not None and len(part.sources) > 1:
            raise DataError(
                f"Pre-training reads spectra, and X holds "
                f"{describe_sources(source_sizes(part.sources))}.",
                f"Pass scene.select_sources([{next(iter(part.sources))!r}]).",
            )
    if scenes is not None:
        check_scales(scenes)
        cubes = tuple(scene.masked_cube() for scene in scenes)
    elif isinstance(X, PixelSamples):
        numbers = np.unique(X.scene_ids)
        cubes = tuple(X.cubes[number] for number in numbers)
        centers = [_center_map(X, number) for number in numbers]
    elif _are_cubes(X):
        cubes = as_cubes(X)
    else:
        cubes, has_windows = (_spectra(estimator, X, reset=True)[:, None],), False
    check_same_bands(cubes)
    choices = choose(estimator, has_windows=has_windows)
    window_size = choices.window_size
    for cube in cubes:
        check_window_fits(cube.shape, window_size, "reflect")
    parts = list(map(ScenePixels.of, cubes, centers or [None] * len(cubes)))
    if exclude is not None:
        parts = _without(parts, exclude, window_size)
    parts = [part for part in parts if part.centers.any()]
    if not parts:
        raise DataError(
            "No pixel is left to train on: all are without data or excluded.",
            "Pass other scenes, exclude fewer pixels, or use a smaller window_size.",
        )
    estimator.n_features_in_ = n_bands = int(cubes[0].shape[2])
    pool = PixelPool(parts, have_places=has_windows)
    return pool, suited_to(estimator, choices, len(pool), n_bands)


def _band_metadata(X: Any, scenes: list[Scene] | None) -> dict[str, Any]:
    """Return what is known of the bands of `X`, to compare later data with."""
    if scenes is not None:
        return with_wavelengths({}, scenes)
    centers = getattr(X, "wavelengths_nm", None)
    return {} if centers is None else {"wavelengths_nm": centers.tolist()}


def feature_inputs(estimator: BaseEstimator, X: Any) -> PredictInputs:
    """Validate what a fitted estimator computes features of."""
    scenes = as_scenes(X)
    if not isinstance(X, Scene) and (scenes is not None or _is_list_of_cubes(X)):
        kind = "cubes" if scenes is None else "scenes"
        raise DataError(
            f"X is a list of {kind}, whose maps may differ in size.",
            f"Pass them in turn: [pretrainer.transform(each) for each in {kind}].",
        )
    if isinstance(X, Scene):
        check_bands(estimator.metadata_, X)
        X = X.masked_cube()
    n_bands, size = estimator.n_features_in_, estimator.window_size_
    if isinstance(X, PixelSamples):
        check_band_count(estimator, X.shape[1], n_bands)
        _check_samples(estimator.metadata_, X)
        return PredictInputs(X, (len(X),), None)
    if is_cube(X):
        cube = as_cube(X)
        check_band_count(estimator, cube.shape[2], n_bands)
        usable, _ = usable_cube(cube)
        valid = valid_pixels(usable)
        grid = np.argwhere(np.ones(cube.shape[:2], dtype=bool) if valid is None else valid)
        if not len(grid):
            raise DataError("No pixel of the cube is valid.", "Check the mask or no-data value.")
        return PredictInputs(pixels_of(usable, grid), cube.shape[:2], valid)
    spectra = _spectra(estimator, X, reset=False)
    if size != 1:
        raise ParameterError(
            f"The encoder was pre-trained on windows of {size} x {size} pixels, and X contains "
            "plain spectra, which have no surroundings. Pass PixelSamples, a Scene or a cube."
        )
    return PredictInputs(spectra, (len(spectra),), None)


def _check_samples(metadata: Mapping[str, Any], X: PixelSamples) -> None:
    """Refuse no samples, and those whose bands are not those of the pre-training."""
    if not len(X):
        raise DataError("X holds no pixels.", "Pass at least one.")
    refuse_shift(
        metadata.get("wavelengths_nm"),
        X.wavelengths_nm,
        "The samples have other bands than those of the pre-training",
        'Match them: hsvlm.io.match_bands(scene, pretrainer.metadata_["wavelengths_nm"]).',
    )


def _without(
    parts: list[ScenePixels], exclude: PixelSamples, window_size: int
) -> list[ScenePixels]:
    if not isinstance(exclude, PixelSamples):
        raise DataError(
            f"exclude is of type {type(exclude).__name__}.",
            "Pass PixelSamples, which know where they are, such as those of scene.samples().",
        )
    return without_pixels(parts, exclude, window_size)


def _center_map(X: PixelSamples, number: int) -> NDArray[np.bool_]:
    centers = np.zeros(X.cubes[number].shape[:2], dtype=bool)
    centers[tuple(X.coords[X.scene_ids == number].T)] = True
    return centers


def _are_cubes(X: Any) -> bool:
    return _is_list_of_cubes(X) or n_dimensions(X) == 3


def _is_list_of_cubes(X: Any) -> bool:
    return isinstance(X, (list, tuple)) and len(X) > 0 and n_dimensions(X[0]) == 3


def _spectra(estimator: BaseEstimator, X: Any, *, reset: bool) -> NDArray[Any]:
    dimensions = n_dimensions(X)
    if dimensions not in (1, 2):
        kind = f"an array of {dimensions} dimensions" if dimensions else type(X).__name__
        raise DataError(f"X is {kind}.", _ACCEPTED_KINDS)
    refuse_masked(X, "X")
    try:
        spectra = validate_data(
            estimator,
            X,
            dtype="numeric",
            ensure_all_finite=False,
            ensure_min_features=2 if reset else 1,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )
    except TypeError as error:
        raise NotNumbersError(str(error)) from error
    except ValueError as error:
        raise DataError(str(error)) from error
    check_numbers(spectra.dtype)
    spectra = native(spectra)
    check_finite(spectra)
    return spectra
