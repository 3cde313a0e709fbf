"""Scenes, maps and rasters to files."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.lazy import files_of, read_rows
from hsvlm._system.files import file_error, fsync
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import DataError, HSVLMError, MissingFileError, ParameterError
from hsvlm.io._notes import warn_caller
from hsvlm.io._writers import writers_by_suffix
from hsvlm.io._writers.attribute_table import ClassTally, write_attribute_table
from hsvlm.io._writers.output import Output, checked_nodata, scene_nodata, stored_type, unwritable
from hsvlm.io._writers.qml import is_raster_style, style_path, write_style
from hsvlm.io.classes import class_codes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from hsvlm.io._writers.output import Writer
    from hsvlm.scene import Scene


def write_scene(path: str | PathLike[str], scene: Scene) -> Path:
    """Write the cube of a scene with what is known of its bands and its place on the ground.

    Parameters
    ----------
    path : path
        ``.tif`` or ``.tiff`` for a cloud-optimized GeoTIFF [1]_; ``.hdr`` or ``.img`` for ENVI, of
        which both files are written. Their folder must exist. Files of that name are replaced, but
        not before the new ones are whole.
    scene : Scene
        Its cube, of any real type, is read row block by row block. Labels are not written:
        :func:`write_map` does that.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    FileError
        If the suffix is another, the file cannot be written, or, for ENVI, a header or data of that
        name belong to another file.
    MissingFileError
        If the folder does not exist.
    DataError
        If the cube holds no real numbers, or no value is left that could mark invalid pixels.
    ParameterError
        If PROJ does not know the CRS; or, for ENVI, if the grid is skewed.
    MissingDependencyError
        If rasterio, or spectral for ENVI, is not installed.

    Notes
    -----
    Invalid pixels are written as the value for "no data": NaN for floats; for integers the least
    number of their type, or the greatest if valid pixels hold the least.

    A GeoTIFF keeps wavelengths as tags of its bands, ``wavelength`` in nanometers and GDAL's
    ``CENTRAL_WAVELENGTH_UM``, and bad bands as the tag ``bbl``, 1 for good and 0 for bad. In names
    of bands, ENVI keeps semicolons for commas and round for curly brackets. The name of the scene
    becomes the description of the file.

    While a GeoTIFF is written, its values lie on the disk uncompressed as well. It has overviews
    for display up to 16 bands of float32, or as many bytes of other types.

    References
    ----------
    .. [1] Open Geospatial Consortium, "OGC Cloud Optimized GeoTIFF Standard", 21-026, 2023.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.io import read_scene, write_scene
    >>> scene = make_synthetic_scene(random_state=0)
    >>> path = write_scene(Path(tempfile.mkdtemp(), "field.tif"), scene)
    >>> read_scene(path)
    Scene('field', 32 x 32 pixels, 30 bands from 400 to 2500 nm, float32)
    """
    target = checked_target(path)
    dtype = stored_type(scene.cube.dtype)
    nodata = scene_nodata(scene, dtype)
    height, width = scene.shape
    output = Output(
        shape=(height, width, scene.n_bands),
        dtype=dtype,
        read=partial(_scene_rows, scene, dtype, nodata),
        crs=scene.crs,
        transform=scene.transform,
        nodata=nodata,
        band_names=scene.band_names,
        wavelengths_nm=scene.wavelengths_nm,
        bad_bands=scene.bad_bands,
        scale=scene.scale,
        title=scene.name,
    )
    return _write(target, output)


def write_map(
    path: str | PathLike[str],
    label_map: Any,
    *,
    scene: Scene | None = None,
    class_names: Mapping[Any, str] | None = None,
    class_colors: Mapping[Any, str] | None = None,
    unlabeled: Any = 0,
) -> Path:
    """Write a label map that geographic information systems show with names and colors.

    Parameters
    ----------
    path : path
        As for :func:`write_scene`; ENVI gets a classification.
    label_map : array of shape (height, width)
        Numbers or strings, for example the prediction for a scene. A memory map is read row block
        by row block, twice; a Dask array is computed once and kept meanwhile, by its workers.
    scene : Scene, default=None
        Gives CRS and transform, and names and colors unless they are passed.
    class_names : dict, default=None
        ``{label: name}``, also for classes that the map does not hold. Labels without a name stand
        for themselves.
    class_colors : dict, default=None
        ``{label: "#rrggbb"}``. Labels without a color take one of the palette, in the order of
        `class_names` and then of the labels.
    unlabeled : int, float, str or None, default=0
        Label of pixels without a class; None if all have one. NaN and masked pixels have none in
        any case.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    FileError, MissingFileError, MissingDependencyError
        As for :func:`write_scene`.
    DataError
        If the map is not 2-D or not that of the scene, `unlabeled` is not of the type of the
        labels, or there are more than 65,535 classes.
    ParameterError
        If `class_names` belongs to other labels, a color is none, PROJ does not know the CRS, or
        `path` is the file that the scene is read from; or, for ENVI, if the grid is skewed.

    Notes
    -----
    In the file, 0 means "no class" and is declared as "no data"; the numbers of classes are uint8
    up to 255 and else uint16. Whole numbers from 1 to 65,535 are written as they are. If there are
    other labels (strings, fractions, negative numbers, or 0 where `unlabeled` is another value),
    all are numbered from 1 on in ascending order, and the labels are the names of their numbers if
    they have no others.

    A GeoTIFF holds the names twice: in the tag CLASS_NAMES, which is part of the file, and as
    category names in the file ``.aux.xml`` beside it, where GDAL and QGIS look for them. Its
    palette holds the colors; uint16 has none, so they are in the tag CLASS_COLORS. The tag
    CLASS_LABELS tells the labels of numbered classes; in an ENVI header, ``class labels``.

    Two files describe the classes to other software, whatever the format. ``.aux.xml``, added to
    the name of the data file, also holds a raster attribute table for GDAL, QGIS and ArcGIS: value,
    number of pixels, name and color of each class, and its area in hectares (``Area_ha``) where the
    scene has a projected or geographic CRS. A file with the same base name and the suffix ``.qml``
    is a style, with which QGIS shows the map in these names and colors. Both are replaced with the
    map, except a style of a vector layer of this name: it stays, with a warning.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hsvlm.datasets import make_synthetic_scene
    >>> from hsvlm.io import read_labels, write_map
    >>> scene = make_synthetic_scene(random_state=0)
    >>> path = write_map(Path(tempfile.mkdtemp(), "map.tif"), scene.labels, scene=scene)
    >>> read_labels(path, scene).class_names
    {1: 'meadow', 2: 'bare soil', 3: 'forest', 4: 'asphalt'}
    """
    target = checked_target(path)
    labels = label_map if hasattr(label_map, "shape") else np.asarray(label_map)
    if len(labels.shape) != 2:
        raise DataError(f"A label map has shape (height, width), got {tuple(labels.shape)}.")
    _check_scene(target, labels.shape, scene)
    labels = labels.persist() if hasattr(labels, "persist") else labels  # it is read twice
    if scene is not None:
        class_names = scene.class_names if class_names is None else class_names
        class_colors = scene.class_colors if class_colors is None else class_colors
    codes = class_codes(labels, class_names or {}, class_colors or {}, unlabeled)
    output = Output(
        shape=(*labels.shape, 1),
        dtype=codes.dtype,
        read=lambda start, stop: codes.encode(labels[start:stop])[..., np.newaxis],
        nodata=0,
        title="" if scene is None else scene.name,
        classes=codes,
        **_place(scene),
    )
    return _write(target, output)


def write_raster(
    path: str | PathLike[str],
    values: Any,
    *,
    scene: Scene | None = None,
    band_names: Sequence[str] = (),
    nodata: float | None = None,
    value_range: tuple[float, float] | None = None,
) -> Path:
    """Write numbers per pixel, such as probabilities or their entropy.

    Parameters
    ----------
    path : path
        As for :func:`write_scene`.
    values : array of shape (height, width) or (height, width, n)
        Real numbers. A memory map is read row block by row block.
    scene : Scene, default=None
        Gives CRS and transform.
    band_names : sequence of str, default=()
        One per band, or none at all.
    nodata : float, default=None
        Value that stands for "no data" in `values`. None: NaN for floats, no value for integers.
    value_range : tuple of two floats, default=None
        Lowest and highest value that is possible, such as ``(0, 1)`` for probabilities. A style
        for QGIS then lies beside the file, with the same base name and the suffix ``.qml``: the
        first band in the colors of viridis, from the lowest to the highest value.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    FileError, MissingFileError, MissingDependencyError
        As for :func:`write_scene`.
    DataError
        If the values are not real numbers, have another shape, or there are not as many names.
    ParameterError
        If the type of the values cannot hold `nodata`, `value_range` is not two finite numbers in
        ascending order, PROJ does not know the CRS, or `path` is the file that the scene is read
        from; or, for ENVI, if the grid is skewed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hsvlm.io import read_scene, write_raster
    >>> path = Path(tempfile.mkdtemp(), "entropy.tif")
    >>> path = write_raster(path, np.full((4, 5), 0.5), band_names=["entropy"])
    >>> read_scene(path).band_names
    ('entropy',)
    """
    target = checked_target(path)
    array = values if hasattr(values, "shape") else np.asarray(values)
    shape = tuple(array.shape) if len(array.shape) != 2 else (*array.shape, 1)
    if len(shape) != 3:
        raise DataError(f"A raster has shape (height, width) or (height, width, n), got {shape}.")
    _check_scene(target, shape[:2], scene)
    if len(band_names) not in (0, shape[2]):
        raise DataError(
            f"There are {shape[2]} bands, but {len(band_names)} names. Give one per band."
        )
    dtype = stored_type(array.dtype)
    if nodata is None and dtype.kind == "f":
        nodata = float("nan")
    output = Output(
        shape=shape,
        dtype=dtype,
        read=lambda start, stop: (
            read_rows(array, start, stop).reshape(-1, *shape[1:]).astype(dtype, copy=False)
        ),
        nodata=checked_nodata(nodata, dtype),
        band_names=tuple(map(str, band_names)),
        value_range=None if value_range is None else _checked_range(value_range),
        **_place(scene),
    )
    return _write(target, output)


def _checked_range(value_range: Any) -> tuple[float, float]:
    try:
        low, high = map(float, value_range)
        if np.isfinite([low, high]).all() and low < high:
            return low, high
    except (TypeError, ValueError):
        pass
    raise ParameterError(
        f"value_range={value_range!r} is not a range. Give the lowest and the highest possible "
        "value, such as (0, 1)."
    )


def checked_target(path: str | PathLike[str]) -> Path:
    """Refuse a path that nothing can be written to, before there is anything to write."""
    target = expand_home(path)
    writers = writers_by_suffix()
    if target.suffix.lower() not in writers:
        problem = f"the suffix {target.suffix!r} stands for no format that can be written"
        raise file_error(target, problem, f"Use one of {', '.join(writers)}.")
    if not target.parent.is_dir():
        raise MissingFileError(
            f"{target} cannot be written: there is no folder {target.parent}. Create it."
        )
    if target.is_dir():
        raise file_error(target, "it is a folder", "Give the path of a file.")
    return writers[target.suffix.lower()].check_target(target)


def _scene_rows(
    scene: Scene, dtype: np.dtype[Any], nodata: float | None, start: int, stop: int
) -> NDArray[Any]:
    rows = read_rows(scene.cube, start, stop)
    if nodata is None or scene.valid is None:
        return rows.astype(dtype, copy=False)
    rows = rows.astype(dtype)
    rows[~scene.valid[start:stop]] = nodata
    return rows


def _place(scene: Scene | None) -> dict[str, Any]:
    return {} if scene is None else {"crs": scene.crs, "transform": scene.transform}


def _check_scene(target: Path, shape: tuple[int, ...], scene: Scene | None) -> None:
    """Refuse another grid than that of the scene, and to overwrite the scene."""
    if scene is None:
        return
    if tuple(shape) != scene.shape:
        raise DataError(
            f"The scene has {scene.shape[0]} x {scene.shape[1]} pixels, but what is to be written "
            f"has shape {tuple(shape)}. Both must cover the same grid of (height, width) pixels."
        )
    patterns = writers_by_suffix()[target.suffix.lower()].files
    names = [name.format(name=target.name, stem=target.stem) for name in patterns]
    written = [target.with_name(name).resolve() for name in names]
    source = next((path for path in files_of(scene.cube) if path.resolve() in written), None)
    if source is not None:
        raise ParameterError(
            f"{target} would overwrite {source}, which is the scene itself. Give another path."
        )


def _write_files(folder: Path, target: Path, output: Output, writer: Writer) -> list[Path]:
    """Write the data and all that describes them into a folder; return the data first."""
    tally = None if output.classes is None else ClassTally(output, output.classes)
    counted = output if tally is None else replace(output, read=tally.read)
    written = writer.write(folder, target, counted)
    data = written[0]
    if tally is not None:
        written.append(write_attribute_table(data, tally))
    styles = write_style(data, output)
    place = style_path(target.with_name(data.name))
    if styles and place.is_file() and not is_raster_style(place):
        warn_caller(
            f"{place} is the style of a vector layer and stays, so {target.name} gets none.",
            "Give one of the two another name.",
        )
        return written
    return written + styles


def _write(target: Path, output: Output) -> Path:
    writer = writers_by_suffix()[target.suffix.lower()]
    try:
        # In the same folder: what lies in another file system cannot just take a place.
        with tempfile.TemporaryDirectory(prefix=".hsvlm-", dir=target.parent) as folder:
            written = _write_files(Path(folder), target, output, writer)
            for file in written:
                fsync(file)
            data, *described = written
            # What describes the former data would be taken to describe the new ones. Without it
            # first and with the new one last, an interruption leaves data that nothing describes.
            place = target.with_name(data.name)
            names = {pattern.format(name=data.name, stem=data.stem) for pattern in writer.sidecars}
            if style_path(place).is_file() and is_raster_style(style_path(place)):
                names.add(style_path(place).name)
            for name in names | {file.name for file in described}:
                place.with_name(name).unlink(missing_ok=True)
            for file in written:
                fsync(target.parent)
                file.replace(target.with_name(file.name))
            fsync(target.parent)
    except HSVLMError:
        raise
    except OSError as error:
        raise unwritable(target, error.strerror or error) from error
    return target
