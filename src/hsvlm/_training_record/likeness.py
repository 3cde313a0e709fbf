"""Find differences from the training spectra that land cover does not explain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._training_record.summary import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hsvlm._training_record.summary import SpectraSummary

# All limits were set so that parts of five scenes (urban, fields, wetland, forest; 4 to 200 bands)
# pass against trainings in other parts.
MIN_SPECTRA = 20
_MAX_COMPARED = 300
_QUARTILES = slice(3, 6)  # of LEVELS: 25, 50 and 75 %
_MEDIAN = 4

# In powers of ten: water among fields reaches 1.5, but not by the same factor in all bands.
_LARGE_SCALE, _LARGE_SCALE_SPREAD = 1.7, 1.8
_SMALL_SCALE, _SMALL_SCALE_SPREAD = 0.7, 0.5
_MOST = 0.5  # of the bands
_MAX_OPPOSITE = 0.2

_MIN_SHAPED_BANDS = 4
# Between bands, in quartile distances within bands, of spectra of mean 0 and deviation 1.
_VARIED, _FLAT = 0.5, 0.2
_MATCHING = 0.6
_SURE = 0.95
_ROUGHER = 2.5


class Mismatch(NamedTuple):
    """A difference, worded for a message."""

    kind: str
    problem: str
    hint: str
    option_hint: str
    is_certain: bool = False


def compare_spectra(
    spectra: NDArray[Any], known: SpectraSummary, normalization: str | None
) -> Mismatch | None:
    """Compare spectra (n_spectra, n_bands) with those of the training.

    `normalization` is that of the classifier: "snv", "snv-brightness" or None.
    """
    spectra = _without_fill(spectra.astype(np.float64))
    if len(spectra) < MIN_SPECTRA or known.n_spectra < MIN_SPECTRA:
        return None
    if not np.ptp(spectra, axis=0).any():
        return _constant(spectra)
    quantiles = np.quantile(spectra, LEVELS, axis=0)
    shape = _shape_mismatch(spectra, quantiles, known)
    scale = _scale_mismatch(quantiles, known)
    if normalization != "snv":
        mismatch = scale or shape or _range_mismatch(quantiles, known)
        if normalization == "snv-brightness" and mismatch and mismatch.kind in ("scale", "range"):
            return _with_alternative(mismatch)
        return mismatch
    if shape is not None or scale is None or not (scale.is_certain or scale.kind == "negative"):
        return shape
    harmless = (
        "A factor or offset that all bands share has no effect, since the classifier normalizes "
        "each spectrum; anything else has."
    )
    return scale._replace(hint=harmless, option_hint=harmless, is_certain=False)


def _with_alternative(mismatch: Mismatch) -> Mismatch:
    """Name the normalization that removes differences in brightness."""
    reason = "for which a factor or offset that all bands share has no effect"
    return mismatch._replace(
        hint=f'{mismatch.hint} Or fit with normalize="snv", {reason}.',
        option_hint=f"{mismatch.option_hint} Or fit with --set normalize=snv, {reason}.",
    )


def _without_fill(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    # Borders without data are often 0 in all bands, and have a warning of their own.
    if spectra.shape[1] < 3 or not len(spectra):
        return spectra
    is_fill = np.ptp(spectra, axis=1) == 0
    return spectra if is_fill.all() else spectra[~is_fill]


def _constant(spectra: NDArray[np.float64]) -> Mismatch:
    return Mismatch(
        "constant",
        f"All {len(spectra):,} spectra that were looked at are equal, unlike those of the "
        "training.",
        "Check the no-data value and how the data were read.",
        "Check the file, and --nodata.",
    )


def _scale_mismatch(quantiles: NDArray[np.float64], known: SpectraSummary) -> Mismatch | None:
    """Detect unexpected negative values, or the same factor in all bands."""
    here, there = quantiles[_QUARTILES], known.quantiles[_QUARTILES]
    values = f"values from {_range(quantiles)} here, from {_range(known.quantiles)} there"
    if np.mean((quantiles[3] < 0) & (known.quantiles[2] > 0)) >= _MOST:
        return Mismatch(
            "negative",
            f"The spectra are negative where those of the training are positive ({values}): "
            "standardized data, or another calibration?",
            "Prepare the data as those of the training.",
            "Prepare the scene as the one of the training.",
        )
    same_sign = np.sign(here) * np.sign(there)
    # Where signs differ, no factor but an offset makes the difference.
    if np.mean(same_sign < 0) > _MAX_OPPOSITE or np.sum(same_sign > 0) <= here.shape[1]:
        return None
    here, there = here[same_sign > 0], there[same_sign > 0]
    factors = np.log10(np.abs(here)) - np.log10(np.abs(there))
    factor = float(np.median(factors))
    spread = float(np.subtract(*np.quantile(factors, [0.9, 0.1])))
    wider = np.median(np.ptp(quantiles[_QUARTILES], axis=0)) / max(
        np.median(np.ptp(known.quantiles[_QUARTILES], axis=0)), 1e-300
    )
    # Values that are larger and vary as before have an offset.
    if 0 < factor < _LARGE_SCALE and wider < 10 ** (factor / 2):
        return None
    is_certain = abs(factor) >= _LARGE_SCALE and spread < _LARGE_SCALE_SPREAD
    if not is_certain and not (abs(factor) >= _SMALL_SCALE and spread < _SMALL_SCALE_SPREAD):
        return None
    times = _rounded(10 ** abs(factor))
    size = f"about {times} times {'larger' if factor > 0 else 'smaller'}"
    sign = "/" if factor > 0 else "*"
    return Mismatch(
        "scale",
        f"The spectra are {size} than those of the training ({values}): another scale or unit?",
        "Bring the values to the scale of the training, such as by dataclasses.replace(scene, "
        f"cube=np.asarray(scene.cube) {sign} {times.replace(',', '')}).",
        "Convert the scene to the scale of the training scene, or train on a scene in this scale.",
        is_certain=is_certain,
    )


def _range_mismatch(quantiles: NDArray[np.float64], known: SpectraSummary) -> Mismatch | None:
    least, largest = known.quantiles[0], known.quantiles[-1]
    margin = (largest - least) / 2
    is_outside = (quantiles[3] > largest + margin) | (quantiles[5] < least - margin)
    if np.mean(is_outside) < _MOST:
        return None
    return Mismatch(
        "range",
        f"In {int(is_outside.sum())} of {len(is_outside)} bands, most values are far from all of "
        f"the training (from {_range(quantiles)} here, from {_range(known.quantiles)} there): "
        "another quantity, unit or offset, or land cover without training pixels.",
        "Compare units and processing; the classes mean little there.",
        "Compare units and processing; the classes mean little there.",
    )


def _shape_mismatch(
    spectra: NDArray[np.float64], quantiles: NDArray[np.float64], known: SpectraSummary
) -> Mismatch | None:
    """Detect bands in another order, or an axis that does not hold bands."""
    n_bands = spectra.shape[1]
    if n_bands < _MIN_SHAPED_BANDS or not quantiles.any():
        return None
    spectra = spectra[:: -(-len(spectra) // _MAX_COMPARED)]
    shapes, examples = _normalized(spectra), _normalized(known.examples.astype(np.float64))
    if _agreement(shapes, examples) >= _MATCHING:
        return None
    if _variation(examples) >= _VARIED and _variation(shapes) < _FLAT:
        return Mismatch(
            "flat",
            "All bands have the same distribution of values, unlike those of the training: the "
            "axes or the interleave of the cube may be confused.",
            "Check that the cube is (height, width, n_bands), and the interleave of its file.",
            "Check the interleave (bsq, bil, bip) and the size that the header states.",
        )
    return _order_mismatch(_denoised(shapes), examples)


def _order_mismatch(shapes: NDArray[np.float64], examples: NDArray[np.float64]) -> Mismatch | None:
    n_bands = shapes.shape[1]
    least, gain = (0.8, 0.3) if n_bands >= 16 else (0.85, 0.4) if n_bands >= 8 else (0.9, 0.5)
    hint = "Bring the bands into the order of the training; wavelengths let match_bands do it."
    option_hint = "Give both scenes wavelengths, so that bands are matched, or reorder the file."

    def mismatch(kind: str, how: str, better: float, agreement: float) -> Mismatch | None:
        if agreement >= _MATCHING or better < least or better - agreement < gain:
            return None
        problem = (
            f"The bands look {how}: so they agree with the training spectra (correlation "
            f"{better:.2f}), as they are they do not ({agreement:.2f})."
        )
        is_certain = kind == "reversed" and better >= _SURE and agreement <= 1 - _SURE + gain
        return Mismatch(kind, problem, hint, option_hint, is_certain=is_certain)

    # Noise matters less in wide steps, which are enough to see a direction.
    width = max(1, n_bands // 16)
    better = _agreement(shapes[:, ::-1], examples, width)
    result = mismatch("reversed", "reversed", better, _agreement(shapes, examples, width))
    if result is not None or n_bands < 8:
        return result
    agreement = _agreement(shapes, examples)
    for step in range(1, 2 + min(2, n_bands // 16)):
        better = max(
            _agreement(shapes[:, step:], examples[:, :-step]),
            _agreement(shapes[:, :-step], examples[:, step:]),
        )
        how = f"shifted by {step} band{'s' if step > 1 else ''}"
        if (result := mismatch("shifted", how, better, agreement)) is not None:
            return result
    ratio = _roughness(shapes) / max(_roughness(examples), 1e-12)
    if n_bands < 16 or ratio < _ROUGHER or agreement >= _MATCHING:
        return None
    problem = (
        f"From band to band, the spectra change {ratio:.1f} times as much as those of the "
        "training and do not resemble them: the bands may be in another order, or the axes of the "
        "cube confused."
    )
    return Mismatch("unordered", problem, hint, option_hint)


def _normalized(spectra: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale spectra to mean 0 and deviation 1; flat ones become 0."""
    centered = spectra - spectra.mean(axis=1, keepdims=True)
    deviation = centered.std(axis=1, keepdims=True)
    deviation[deviation == 0] = np.inf
    return np.asarray(centered / deviation)


def _denoised(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project spectra on the few components with most of their variation."""
    u, s, vt = np.linalg.svd(shapes, full_matrices=False)
    rank = min(len(s), max(3, shapes.shape[1] // 8), 8)
    return np.asarray((u[:, :rank] * s[:rank]) @ vt[:rank])


def _variation(shapes: NDArray[np.float64]) -> float:
    """Return the deviation of band medians, in quartile distances within bands."""
    low, median, high = np.quantile(shapes, (0.25, 0.5, 0.75), axis=0)
    return float(median.std() / max(np.median(high - low), 1e-12))


def _roughness(shapes: NDArray[np.float64]) -> float:
    """Return the mean step of the median spectrum between bands, in its deviations."""
    median = np.median(shapes, axis=0)
    return float(np.abs(np.diff(median)).mean() / max(median.std(), 1e-12))


def _agreement(shapes: NDArray[np.float64], examples: NDArray[np.float64], width: int = 1) -> float:
    """Return the median correlation with the best example, of spectra and of steps."""

    def correlations(change: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> Any:
        n_bands = change(shapes).shape[1]
        return _normalized(change(shapes)) @ _normalized(change(examples)).T / n_bands

    # Steps over `width` bands distinguish smooth spectra, the spectra themselves noisy ones.
    steps = correlations(lambda spectra: spectra[:, width:] - spectra[:, :-width])
    both = np.minimum(correlations(lambda spectra: spectra), steps)
    return float(np.median(both.max(axis=1)))


def _range(quantiles: NDArray[np.float64]) -> str:
    """Write the range of typical values, from the 1 % to the 99 % quantile."""
    return f"{quantiles[1].min():.4g} to {quantiles[-2].max():.4g}"


def _rounded(factor: float) -> str:
    """Write a factor as the nearest power of ten, or by its first digit."""
    power = round(float(np.log10(factor)))
    if abs(np.log10(factor) - power) < 0.25:
        return f"{10.0**power:,.0f}" if power < 16 else f"1e{power}"
    digit = float(f"{factor:.0e}")
    return f"{digit:,.0f}" if digit < 1e16 else f"{digit:.0e}"
