"""Named groups of channels: the sources that were stacked into one cube."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from hsvlm._data.arrays import is_whole_number
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "SPECTRA",
    "SourceDetails",
    "agreed_details",
    "agreed_sources",
    "checked_sources",
    "describe_details",
    "describe_sources",
    "selected_sources",
    "source_sizes",
    "source_slices",
]

# The name of the first source of every scene.
SPECTRA = "spectra"


@dataclass(frozen=True)
class SourceDetails:
    """What is known of the values of a source; see :class:`hsvlm.Raster`."""

    unit: str = ""
    resampling: str = ""
    ratio: int = 1


def source_slices(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Return the channels of sources that follow each other, from their numbers of channels."""
    slices, start = {}, 0
    for name, size in sizes.items():
        slices[name] = slice(start, start + size)
        start += size
    return slices


def source_sizes(sources: Mapping[str, slice]) -> dict[str, int]:
    """Return the number of channels of each source."""
    return {name: channels.stop - channels.start for name, channels in sources.items()}


def checked_sources(sources: Any, n_channels: int) -> dict[str, slice]:
    """Refuse sources that do not follow each other over all channels."""
    allowed = f"Give {{name: slice(start, stop)}}, in order, for all {n_channels} channels."
    try:
        items = {str(name): channels for name, channels in sources.items()}
        ends = [0, *(end for one in items.values() for end in (one.start, one.stop)), n_channels]
    except AttributeError:
        raise DataError(f"sources={sources!r} is not a dict of slices. {allowed}") from None
    if not all(map(is_whole_number, ends)):
        raise DataError(f"sources={sources!r} holds slices without a start or stop. {allowed}")
    joined = all(end == start for end, start in zip(ends[::2], ends[1::2], strict=True))
    if not items or not joined or any(one.start >= one.stop for one in items.values()):
        raise DataError(f"sources={sources!r} leaves out channels or names some twice. {allowed}")
    return items


def selected_sources(
    bands: NDArray[np.intp], sources: Mapping[str, slice]
) -> dict[str, slice] | None:
    """Return the sources of selected bands, (n_bands,); None if those of a source are apart."""
    owner = [name for name, size in source_sizes(sources).items() for _ in range(size)]
    names = [owner[band] for band in bands]
    runs = [name for name, _ in groupby(names)]
    return source_slices(Counter(names)) if len(set(runs)) == len(runs) else None


def describe_sources(sources: Mapping[str, int] | None) -> str:
    """Name sources with their numbers of channels."""
    if sources is None or list(sources) == [SPECTRA]:
        return "spectra alone"
    return ", ".join(
        f"{name!r} ({size} channel{'s'[: size > 1]})" for name, size in sources.items()
    )


def agreed_sources(parts: Sequence[Mapping[str, slice] | None]) -> dict[str, slice] | None:
    """Return the sources of joined samples; raise if they differ."""
    sizes = [None if part is None else source_sizes(part) for part in parts]
    for first, second in pairwise(sizes):
        if (first and list(first.items())) != (second and list(second.items())):
            raise DataError(
                "The samples come from scenes with different sources: "
                f"{describe_sources(first)}; {describe_sources(second)}.",
                "Give all scenes the same sources, in the same order.",
            )
    return dict(parts[0]) if parts and parts[0] is not None else None


def agreed_details(parts: Sequence[Mapping[str, SourceDetails]]) -> dict[str, SourceDetails]:
    """Return what is known of the sources of joined samples, where all agree."""
    names = [name for name in parts[0] if all(name in part for part in parts)] if parts else []
    agreed = {}
    for name in names:
        rows = [asdict(part[name]) for part in parts]
        same = {key: value for key, value in rows[0].items() if all(r[key] == value for r in rows)}
        agreed[name] = SourceDetails(**same)
    return agreed


def describe_details(details: Mapping[str, SourceDetails]) -> list[str]:
    """Write a line for each source, with what is known of it."""
    lines = []
    for name, source in details.items():
        words = [
            f"unit {source.unit}" if source.unit else "unit unknown",
            f"resampling {source.resampling}" if source.resampling else "not resampled",
            f"ratio {source.ratio}",
        ]
        lines.append(f"{name!r}: {', '.join(words)}")
    return lines
