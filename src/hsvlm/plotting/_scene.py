"""A scene as a colour image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm.exceptions import DataError, ParameterError
from hsvlm.plotting._base import Display, image_size, label_pixels, new_axes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

__all__ = ["SceneDisplay"]

# Near infrared, red and green: vegetation appears red, as on colour-infrared film.
_FALSE_COLOUR_NM = (860.0, 650.0, 550.0)


class SceneDisplay(Display):
    """A scene as a colour image.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3)
        Red, green and blue in [0, 1].
    title : str, default=""
        Title of the axes.

    Attributes
    ----------
    ax_, figure_
        Axes and figure, after :meth:`plot`.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import SceneDisplay
    >>> SceneDisplay.from_scene(make_synthetic_scene(random_state=0)).image.shape
    (32, 32, 3)
    """

    def __init__(self, image: NDArray[np.float64], title: str = "") -> None:
        self.image = image
        self.title = title

    @classmethod
    def from_scene(
        cls,
        scene: Scene,
        *,
        wavelengths_nm: Sequence[float] = _FALSE_COLOUR_NM,
        bands: Sequence[int] | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw three bands of a scene, each stretched between its 2nd and 98th percentile.

        Parameters
        ----------
        scene : Scene
            The scene.
        wavelengths_nm : sequence of 3 floats, default=(860, 650, 550)
            Wavelengths for red, green and blue in nanometres; the nearest bands are taken.
        bands : sequence of 3 ints, default=None
            Band numbers instead, counted from 0.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SceneDisplay
            Drawn.

        Raises
        ------
        DataError
            If the scene has no wavelengths and no bands are given.
        ParameterError
            If there are not three bands, or one is not in the scene.
        """
        if bands is None:
            if scene.wavelengths_nm is None:
                message = (
                    "The scene has no wavelengths, so bands cannot be found by wavelength. "
                    "Pass bands=(red, green, blue)."
                )
                raise DataError(message)
            bands = [int(abs(scene.wavelengths_nm - one).argmin()) for one in wavelengths_nm]
        bands = list(bands)
        if len(bands) != 3 or not all(0 <= one < scene.n_bands for one in bands):
            message = (
                f"Three bands from 0 to {scene.n_bands - 1} are needed for red, green and blue, "
                f"got {bands}."
            )
            raise ParameterError(message)
        chosen = np.asarray(scene.cube)[..., bands].astype(np.float64)
        low, high = np.nanpercentile(chosen, [2, 98], axis=(0, 1))
        image = np.clip((chosen - low) / np.maximum(high - low, np.finfo(float).tiny), 0, 1)
        return cls(np.nan_to_num(image), scene.name).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the image.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_`` and ``figure_``.
        """
        ax = new_axes(ax, image_size(self.image.shape, self.title))
        ax.imshow(self.image, interpolation="nearest")
        label_pixels(ax, self.title)
        return self._keep(ax)
