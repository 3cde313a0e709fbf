"""EnMAP and DESIS of the German Aerospace Center: an image and METADATA.XML beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMError
from hsvlm.io._common import Reader
from hsvlm.io._declared import scale_of
from hsvlm.io._notes import warn_of_file
from hsvlm.io._readers import envi, raster

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.io._common import ReadResult

_IMAGE = re.compile(r"(?P<stem>.*)SPECTRAL_IMAGE(_(?P<detector>VNIR|SWIR))?(_COG)?", re.IGNORECASE)
_METADATA = re.compile(r"(?P<stem>.*)METADATA\.XML", re.IGNORECASE)
_IMAGE_SUFFIXES = (".tif", ".tiff", ".hdr", ".bsq", ".bil", ".bip", ".jp2")
_ROOTS = ("level_x", "hsi_doc")
_MOST_BYTES = 2**24
_GET_AGAIN = "Get the product again, or rename the image to read it without its metadata."
# The statistics of bands in which atmospheric correction leaves nothing.
_NEVER_FILLED = ("0", "-1000000")


class _Metadata(NamedTuple):
    """What METADATA.XML says about the bands."""

    level: str
    wavelengths: NDArray[np.float64]
    scale: NDArray[np.float64] | None
    bad_bands: NDArray[np.bool_]
    n_vnir: int
    nodata: float | None


class _NoDoctype(ET.TreeBuilder):
    """Refuses document types, in which entities are declared."""

    def doctype(self, *_: Any) -> None:
        """Raise: no product has one."""
        raise ET.ParseError("it declares a document type")


def _matches(file: Path) -> bool:
    """Tell whether a file is an image with METADATA.XML beside it, or that XML file."""
    if _METADATA.fullmatch(file.name):
        metadata: Path | None = file
    elif file.suffix.lower() in _IMAGE_SUFFIXES and _IMAGE.fullmatch(file.stem):
        metadata = _metadata_of(file)
    else:
        return False
    if metadata is None:
        return False
    try:
        root = _parsed(metadata)
    except ET.ParseError:
        # Metadata that cannot be read are worth an error, not a scene without them.
        return True
    return _local(root).lower() in _ROOTS or root.find(".//bandCharacterisation") is not None


def read_cube(file: Path, variable: str | None = None) -> ReadResult:
    """Read an EnMAP or DESIS image with what its METADATA.XML says."""
    own = _METADATA.fullmatch(file.name)
    metadata_file = file if own else _metadata_of(file)
    if metadata_file is None:
        raise file_error(file, "its METADATA.XML is missing", _GET_AGAIN)
    notes: list[str] = []
    try:
        metadata = _metadata(metadata_file, _parsed(metadata_file), notes)
    except HSVLMError:
        raise
    except (ET.ParseError, ValueError, TypeError) as error:
        reason = str(error).rstrip(".")
        raise file_error(
            metadata_file, f"cannot be read as the metadata of an image ({reason})", _GET_AGAIN
        ) from error
    warn_of_file(metadata_file, notes, _GET_AGAIN)
    image = _image_of(file, own["stem"], variable) if own else file
    # The name of a variable has done its work where it chose the image.
    variable = None if own else variable
    is_envi = image.suffix.lower() in (".hdr", ".bsq", ".bil", ".bip")
    result = (envi if is_envi else raster).read_cube(image, variable)
    return _described(image, metadata_file, result, metadata)


def _described(
    image: Path, metadata_file: Path, result: ReadResult, metadata: _Metadata
) -> ReadResult:
    scene = result.scene
    matched = _IMAGE.fullmatch(image.stem)
    detector = (matched["detector"] or "").upper() if matched else ""
    part = {"VNIR": slice(0, metadata.n_vnir), "SWIR": slice(metadata.n_vnir, None)}
    bands = part.get(detector, slice(None))
    wavelengths, bad = metadata.wavelengths[bands], metadata.bad_bands[bands]
    if len(wavelengths) != scene.n_bands:
        problem = (
            f"its element bandCharacterisation describes {len(wavelengths)} bands, but "
            f"{image.name} has {scene.n_bands}"
        )
        raise file_error(metadata_file, problem, _GET_AGAIN)
    if scene.bad_bands is not None:
        bad = bad | scene.bad_bands
    in_place = metadata.level != "L1B"
    scene = replace(
        scene,
        wavelengths_nm=wavelengths,
        scale=scene.scale if metadata.scale is None else metadata.scale[bands],
        bad_bands=bad if bad.any() or scene.bad_bands is not None else None,
        crs=scene.crs if in_place else None,
        transform=scene.transform if in_place else None,
    )
    nodata = metadata.nodata if result.nodata is None else result.nodata
    return replace(result, scene=scene, nodata=nodata)


def _metadata_of(image: Path) -> Path | None:
    matched = _IMAGE.fullmatch(image.stem)
    return _beside(image, f"{matched['stem']}METADATA.XML") if matched else None


def _image_of(metadata_file: Path, stem: str, variable: str | None) -> Path:
    detectors = {None: "", "VNIR": "_VNIR", "SWIR": "_SWIR"}
    detector = detectors.get(None if variable is None else variable.upper())
    images = {
        part: _first_image(metadata_file, f"{stem}SPECTRAL_IMAGE{part}")
        for part in detectors.values()
    }
    image = None if detector is None else images[detector]
    if image is not None:
        return image
    if images["_VNIR"] or images["_SWIR"]:
        problem = "it describes an image of VNIR and one of SWIR, which do not show the same pixels"
        hint = 'Read one of them: variable="VNIR" or "SWIR".'
        raise file_error(metadata_file, problem, hint, "Read one of them: --variable VNIR or SWIR.")
    raise file_error(
        metadata_file,
        f"no image {stem}SPECTRAL_IMAGE{detector or ''} (.TIF, .BSQ and the like) lies beside it",
        "Put the files of the product into one folder, and leave out `variable`.",
        "Put the files of the product into one folder, and leave out --variable.",
    )


def _first_image(metadata_file: Path, name: str) -> Path | None:
    names = (f"{name}{cog}{suffix}" for suffix in _IMAGE_SUFFIXES for cog in ("", "_COG"))
    return next(filter(None, (_beside(metadata_file, image) for image in names)), None)


def _beside(file: Path, name: str) -> Path | None:
    """Return the file of this name in the same folder, in upper or lower case."""
    exact = file.with_name(name)
    if exact.is_file():
        return exact
    folded = name.casefold()
    files = (path for path in file.parent.iterdir() if path.name.casefold() == folded)
    return next((path for path in files if path.is_file()), None)


def _parsed(file: Path) -> ET.Element:
    with file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ET.ParseError(f"it has more than {_MOST_BYTES:,} bytes")
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 (entities need a document type)
    parser.feed(content)
    root: ET.Element = parser.close()
    return root


def _metadata(file: Path, root: ET.Element, notes: list[str]) -> _Metadata:
    table = root.find(".//bandCharacterisation")
    bands = [] if table is None else [_children(band) for band in table]
    center = "wavelengthcenterofband"
    missing = [number for number, band in enumerate(bands, 1) if center not in band]
    if missing or not bands:
        what = f"of band {missing[0]} " if missing else ""
        raise file_error(file, f"its element wavelengthCenterOfBand {what}is missing", _GET_AGAIN)
    wavelengths = np.array([float(band[center]) for band in bands])
    n_vnir = root.findtext(".//numberOfVNIRBands")
    background = root.findtext(".//backgroundValue")
    return _Metadata(
        level=(root.findtext(".//base/level") or root.findtext(".//level") or "").strip().upper(),
        wavelengths=wavelengths,
        scale=_scale(bands, notes),
        bad_bands=_never_filled(root, len(bands)),
        n_vnir=len(bands) if n_vnir is None else int(n_vnir),
        nodata=None if background is None or not background.strip() else float(background),
    )


def _scale(bands: list[dict[str, str]], notes: list[str]) -> NDArray[np.float64] | None:
    columns = [[band.get(name) for band in bands] for name in ("gainofband", "offsetofband")]
    gains, offsets = (None if None in column else column for column in columns)
    return scale_of(gains, offsets, len(bands), notes)


def _never_filled(root: ET.Element, n_bands: int) -> NDArray[np.bool_]:
    statistics = [_children(band) for band in root.findall(".//bandStatistics/bandID")]
    bad = np.zeros(n_bands, dtype=bool)
    if len(statistics) == n_bands:
        pairs = [(band.get("stddeviation"), band.get("mean")) for band in statistics]
        bad |= np.array([pair == _NEVER_FILLED for pair in pairs])
    return bad


def _children(element: ET.Element) -> dict[str, str]:
    return {_local(child).lower(): (child.text or "").strip() for child in element}


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


READER = Reader("EnMAP and DESIS", (*_IMAGE_SUFFIXES, ".xml"), read_cube, matches=_matches)
