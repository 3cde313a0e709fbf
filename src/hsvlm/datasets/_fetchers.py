"""Public benchmark scenes, from where their providers keep them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from hsvlm.datasets._arrays import read_cube, read_label_map
from hsvlm.datasets._cache import load_verified
from hsvlm.datasets._registry import SCENES
from hsvlm.datasets._splits import fetch_split
from hsvlm.scene import Scene

if TYPE_CHECKING:
    import os

__all__ = [
    "fetch_botswana",
    "fetch_houston2013",
    "fetch_ksc",
    "fetch_pavia_centre",
    "fetch_pavia_university",
    "fetch_salinas",
]


def fetch_pavia_university(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Pavia University scene, taken by ROSIS over the university of Pavia, Italy.

    The 610 x 340 pixels of 1.3 m show buildings, streets and meadows in 103 bands; 42,776 of them
    carry one of 9 labels. A standard split is `fetch_pavia_university_split`.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (610, 340, 103), in the dtype of the file (no unit is stated);
        `labels` of shape (610, 340), uint8, 0 being unlabelled; `class_names`; no wavelengths.

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If pooch is not installed, for a download.

    References
    ----------
    .. [1] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_pavia_university
    >>> scene = fetch_pavia_university()  # doctest: +SKIP
    """
    return _fetch("pavia-university", data_home, progress)


def fetch_pavia_centre(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Pavia Centre scene, taken by ROSIS over the town of Pavia, Italy.

    The 1096 x 715 pixels of 1.3 m show the old town and the river in 102 bands; 148,152 of them
    carry one of 9 labels. The digests of these files are not known for certain, so the first ones
    are trusted, after a check of shapes and counts, and their digests recorded beside them.

    The provider lists the class names in another order than the labels have. Here they follow the
    labels: class 8, with 42,826 pixels, is the tiles of the roofs.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (1096, 715, 102), in the dtype of the file (no unit is stated);
        `labels` of shape (1096, 715), uint8, 0 being unlabelled; `class_names`; no wavelengths.

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If pooch is not installed, for a download.

    References
    ----------
    .. [1] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_pavia_centre
    >>> scene = fetch_pavia_centre()  # doctest: +SKIP
    """
    return _fetch("pavia-centre", data_home, progress)


def fetch_salinas(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Salinas scene, taken by AVIRIS over Salinas Valley, California.

    The 512 x 217 pixels of 3.7 m show vegetables, bare soil and vineyards in 204 bands, those
    where water absorbs removed; 54,129 of them carry one of 16 labels.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (512, 217, 204), in the dtype of the file (at-sensor radiance);
        `labels` of shape (512, 217), uint8, 0 being unlabelled; `class_names`; no wavelengths.

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If pooch is not installed, for a download.

    References
    ----------
    .. [1] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_salinas
    >>> scene = fetch_salinas()  # doctest: +SKIP
    """
    return _fetch("salinas", data_home, progress)


def fetch_ksc(*, data_home: str | os.PathLike[str] | None = None, progress: bool = True) -> Scene:
    """Fetch the Kennedy Space Center scene, taken by AVIRIS over Florida in March 1996.

    The 512 x 614 pixels of 18 m show coastal wetland in 176 bands; 5,211 of them carry one of 13
    labels. Some values, in 90 of the labelled spectra, lie between 65,525 and 65,535 and all others
    below 10,000: the former must be small negative numbers, and ``cube.astype("int16")`` turns
    them into these.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (512, 614, 176), in the dtype of the file (no unit is stated);
        `labels` of shape (512, 614), uint8, 0 being unlabelled; `class_names`; no wavelengths.

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If pooch is not installed, for a download.

    References
    ----------
    .. [1] J. Ham, Y. Chen, M. M. Crawford and J. Ghosh, "Investigation of the random forest
       framework for classification of hyperspectral data", IEEE Transactions on Geoscience and
       Remote Sensing 43(3), 492-501, 2005, doi:10.1109/TGRS.2004.842481.
    .. [2] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_ksc
    >>> scene = fetch_ksc()  # doctest: +SKIP
    """
    return _fetch("ksc", data_home, progress)


def fetch_botswana(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Fetch the Botswana scene, taken by Hyperion over the Okavango Delta in May 2001.

    The 1476 x 256 pixels of 30 m show swamps and woodlands in 145 bands; 3,248 of them carry one
    of 14 labels.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (1476, 256, 145), in the dtype of the file (no unit is stated);
        `labels` of shape (1476, 256), uint8, 0 being unlabelled; `class_names`; no wavelengths.

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If pooch is not installed, for a download.

    References
    ----------
    .. [1] J. Ham, Y. Chen, M. M. Crawford and J. Ghosh, "Investigation of the random forest
       framework for classification of hyperspectral data", IEEE Transactions on Geoscience and
       Remote Sensing 43(3), 492-501, 2005, doi:10.1109/TGRS.2004.842481.
    .. [2] Grupo de Inteligencia Computacional, University of the Basque Country, "Hyperspectral
       Remote Sensing Scenes",
       https://www.ehu.eus/ccwintco/index.php/Hyperspectral_Remote_Sensing_Scenes.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_botswana
    >>> scene = fetch_botswana()  # doctest: +SKIP
    """
    return _fetch("botswana", data_home, progress)


def fetch_houston2013(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> Scene:
    """Load the Houston scene of the 2013 data fusion contest, taken by CASI in 2012.

    The 349 x 1905 pixels of 2.5 m show the campus and its neighbourhood in 144 bands; 15,029 of
    them carry one of 15 labels. The cube is not downloaded: register with the provider [2]_ and
    put ``2013_IEEE_GRSS_DF_Contest_CASI.tif`` from the archive into the folder. The labels are
    those of `fetch_houston2013_split`.

    Parameters
    ----------
    data_home : path, default=None
        Folder that holds the files, or will. None is ``data`` in the folder that the environment
        variable HSVLM_CACHE_DIR names, or else in ``hsvlm`` in the user's cache folder.
    progress : bool, default=True
        Whether a download shows a progress bar.

    Returns
    -------
    Scene
        `cube` of shape (349, 1905, 144), in the dtype of the file (at-sensor radiance);
        `labels` of shape (349, 1905), uint8, 0 being unlabelled; `class_names`; `wavelengths_nm`
        of shape (144,).

    Raises
    ------
    DataError
        If a file is neither in `data_home` nor to be had from the network, or is not the known
        one.
    MissingDependencyError
        If rasterio or pillow, or for a download pooch, is not installed.

    References
    ----------
    .. [1] C. Debes et al., "Hyperspectral and LiDAR data fusion: outcome of the 2013 GRSS data
       fusion contest", IEEE Journal of Selected Topics in Applied Earth Observations and Remote
       Sensing 7(6), 2405-2418, 2014, doi:10.1109/JSTARS.2014.2305441.
    .. [2] University of Houston, "2013 IEEE GRSS Data Fusion Contest",
       https://machinelearning.ee.uh.edu/2013-ieee-grss-data-fusion-contest/.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_houston2013
    >>> scene = fetch_houston2013()  # doctest: +SKIP
    """
    return _fetch("houston-2013", data_home, progress)


def _fetch(key: str, data_home: str | os.PathLike[str] | None, progress: bool) -> Scene:
    entry = SCENES[key]
    read = partial(read_cube, file=entry.cube, shape=entry.shape)
    cube = load_verified(entry.cube, read, data_home, progress)
    if entry.labels is None:
        labels = fetch_split(key, data_home, progress).labels
    else:
        read_labels = partial(
            read_label_map, file=entry.labels, shape=entry.shape[:2], counts=entry.counts
        )
        labels = load_verified(entry.labels, read_labels, data_home, progress)
    return Scene(
        cube=cube,
        labels=labels,
        class_names=dict(entry.class_names),
        wavelengths_nm=None if entry.wavelengths_nm is None else np.array(entry.wavelengths_nm),
        name=entry.name,
        citation=entry.citation,
    )
