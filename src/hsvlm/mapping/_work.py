"""What is gathered from block to block, and how it is kept in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Layer", "MemoryWork", "Tally"]


class Layer(NamedTuple):
    """One of the results: a map or raster."""

    name: str
    dtype: np.dtype[Any]
    bands: int
    fill: float


@dataclass
class Tally:
    """How far the work is, and what was counted on the way."""

    blocks: int
    positions: int
    counts: list[int]
    confidence: list[float]

    @classmethod
    def empty(cls, n_classes: int) -> Self:
        """Nothing is done yet."""
        return cls(0, 0, [0] * n_classes, [0.0] * n_classes)

    def after(
        self, stop: int, classes: NDArray[np.intp], confidence: NDArray[np.float32] | None
    ) -> Tally:
        """Count one more block."""
        n_classes = len(self.counts)
        counts = np.bincount(classes, minlength=n_classes).tolist()
        sums = [0.0] * n_classes
        if confidence is not None:
            sums = np.bincount(classes, weights=confidence, minlength=n_classes).tolist()
        return Tally(
            self.blocks + 1,
            stop,
            [one + other for one, other in zip(self.counts, counts, strict=True)],
            [one + other for one, other in zip(self.confidence, sums, strict=True)],
        )

    def means(self) -> list[float]:
        """Mean confidence in every class; NaN for those without pixels."""
        return [
            total / count if count else float("nan")
            for total, count in zip(self.confidence, self.counts, strict=True)
        ]


class MemoryWork:
    """Results in arrays."""

    def __init__(self, layers: Sequence[Layer], shape: tuple[int, int], n_classes: int) -> None:
        self.tally = Tally.empty(n_classes)
        self._arrays = {
            one.name: np.full((*shape, one.bands), one.fill, dtype=one.dtype) for one in layers
        }

    def add(
        self, tally: Tally, positions: NDArray[np.intp], values: Mapping[str, NDArray[Any]]
    ) -> None:
        """Take the results of one block.

        Shapes: `positions` (n_pixels,), `values` (n_pixels, bands).
        """
        for name, array in self._arrays.items():
            array.reshape(-1, array.shape[2])[positions] = values[name]
        self.tally = tally

    def result(self, name: str) -> NDArray[Any]:
        """Give the results of one layer: an array of shape (height, width, bands)."""
        return self._arrays[name]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass
