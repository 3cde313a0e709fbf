"""What the readers of all formats share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from hsvlm.scene import Scene

__all__ = ["LabelMap", "ReadResult"]


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
        ``{label: colour}`` as ``"#rrggbb"``.
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
        data", so that 0 is a class like any other.

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
    """What a reader of one format found in a file."""

    scene: Scene
    nodata: float | Sequence[float] | None = None
    nodata_rule: str = "any"
    band_nodata: Sequence[float | None] = ()
    valid_range: tuple[float, float] | None = None
