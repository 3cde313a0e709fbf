"""Scenes and label maps from files, maps and rasters to files."""

from __future__ import annotations

from hsvlm.io._bands import match_bands
from hsvlm.io._common import LabelMap
from hsvlm.io._read import read_labels, read_scene
from hsvlm.io._write import write_map, write_raster, write_scene

__all__ = [
    "LabelMap",
    "match_bands",
    "read_labels",
    "read_scene",
    "write_map",
    "write_raster",
    "write_scene",
]
