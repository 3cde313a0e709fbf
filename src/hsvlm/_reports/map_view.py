"""A map to look around in: layers, a legend, and what is known of a pixel."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._reports.escaping import html_text, json_data
from hsvlm._reports.libraries import LEAFLET, MAP, UPLOT
from hsvlm._reports.packing import pack, pack_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm._reports.packing import Block
    from hsvlm._reports.spectra import Components

__all__ = [
    "MAX_SPECTRA_BYTES",
    "MapClass",
    "MapView",
    "MappedSpectra",
    "RankedProbabilities",
    "ordinal",
]

# Bytes of text in the page. Together with the scripts, they stay below 20 MB.
_MAX_BYTES = 18_500_000
_SHARES = {
    "reference": 1_500_000,
    "confidence": 4_000_000,
    "spectra": 5_000_000,
    "entropy": 2_000_000,
    "ranks": 2_500_000,
}
_MAX_IMAGE_BYTES = 2_500_000
MAX_SPECTRA_BYTES = 9_000_000


class MapClass(NamedTuple):
    """A class in the legend: name, color as "#rrggbb", pixels, area in words, prompts, and mean.

    `mean` has shape (n_bands,); None without pixels to average.
    """

    name: str
    color: str
    pixels: int
    area: str
    prompts: tuple[str, ...]
    mean: NDArray[np.float64] | None


class RankedProbabilities(NamedTuple):
    """Probability of the class of the map, and the most probable other classes.

    Shapes: `confidence` (height, width), `codes` and `values` (n_ranks, height, width).
    Probabilities are whole numbers from 0 to 255.
    """

    confidence: NDArray[np.uint8]
    codes: NDArray[Any]
    values: NDArray[np.uint8]


class MappedSpectra(NamedTuple):
    """Spectra of pixels: of all (n_bands, height, width), or as scores on a coarser grid.

    `x` (n_bands,) has wavelengths in nm or band numbers in ascending order, `note` tells how exact
    spectra are, and of what the means of classes were taken.
    """

    values: NDArray[Any]
    components: Components | None
    step: int
    x: NDArray[np.float64]
    x_label: str
    y_label: str
    note: str


@dataclass(frozen=True, eq=False)
class MapView:
    """A map with layers that readers choose among, and a panel on the pixel they choose.

    Codes are 0 for no data and 1, 2, ... for classes, in the order of `classes`. All rasters have
    the grid of `codes` (height, width), of which a pixel stands for `step` x `step` pixels of the
    scene. `agreement` is 1 where map and reference agree, 2 where they do not, and 3 for training
    pixels. `georeference` holds six affine coefficients of the scene, and the name of its
    reference system.
    """

    codes: NDArray[Any]
    classes: Sequence[MapClass]
    image: NDArray[np.uint8]
    shape: tuple[int, int]
    image_note: str = ""
    step: int = 1
    probabilities: RankedProbabilities | None = None
    entropy: NDArray[np.uint8] | None = None
    reference: NDArray[Any] | None = None
    agreement: NDArray[np.uint8] | None = None
    spectra: MappedSpectra | None = None
    georeference: tuple[tuple[float, ...], str] | None = None
    notes: Sequence[str] = field(default_factory=tuple)

    libraries = (LEAFLET, UPLOT, MAP)

    def to_html(self, identifier: str) -> str:
        """See :class:`hsvlm._reports.page.Part`."""
        image = pack_image(self.image, _MAX_IMAGE_BYTES)
        blocks = self._blocks(_MAX_BYTES - len(image))
        settings = self._settings()
        settings["blocks"] = {name: block.describe() for name, block in blocks.items()}
        scripts = "".join(
            f'<script type="application/octet-stream" data-block="{name}-{place}">{text}</script>\n'
            for name, block in blocks.items()
            for place, text in enumerate(block.data)
        )
        notes = "".join(f"<li>{html_text(note)}</li>" for note in [*self.notes, *_notes(blocks)])
        return (
            f'<div class="map-view" id="{identifier}">\n'
            f'<script type="application/json" data-settings>{json_data(settings)}</script>\n'
            f'{scripts}<img hidden alt="" data-image src="data:image/png;base64,{image}">\n'
            "<noscript><p>The map needs JavaScript, which this browser does not run.</p></noscript>"
            f'</div>\n<ul class="notes">{notes}</ul>'
        )

    def _blocks(self, n_bytes: int) -> dict[str, Block]:
        """Compress all rasters within a number of bytes."""
        rasters: dict[str, Sequence[NDArray[Any]]] = {"codes": [self.codes[None]]}
        if self.reference is not None and self.agreement is not None:
            rasters["reference"] = [self.reference[None], self.agreement[None]]
        if self.probabilities is not None:
            rasters["confidence"] = [self.probabilities.confidence[None]]
        if self.spectra is not None:
            rasters["spectra"] = [self.spectra.values]
        if self.entropy is not None:
            rasters["entropy"] = [self.entropy[None]]
        if self.probabilities is not None and len(self.probabilities.codes):
            rasters["ranks"] = [self.probabilities.codes, self.probabilities.values]
        blocks = {}
        for name, arrays in rasters.items():
            # The first is never thinned: its grid is that of the map.
            share = n_bytes if name == "codes" else min(_SHARES[name], n_bytes)
            if name == "spectra" and self.spectra and self.spectra.components is None:
                share = MAX_SPECTRA_BYTES
            blocks[name] = pack(arrays, share)
            n_bytes -= blocks[name].n_bytes
        return blocks

    def _settings(self) -> dict[str, Any]:
        """Collect all small values for the script."""
        height, width = self.codes.shape
        settings: dict[str, Any] = {
            "height": height,
            "width": width,
            "step": self.step,
            "shape": list(self.shape),
            "imageNote": self.image_note,
            "classes": [
                {**entry._asdict(), "mean": None if entry.mean is None else _numbers(entry.mean)}
                for entry in self.classes
            ],
        }
        if self.georeference is not None:
            transform, crs = self.georeference
            settings["transform"], settings["crs"] = list(transform), crs
        if self.spectra is not None:
            settings["spectra"] = _spectra_settings(self.spectra)
        return settings


def _spectra_settings(spectra: MappedSpectra) -> dict[str, Any]:
    settings = {
        "x": _numbers(spectra.x),
        "xLabel": spectra.x_label,
        "yLabel": spectra.y_label,
        "step": spectra.step,
        "note": spectra.note,
        "components": None,
    }
    if spectra.components is not None:
        values = spectra.components._asdict().items()
        settings["components"] = {name: _numbers(array) for name, array in values}
    return settings


def _notes(blocks: dict[str, Block]) -> list[str]:
    """Say which rasters are stored for some of the pixels only."""
    names = {
        "reference": "The reference is",
        "confidence": "The probability of the class of the map is",
        "entropy": "The entropy is",
        "ranks": "The probabilities of other classes are",
    }
    return [
        f"{names[name]} stored for every {ordinal(block.step)} row and column of this map."
        for name, block in blocks.items()
        if name in names and block.step > 1
    ]


def ordinal(number: int) -> str:
    """Write 2 as "2nd"."""
    last = 0 if 10 < number % 100 < 20 else number % 10
    return str(number) + {1: "st", 2: "nd", 3: "rd"}.get(last, "th")


def _numbers(values: NDArray[Any]) -> list[Any]:
    """Round to six digits; None stands for values that are not finite."""
    if values.ndim > 1:
        return [_numbers(row) for row in values]
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]
