"""Labeled scenes and classes of commands that train or measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from hsvlm.cli._auxiliary import add_sources
from hsvlm.cli._bands import choose_bands
from hsvlm.cli._values import mark_unlabeled
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hsvlm.cli._auxiliary import SourceFiles
    from hsvlm.cli._options import BandOptions, ReadOptions
    from hsvlm.io import LabelMap
    from hsvlm.prompts import PromptFile
    from hsvlm.scene import Scene


def pair_files(files: Sequence[Path], labels: Path | None) -> list[tuple[Path, Path]]:
    """Return pairs of a scene and its label map."""
    paths = list(files)
    if labels is not None and len(paths) == 1:
        return [(paths[0], labels)]
    if labels is not None and paths:
        raise typer.BadParameter(
            f"--labels goes with one scene, got {len(paths)} files. For several scenes, write "
            "SCENE LABELS SCENE LABELS ... without --labels."
        )
    if len(paths) % 2:
        raise typer.BadParameter(
            f"{paths[-1]} has no label map. Give --labels, or for several scenes write SCENE "
            "LABELS SCENE LABELS ..."
        )
    return list(zip(paths[::2], paths[1::2], strict=True))


def read_labeled_scenes(
    pairs: Sequence[tuple[Path, Path]],
    reading: ReadOptions,
    bands: BandOptions,
    unlabeled: Any,
    auxiliary: SourceFiles,
    **more: Any,
) -> list[Scene]:
    """Read scenes with one numbering of classes, the bands of the first, and further sources."""
    from hsvlm._inputs.scenes import check_scales
    from hsvlm.scene import common_classes

    several = len(pairs) > 1
    scenes = [
        mark_unlabeled(
            _read_options(reading, labels, several).read(path, labels, **more), unlabeled
        )
        for path, labels in pairs
    ]
    scenes = [choose_bands(scene, bands.wavelengths, bands.exclude) for scene in scenes]
    if several:
        first, *others = common_classes(scenes)
        scenes = [first, *(with_bands_of(first, scene) for scene in others)]
        check_scales(scenes)
    return add_sources(scenes, auxiliary)


def read_classes(
    prompts: str | None, labeled: Scene | LabelMap, labels: Path | None = None
) -> PromptFile:
    """Join prompts, names and colors with the labels of a scene, read from `labels`."""
    from hsvlm.prompts import join_prompts

    return join_prompts(prompts, labeled, source="the labels" if labels is None else str(labels))


def unlabeled_label(scene: Scene, unlabeled: Any) -> Any:
    """Return the argument by which samples of a scene leave out pixels without label."""
    # In a list, it has no other meaning than itself; the scene has a single mark.
    return 0 if unlabeled == 0 else [scene.unlabeled]


def _read_options(reading: ReadOptions, labels: Path, several: bool) -> ReadOptions:
    """Drop options of points and polygons for a label map among several label files."""
    from hsvlm.io import list_feature_suffixes

    if not several or labels.suffix.lower() in list_feature_suffixes():
        return reading
    return replace(reading, label_column=None, all_touched=False)


def with_bands_of(first: Scene, scene: Scene) -> Scene:
    """Give a scene the bands of another one, matched by wavelength."""
    from hsvlm.io import match_bands

    if first.wavelengths_nm is not None and scene.wavelengths_nm is not None:
        return match_bands(scene, first.wavelengths_nm)
    if scene.n_bands != first.n_bands:
        raise DataError(
            f"{first.name!r} has {first.n_bands} bands and {scene.name!r} has {scene.n_bands}, and "
            "without wavelengths of both they cannot be matched. Give all scenes the same bands, "
            "or wavelengths to all."
        )
    return scene
