"""One file per format that scenes and maps are written to, each with a WRITER."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm.io._writers.envi import WRITER as ENVI
from hsvlm.io._writers.geotiff import WRITER as GEOTIFF

if TYPE_CHECKING:
    from hsvlm.io._writers.output import Writer


def writers_by_suffix() -> dict[str, Writer]:
    """Return the writer of each suffix."""
    return {suffix: writer for writer in (GEOTIFF, ENVI) for suffix in writer.suffixes}
