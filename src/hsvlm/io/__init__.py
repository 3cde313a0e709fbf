"""Scenes, label maps and rasters from files, and to files."""

from __future__ import annotations

from hsvlm.io._align import align
from hsvlm.io._common import LabelMap
from hsvlm.io._read import is_feature_file as is_feature_file
from hsvlm.io._read import read_labels, read_raster, read_scene
from hsvlm.io._readers import list_feature_suffixes, list_scene_suffixes
from hsvlm.io._shifts import AlignmentReport, ChannelShift, alignment_report
from hsvlm.io._write import checked_target as checked_target
from hsvlm.io._write import write_map, write_raster, write_scene
from hsvlm.io.bands import match_bands

__all__ = [
    "AlignmentReport",
    "ChannelShift",
    "LabelMap",
    "align",
    "alignment_report",
    "list_feature_suffixes",
    "list_scene_suffixes",
    "match_bands",
    "read_labels",
    "read_raster",
    "read_scene",
    "write_map",
    "write_raster",
    "write_scene",
]
