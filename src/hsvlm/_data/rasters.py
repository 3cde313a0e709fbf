"""Bands of a second source, with their place on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array, as_coefficients, check_numbers
from hsvlm._data.lazy import LazyCube
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Raster"]


@dataclass(frozen=True, eq=False, repr=False)
class Raster:
    """Channels of a sensor beside the spectra, such as heights, backscatter or a photograph.

    Parameters
    ----------
    values : array of shape (height, width) or (height, width, n_channels)
        Values of any numeric dtype, stored with three dimensions. Pixels that are masked, NaN or
        infinite in any channel are not valid.
    transform : sequence of 6 floats, default=None
        Affine coefficients, see :class:`hsvlm.Scene`. None: unknown.
    crs : str or object with ``to_wkt``, default=None
        Coordinate reference system, stored as text. None: unknown.
    valid : array-like of shape (height, width), dtype bool, default=None
        False for pixels without data. None: all whose values are finite.
    names : sequence of str, default=()
        One name per channel, or none.
    reach : int, default=0
        How far beyond its own pixel a value looks, in pixels, such as 1 for means of 3 x 3 pixels:
        training and test pixels need as much more distance.
    ratio : int, default=1
        Finer pixels along each axis of a pixel, which are its channels: see `fold` of
        :func:`hsvlm.io.align`.
    unit : str, default=""
        Unit of the values, such as ``"m"``. Cards of models state it. "": unknown.
    resampling : str, default=""
        How the values were brought onto their grid: see `resampling` of :func:`hsvlm.io.align`. "":
        not at all.

    Raises
    ------
    DataError
        If the values are not numbers with two or three dimensions, or `valid`, `names` or
        `transform` do not fit them.

    See Also
    --------
    hsvlm.io.align : Brings a raster onto the grid of a scene.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Raster
    >>> Raster(np.zeros((4, 5)), names=["height"])
    Raster(4 x 5 pixels, height, float64)
    """

    values: NDArray[Any]
    transform: tuple[float, ...] | None = None
    crs: str | None = None
    valid: NDArray[np.bool_] | None = None
    names: tuple[str, ...] = ()
    reach: int = 0
    ratio: int = 1
    unit: str = ""
    resampling: str = ""

    def __post_init__(self) -> None:
        given: Any = self.values
        if not isinstance(given, (np.ndarray, LazyCube)):
            given = as_array(given, "The raster")
        values: Any = np.ma.getdata(given) if isinstance(given, np.ndarray) else given
        check_numbers(values.dtype, "The raster")
        if values.ndim == 2:
            values = values[..., np.newaxis]
        if values.ndim != 3 or not all(values.shape):
            raise DataError(
                f"A raster must have shape (height, width) or (height, width, n_channels), got "
                f"{np.shape(given)}."
            )
        # One that is read from a file where it is indexed states its mask.
        is_read = isinstance(values, np.ndarray)
        valid = np.isfinite(values).all(axis=2) if is_read else np.ones(values.shape[:2], bool)
        masks = [] if self.valid is None else [np.asarray(self.valid)]
        if np.ma.is_masked(given):
            hidden = np.ma.getmaskarray(given).reshape(values.shape)
            masks.append(np.asarray(~hidden.any(axis=2)))
        for mask in masks:
            if mask.shape != valid.shape or mask.dtype != bool:
                raise DataError(
                    f"The mask `valid` of a raster has shape {mask.shape} and dtype {mask.dtype}, "
                    f"but must have shape {valid.shape} and dtype bool."
                )
            valid &= mask
        names = tuple(map(str, self.names))
        if names and len(names) != values.shape[2]:
            raise DataError(
                f"The raster has {values.shape[2]} channels and {len(names)} names. Give one name "
                "per channel, or none."
            )
        crs: Any = self.crs
        text = None if crs is None else crs.to_wkt() if hasattr(crs, "to_wkt") else str(crs)
        place = None if self.transform is None else as_coefficients(self.transform)
        self._set(values=values, names=names, crs=text, transform=place)
        self._set(unit=" ".join(str(self.unit).split()), resampling=str(self.resampling))
        self._set(valid=None if valid.all() else valid)

    def _set(self, **values: Any) -> None:
        # A frozen dataclass cannot be set up in another way.
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.values.shape[0]), int(self.values.shape[1])

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return int(self.values.shape[2])

    def __repr__(self) -> str:
        height, width = self.shape
        channels = ", ".join(self.names) or f"{self.n_channels} channel{'s'[: self.n_channels > 1]}"
        return f"Raster({height} x {width} pixels, {channels}, {self.values.dtype})"
