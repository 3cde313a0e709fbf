"""Times at which scenes were acquired, as far as their files state them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hsvlm._data.lazy import files_of
from hsvlm.exceptions import FileError, MissingDependencyError
from hsvlm.io._gdal import opened_raster

if TYPE_CHECKING:
    from hsvlm.scene import Scene

# Domain and name of the metadata of GDAL. The date of a TIFF is that of the file.
_TAGS = (("IMAGERY", "ACQUISITIONDATETIME"), ("ENVI", "acquisition_time"))


def acquisition_time(scene: Scene) -> datetime | None:
    """Return the time that the file of a scene states, in UTC; None if it states none."""
    for path in files_of(scene.cube):
        with suppress(FileError, MissingDependencyError), opened_raster(path) as dataset:
            for domain, name in _TAGS:
                text = dataset.tags(ns=domain).get(name, "").strip("{} ")
                with suppress(ValueError):
                    moment = datetime.fromisoformat(text)
                    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
