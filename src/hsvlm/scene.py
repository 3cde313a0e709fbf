"""Hold a cube with its labels, wavelengths and location."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import as_array, as_coefficients, as_scale
from hsvlm._data.channels import Channels
from hsvlm._data.class_table import ClassTable, extend_table, label_table, relabel
from hsvlm._data.cubes import as_cube
from hsvlm._data.label_maps import as_label_map, check_label_map, no_label
from hsvlm._data.labels import aligned_labels
from hsvlm._data.lazy import LazyCube, MappedCube, MaskedCube, ScaleBands
from hsvlm._data.named_labels import NamedLabels
from hsvlm._data.palette import label_colors
from hsvlm._data.rasters import Raster
from hsvlm._data.repeated import repeat_pixels
from hsvlm._data.sources import (
    SPECTRA,
    SourceDetails,
    checked_sources,
    describe_details,
    describe_sources,
    selected_sources,
    source_sizes,
)
from hsvlm._data.stacked import select_channels, stack_sources
from hsvlm._data.thumbnails import counted_labels, thumbnail
from hsvlm._data.wavelengths import checked_wavelengths
from hsvlm._reports.notebook import class_table, facts, picture, side_by_side
from hsvlm.exceptions import DataError, UnknownNameError
from hsvlm.samples import PixelSamples, pixel_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Raster", "Scene", "common_classes"]

# A part of the labels with a few corrections still has the numbering of the scene.
_MIN_SHARED_LABELS = 0.9


@dataclass(frozen=True, eq=False, repr=False)
class Scene:
    """A cube with its label map, class names, wavelengths and location on the ground.

    Parameters
    ----------
    cube : array of shape (height, width, n_bands)
        Radiance, reflectance or counts, of any numeric dtype: an array, a memory map, or a cube of
        :func:`hsvlm.io.read_scene`, which is read where it is indexed. Pixels of a masked array
        that are masked in any band are not valid.
    labels : ndarray of shape (height, width), default=None
        Label of each pixel; `unlabeled` stands for "no label".
    class_names : dict, default={}
        ``{label: name}``.
    wavelengths_nm : array-like of shape (n_bands,), default=None
        Band centers in nanometers, in any order, stored as float64; 0 or NaN if unknown.
    name : str, default=""
        Name of the scene.
    citation : str, default=""
        How to cite the data, and their license.
    class_colors : dict, default={}
        ``{label: color}`` as ``"#rrggbb"``.
    band_names : sequence of str, default=()
        One name per band, or none.
    bad_bands : array-like of shape (n_bands,), dtype bool, default=None
        True for bands that should not be used. None: unknown.
    valid : array-like of shape (height, width), dtype bool, default=None
        False for pixels without data. None: all pixels have data.
    crs : str or object with ``to_wkt``, default=None
        Coordinate reference system, stored as text: WKT, or a name such as ``"EPSG:32616"``.
    transform : sequence of 6 floats, default=None
        Affine coefficients (a, b, c, d, e, f), as in an ``affine.Affine``: the upper left corner
        of the pixel at (row, column) lies at x = a * column + b * row + c,
        y = d * column + e * row + f, in units of `crs`.
    text_classes : bool, default=False
        True if the labels were text and the reader assigned their numbers, which then have no
        meaning in other files.
    groups : ndarray of shape (height, width), dtype int, default=None
        Group of each labeled pixel, such as its polygon, for splits that keep groups together; 0
        for none.
    unlabeled : int, float or str, default=0
        Value of `labels` that stands for "no label".
    scale : array-like of shape (n_bands, 2) or (2,), default=None
        Factor and offset of each band, or of all: `factor * value + offset` is the physical
        quantity. Only :meth:`apply_scale` applies them; values of bands or scenes with different
        factors cannot be compared. None: unknown.
    sources : dict of slices, default=None
        Channels of each source of a stacked cube, the spectra first. None: the cube holds spectra
        alone. `auxiliary` sets them.
    reach : int, default=0
        How far beyond its own pixel a value looks, in pixels, such as 1 for means of 3 x 3 pixels.
    source_details : dict, default={}
        ``{name: details}``, with the `unit`, `resampling` and `ratio` of a :class:`Raster`.
        `auxiliary` sets them; saved models keep them.
    auxiliary : dict of :class:`Raster`, default=None
        ``{name: raster}``: further sources on the grid of the cube, such as ``{"lidar": heights}``,
        whose channels are stacked behind the bands; they are read where they are indexed. Arrays
        of shape (height, width) or (height, width, n_channels) will do. They have no wavelength,
        and a pixel is valid if it is in every source. ``dataclasses.replace(scene,
        auxiliary=...)`` adds them to a scene.

    Raises
    ------
    DataError
        If the cube is not 3-D, another attribute does not match its pixels or bands, a wavelength
        is negative or infinite, or a raster lies on another grid than the cube.

    Warns
    -----
    HSVLMWarning
        If wavelengths look like micrometers.

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
    class_colors: dict[Any, str] = field(default_factory=dict)
    band_names: tuple[str, ...] = ()
    bad_bands: NDArray[np.bool_] | None = None
    valid: NDArray[np.bool_] | None = None
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    text_classes: bool = False
    groups: NDArray[Any] | None = None
    unlabeled: Any = 0
    scale: NDArray[np.float64] | None = None
    sources: dict[str, slice] | None = None
    reach: int = 0
    source_details: dict[str, SourceDetails] = field(default_factory=dict)
    auxiliary: InitVar[Mapping[str, Any] | None] = None

    def __post_init__(self, auxiliary: Mapping[str, Any] | None) -> None:
        source = self.cube
        is_masked = np.ma.is_masked(source)
        self._convert("cube", lambda cube: as_cube(np.ma.getdata(cube) if is_masked else cube))
        shape = self.cube.shape
        for name, what in (
            ("labels", "label map"),
            ("valid", "mask `valid`"),
            ("groups", "map of groups"),
        ):
            values = getattr(self, name)
            if values is not None:
                values = aligned_labels(values, source)
                object.__setattr__(self, name, values)
                check_label_map(self.cube, np.empty(np.shape(values), dtype=bool), what)
        self._check_bands(shape[2])
        self._convert("labels", as_label_map)
        self._convert("wavelengths_nm", checked_wavelengths)
        self._convert("bad_bands", lambda values: _mask(values, "bad_bands"))
        self._convert("groups", _whole_groups)
        self._convert("valid", lambda values: _mask(values, "valid"))
        if is_masked:
            unmasked = ~np.ma.getmaskarray(source).any(axis=2)
            valid = unmasked if self.valid is None else unmasked & self.valid
            object.__setattr__(self, "valid", valid)
        self._convert("band_names", lambda values: tuple(map(str, values)))
        self._convert("crs", lambda crs: crs.to_wkt() if hasattr(crs, "to_wkt") else str(crs))
        self._convert("transform", as_coefficients)
        self._convert("scale", lambda values: as_scale(values, shape[2]))
        self._convert("sources", lambda sources: checked_sources(sources, shape[2]))
        if auxiliary:
            for name, value in stack_sources(self, auxiliary).items():
                object.__setattr__(self, name, value)

    def _check_bands(self, n_bands: int) -> None:
        per_band = {
            "wavelengths_nm": "one band center in nanometers per band",
            "bad_bands": "True or False per band",
            "band_names": "one name per band, or none",
        }
        for name, hint in per_band.items():
            values = getattr(self, name)
            if values is None or (name == "band_names" and not len(values)):
                continue
            if np.shape(values) != (n_bands,):
                raise DataError(
                    f"The cube has {n_bands} bands, but {name} has shape {np.shape(values)}. "
                    f"Give {hint}."
                )

    def _convert(self, name: str, function: Callable[[Any], Any]) -> None:
        # A frozen dataclass cannot be set up in another way.
        if getattr(self, name) is not None:
            object.__setattr__(self, name, function(getattr(self, name)))

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.cube.shape[2])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.cube.shape[0]), int(self.cube.shape[1])

    def masked_cube(self) -> Any:
        """Return the cube for samples and estimators.

        Returns
        -------
        array of shape (height, width, n_bands)
            The cube itself if all pixels are valid, or else the cube with its mask: invalid pixels
            are not samples, and windows see zeros there, as beyond the border with
            `padding="zero"`.
        """
        return self.cube if self.valid is None else MaskedCube(self.cube, self.valid)

    def samples(
        self, labels: NDArray[Any] | None = None, unlabeled: Any = 0
    ) -> tuple[PixelSamples, NDArray[Any]]:
        """Return the valid pixels with a label.

        Parameters
        ----------
        labels : ndarray of shape (height, width), default=None
            Label map to use instead of that of the scene.
        unlabeled : int, float, str, list of these, or None, default=0
            See :func:`hsvlm.pixel_samples`. If `labels` is None, 0 means the value of the scene.

        Returns
        -------
        X : PixelSamples of shape (n_samples, n_bands)
            The pixels, with the class names and wavelengths of the scene.
        y : ndarray of shape (n_samples,)
            Their labels.

        Raises
        ------
        DataError
            If there is no label map, or no valid pixel has a label.

        Examples
        --------
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> X, y = make_synthetic_scene(random_state=0).samples()
        >>> len(X) == len(y)
        True
        """
        chosen = self.labels if labels is None else labels
        if chosen is None:
            raise DataError("The scene has no label map. Pass one: scene.samples(labels).")
        if labels is None and isinstance(unlabeled, int) and unlabeled == 0:
            unlabeled = self.unlabeled
        X, y = pixel_samples(self.masked_cube(), chosen, unlabeled, class_names=self.class_names)
        X.channels = Channels(self.wavelengths_nm, self.sources, self.reach, self.source_details)
        if self.class_names and (labels is None or self._shares_labels(X, y)):
            X.named_labels = NamedLabels(y.copy(), dict(self.class_names), self.text_classes)
        return X, y

    def _shares_labels(self, X: PixelSamples, y: NDArray[Any]) -> bool:
        """Tell whether labels are those of the scene, except for a few corrections."""
        if self.labels is None:
            return False
        own = self.labels[X.coords[:, 0], X.coords[:, 1]]
        labeled = own != self.unlabeled
        return bool(labeled.any() and np.mean(own[labeled] == y[labeled]) >= _MIN_SHARED_LABELS)

    def sample_groups(self, labels: NDArray[Any] | None = None, unlabeled: Any = 0) -> NDArray[Any]:
        """Return the groups of the samples of :meth:`samples`, in the same order.

        Parameters
        ----------
        labels, unlabeled
            See :meth:`samples`.

        Returns
        -------
        ndarray of shape (n_samples,)
            The `groups` of a scikit-learn splitter, such as ``GroupKFold``.

        Raises
        ------
        DataError
            If the scene has no groups, or a sample has none.

        Notes
        -----
        Two scenes may use the same numbers: add an offset before you join their groups.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> scene = make_synthetic_scene(random_state=0)
        >>> scene = replace(scene, groups=scene.labels + 1)
        >>> X, y = scene.samples()
        >>> len(scene.sample_groups()) == len(y)
        True
        """
        if self.groups is None:
            problem = "The scene has no groups."
            hint = "Give Scene(groups=...), or read labels with a group_column."
            raise DataError(problem, hint, option_hint="Give --group-column.")
        X, _ = self.samples(labels, unlabeled)
        groups = self.groups[X.coords[:, 0], X.coords[:, 1]]
        missing = int((groups == 0).sum())
        if missing:
            raise DataError(
                f"{missing} of {len(groups)} samples have no group (0).",
                "Give a group to each labeled pixel.",
            )
        return groups

    def select_bands(self, bands: ArrayLike) -> Scene:
        """Select bands.

        Parameters
        ----------
        bands : array-like of int or bool
            Band numbers, counted from 0, in the new order; or a mask, for example
            ``~scene.bad_bands``.

        Returns
        -------
        Scene
            The scene with these bands; a memory-mapped or file-backed cube is not read.

        Raises
        ------
        DataError
            If no band is selected, or a band does not exist.

        Examples
        --------
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> make_synthetic_scene(random_state=0).select_bands([0, 5]).wavelengths_nm
        array([400.        , 762.06896552])
        """
        index = np.asarray(bands)
        if index.dtype == bool:
            self._check_mask(index)
            index = np.flatnonzero(index)
        if index.ndim != 1 or not index.size or index.dtype.kind not in "iu":
            raise DataError(f"Select at least one band by number or mask, got {bands!r}.")
        if index.min() < 0 or index.max() >= self.n_bands:
            raise DataError(
                f"Bands are numbered from 0 to {self.n_bands - 1}, got {index.min()} to "
                f"{index.max()}."
            )
        per_band: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[index]
            for name in ("wavelengths_nm", "bad_bands", "scale")
        }
        if self.sources is not None:
            sources = selected_sources(index, self.sources)
            details = self.source_details.items()
            per_band["sources"] = sources
            per_band["source_details"] = {k: v for k, v in details if k in (sources or {})}
        return replace(
            self,
            cube=select_channels(self.cube, index),
            band_names=tuple(self.band_names[band] for band in index) if self.band_names else (),
            **per_band,
        )

    def select_sources(self, names: Sequence[str]) -> Scene:
        """Select sources of a stacked cube.

        Parameters
        ----------
        names : sequence of str
            Names of `sources`, in the new order.

        Returns
        -------
        Scene
            The scene with the channels of these sources.

        Raises
        ------
        UnknownNameError
            If the scene has no source of a name.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm import Scene
        >>> scene = Scene(np.zeros((2, 2, 3)), auxiliary={"lidar": np.ones((2, 2))})
        >>> scene.sources
        {'spectra': slice(0, 3, None), 'lidar': slice(3, 4, None)}
        >>> scene.select_sources(["lidar"]).cube.shape
        (2, 2, 1)
        """
        sources = self.sources or {SPECTRA: slice(0, self.n_bands)}
        for name in names:
            if name not in sources:
                raise UnknownNameError.for_name("source", name, list(sources))
        channels = np.arange(self.n_bands)
        return self.select_bands(np.concatenate([channels[sources[name]] for name in names]))

    def on_grid_of(self, raster: Any) -> Scene:
        """Repeat the pixels on the finer grid of a raster.

        Where labels were drawn on a sharper image than the cube, its grid becomes that of the
        scene; :func:`hsvlm.io.align` does the opposite, and keeps the pixels of the cube.

        Parameters
        ----------
        raster : Raster, Scene or array of shape (height, width) or (height, width, n_channels)
            Its height and width are the same whole multiple of those of the scene, and both cover
            the same area. Its values are not read: pass the raster as `auxiliary` to add them.

        Returns
        -------
        Scene
            The scene with ratio x ratio pixels for each of its own. The cube is read where it is
            indexed; labels, groups and valid pixels are repeated too. `reach` counts the
            repetition, since pixels of a square have the same spectrum: training and test pixels
            need as much more distance.

        Raises
        ------
        DataError
            If the sizes do not fit, or both state their place and these differ.

        Examples
        --------
        >>> from dataclasses import replace
        >>> import numpy as np
        >>> from hsvlm import Scene
        >>> scene = Scene(np.arange(6.0).reshape(1, 2, 3))
        >>> labels = np.array([[1, 1, 2, 2], [1, 2, 2, 2]])
        >>> fine = replace(scene.on_grid_of(labels), labels=labels)
        >>> fine.cube[0, [1, 2]]
        array([[0., 1., 2.],
               [3., 4., 5.]])
        >>> fine.reach
        1
        """
        given = raster if isinstance(raster, (Raster, Scene)) else Raster(raster)
        return replace(self, **repeat_pixels(self, given))

    def apply_scale(self) -> Scene:
        """Convert the stored values to the physical quantity, by the factors in `scale`.

        Returns
        -------
        Scene
            The scene itself if it has no scale. Otherwise the cube is float32, or float64 if its
            values need it, and `scale` is None; a memory-mapped or file-backed cube is not read.

        Examples
        --------
        >>> import numpy as np
        >>> from hsvlm import Scene
        >>> scene = Scene(np.full((1, 1, 2), 5000, np.int16), scale=[[1e-4, 0], [1e-4, 0.25]])
        >>> scene.apply_scale().cube
        array([[[0.5 , 0.75]]], dtype=float32)
        """
        if self.scale is None:
            return self
        scaling = ScaleBands(self.cube.dtype, self.scale)
        lazy = isinstance(self.cube, (LazyCube, np.memmap))
        cube = MappedCube(self.cube, scaling) if lazy else scaling(np.asarray(self.cube))
        return replace(self, cube=cube, scale=None)

    def _check_mask(self, mask: NDArray[np.bool_]) -> None:
        if mask.shape != (self.n_bands,):
            raise DataError(f"A mask of bands has shape ({self.n_bands},), got {mask.shape}.")

    def __repr__(self) -> str:
        height, width = self.shape
        parts = [f"{self.name!r}", f"{height} x {width} pixels", self._bands()]
        if self._span():
            low, high = self._span()
            parts[-1] += f" from {low:.0f} to {high:.0f} nm"
        parts.append(str(self.cube.dtype))
        if self.class_names:
            parts.append(f"{len(self.class_names)} classes")
        return f"Scene({', '.join(parts)})"

    def _span(self) -> tuple[float, ...]:
        if self.wavelengths_nm is None:
            return ()
        known = self.wavelengths_nm[self.wavelengths_nm > 0]
        return (float(known.min()), float(known.max())) if known.size else ()

    def _bands(self) -> str:
        if self.sources is not None and len(self.sources) > 1:
            return describe_sources(source_sizes(self.sources))
        return f"{self.n_bands} band{'s' if self.n_bands > 1 else ''}"

    def _repr_html_(self) -> str:
        counts = (None if self.labels is None else counted_labels(self.labels)) or {}
        lines = replace(self, labels=None).summary()
        if self.unlabeled in counts:
            lines["pixels without a label"] = f"{counts.pop(self.unlabeled):,}"
        image = thumbnail(self.masked_cube(), self.wavelengths_nm, self.bad_bands)
        shown = picture(image, "Three bands of the scene")
        colors = [str(color) for color in label_colors(counts, self.class_colors).values()]
        classes = class_table("pixels", counts, self.class_names, colors)
        return side_by_side(shown, facts(lines), classes)

    def summary(self) -> dict[str, str]:
        """Describe the scene in words.

        Returns
        -------
        dict of str
            Description by property; unknown properties are left out.

        Examples
        --------
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> make_synthetic_scene(random_state=0).summary()["size"]
        '32 x 32 pixels, 30 bands'
        """
        height, width = self.shape
        size = self.cube.dtype.itemsize * height * width * self.n_bands
        lines = {
            "name": self.name,
            "size": f"{height} x {width} pixels, {self._bands()}",
            "values": f"{self.cube.dtype}, {size / 1e6:,.1f} MB",
        }
        lines["sources"] = "; ".join(describe_details(self.source_details))
        if self.scale is not None:
            lines["scale"] = _scale_in_words(self.scale)
        if self._span():
            low, high = self._span()
            lines["wavelengths"] = f"{low:.1f} to {high:.1f} nm"
        if self.bad_bands is not None:
            lines["bad bands"] = str(int(self.bad_bands.sum()))
        if self.valid is not None:
            lines["valid pixels"] = f"{int(self.valid.sum()):,} of {self.valid.size:,}"
        if self.labels is not None:
            values, counts = np.unique(self.labels, return_counts=True)
            names = {**self.class_names, self.unlabeled: "no label"}
            lines["labels"] = ", ".join(
                f"{names.get(value, value)}: {count:,}"
                for value, count in zip(values.tolist(), counts.tolist(), strict=True)
            )
        if self.crs is not None:
            # The first text in quotes of a WKT is its name.
            lines["CRS"] = self.crs.split('"')[1] if '"' in self.crs else self.crs
        if self.groups is not None:
            lines["groups"] = f"{np.unique(self.groups[self.groups > 0]).size:,}"
        if self.transform is not None:
            a, b, c, d, e, f = self.transform
            lines["pixel size"] = f"{np.hypot(a, d):g} x {np.hypot(b, e):g} units of the CRS"
            lines["upper left corner"] = f"({c:.10g}, {f:.10g})"
        lines["citation"] = self.citation
        return {name: value for name, value in lines.items() if value}


def common_classes(scenes: Sequence[Scene]) -> list[Scene]:
    """Number the classes of several scenes alike.

    Classes are the same if they have the same name, except for case and spacing; numbers decide
    only where a scene has no names.

    Parameters
    ----------
    scenes : sequence of Scene
        Each with labels, or with class names.

    Returns
    -------
    list of Scene
        The same scenes with the numbers of the first, extended by classes of the others; each has
        the names and colors of all classes.

    Raises
    ------
    DataError
        If one name stands for two classes of a scene, or one scene has text labels and another
        numbers without names.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm import Scene
    >>> from hsvlm.scene import common_classes
    >>> cube = np.ones((1, 2, 3))
    >>> first = Scene(cube, np.array([[1, 2]]), {1: "oats", 2: "soil"})
    >>> second = Scene(cube, np.array([[1, 2]]), {1: "Soil", 2: "water"})
    >>> _, second = common_classes([first, second])
    >>> second.labels.tolist(), second.class_names
    ([[2, 3]], {1: 'oats', 2: 'soil', 3: 'water'})
    """
    table = ClassTable("the scenes before", ())
    codes = []
    for number, scene in enumerate(scenes):
        theirs = label_table(scene, f"the labels of {scene.name or f'scene {number + 1}'}")
        table, code = extend_table(table, theirs) if number else (theirs, {})
        codes.append(code)
    values = [entry.value for entry in table.entries]
    # The value for "no label" in one scene may be a class of another.
    unlabeled = no_label(np.array(values)) if values else 0
    names = {entry.value: entry.name for entry in table.entries if entry.name is not None}
    colors = {entry.value: entry.color for entry in table.entries if entry.color is not None}
    return [
        replace(
            scene,
            labels=None
            if scene.labels is None
            else relabel(scene.labels, {scene.unlabeled: unlabeled, **code}),
            class_names=dict(names),
            class_colors=dict(colors),
            text_classes=not table.numbered,
            unlabeled=unlabeled,
        )
        for scene, code in zip(scenes, codes, strict=True)
    ]


def _mask(values: Any, name: str) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" or not np.isin(array, (0, 1)).all():
        raise DataError(
            f"{name} must hold True or False everywhere, got {array.dtype}: {values!r}."
        )
    return array.astype(bool)


def _whole_groups(values: Any) -> NDArray[Any]:
    array = as_array(values, "groups")
    if array.dtype.kind not in "biu" or (array.size and int(array.min()) < 0):
        raise DataError(
            f"groups must hold whole numbers from 0, got {array.dtype}.",
            "Number the groups from 1, with 0 for none.",
        )
    return array.astype(np.int64) if array.dtype.kind == "b" else array


def _scale_in_words(scale: NDArray[np.float64]) -> str:
    """Describe the factors and offsets of the stored values."""
    if (scale != scale[0]).any():
        return (
            f"differs between bands: times {scale[:, 0].min():g} to {scale[:, 0].max():g}, plus "
            f"{scale[:, 1].min():g} to {scale[:, 1].max():g} (not applied)"
        )
    factor, offset = scale[0]
    plus = f" plus {offset:g}" if offset else ""
    return f"times {factor:g}{plus} (not applied)"
