"""Polygons of the classes of a map, in a GeoPackage."""

from __future__ import annotations

import sqlite3
import warnings
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from hsvlm._data.arrays import is_whole_number
from hsvlm._data.lazy import read_rows, row_blocks
from hsvlm._system.files import file_error
from hsvlm._system.optional import import_optional
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import MissingFileError, ParameterError
from hsvlm.io.areas import Ground
from hsvlm.mapping._polygon_style import add_style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from hsvlm.mapping._legend import MapClass
    from hsvlm.scene import Scene

_LAYER, _GEOMETRY = "classes", "geom"
# Polygons in memory at a time, about a kilobyte each.
_CHUNK = 20_000
# Columns to the right and rows downward, as GIS software shows rasters without a place.
_PIXELS = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


class _Patches(NamedTuple):
    """Connected pixels of one class: `numbers` of the patch of each pixel, and their figures."""

    numbers: NDArray[np.int32]
    places: NDArray[np.intp]  # of the class of each patch among the classes
    pixels: NDArray[np.int64]
    hectares: NDArray[np.float64] | None
    probability: NDArray[np.float64] | None


def checked_polygon_target(path: str | PathLike[str], sieve: Any) -> Path:
    """Refuse what no polygons can be written to, or with."""
    target = expand_home(path)
    if target.suffix.lower() != ".gpkg":
        problem = f"the suffix {target.suffix!r} is not that of a GeoPackage"
        raise file_error(target, problem, "Use .gpkg.")
    if not target.parent.is_dir():
        raise MissingFileError(
            f"{target} cannot be written: there is no folder {target.parent}. Create it."
        )
    if target.is_dir():
        raise file_error(target, "it is a folder", "Give the path of a file.")
    if not is_whole_number(sieve) or sieve < 0:
        raise ParameterError(
            f"sieve={sieve!r} is not a number of pixels. Give a whole number; 0 keeps all patches."
        )
    return target


def write_polygons(
    target: Path,
    values: NDArray[Any],
    scene: Scene,
    classes: Sequence[MapClass],
    probabilities: Any,
    sieve: int,
) -> None:
    """Write the polygons of a map and their style.

    Shapes: `values` (height, width), numbers of `classes` or 0; `probabilities`
    (height, width, n_classes), in the order of `classes`, or None.
    """
    geopandas = import_optional("geopandas", "geo")
    errors = import_optional("pyogrio.errors", "geo")
    features = import_optional("rasterio.features", "geo")
    if sieve > 1:
        is_mapped = values > 0
        values = features.sieve(values, int(sieve), mask=is_mapped, connectivity=4) * is_mapped
    patches = _patches(values, scene, classes, probabilities)
    try:
        with TemporaryDirectory(prefix=".hsvlm-", dir=target.parent) as folder:
            draft = Path(folder, target.name)
            polygons = _polygons(patches, scene)
            while records := list(islice(polygons, _CHUNK)):
                frame = _frame(geopandas, records, patches, classes, scene)
                _append(frame, draft, scene, is_first=not draft.exists())
            add_style(draft, _LAYER, _GEOMETRY, classes)
            draft.replace(target)
    except (OSError, sqlite3.Error, errors.DataSourceError, errors.DataLayerError) as error:
        hint = "Make sure that there is room on the disk and that the folder may be written to."
        raise file_error(target, f"it cannot be written ({error})", hint) from error


def _patches(
    values: NDArray[Any], scene: Scene, classes: Sequence[MapClass], probabilities: Any
) -> _Patches:
    numbers = np.zeros(values.shape, dtype=np.int32)
    places = [np.zeros(1, dtype=np.intp)]
    n_patches = 0
    for place, entry in enumerate(classes):
        own, n_own = ndimage.label(values == entry.number)  # neighbors share a side
        is_own = own > 0
        numbers[is_own] = own[is_own] + n_patches
        n_patches += n_own
        places.append(np.full(n_own, place))
    size = n_patches + 1
    place_of = np.concatenate(places)
    ground = Ground(scene)
    pixels = np.zeros(size, dtype=np.int64)
    hectares = np.zeros(size) if ground.known else None
    sums = None if probabilities is None else np.zeros(size)
    for start, stop in row_blocks((*values.shape, len(classes))):
        block = numbers[start:stop].ravel()
        pixels += np.bincount(block, minlength=size)
        if hectares is not None:
            areas = ground.hectares(start, stop).ravel()
            hectares += np.bincount(block, weights=areas, minlength=size)
        if sums is not None:
            rows = read_rows(probabilities, start, stop).reshape(len(block), -1)
            own_class = np.nan_to_num(rows[np.arange(len(block)), place_of[block]])
            sums += np.bincount(block, weights=own_class, minlength=size)
    probability = None if sums is None else sums / np.maximum(pixels, 1)
    return _Patches(numbers, place_of, pixels, hectares, probability)


def _polygons(patches: _Patches, scene: Scene) -> Iterator[tuple[Any, int]]:
    """Yield each polygon with the number of its patch."""
    features = import_optional("rasterio.features", "geo")
    affine = import_optional("affine", "geo")
    shapely = import_optional("shapely.geometry", "geo")
    transform = affine.Affine(*(scene.transform or _PIXELS))
    outlines = features.shapes(
        patches.numbers, mask=patches.numbers > 0, connectivity=4, transform=transform
    )
    for outline, number in outlines:
        yield shapely.shape(outline), int(number)


def _frame(
    geopandas: Any,
    records: Sequence[tuple[Any, int]],
    patches: _Patches,
    classes: Sequence[MapClass],
    scene: Scene,
) -> Any:
    numbers = [number for _, number in records]
    entries = [classes[place] for place in patches.places[numbers].tolist()]
    columns = {
        "value": [entry.number for entry in entries],
        "name": [entry.name for entry in entries],
        "color": [entry.color for entry in entries],
        "pixels": patches.pixels[numbers],
    }
    if patches.hectares is not None:
        columns["area_ha"] = patches.hectares[numbers]
    if patches.probability is not None:
        columns["probability"] = patches.probability[numbers]
    outlines = [outline for outline, _ in records]
    frame = geopandas.GeoDataFrame(columns, geometry=outlines, crs=scene.crs)
    return frame.rename_geometry(_GEOMETRY)


def _append(frame: Any, draft: Path, scene: Scene, *, is_first: bool) -> None:
    options: dict[str, Any] = {"mode": "a"}
    if is_first:
        text = f"Map of {scene.name}." if scene.name else "Map."
        if scene.transform is None:
            text += " Coordinates are columns and negative rows of pixels, from the upper left."
        elif scene.crs is None:
            text += " The coordinate reference system is unknown."
        creation = {"DESCRIPTION": text, "GEOMETRY_NAME": _GEOMETRY}
        # Versions above 1.2 make older software warn.
        version = {"VERSION": "1.2"}
        options = {"layer_options": creation, "dataset_options": version}
        options |= {"mode": "w", "geometry_type": "Polygon"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        frame.to_file(draft, layer=_LAYER, driver="GPKG", engine="pyogrio", **options)
