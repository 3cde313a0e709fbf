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

__all__ = ["AreaReport", "ClassArea", "ReferenceUse"]

Table = tuple[list[str], Rows]

_UNRECORDED = (
    "Not checked: on which pixels the classifier was trained is not known. Accuracies are too high "
    "if reference pixels are among them."
)
_UNRECOGNIZED = (
    "By its size and spectra, the scene is none of those trained on. Not checked: whether it shows "
    "a place of the training, as a crop or another image does; accuracies would be too high."
)


@dataclass(frozen=True)
class ClassArea:
    """What a map shows of one class.

    Attributes
    ----------
    label : int or str
        The class.
    name : str
        Its name.
    pixels : int
        Number of its pixels.
    share : float
        Share of the mapped area, in [0, 1].
    hectares : float or None
        Area; None where the scene has no georeference.
    mean_confidence : float or None
        Mean over its pixels of the probability of the class; None where there are none, or
        probabilities were not computed.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> found = predict_scene(GaussianNB().fit(X, y), scene)
    >>> found.area_report().classes[0].name
    'meadow'
    """

    label: Any
    name: str
    pixels: int
    share: float
    hectares: float | None
    mean_confidence: float | None


@dataclass(frozen=True)
class ReferenceUse:
    """Which reference pixels an accuracy rests on.

    Attributes
    ----------
    n_pixels : int
        Labeled pixels on the map.
    n_trained_on : int or None
        How many of them the classifier was trained on; they are left out. None if the scene is no
        training scene, or the training pixels are not known.
    is_recorded : bool
        Whether the training scenes are known.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.mapping import predict_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> X, y = scene.samples()
    >>> report = predict_scene(GaussianNB().fit(X, y), scene).area_report(scene.labels)
    >>> report.reference.checked  # other estimators do not know their training pixels
    False
    """

    n_pixels: int
    n_trained_on: int | None
    is_recorded: bool

    @property
    def checked(self) -> bool:
        """Whether pixels that were trained on could be found."""
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
        With a reference that has pixels without training; classes in the same order.
    notes : tuple of str
        Sentences on how areas were found, and on what the reference cannot tell.
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
    >>> found = predict_scene(GaussianNB().fit(X, y), scene)
    >>> report = found.area_report()
    >>> report.unit, report.pixels_without_data
    ('pixels', 0)
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
        return float(sum(map(self._area, self.classes)))

    def areas(self) -> Table:
        """Tabulate what the map shows.

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
                one.name,
                f"{one.pixels:,}",
                "" if one.hectares is None else f"{one.hectares:,.2f}",
                f"{100 * one.share:.2f}",
                "" if one.mean_confidence is None else f"{one.mean_confidence:.3f}",
            ]
            for one in self.classes
        ]
        pixels = sum(one.pixels for one in self.classes)
        total = f"{self.mapped_area:,.2f}" if self.unit == "ha" else ""
        rows.append(["all", f"{pixels:,}", total, "100.00", ""])
        unused = [column for column in (4, 2) if not any(row[column] for row in rows)]
        for cells in [header, *rows]:
            for column in unused:
                del cells[column]
        return header, rows

    def accuracies(self) -> Table:
        """Tabulate what the reference tells.

        Returns
        -------
        header : list of str
            Names of the columns.
        rows : list of list of str
            One row per class, and one for all of them; without a reference, none. Half the widths
            of 95 % intervals follow the accuracies in percent and the error-adjusted area.
        """
        header = ["class", "user's %", "producer's %", f"adjusted {self.unit}"]
        found = self.accuracy
        if found is None:
            return header, []
        total = self.mapped_area
        rows = [
            [
                one.name,
                _with_interval(100 * found.users[place], 100 * found.users_error[place]),
                _with_interval(100 * found.producers[place], 100 * found.producers_error[place]),
                _with_interval(total * found.shares[place], total * found.shares_error[place]),
            ]
            for place, one in enumerate(self.classes)
        ]
        overall = _with_interval(100 * found.overall, 100 * found.overall_error)
        return header, [*rows, ["overall accuracy %", overall, "", ""]]

    def confusion(self) -> Table:
        """Tabulate the reference pixels.

        Returns
        -------
        header : list of str
            Names of the columns: the classes of the reference.
        rows : list of list of str
            One row per class of the map: its name and numbers of pixels; without a reference,
            none.
        """
        names = [one.name for one in self.classes]
        header = ["map \\ reference", *names]
        if self.accuracy is None:
            return header, []
        counts = self.accuracy.confusion
        return header, [
            [name, *(f"{count:,}" for count in row)]
            for name, row in zip(names, counts.tolist(), strict=True)
        ]

    def _tables(self) -> list[Table]:
        return [
            (header, rows)
            for header, rows in (self.areas(), self.accuracies(), self.confusion())
            if rows
        ]

    def _sentences(self) -> list[str]:
        lines = list(self.notes)
        if self.pixels_without_data:
            lines.append(f"{self.pixels_without_data:,} pixels without data were not predicted.")
        return lines

    def __str__(self) -> str:
        return "\n\n".join(
            [*(text_table(*table) for table in self._tables()), "\n".join(self._sentences())]
        )

    __repr__ = __str__

    def to_markdown(self) -> str:
        """Render the report as Markdown.

        Returns
        -------
        str
            Tables and a list of notes.
        """
        notes = "\n".join(f"- {line}" for line in self._sentences())
        return "\n\n".join([*(markdown_table(*table) for table in self._tables()), notes])

    def to_html(self) -> str:
        """Render the report as HTML.

        Returns
        -------
        str
            A ``div`` with tables and a list of notes.
        """
        notes = "".join(f"<li>{html.escape(line)}</li>" for line in self._sentences())
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
            intervals, in hectares or pixels as ``unit`` says. None stands for what is not known.
            With a reference, ``reference_pixels`` counts its pixels, ``n_trained_on`` those that
            were trained on and are left out, and ``checked`` tells whether they could be found.
        """
        figures: dict[str, Any] = {
            "unit": self.unit,
            "mapped_area": self.mapped_area,
            "pixels_without_data": self.pixels_without_data,
            "classes": [
                {**vars(one), **self._figures(place)} for place, one in enumerate(self.classes)
            ],
            "notes": list(self.notes),
        }
        if self.reference is not None:
            figures["reference_pixels"] = self.reference.n_pixels
            figures["n_trained_on"] = self.reference.n_trained_on
            figures["checked"] = self.reference.checked
        found = self.accuracy
        if found is not None:
            figures["overall_accuracy"] = _known(found.overall)
            figures["overall_accuracy_error"] = _known(found.overall_error)
            figures["confusion_matrix"] = found.confusion.tolist()
        return figures

    def _figures(self, place: int) -> dict[str, float | None]:
        found = self.accuracy
        if found is None:
            return {}
        area = self.mapped_area * found.shares[place]
        error = self.mapped_area * found.shares_error[place]
        figures = {
            "users_accuracy": found.users[place],
            "users_accuracy_error": found.users_error[place],
            "producers_accuracy": found.producers[place],
            "producers_accuracy_error": found.producers_error[place],
            "adjusted_area": area,
            "adjusted_area_error": error,
            "adjusted_area_low": area - Z_95 * error,
            "adjusted_area_high": area + Z_95 * error,
        }
        return {name: _known(value) for name, value in figures.items()}

    def _area(self, one: ClassArea) -> float:
        return one.pixels if one.hectares is None else one.hectares


def accuracy_notes(
    use: ReferenceUse,
    accuracy: MapAccuracy | None,
    names: Sequence[str],
    mapped: Sequence[float],
) -> list[str]:
    """Say what a reference cannot tell, and on what it relies."""
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
            f"No reference pixel lies where the map shows {', '.join(without)}: what depends on "
            "these parts of the map is not known."
        )
    return lines


def _known(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _with_interval(value: float, error: float) -> str:
    if not np.isfinite(value):
        return "unknown"
    return f"{value:,.2f} ± {Z_95 * error:,.2f}" if np.isfinite(error) else f"{value:,.2f}"
