"""What the readers of all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from hsvlm.scene import Scene


@dataclass(frozen=True)
class LabelMap:
    """Labels with what the file says about their classes.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Label of every pixel; `unlabeled` stands for "no label".
    class_names : dict, default={}
        ``{label: name}``.
    class_colors : dict, default={}
        ``{label: color}`` as ``"#rrggbb"``.
    crs : str, default=None
        Coordinate reference system of the file, as in a Scene.
    transform : sequence of 6 floats, default=None
        Affine coefficients of the file, as in a Scene.
    text_classes : bool, default=False
        True if the file gives classes as text, which were numbered from 1 in the order of the
        alphabet: such numbers mean nothing to other files.
    groups : ndarray of shape (height, width), dtype int32, default=None
        Group of every labeled pixel, such as the polygon it lies in; 0 where there is none.
    unlabeled : int, default=0
        Value that stands for "no label". It is another than 0 where the file declares one for "no
        data", so that 0 is a class like any other: the declared one, or, if that is no whole number
        of 32 bits, the first of -1, -2, ... that the map does not hold.

    Examples
    --------
    >>> import numpy as np
    >>> from hsvlm.io import LabelMap
    >>> LabelMap(np.array([[0, 1]]), {1: "oats"}).class_names
    {1: 'oats'}
    """

    labels: NDArray[Any]
    class_names: dict[Any, str] = field(default_factory=dict)
    class_colors: dict[Any, str] = field(default_factory=dict)
    crs: str | None = None
    transform: tuple[float, ...] | None = None
    text_classes: bool = False
    groups: NDArray[np.int32] | None = None
    unlabeled: int = 0


@dataclass(frozen=True)
class ReadResult:
    """A scene as a file holds it, and what the file declares about values without data."""

    scene: Scene
    nodata: float | Sequence[float] | None = None
    nodata_rule: str = "any"
    band_nodata: Sequence[float | None] = ()
    valid_range: tuple[float, float] | None = None
    unit: str = ""


def hex_color(red: float, green: float, blue: float) -> str:
    """Write a color of three bytes as ``"#RRGGBB"``."""
    return f"#{int(red):02X}{int(green):02X}{int(blue):02X}"


@dataclass(frozen=True)
class Reader:
    """A format: the suffixes of its files in lower case, and the functions that read them."""

    # read_cube(file, variable) returns a ReadResult, and so does read_raster(file, variable) of
    # formats with arrays of 2 dimensions; read_label_map(file, variable) returns a LabelMap and
    # read_features(file, scene, query) Features. Formats that say more in their files than by
    # their suffix, such as products of a mission, tell with `matches` which are theirs.
    name: str
    suffixes: tuple[str, ...]
    read_cube: Callable[..., ReadResult] | None = None
    read_label_map: Callable[[Path, str | None], LabelMap] | None = None
    read_features: Callable[..., Any] | None = None
    read_raster: Callable[[Path, str | None], ReadResult] | None = None
    matches: Callable[[Path], bool] | None = None
    takes_size: bool = False  # read_cube(file, variable, size) reads cubes stored as tables
    has_layers: bool = False
    is_utf8: Callable[[Path], bool] | None = None  # class names may be in another encoding

    def reads(self, file: Path) -> bool:
        """Tell whether a file is of this format."""
        fits = file.suffix.lower() in self.suffixes
        return fits and (self.matches is None or self.matches(file))


@dataclass(frozen=True)
class FeatureQuery:
    """What the caller of a reader asks for."""

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
    """Features as a file holds them."""

    table: Any
    shapes: Any
    in_pixels: bool = False
    default_column: str | None = None
    colors: dict[str, str] | None = None
    says_encoding: bool = True
    hint: str = "Give features of this scene, and check their CRS."
