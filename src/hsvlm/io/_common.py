"""What the readers of all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hsvlm._files import existing_file, unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.scene import Scene

__all__ = ["Found", "LabelMap", "existing_file", "unreadable"]


@dataclass(frozen=True)
class LabelMap:
    """Labels with what the file says about their classes.

    Parameters
    ----------
    labels : ndarray of shape (height, width)
        Label of every pixel; 0 stands for "no label".
    class_names : dict, default={}
        ``{label: name}``.
    class_colors : dict, default={}
        ``{label: colour}`` as ``"#rrggbb"``.
    crs : str, default=None
        Coordinate reference system of the file, as in a Scene.
    transform : sequence of 6 floats, default=None
        Affine coefficients of the file, as in a Scene.
    """

    labels: NDArray[Any]
    class_names: dict[Any, str] = field(default_factory=dict)
    class_colors: dict[Any, str] = field(default_factory=dict)
    crs: str | None = None
    transform: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Found:
    """What a reader of one format found in a file.

    Parameters
    ----------
    scene : Scene
        Its cube is not read yet where the format allows that.
    nodata : float, default=None
        The value that the file declares as "no data".
    """

    scene: Scene
    nodata: float | None = None
