"""Descriptions of maps as items of a SpatioTemporal Asset Catalog (STAC)."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from hsvlm._system.files import atomic_write, file_error
from hsvlm._system.optional import import_optional
from hsvlm._system.paths import expand_home
from hsvlm._system.version import __version__
from hsvlm.exceptions import MissingFileError
from hsvlm.io.acquired import acquisition_time
from hsvlm.io.areas import Ground
from hsvlm.mapping._footprint import footprint, grid_bounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

    from hsvlm.mapping._legend import MapClass
    from hsvlm.mapping._model import ModelSummary
    from hsvlm.scene import Scene

_EXTENSION = "https://stac-extensions.github.io/{}/schema.json"
_EXTENSIONS = ("raster/v2.0.0", "classification/v2.0.0", "processing/v1.1.0")
_PROJECTION = "projection/v2.0.0"
_MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".tiff": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".gpkg": "application/geopackage+sqlite3",
    ".json": "application/json",
    ".geojson": "application/geo+json",
    ".md": "text/markdown",
    ".html": "text/html",
    ".png": "image/png",
    ".csv": "text/csv",
    ".xml": "application/xml",
    ".qml": "application/xml",
    ".hdr": "text/plain",
    ".img": "application/octet-stream",
}
_ROLES = {".png": "overview", ".gpkg": "data", ".geojson": "data"}
_TITLES = {
    "probabilities": "Probability of each class",
    "entropy": "Entropy of the probabilities, over its maximum",
}


def checked_item_target(path: str | PathLike[str]) -> Path:
    """Refuse a path that no item can be written to."""
    target = expand_home(path)
    if target.suffix.lower() != ".json":
        raise file_error(target, f"the suffix {target.suffix!r} is not that of JSON", "Use .json.")
    if not target.parent.is_dir():
        raise MissingFileError(
            f"{target} cannot be written: there is no folder {target.parent}. Create it."
        )
    return target


def write_item(
    target: Path,
    described: MapAssets,
    acquired: datetime | None,
    others: Mapping[str, str | PathLike[str]],
) -> None:
    """Write the item of a map with its assets, and others without a description of their own."""
    pystac = import_optional("pystac", "geo")
    scene = described.scene
    geometry, bounds = footprint(scene)
    grid = _grid(scene)
    uris = [*_EXTENSIONS, *([_PROJECTION] if grid else [])]
    stated = _properties(scene, acquired, described.model)
    item = pystac.Item(
        id=_identifier(scene.name or target.stem),
        geometry=geometry,
        bbox=bounds,
        datetime=datetime.fromisoformat(stated.pop("datetime")),
        properties={**stated, **grid},
        stac_extensions=[_EXTENSION.format(uri) for uri in sorted(uris)],
    )
    listed = {name: {"path": Path(path)} for name, path in others.items()} | described.to_dict()
    for name, asset in listed.items():
        place, suffix = asset["path"], asset["path"].suffix.lower()
        entry = pystac.Asset(
            href=_relative(place, target.parent),
            title=asset.get("title"),
            media_type=_MEDIA_TYPES.get(suffix),
            roles=asset.get("roles", [_ROLES.get(suffix, "metadata")]),
            extra_fields={
                key: asset[key] for key in asset if key not in ("path", "title", "roles")
            },
        )
        item.add_asset(name, entry)
    # Links of pystac would be absolute; an item without a catalog has none.
    content = item.to_dict(include_self_link=False, transform_hrefs=False)
    with atomic_write(target) as draft:
        draft.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class MapAssets(NamedTuple):
    """The files of a map and what they show; `counts` are the pixels of each label."""

    scene: Scene
    path: Path
    rasters: Mapping[str, Path | None]
    classes: Sequence[MapClass]
    counts: Mapping[Any, int]
    model: ModelSummary | None

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Describe each file: its path, and the fields of its asset."""
        grid = {"raster:sampling": "area", **_resolution(self.scene)}
        dtype = "uint8" if max(entry.number for entry in self.classes) < 256 else "uint16"
        assets: dict[str, dict[str, Any]] = {
            "map": {
                "path": _data_file(self.path),
                "title": "Class of each pixel",
                "roles": ["data"],
                "bands": _bands(["class"], dtype, 0),
                **grid,
                "classification:classes": self._class_fields(),
            }
        }
        bands = {"probabilities": [entry.name for entry in self.classes], "entropy": ["entropy"]}
        rasters = {name: path for name, path in self.rasters.items() if path is not None}
        for name, path in rasters.items():
            assets[name] = {
                "path": _data_file(path),
                "title": _TITLES[name],
                "roles": ["data"],
                "bands": _bands(bands[name], "float32", "nan"),
                **grid,
            }
        for name, path in {"map": self.path, **rasters}.items():
            if path.suffix.lower() in (".hdr", ".img"):
                header = {"path": path.with_suffix(".hdr"), "title": f"ENVI header of {name}"}
                assets[f"{name}-header"] = {**header, "roles": ["metadata"]}
        return assets

    def _class_fields(self) -> list[dict[str, Any]]:
        """Describe the classes as the classification extension does."""
        fields = [{"value": 0, "name": "nodata", "title": "No data", "nodata": True}]
        taken = {"nodata"}
        prompts = {} if self.model is None else self.model.prompts
        for entry, (label, n_pixels) in zip(self.classes, self.counts.items(), strict=True):
            # Machine-readable names have no other characters; the title has the name itself.
            name = _identifier(entry.name)
            if not name or name in taken:
                name = f"class-{entry.number}"
            taken.add(name)
            described = {"value": entry.number, "name": name, "title": entry.name}
            if label in prompts:
                described["description"] = "; ".join(prompts[label])
            fields.append({**described, "color_hint": entry.color[1:].upper(), "count": n_pixels})
        return fields


def _properties(
    scene: Scene, acquired: datetime | None, model: ModelSummary | None
) -> dict[str, Any]:
    """Collect the properties of an item, without the grid."""
    now = datetime.now(UTC).replace(microsecond=0)
    known = acquired or acquisition_time(scene)
    moment = now if known is None else known
    meaning = (
        "the time of the mapping, for the scene does not state when it was acquired"
        if known is None
        else "the time at which the scene was acquired"
    )
    kind = "a classifier" if model is None else model.kind
    properties: dict[str, Any] = {
        "title": f"Classes of {scene.name}" if scene.name else "Map of classes",
        "description": f"Class of each pixel, predicted by {kind}. The datetime is {meaning}.",
        "datetime": _as_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC)),
        "created": _as_text(now),
        "processing:software": {"hsvlm": __version__},
        "processing:lineage": f"Predicted pixel by pixel by {kind}.",
    }
    if model is not None and model.digest is not None:
        properties["hsvlm:model_digest"] = model.digest
    return properties


def _grid(scene: Scene) -> dict[str, Any]:
    """Describe the grid as the projection extension does; empty without a georeference."""
    if scene.crs is None or scene.transform is None:
        return {}
    crs = import_optional("pyproj", "geo").CRS.from_user_input(scene.crs)
    authority = crs.to_authority()
    described: dict[str, Any] = {"proj:code": ":".join(authority) if authority else None}
    if not authority:
        described["proj:wkt2"] = crs.to_wkt()
    described["proj:shape"] = list(scene.shape)
    described["proj:transform"] = [float(value) for value in scene.transform]
    described["proj:bbox"] = grid_bounds(scene)
    return described


def _resolution(scene: Scene) -> dict[str, float]:
    """Return the side in meters of a square as large as a pixel in the middle row, if known."""
    ground = Ground(scene)
    if not ground.known:
        return {}
    row = scene.shape[0] // 2
    square_meters = float(ground.hectares(row, row + 1)[0, 0]) * 1e4
    return {"raster:spatial_resolution": round(square_meters**0.5, 6)}


def _bands(names: Sequence[str], dtype: str, nodata: float | str) -> list[dict[str, Any]]:
    return [{"name": name, "data_type": dtype, "nodata": nodata} for name in names]


def _data_file(path: Path) -> Path:
    return path.with_suffix(".img") if path.suffix.lower() == ".hdr" else path


def _identifier(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_-]+", "-", name).strip("-").lower()


def _relative(path: Path, folder: Path) -> str:
    """Return a relative reference, for folders that are copied as a whole."""
    try:
        relative = Path(os.path.relpath(path.resolve(), folder.resolve()))
    except ValueError:  # another drive
        return path.resolve().as_posix()
    text = quote(relative.as_posix())
    return text if text.startswith("../") else f"./{text}"


def _as_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
