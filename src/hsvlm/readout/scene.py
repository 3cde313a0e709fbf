"""What a fit keeps of its scenes, so that class scores can be read out over them."""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm._data.lazy import valid_pixels
from hsvlm._data.spectra import usable_values
from hsvlm._system.intervals import Numbers
from hsvlm._training_record import FittedScene, Readout, training_scenes
from hsvlm.exceptions import ParameterError
from hsvlm.preprocessing import SpectralPCA, SpectralTransformer
from hsvlm.readout import NEIGHBORS
from hsvlm.readout.discriminant import fit_discriminant
from hsvlm.samples import PixelSamples, pixels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = [
    "finite_spectra",
    "fit_readout",
    "readout_settings",
]

_N_EDGE_FEATURES = 5
_MAX_DEVIATION = 100  # in standard deviations of the training spectra
_DEFAULTS: dict[str, Any] = {
    "restart": 0.0005,
    "contrast": 4.0,
    "agreement": 2.0,
    "n_steps": 100,
    "weights": "auto",
}
_RANGES = {
    "restart": Numbers(Real, 0, 1, closed="right"),
    "contrast": Numbers(Real, 0, 1e6, closed="both"),
    "agreement": Numbers(Real, 0, 100, closed="both"),
    "n_steps": Numbers(Integral, 1, 10**4, closed="both"),
}
_WEIGHT = Numbers(Real, 0, 100, closed="both")


def readout_settings(given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Settings of the read-out, checked."""
    settings = {**_DEFAULTS, **(given or {})}
    unknown = sorted(set(settings) - set(_DEFAULTS), key=str)
    if unknown:
        raise ParameterError(
            f"spatial_params sets {', '.join(map(repr, unknown))}, which the read-out does not "
            f"know. It may set {', '.join(map(repr, _DEFAULTS))}."
        )
    for name, interval in _RANGES.items():
        if not interval.is_satisfied_by(settings[name]):
            raise ParameterError(f"spatial_params: {name}={settings[name]!r} must be {interval}.")
    weights = settings["weights"]
    if not (isinstance(weights, str) and weights == "auto"):
        settings["weights"] = _checked_weights(weights)
    return settings


def _checked_weights(weights: Any) -> tuple[float, float, float]:
    """Weights of walks, windows and spectra, as numbers; spectra may be left out."""
    given = weights.tolist() if isinstance(weights, np.ndarray) else weights
    is_list = isinstance(given, (tuple, list)) and len(given) in (2, 3)
    if not is_list or not all(_WEIGHT.is_satisfied_by(one) for one in given) or not any(given):
        raise ParameterError(
            f'spatial_params: weights={weights!r} must be "auto" or two or three numbers, the '
            f"weights of walks, of windows and of spectra, each {_WEIGHT}, and not all 0."
        )
    walks, windows, *spectra = (float(one) for one in given)
    return walks, windows, (spectra[0] if spectra else 0.0)


def fit_readout(
    spatial_params: Mapping[str, Any] | None,
    X: PixelSamples,
    targets: NDArray[np.intp],
    sample_weights: NDArray[np.float64],
    n_classes: int,
) -> Readout:
    """Keep what the read-out of a scene needs.

    Shapes: `X` (n_samples, n_bands), `targets` and `sample_weights` (n_samples,).
    """
    settings = readout_settings(spatial_params)
    spectra = np.asarray(X)
    steps = [("scale", SpectralTransformer(StandardScaler()))]
    steps.append(("pca", SpectralPCA(min(_N_EDGE_FEATURES, *spectra.shape))))
    edges = Pipeline(steps).set_output(transform="default").fit(spectra)
    weights = {} if settings["weights"] == "auto" else {"weights": settings["weights"]}
    discriminant = None
    if settings["weights"] == "auto" or settings["weights"][-1]:
        discriminant = fit_discriminant(X, targets, sample_weights, n_classes)
    return Readout(
        restart=float(settings["restart"]),
        contrast=float(settings["contrast"]),
        agreement=float(settings["agreement"]),
        n_steps=int(settings["n_steps"]),
        edges=edges,
        scale=_usual_distance(X, edges),
        scenes=tuple(_fitted_scenes(X, targets, sample_weights)),
        discriminant=discriminant,
        **weights,
    )


def _fitted_scenes(
    X: PixelSamples, targets: NDArray[np.intp], weights: NDArray[np.float64]
) -> Iterator[FittedScene]:
    for scene, index in training_scenes(X):
        yield FittedScene(
            **vars(scene),
            targets=targets[index].astype(np.int64),
            weights=weights[index].astype(np.float64),
        )


def _usual_distance(X: PixelSamples, edges: Pipeline) -> float:
    here = edges.transform(np.asarray(X))
    # A neighbor that differs so much from all training spectra is broken: it would hide the edges
    # between all others.
    limit = _MAX_DEVIATION**2 * float(np.square(here).sum(axis=1).mean()) or np.inf
    total, count = 0.0, 0
    for number in np.unique(X.scene_ids):
        cube, chosen = X.cubes[number], X.scene_ids == number
        coords, features = X.coords[chosen], here[chosen]
        valid = valid_pixels(cube)
        for step in (*NEIGHBORS, *((-down, -right) for down, right in NEIGHBORS)):
            there = coords + step
            inside = ((there >= 0) & (there < cube.shape[:2])).all(axis=1)
            if valid is not None:
                inside[inside] = valid[tuple(there[inside].T)]
            spectra = np.asarray(pixels_of(cube, there[inside]))
            whole = finite_spectra(spectra)
            if whole.any():
                difference = edges.transform(spectra[whole]) - features[inside][whole]
                difference = difference[np.square(difference).sum(axis=1) <= limit]
                total += float(np.square(difference).sum())
                count += len(difference)
    return total / count if total > 0 else 1.0


def finite_spectra(spectra: NDArray[Any]) -> NDArray[np.bool_]:
    """Find the spectra that can be computed with.

    Shapes: `spectra` (n_spectra, n_bands); returns (n_spectra,).
    """
    usable = usable_values(spectra)
    return np.ones(len(spectra), dtype=bool) if usable is None else np.asarray(usable.all(axis=1))
