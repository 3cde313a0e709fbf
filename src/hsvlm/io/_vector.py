"""Points and polygons whose classes are drawn onto the grid of a scene."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._files import existing_file, unreadable
from hsvlm._runtime import import_optional
from hsvlm.exceptions import HSVLMWarning
from hsvlm.io._common import LabelMap
from hsvlm.io._ground import crs_name, extent
from hsvlm.io._sizes import check_memory
from hsvlm.io._variables import CUT, DAMAGED, reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike
    from pathlib import Path

    from numpy.typing import NDArray

    from hsvlm.scene import Scene

__all__ = ["VECTOR_SUFFIXES", "read_features"]

VECTOR_SUFFIXES = frozenset({".gpkg", ".shp", ".geojson", ".json", ".fgb"})
_LARGEST = np.iinfo(np.int32).max
# How files of these formats begin: others, such as descriptions of what lies on a server, GDAL
# would open under these names too.
_SIGNATURES = {
    ".gpkg": b"SQLite format 3\0",
    ".shp": b"\0\0\x27\x0a",
    ".fgb": b"fgb",
    ".geojson": b"{",
    ".json": b"{",
}
# What features take in memory, while they are read, for each byte of the file.
_MEMORY_PER_BYTE = 32


def read_features(
    path: str | PathLike[str], like: Scene, column: str | None = None, layer: str | None = None
) -> LabelMap:
    """Draw the classes of points and polygons onto the grid of a scene.

    A polygon marks the pixels whose centres it covers, a point the pixel that it lies in, a line
    the pixels along it. Pixels that are marked by several classes keep none.

    Parameters
    ----------
    path : path
        A GeoPackage, shapefile, GeoJSON or FlatGeobuf file. Its features are reprojected to the
        CRS of the scene.
    like : Scene
        Has a CRS and a transform.
    column : str, default=None
        Column of the classes: positive integers, or text, whose classes are numbered from 1 in the
        order of the alphabet. None: the one column of integers or text.
    layer : str, default=None
        Layer of a GeoPackage. None: the only one.

    Returns
    -------
    LabelMap
        Integers of shape (height, width), 0 where there is no class. Classes given as text have
        their names.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is damaged, has no CRS or several layers, its classes cannot be used, or its
        features mark no pixel of the scene; or if the scene is not georeferenced.
    MissingDependencyError
        If geopandas or rasterio is not installed.

    Warns
    -----
    HSVLMWarning
        If classes overlap, or a class marks no pixel.
    """
    file = existing_file(path)
    if like.crs is None or like.transform is None:
        what = "CRS" if like.crs is None else "transform"
        wrong = f"its features cannot be placed on a scene that has no {what}"
        remedy = "Use a georeferenced scene, or give the labels as a map of its pixels."
        raise unreadable(file, wrong, remedy)
    frame = _on_scene(file, _read(file, layer), like.crs)
    codes, names = _classes(file, frame, column)
    here = _falls_on(file, frame, like.crs, extent(like.transform, like.shape))
    labels, torn = _drawn(frame.geometry[here], codes[here], like.shape, like.transform)
    for message in _losses(file, labels, torn, codes, names):
        # The caller of the public function.
        warnings.warn(message, HSVLMWarning, stacklevel=4)
    return LabelMap(labels, names, crs=like.crs, transform=like.transform, text_classes=bool(names))


def _read(file: Path, layer: str | None) -> Any:
    geopandas = import_optional("geopandas", "geo")
    with file.open("rb") as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(_SIGNATURES[file.suffix.lower()]):
        wrong = f"cannot be read as vector data (it does not begin like a {file.suffix} file)"
        raise unreadable(file, wrong, DAMAGED)
    check_memory(file, (file.stat().st_size,), np.dtype(np.uint8), CUT, copies=_MEMORY_PER_BYTE)
    with reading(file, "vector data"):
        layers = geopandas.list_layers(file)["name"].tolist()
    listed = f"It holds: {', '.join(layers)}."
    if layer is None and len(layers) > 1:
        remedy = f"Name one of them, as in variable={layers[0]!r}. {listed}"
        raise unreadable(file, f"holds {len(layers)} layers", remedy)
    if layer is not None and layer not in layers:
        raise unreadable(file, f"has no layer {layer!r}", listed)
    with reading(file, "vector data"):
        frame = geopandas.read_file(file, layer=layer)
    if not hasattr(frame, "geometry") or not len(frame):
        raise unreadable(file, "holds no points or polygons", "Give a layer with features.")
    return frame


def _on_scene(file: Path, frame: Any, crs: str) -> Any:
    if frame.crs is None:
        remedy = (
            "A shapefile needs its .prj file beside it. If you know the CRS, save the features "
            "with it: geopandas.read_file(path).set_crs('EPSG:...').to_file(new_path)."
        )
        raise unreadable(file, "has no coordinate reference system", remedy)
    try:
        return frame.to_crs(crs)
    except import_optional("pyproj", "geo").exceptions.ProjError as error:
        wrong = f"its features, in {frame.crs.name}, cannot be brought to the CRS {crs_name(crs)}"
        raise unreadable(file, wrong, "Check the CRS of the scene and of the file.") from error


def _classes(
    file: Path, frame: Any, column: str | None
) -> tuple[NDArray[np.int64], dict[Any, str]]:
    columns = {str(one): frame[one] for one in frame.columns if one != frame.geometry.name}
    listed = ", ".join(f"{name} ({one.dtype})" for name, one in columns.items()) or "none"
    if column is None:
        fitting = [name for name, one in columns.items() if one.dtype.kind in "iu" or _is_text(one)]
        if len(fitting) != 1:
            wrong = f"{len(fitting)} columns could hold the classes"
            remedy = f"Name the column of the classes: column=... Columns: {listed}."
            raise unreadable(file, wrong, remedy)
        column = fitting[0]
    if column not in columns:
        raise unreadable(file, f"has no column {column!r}", f"Columns: {listed}.")
    values = columns[column]
    text = _is_text(values)
    if text:
        values = values.str.strip().replace("", None)
    missing = int(values.isna().sum())
    if missing:
        wrong = f"column {column!r} is empty for {missing} of {len(values)} features"
        raise unreadable(file, wrong, "Fill in their classes, or remove these features.")
    if text:
        names, codes = np.unique(values.to_numpy(dtype=str), return_inverse=True)
        return codes.astype(np.int64) + 1, dict(enumerate(names.tolist(), start=1))
    return _positive(file, column, values.to_numpy()), {}


def _is_text(values: Any) -> bool:
    # Text has a type of its own in later versions of pandas, of the same kind.
    return bool(values.dtype.kind == "O")


def _positive(file: Path, column: str, values: NDArray[Any]) -> NDArray[np.int64]:
    remedy = "Classes are text, or integers from 1; 0 stands for no label."
    if values.dtype.kind not in "iuf":
        wrong = f"column {column!r} has type {values.dtype}, which are no classes"
        raise unreadable(file, wrong, remedy)
    broken = values[(values != np.rint(values)) | (values < 1) | (values > _LARGEST)]
    if broken.size:
        wrong = f"column {column!r} holds {broken[0]}"
        raise unreadable(file, wrong, f"{remedy[:-1]}, and {_LARGEST} is the largest.")
    return values.astype(np.int64)


def _falls_on(file: Path, frame: Any, crs: str, scene: tuple[float, ...]) -> NDArray[np.bool_]:
    shapely = import_optional("shapely", "geo")
    bounds = frame.geometry.bounds.to_numpy()
    # Features without a geometry, or beyond what the CRS can express, have no finite bounds.
    finite = np.isfinite(bounds).all(axis=1)
    here: NDArray[np.bool_] = finite & frame.geometry.intersects(shapely.box(*scene)).to_numpy()
    if here.any():
        return here
    theirs = "nowhere"
    if finite.any():
        low, high = bounds[finite, :2].min(axis=0), bounds[finite, 2:].max(axis=0)
        theirs = _rectangle((*low, *high))
    wrong = (
        f"no feature lies on the scene: in {crs_name(crs)}, the features fill {theirs}, "
        f"the scene {_rectangle(scene)}"
    )
    raise unreadable(file, wrong, "Give features of this scene, and check their CRS.")


def _rectangle(bounds: tuple[float, ...]) -> str:
    west, south, east, north = bounds
    return f"x from {west:.10g} to {east:.10g} and y from {south:.10g} to {north:.10g}"


def _drawn(
    shapes: Any, codes: NDArray[np.int64], shape: tuple[int, int], transform: tuple[float, ...]
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    features = import_optional("rasterio.features", "geo")
    affine = import_optional("affine", "geo")
    top = int(codes.max())
    dtype = next(one for one in (np.uint8, np.uint16, np.int32) if top <= np.iinfo(one).max)
    order = np.argsort(codes, kind="stable")
    # Where the last feature drawn wins, the two orders differ on pixels of several classes alone.
    rising, falling = (
        features.rasterize(
            zip(shapes.iloc[one], codes[one].tolist(), strict=True),
            out_shape=shape,
            transform=affine.Affine(*transform),
            dtype=dtype,
        )
        for one in (order, order[::-1])
    )
    torn = rising != falling
    return np.where(torn, 0, rising).astype(dtype), torn


def _losses(
    file: Path,
    labels: NDArray[Any],
    torn: NDArray[np.bool_],
    codes: NDArray[np.int64],
    names: dict[Any, str],
) -> Iterator[str]:
    why = "lie elsewhere, overlap other classes, or are so small that they cover no pixel's centre"
    if not labels.any():
        wrong = "no pixel of the scene gets a class"
        raise unreadable(file, wrong, f"All features {why}.")
    if torn.any():
        yield (
            f"{file}: features of different classes overlap on {int(torn.sum())} pixels, which are "
            "left without a label."
        )
    lost = np.setdiff1d(codes, labels).tolist()
    if lost:
        listed = ", ".join(str(names.get(one, one)) for one in lost)
        yield f"{file}: no pixel of the scene is of class {listed}. Its features {why}."
