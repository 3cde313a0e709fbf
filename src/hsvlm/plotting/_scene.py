"""A scene as a color image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm._data.sources import SPECTRA
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.plotting._base import Display, new_axes
from hsvlm.plotting._fonts import plain
from hsvlm.plotting._raster import Placement, image_size, show_raster, thinning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.scene import Scene


_KINDS_NM = {
    # Near infrared, red and green: vegetation appears red, as on color-infrared film.
    "false-color": (860.0, 650.0, 550.0),
    "true-color": (650.0, 550.0, 460.0),
}
_MAX_DISTANCE_NM = 100.0


class SceneDisplay(Display):
    """A scene as a color image.

    Parameters
    ----------
    image : ndarray of shape (height, width, 3)
        Red, green and blue in [0, 1].
    title : str, default=""
        Title of the axes.
    step : int, default=1
        Pixels of the scene from one pixel of the image to the next.
    pixel_size_m : float, default=None
        Width of a pixel of the scene in meters, for the scale bar; None takes it from `crs` and
        `transform`.
    crs, transform
        Coordinate reference system and affine coefficients, as in :class:`hsvlm.Scene`. With both,
        and rows along the axes of the system, the axes are in its coordinates, north up; without
        them, or on a rotated grid, they count rows and columns.

    Attributes
    ----------
    ax_, figure_
        Axes and figure, after :meth:`plot`.
    scale_bar_ : matplotlib Artist or None
        The scale bar, where there is one.

    Examples
    --------
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.plotting import SceneDisplay
    >>> scene = make_synthetic_scene(random_state=0)
    >>> SceneDisplay.from_scene(scene, kind="true-color").image.shape
    (32, 32, 3)
    """

    scale_bar_: Any

    def __init__(
        self,
        image: NDArray[Any],
        title: str = "",
        step: int = 1,
        pixel_size_m: float | None = None,
        crs: str | None = None,
        transform: tuple[float, ...] | None = None,
    ) -> None:
        self.image = image
        self.title = title
        self.step = step
        self.pixel_size_m = pixel_size_m
        self.crs = crs
        self.transform = transform

    @classmethod
    def from_scene(
        cls,
        scene: Scene,
        *,
        kind: str = "false-color",
        wavelengths_nm: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
        title: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Draw three bands of a scene, each stretched between its 2nd and 98th percentile.

        Pixels without data, and those that are NaN or infinite in one of the bands, do not count
        for the stretch and are white. A cube in a file is read a block of rows at a time. Scenes
        of more than 2,000 pixels on a side are thinned to at most 2,000. With a georeference and
        pyproj, axes are in its coordinates, and a scale bar is drawn if the width of a pixel on the
        ground varies by less than 5 % over the scene; a grid that is rotated against its reference
        system has axes in rows and columns, and an arrow to true north.

        Parameters
        ----------
        scene : Scene
            The scene.
        kind : {"false-color", "true-color"}, default="false-color"
            Bands near 860, 650 and 550 nm, in which vegetation is red, or near 650, 550 and
            460 nm, as the eye sees it.
        wavelengths_nm : sequence of 3 floats, default=None
            Other wavelengths for red, green and blue in nanometers, of which the nearest bands not
            marked as bad are taken.
        bands : sequence of 3 ints, default=None
            Band numbers instead, counted from 0.
        title : str, default=None
            Title of the axes; None takes the name of the scene.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        SceneDisplay
            Drawn.

        Raises
        ------
        DataError
            If the scene has no wavelengths and no bands are given, no band within 100 nm of one of
            the wavelengths, or no pixel with data.
        ParameterError
            If there are not three bands or wavelengths, or a band is not in the scene.
        UnknownNameError
            If there is no such kind.
        """
        if bands is None:
            bands = _nearest_bands(scene, _wavelengths(kind, wavelengths_nm))
        chosen = list(bands)
        if len(chosen) != 3 or not all(0 <= band < scene.n_bands for band in chosen):
            raise ParameterError(
                f"Three bands from 0 to {scene.n_bands - 1} are needed for red, green and blue, "
                f"got {chosen}."
            )
        return cls(*_compose(scene, chosen, plain(scene.name) if title is None else title)).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the image.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        self
            With ``ax_``, ``figure_`` and ``scale_bar_``.
        """
        height, width = (self.step * side for side in self.image.shape[:2])
        place = Placement.of((height, width), self.crs, self.transform, self.pixel_size_m)
        ax = new_axes(ax, image_size(place, self.title))
        _, self.scale_bar_ = show_raster(ax, self.image, placement=place, title=self.title)
        return self._keep(ax)


def overview(scene: Scene) -> SceneDisplay:
    """Return an image of any scene, not drawn yet: false color, true color or any three bands."""
    for kind, wavelengths in _KINDS_NM.items():
        try:
            bands = _nearest_bands(scene, wavelengths)
        except DataError:
            continue
        centers = ", ".join(f"{center:.0f}" for center in np.asarray(scene.wavelengths_nm)[bands])
        return SceneDisplay(*_compose(scene, bands, f"{kind.replace('-', ' ')} ({centers} nm)"))
    spectral = np.arange(scene.n_bands)[(scene.sources or {}).get(SPECTRA, slice(None))]
    usable = spectral
    if scene.bad_bands is not None and not scene.bad_bands[spectral].all():
        usable = spectral[~scene.bad_bands[spectral]]
    bands = usable[[(5 * len(usable)) // 6, len(usable) // 2, len(usable) // 6]].tolist()
    title = f"bands {bands[0]}, {bands[1]}, {bands[2]}"
    return SceneDisplay(*_compose(scene, bands, title))


def _compose(
    scene: Scene, bands: list[int], title: str
) -> tuple[NDArray[np.float32], str, int, None, str | None, tuple[float, ...] | None]:
    """Return the arguments of a SceneDisplay of three bands."""
    step = thinning(scene.shape)
    image = _stretch(*_read_bands(scene, bands, step))
    return image, title, step, None, scene.crs, scene.transform


def _wavelengths(kind: str, wavelengths_nm: Sequence[float] | None) -> Sequence[float]:
    if wavelengths_nm is None:
        if kind not in _KINDS_NM:
            hint = "Or pass wavelengths_nm or bands."
            raise UnknownNameError.for_name("kind of image", kind, _KINDS_NM, hint)
        return _KINDS_NM[kind]
    if len(wavelengths_nm) != 3:
        raise ParameterError(
            "Three wavelengths in nanometers are needed for red, green and blue, got "
            f"{wavelengths_nm}."
        )
    return wavelengths_nm


def _nearest_bands(scene: Scene, wavelengths_nm: Sequence[float]) -> list[int]:
    if scene.wavelengths_nm is None:
        raise DataError(
            "The scene has no wavelengths, so bands cannot be found by wavelength. "
            "Pass bands=(red, green, blue)."
        )
    usable = np.isfinite(scene.wavelengths_nm)
    if scene.bad_bands is not None:
        usable &= ~scene.bad_bands
    bands = []
    for wavelength in wavelengths_nm:
        distance = np.where(usable, abs(scene.wavelengths_nm - wavelength), np.inf)
        if distance.min() > _MAX_DISTANCE_NM:
            raise DataError(
                f"The scene has no usable band within {_MAX_DISTANCE_NM:.0f} nm of {wavelength:g} "
                "nm. Pass other wavelengths_nm, or bands=(red, green, blue)."
            )
        bands.append(int(distance.argmin()))
    return bands


def _read_bands(
    scene: Scene, bands: list[int], step: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    blocks = []
    for start, stop in row_blocks(scene.cube.shape):
        # The first row of the block that is a multiple of the step.
        rows = read_rows(scene.cube, start, stop)[-start % step :: step, ::step]
        with np.errstate(over="ignore"):  # infinite values are left out
            blocks.append(rows[..., bands].astype(np.float32))
    values = np.concatenate(blocks)
    valid = np.asarray(np.isfinite(values).all(axis=-1))
    if scene.valid is not None:
        valid = valid & scene.valid[::step, ::step]
    if not valid.any():
        raise DataError(f"No pixel of the scene has data in bands {bands}. Pass other bands.")
    return values, valid


def _stretch(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    low, high = np.percentile(values[valid], [2, 98], axis=0).astype(np.float32)
    image = np.ones_like(values)
    span = np.maximum(high - low, np.finfo(np.float32).tiny)
    image[valid] = np.clip((values[valid] - low) / span, 0, 1)
    return image
