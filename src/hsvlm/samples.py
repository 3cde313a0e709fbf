"""Represent pixels that know their scene, the data model of all other rooms."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array, native
from hsvlm._data.background import check_background
from hsvlm._data.channels import Channels
from hsvlm._data.coordinates import as_whole_numbers, check_coordinates
from hsvlm._data.cubes import as_cubes, check_same_bands, check_window_fits
from hsvlm._data.label_maps import as_label_map, check_label_map, labeled_pixels
from hsvlm._data.labels import aligned_labels
from hsvlm._data.lazy import MappedCube, MaskedCube, apply_to_spectra, valid_pixels
from hsvlm._data.named_labels import NamedLabels
from hsvlm._data.same_cubes import is_same_cube
from hsvlm._reports.notebook import class_table, facts, side_by_side, swatch_table
from hsvlm.exceptions import DataError, HSVLMWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray

    from hsvlm._data.cubes import Padding, SpectraFunction

__all__ = [
    "PixelSamples",
    "pixel_samples",
    "remembered_names",
]

# Larger cubes are transformed where they are read: a transformed copy would cost more memory than
# it saves in time.
_MAX_EAGER_VALUES = 2**26


def remembered_names(X: Any, y: NDArray[Any]) -> NamedLabels | None:
    """Return the class names of samples whose labels are still those of their scene."""
    named = X.named_labels if isinstance(X, PixelSamples) else None
    return named if named is not None and np.array_equal(named.labels, y) else None


class PixelSamples:
    """Labeled or unlabeled pixels of one or more hyperspectral scenes.

    Scikit-learn sees a 2-D array of spectra, (n_samples, n_bands). The position of each pixel is
    known, so that an estimator can cut windows around it. Indexing never copies a cube.

    Parameters
    ----------
    cubes : array or sequence of arrays, each of shape (height, width, n_bands)
        The scenes, of any numeric dtype and with the same number of bands. They are referenced,
        never copied or written to; memory-mapped arrays stay on disk. A pixel of a masked array
        that is masked in any band has no data.
    coords : array-like of shape (n_samples, 2)
        Row and column of each sample in pixels, whole numbers. An empty list makes no samples.
    scene_ids : array-like of shape (n_samples,), default=None
        Index into `cubes` for each sample. None: all samples are in the first scene.

    Attributes
    ----------
    cubes : tuple of arrays
        The scenes.
    coords : ndarray of shape (n_samples, 2), dtype intp
        Row and column of each sample in pixels.
    scene_ids : ndarray of shape (n_samples,), dtype intp
        Scene of each sample.
    wavelengths_nm : ndarray of shape (n_bands,), dtype float64, or None
        Band centers in nanometers, of samples of a :class:`Scene` that has them; 0 or NaN if
        unknown.
    sources : dict of slices, or None
        Channels of each source, of samples of a :class:`Scene` with several: with
        ``{"spectra": slice(0, 144), "lidar": slice(144, 145)}``, the heights around each sample
        are ``X.windows(size)[..., X.sources["lidar"]]``.
    reach : int
        How far beyond its own pixel a value looks, in pixels; 0 unless the scene says otherwise.

    Raises
    ------
    DataError
        If there is no cube, a cube is not 3-D, band counts differ, `coords` or `scene_ids` have
        another shape or are not whole numbers, or a coordinate lies outside its scene.

    See Also
    --------
    pixel_samples : Makes samples and labels from cubes and label maps.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import PixelSamples
    >>> cube = np.arange(4 * 5 * 3).reshape(4, 5, 3)
    >>> X = PixelSamples(cube, [[0, 0], [3, 4]])
    >>> X.shape
    (2, 3)
    >>> np.asarray(X[1])
    array([[57, 58, 59]])
    >>> X.windows(3).shape
    (2, 3, 3, 3)
    """

    ndim = 2
    # Set by `Scene.samples`; samples of plain arrays have none.
    named_labels: NamedLabels | None = None
    channels = Channels()

    def __init__(
        self,
        cubes: Any,
        coords: ArrayLike,
        scene_ids: ArrayLike | None = None,
    ) -> None:
        self.cubes: tuple[Any, ...] = as_cubes(cubes)
        pixels = as_array(coords, "coords") if isinstance(coords, (list, tuple)) else coords
        pixels = np.asarray(pixels)
        if pixels.shape == (0,):
            pixels = pixels.reshape(0, 2)
        if pixels.ndim != 2 or pixels.shape[1] != 2:
            raise DataError(
                f"coords has shape {pixels.shape}, but must have shape (n_samples, 2): row and "
                "column of every sample. Pass np.column_stack([rows, cols]), or np.argwhere(mask) "
                "for the pixels of a mask."
            )
        self.coords: NDArray[np.intp] = as_whole_numbers(pixels, "coords")
        self.scene_ids: NDArray[np.intp] = (
            np.zeros(len(self.coords), dtype=np.intp)
            if scene_ids is None
            else as_whole_numbers(np.asarray(scene_ids), "scene_ids")
        )
        check_coordinates(self.cubes, self.coords, self.scene_ids)

    @property
    def wavelengths_nm(self) -> NDArray[np.float64] | None:
        """Band centers in nanometers."""
        return self.channels.wavelengths_nm

    @property
    def sources(self) -> dict[str, slice] | None:
        """Channels of each source."""
        return self.channels.sources

    @property
    def reach(self) -> int:
        """How far beyond its own pixel a value looks."""
        return self.channels.reach

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of bands."""
        return len(self.coords), int(self.cubes[0].shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the spectra, in the byte order of the machine."""
        return np.result_type(*(cube.dtype for cube in self.cubes)).newbyteorder("=")

    def __len__(self) -> int:
        return len(self.coords)

    def __repr__(self) -> str:
        scenes = ", ".join(f"{cube.shape[0]} x {cube.shape[1]}" for cube in self.cubes)
        return (
            f"PixelSamples({len(self)} samples, {self.shape[1]} bands, {self.dtype}, "
            f"from scenes of {scenes} pixels)"
        )

    def _repr_html_(self) -> str:
        lines: dict[str, Any] = {
            "samples": f"{len(self):,}",
            "bands": f"{self.shape[1]:,}",
            "type": self.dtype,
        }
        centers = self.wavelengths_nm
        known = np.empty(0) if centers is None else centers[centers > 0]
        if known.size:
            lines["wavelengths"] = f"{known.min():.1f} to {known.max():.1f} nm"
        if self.sources is not None and len(self.sources) > 1:
            lines["sources"] = ", ".join(self.sources)
        counts = np.bincount(self.scene_ids, minlength=len(self.cubes)).tolist()
        sizes = [f"{cube.shape[0]:,} x {cube.shape[1]:,} pixels" for cube in self.cubes]
        scenes = [
            (number, size, f"{count:,}")
            for number, (size, count) in enumerate(zip(sizes, counts, strict=True))
        ]
        parts = [facts(lines), swatch_table(["scene", "size", "samples"], scenes)]
        if self.named_labels is not None:
            labels, n_samples = np.unique(self.named_labels.labels, return_counts=True)
            of_class = dict(zip(labels.tolist(), n_samples.tolist(), strict=True))
            parts.append(class_table("samples", of_class, self.named_labels.names))
        return side_by_side(*parts)

    def __getitem__(self, key: Any) -> PixelSamples:
        if isinstance(key, tuple):
            key, *rest = key
            if not all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in rest):
                raise IndexError(
                    "PixelSamples are indexed by sample, not by band. "
                    "np.asarray(X)[...] gives plain spectra, and map_spectra selects bands. In a "
                    "pipeline, SpectralTransformer(ColumnTransformer(...)) chooses among bands."
                )
        if isinstance(key, (int, np.integer)):
            key = [key]
        scene_ids = self.scene_ids[key]
        if scene_ids.ndim != 1:
            raise IndexError(
                f"Give a number, a slice, a mask or a list, not shape {np.shape(key)}."
            )
        named = None if self.named_labels is None else self.named_labels[key]
        return samples_over(self.cubes, self.coords[key], scene_ids, named, self.channels)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "PixelSamples refer to their cubes, which are never written to. np.asarray(X) gives "
            "spectra that may be changed."
        )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError(
                "The spectra of PixelSamples are gathered from their cubes: always a copy."
            )
        return self._gather(self.coords[:, 0], self.coords[:, 1], dtype)

    def _gather(
        self, rows: NDArray[np.intp], cols: NDArray[np.intp], dtype: DTypeLike | None = None
    ) -> NDArray[Any]:
        shape = np.broadcast_shapes(rows.shape, cols.shape)
        values = np.empty((*shape, self.shape[1]), dtype=self.dtype if dtype is None else dtype)
        for number, cube in enumerate(self.cubes):
            in_scene = self.scene_ids == number
            if in_scene.any():
                values[in_scene] = cube[rows[in_scene], cols[in_scene]]
        return values

    def windows(self, size: int, padding: Padding = "reflect") -> NDArray[Any]:
        """Cut the square window around each sample.

        Parameters
        ----------
        size : int
            Side of the window in pixels, odd.
        padding : {"reflect", "zero"}, default="reflect"
            Values beyond the border of the scene: its mirror image, or zeros.

        Returns
        -------
        ndarray of shape (n_samples, size, size, n_bands)
            The windows, all in memory at once; select samples first if there are many.

        Raises
        ------
        ParameterError
            If `size` is even, or too large for reflection in a scene that has samples.
        UnknownNameError
            If `padding` is unknown.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm import PixelSamples
        >>> X = PixelSamples(np.ones((4, 4, 2)), [[0, 0]])
        >>> X.windows(3, padding="zero")[0, :, :, 0]
        array([[0., 0., 0.],
               [0., 1., 1.],
               [0., 1., 1.]])
        """
        for number in np.unique(self.scene_ids):
            check_window_fits(self.cubes[number].shape, size, padding)
        reach = np.arange(size) - size // 2
        extents = np.array([cube.shape[:2] for cube in self.cubes]).reshape(-1, 2)[self.scene_ids]
        index = [self.coords[:, axis, None] + reach for axis in (0, 1)]
        lasts = [extents[:, axis, None] - 1 for axis in (0, 1)]
        pairs = list(zip(index, lasts, strict=True))
        inside = [(position >= 0) & (position <= last) for position, last in pairs]
        index = [np.clip(last - abs(last - abs(p)), 0, last) for p, last in pairs]
        values = self._gather(index[0][:, :, None], index[1][:, None, :])
        if padding == "zero":
            values[~(inside[0][:, :, None] & inside[1][:, None, :])] = 0
        return values

    def map_spectra(self, function: SpectraFunction) -> PixelSamples:
        """Apply a function of spectra to the scenes and keep the samples.

        Parameters
        ----------
        function : callable
            Maps an array (n, n_bands) to an array (n, n_new_bands), row by row. It must be pure:
            small scenes are transformed at once, large ones each time they are read.

        Returns
        -------
        PixelSamples
            The same pixels over the transformed scenes; wavelengths and sources are kept where the
            number of bands is.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm import PixelSamples
        >>> X = PixelSamples(np.ones((4, 4, 5)), [[0, 0]])
        >>> X.map_spectra(lambda spectra: 2 * spectra[:, :2]).shape
        (1, 2)
        """
        mapped: list[Any] = []
        for cube in self.cubes:
            height, width, bands = cube.shape
            transformed: Any
            if isinstance(cube, MappedCube) or height * width * bands > _MAX_EAGER_VALUES:
                transformed = MappedCube(cube, function)
            else:
                spectra = native(np.asarray(cube)).reshape(-1, bands)
                transformed = apply_to_spectra(function, spectra).reshape(height, width, -1)
            valid = valid_pixels(cube)
            mapped.append(transformed if valid is None else MaskedCube(transformed, valid))
        samples = PixelSamples(mapped, self.coords, self.scene_ids)
        samples.named_labels = self.named_labels
        kept = samples.shape[1] == self.shape[1]
        samples.channels = self.channels if kept else Channels(reach=self.reach)
        return samples

    @classmethod
    def concatenate(cls, parts: Sequence[PixelSamples]) -> PixelSamples:
        """Join samples; scenes that several parts share occur once.

        Parameters
        ----------
        parts : sequence of PixelSamples
            At least one, all with the same number of bands.

        Returns
        -------
        PixelSamples
            All samples, in the order of the parts.

        Raises
        ------
        DataError
            If `parts` is empty, the band counts, wavelengths or sources differ, or scenes give
            their classes different numbers.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm import PixelSamples
        >>> X = PixelSamples(np.ones((4, 4, 5)), [[0, 0], [1, 1]])
        >>> len(PixelSamples.concatenate([X, X[:1]]).cubes)
        1
        """
        if not parts:
            raise DataError("There is nothing to concatenate. Give at least one PixelSamples.")
        cubes: list[Any] = []
        scene_ids = []
        for part in parts:
            numbers = []
            for cube in part.cubes:
                same = (n for n, other in enumerate(cubes) if is_same_cube(other, cube))
                known = next(same, len(cubes))
                if known == len(cubes):
                    cubes.append(cube)
                numbers.append(known)
            scene_ids.append(np.array(numbers, dtype=np.intp)[part.scene_ids])
        coords = np.concatenate([part.coords for part in parts])
        named = [part.named_labels for part in parts if part.named_labels is not None]
        names = NamedLabels.joined(named) if named else None
        check_same_bands(cubes)
        return samples_over(
            tuple(cubes),
            coords,
            np.concatenate(scene_ids),
            names if len(named) == len(parts) else None,
            Channels.joined([part.channels for part in parts]),
        )


def samples_over(
    cubes: tuple[Any, ...],
    coords: NDArray[np.intp],
    scene_ids: NDArray[np.intp],
    named_labels: NamedLabels | None = None,
    channels: Channels = PixelSamples.channels,
) -> PixelSamples:
    """Make samples of cubes and positions that have been checked.

    Shapes: a cube (height, width, n_bands), `coords` (n_samples, 2), `scene_ids` (n_samples,).
    """
    samples = object.__new__(PixelSamples)
    samples.cubes, samples.coords, samples.scene_ids = cubes, coords, scene_ids
    samples.named_labels, samples.channels = named_labels, channels
    return samples


def pixels_of(cube: Any, coords: NDArray[np.intp]) -> PixelSamples:
    """Make samples of one cube and positions that have been checked."""
    return samples_over((cube,), coords, np.zeros(len(coords), dtype=np.intp))


def pixel_samples(
    cube: Any, labels: Any, unlabeled: Any = 0, *, class_names: Mapping[Any, str] | None = None
) -> tuple[PixelSamples, NDArray[Any]]:
    """Make samples and their labels from cubes and label maps.

    Parameters
    ----------
    cube : array of shape (height, width, n_bands), or a sequence of such arrays
        One scene or several with the same number of bands.
    labels : array of shape (height, width), or a sequence of such arrays
        One label map per scene, of numbers or strings. Masked pixels of a masked array have no
        label.
    unlabeled : int, float, str, list of these, or None, default=0
        Value of the label maps that stands for "no label"; its pixels, NaN included, are left out.
        A list names all such values, and all others are classes: with ``[0]``, so is a negative
        number. None: all pixels have a label.
    class_names : dict, default=None
        ``{label: name}``. A value with a name is a class, even if it looks like "no label".

    Returns
    -------
    X : PixelSamples of shape (n_samples, n_bands)
        The labeled pixels, scene by scene in row-major order.
    y : ndarray of shape (n_samples,)
        Their labels.

    Raises
    ------
    DataError
        If a cube is not 3-D or differs from its label map in height or width, the bands come first,
        a label is NaN or infinite, only one of the map and `unlabeled` is text, no pixel is
        labeled, or several values of the map may stand for "no label", such as 0 and -1.
    ParameterError
        If `unlabeled` is neither a value nor a list of values.

    Warns
    -----
    HSVLMWarning
        If a label looks like a fill value, such as 255; if 0 seems to be a class; or if half of
        the labeled pixels of a class have no data.

    Examples
    --------
    >>> from hsvlm import pixel_samples
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = pixel_samples(scene.cube, scene.labels)
    >>> X.shape == (int((scene.labels != 0).sum()), 30)
    True
    """
    cubes = as_cubes(cube)
    several = isinstance(labels, (list, tuple)) and len(labels) and np.ndim(labels[0]) == 2
    maps = labels if several else [labels]
    stated = cube if several and isinstance(cube, (list, tuple)) else [cube]
    if len(stated) == len(maps):
        maps = [aligned_labels(*pair) for pair in zip(maps, stated, strict=True)]
    maps = [as_label_map(label_map) for label_map in maps]
    if len(cubes) != len(maps):
        raise DataError(
            f"There are {len(cubes)} cubes and {len(maps)} label maps. Give one map per cube."
        )
    return labeled_samples(cubes, maps, unlabeled, class_names)


def labeled_samples(
    cubes: tuple[Any, ...],
    maps: list[NDArray[Any]],
    unlabeled: Any,
    class_names: Mapping[Any, str] | None,
) -> tuple[PixelSamples, NDArray[Any]]:
    """Take the labeled pixels of cubes and label maps that have been converted."""
    coords, scene_ids, y = [], [], []
    for number, (scene_cube, label_map) in enumerate(zip(cubes, maps, strict=True)):
        check_label_map(scene_cube, label_map)
        labeled = labeled_pixels(label_map, unlabeled)
        check_background(label_map, labeled, unlabeled, class_names)
        valid = valid_pixels(scene_cube)
        if valid is not None:
            _warn_of_lost_pixels(label_map, labeled, valid)
            labeled &= valid
        pixels = np.argwhere(labeled)
        coords.append(pixels)
        scene_ids.append(np.full(len(pixels), number))
        y.append(np.asarray(label_map)[pixels[:, 0], pixels[:, 1]])
    if len({labels.dtype.kind in "SU" for labels in y if labels.dtype.kind != "O"}) > 1:
        raise DataError(
            "Some label maps hold numbers and others strings. Give all of them the same kind."
        )
    if not sum(map(len, coords)):
        masked = "is masked or " if any(map(np.ma.is_masked, maps)) else ""
        raise DataError(
            f"No pixel is labeled: every value of the label map {masked}equals "
            f"unlabeled={unlabeled!r}.",
            "Check the map, or pass the value that really stands for background.",
            option_hint="Check the map, or give --unlabeled the value that stands for no label.",
        )
    return (
        samples_over(cubes, np.concatenate(coords), np.concatenate(scene_ids)),
        np.concatenate(y),
    )


def _warn_of_lost_pixels(
    label_map: NDArray[Any], labeled: NDArray[np.bool_], valid: NDArray[np.bool_]
) -> None:
    """Warn of classes without data at half of their pixels; raise if no pixel has data."""
    lost = labeled & ~valid
    n_lost = int(lost.sum())
    if not n_lost:
        return
    if not (labeled & valid).any():
        raise DataError(
            f"None of the {n_lost} labeled pixels has data, so no pixel can be a sample.",
            "Check the mask or the no-data value of the cube.",
        )
    values = np.asarray(label_map)
    labels = values[labeled].tolist()
    total, missing = Counter(labels), Counter(values[lost].tolist())
    listed = [
        f"{missing[label]} of {count} of class {label}"
        for label, count in total.items()
        if 2 * missing[label] >= count
    ]
    if listed:
        more = f", and of {len(listed) - 5} more classes" if len(listed) > 5 else ""
        problem = f"Labeled pixels without data are left out: {', '.join(listed[:5])}{more}."
        hint = "Check the mask or the no-data value of the cube, or the place of the label map."
        warnings.warn(HSVLMWarning(problem, hint), stacklevel=3)
