"""The map of a scene for a page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.lazy import read_rows, release_pages, row_blocks
from hsvlm._reports.map_view import MapClass, MapView, RankedProbabilities, ordinal
from hsvlm.io.areas import reference_system_name
from hsvlm.mapping._page_cube import read_cube_content
from hsvlm.mapping._predictor import normalized_entropy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

_MAX_PIXELS = 4_000_000
_N_OTHERS = 4  # classes with a probability, besides that of the map
_COLOR = re.compile("#[0-9a-fA-F]{6}")
_UNKNOWN_COLOR = "#808080"
_AGREES, _DIFFERS, _TRAINED = 1, 2, 3


class LegendEntry(NamedTuple):
    """A class as the legend shows it; `area` in words, or "" without a georeference."""

    name: str
    color: str
    pixels: int
    area: str
    prompts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class MapContent:
    """What a page shows of a map.

    `codes` and `reference` (height, width) are 0 for no data or no label, and else places of
    classes from 1 on; `trained` (n_pixels, 2) has rows and columns of training pixels;
    `probabilities` (height, width, n_classes) and `entropy` (height, width, 1) may be in files.
    """

    scene: Scene
    codes: NDArray[Any]
    legend: Sequence[LegendEntry]
    probabilities: Any = None
    entropy: Any = None
    reference: NDArray[Any] | None = None
    trained: NDArray[np.int64] | None = None


def map_view(content: MapContent) -> MapView:
    """Read all that a page shows of a map, in strips of rows."""
    scene, codes = content.scene, content.codes
    height, width = scene.shape
    step = max(1, int(np.ceil((height * width / _MAX_PIXELS) ** 0.5)))
    reference = content.reference
    labels = codes if reference is None else reference
    cube = read_cube_content(scene, codes, labels, len(content.legend), step)
    ranked, entropy = None, None
    if content.probabilities is not None:
        ranked, entropy = _read_probabilities(content.probabilities, codes, step)
    elif content.entropy is not None:
        entropy = _read_entropy(content.entropy, step)
    classes = [
        MapClass(
            entry.name,
            entry.color if _COLOR.fullmatch(entry.color) else _UNKNOWN_COLOR,
            entry.pixels,
            entry.area,
            entry.prompts,
            mean if np.isfinite(mean).any() else None,
        )
        for entry, mean in zip(content.legend, cube.means, strict=True)
    ]
    averaged = "the map shows" if reference is None else "the reference labels"
    note = f"{cube.spectra.note} Means of classes are over all pixels that {averaged} as the class."
    system = scene.transform and (scene.transform, reference_system_name(scene.crs))
    return MapView(
        np.ascontiguousarray(codes[::step, ::step]),
        classes,
        cube.image,
        scene.shape,
        image_note=cube.image_note,
        step=step,
        probabilities=ranked,
        entropy=entropy,
        reference=None if reference is None else np.ascontiguousarray(reference[::step, ::step]),
        agreement=None if reference is None else _agreement(content, reference)[::step, ::step],
        spectra=cube.spectra._replace(note=" ".join(note.split())),
        georeference=system or None,
        notes=_notes(content, cube.image_note, step),
    )


def _notes(content: MapContent, image_note: str, step: int) -> list[str]:
    notes = [image_note]
    height, width = content.scene.shape
    if step > 1:
        notes.insert(
            0,
            f"The map has {height:,} x {width:,} pixels. This page shows every {ordinal(step)} row "
            "and column of it; counts and areas are those of all pixels.",
        )
    if content.probabilities is None:
        notes.append("Probabilities were not kept when the map was made, so none are shown.")
    return notes


def _agreement(content: MapContent, reference: NDArray[Any]) -> NDArray[np.uint8]:
    agreement = np.where(content.codes == reference, _AGREES, _DIFFERS).astype(np.uint8)
    if content.trained is not None and len(content.trained):
        agreement[tuple(content.trained.T)] = _TRAINED
    agreement[(reference == 0) | (content.codes == 0)] = 0
    return agreement


def _read_probabilities(
    probabilities: Any, codes: NDArray[Any], step: int
) -> tuple[RankedProbabilities, NDArray[np.uint8]]:
    """Read the probability of the class of the map and of the next ones, and the entropy."""
    n_others = min(_N_OTHERS, probabilities.shape[2] - 1)
    confidences, others, values, entropies = [], [], [], []
    for start, stop in row_blocks(probabilities.shape):
        rows = read_rows(probabilities, start, stop)[-start % step :: step, ::step]
        release_pages(probabilities)
        shape = rows.shape[:2]
        spread = np.nan_to_num(rows.reshape(-1, rows.shape[2]).astype(np.float32))
        places = codes[start:stop][-start % step :: step, ::step].ravel().astype(np.intp) - 1
        entropies.append(_levels(normalized_entropy(spread)).reshape(shape))
        has_data = places >= 0
        first = places.clip(0)[:, None]
        confidence = np.take_along_axis(spread, first, axis=1)[:, 0]
        np.put_along_axis(spread, first, -1, axis=1)
        order = np.argsort(-spread, axis=1, kind="stable")[:, :n_others]
        ranked = np.take_along_axis(spread, order, axis=1)
        order[~has_data] = -1
        confidences.append(_levels(confidence * has_data).reshape(shape))
        others.append((order + 1).T.reshape(n_others, *shape))
        values.append(_levels(ranked).T.reshape(n_others, *shape))
    ranks = RankedProbabilities(
        np.concatenate(confidences),
        np.concatenate(others, axis=1).astype(codes.dtype),
        np.concatenate(values, axis=1),
    )
    return ranks, np.concatenate(entropies)


def _read_entropy(entropy: Any, step: int) -> NDArray[np.uint8]:
    parts = [
        _levels(np.nan_to_num(read_rows(entropy, start, stop)[-start % step :: step, ::step, 0]))
        for start, stop in row_blocks(entropy.shape)
    ]
    return np.concatenate(parts)


def _levels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn values in [0, 1] into whole numbers from 0 to 255."""
    return np.asarray(np.rint(255 * values.clip(0, 1)), dtype=np.uint8)
