"""What is known of a public scene or split before its files are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hsvlm.datasets._cache import RemoteFile

__all__ = ["SceneEntry", "SourceEntry", "SplitEntry"]


@dataclass(frozen=True)
class SourceEntry:
    """Further channels of a scene."""

    file: RemoteFile
    channels: tuple[str, ...]
    unit: str = ""


@dataclass(frozen=True)
class SceneEntry:
    """A scene in one file and its label map in another."""

    name: str
    citation: str
    shape: tuple[int, int, int]
    class_names: dict[int, str]
    cube: RemoteFile
    labels: RemoteFile | None = None
    counts: tuple[int, ...] = ()
    wavelengths_nm: tuple[float, ...] | None = None
    auxiliary: Mapping[str, SourceEntry] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitEntry:
    """A training map and a test map."""

    name: str
    citation: str
    shape: tuple[int, int]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    class_names: dict[int, str]
    train: RemoteFile
    test: RemoteFile
    order: tuple[int, ...] = ()
