"""``hsvlm inspect``: what a file or a folder holds."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from hsvlm._data.sources import source_sizes
from hsvlm.cli._auxiliary import SourceOptions, add_sources
from hsvlm.cli._describe import (
    class_counts,
    describe_encoder,
    describe_features,
    describe_folder,
    describe_model,
    describe_text,
    known_wavelengths,
)
from hsvlm.cli._options import AsJson, Labels, ReadOptions, print_json
from hsvlm.cli._outputs import echo, escape_line
from hsvlm.cli._predict import model_folder
from hsvlm.exceptions import MissingFileError

if TYPE_CHECKING:
    from hsvlm.cli._auxiliary import SourceFiles
    from hsvlm.cli._describe import Description
    from hsvlm.scene import Scene


_TEXTS = (".yaml", ".yml", ".json", ".toml")
_WEIGHTS = (".ckpt", ".pt", ".pth", ".safetensors")  # scenes end in .bin, too


def inspect(
    path: Annotated[
        Path,
        typer.Argument(
            help="A scene, a label map or a map, a file of points and polygons, a model (folder "
            "or .zip), a pre-trained encoder, published weights, an output folder of any command, "
            "a recipe, or a file of classes."
        ),
    ],
    *,
    labels: Labels = None,
    source_options: SourceOptions,
    reading: ReadOptions,
    as_json: AsJson = False,
) -> None:
    """Say what a file or folder holds: sizes, bands, classes, georeference, settings.

    Nothing is computed, and of most formats the values of scenes are not read. With --auxiliary,
    rasters are brought onto the grid of the scene, and pixels without data in one are not valid.

    Example: hsvlm inspect scene.hdr --labels fields.tif
    """
    if not path.exists():
        raise MissingFileError(f"{path} does not exist. Give the path of a scene or of a model.")
    sources = source_options.files()
    figures, lines = (None if sources else _other_description(path, labels)) or _scene_description(
        path, labels, reading, sources
    )
    if as_json:
        print_json(figures)
        return
    width = max(map(len, lines))
    for name, value in lines.items():
        echo(f"{name:<{width}}  " + value.replace("\n", "\n" + " " * (width + 2)))


def _other_description(path: Path, labels: Path | None) -> Description | None:
    """Describe what is not a scene; None for scenes and maps."""
    from hsvlm.io import is_feature_file

    is_weight_file = path.is_file() and path.suffix.lower() in _WEIGHTS
    if is_weight_file or (path / "encoder.json").is_file():
        return describe_encoder(path)
    if path.is_dir():
        model = model_folder(path)
        return describe_model(model) if model.exists() else describe_folder(path)
    if _is_model(path):
        return describe_model(path)
    if path.suffix.lower() in _TEXTS and not _is_geojson(path):
        return describe_text(path)
    if labels is None and is_feature_file(path):
        return describe_features(path)
    return None


def _scene_description(
    path: Path, labels: Path | None, reading: ReadOptions, sources: SourceFiles
) -> Description:
    [scene] = add_sources([reading.read(path, labels)], sources)
    if labels is None and scene.n_bands == 1 and scene.cube.dtype.kind in "iu":
        return _map_description(path, scene)
    return _scene_figures(scene), _summary_lines(scene)


def _is_model(path: Path) -> bool:
    if not zipfile.is_zipfile(path) or path.suffix.lower() == ".npz":
        return False
    with zipfile.ZipFile(path) as archive:
        return {"config.json", "model.safetensors"} <= set(archive.namelist())


def _is_geojson(path: Path) -> bool:
    with path.open("rb") as stream:
        return path.suffix.lower() == ".json" and b"Feature" in stream.read(4096)


def _map_description(path: Path, scene: Scene) -> Description:
    from hsvlm.io import read_labels

    figures, lines = class_counts(read_labels(path, scene))
    names = ("name", "values", "CRS", "pixel size", "upper left corner")
    summary = {name: text for name, text in _summary_lines(scene).items() if name in names}
    return {**_scene_figures(scene), **figures}, {**summary, **lines}


def _summary_lines(scene: Scene) -> dict[str, str]:
    return {name: escape_line(text) for name, text in scene.summary().items()}


def _scene_figures(scene: Scene) -> dict[str, Any]:
    height, width = scene.shape
    counts = None
    if scene.labels is not None:
        values, numbers = np.unique(scene.labels, return_counts=True)
        counts = [
            {"label": label, "name": scene.class_names.get(label), "n_pixels": number}
            for label, number in zip(values.tolist(), numbers.tolist(), strict=True)
        ]
    return {
        "name": scene.name,
        "height": height,
        "width": width,
        "n_bands": scene.n_bands,
        "sources": None if scene.sources is None else source_sizes(scene.sources),
        "dtype": str(scene.cube.dtype),
        "scale": _as_list(scene.scale),
        "wavelengths_nm": known_wavelengths(scene.wavelengths_nm),
        "band_names": list(scene.band_names),
        "bad_bands": _as_list(scene.bad_bands),
        "n_valid": height * width if scene.valid is None else int(scene.valid.sum()),
        "labels": counts,
        "crs": scene.crs,
        "transform": scene.transform,
    }


def _as_list(values: Any) -> Any:
    return None if values is None else np.asarray(values).tolist()
