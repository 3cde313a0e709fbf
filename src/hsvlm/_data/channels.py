"""What is known of the channels of a cube: wavelengths, sources, and how far values look."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hsvlm._data.sources import SourceDetails, agreed_details, agreed_sources
from hsvlm._data.wavelengths import agreed_wavelengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Channels"]


@dataclass(frozen=True, eq=False)
class Channels:
    """Wavelengths (n_channels,) in nm, sources by name, and the reach of values in pixels."""

    wavelengths_nm: NDArray[np.float64] | None = None
    sources: dict[str, slice] | None = None
    reach: int = 0
    details: dict[str, SourceDetails] = field(default_factory=dict)

    @staticmethod
    def joined(parts: Sequence[Channels]) -> Channels:
        """Join what is known of several scenes; raise if it differs."""
        return Channels(
            agreed_wavelengths([part.wavelengths_nm for part in parts]),
            agreed_sources([part.sources for part in parts]),
            max(part.reach for part in parts),
            agreed_details([part.details for part in parts]),
        )
