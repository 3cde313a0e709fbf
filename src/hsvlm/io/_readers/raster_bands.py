"""What a raster tells of its bands: which are spectral, masks, wavelengths, names and scale."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import row_blocks
from hsvlm.exceptions import FileError
from hsvlm.io import _geo as geo
from hsvlm.io._declared import scale_of
from hsvlm.io._envi_header import parse_number, read_header
from hsvlm.io._readers.envi import band_fields, data_files, header_beside, states_type
from hsvlm.io._sizes import check_memory
from hsvlm.io._wavelengths import to_nanometers, wavelengths_in_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# Share of pixels of an alpha band that are fully opaque or transparent; others may lie at edges.
_LEAST_SHARE_OF_MASK = 0.9
_CENTRAL = "CENTRAL_WAVELENGTH_UM"
# Of tags in lower case.
_NAMES = ("wavelength", "wavelengths", "central_wavelength", "center_wavelength")
_UNIT_NAMES = ("wavelength_units", "wavelength_unit", "wavelengths_units", "wavelengths_unit")


def spectral_bands(
    path: Path, dataset: Any, notes: list[str]
) -> tuple[list[int], NDArray[np.bool_] | None]:
    """Tell which bands hold measurements, and which pixels the masks of the file show.

    Shape: `valid` (height, width).
    """
    alpha = geo.rasterio.enums.ColorInterp.alpha
    colors = dataset.colorinterp
    bands = list(range(1, dataset.count + 1))
    masks = []
    tagged = [band for band in bands if colors[band - 1] is alpha and dataset.count > 1]
    for band in tagged:
        if "wavelength" in _lower(tags_of(dataset, band)):
            continue
        check_memory(path, dataset.shape, bool, copies=2)
        mask = _opaque_pixels(dataset, band)
        if mask is not None:
            bands.remove(band)
            masks.append(mask)
        else:
            # GDAL tags the last of four bands of 8 bits so without being asked.
            notes.append(
                f"band {band} is tagged as alpha, but does not hold the values of a mask, and is "
                "used as a band"
            )
    masks += _own_masks(path, dataset, bands)
    return bands, np.logical_and.reduce(masks) if masks else None


def read_band_metadata(
    path: Path, dataset: Any, bands: Sequence[int], notes: list[str]
) -> dict[str, Any]:
    """Read what the file and a header beside it tell of the bands: fields of a Scene, `nodata`."""
    names = _text(lambda: [dataset.descriptions[band - 1] for band in bands], ())
    marks = [_lower(tags_of(dataset, band)).get("bbl", "").strip() for band in bands]
    fields: dict[str, Any] = {
        "wavelengths_nm": _wavelengths(dataset, bands, names, notes),
        "band_names": tuple(name or f"Band {band}" for name, band in zip(names, bands, strict=True))
        if any(names)
        else (),
        "bad_bands": _bad_bands(marks, notes),
        "scale": scale_of(
            [dataset.scales[band - 1] for band in bands],
            [dataset.offsets[band - 1] for band in bands],
            len(bands),
            notes,
        ),
        "nodata": None,
    }
    return _completed(fields, path, dataset, len(bands), notes)


def note_unused_georeference(dataset: Any, notes: list[str]) -> None:
    """Say that ground control points and rational polynomials give no transform."""
    if dataset.transform.is_identity:
        points, _ = dataset.gcps
        kinds = ["ground control points"] * bool(points) + ["RPC"] * (dataset.rpcs is not None)
        if kinds:
            notes.append(
                f"its georeference by {' and '.join(kinds)} is not used (gdalwarp makes a grid)"
            )


def tags_of(dataset: Any, *band: int, **domain: str) -> dict[str, str]:
    """Return metadata of a file or a band, by name."""
    tags: dict[str, str] = _text(lambda: dataset.tags(*band, **domain), {})
    return tags


def _text(read: Callable[[], Any], otherwise: Any) -> Any:
    # rasterio takes all text for UTF-8, and what is none is not worth the file.
    try:
        return read()
    except UnicodeDecodeError:
        return otherwise


def _lower(tags: dict[str, str]) -> dict[str, str]:
    return {name.lower(): text for name, text in tags.items()}


def _opaque_pixels(dataset: Any, band: int) -> NDArray[np.bool_] | None:
    """Read an alpha band; None if its values are not those of a mask."""
    window = geo.rasterio.windows.Window
    height, width = dataset.shape
    dtype = np.dtype(dataset.dtypes[band - 1])
    opaque = [1, 255, 65535, *([np.iinfo(dtype).max] if dtype.kind in "iu" else [])]
    shown, n_extreme = np.zeros((height, width), dtype=bool), 0
    for start, stop in row_blocks((height, width, 1)):
        values = dataset.read(band, window=window(0, start, width, stop - start))
        shown[start:stop] = values > 0
        n_extreme += int(np.isin(values, [0, *opaque]).sum())
    is_mask = n_extreme >= _LEAST_SHARE_OF_MASK * shown.size and shown.any()
    return shown if is_mask else None


def _own_masks(path: Path, dataset: Any, bands: Sequence[int]) -> list[NDArray[np.bool_]]:
    flags = geo.rasterio.enums.MaskFlags
    # Bands that are all valid, or whose mask comes from their values or from alpha, have none.
    derived = {flags.all_valid, flags.alpha}
    masked = [
        band
        for band in bands
        if derived.isdisjoint(dataset.mask_flag_enums[band - 1])
        # Without a value of its own, a band shares a tuple of values with the others.
        and dataset.nodatavals[band - 1] is None
    ]
    if not masked:
        return []
    check_memory(path, dataset.shape, bool, copies=3)
    if flags.per_dataset in dataset.mask_flag_enums[masked[0] - 1]:
        masked = masked[:1]
    valid = np.ones(dataset.shape, dtype=bool)
    for band in masked:
        valid &= dataset.read_masks(band) > 0
    return [valid]


def _wavelengths(dataset: Any, bands: Sequence[int], names: Sequence[Any], notes: list[str]) -> Any:
    tags = [_lower(tags_of(dataset, band)) for band in bands]
    general = _lower(tags_of(dataset))
    units = {_first(tag, _UNIT_NAMES) or "" for tag in tags} - {""}
    units = units or {_first(general, _UNIT_NAMES) or ""}
    imagery = [_first(tags_of(dataset, band, ns="IMAGERY"), (_CENTRAL,)) for band in bands]
    listed = re.findall(r"[^\s,;\[\](){}]+", _first(general, _NAMES) or "")
    ways = (
        ([_first(tag, _NAMES) for tag in tags], units),
        (imagery, {"um"}),
        (listed if len(listed) == len(bands) else [], units),
        wavelengths_in_names(names),
    )
    complete = next((way for way in ways if way[0] and None not in way[0]), None)
    if complete is None:
        if any(any(values) for values, _ in ways):
            notes.append("only some of its bands have wavelengths, and these are not used")
        return None
    values, units = complete
    if len(units) > 1:
        notes.append("the wavelengths of its bands have different units and are not used")
        return None
    return to_nanometers(values, units.pop(), notes)


def _bad_bands(marks: Sequence[str], notes: list[str]) -> NDArray[np.bool_] | None:
    numbers = [parse_number(mark) for mark in marks]
    if None not in numbers and not all(number == 0 for number in numbers):
        return np.array([number == 0 for number in numbers])
    if any(marks):
        notes.append("the tags `bbl` of its bands are not 0 or 1 for each band and are not used")
    return None


def _first(tags: dict[str, str], names: Sequence[str]) -> str | None:
    return next((tags[name].strip() for name in names if tags.get(name, "").strip()), None)


def _completed(
    fields: dict[str, Any], path: Path, dataset: Any, n_bands: int, notes: list[str]
) -> dict[str, Any]:
    """Fill in what only an ENVI header beside the file tells."""
    beside = header_beside(path)
    if beside is None or beside == path:
        return fields
    try:
        header = read_header(beside)
    except (FileError, OSError):  # a header of another kind
        return fields
    # A header with a data file of its own need not belong to this one.
    has_own_data = any(not data.samefile(path) for data in data_files(beside))
    stated = [header.text(name) for name in ("lines", "samples", "bands")]
    actual = [str(number) for number in (*dataset.shape, n_bands)]
    if stated[2] != actual[2] or any(
        said and said != true for said, true in zip(stated, actual, strict=True)
    ):
        if not has_own_data:
            notes.append(
                f"{beside.name} beside it is for {' x '.join(stated)} lines, samples and bands, "
                f"not {' x '.join(actual)}, and is not used"
            )
        return fields
    told = band_fields(header, n_bands)
    # A factor would be applied again to values to which it has been applied.
    told["scale"] = None
    dtype, is_stated = dataset.dtypes[0], told["nodata"] is not None
    if has_own_data or not states_type(header, dtype):
        told["nodata"] = None
        if is_stated and not has_own_data and dataset.nodatavals[0] is None:
            notes.append(
                f"{beside.name} beside it is for values of another type than {dtype}, and its "
                "`data ignore value` is not used"
            )
    if fields["wavelengths_nm"] is not None:
        told["wavelengths_nm"] = None
    notes.extend(f"{beside.name}: {note}" for note in header.notes)
    own = {
        name: value for name, value in fields.items() if value is not None and not _is_empty(value)
    }
    return {**told, **own}


def _is_empty(value: Any) -> bool:
    return isinstance(value, tuple) and not value
