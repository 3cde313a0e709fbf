"""What the readers of features return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["FeatureQuery", "Features"]


@dataclass(frozen=True)
class FeatureQuery:
    """What the caller of a reader asks for.

    Parameters
    ----------
    column, layer, group_column, encoding : str, default=None
        As in :func:`hsvlm.io.read_labels`.
    all_touched : bool, default=False
        True if polygons mark every pixel that they touch.
    """

    column: str | None = None
    layer: str | None = None
    group_column: str | None = None
    all_touched: bool = False
    encoding: str | None = None

    def of_features(self, prefix: str = "") -> dict[str, Any]:
        """Give the arguments that only files of features understand, as far as they are set."""
        arguments = {
            f"{prefix}column": self.column,
            "group_column": self.group_column,
            "all_touched": self.all_touched,
        }
        return {name: value for name, value in arguments.items() if value}

    def of_maps(self, prefix: str = "") -> dict[str, Any]:
        """Give the arguments that files of label maps understand too, as far as they are set."""
        arguments = {f"{prefix}variable": self.layer, "encoding": self.encoding}
        return {name: value for name, value in arguments.items() if value}


@dataclass(frozen=True)
class Features:
    """Features as a file holds them.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per feature; classes and groups are in its columns.
    shapes : geopandas.GeoSeries
        Their geometries, with a CRS unless they are in pixels.
    in_pixels : bool, default=False
        True if x counts columns and y rows of the scene, from its upper left corner.
    default_column : str, default=None
        Column of the classes where the format has one.
    colors : dict, default={}
        ``{class name: colour}`` as ``"#rrggbb"``.
    says_encoding : bool, default=True
        False if the encoding of text was guessed.
    hint : str
        What to do if no feature lies on the scene.
    """

    table: Any
    shapes: Any
    in_pixels: bool = False
    default_column: str | None = None
    colors: dict[str, str] | None = None
    says_encoding: bool = True
    hint: str = "Give features of this scene, and check their CRS."
