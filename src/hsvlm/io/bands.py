"""Scenes whose bands are those that a classifier was trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import MappedCube
from hsvlm._data.stacked import source_rasters
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.io._notes import listed, warn_caller

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from hsvlm.scene import Scene

_SHOWN = 3


def match_bands(
    scene: Scene,
    wavelengths_nm: ArrayLike,
    *,
    tolerance_nm: float | None = None,
    resample: bool = False,
) -> Scene:
    """Give a scene the bands of another one, told by their wavelengths.

    Every wavelength wanted gets the nearest band, and no band serves twice: where several
    wavelengths compete for one, the sum of all differences is made as small as it can be. Bad
    bands of the scene are never used.

    Parameters
    ----------
    scene : Scene
        Has wavelengths, which need not rise from band to band.
    wavelengths_nm : array-like of shape (n_wanted,)
        Band centers wanted, in nanometers and in the order wanted.
    tolerance_nm : float, default=None
        How far a band may lie from the wavelength wanted, in nanometers. None: half of the median
        step between the wavelengths wanted, 0 for a single one.
    resample : bool, default=False
        Interpolate linearly between the two bands around each wavelength wanted, however far these
        are apart, where the spectra are read. Beyond the first and the last band nothing is
        extrapolated: within the tolerance their values are taken.

    Returns
    -------
    Scene
        The scene itself if it has these very bands. Otherwise its bands are selected, and its
        wavelengths are those of the bands taken; or, with ``resample=True``, they are those wanted
        and the cube is float32, or float64 if that is needed to hold its values.

    Raises
    ------
    DataError
        If the scene has no wavelengths, or no band for one that is wanted.
    ParameterError
        If the wavelengths wanted are not positive numbers, or the tolerance is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Scene
    >>> from hsvlm.io import match_bands
    >>> scene = Scene(np.zeros((2, 2, 4)), wavelengths_nm=[450, 550, 650, 750])
    >>> match_bands(scene, [652, 449], tolerance_nm=5).wavelengths_nm
    array([650., 450.])
    >>> match_bands(scene, [500, 600], resample=True).wavelengths_nm
    array([500., 600.])
    """
    wanted = _checked(wavelengths_nm)
    if scene.wavelengths_nm is None:
        raise DataError(
            f"The scene has no wavelengths, so its {scene.n_bands} bands cannot be matched with "
            f"the {len(wanted)} wanted.",
            "Look them up in the documents of its instrument and add them: "
            "dataclasses.replace(scene, wavelengths_nm=...).",
            option_hint="Look them up in the documents of its instrument and add them to its file.",
        )
    good = np.ones(scene.n_bands, bool) if scene.bad_bands is None else ~scene.bad_bands
    # Bands without a known center are marked by NaN or 0 in files.
    usable = np.flatnonzero(good & np.isfinite(scene.wavelengths_nm) & (scene.wavelengths_nm > 0))
    if len(usable) == scene.n_bands and np.array_equal(scene.wavelengths_nm, wanted):
        return scene
    if not usable.size:
        raise DataError(
            f"None of the {scene.n_bands} bands of the scene can be matched: all are bad bands or "
            "have no wavelength.",
            "If they hold data all the same, pass dataclasses.replace(scene, bad_bands=None).",
            option_hint="If they hold data all the same, remove the list of bad bands in the file.",
        )
    tolerance = _tolerance(wanted, tolerance_nm)
    centers = scene.wavelengths_nm[usable]
    if resample:
        return _resampled(scene, wanted, usable, centers, tolerance)
    taken = _assigned(wanted, centers, tolerance)
    if (taken < 0).any():
        raise DataError(
            _unmatched(wanted, centers, taken, tolerance, scene),
            "Pass resample=True to interpolate between its bands, or a larger tolerance_nm.",
            option_hint='Give "predict" --resample to interpolate between its bands, or train '
            "without them: --exclude.",
        )
    bands = usable[taken]
    if np.array_equal(bands, np.arange(scene.n_bands)):
        return scene
    return scene.select_bands(bands)


def match_or_warn(scene: Scene, trained_on: ArrayLike | None, *, resample: bool = False) -> Scene:
    """Match the bands of a scene with those of a model, or warn that they cannot be compared."""
    if scene.sources is not None and len(scene.sources) > 1:
        return _match_spectra(scene, trained_on, resample=resample)
    here = scene.wavelengths_nm
    there = None if trained_on is None else np.asarray(trained_on, dtype=np.float64)
    if here is None and there is None:
        return scene
    if here is not None and there is not None:
        known = np.isfinite(there) & (there > 0)
        if known.all():
            return match_bands(scene, there, resample=resample)
        if there.shape == here.shape and np.array_equal(there[known], here[known]):
            return scene
    lacking = "the scene" if here is None else "the model"
    part = "" if here is None or there is None else " of some bands"
    warn_caller(
        f"The wavelengths{part} are not known of {lacking}, so nothing tells whether the bands of "
        f"{scene.name or 'the scene'} are those of the training, in the same order.",
        "Compare them yourself, or add the wavelengths: "
        "dataclasses.replace(scene, wavelengths_nm=...).",
        "Compare them yourself, or add the wavelengths to the file.",
    )
    return scene


def _match_spectra(scene: Scene, trained_on: ArrayLike | None, *, resample: bool) -> Scene:
    """Match the first source of a stack: only spectra have wavelengths."""
    first, *others = scene.sources or {}
    spectra = replace(scene.select_sources([first]), sources=None)
    if trained_on is not None:
        centers = np.asarray(trained_on, dtype=np.float64)
        n_others = scene.n_bands - spectra.n_bands
        trained_on = centers[: max(0, len(centers) - n_others)]
    matched = match_or_warn(spectra, trained_on, resample=resample)
    if matched is spectra:
        return scene
    return replace(matched, auxiliary=source_rasters(scene, others))


def _checked(wavelengths_nm: ArrayLike) -> NDArray[np.float64]:
    wanted = np.asarray(wavelengths_nm, dtype=np.float64)
    if wanted.ndim != 1 or not wanted.size or not (np.isfinite(wanted) & (wanted > 0)).all():
        raise ParameterError(
            "wavelengths_nm must be a list of positive numbers, in nanometers, got "
            f"{np.array2string(wanted, threshold=6)}."
        )
    return wanted


def _tolerance(wanted: NDArray[np.float64], tolerance_nm: float | None) -> float:
    if tolerance_nm is None:
        return float(np.median(np.abs(np.diff(wanted)))) / 2 if len(wanted) > 1 else 0.0
    if not tolerance_nm > 0:
        raise ParameterError(
            f"tolerance_nm={tolerance_nm!r} is not positive. Pass a distance in nanometers."
        )
    return float(tolerance_nm)


def _assigned(
    wanted: NDArray[np.float64], centers: NDArray[np.float64], tolerance: float
) -> NDArray[np.intp]:
    from scipy.optimize import linear_sum_assignment

    away = np.abs(wanted[:, np.newaxis] - centers)
    # A pair that is too far apart costs more than all others can: as few as possible are made.
    forbidden = (tolerance + 1) * (len(wanted) + 1)
    rows, columns = linear_sum_assignment(np.where(away <= tolerance, away, forbidden))
    fits = away[rows, columns] <= tolerance
    rows, columns = rows[fits], columns[fits]
    taken = np.full(len(wanted), -1, dtype=np.intp)
    # The same bands in rising order are as near, and equal wavelengths keep the order of bands.
    rows = rows[np.lexsort([rows, wanted[rows]])]
    taken[rows] = columns[np.lexsort([columns, centers[columns]])]
    return taken


def _unmatched(
    wanted: NDArray[np.float64],
    centers: NDArray[np.float64],
    taken: NDArray[np.intp],
    tolerance: float,
    scene: Scene,
) -> str:
    missing = wanted[taken < 0]
    examples = []
    for wavelength in missing:
        nearest = centers[np.abs(centers - wavelength).argmin()]
        serves = ", which serves another" if abs(nearest - wavelength) <= tolerance else ""
        examples.append(f"{wavelength:.2f} nm (nearest {nearest:.2f} nm{serves})")
    n_left_out = scene.n_bands - len(centers)
    left_out = f" Bands left out as bad or without a wavelength: {n_left_out}." * bool(n_left_out)
    return (
        f"The scene has no band within {tolerance:.2f} nm for {len(missing)} of the {len(wanted)} "
        f"wavelengths wanted: {listed(examples, _SHOWN)}.{left_out}"
    )


def _resampled(
    scene: Scene,
    wanted: NDArray[np.float64],
    usable: NDArray[np.intp],
    centers: NDArray[np.float64],
    tolerance: float,
) -> Scene:
    if scene.scale is not None and (scene.scale != scene.scale[0]).any():
        raise DataError(
            (
                "Bands of the scene have different factors or offsets (Scene.scale), so values "
                "between "
                "two bands cannot be interpolated."
            ),
            "Apply them to the cube first, or pass resample=False.",
        )
    rising = np.argsort(centers, kind="stable")
    bands, centers = usable[rising], centers[rising]
    beyond = wanted[(wanted < centers[0] - tolerance) | (wanted > centers[-1] + tolerance)]
    if beyond.size:
        low, high = beyond.min(), beyond.max()
        raise DataError(
            f"The scene has bands from {centers[0]:.2f} to {centers[-1]:.2f} nm, and "
            f"{len(beyond)} of the {len(wanted)} wavelengths wanted lie beyond these by more than "
            f"{tolerance:.2f} nm, from {low:.2f} to {high:.2f} nm. Values are not extrapolated:",
            "train without these bands, or pass a larger tolerance_nm.",
            option_hint='train without these bands: "fit" with --exclude '
            f"{np.floor(low):.0f}:{np.ceil(high + 1e-9):.0f}.",
        )
    interpolation = _Interpolation(scene.cube.dtype, bands, centers, wanted)
    return replace(
        scene,
        cube=MappedCube(scene.cube, interpolation),
        wavelengths_nm=wanted,
        bad_bands=None,
        band_names=(),
        scale=None if scene.scale is None else np.tile(scene.scale[0], (len(wanted), 1)),
    )


class _Interpolation:
    """Linear between neighboring bands; a class, so that scenes can be pickled."""

    def __init__(
        self,
        dtype: np.dtype[Any],
        bands: NDArray[np.intp],
        centers: NDArray[np.float64],
        wanted: NDArray[np.float64],
    ) -> None:
        self._dtype = np.result_type(dtype, np.float32)
        low = np.clip(np.searchsorted(centers, wanted, side="right") - 1, 0, len(bands) - 1)
        high = np.minimum(low + 1, len(bands) - 1)
        step = np.where(high > low, centers[high] - centers[low], 1)
        share = np.clip((wanted - centers[low]) / step, 0, 1)
        # Without a share in it, not even the NaN of the next band is felt.
        self._low, self._high = bands[low], bands[np.where(share > 0, high, low)]
        self._share = share.astype(self._dtype)

    def __call__(self, spectra: NDArray[Any]) -> NDArray[Any]:
        low = spectra[:, self._low].astype(self._dtype)
        values: NDArray[Any] = low + (spectra[:, self._high] - low) * self._share
        return values
