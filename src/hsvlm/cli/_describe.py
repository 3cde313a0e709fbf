"""What models, class maps, feature files, prompt files and output folders hold."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.sources import describe_details, describe_sources
from hsvlm._system.files import file_error, parsed_file
from hsvlm._system.optional import import_optional
from hsvlm.cli._outputs import RECIPE_NAME, escape_line
from hsvlm.exceptions import FileError

if TYPE_CHECKING:
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.io import LabelMap
    from hsvlm.pretraining import PretrainedEncoder

# Figures for machines, and lines for people by what they are called.
Description = tuple[dict[str, Any], dict[str, str]]
_MAX_LISTED = 20


def describe_model(path: Path) -> Description:
    """Describe a saved model, a folder or a zip archive."""
    from hsvlm.estimator import HSIPromptClassifier

    clf = HSIPromptClassifier.load(path, device="cpu")
    figures = _model_figures(clf, path)
    return figures, _model_lines(clf, figures)


def describe_encoder(path: Path) -> Description:
    """Describe the folder of a pre-trained encoder, or a file of published weights."""
    from hsvlm.pretraining import load_pretrained

    encoder = load_pretrained(path)
    known = dict(encoder.provenance)
    scenes = known.pop("scenes", [])
    figures = {
        "vision_encoder": encoder.vision_encoder,
        "vision_params": dict(encoder.vision_params),
        "n_weights": encoder.n_values,
        "sha256": encoder.digest,
        "window_size": encoder.window_size,
        "patch_size": encoder.patch_size,
        "dropped": list(encoder.dropped),
        **{"file_sha256" if name == "sha256" else name: value for name, value in known.items()},
        # Without the maps of the pixels.
        "scenes": [
            {name: scene[name] for name in ("shape", "sha256", "n_centers", "n_read")}
            for scene in scenes
        ],
    }
    lines = {"pre-trained encoder": f"{encoder.vision_encoder}, {encoder.n_values:,} weights"}
    lines |= _published_lines(encoder) if "file" in known else _pretraining_lines(encoder)
    lines["weights, SHA-256"] = encoder.digest
    return figures, {name: escape_line(line) for name, line in lines.items()}


def _published_lines(encoder: PretrainedEncoder) -> dict[str, str]:
    known = encoder.provenance
    return {
        "model": f"{known['format']}, recognized by its tensors",
        "license": f"{known['license']}, see {known['source']}",
        "assumed": "; ".join(known["assumed"]),
        "not used": f"{len(encoder.dropped)} tensors, such as {encoder.dropped[0]}"
        if encoder.dropped
        else "nothing",
        "file, SHA-256": known["sha256"],
    }


def _pretraining_lines(encoder: PretrainedEncoder) -> dict[str, str]:
    known = encoder.provenance
    shapes = [" x ".join(map(str, scene["shape"])) for scene in known["scenes"]]
    return {
        "window": f"{encoder.window_size} x {encoder.window_size} pixels",
        "training": f"{known['n_epochs']} epochs, loss {known['train_loss']:.4f}",
        "pixels": f"{known['n_pixels']:,}",
        "scenes": ", ".join(shapes),
    }


def _model_figures(clf: HSIPromptClassifier, path: Path) -> dict[str, Any]:
    from hsvlm._inputs.sources import fitted_sources

    colors = dict(clf.metadata_.get("class_colors", []))
    readout, disputed = clf.readout_, clf.disputed_labels_
    return {
        "model": type(clf).__name__,
        "version": _version(path),
        "n_bands": clf.n_features_in_,
        "sources": fitted_sources(clf),
        "source_details": {} if clf.training_ is None else clf.training_.to_dict()["sources"],
        "wavelengths_nm": known_wavelengths(clf.metadata_.get("wavelengths_nm")),
        "window_size": clf.window_size_,
        "classes": [
            {
                "label": label,
                "name": clf.class_names_.get(label),
                "color": colors.get(label),
                "prompts": list(clf.prompts_[label]),
            }
            for label in clf.classes_.tolist()
        ],
        "training_scene": clf.metadata_.get("scene") or None,
        "training_scenes": [
            {"height": scene.shape[0], "width": scene.shape[1], "n_pixels": len(scene.coords)}
            for scene in (readout.scenes if readout is not None else ())
        ],
        "readout": None
        if readout is None
        else {
            "restart": readout.restart,
            "contrast": readout.contrast,
            "agreement": readout.agreement,
            "n_steps": readout.n_steps,
            "weights": list(readout.weights),
        },
        "disputed_labels": [
            dict(zip(disputed.dtype.names or (), row, strict=True)) for row in disputed.tolist()
        ],
        "settings": {
            name: value
            for name, value in clf.get_params().items()
            if value is None or isinstance(value, (bool, int, float, str))
        },
        "n_epochs": len(clf.history_),
        "train_loss": float(clf.history_[-1]["train_loss"]),
    }


def known_wavelengths(values: Any) -> list[float | None] | None:
    """List wavelengths for JSON, which has no NaN: None if unknown, as of other sources."""
    if values is None:
        return None
    return [None if np.isnan(value) else value for value in np.asarray(values).tolist()]


def _version(path: Path) -> str | None:
    try:
        if path.is_dir():
            content = (path / "config.json").read_text(encoding="utf-8")
        else:
            with zipfile.ZipFile(path) as archive:
                content = archive.read("config.json").decode()
        return str(json.loads(content)["versions"]["hsvlm"])
    except (OSError, KeyError, ValueError, TypeError):  # the model was read all the same
        return None


def _model_lines(clf: HSIPromptClassifier, figures: dict[str, Any]) -> dict[str, str]:
    defaults = type(clf)().get_params()
    hidden = ("prompts", "class_names", "device", "verbose")
    changed = [
        f"{name}={value!r}"
        for name, value in clf.get_params().items()
        if name not in hidden and repr(value) != repr(defaults[name])
    ]
    wavelengths = [value for value in figures["wavelengths_nm"] or () if value]
    span = f", {min(wavelengths):.1f} to {max(wavelengths):.1f} nm" if wavelengths else ""
    lines = {
        "model": figures["model"],
        "hsvlm": figures["version"] or "",
        "bands": f"{figures['n_bands']}{span or ', without wavelengths'}",
        "sources": "\n".join(_source_lines(clf)),
        "window": f"{figures['window_size']} x {figures['window_size']} pixels",
        "classes": "\n".join(
            _class_line(entry, f"({'; '.join(entry['prompts'])})") for entry in figures["classes"]
        ),
        "trained on": "\n".join(_training_lines(figures)),
        "read-out": _readout_line(figures["readout"]),
        "disputed labels": "\n".join(_disputed_lines(figures["disputed_labels"])),
        "training": f"{figures['n_epochs']} epochs, last loss {figures['train_loss']:.4g}",
        "settings": "\n".join(changed) or "all as by default",
    }
    return {name: text for name, text in lines.items() if text}


def _source_lines(clf: HSIPromptClassifier) -> list[str]:
    from hsvlm._inputs.sources import fitted_sources

    sources, record = fitted_sources(clf), clf.training_
    if not sources:
        return []
    details = {} if record is None else record.sources
    return [escape_line(line) for line in (describe_sources(sources), *describe_details(details))]


def _training_lines(figures: dict[str, Any]) -> list[str]:
    names = [figures["training_scene"]] if figures["training_scene"] else []
    return [escape_line(name) for name in names] + [
        f"{scene['n_pixels']:,} pixels of a scene of {scene['height']} x {scene['width']} pixels"
        for scene in figures["training_scenes"]
    ]


def _readout_line(readout: dict[str, Any] | None) -> str:
    if readout is None:
        return "window by window"
    settings = ", ".join(f"{name}={value}" for name, value in readout.items())
    return f"random walks over the scenes trained on: {settings}"


def _disputed_lines(disputed: list[dict[str, Any]]) -> list[str]:
    several = any(one["scene"] for one in disputed)
    lines = [
        (f"scene {one['scene']}, " if several else "")
        + f"row {one['row']}, column {one['col']}: {one['label']}, rather {one['suggested']}"
        for one in disputed[:_MAX_LISTED]
    ]
    left = len(disputed) - len(lines)
    return [escape_line(line) for line in lines] + ([f"and {left} more"] if left > 0 else [])


def _class_line(entry: dict[str, Any], rest: str) -> str:
    words = [f"{entry['label']}:", entry["name"] or "", entry.get("color") or "", rest]
    return escape_line(" ".join(word for word in words if word))


def class_counts(labels: LabelMap) -> Description:
    """Describe a label map or a map of classes."""
    values, counts = np.unique(labels.labels, return_counts=True)
    height, width = labels.labels.shape
    classes = [
        {
            "label": value,
            "name": labels.class_names.get(value),
            "color": labels.class_colors.get(value),
            "n_pixels": count,
        }
        for value, count in zip(values.tolist(), counts.tolist(), strict=True)
    ]
    lines = [_class_line(entry, f"{entry['n_pixels']:,} pixels") for entry in classes]
    more = [f"and {len(lines) - _MAX_LISTED:,} more"] if len(lines) > _MAX_LISTED else []
    figures = {"height": height, "width": width, "classes": classes}
    return figures, {
        "size": f"{height} x {width} pixels",
        "classes": "\n".join([*lines[:_MAX_LISTED], *more]),
    }


def describe_features(path: Path) -> Description:
    """Describe a file of points and polygons by its columns."""
    pyogrio = import_optional("pyogrio", "geo")
    try:
        layers = [
            {
                "layer": str(name),
                "geometry": str(geometry),
                "n_features": int(info["features"]),
                "columns": [str(column) for column in info["fields"]],
                "crs": info["crs"],
            }
            for name, geometry in pyogrio.list_layers(path).tolist()
            for info in [pyogrio.read_info(path, layer=name)]
        ]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        problem = f"cannot be described without its scene ({' '.join(str(error).split())[:160]})"
        raise file_error(path, problem, "Give the scene, and this file as --labels.") from error
    lines = [
        f"{layer['layer']}: {layer['n_features']:,} features, {layer['geometry']}, "
        f"{layer['crs'] or 'no CRS'}, columns {', '.join(layer['columns']) or 'none'}"
        for layer in layers
    ]
    return {"layers": layers}, {"layers": "\n".join(escape_line(line) for line in lines)}


def describe_text(path: Path) -> Description:
    """Describe a recipe, or a file of classes with their prompts."""
    from hsvlm.prompts import read_prompt_file

    content = parsed_file(path, (".yaml", ".yml", ".json", ".toml"), "Give a recipe or classes.")
    if isinstance(content, dict) and "options" in content:
        return _recipe_description(content)
    classes = read_prompt_file(path)
    prompts: dict[Any, Any] = classes.prompts if isinstance(classes.prompts, dict) else {}
    entries = [
        {
            "label": label,
            "name": classes.class_names.get(label),
            "color": classes.class_colors.get(label),
            "prompts": [texts] if isinstance(texts := prompts.get(label, []), str) else list(texts),
        }
        for label in classes.labels
    ]
    template = classes.prompts if isinstance(classes.prompts, str) else None
    lines = {
        "template": template or "",
        "classes": "\n".join(
            _class_line(entry, f"({'; '.join(entry['prompts'])})" if entry["prompts"] else "")
            for entry in entries
        ),
    }
    figures = {"template": template, "classes": entries}
    return figures, {name: text for name, text in lines.items() if text}


def _recipe_description(content: dict[str, Any]) -> Description:
    lines = {"recipe of": f"hsvlm {content.get('command', '')}"}
    for section in ("options", "settings"):
        values = content.get(section)
        if isinstance(values, dict) and values:
            lines[section] = "\n".join(
                escape_line(f"{name}: {value}") for name, value in values.items()
            )
    return content, lines


_ANOTHER_WAY = "Open it with another program, or make it again with the command of the recipe."


def describe_folder(path: Path) -> Description:
    """Describe an output folder of a command by its recipe and its files."""
    recipe = path / RECIPE_NAME
    if not recipe.is_file():
        problem = "this folder holds neither a model nor the output of a command"
        raise file_error(path, problem, "Give the path of a scene, a model or an output folder.")
    content, lines = describe_text(recipe)
    names = sorted(file.name for file in path.iterdir() if not file.name.startswith("."))
    lines["files"] = "\n".join(escape_line(name) for name in names)
    figures: dict[str, Any] = {"recipe": content, "files": names}
    unread = {}
    for name in ("areas.json", "report.json"):
        if not (path / name).is_file():
            continue
        try:
            figures[name.removesuffix(".json")] = parsed_file(path / name, (".json",), _ANOTHER_WAY)
        except (FileError, OSError) as error:
            unread[name] = str(error)
    if unread:
        figures["not read"] = unread
        lines["not read"] = "\n".join(map(escape_line, unread.values()))
    return figures, lines
