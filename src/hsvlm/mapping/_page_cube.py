"""The spectra of a scene for a page: means of classes, an image, and spectra of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from hsvlm._data.lazy import read_rows, release_pages, row_blocks
from hsvlm._data.sources import SPECTRA
from hsvlm._reports.map_view import MAX_SPECTRA_BYTES, MappedSpectra
from hsvlm._reports.packing import pack
from hsvlm._reports.spectra import fit_components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hsvlm._reports.spectra import Components
    from hsvlm.scene import Scene

# Near infrared, red and green, as on color-infrared film.
_IMAGE_NM = (860.0, 650.0, 550.0)
_MAX_DISTANCE_NM = 100.0
_MAX_IMAGE_PIXELS = 1_200_000
_MAX_SAMPLE = 20_000
_MAX_SCORES = 3_500_000
# Complete spectra that may fit after compression, which seldom halves them.
_MAX_COMPLETE_BYTES = 4 * MAX_SPECTRA_BYTES
_STORED_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")
_MISSING_COLOR = 255


class Bands(NamedTuple):
    """The bands that are drawn: their numbers, and where they lie in ascending order."""

    numbers: NDArray[np.intp]
    x: NDArray[np.float64]
    x_label: str
    y_label: str
    note: str


class CubeContent(NamedTuple):
    """Means (n_classes, n_bands), an image (height, width, 3) with a note, and spectra."""

    means: NDArray[np.float64]
    image: NDArray[np.uint8]
    image_note: str
    spectra: MappedSpectra


def read_cube_content(
    scene: Scene, codes: NDArray[Any], labels: NDArray[Any], n_classes: int, step: int
) -> CubeContent:
    """Read a scene in strips of rows, twice if its spectra have to be reduced.

    `codes` and `labels` (height, width) are 0 where there is no data or no label, and else the
    place of a class from 1 on. Every `step`-th row and column is in the page.
    """
    bands = _plotted_bands(scene)
    image_bands, image_note = _image_bands(scene, bands)
    sums = _ClassSums(n_classes, len(bands.numbers))
    height, width = scene.shape
    n_page = len(range(0, height, step)) * len(range(0, width, step))
    dtype = _stored_type(scene.cube.dtype)
    sample_step = max(1, int(np.ceil((height * width / _MAX_SAMPLE) ** 0.5)))
    image_step = step * max(1, int(np.ceil((n_page / _MAX_IMAGE_PIXELS) ** 0.5)))
    is_small = n_page * len(bands.numbers) * dtype.itemsize <= _MAX_COMPLETE_BYTES
    images, samples, complete = [], [], []
    for start, stop, rows in _strips(scene):
        plotted = rows[..., bands.numbers]
        sums.add(plotted, labels[start:stop])
        images.append(_thinned(rows[..., image_bands], start, image_step).astype(np.float32))
        sample = _thinned(plotted, start, sample_step)
        has_data = _thinned(codes[start:stop], start, sample_step) > 0
        samples.append(sample[has_data].astype(np.float64))
        if is_small:
            complete.append(_thinned(plotted, start, step).astype(dtype))
    image = _stretched(np.concatenate(images), codes[::image_step, ::image_step] > 0)
    values = np.ascontiguousarray(np.moveaxis(np.concatenate(complete), 2, 0)) if is_small else None
    if values is not None and pack([values], MAX_SPECTRA_BYTES).step == 1:
        is_exact = np.can_cast(scene.cube.dtype, dtype)
        exactness = "as they are in the scene" if is_exact else "rounded to 32 bits"
        note = f"Spectra are stored {exactness}. {bands.note}"
        spectra = MappedSpectra(values, None, 1, bands.x, bands.x_label, bands.y_label, note)
    else:
        spectra = _reduced_spectra(scene, codes, bands, np.concatenate(samples), step)
    return CubeContent(sums.means(), image, image_note, spectra)


def _reduced_spectra(
    scene: Scene, codes: NDArray[Any], bands: Bands, sample: NDArray[np.float64], step: int
) -> MappedSpectra:
    """Store scores of principal components, and measure how exact they are."""
    sample = sample[np.isfinite(sample).all(axis=1)]
    components = fit_components(sample[::2] if len(sample) else np.zeros((1, len(bands.x))))
    n_components = len(components.axes)
    n_page = codes[::step, ::step].size
    coarser = max(1, int(np.ceil((n_page * n_components / _MAX_SCORES) ** 0.5)))
    grid_step = step * coarser
    parts = []
    for start, stop, rows in _strips(scene):
        spectra = _thinned(rows, start, grid_step)[..., bands.numbers]
        scores = components.scores(spectra.reshape(-1, len(bands.numbers)))
        scores[_thinned(codes[start:stop], start, grid_step).ravel() == 0] = 0
        parts.append(scores.reshape(*spectra.shape[:2], n_components))
    values = np.ascontiguousarray(np.moveaxis(np.concatenate(parts), 2, 0))
    note = f"{_exactness(components, sample[1::2])} {bands.note}"
    return MappedSpectra(values, components, coarser, bands.x, bands.x_label, bands.y_label, note)


def _exactness(components: Components, sample: NDArray[np.float64]) -> str:
    """Say how far reconstructed spectra are from those of the scene."""
    text = f"Spectra are reconstructed from {len(components.axes)} principal components."
    if not len(sample):
        return text
    errors = components.errors(sample)
    median, high = np.quantile(errors, [0.5, 0.95])
    level = np.abs(sample).mean()
    shares = f", {median / level:.2%} and {high / level:.2%} of the mean value" if level else ""
    return (
        f"{text} Over {len(sample):,} pixels that were not used to find these, the median of the "
        f"root mean square error of a spectrum is {median:.3g}, the 95th percentile "
        f"{high:.3g}{shares}."
    )


def _strips(scene: Scene) -> Iterator[tuple[int, int, NDArray[Any]]]:
    for start, stop in row_blocks(scene.cube.shape):
        yield start, stop, read_rows(scene.cube, start, stop)
        release_pages(scene.cube)


def _thinned(rows: NDArray[Any], start: int, step: int) -> NDArray[Any]:
    """Take the rows of a strip that are multiples of `step` in the scene, and such columns."""
    return rows[-start % step :: step, ::step]


def _stored_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    native = dtype.newbyteorder("=")
    return native if native.name in _STORED_TYPES else np.dtype(np.float32)


def _plotted_bands(scene: Scene) -> Bands:
    """Choose the bands that are drawn, by wavelength where it is known for all of them."""
    numbers = np.arange(scene.n_bands)
    if scene.sources is not None:
        numbers = numbers[scene.sources.get(SPECTRA, slice(None))]
    notes = []
    if scene.bad_bands is not None and scene.bad_bands[numbers].any():
        is_good = ~scene.bad_bands[numbers]
        if is_good.any():
            notes.append(f"{int((~is_good).sum())} bands marked as bad are left out.")
            numbers = numbers[is_good]
    details = scene.source_details.get(SPECTRA)
    y_label = f"value ({details.unit})" if details is not None and details.unit else "value"
    if scene.wavelengths_nm is not None:
        centers = scene.wavelengths_nm[numbers]
        if (np.isfinite(centers) & (centers > 0)).all():
            order = np.argsort(centers, kind="stable")
            x, label = centers[order], "wavelength (nm)"
            return Bands(numbers[order], x, label, y_label, " ".join(notes))
    return Bands(numbers, numbers.astype(float), "band, counted from 0", y_label, " ".join(notes))


def _image_bands(scene: Scene, bands: Bands) -> tuple[list[int], str]:
    """Choose three bands for red, green and blue, and name them."""
    if bands.x_label.startswith("wavelength"):
        nearest = [int(np.abs(bands.x - center).argmin()) for center in _IMAGE_NM]
        centers = bands.x[nearest]
        if (np.abs(centers - _IMAGE_NM) <= _MAX_DISTANCE_NM).all():
            shown = ", ".join(f"{center:.0f}" for center in centers)
            note = f"Behind the layers: the scene at {shown} nm in red, green and blue."
            return bands.numbers[nearest].tolist(), note
    places = [round(share * (len(bands.numbers) - 1)) for share in (0.75, 0.5, 0.25)]
    chosen = bands.numbers[places].tolist()
    shown = ", ".join(map(str, chosen))
    return chosen, f"Behind the layers: bands {shown} of the scene in red, green and blue."


def _stretched(values: NDArray[np.float32], has_data: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Stretch each band between its 2nd and 98th percentile; pixels without data are white."""
    shown = has_data & np.isfinite(values).all(axis=-1)
    image = np.full(values.shape, _MISSING_COLOR, dtype=np.uint8)
    if shown.any():
        low, high = np.percentile(values[shown], [2, 98], axis=0)
        span = np.maximum(high - low, np.finfo(np.float32).tiny)
        image[shown] = np.rint(255 * np.clip((values[shown] - low) / span, 0, 1))
    return image


class _ClassSums:
    """Sums of the finite values of every class and band."""

    def __init__(self, n_classes: int, n_bands: int) -> None:
        self._sums = np.zeros((n_classes, n_bands))
        self._counts = np.zeros((n_classes, n_bands))

    def add(self, rows: NDArray[Any], labels: NDArray[Any]) -> None:
        """Add a strip (n_rows, width, n_bands) with places of classes from 1 on, 0 for none."""
        is_labeled = labels > 0
        spectra = rows[is_labeled].astype(np.float64)
        finite = np.isfinite(spectra)
        places = labels[is_labeled].astype(np.intp) - 1
        n_spectra = len(spectra)
        members = csr_array(
            (np.ones(n_spectra), (places, np.arange(n_spectra))),
            shape=(len(self._sums), n_spectra),
        )
        self._sums += members @ np.where(finite, spectra, 0)
        self._counts += members @ finite.astype(np.float64)

    def means(self) -> NDArray[np.float64]:
        """Return the means (n_classes, n_bands); NaN without values."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._sums / np.where(self._counts > 0, self._counts, np.nan))
