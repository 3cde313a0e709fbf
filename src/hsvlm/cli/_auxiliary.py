"""Further sources of a scene, such as heights, from the options --auxiliary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hsvlm._data.sources import SPECTRA, describe_sources
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.scene import Raster, Scene

__all__ = [
    "SourceFile",
    "SourceFiles",
    "SourceOptions",
    "add_sources",
    "all_files",
    "model_sources",
]


class SourceFile(NamedTuple):
    """A file of a source, and which of its arrays it is, None for the only one."""

    path: Path
    variable: str | None

    def __str__(self) -> str:
        return self.path.name + (f" ({self.variable})" if self.variable else "")


# Files by name of the source: one, or one for each scene.
SourceFiles = dict[str, list[SourceFile]]


def _parse_files(texts: Sequence[str] | None) -> dict[str, list[Path]]:
    """Read ``NAME=FILE``; a name may be repeated, for several scenes."""
    files: dict[str, list[Path]] = {}
    for text in texts or ():
        name, _, path = (part.strip() for part in text.partition("="))
        if not name or not path:
            raise typer.BadParameter(
                f"{text!r} is not a name and a file. Write them as lidar=dsm.tif."
            )
        if name == SPECTRA:
            raise typer.BadParameter(
                f"{name!r} is the name of the bands of the scene. Give {path} another one."
            )
        files.setdefault(name, []).append(expand_home(path))
    return files


def _parse_variables(texts: Sequence[str] | None) -> dict[str, str]:
    """Read ``NAME=VARIABLE``."""
    variables: dict[str, str] = {}
    for text in texts or ():
        name, _, variable = (part.strip() for part in text.partition("="))
        if not name or not variable:
            raise typer.BadParameter(
                f"{text!r} is not a name and a variable. Write them as lidar=heights."
            )
        if variables.setdefault(name, variable) != variable:
            raise typer.BadParameter(
                f"{name!r} has two variables, {variables[name]} and {variable}. Give one."
            )
    return variables


def _check_files(texts: list[str] | None) -> list[str] | None:
    _parse_files(texts)
    return texts


def _check_variables(texts: list[str] | None) -> list[str] | None:
    _parse_variables(texts)
    return texts


@dataclass(frozen=True)
class SourceOptions:
    """Options of further sources."""

    auxiliary: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            callback=_check_files,
            help="A further source, such as lidar=dsm.tif, in the formats of scenes; repeat the "
            "option for several. A raster with another CRS or pixel size is brought onto the grid "
            "of the scene.",
        ),
    ] = None
    auxiliary_variable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VARIABLE",
            callback=_check_variables,
            help="Variable of a source, such as lidar=heights, for files that hold several.",
        ),
    ] = None

    def files(self) -> SourceFiles:
        """Return the files by name of the source."""
        files, variables = _parse_files(self.auxiliary), _parse_variables(self.auxiliary_variable)
        for name, variable in variables.items():
            if name not in files:
                raise typer.BadParameter(
                    f"--auxiliary-variable {name}={variable}: there is no source {name!r}. Give "
                    f"--auxiliary {name}=FILE."
                )
        return {
            name: [SourceFile(path, variables.get(name)) for path in paths]
            for name, paths in files.items()
        }


def all_files(files: SourceFiles) -> list[Path]:
    """List the files of all sources."""
    return [source.path for sources in files.values() for source in sources]


def add_sources(scenes: Sequence[Scene], files: SourceFiles) -> list[Scene]:
    """Stack the rasters of the files behind the bands of scenes, each on the grid of its scene."""
    for name, paths in files.items():
        if len(paths) not in (1, len(scenes)):
            several = f" and {len(scenes)} scenes" if len(scenes) > 1 else ""
            hint = "one file that covers all scenes, or one for each scene, in their order"
            raise typer.BadParameter(
                f"--auxiliary {name}=FILE: got {len(paths)} files{several}. Give "
                f"{hint if several else 'one file'}."
            )
    if not files:
        return list(scenes)
    return [
        replace(
            scene,
            auxiliary={
                name: _aligned(name, paths[number % len(paths)], scene, len(scenes) > len(paths))
                for name, paths in files.items()
            },
        )
        for number, scene in enumerate(scenes)
    ]


def _aligned(name: str, source: SourceFile, scene: Scene, is_shared: bool) -> Raster:
    """Bring the raster of a file onto the grid of a scene."""
    from hsvlm.io import align, read_raster

    path, variable = source
    # Without a place, it would be laid over each scene of its size.
    if is_shared and None in (scene.transform, read_raster(path, variable=variable).transform):
        owner = str(path) if scene.transform is not None else repr(scene.name)
        raise DataError(
            f"{owner} does not state where it lies, so one file cannot be the source {name!r} of "
            f"several scenes. Repeat --auxiliary {name}=FILE, with a file for each scene."
        )
    return align(path, like=scene, variable=variable)


def model_sources(clf: HSIPromptClassifier, names: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Return the number of bands of a model and its other sources, of which `names` are given."""
    from hsvlm._inputs.sources import absent_values, fitted_sources

    sources = fitted_sources(clf) or {SPECTRA: clf.n_features_in_}
    first, *others = sources
    known = list(names)
    unknown = [name for name in known if name not in others]
    missing = [name for name in others if name not in known]
    problem = f"The model was trained on the sources {describe_sources(sources)}"
    if unknown:
        if not others:
            problem = "The model was trained on the bands of a scene alone"
        hint = f"Leave out --auxiliary {unknown[0]}=FILE."
        if missing:
            hint = f"Give --auxiliary {missing[0]}=FILE."
        raise DataError(f"{problem}, and has no source {unknown[0]!r}. {hint}")
    if missing and absent_values(clf) is None:
        raise DataError(
            f"{problem}: {', '.join(map(repr, missing))} {'are' if missing[1:] else 'is'} missing.",
            option_hint=f"Give --auxiliary {missing[0]}=FILE.",
        )
    return sources[first], tuple(name for name in others if name in known)
