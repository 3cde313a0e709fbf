"""Scenes, label maps and rasters from files of any format."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.texts import normalize_text
from hsvlm._system.files import existing_file, file_error
from hsvlm.exceptions import ParameterError
from hsvlm.io._common import FeatureQuery
from hsvlm.io._ground import check_grid
from hsvlm.io._named_axes import in_order
from hsvlm.io._nodata import check_nodata, with_valid_pixels
from hsvlm.io._notes import warn_caller, warn_of_file
from hsvlm.io._orientation import warn_of_orientation
from hsvlm.io._readers import envi, feature_reader, netcdf, raster, readers
from hsvlm.io._readers.features import read_features, refuse_other_formats
from hsvlm.io._readers.features._encodings import check_encoding, warn_of_encoding
from hsvlm.io._strangers import check_content, check_pointer, start_of
from hsvlm.io._variables import check_size
from hsvlm.io.classes import with_class_names
from hsvlm.scene import Raster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from hsvlm.io._common import LabelMap, Reader, ReadResult
    from hsvlm.scene import Scene


_PLACE = ("crs", "transform")


def read_scene(
    path: Any,
    *,
    variable: str | None = None,
    labels: Any = None,
    label_variable: str | None = None,
    label_column: str | None = None,
    group_column: str | None = None,
    all_touched: bool = False,
    encoding: str | None = None,
    class_names: Mapping[Any, str] | None = None,
    nodata: float | Sequence[float] | str | None = "auto",
    nodata_rule: str | None = None,
    shape: tuple[int, int] | None = None,
    name: str | None = None,
) -> Scene:
    """Read a scene from a file.

    The suffix tells the format: MATLAB (``.mat``), NumPy (``.npy``, ``.npz``), NetCDF and HDF5
    (``.nc``, ``.nc4``, ``.h5``, ``.hdf5``, ``.he5``), ENVI (``.hdr``, or a data file beside such a
    header), and every raster format that GDAL reads, such as GeoTIFF. Where the format allows it,
    the cube stays on disk and is read where it is indexed.

    Parameters
    ----------
    path : path, xarray.DataArray or xarray.Dataset
        The file, or data that xarray holds already. Dimensions of xarray and NetCDF are told by
        names such as y, x and band; others are taken in the order height, width, bands.
    variable : str, default=None
        Which of several arrays of a file or a dataset is the cube; the last part of its path will
        do. None: the only one of 3 dimensions.
    labels : path or array of shape (height, width), default=None
        The label map: a file for :func:`read_labels`, or an array. One of xarray must have the
        dimensions and coordinates of the cube, in any order; its flags name the classes.
    label_variable, label_column : str, default=None
        `variable` and `column` of :func:`read_labels`, for the file of labels. A `label_variable`
        without `labels` is one of the file of the cube.
    group_column, all_touched, encoding
        As for :func:`read_labels`.
    class_names : dict, default=None
        ``{label: name}``, for example of another scene or of a model: the classes of the label file
        are matched with these by name and get their numbers. None: those of the file.
    nodata : "auto", float, sequence of float or None, default="auto"
        Pixels with one of these values hold no data. ``"auto"``: the values that the file declares.
        Numbers take their place. NaN is always among them. The cube is searched once if there is
        such a value; None: it is not searched, and only masks of the file count.
    nodata_rule : {"any", "all"}, default=None
        Whether a pixel holds no data if one of its bands has such a value, or only if all have it,
        for sensors that fill single bands. Bad bands do not count. None: what the product says, or
        "any".
    shape : (int, int), default=None
        Height and width of a cube that a MATLAB or NumPy file stores with 2 dimensions, pixels and
        bands. Pixels of a MATLAB file follow each other down the columns, those of a NumPy file
        along the rows. None: a cube has 3 dimensions, or a MATLAB file states ``nRow`` and
        ``nCol``.
    name : str, default=None
        Name of the scene. None: that of the file without its suffix.

    Returns
    -------
    Scene
        The cube of shape (height, width, n_bands) in the type of the file, with wavelengths, bad
        bands, scale, valid pixels, CRS and transform as far as the file tells.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If a file is damaged, empty, a pointer of Git LFS, a web page or an archive, or holds
        something else, no pixel holds data, or the label map does
        not lie on the grid of the scene.
    DataError
        If an array of labels has another shape, or the label file has classes that are not among
        `class_names`.
    ParameterError
        If `path` or `nodata` is nothing of the above, or an argument for labels has no use.
    MissingDependencyError
        If the library that reads the format is not installed.

    Warns
    -----
    HSVLMWarning
        Once, if something that the file tells had to be assumed, or is not understood and not used.

    See Also
    --------
    read_labels : Labels for a scene that has been read.
    match_bands : The bands that a classifier was trained on.

    Notes
    -----
    Products of PRISMA, EMIT, NEON, EnMAP and DESIS are recognized by what they hold. The bands of
    PRISMA's detectors are joined in the order of wavelengths; ``variable="VNIR"`` or ``"SWIR"``
    reads one. EMIT granules are put on their map grid; ``variable="reflectance"`` or
    ``"radiance"`` reads them in the geometry of the sensor, and a scene of it has no transform.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hsvlm.io import read_scene
    >>> path = Path(tempfile.mkdtemp(), "field.npy")
    >>> np.save(path, np.full((4, 5, 3), 0.5, dtype=np.float32))
    >>> read_scene(path, labels=np.ones((4, 5), dtype=np.uint8), nodata=-9999)
    Scene('field', 4 x 5 pixels, 3 bands, float32)
    """
    query = FeatureQuery(label_column, label_variable, group_column, all_touched, encoding)
    if labels is None and label_variable is not None and isinstance(path, (str, PathLike)):
        labels = path
    size = check_size(shape)
    _check_arguments(labels, query)
    check_nodata(nodata, nodata_rule)
    if isinstance(path, (str, PathLike)):
        file = existing_file(path)
        source: Any = file
        result = _read_cube(file, variable, size)
        own_name = result.scene.name or file.stem
    else:
        source = "xarray data"
        result = netcdf.from_xarray(_held_by_xarray(path), variable)
        if size is not None:
            raise ParameterError(f"shape={shape} is for files, not for xarray data.")
        own_name = str(getattr(path, "name", None) or "")
    scene = replace(result.scene, name=own_name if name is None else name)
    scene = with_valid_pixels(source, result, scene, nodata, nodata_rule)
    if labels is None:
        return scene
    if not isinstance(labels, (str, PathLike)):
        is_file = isinstance(path, (str, PathLike))
        cube = None if is_file else netcdf.cube_of_xarray(path, variable)
        values, names = _labels_of_array(labels, scene, cube)
        names = names if class_names is None else dict(class_names)
        return replace(scene, labels=values, class_names=names)
    label_map = _labels(labels, scene, query)
    if class_names is not None:
        label_map = with_class_names(label_map, class_names, str(labels))
    fields = vars(label_map).items()
    return replace(scene, **{name: value for name, value in fields if name not in _PLACE})


def read_labels(
    path: str | PathLike[str],
    like: Scene,
    *,
    variable: str | None = None,
    column: str | None = None,
    group_column: str | None = None,
    all_touched: bool = False,
    encoding: str | None = None,
    class_names: Mapping[Any, str] | None = None,
) -> LabelMap:
    """Read labels for a scene.

    Parameters
    ----------
    path : path
        A label map in one of the formats of :func:`read_scene`, or points and polygons in a
        GeoPackage, shapefile, GeoJSON or FlatGeobuf file (``.gpkg``, ``.shp``, ``.geojson``,
        ``.json``, ``.fgb``), which are reprojected and drawn onto the grid of the scene: a polygon
        marks the pixels whose centers it covers, a point the pixel it lies in, and pixels marked
        by several classes keep none.
    like : Scene
        The scene whose grid the labels must match.
    variable : str, default=None
        Which of several arrays of a file is the label map, or which layer of a GeoPackage holds
        the features. None: the only one.
    column : str, default=None
        Column of the classes of points and polygons: positive integers, as numbers or text, or
        names, which are numbered from 1 in the order of the alphabet. None: the only column that
        could hold them.
    group_column : str, default=None
        Column of the groups of points and polygons, such as the field or the campaign; ``"fid"``
        makes every feature a group. They keep pixels of one group together when a scene is split.
    all_touched : bool, default=False
        True if a polygon marks all pixels that it touches, also where it does not cover their
        centers.
    encoding : str, default=None
        Encoding of class names in a shapefile, a table or an ENVI header, such as ``"gbk"``. None:
        the one that the file states.
    class_names : dict, default=None
        As in :func:`read_scene`.

    Returns
    -------
    LabelMap
        Labels of shape (height, width), with names and colors of the classes as far as the file
        tells, and groups if there is a `group_column`.

    Raises
    ------
    FileError, MissingFileError, MissingDependencyError
        As for :func:`read_scene`. Positions are compared if both are georeferenced: the corners
        may differ by a tenth of a pixel.
    ParameterError
        If `column`, `group_column` or `all_touched` is given for a file without features, or
        `encoding` is unknown or has no use.

    Warns
    -----
    HSVLMWarning
        If something of the file had to be assumed or is not used; points and polygons overlap,
        mark no pixel or have no class; a class is spelled in several ways; or names look misread.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.io import read_labels
    >>> scene = make_synthetic_scene(random_state=0)
    >>> path = Path(tempfile.mkdtemp(), "classes.npy")
    >>> np.save(path, scene.labels)
    >>> read_labels(path, scene).labels.shape
    (32, 32)
    """
    query = FeatureQuery(column, variable, group_column, all_touched, encoding)
    labeled = _labels(path, like, query)
    if class_names is None:
        return labeled
    return with_class_names(labeled, class_names, str(path))


def read_raster(path: str | PathLike[str], *, variable: str | None = None) -> Raster:
    """Read a further source of a scene from a file.

    Parameters
    ----------
    path : path
        A file in one of the formats of :func:`read_scene`. In MATLAB, NumPy, NetCDF and HDF5 files,
        an array may have 2 dimensions, as that of a single channel often has.
    variable : str, default=None
        Which of several arrays of a file is the raster; the last part of its path will do. None:
        the only one of 2 or 3 dimensions.

    Returns
    -------
    Raster
        Values of shape (height, width, n_channels), with the scale of the file applied, and names
        of the channels, unit, CRS and transform as far as the file tells. Pixels without data are
        not valid.

    Raises
    ------
    FileError
        If the file holds no such array, or several and `variable` is None; and as for
        :func:`read_scene`.
    MissingFileError, MissingDependencyError
        As for :func:`read_scene`.

    See Also
    --------
    align : Brings a raster of another grid onto that of a scene.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hsvlm.io import read_raster
    >>> path = Path(tempfile.mkdtemp(), "lidar.npz")
    >>> np.savez(path, heights=np.zeros((4, 5)), intensity=np.ones((4, 5)))
    >>> read_raster(path, variable="heights")
    Raster(4 x 5 pixels, 1 channel, float64)
    """
    file = existing_file(path)
    reader = _cube_reader(file)
    result = (reader.read_raster or reader.read_cube)(file, variable)  # type: ignore[misc]
    raster = raster_of(with_valid_pixels(file, result, result.scene, "auto", None))
    return replace(raster, unit=result.unit)


def raster_of(scene: Scene) -> Raster:
    """Return the cube of a scene as a further source of another one, in physical values."""
    scene = scene.apply_scale()
    place = (scene.transform, scene.crs)
    return Raster(scene.cube, *place, scene.valid, scene.band_names, scene.reach)


def _labels_of_array(labels: Any, scene: Scene, cube: Any) -> tuple[Any, dict[Any, str]]:
    """Bring labels with named axes to the order of the scene, and read the names of classes."""
    if not hasattr(labels, "coords") or np.ndim(labels) != 2:
        return np.asanyarray(labels), scene.class_names
    notes: list[str] = []
    variables = {str(name): array for name, array in labels.coords.items()}
    held = netcdf.held_map(labels, variables, notes)
    warn_of_file("labels", notes, "Correct its attributes, or give class_names.")
    names = held.class_names or scene.class_names
    if cube is not None:
        return in_order(labels, cube, "labels", "the cube"), names
    check_grid("labels", held, scene)
    return held.labels, names


def _labels(path: str | PathLike[str], like: Scene, query: FeatureQuery) -> LabelMap:
    file = existing_file(path)
    feature_format = feature_reader(file)
    if feature_format is not None:
        check_pointer(file)
        return read_features(feature_format, file, like, query)
    refuse_other_formats(file)
    unused = query.of_features()
    if unused:
        name, value = next(iter(unused.items()))
        words = f"the {name} {value!r}" if isinstance(value, str) else name.replace("_", " ")
        raise ParameterError(
            f"{words} is for points and polygons, but {file} is read as a label map.",
            "Leave it out, or give a file of features.",
        )
    reader = _format_of(file)
    labels = reader.read_label_map(file, query.layer)  # type: ignore[misc]
    check_grid(file, labels, like)
    if labels.transform is None or like.transform is None:
        warn_of_orientation(file, labels.labels, like)
    return _with_checked_names(file, labels, query.encoding, reader.is_utf8)


def _with_checked_names(
    file: Path, labels: LabelMap, encoding: str | None, is_utf8: Callable[[Path], bool] | None
) -> LabelMap:
    """Decode class names again if an encoding is given; warn if they look misread."""
    check_encoding(encoding)
    if encoding is not None:
        if is_utf8 is None:
            raise ParameterError(
                f"encoding={encoding!r} applies to shapefiles, tables and ENVI headers, but {file} "
                "is of another format.",
                "Leave it out.",
            )
        names = {label: _decoded(name, encoding) for label, name in labels.class_names.items()}
        return replace(labels, class_names=names)
    _warn_of_shared_names(file, labels.class_names)
    stated = is_utf8 is None or is_utf8(file)
    warn_of_encoding(file, labels.class_names.values(), stated)
    return labels


def _warn_of_shared_names(file: Path, names: Mapping[Any, str]) -> None:
    labels_of: dict[str, list[Any]] = {}
    for label, name in names.items():
        labels_of.setdefault(normalize_text(name), []).append(label)
    for labels in labels_of.values():
        if len(labels) > 1:
            warn_caller(
                f"{file}: the classes {', '.join(map(str, labels))} have one name, "
                f"{names[labels[0]]!r}.",
                "Give each class a name of its own, or all its pixels one number.",
            )


def _decoded(name: str, encoding: str) -> str:
    # Headers that are not UTF-8 are read as Latin-1, which keeps their bytes.
    try:
        return name.encode("latin-1").decode(encoding)
    except UnicodeError:
        return name


def _cube_reader(file: Path) -> Reader:
    products = (each for each in readers() if each.read_cube and each.matches)
    return next((each for each in products if each.reads(file)), None) or _format_of(file)


def _read_cube(file: Path, variable: str | None, size: tuple[int, int] | None) -> ReadResult:
    reader = _cube_reader(file)
    if size is None:
        return reader.read_cube(file, variable)  # type: ignore[misc]
    if not reader.takes_size:
        names = " and ".join(each.name for each in readers() if each.takes_size)
        raise ParameterError(
            f"shape={size} is for cubes with 2 dimensions in {names} files. {file} is of another "
            "format.",
            "Leave it out.",
            option_hint="Leave out --shape.",
        )
    return reader.read_cube(file, variable, size)  # type: ignore[misc]


def _check_arguments(labels: Any, query: FeatureQuery) -> None:
    unused = {**query.of_features("label_"), **query.of_maps("label_")}
    if unused and not isinstance(labels, (str, PathLike)):
        argument, value = next(iter(unused.items()))
        raise ParameterError(
            f"{argument}={value!r} is for a file of labels, but `labels` is not a path.",
            "Give the path of the file, or leave the argument out.",
        )


def _held_by_xarray(data: Any) -> Any:
    if hasattr(data, "dims") and hasattr(data, "coords"):
        return data
    raise ParameterError(
        "read_scene takes a path, an xarray.DataArray or an xarray.Dataset, got "
        f"{type(data).__name__}. An array needs no reading: Scene(array)."
    )


def is_feature_file(file: Path) -> bool:
    """Tell by suffix whether a file holds features; archives and XML by what they hold."""
    return feature_reader(file) is not None


def _format_of(file: Path) -> Reader:
    """Return the reader of a scene or a label map."""
    suffix = file.suffix.lower()
    formats = (each for each in readers() if each.read_label_map)
    reader = next((each for each in formats if each.reads(file)), raster.READER)
    if reader not in (envi.READER, raster.READER):
        check_content(file)
        return reader
    if is_feature_file(file):
        raise file_error(
            file, "holds points and polygons, not a scene", "Give it as `labels` of a scene."
        )
    header = None if suffix in raster.READER.suffixes else envi.header_beside(file)
    # Other formats have headers of this suffix too; those of ENVI begin with its name.
    if header is None or file == header:
        # The values of an ENVI file may begin with any bytes.
        check_content(file)
    # In UTF-16, every other byte is 0.
    start = b"" if header is None else start_of(header, 16).replace(b"\0", b"").upper()
    return envi.READER if suffix == ".hdr" or b"ENVI" in start else raster.READER
