"""Maps of scenes: labels, legend, files and reports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.class_table import present_labels
from hsvlm._data.label_maps import labeled_pixels, no_label
from hsvlm._system.files import file_error
from hsvlm._system.pages import check_page_path, write_page
from hsvlm.exceptions import DataError
from hsvlm.io import read_labels, read_scene
from hsvlm.io.areas import Ground, areas_by_number
from hsvlm.io.classes import printable_name
from hsvlm.mapping._accuracy import map_accuracy
from hsvlm.mapping._legend import MapClass, class_codes, code_counts, label_dtype
from hsvlm.mapping._notebook import map_html
from hsvlm.mapping._page import class_prompts, map_page
from hsvlm.mapping._page_map import LegendEntry, MapContent
from hsvlm.mapping._polygons import checked_polygon_target, write_polygons
from hsvlm.mapping._report import AreaReport, ClassArea, ReferenceUse, accuracy_notes
from hsvlm.mapping._stac import MapAssets, checked_item_target, write_item
from hsvlm.mapping._xarray import map_dataset
from hsvlm.mapping.reference import (
    in_labels_of_map,
    match_reference,
    refuse_other_place,
    sampled_reference,
)
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm._data.class_table import ClassMatch
    from hsvlm.mapping._model import ModelSummary
    from hsvlm.mapping._training import TrainingLookup
    from hsvlm.scene import Scene


def _raster(values: NDArray[np.float32] | None, path: Path | None) -> Any:
    """Return a raster (height, width, n_bands) that is in memory or in a file; None without."""
    if values is not None:
        return values if values.ndim == 3 else values[..., None]
    return None if path is None else read_scene(path).cube


@dataclass(frozen=True, eq=False, repr=False)
class SceneMap:
    """The map that a classifier makes of a scene.

    Attributes
    ----------
    scene : Scene
        The mapped scene, with the georeference of the map.
    classes : ndarray of shape (n_classes,)
        Labels, in the order of the classifier.
    class_names : dict
        ``{label: name}`` of each class.
    class_colors : dict
        ``{label: color}`` of each class, as ``"#rrggbb"``.
    counts : dict
        ``{label: number of pixels}`` of each class.
    mean_confidence : dict or None
        ``{label: mean probability of the class over its pixels}``, NaN for classes without
        pixels; None where probabilities were not computed.
    path, probabilities_path, entropy_path : Path or None
        The files that were written.
    probabilities : ndarray of shape (height, width, n_classes), float32, or None
        If they are kept in memory; NaN for pixels without data.
    entropy : ndarray of shape (height, width), float32, or None
        Shannon entropy over its maximum, in [0, 1], if it is kept in memory; NaN for pixels
        without data.
    values : ndarray of shape (height, width), uint8 or uint16, or None
        The map as numbers, see :attr:`numbers`, if it is kept in memory.
    text_classes : bool
        Whether the labels were assigned to text by a reader; see :class:`hsvlm.Scene`.
    training : TrainingLookup or None
        Finds :attr:`trained_pixels`; None if the classifier does not know its training data.
    model : ModelSummary or None
        Kind, digest and prompts of the classifier, for :meth:`to_stac`; None if the map is in
        memory.

    See Also
    --------
    predict_scene : Makes the map.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene)
    >>> scene_map.label_map.shape, sum(scene_map.counts.values())
    ((32, 32), 1024)
    >>> scene_map.area_report(scene.labels).accuracy.overall > 0.9
    True
    """

    scene: Scene
    classes: NDArray[Any]
    class_names: dict[Any, str]
    class_colors: dict[Any, str]
    counts: dict[Any, int]
    mean_confidence: dict[Any, float] | None
    path: Path | None = None
    probabilities_path: Path | None = None
    entropy_path: Path | None = None
    probabilities: NDArray[np.float32] | None = None
    entropy: NDArray[np.float32] | None = None
    values: NDArray[Any] | None = None
    text_classes: bool = False
    training: TrainingLookup | None = None
    model: ModelSummary | None = None

    @property
    def numbers(self) -> dict[Any, int]:
        """``{label: number in the file}``: the label itself, or else its place from 1 on.

        If all labels are whole numbers from 1 to 65535, they are the numbers; otherwise classes
        are numbered from 1. 0 stands for "no data".
        """
        numbers = class_codes(self.classes).tolist()
        return dict(zip(self.classes.tolist(), numbers, strict=True))

    @property
    def unlabeled(self) -> Any:
        """Value of :attr:`label_map` for pixels without data.

        0 or, where 0 is a class, a negative number; an empty string where labels are strings.
        """
        return no_label(self.classes)

    @cached_property
    def label_map(self) -> NDArray[Any]:
        """Label of each pixel, shape (height, width); read from the file if there is one."""
        codes = class_codes(self.classes)
        labels = np.full(codes.max() + 1, self.unlabeled, dtype=label_dtype(self.classes))
        labels[codes] = self.classes
        return np.asarray(labels[self._codes()])

    @cached_property
    def trained_pixels(self) -> NDArray[np.int64] | None:
        """Rows and columns of the pixels that the classifier was trained on, shape (n_pixels, 2).

        Empty if the scene is not a training scene, by its size and spectra; None if the training
        scenes are unknown. A few rows of the scene are read.
        """
        return None if self.training is None else self.training.trained_pixels()

    def _codes(self) -> NDArray[Any]:
        if self.path is None:
            return np.asarray(self.values)
        values = read_labels(self.path, self.scene).labels
        if code_counts(values, class_codes(self.classes)) != list(self.counts.values()):
            problem = "it no longer holds the map that was made"
            raise file_error(self.path, problem, "Make it again, or write each to its own file.")
        return values

    def area_report(self, reference: Any = None, *, unlabeled: Any = 0) -> AreaReport:
        """Report areas, confidence and, with a reference, accuracies.

        Areas are in pixels and, where the scene has a georeference, in hectares: measured in the
        grid of a projection, or on the ellipsoid of geographic coordinates. A reference gives
        accuracies and error-adjusted areas with 95 % intervals; see :func:`map_accuracy` for the
        sample that this requires. Reference pixels that the classifier was trained on are left
        out and counted, as far as they are known.

        Parameters
        ----------
        reference : array of shape (height, width), LabelMap, Scene, or tuple of PixelSamples and \
labels, default=None
            True labels of some pixels. Pixels without data are ignored. Classes of a LabelMap or
            a Scene are matched with those of the map by name; other labels must be those of the
            classifier.
        unlabeled : int, float, str or None, default=0
            Value of a reference map that stands for "no label"; 0 means that of a LabelMap or
            Scene.

        Returns
        -------
        AreaReport
            Prints as text; see its methods for tables, Markdown, HTML and dict.

        Raises
        ------
        DataError
            If the reference does not cover the scene, has classes that the map does not have, or
            no label on a mapped pixel, lies elsewhere, or is of several scenes; or the coordinate
            reference system is not understood.
        FileError
            If the file of the map cannot be read, or holds another map by now.
        MissingDependencyError
            If there is a georeference and pyproj is not installed.

        See Also
        --------
        map_accuracy : The estimator, and the sample that it requires.
        """
        values = self._codes()
        codes = class_codes(self.classes)
        ground = Ground(self.scene)
        mapped = [float(count) for count in self.counts.values()]
        if ground.known:
            mapped = areas_by_number(values, ground, int(codes.max()) + 1)[codes].tolist()
        confidence = self.mean_confidence or {}
        rows = [
            ClassArea(
                label,
                self.class_names[label],
                count,
                area / sum(mapped),
                area if ground.known else None,
                confidence.get(label) if count else None,
            )
            for (label, count), area in zip(self.counts.items(), mapped, strict=True)
        ]
        notes = [ground.note, *self._number_notes()]
        accuracy = use = None
        if reference is not None:
            positions, truth, absent = self._find_reference(values, reference, unlabeled)
            notes += absent
            positions, truth, use = self._without_trained(positions, truth)
            if len(truth):
                accuracy = map_accuracy(self._confusion(values.flat[positions], truth), mapped)
            notes += accuracy_notes(use, accuracy, list(self.class_names.values()), mapped)
        height, width = self.scene.shape
        missing = height * width - sum(self.counts.values())
        return AreaReport(tuple(rows), missing, accuracy, tuple(notes), use)

    def to_xarray(self) -> Any:
        """Return the map as a dataset of xarray, with its place on the ground.

        Returns
        -------
        xarray.Dataset
            ``label`` (y, x), with the classes as ``flag_values`` and ``flag_meanings`` of the CF
            conventions and :attr:`unlabeled` as ``_FillValue``; and, where they are kept in memory,
            ``probability`` (y, x, class) and ``entropy`` (y, x), NaN for pixels without data. A
            georeference gives ``spatial_ref``, and coordinates of pixel centers if it is not
            rotated.

        Raises
        ------
        MissingDependencyError
            If xarray is not installed, or pyproj for a scene with a georeference.

        Examples
        --------
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> scene = make_synthetic_scene(random_state=0)
        >>> X, y = scene.samples()
        >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene, probabilities=True)
        >>> dataset = scene_map.to_xarray()
        >>> list(dataset), dataset["probability"].sel({"class": 3}).shape
        (['label', 'probability'], (32, 32))
        """
        return map_dataset(
            self.scene,
            self.label_map,
            {label: self.class_names[label] for label in self.classes.tolist()},
            self.unlabeled,
            self.probabilities,
            self.entropy,
        )

    def save_report(
        self,
        path: str | PathLike[str],
        *,
        classifier: Any = None,
        reference: Any = None,
        unlabeled: Any = 0,
        recipe: str = "",
        title: str | None = None,
    ) -> Path:
        """Write the map and its report as an HTML page that opens from disk, without a connection.

        The page shows the map over the scene, with layers, a legend, and the probabilities and the
        spectrum of the pixel that a reader chooses; areas and accuracies; and what is known of the
        classifier. The scene is read in strips of rows, twice if it is large. Maps of more than
        4,000,000 pixels are thinned, and spectra of large scenes are reconstructed from principal
        components; the page states both, and how exact the spectra are. It stays below 20 MB.

        Anyone who has the page can read spectra and labels from it.

        Parameters
        ----------
        path : path
            File to write, ending in ``.html``. Pages of this package are replaced.
        classifier : classifier, default=None
            What made the map: the page then has the prompts of the classes and describes the
            training.
        reference : array, LabelMap, Scene, or tuple of PixelSamples and labels, default=None
            True labels of some pixels; see :meth:`area_report`. The page compares them with the
            map, pixel by pixel.
        unlabeled : int, float, str or None, default=0
            Value of a reference map that stands for "no label".
        recipe : str, default=""
            Text that tells how to repeat the map, shown at the end.
        title : str, default=None
            Title of the page; None takes the name of the scene.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        FileError
            If the file cannot be written, or is there and not a page of this package.
        DataError
            If the reference is refused by :meth:`area_report`.

        See Also
        --------
        predict_scene : With ``probabilities=True`` or a path, the page shows probabilities.

        Examples
        --------
        >>> import tempfile
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> scene = make_synthetic_scene(random_state=0)
        >>> X, y = scene.samples()
        >>> clf = GaussianNB().fit(X, y)
        >>> scene_map = predict_scene(clf, scene, probabilities=True)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     page = scene_map.save_report(f"{folder}/map.html", reference=scene)
        ...     page.stat().st_size < 1e6
        True
        """
        check_page_path(path)
        areas = self.area_report(reference, unlabeled=unlabeled)
        content = self._content(areas, classifier, reference, unlabeled)
        return write_page(path, map_page(content, areas, classifier, recipe, title))

    def _content(
        self, areas: AreaReport, classifier: Any, reference: Any, unlabeled: Any
    ) -> MapContent:
        """Collect what a page shows of the map."""
        numbers = self._codes()
        dtype = np.min_scalar_type(len(self.classes))
        places = np.zeros(int(class_codes(self.classes).max()) + 1, dtype=dtype)
        places[class_codes(self.classes)] = np.arange(1, len(self.classes) + 1)
        labels = None
        if reference is not None:
            positions, truth, _ = self._find_reference(numbers, reference, unlabeled)
            order = {label: place for place, label in enumerate(self.classes.tolist(), start=1)}
            labels = np.zeros(numbers.shape, dtype=dtype)
            labels.flat[positions] = [order[label] for label in truth.tolist()]
        prompts = class_prompts(classifier)
        legend = [
            LegendEntry(
                entry.name,
                self.class_colors[entry.label],
                entry.pixels,
                "" if entry.hectares is None else f"{entry.hectares:,.2f} ha",
                prompts.get(entry.label, ()),
            )
            for entry in areas.classes
        ]
        return MapContent(
            self.scene,
            places[numbers],
            legend,
            _raster(self.probabilities, self.probabilities_path),
            _raster(self.entropy, self.entropy_path),
            labels,
            self.trained_pixels,
        )

    def _find_reference(
        self, values: NDArray[Any], reference: Any, unlabeled: Any
    ) -> tuple[NDArray[np.intp], NDArray[Any], list[str]]:
        """Find the labeled pixels of the map: flat positions, their labels, and notes."""
        notes: list[str] = []
        if hasattr(reference, "class_names"):
            refuse_other_place(self.scene, reference)
            match = match_reference(
                reference, self.classes, self.class_names, numbered=not self.text_classes
            )
            notes = self._absent_notes(match, reference)
            reference, unlabeled = in_labels_of_map(reference, match, unlabeled), None
        return (*self._mapped_reference(values, reference, unlabeled), notes)

    def to_polygons(self, path: str | PathLike[str], *, sieve: int = 0) -> Path:
        """Write the connected pixels of each class as polygons to a GeoPackage.

        Pixels are connected if they share a side. The layer ``classes`` has a polygon for each
        patch, with these columns: ``value``, the number of the class in the map; ``name`` and
        ``color``; ``pixels``; ``area_ha``, its area in hectares, if the scene has a projected or
        geographic reference system; and ``probability``, the mean probability of the class over
        the patch, if the map has probabilities. The file holds a style, with which QGIS shows the
        polygons in the colors of the classes.

        Parameters
        ----------
        path : path
            File that ends in ``.gpkg``. It is replaced once the new one is complete.
        sieve : int, default=0
            Patches of fewer pixels take the class of their largest neighbor. 0 keeps all: the
            polygons are then the map itself.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        FileError, MissingFileError
            If `path` has another suffix, its folder does not exist, or it cannot be written.
        ParameterError
            If `sieve` is not a whole number of at least 0.
        DataError
            If the coordinate reference system of the scene is not understood.
        MissingDependencyError
            If rasterio or geopandas is not installed.

        Notes
        -----
        The map is in memory as a whole, with about 12 bytes per pixel; polygons are written in
        groups of 20,000. Scenes without a reference system keep the coordinates of their
        transform; without a transform, coordinates are columns and negative rows of pixels from
        the upper left corner, as GIS software shows such a raster. The description of the layer
        says so.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> scene = make_synthetic_scene(random_state=0)
        >>> X, y = scene.samples()
        >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene)
        >>> path = scene_map.to_polygons(Path(tempfile.mkdtemp(), "fields.gpkg"), sieve=4)
        >>> import geopandas
        >>> int(geopandas.read_file(path, layer="classes").pixels.sum())
        1024
        """
        target = checked_polygon_target(path, sieve)
        rows = _raster(self.probabilities, self.probabilities_path)
        write_polygons(target, self._codes(), self.scene, self._map_classes(), rows, sieve)
        return target

    def to_stac(
        self,
        path: str | PathLike[str],
        *,
        acquired: datetime | None = None,
        assets: Mapping[str, str | PathLike[str]] | None = None,
    ) -> Path:
        """Describe the files of the map as an item of a SpatioTemporal Asset Catalog.

        The item [1]_ is a JSON file that catalogs, and software that searches them, can read: the
        outline of the scene in longitude and latitude, its grid (projection extension), value,
        name, color, number of pixels and prompts of each class (classification extension), and
        version and digest of the classifier (processing extension). Files have references
        relative to the item, so that a folder can be moved as a whole.

        Parameters
        ----------
        path : path
            File that ends in ``.json``. It is replaced.
        acquired : datetime, default=None
            When the scene was acquired; UTC if it has no time zone. None takes the time that the
            file of the scene states (``acquisition time`` of ENVI, ``ACQUISITIONDATETIME`` of
            GDAL), or else the time of this call; the description of the item says which.
        assets : dict, default=None
            ``{name: path}`` of further files, such as those of :meth:`to_polygons`.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        DataError
            If the map is in memory, or the coordinate reference system is not understood.
        FileError, MissingFileError
            If `path` has another suffix, or its folder does not exist.
        MissingDependencyError
            If pystac, or for scenes with a georeference pyproj or shapely, is not installed.

        Notes
        -----
        Without a georeference, the geometry of the item is null and it has no bounding box, as the
        specification prescribes. Such an item belongs in no spatial search, but it still describes
        the classes. Outlines have 20 points along each side. Those of scenes that cross the
        antimeridian have two parts.

        ``hsvlm:model_digest`` is equal for equal weights, classes, prompts and settings,
        whichever device computes. It is an MD5 digest that recognizes a model; it does not protect
        from forgery.

        References
        ----------
        .. [1] "SpatioTemporal Asset Catalog specification", version 1.1.0, 2024,
           https://github.com/radiantearth/stac-spec.

        Examples
        --------
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from hsvlm.datasets import make_synthetic_scene
        >>> from hsvlm.mapping import predict_scene
        >>> scene = make_synthetic_scene(random_state=0)
        >>> folder = Path(tempfile.mkdtemp())
        >>> X, y = scene.samples()
        >>> scene_map = predict_scene(GaussianNB().fit(X, y), scene, folder / "map.tif")
        >>> item = json.loads(scene_map.to_stac(folder / "map.json").read_text())
        >>> [entry["title"] for entry in item["assets"]["map"]["classification:classes"]]
        ['No data', 'meadow', 'bare soil', 'forest', 'asphalt']
        """
        target = checked_item_target(path)
        if self.path is None:
            raise DataError(
                "The map is in memory, but an item describes files.",
                'Write the map: predict_scene(clf, scene, "map.tif").',
            )
        rasters = {"probabilities": self.probabilities_path, "entropy": self.entropy_path}
        described = MapAssets(
            self.scene, self.path, rasters, self._map_classes(), self.counts, self.model
        )
        write_item(target, described, acquired, assets or {})
        return target

    def _map_classes(self) -> list[MapClass]:
        return [
            MapClass(number, printable_name(self.class_names[label]), self.class_colors[label])
            for label, number in self.numbers.items()
        ]

    def _number_notes(self) -> list[str]:
        """List the numbers of the classes in the map, where a user could expect others."""
        numbers = self.numbers
        if not self.text_classes and all(label == number for label, number in numbers.items()):
            return []
        listed = ", ".join(
            f"{number} is {self.class_names[label]}"
            + ("" if str(label) in (self.class_names[label], str(number)) else f" ({label})")
            for label, number in numbers.items()
        )
        return [f"In the map, 0 stands for no data, and {listed}."]

    def _absent_notes(self, match: ClassMatch, reference: Any) -> list[str]:
        """List the classes of the map of which the reference has no pixel."""
        present = present_labels(reference)
        absent = [
            self.class_names[label]
            for label in self.classes.tolist()
            if label not in match.pairs or match.pairs[label].value not in present
        ]
        return [f"The reference has no pixel of {', '.join(absent)}."] if absent else []

    def _without_trained(
        self, positions: NDArray[np.intp], truth: NDArray[Any]
    ) -> tuple[NDArray[np.intp], NDArray[Any], ReferenceUse]:
        """Leave out the reference pixels, as flat positions, that were trained on."""
        pixels = self.trained_pixels
        if pixels is None or not len(pixels):
            return positions, truth, ReferenceUse(len(truth), None, is_recorded=pixels is not None)
        trained = np.ravel_multi_index(tuple(pixels.T), self.scene.shape)
        is_trained = np.isin(positions, trained)
        use = ReferenceUse(len(truth), int(is_trained.sum()), is_recorded=True)
        return positions[~is_trained], truth[~is_trained], use

    def _confusion(self, shown: NDArray[Any], truth: NDArray[Any]) -> NDArray[np.int64]:
        classes = self.classes.tolist()
        labels, places = np.unique(truth, return_inverse=True)
        unknown = [label for label in labels.tolist() if label not in classes]
        if unknown:
            raise DataError(
                f"The reference holds {', '.join(map(repr, unknown))}, which the map does not "
                f"have; its classes are {', '.join(map(repr, classes))}. Give these pixels a "
                "class of the map, or mark them as unlabeled."
            )
        codes = class_codes(self.classes)
        index = np.zeros(codes.max() + 1, dtype=np.intp)
        index[codes] = np.arange(len(classes))
        columns = np.array([classes.index(label) for label in labels.tolist()])[places.ravel()]
        n_classes = len(classes)
        counts = np.bincount(index[shown] * n_classes + columns, minlength=n_classes**2)
        return counts.reshape(n_classes, n_classes)

    def _mapped_reference(
        self, values: NDArray[Any], reference: Any, unlabeled: Any
    ) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Find the labeled pixels of the map: flat positions and their labels."""
        positions, truth = self._labeled_pixels(reference, unlabeled)
        is_mapped = values.flat[positions] > 0
        if not is_mapped.any():
            raise DataError(
                "The reference holds no label on a pixel of the map. Give one with labels where "
                f"the scene has data; unlabeled={unlabeled!r} stands for no label."
            )
        return positions[is_mapped], truth[is_mapped]

    def _labeled_pixels(
        self, reference: Any, unlabeled: Any
    ) -> tuple[NDArray[np.intp], NDArray[Any]]:
        height, width = self.scene.shape
        if isinstance(reference, tuple) and isinstance(reference[0], PixelSamples):
            samples, labels = reference
            return sampled_reference(samples, labels, (height, width), self.class_names)
        truth = reference if isinstance(reference, np.ma.MaskedArray) else np.asarray(reference)
        if truth.shape != (height, width):
            raise DataError(
                f"The reference has shape {truth.shape}, the map {(height, width)}. Give a label "
                "map of the same grid, or a tuple of PixelSamples and their labels."
            )
        if isinstance(unlabeled, int) and unlabeled == 0:
            # 0 may be a class of the map, whose pixels without data then have another value.
            unlabeled = self.unlabeled
        labeled = labeled_pixels(truth, unlabeled)
        return np.flatnonzero(labeled), np.asarray(truth)[labeled]

    def __repr__(self) -> str:
        height, width = self.scene.shape
        present = sum(count > 0 for count in self.counts.values())
        parts = [
            f"{height} x {width} pixels",
            f"{sum(self.counts.values()):,} predicted",
            f"{present} of {len(self.classes)} classes",
        ]
        if self.path is not None:
            parts.append(str(self.path))
        return f"SceneMap({', '.join(parts)})"

    def _repr_html_(self) -> str:
        height, width = self.scene.shape
        missing = height * width - sum(self.counts.values())
        lines = {"size": f"{height:,} x {width:,} pixels", "pixels without data": f"{missing:,}"}
        if self.path is not None:
            lines["file"] = str(self.path)
        means = self.mean_confidence or {}
        classes = [
            (self.class_names[label], self.class_colors[label], count, means.get(label))
            for label, count in self.counts.items()
        ]
        return map_html(classes, class_codes(self.classes), self.values, lines)
