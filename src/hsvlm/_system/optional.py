"""Import optional libraries and locate the cache folder."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hsvlm._system.paths import expand_home
from hsvlm.exceptions import MissingDependencyError

if TYPE_CHECKING:
    from types import ModuleType


def import_optional(module: str, extra: str) -> ModuleType:
    """Import an optional library."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != library:
            raise
        raise MissingDependencyError(
            f"{library} is needed here and is not installed. "
            f'Install it with: pip install "hsvlm[{extra}]"',
            name=library,
        ) from error


def cache_folder(name: str) -> Path | None:
    """Locate the folder for data that can be computed or downloaded again."""
    if chosen := os.environ.get("HSVLM_CACHE_DIR"):
        return expand_home(chosen) / name
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(base) / "hsvlm" / name
