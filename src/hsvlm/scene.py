"""A hyperspectral scene with what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scene"]


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """A cube, its label map and what the numbers mean.

    Parameters
    ----------
    cube : array of shape (height, width, n_bands)
        Radiance, reflectance or counts, of any numeric dtype.
    labels : ndarray of shape (height, width), default=None
        Label of every pixel; 0 stands for "no label".
    class_names : dict, default={}
        ``{label: name}``.
    wavelengths_nm : array-like of shape (n_bands,), default=None
        Band centres in nanometres, kept as float64.
    name : str, default=""
        Name of the scene.
    citation : str, default=""
        How to cite the data, and their licence.

    Raises
    ------
    DataError
        If the cube is not 3-D, or labels or wavelengths do not match it.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Scene
    >>> Scene(np.zeros((4, 5, 3)), name="empty")
    Scene('empty', 4 x 5 pixels, 3 bands, float64)
    """

    cube: Any
    labels: NDArray[Any] | None = None
    class_names: dict[Any, str] = field(default_factory=dict)
    wavelengths_nm: NDArray[np.float64] | None = None
    name: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        shape = tuple(np.shape(self.cube))
        if len(shape) != 3:
            message = (
                f"A scene needs a cube of shape (height, width, n_bands), got {shape}. "
                "A single band needs a last axis: cube[..., np.newaxis]."
            )
            raise DataError(message)
        if self.labels is not None and np.shape(self.labels) != shape[:2]:
            message = (
                f"The cube is {shape[0]} x {shape[1]} pixels, but the label map has shape "
                f"{np.shape(self.labels)}. Both must cover the same grid of (height, width) pixels."
            )
            raise DataError(message)
        if self.wavelengths_nm is not None and np.shape(self.wavelengths_nm) != shape[2:]:
            message = (
                f"The cube has {shape[2]} bands, but wavelengths_nm has shape "
                f"{np.shape(self.wavelengths_nm)}. Give one band centre in nanometres per band."
            )
            raise DataError(message)
        if self.wavelengths_nm is not None:
            # A frozen dataclass is set up this way only.
            wavelengths = np.asarray(self.wavelengths_nm, dtype=np.float64)
            object.__setattr__(self, "wavelengths_nm", wavelengths)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.cube.shape[2])

    def __repr__(self) -> str:
        height, width, n_bands = self.cube.shape
        parts = [f"{self.name!r}", f"{height} x {width} pixels", f"{n_bands} bands"]
        if self.wavelengths_nm is not None:
            low, high = self.wavelengths_nm.min(), self.wavelengths_nm.max()
            parts[-1] += f" from {low:.0f} to {high:.0f} nm"
        parts.append(str(self.cube.dtype))
        if self.class_names:
            parts.append(f"{len(self.class_names)} classes")
        return f"Scene({', '.join(parts)})"
