"""Measure the shift that remains between the sources of a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm._reports.notebook import swatch_table
from hsvlm.exceptions import AlignmentWarning, DataError
from hsvlm.io._notes import listed, warn_caller
from hsvlm.io._orientation import ORIENTATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

# A shift above leaves less than half of a pixel for the ground that it should show.
_MAX_SHIFT_PX = 0.5
# Of 6,120 pairs of independent random images, with and without gaps, 3 had a stronger peak. Spectra
# and a photograph of Houston 2018 have one of 20, and in other orientations of at most 6.3.
_LEAST_STRENGTH = 10.0
# How much stronger a turned image must be to be taken for the right one.
_TURNED_GAIN = 1.5
_LEAST_SIZE = 32
_FEWEST_PIXELS = 1000  # with data around them
_MOST_SIZE = 1024
_MOST_SEARCHED = 32
_BLUR_PX = 1.0
_SHOWN = 4


@dataclass(frozen=True)
class ChannelShift:
    """Shift of a channel against the spectra.

    Parameters
    ----------
    source : str
        Name of the source.
    channel : str
        Name of the channel, or its number within the source.
    rows, columns : float
        How far the channel lies below and to the right of the spectra, in pixels. NaN if it cannot
        be measured, because the images have too little in common.
    strength : float
        Height of the peak of the phase correlation, in standard deviations.
    orientation : str, default=""
        How the channel seems to be turned or mirrored; empty if it is not.

    Examples
    --------
    >>> from hsvlm.io import ChannelShift
    >>> ChannelShift("lidar", "height", 3.0, -4.0, 20.0).distance
    5.0
    """

    source: str
    channel: str
    rows: float
    columns: float
    strength: float
    orientation: str = ""

    @property
    def distance(self) -> float:
        """Length of the shift in pixels."""
        return math.hypot(self.rows, self.columns)

    def __str__(self) -> str:
        name = f"{self.source}, {self.channel}"
        if self.orientation:
            return f"{name}: seems to be {self.orientation}"
        if math.isnan(self.distance):
            return f"{name}: not measurable (strength {self.strength:.1f})"
        rows, columns = round(self.rows, 2), round(self.columns, 2)
        down, right = "up" if rows < 0 else "down", "left" if columns < 0 else "right"
        return f"{name}: {abs(rows):.2f} pixels {down}, {abs(columns):.2f} {right}"


@dataclass(frozen=True)
class AlignmentReport:
    """Shifts of the further sources of a scene, made by :func:`alignment_report`.

    Parameters
    ----------
    shifts : tuple of ChannelShift
        One per channel, in the order of the sources.

    Examples
    --------
    >>> from hsvlm.io import AlignmentReport, ChannelShift
    >>> print(AlignmentReport((ChannelShift("lidar", "height", 0.25, -0.1, 20.0),)))
    lidar, height: 0.25 pixels down, 0.10 left
    """

    shifts: tuple[ChannelShift, ...]

    @property
    def largest(self) -> float:
        """Length of the largest shift in pixels; NaN if none can be measured."""
        lengths = [shift.distance for shift in self.shifts if not math.isnan(shift.distance)]
        return max(lengths, default=math.nan)

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{shift.source}, {shift.channel}",
                "" if math.isnan(shift.distance) else f"{shift.rows:.2f}",
                "" if math.isnan(shift.distance) else f"{shift.columns:.2f}",
                f"{shift.strength:.1f}",
                shift.orientation,
            )
            for shift in self.shifts
        ]
        header = ["channel", "pixels down", "pixels right", "strength", "seems to be"]
        return swatch_table(header, rows)

    def __str__(self) -> str:
        return "\n".join(map(str, self.shifts))


def alignment_report(scene: Scene, auxiliary: Mapping[str, Any] | None = None) -> AlignmentReport:
    """Measure the shift between the spectra of a scene and its further sources.

    Edges of the mean of all bands are compared with those of every channel, by phase correlation
    [1]_ of their gradient magnitudes, to a fraction of a pixel.

    Parameters
    ----------
    scene : Scene
        The scene, of at least 32 x 32 pixels. Of larger ones, the 1024 x 1024 pixels in the middle
        are compared.
    auxiliary : dict of Raster, default=None
        ``{name: raster}`` on the grid of the scene, as in :class:`hsvlm.Scene`. None: the further
        sources of the scene.

    Returns
    -------
    AlignmentReport
        A shift per channel. Correct it by ``align`` after its transform has been moved by
        ``-rows`` and ``-columns`` pixels.

    Raises
    ------
    DataError
        If there is no further source, a raster lies on another grid, or the scene is too small.

    Warns
    -----
    AlignmentWarning
        If a channel is shifted by more than half a pixel, or seems to be turned or mirrored.

    See Also
    --------
    align : Brings a raster onto the grid of a scene.

    Notes
    -----
    The peak of the correlation, blurred to a width of a pixel, is interpolated by parabolas through
    its logarithms. Shifts up to 32 pixels, or a quarter of the scene, are found. A peak of less
    than 10 standard deviations is not taken for a shift: independent images reach 8. Heights and
    spectra may have few edges in common, so a shift that cannot be measured says nothing about the
    alignment.

    References
    ----------
    .. [1] C. D. Kuglin and D. C. Hines, "The phase correlation image alignment method", Proceedings
       of the IEEE International Conference on Cybernetics and Society, 163-165, 1975.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Scene
    >>> from hsvlm.io import alignment_report
    >>> blocks = np.random.default_rng(0).random((16, 16)).repeat(4, axis=0).repeat(4, axis=1)
    >>> scene = Scene(blocks[..., np.newaxis])
    >>> print(alignment_report(scene, {"lidar": 300 - 20 * blocks}))
    lidar, 0: 0.00 pixels down, 0.00 right
    """
    if auxiliary:
        scene = replace(scene, auxiliary=auxiliary)
    if scene.sources is None or len(scene.sources) < 2:
        raise DataError(
            "The scene has no further source.", 'Pass auxiliary={"lidar": raster}, or others.'
        )
    if min(scene.shape) < _LEAST_SIZE:
        raise DataError(
            f"Shifts are measured in scenes of at least {_LEAST_SIZE} x {_LEAST_SIZE} pixels, got "
            f"{scene.shape[0]} x {scene.shape[1]}."
        )
    images = _read_images(scene)
    spectrum = _edge_spectrum(images.brightness, images.valid)
    shifts = []
    for name, channels in list(scene.sources.items())[1:]:
        for number in range(channels.stop - channels.start):
            channel = channels.start + number
            image = images.channels[..., channel - images.n_bands]
            label = scene.band_names[channel] if scene.band_names else str(number)
            shifts.append(_measure(name, label, spectrum, image, images.valid))
    report = AlignmentReport(tuple(shifts))
    _warn_of_shifts(report)
    return report


class _Images(NamedTuple):
    """Brightness (height, width), further channels (height, width, n), and valid pixels."""

    brightness: NDArray[np.float64]
    channels: NDArray[np.float64]
    valid: NDArray[np.bool_]
    n_bands: int


def _read_images(scene: Scene) -> _Images:
    """Read the middle of a stacked scene."""
    (row, row_stop), (col, col_stop) = (
        ((size - min(size, _MOST_SIZE)) // 2, (size + min(size, _MOST_SIZE)) // 2)
        for size in scene.shape
    )
    spectra = next(iter((scene.sources or {}).values()))
    good = np.ones(spectra.stop, dtype=bool)
    if scene.bad_bands is not None and not scene.bad_bands[: spectra.stop].all():
        good = ~scene.bad_bands[: spectra.stop]
    shape = (row_stop - row, col_stop - col)
    brightness = np.empty(shape)
    channels = np.empty((*shape, scene.n_bands - spectra.stop))
    for start, stop in row_blocks(scene.cube.shape, row, row_stop):
        values = read_rows(scene.cube, start, stop)[:, col:col_stop]
        part = slice(start - row, stop - row)
        brightness[part] = values[..., : spectra.stop][..., good].mean(axis=2, dtype=np.float64)
        channels[part] = values[..., spectra.stop :]
    valid = np.isfinite(brightness) & np.isfinite(channels).all(axis=2)
    if scene.valid is not None:
        valid &= scene.valid[row:row_stop, col:col_stop]
    return _Images(brightness, channels, valid, spectra.stop)


def _edge_spectrum(image: NDArray[np.float64], valid: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Return the Fourier transform of the edges of an image."""
    height, width = image.shape
    if not valid.any():
        return np.zeros((height, width // 2 + 1), dtype=np.complex128)
    filled = np.where(valid, image, np.mean(image, where=valid))
    edges = np.hypot(*np.gradient(filled))
    # Differences reach over the neighbors: the border of the data is not an edge of the ground.
    inside = valid.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            inside &= np.roll(valid, step, axis)
    positive = edges[inside & (edges > 0)]
    if not positive.size or inside.sum() < _FEWEST_PIXELS:
        return np.zeros((height, width // 2 + 1), dtype=np.complex128)
    # Walls of a surface model are a hundred times as steep as the rest.
    edges = np.log1p(edges / np.median(positive))
    edges -= np.mean(edges, where=inside)
    edges[~inside] = 0
    windows = (np.hanning(size + 2)[1:-1] for size in (height, width))
    return np.fft.rfft2(edges * np.multiply.outer(*windows))


def _measure(
    source: str,
    channel: str,
    spectrum: NDArray[np.complex128],
    image: NDArray[np.float64],
    valid: NDArray[np.bool_],
) -> ChannelShift:
    """Measure the shift of a channel, and whether it fits better once it is turned."""
    rows, columns, strength = _peak(spectrum, _edge_spectrum(image, valid), image.shape)
    best, orientation = max(strength * _TURNED_GAIN, _LEAST_STRENGTH), ""
    for name, turn in ORIENTATIONS.items():
        turned = turn(image)
        if turned.shape == image.shape:
            other = _peak(spectrum, _edge_spectrum(turned, turn(valid)), image.shape)[2]
            if other > best:
                best, orientation = other, name
    if strength < _LEAST_STRENGTH or orientation:
        rows = columns = math.nan
    return ChannelShift(source, channel, rows, columns, strength, orientation)


def _peak(
    first: NDArray[np.complex128], second: NDArray[np.complex128], shape: tuple[int, int]
) -> tuple[float, float, float]:
    """Return shift and height of the peak of the phase correlation of two spectra."""
    height, width = shape
    product = second * np.conj(first)
    amplitude = np.abs(product)
    if not amplitude.any():
        return 0.0, 0.0, 0.0
    product /= np.maximum(amplitude, 1e-12 * amplitude.max())
    squared = np.add.outer(np.square(np.fft.fftfreq(height)), np.square(np.fft.rfftfreq(width)))
    product *= np.exp(-2 * np.square(np.pi * _BLUR_PX) * squared)
    surface = np.fft.fftshift(np.fft.irfft2(product, s=shape))
    middle = (height // 2, width // 2)
    first_row, first_col = (
        center - min(_MOST_SEARCHED, length // 4)
        for center, length in zip(middle, shape, strict=True)
    )
    part = surface[first_row : 2 * middle[0] - first_row + 1, first_col:]
    part = part[:, : 2 * (middle[1] - first_col) + 1]
    row, col = divmod(int(part.argmax()), part.shape[1])
    row, col = row + first_row, col + first_col
    rows = row - middle[0] + _vertex(surface[row - 1 : row + 2, col])
    columns = col - middle[1] + _vertex(surface[row, col - 1 : col + 2])
    return rows, columns, float(surface[row, col] / surface.std())


def _vertex(values: NDArray[np.float64]) -> float:
    """Return the place of the highest point of a parabola through three values, from the middle."""
    # The logarithm of the blurred peak, a Gaussian, is a parabola.
    left, middle, right = (np.log(values) if values.min() > 0 else values).tolist()
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0


def _warn_of_shifts(report: AlignmentReport) -> None:
    """Warn of channels that are shifted, turned or mirrored."""
    large = [
        str(shift) for shift in report.shifts if shift.orientation or shift.distance > _MAX_SHIFT_PX
    ]
    if large:
        warn_caller(
            f"Sources do not lie on the spectra: {listed(large, _SHOWN, '; ', '; and')}.",
            "Correct the transform of the raster, or register the images first.",
            category=AlignmentWarning,
        )
