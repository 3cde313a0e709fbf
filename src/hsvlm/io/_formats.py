"""The formats that are read."""

from __future__ import annotations

from hsvlm.io._readers import readers_by_suffix
from hsvlm.io._readers.features import VECTOR_SUFFIXES

__all__ = ["list_feature_suffixes", "list_scene_suffixes"]


def list_scene_suffixes() -> list[str]:
    """List the suffixes of the files that :func:`read_scene` knows by their suffix.

    Files of other suffixes are opened by GDAL, or read as ENVI data if a header lies beside them.

    Returns
    -------
    list of str
        In lower case, with the dot.

    Examples
    --------
    >>> from hsvlm.io import list_scene_suffixes
    >>> ".hdr" in list_scene_suffixes()
    True
    """
    return list(readers_by_suffix())


def list_feature_suffixes() -> list[str]:
    """List the suffixes of the files of points, polygons and regions that are read as labels.

    Returns
    -------
    list of str
        In alphabetical order and lower case, with the dot.

    Examples
    --------
    >>> from hsvlm.io import list_feature_suffixes
    >>> ".gpkg" in list_feature_suffixes()
    True
    """
    return sorted(VECTOR_SUFFIXES)
