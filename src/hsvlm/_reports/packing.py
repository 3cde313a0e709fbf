"""Arrays and pictures as compressed text, within a number of bytes."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Block", "pack", "pack_image", "png_bytes"]

_LEVEL = 6


class Block(NamedTuple):
    """Planes of pixels, compressed, and how many pixels of the map a stored pixel stands for.

    `shape` is (n_planes, height, width) of each array; `data` has a text for each array.
    """

    data: tuple[str, ...]
    types: tuple[str, ...]
    shape: tuple[int, int, int]
    step: int

    @property
    def n_bytes(self) -> int:
        """Size of all texts."""
        return sum(map(len, self.data))

    def describe(self) -> dict[str, Any]:
        """Describe the arrays to the script that unpacks them."""
        return {"types": list(self.types), "shape": list(self.shape), "step": self.step}


def pack(arrays: Sequence[NDArray[Any]], max_bytes: int) -> Block:
    """Compress arrays of planes (n_planes, height, width), thinned until they fit.

    Every `step`-th row and column is stored, from the first on.
    """
    step = 1
    while True:
        thinned = [
            np.ascontiguousarray(array[:, ::step, ::step]).astype(
                array.dtype.newbyteorder("<"), copy=False
            )
            for array in arrays
        ]
        data = tuple(map(_deflated, thinned))
        size = sum(map(len, data))
        shape = thinned[0].shape
        if size <= max_bytes or max(shape[1:]) <= 1:
            types = tuple(array.dtype.name for array in thinned)
            return Block(data, types, (shape[0], shape[1], shape[2]), step)
        step = max(step + 1, int(step * (size / max_bytes) ** 0.5))


def pack_image(image: NDArray[np.uint8], max_bytes: int) -> str:
    """Write a color image (height, width, 3) as a PNG file in base64, thinned until it fits."""
    step = 1
    while True:
        text = _base64(png_bytes(image[::step, ::step]))
        if len(text) <= max_bytes or max(image.shape[:2]) <= step:
            return text
        step = max(step + 1, int(step * (len(text) / max_bytes) ** 0.5))


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Write a color image (height, width, 3) as a PNG file.

    References
    ----------
    .. [1] World Wide Web Consortium, "Portable Network Graphics (PNG) Specification", 2003.
    """
    height, width, _ = image.shape
    lines = np.empty((height, 1 + 3 * width), dtype=np.uint8)
    lines[:, 0] = 1  # the filter "Sub": differences from the pixel to the left
    lines[:, 1:4] = image[:, 0]
    lines[:, 4:] = (image[:, 1:] - image[:, :-1]).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), _LEVEL)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _deflated(array: NDArray[Any]) -> str:
    return _base64(zlib.compress(array.tobytes(), _LEVEL))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
