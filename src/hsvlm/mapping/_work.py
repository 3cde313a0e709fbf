"""Results and counts that grow block by block, with the results in memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray


class Layer(NamedTuple):
    """One of the results: a map or raster."""

    name: str
    dtype: np.dtype[Any]
    bands: int
    fill: float


@dataclass
class Tally:
    """Progress of the work, with the pixels and the sum of confidences of each class."""

    blocks: int
    positions: int
    counts: list[int]
    confidence: list[float]

    @classmethod
    def empty(cls, n_classes: int) -> Self:
        """Make the tally of work that has not begun."""
        return cls(0, 0, [0] * n_classes, [0.0] * n_classes)

    def add_block(
        self, stop: int, classes: NDArray[np.intp], confidence: NDArray[np.float32] | None
    ) -> Tally:
        """Return the tally after one more block, which ends at position `stop`."""
        n_classes = len(self.counts)
        counts = np.bincount(classes, minlength=n_classes).tolist()
        sums = [0.0] * n_classes
        if confidence is not None:
            sums = np.bincount(classes, weights=confidence, minlength=n_classes).tolist()
        return Tally(
            self.blocks + 1,
            stop,
            [count + more for count, more in zip(self.counts, counts, strict=True)],
            [total + more for total, more in zip(self.confidence, sums, strict=True)],
        )

    def means(self) -> list[float]:
        """Return the mean confidence of each class; NaN for classes without pixels."""
        return [
            total / count if count else float("nan")
            for total, count in zip(self.confidence, self.counts, strict=True)
        ]


class MemoryWork(AbstractContextManager["MemoryWork"]):
    """Results in arrays."""

    def __init__(self, layers: Sequence[Layer], shape: tuple[int, int], n_classes: int) -> None:
        self.tally = Tally.empty(n_classes)
        self._arrays = {
            layer.name: np.full((*shape, layer.bands), layer.fill, dtype=layer.dtype)
            for layer in layers
        }

    def add(
        self, tally: Tally, positions: NDArray[np.intp], values: Mapping[str, NDArray[Any]]
    ) -> None:
        """Store the results of one block: flat positions, and values by layer."""
        for name, array in self._arrays.items():
            array.reshape(-1, array.shape[2])[positions] = values[name]
        self.tally = tally

    def result(self, name: str) -> NDArray[Any]:
        """Return the results of one layer: an array of shape (height, width, bands)."""
        return self._arrays[name]

    def __exit__(self, *_: object) -> None:
        pass
