"""Pixels that a pre-training and an evaluation have in common."""

from __future__ import annotations

import base64
import warnings
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError, HSVLMWarning
from hsvlm.pretraining._pixels import cube_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hsvlm.pretraining._encoder import PretrainedEncoder
    from hsvlm.pretraining._pixels import ScenePixels
    from hsvlm.samples import PixelSamples

__all__ = ["SharedPixels", "scene_records", "shared_pixels"]


@dataclass(frozen=True)
class SharedPixels:
    """How many pixels of an evaluation a pre-training has read, without their labels.

    Parameters
    ----------
    n_shared : int
        Number of pixels that lie in windows of the pre-training.
    n_pixels : int
        Number of pixels of the evaluation.
    """

    n_shared: int
    n_pixels: int

    @property
    def share(self) -> float:
        """Share of the pixels of the evaluation that the pre-training has read, 0 to 1."""
        return self.n_shared / self.n_pixels if self.n_pixels else 0.0


def shared_pixels(pretrained: PretrainedEncoder, X: PixelSamples) -> SharedPixels:
    """Count the pixels of an evaluation that a pre-training has read.

    A pre-training has no labels, but an encoder that has read the test pixels is adapted to them.
    State the share beside an accuracy, or leave these pixels out: ``fit(scene, exclude=X_test)`` of
    :class:`MaskedPretrainer`.

    Parameters
    ----------
    pretrained : PretrainedEncoder
        Encoder of :class:`MaskedPretrainer`, or one that was read from its folder.
    X : PixelSamples of shape (n_samples, n_bands)
        Test pixels, of scenes with the values that were pre-trained on.

    Returns
    -------
    SharedPixels
        Their number and share. Pixels of other scenes count as not shared.

    Raises
    ------
    DataError
        If the encoder comes from elsewhere, and nothing is known of its scenes.

    Warns
    -----
    HSVLMWarning
        If a scene has the size of one of the pre-training, but other values.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.pretraining import MaskedPretrainer, shared_pixels
    >>> scene = make_synthetic_scene(height=20, width=20, random_state=0)
    >>> X, y = scene.samples()
    >>> pretrainer = MaskedPretrainer(max_epochs=1, device="cpu", random_state=0)
    >>> encoder = pretrainer.fit(scene, exclude=X[:50]).encoder_
    >>> shared_pixels(encoder, X[:50]).n_shared
    0
    """
    records = pretrained.provenance.get("scenes")
    if records is None:
        raise DataError(
            "The provenance of the pre-trained encoder does not state which scenes it has read.",
            "Use an encoder of MaskedPretrainer, or compare the scenes yourself.",
        )
    n_shared = 0
    for number in np.unique(X.scene_ids):
        coords = X.coords[X.scene_ids == number]
        read = _pixels_read(records, X.cubes[number])
        n_shared += int(read[tuple(coords.T)].sum())
    return SharedPixels(n_shared, len(X))


def scene_records(scenes: Sequence[ScenePixels], window_size: int) -> list[dict[str, Any]]:
    """Describe scenes and the pixels that windows have read, as values of JSON."""
    records = []
    for scene in scenes:
        read = scene.pixels_read(window_size)
        records.append(
            {
                "shape": [int(length) for length in scene.cube.shape],
                "sha256": scene.digest,
                "n_centers": int(scene.centers.sum()),
                "n_read": int(read.sum()),
                "read": base64.b64encode(zlib.compress(np.packbits(read).tobytes())).decode(),
            }
        )
    return records


def _pixels_read(records: Sequence[Mapping[str, Any]], cube: Any) -> NDArray[np.bool_]:
    """Return the map of the pixels of a cube that were read."""
    height, width, n_bands = (int(length) for length in cube.shape)
    read = np.zeros((height, width), dtype=bool)
    alike = [record for record in records if list(record["shape"][:2]) == [height, width]]
    if not alike:
        return read
    digest = cube_digest(cube)
    same = [record for record in alike if record["sha256"] == digest]
    if not same:
        message = (
            f"A scene of {height} x {width} pixels and {n_bands} bands has the size of one of the "
            "pre-training, but other values, so its pixels count as not shared."
        )
        hint = "If it is the same place, pass samples with the bands and values pre-trained on."
        warnings.warn(HSVLMWarning(message, hint), stacklevel=3)
    n_bytes = -(-read.size // 8)
    for record in same:
        packed = zlib.decompressobj().decompress(base64.b64decode(record["read"]), n_bytes)
        bits = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=read.size)
        read |= bits.reshape(read.shape).astype(bool)
    return read
