"""Choice of bands by wavelength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import typer

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hsvlm.scene import Scene


def parse_ranges(texts: Sequence[str] | None) -> list[tuple[float, float]]:
    """Read ranges such as ``400:2450``; one end may be left out."""
    return [_parse_range(part.strip()) for text in texts or () for part in text.split(",")]


def _parse_range(text: str) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        ends = float(low or 0), float(high or "inf")
    except ValueError:
        ends = (np.nan, np.nan)
    if not colon or text == ":" or not 0 <= ends[0] < ends[1]:
        raise typer.BadParameter(
            f"{text!r} is not a range. Write two wavelengths in nanometres, such as 400:2450."
        )
    return ends


def choose_bands(
    scene: Scene, wavelengths: Sequence[str] | None, exclude: Sequence[str] | None
) -> Scene:
    """Keep the bands of a scene that the options choose and the file does not mark as bad."""
    keep = np.ones(scene.n_bands, dtype=bool)
    if scene.bad_bands is not None:
        keep &= ~scene.bad_bands
    kept, excluded = parse_ranges(wavelengths), parse_ranges(exclude)
    if kept or excluded:
        centers = scene.wavelengths_nm
        if centers is None or not (centers > 0).any():
            raise DataError(
                f"The wavelengths of {scene.name!r} are unknown, and --wavelengths and --exclude "
                "need them. Add them to the file, for example to its ENVI header."
            )
        if kept:
            keep &= _inside(centers, kept)
        keep &= ~_inside(centers, excluded)
        if not keep.any():
            known = centers[centers > 0]
            raise DataError(
                f"--wavelengths and --exclude leave no usable band of {scene.name!r}, whose bands "
                f"lie between {known.min():.1f} and {known.max():.1f} nm. Give other ranges."
            )
    return scene if keep.all() else scene.select_bands(keep)


def _inside(centers: np.ndarray, ranges: list[tuple[float, float]]) -> np.ndarray:
    inside = np.zeros(len(centers), dtype=bool)
    for low, high in ranges:
        inside |= (centers >= low) & (centers <= high)
    return inside
