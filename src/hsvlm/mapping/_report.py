"""The report on a map: areas, confidence and, with a reference, accuracies."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._reports.tables import Rows, html_table, markdown_table, text_table
from hsvlm._system.optional import import_optional
from hsvlm.mapping._accuracy import Z_95

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from hsvlm.mapping._accuracy import MapAccuracy

Table = tuple[list[str], Rows]

_UNRECORDED = (
    "Not checked: the training pixels of the classifier are not known. Accuracies are too high if "
    "reference pixels are among them."
)
_UNRECOGNIZED = (
    "By its size and spectra, the scene is not one of the training scenes. Not checked: whether it "
    "shows the same place, as a crop or another image does; accuracies would be too high."
)


@dataclass(frozen=True)
class ClassArea:
    """Area and confidence of one class in a map.

    Attributes
    ----------
    label : int or str
        The label of the class.
    name : str
        Its name.
    pixels : int
        Number of its pixels.
    share : float
        Share of the mapped area, in [0, 1].
    hectares : float or None
        Area; None if the scene has no georeference.
    mean_confidence : float or None
        Mean over its pixels of the probability of the class; None without pixels or
        probabilities.

    See Also
    --------
    AreaReport : Holds one per class, with an example.
    """

    label: Any
    name: str
    pixels: int
    share: float
    hectares: float | None
    mean_confidence: float | None


@dataclass(frozen=True)
class ReferenceUse:
    """Numbers of the reference pixels behind an accuracy.

    Attributes
    ----------
    n_pixels : int
        Labeled pixels on the map.
    n_trained_on : int or None
        How many of them the classifier was trained on; they are left out. None if the scene is
        not a training scene, or the training pixels are not known.
    is_recorded : bool
        Whether the training scenes are known.

    See Also
    --------
    AreaReport : Holds it, with an example.
    """

    n_pixels: int
    n_trained_on: int | None
    is_recorded: bool

    @property
    def checked(self) -> bool:
        """Whether training pixels could be recognized."""
        return self.n_trained_on is not None


@dataclass(frozen=True, eq=False, repr=False)
class AreaReport:
    """Areas of the classes of a map and, with a reference, accuracies and error-adjusted areas.

    Prints as text and shows as tables in a notebook.

    Attributes
    ----------
    classes : tuple of ClassArea
        One per class of the classifier.
    pixels_without_data : int
        Pixels that were not predicted.
    accuracy : MapAccuracy or None
        Classes in the same order. None without reference pixels outside the training pixels.
    notes : tuple of str
        Sentences on the areas, and on the limits of the reference.
    reference : ReferenceUse or None
        With a reference, how many of its pixels the classifier was trained on.

    See Also
    --------
    SceneMap.area_report : Makes the report.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> report = predict_scene(GaussianNB().fit(X, y), scene).area_report(scene.labels)
    >>> report.unit, report.classes[0].name, report.pixels_without_data
    ('pixels', 'meadow', 0)
    >>> report.reference.checked  # other estimators do not record their training pixels
    False
    """

    classes: tuple[ClassArea, ...]
    pixels_without_data: int
    accuracy: MapAccuracy | None
    notes: tuple[str, ...]
    reference: ReferenceUse | None = None

    @property
    def unit(self) -> str:
        """Unit of the areas: ``"ha"`` or ``"pixels"``."""
        return "pixels" if self.classes[0].hectares is None else "ha"

    @property
    def mapped_area(self) -> float:
        """Area of all classes together, in `unit`."""
        return float(
            sum(
                entry.pixels if entry.hectares is None else entry.hectares for entry in self.classes
            )
        )

    def areas(self) -> Table:
        """Tabulate areas, shares and confidences.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per class, and one for all of them.
        """
        header = ["class", "pixels", "ha", "share %", "confidence"]
        rows = [
            [
                entry.name,
                f"{entry.pixels:,}",
                "" if entry.hectares is None else f"{entry.hectares:,.2f}",
                f"{100 * entry.share:.2f}",
                "" if entry.mean_confidence is None else f"{entry.mean_confidence:.3f}",
            ]
            for entry in self.classes
        ]
        pixels = sum(entry.pixels for entry in self.classes)
        total = f"{self.mapped_area:,.2f}" if self.unit == "ha" else ""
        columns = zip(header, *rows, ["all", f"{pixels:,}", total, "100.00", ""], strict=True)
        header, *rows = map(list, zip(*(cells for cells in columns if any(cells[1:])), strict=True))
        return header, rows

    def accuracies(self) -> Table:
        """Tabulate accuracies and error-adjusted areas.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per class, and one for all of them; empty without a reference. Half-widths of
            95 % intervals follow the accuracies in percent and the error-adjusted areas.
        """
        header = ["class", "user's %", "producer's %", f"adjusted {self.unit}"]
        accuracy = self.accuracy
        if accuracy is None:
            return header, []
        columns = [
            [
                _with_interval(scale * value, scale * error)
                for value, error in zip(*pair, strict=True)
            ]
            for scale, *pair in (
                (100, accuracy.users, accuracy.users_error),
                (100, accuracy.producers, accuracy.producers_error),
                (self.mapped_area, accuracy.shares, accuracy.shares_error),
            )
        ]
        rows = [[entry.name, *cells] for entry, *cells in zip(self.classes, *columns, strict=True)]
        overall = _with_interval(100 * accuracy.overall, 100 * accuracy.overall_error)
        return header, [*rows, ["overall accuracy %", overall, "", ""]]

    def confusion(self) -> Table:
        """Tabulate the reference pixels.

        Returns
        -------
        header : list of str
            Names of the columns: the classes of the reference.
        rows : list of list of str
            One row per class of the map: its name and numbers of pixels; empty without a
            reference.
        """
        names = [entry.name for entry in self.classes]
        header = ["map \\ reference", *names]
        if self.accuracy is None:
            return header, []
        return header, [
            [name, *(f"{count:,}" for count in row)]
            for name, row in zip(names, self.accuracy.confusion.tolist(), strict=True)
        ]

    def _tables(self) -> list[Table]:
        return [table for table in (self.areas(), self.accuracies(), self.confusion()) if table[1]]

    def sentences(self) -> list[str]:
        """Return the notes, and the number of pixels without data.

        Returns
        -------
        list of str
            A sentence or two each.
        """
        lines = list(self.notes)
        if self.pixels_without_data:
            lines.append(f"{self.pixels_without_data:,} pixels without data were not predicted.")
        return lines

    def __str__(self) -> str:
        tables = [text_table(*table) for table in self._tables()]
        return "\n\n".join([*tables, "\n".join(self.sentences())])

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Render the report as Markdown.

        Returns
        -------
        str
            Tables and a list of notes.
        """
        notes = "\n".join(f"- {line}" for line in self.sentences())
        return "\n\n".join([*(markdown_table(*table) for table in self._tables()), notes])

    def to_html(self) -> str:
        """Render the report as HTML.

        Returns
        -------
        str
            A ``div`` with tables and a list of notes.
        """
        notes = "".join(f"<li>{html.escape(line)}</li>" for line in self.sentences())
        tables = "".join(html_table(*table) for table in self._tables())
        return f"<div>{tables}<ul>{notes}</ul></div>"

    _repr_html_ = to_html

    def to_frame(self) -> pd.DataFrame:
        """Collect the figures of the classes in a data frame.

        Returns
        -------
        pandas.DataFrame
            One row per class; the columns are the keys of the classes in :meth:`to_dict`.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        pandas = import_optional("pandas", "data")
        return pandas.DataFrame(self.to_dict()["classes"])

    def to_dict(self) -> dict[str, Any]:
        """Collect the figures for machines.

        Returns
        -------
        dict
            Numbers, strings, lists and None only, ready for JSON. Shares and accuracies are in
            [0, 1]; ``_error`` marks standard errors, ``_low`` and ``_high`` the bounds of 95 %
            intervals, in hectares or pixels as given by ``unit``. None means unknown. With a
            reference, ``reference_pixels`` is the number of its pixels, ``n_trained_on`` that of
            training pixels, which are left out, and ``checked`` whether they were recognized.
        """
        figures: dict[str, Any] = {
            "unit": self.unit,
            "mapped_area": self.mapped_area,
            "pixels_without_data": self.pixels_without_data,
            "classes": [
                {**vars(entry), **self._figures(place)} for place, entry in enumerate(self.classes)
            ],
            "notes": list(self.notes),
        }
        if self.reference is not None:
            figures["reference_pixels"] = self.reference.n_pixels
            figures["n_trained_on"] = self.reference.n_trained_on
            figures["checked"] = self.reference.checked
        if self.accuracy is not None:
            figures["overall_accuracy"] = _finite(self.accuracy.overall)
            figures["overall_accuracy_error"] = _finite(self.accuracy.overall_error)
            figures["confusion_matrix"] = self.accuracy.confusion.tolist()
        return figures

    def _figures(self, place: int) -> dict[str, float | None]:
        accuracy = self.accuracy
        if accuracy is None:
            return {}
        area = self.mapped_area * accuracy.shares[place]
        error = self.mapped_area * accuracy.shares_error[place]
        figures = {
            "users_accuracy": accuracy.users[place],
            "users_accuracy_error": accuracy.users_error[place],
            "producers_accuracy": accuracy.producers[place],
            "producers_accuracy_error": accuracy.producers_error[place],
            "adjusted_area": area,
            "adjusted_area_error": error,
            "adjusted_area_low": area - Z_95 * error,
            "adjusted_area_high": area + Z_95 * error,
        }
        return {name: _finite(value) for name, value in figures.items()}


def accuracy_notes(
    use: ReferenceUse,
    accuracy: MapAccuracy | None,
    names: Sequence[str],
    mapped: Sequence[float],
) -> list[str]:
    """Describe the reference pixels and their limits."""
    lines = []
    if use.n_trained_on:
        lines.append(
            f"All {use.n_pixels:,} reference pixels were trained on, so no accuracy is given. "
            "Labels of other pixels are needed."
            if accuracy is None
            else f"{use.n_trained_on:,} of {use.n_pixels:,} reference pixels were trained on and "
            "are left out."
        )
    if accuracy is None:
        return lines
    sampled = accuracy.confusion.sum(axis=1)
    new = ", none of which the classifier was trained on" if use.checked else ""
    lines.append(
        f"{int(sampled.sum()):,} reference pixels, taken to be a random sample within each class "
        f"of the map{new}; ± is half the width of a 95 % interval."
    )
    if not use.checked:
        lines.append(_UNRECOGNIZED if use.is_recorded else _UNRECORDED)
    without = [
        name
        for name, count, area in zip(names, sampled, mapped, strict=True)
        if area > 0 and count == 0
    ]
    if without:
        lines.append(
            f"No reference pixel lies where the map shows {', '.join(without)}: figures that "
            "depend on these parts of the map are unknown."
        )
    return lines


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _with_interval(value: float, error: float) -> str:
    if not np.isfinite(value):
        return "unknown"
    return f"{value:,.2f} ± {Z_95 * error:,.2f}" if np.isfinite(error) else f"{value:,.2f}"
