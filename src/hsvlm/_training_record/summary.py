"""Summarize many spectra by a few numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
MAX_SPECTRA = 2000
# A few spectra of each class; 200 bands take 19 kB.
MAX_EXAMPLES = 24
_MAX_AVERAGED = 20


@dataclass(frozen=True, eq=False)
class SpectraSummary:
    """Quantiles of spectra per band, in the scale of the data, and some of the spectra.

    Shapes: `quantiles` (9, n_bands), `examples` (n_examples, n_bands).
    """

    n_spectra: int
    quantiles: NDArray[np.float64]
    examples: NDArray[np.float32]

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.quantiles.shape[1])

    @property
    def value_range(self) -> tuple[float, float]:
        """Least and largest value of all bands."""
        return float(self.quantiles[0].min()), float(self.quantiles[-1].max())


def spread_evenly(n_items: int, n_chosen: int) -> NDArray[np.intp]:
    """Choose indices that are spread evenly over ``range(n_items)``."""
    n_chosen = min(n_items, n_chosen)
    return np.unique(np.linspace(0, n_items - 1, n_chosen).astype(np.intp))


def summarize_spectra(spectra: NDArray[Any], targets: NDArray[np.intp]) -> SpectraSummary:
    """Describe spectra (n, n_bands) with class indices `targets`."""
    values = spectra[spread_evenly(len(spectra), MAX_SPECTRA)].astype(np.float64)
    classes = np.unique(targets)
    per_class = max(1, MAX_EXAMPLES // len(classes))
    # Means have less noise than single spectra.
    groups = [
        group[spread_evenly(len(group), _MAX_AVERAGED)]
        for label in classes[spread_evenly(len(classes), MAX_EXAMPLES)]
        for group in np.array_split(np.flatnonzero(targets == label), per_class)
        if len(group)
    ]
    examples = np.stack([spectra[group].mean(axis=0, dtype=np.float64) for group in groups])
    quantiles = np.quantile(values, LEVELS, axis=0)
    return SpectraSummary(len(spectra), quantiles, examples.astype(np.float32))
