"""Public benchmark scenes, downloaded from their providers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hsvlm.datasets._arrays import read_cube, read_label_map, read_source
from hsvlm.datasets._cache import load_verified
from hsvlm.datasets._colors import scene_colors
from hsvlm.datasets._registry import SCENES
from hsvlm.datasets._splits import fetch_split
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.scene import Raster, Scene

if TYPE_CHECKING:
    import os

__all__ = [
    "fetch_augsburg",
    "fetch_botswana",
    "fetch_houston2013",
    "fetch_ksc",
    "fetch_muufl",
    "fetch_pavia_centre",
    "fetch_pavia_university",
    "fetch_salinas",
    "fetch_scene",
    "fetch_trento",
]


def fetch_scene(
    name: str,
    *,
    auxiliary: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Scene:
    """Fetch a public scene by its name, and download its files on first use.

    Parameters
    ----------
    name : str
        For example ``"salinas"``. The guide on datasets lists the scenes, and so does the error
        about an unknown name.
    auxiliary : bool, default=False
        Whether to stack the further sources of the scene behind its bands, such as the heights of
        Houston, see :class:`~hsvlm.Scene`.
    data_home : path, default=None
        Folder of the files. None is ``data`` in the folder that the environment variable
        HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (height, width, n_bands), in the dtype and unit of the file; `labels` of
        shape (height, width), uint8, where 0 is unlabeled; `class_names` and `class_colors`;
        `wavelengths_nm` of shape (n_bands,), or None where the provider states none; `citation`.

    Raises
    ------
    UnknownNameError
        If there is no such scene.
    ParameterError
        If `auxiliary` is asked for and the scene has no further sources.
    DataError
        If a file is neither in `data_home` nor available from the network, or if its digest, shape
        or number of labeled pixels is not the expected one.
    MissingDependencyError
        If pooch is not installed, for a download; or rasterio or pillow, for Houston.

    See Also
    --------
    load_indian_pines : The Indian Pines scene, which needs no network.
    fetch_split : Published training and test pixels of a scene.

    References
    ----------
    .. [1] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_scene
    >>> fetch_scene("salinas")  # doctest: +SKIP
    Scene('Salinas', 512 x 217 pixels, 204 bands, int16, 16 classes)
    """
    if name not in SCENES:
        hint = "Indian Pines comes with a package: call load_indian_pines()."
        raise UnknownNameError.for_name("scene", name, SCENES, hint)
    entry = SCENES[name]
    if auxiliary and not entry.auxiliary:
        known = ", ".join(repr(each) for each, other in SCENES.items() if other.auxiliary)
        raise ParameterError(
            f"The scene {name!r} has no further sources. Leave out auxiliary, or take one of "
            f"{known}."
        )
    read = partial(read_cube, file=entry.cube, shape=entry.shape)
    cube = load_verified(entry.cube, read, data_home, progress)
    if entry.labels is None:
        labels = fetch_split(name, data_home=data_home, progress=progress).labels
    else:
        read_labels = partial(
            read_label_map, file=entry.labels, shape=entry.shape[:2], counts=entry.counts
        )
        labels = load_verified(entry.labels, read_labels, data_home, progress)
    rasters = {}
    for source, details in entry.auxiliary.items() if auxiliary else ():
        shape = (*entry.shape[:2], len(details.channels))
        read = partial(read_source, file=details.file, shape=shape)
        values = load_verified(details.file, read, data_home, progress)
        rasters[source] = Raster(values, names=details.channels, unit=details.unit)
    return Scene(
        cube=cube,
        labels=labels,
        class_names=dict(entry.class_names),
        class_colors=scene_colors(name),
        wavelengths_nm=None if entry.wavelengths_nm is None else np.array(entry.wavelengths_nm),
        name=entry.name,
        citation=entry.citation,
        auxiliary=rasters or None,
    )


def fetch_pavia_university(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Pavia University scene, taken by ROSIS over the university of Pavia, Italy.

    The 610 x 340 pixels of 1.3 m show buildings, streets and meadows in 103 bands; 42,776 of them
    have one of 9 labels. See :func:`fetch_scene` for the parameters and the result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_pavia_university
    >>> scene = fetch_pavia_university()  # doctest: +SKIP
    """
    return fetch_scene("pavia-university", data_home=data_home, progress=progress)


def fetch_pavia_centre(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Pavia Centre scene, taken by ROSIS over the town of Pavia, Italy.

    The 1096 x 715 pixels of 1.3 m show the old town and the river in 102 bands; 148,152 of them
    have one of 9 labels. See :func:`fetch_scene` for the parameters and the result.

    The digests of these two files are unknown. The first files with the expected shapes and numbers
    of labeled pixels are trusted, and their digests are recorded in the same folder.

    The provider lists the class names in another order than the labels have. In this scene they
    follow the labels: class 8, with 42,826 pixels, is the tiles of the roofs.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_pavia_centre
    >>> scene = fetch_pavia_centre()  # doctest: +SKIP
    """
    return fetch_scene("pavia-centre", data_home=data_home, progress=progress)


def fetch_salinas(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Salinas scene, taken by AVIRIS over Salinas Valley, California.

    The 512 x 217 pixels of 3.7 m show vegetables, bare soil and vineyards in 204 bands of at-sensor
    radiance, without those where water absorbs; 54,129 of them have one of 16 labels. See
    :func:`fetch_scene` for the parameters and the result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_salinas
    >>> scene = fetch_salinas()  # doctest: +SKIP
    """
    return fetch_scene("salinas", data_home=data_home, progress=progress)


def fetch_ksc(*, data_home: str | os.PathLike[str] | None = None, progress: bool = True) -> Scene:
    """Fetch the Kennedy Space Center scene, taken by AVIRIS over Florida in March 1996.

    The 512 x 614 pixels of 18 m show coastal wetland in 176 bands; 5,211 of them have one of 13
    labels. See :func:`fetch_scene` for the parameters and the result.

    Some values, in 90 of the labeled spectra, lie between 65,525 and 65,535 and all others below
    10,000: the former must be small negative numbers, and ``cube.astype("int16")`` turns them into
    these.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_ksc
    >>> scene = fetch_ksc()  # doctest: +SKIP
    """
    return fetch_scene("ksc", data_home=data_home, progress=progress)


def fetch_botswana(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Botswana scene, taken by Hyperion over the Okavango Delta in May 2001.

    The 1476 x 256 pixels of 30 m show swamps and woodlands in 145 bands; 3,248 of them have one of
    14 labels. See :func:`fetch_scene` for the parameters and the result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_botswana
    >>> scene = fetch_botswana()  # doctest: +SKIP
    """
    return fetch_scene("botswana", data_home=data_home, progress=progress)


def fetch_houston2013(
    *,
    auxiliary: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Scene:
    """Load the Houston scene of the 2013 data fusion contest, taken by CASI in 2012.

    The 349 x 1905 pixels of 2.5 m show the campus and its neighborhood in 144 bands of at-sensor
    radiance, with wavelengths; 15,029 of them have one of 15 labels, those of
    :func:`fetch_houston2013_split`. See :func:`fetch_scene` for the parameters and the result.

    The cube is not downloaded: register with the provider [1]_ and put
    ``2013_IEEE_GRSS_DF_Contest_CASI.tif`` from the archive into the folder, and with
    ``auxiliary=True`` ``2013_IEEE_GRSS_DF_Contest_LiDAR.tif``, the surface model of the same
    pixels in meters, which becomes the source ``"lidar"``.

    References
    ----------
    .. [1] University of Houston, "2013 IEEE GRSS Data Fusion Contest",
       https://machinelearning.ee.uh.edu/2013-ieee-grss-data-fusion-contest/.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_houston2013
    >>> scene = fetch_houston2013()  # doctest: +SKIP
    """
    return fetch_scene("houston-2013", auxiliary=auxiliary, data_home=data_home, progress=progress)


def fetch_trento(
    *,
    auxiliary: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Scene:
    """Fetch the Trento scene, taken by AISA Eagle over fields south of Trento, Italy.

    The 166 x 600 pixels of 1 m show orchards, vineyards and a village in 63 bands; 30,214 of them
    have one of 6 labels. The source ``"lidar"`` holds two rasters of the Optech ALTM 3100EA, which
    the provider does not describe. See :func:`fetch_scene` for the parameters and the result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_trento
    >>> scene = fetch_trento(auxiliary=True)  # doctest: +SKIP
    """
    return fetch_scene("trento", auxiliary=auxiliary, data_home=data_home, progress=progress)


def fetch_muufl(
    *,
    auxiliary: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Scene:
    """Fetch the MUUFL Gulfport scene, taken by CASI over a campus in Mississippi in 2010.

    The 325 x 220 pixels show trees, lawns and buildings in 64 bands; 53,687 of them have one of 11
    labels. The source ``"lidar"`` holds the two gridded rasters of the
    same file. See :func:`fetch_scene` for the parameters and the result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_muufl
    >>> scene = fetch_muufl(auxiliary=True)  # doctest: +SKIP
    """
    return fetch_scene("muufl", auxiliary=auxiliary, data_home=data_home, progress=progress)


def fetch_augsburg(
    *,
    auxiliary: bool = False,
    data_home: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> Scene:
    """Fetch the Augsburg scene, taken by HySpex over the city of Augsburg, Germany.

    The 332 x 485 pixels of 30 m show the city and its surroundings in 180 bands; 78,294 of them
    have one of 7 labels. The source ``"sar"`` holds four features of Sentinel-1. The files come in
    an archive, which stays in the folder. See :func:`fetch_scene` for the parameters and the
    result.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_augsburg
    >>> scene = fetch_augsburg(auxiliary=True)  # doctest: +SKIP
    """
    return fetch_scene("augsburg", auxiliary=auxiliary, data_home=data_home, progress=progress)
