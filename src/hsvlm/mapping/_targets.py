"""Paths of the results of a map, checked before any work is done."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMError, ParameterError
from hsvlm.io import checked_target, write_raster
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENVI = (".hdr", ".img")


class Target(NamedTuple):
    """One of the results: whether it is requested, and its file unless it stays in memory."""

    is_requested: bool
    path: Path | None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that writing the result creates."""
        if self.path is None:
            return ()
        if self.path.suffix.lower() in _ENVI:
            return tuple(self.path.with_suffix(suffix) for suffix in (*_ENVI, ".qml"))
        return self.path, self.path.with_suffix(".qml")


class Targets(NamedTuple):
    """Targets of all results."""

    map: Target
    probabilities: Target
    entropy: Target

    @property
    def folder(self) -> Path | None:
        """Folder of partial work, next to the first file; None if there is no file."""
        paths = [target.path for target in self if target.path is not None]
        return paths[0].with_name(f"{paths[0].name}.partial") if paths else None

    @classmethod
    def checked(
        cls, out: Any, probabilities: Any, entropy: Any, scene: Scene, sources: Sequence[Path]
    ) -> Self:
        """Check all paths, and that the files can be written."""
        targets = cls(
            Target(True, None if out is None else _check_path("out", out, scene)),
            _raster_target("probabilities", probabilities, scene),
            _raster_target("entropy", entropy, scene),
        )
        _check_distinct(targets, sources)
        return targets


def _raster_target(name: str, value: Any, scene: Scene) -> Target:
    if value is None or isinstance(value, bool):
        return Target(bool(value), None)
    return Target(True, _check_path(name, value, scene))


def _check_path(name: str, value: Any, scene: Scene) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        default = "None keeps the map" if name == "out" else "True keeps the raster"
        raise ParameterError(f"{name}={value!r} is not a path. Give one; {default} in memory.")
    path = checked_target(value)
    # Folders without write permission, missing libraries and georeferences that a format cannot
    # hold would otherwise be noticed only after all the work.
    pixel = Scene(np.zeros((1, 1, 1)), crs=scene.crs, transform=scene.transform)
    try:
        with TemporaryDirectory(prefix=".hsvlm-", dir=path.parent) as folder:
            write_raster(Path(folder, path.name), pixel.cube, scene=pixel)
    except HSVLMError:
        raise
    except OSError as error:
        problem = f"it cannot be written ({error.strerror or error})"
        hint = "Make the folder writable, or give another path."
        raise file_error(path, problem, hint) from error
    return path


def _check_distinct(targets: Targets, sources: Sequence[Path]) -> None:
    taken = {path.resolve(): "the scene itself" for path in sources}
    for name, target in zip(("out", "probabilities", "entropy"), targets, strict=True):
        for path in target.files:
            if path.resolve() in taken:
                raise ParameterError(
                    f"{name} would overwrite {path}, which is {taken[path.resolve()]}. Give it "
                    "another path."
                )
        taken |= {path.resolve(): f"the file of {name}" for path in target.files}
