"""Pixels that hold no data, found by what the file or the user says about values."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import read_rows, release_pages, row_blocks
from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io._declared import is_marked, marked_by
from hsvlm.io._sizes import check_memory

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from hsvlm.io._common import ReadResult
    from hsvlm.scene import Scene

_RULES = ("any", "all")


def check_nodata(nodata: Any, rule: Any) -> None:
    """Refuse arguments `nodata` and `nodata_rule` that are not among those allowed."""
    if not (nodata is None or isinstance(nodata, str)):
        values = list(nodata) if np.ndim(nodata) == 1 or isinstance(nodata, set) else [nodata]
        if values and all(_is_number(value) for value in values):
            nodata = "auto"
    if nodata is not None and nodata != "auto":
        raise ParameterError(
            f"nodata={nodata!r} is not a number.",
            'Pass "auto" for the values that the file declares, a number or a list of numbers, or '
            "None if all pixels hold data.",
        )
    if rule is not None and rule not in _RULES:
        raise ParameterError(
            f'nodata_rule={rule!r} is neither "any" nor "all".',
            'Pass "any" to leave out pixels without data in any band, "all" for those without '
            "data in all bands.",
        )


def with_valid_pixels(
    source: Any, read: ReadResult, scene: Scene, nodata: Any, rule: str | None
) -> Scene:
    """Mark the pixels whose values are no data in any band, or in all, that is not a bad one."""
    auto = isinstance(nodata, str)
    rule = rule or (read.nodata_rule if auto else "any")
    stated = read.nodata if auto else nodata
    listed: Any = list(stated) if isinstance(stated, set) else stated
    values = [] if stated is None else np.ravel(listed).astype(np.float64).tolist()
    markers = _markers(scene.cube.dtype, values, read.band_nodata if auto else ())
    limits = read.valid_range if auto else None
    if not markers and limits is None:
        return scene
    good = np.ones(scene.n_bands, bool) if scene.bad_bands is None else ~scene.bad_bands
    check_memory(source, scene.shape, bool, copies=2)
    valid = np.ones(scene.shape, dtype=bool) if scene.valid is None else scene.valid.copy()
    for start, stop in row_blocks(scene.cube.shape):
        rows = read_rows(scene.cube, start, stop)
        missing = _missing(rows, markers, limits)
        missing = missing if good.all() else missing[..., good]
        valid[start:stop] &= ~(missing.any(axis=2) if rule == "any" else missing.all(axis=2))
        release_pages(scene.cube)
    if not valid.any():
        raise _nothing_left(source, values, read, rule)
    return scene if valid.all() else replace(scene, valid=valid)


def _markers(
    dtype: np.dtype[Any], values: Any, band_values: Sequence[float | None]
) -> list[tuple[float, NDArray[np.bool_] | None]]:
    """Give values that the type of the cube can hold, and in which bands they are no data."""
    own = sorted({value for value in band_values if value is not None})
    stated = [
        *((value, None) for value in dict.fromkeys(values)),
        *((value, np.array([each == value for each in band_values])) for value in own),
    ]
    markers = [(value, bands) for value, bands in stated if marked_by(dtype, value) is not None]
    return [*markers, (np.nan, None)] if markers and dtype.kind == "f" else markers


def _missing(
    rows: NDArray[Any],
    markers: list[tuple[float, NDArray[np.bool_] | None]],
    limits: tuple[float, float] | None,
) -> NDArray[np.bool_]:
    missing = np.zeros(rows.shape, dtype=bool)
    for marker, bands in markers:
        same = is_marked(rows, marker)
        missing |= same if bands is None else same & bands
    if limits is not None:
        missing |= (rows < limits[0]) | (rows > limits[1])
        if rows.dtype.kind == "f":
            missing |= np.isnan(rows)
    return missing


def _nothing_left(source: Any, values: Any, read: ReadResult, rule: str) -> Exception:
    own = [value for value in read.band_nodata if value is not None]
    shown = " or ".join(dict.fromkeys(f"{value:g}" for value in (*values, *own)))
    which = f"the value {shown}" if shown else "a value outside the declared range"
    bands = "some band" if rule == "any" else "all bands"
    return file_error(
        source,
        f"no pixel holds data: each has {which} in {bands}",
        "If that value is data, pass nodata=None. If some bands hold nothing else, mark them as "
        'bad bands in the file, or pass nodata_rule="all".',
        "If that value is data, give --nodata none. If some bands hold nothing else, mark them as "
        "bad bands in the file.",
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
