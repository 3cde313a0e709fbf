"""Whether bands of several data sets have the same wavelengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["agreed_wavelengths", "describe_shift"]

_ROUNDING_NM = 0.01


def describe_shift(first: ArrayLike, second: ArrayLike) -> str | None:
    """Say how the band centers, (n_bands,) in nm, of two data sets differ; None if they agree."""
    # The centers of one instrument differ a little from flight to flight: where scenes are matched,
    # too, a band is the same up to half of the median step.
    here, there = (np.asarray(centers, dtype=np.float64) for centers in (first, second))
    if here.shape != there.shape:
        return f"there are {here.size} and {there.size} bands"
    known = np.isfinite(here) & np.isfinite(there) & (here > 0) & (there > 0)
    away = np.where(known, np.abs(here - there), 0)
    steps = np.abs(np.diff(here[known]))
    tolerance = max(float(np.median(steps)) / 2 if steps.size else 0.0, _ROUNDING_NM)
    if away.max(initial=0) <= tolerance:
        return None
    band = int(away.argmax())
    return f"band {band} lies at {here[band]:.2f} nm in one and at {there[band]:.2f} nm in another"


def agreed_wavelengths(
    parts: Sequence[NDArray[np.float64] | None],
) -> NDArray[np.float64] | None:
    """Return the band centers of joined samples; None if some are unknown, an error if they differ.

    Shapes: each part (n_bands,).
    """
    known = [centers for centers in parts if centers is not None]
    for centers in known[1:]:
        shift = describe_shift(known[0], centers)
        if shift is not None:
            raise DataError(
                f"The samples come from scenes with different bands: {shift}.",
                "Give all scenes the bands of the first: hsvlm.io.match_bands(scene, "
                "first.wavelengths_nm).",
            )
    return known[0] if len(known) == len(parts) else None
