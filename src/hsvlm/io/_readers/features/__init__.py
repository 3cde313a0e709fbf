"""Points, lines and polygons with classes, drawn onto the grid of a scene."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io import _geo as geo
from hsvlm.io._common import LabelMap
from hsvlm.io._ground import crs_name, extent
from hsvlm.io._notes import warn_caller
from hsvlm.io._readers.features._columns import class_column, group_numbers
from hsvlm.io._readers.features._drawing import EMPTY, OUTSIDE, Grid, draw, notes_on_drawing
from hsvlm.io._readers.features._encodings import check_encoding, warn_of_encoding
from hsvlm.io._readers.features.archives import ARCHIVES
from hsvlm.io._sizes import check_memory
from hsvlm.io._strangers import check_content

if TYPE_CHECKING:
    from pathlib import Path

    from hsvlm.exceptions import FileError
    from hsvlm.io._common import FeatureQuery, Features, Reader
    from hsvlm.scene import Scene

# Files that people have, and what to make of them.
_SAVE_AGAIN = "Save the features as a GeoPackage or shapefile, with a GIS or geopandas."
_SAVE_AS_CSV = "Save the sheet as CSV."
_OTHER_FORMATS = {
    **dict.fromkeys((".parquet", ".geoparquet", ".tab", ".mif", ".gpx", ".dxf"), _SAVE_AGAIN),
    ".evf": "Export the vectors from ENVI as a shapefile.",
    **dict.fromkeys((".xlsx", ".xls", ".ods"), _SAVE_AS_CSV),
    **dict.fromkeys((".dbf", ".shx", ".prj", ".cpg"), "Give the .shp file that it belongs to."),
}
_PIXELS = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def refuse_other_formats(file: Path) -> None:
    """Refuse files that may hold labels, but in a format that is not read."""
    hint = _OTHER_FORMATS.get(file.suffix.lower())
    if hint is not None:
        raise file_error(file, f"labels are not read from {file.suffix.lower()} files", hint)


def _read(reader: Reader, file: Path, like: Scene, query: FeatureQuery) -> Features:
    # Folders of KML are values of a column.
    has_layers = reader.has_layers and file.suffix.lower() not in (".kml", ".kmz")
    if query.layer is not None and not has_layers:
        raise ParameterError(
            f"variable={query.layer!r} names a layer, but {file} has none.",
            "Leave it out.",
            option_hint="Leave out --label-variable.",
        )
    if not (file.suffix.lower() in ARCHIVES and zipfile.is_zipfile(file)):
        check_content(file)
    features: Features = reader.read_features(file, like, query)  # type: ignore[misc]
    return features


def read_features(reader: Reader, file: Path, like: Scene, query: FeatureQuery) -> LabelMap:
    """Draw the classes of points and polygons onto the grid of a scene."""
    # A polygon marks the pixels whose centers it covers, a point the pixel that it lies in, a line
    # the pixels along it. Pixels that several classes mark keep none.
    check_encoding(query.encoding)
    features = _read(reader, file, like, query)
    grid, shapes = _on_scene(file, features, like)
    classes = class_column(file, features.table, query.column, features.default_column)
    groups = None
    if query.group_column is not None:
        groups = group_numbers(file, features.table, query.group_column)
    # Two drawings, their classes and groups.
    check_memory(file, like.shape, np.int32, copies=6)
    drawing = draw(shapes, classes, groups, grid, query.all_touched)
    if np.isin(drawing.fates[classes.codes > 0], (OUTSIDE, EMPTY)).all():
        raise _elsewhere(file, shapes, features, like, grid)
    drawing_notes = list(notes_on_drawing(file, drawing, classes, shapes, query.all_touched))
    for note in classes.notes:
        warn_caller(f"{file}: {note}")
    warn_of_encoding(file, classes.names.values(), features.says_encoding)
    for note, *hints in drawing_notes:
        warn_caller(f"{file}: {note}.", *hints)
    colors = features.colors or {}
    return LabelMap(
        drawing.labels,
        classes.names,
        {code: colors[name] for code, name in classes.names.items() if name in colors},
        crs=like.crs,
        transform=like.transform,
        text_classes=bool(classes.names),
        groups=drawing.groups,
    )


def _on_scene(file: Path, features: Features, like: Scene) -> tuple[Grid, Any]:
    """Bring features to the coordinates of the scene."""
    shapes = features.shapes.set_crs(None, allow_override=True)
    if features.in_pixels:
        return Grid(like.shape, _PIXELS, like.valid), shapes
    if like.crs is None or like.transform is None:
        what = "CRS" if like.crs is None else "transform"
        problem = f"its features cannot be placed on a scene that has no {what}"
        hint = "Use a georeferenced scene, or give the labels as a map of its pixels."
        raise file_error(file, problem, hint)
    grid = Grid(like.shape, like.transform, like.valid)
    if features.shapes.crs is None:
        raise file_error(
            file,
            "has no coordinate reference system",
            "A shapefile needs its .prj file beside it. If you know the CRS, save the features "
            "with it: geopandas.read_file(path).set_crs('EPSG:...').to_file(new_path).",
            "A shapefile needs its .prj file beside it. If you know the CRS, assign it in a GIS "
            "and save the features again.",
        )
    try:
        shapes = features.shapes.to_crs(like.crs)
    except geo.pyproj.exceptions.ProjError as error:
        theirs = features.shapes.crs.name
        problem = f"its features, in {theirs}, cannot be brought to the CRS {crs_name(like.crs)}"
        raise file_error(file, problem, "Check the CRS of the scene and of the file.") from error
    return grid, shapes.set_axis(range(len(shapes))).map(geo.shapely.force_2d, na_action="ignore")


def _elsewhere(file: Path, shapes: Any, features: Features, like: Scene, grid: Grid) -> FileError:
    bounds = shapes.bounds.to_numpy()
    finite = np.isfinite(bounds).all(axis=1)
    theirs = "nowhere"
    if finite.any():
        low, high = bounds[finite, :2].min(axis=0), bounds[finite, 2:].max(axis=0)
        theirs = _rectangle((*low, *high))
    unit = "pixels" if features.in_pixels else crs_name(str(like.crs))
    problem = (
        f"no feature lies on the scene: in {unit}, the features fill {theirs}, "
        f"the scene {_rectangle(extent(grid.transform, grid.shape))}"
    )
    return file_error(file, problem, features.hint)


def _rectangle(bounds: tuple[float, ...]) -> str:
    west, south, east, north = bounds
    return f"x from {west:.10g} to {east:.10g} and y from {south:.10g} to {north:.10g}"
