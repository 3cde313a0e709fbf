"""Standard splits of public scenes into training and test pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.datasets._arrays import read_label_map
from hsvlm.datasets._cache import load_verified
from hsvlm.datasets._registry import SPLITS
from hsvlm.exceptions import DataError, UnknownNameError

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from hsvlm.datasets._cache import RemoteFile

__all__ = [
    "StandardSplit",
    "fetch_houston2013_split",
    "fetch_indian_pines_split",
    "fetch_pavia_university_split",
    "fetch_split",
]


@dataclass(frozen=True, eq=False, repr=False)
class StandardSplit:
    """A published choice of training and test pixels of a scene.

    Parameters
    ----------
    train_map : ndarray of shape (height, width), integer
        Label of every training pixel; 0 elsewhere.
    test_map : ndarray of shape (height, width), integer
        Label of every test pixel; 0 elsewhere.
    class_names : dict, default={}
        ``{label: name}``.
    name : str, default=""
        Name of the scene.
    citation : str, default=""
        How to cite the split.

    Raises
    ------
    DataError
        If the maps differ in shape or share a pixel, or a label is not a finite number.

    Examples
    --------
    Each map can be used as a label map.

    >>> from hsvlm import pixel_samples
    >>> from hsvlm.datasets import StandardSplit, make_synthetic_scene
    >>> scene = make_synthetic_scene(labeled_share=1, random_state=0)
    >>> train_map, test_map = scene.labels.copy(), scene.labels.copy()
    >>> train_map[4:] = 0
    >>> test_map[:8] = 0
    >>> split = StandardSplit(train_map, test_map, scene.class_names, "synthetic")
    >>> split
    StandardSplit('synthetic', 32 x 32 pixels, 128 for training, 768 for testing, 4 classes)
    >>> X_train, y_train = pixel_samples(scene.cube, split.train_map)
    >>> X_train.shape
    (128, 30)
    """

    train_map: NDArray[Any]
    test_map: NDArray[Any]
    class_names: dict[Any, str] = field(default_factory=dict)
    name: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        for name in ("train_map", "test_map"):
            object.__setattr__(self, name, np.asanyarray(getattr(self, name)))
        shapes = self.train_map.shape, self.test_map.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 2:
            raise DataError(
                f"The training map has shape {shapes[0]} and the test map {shapes[1]}. Both must "
                "be 2-D maps (height, width) of the same scene."
            )
        for labels in (self.train_map, self.test_map):
            if labels.dtype.kind not in "iufb" or not np.isfinite(labels).all():
                raise DataError(
                    f"A map of dtype {labels.dtype} holds texts, NaN or infinite values. Labels "
                    "are whole numbers, and 0 where a pixel has none."
                )
        shared = int(np.count_nonzero((self.train_map != 0) & (self.test_map != 0)))
        if shared:
            raise DataError(
                f"{shared} pixels are in the training map and in the test map. Set them to 0 in "
                "one of the two."
            )

    @property
    def labels(self) -> NDArray[Any]:
        """Label of every pixel of either map, of shape (height, width); 0 is unlabeled."""
        return np.asarray(np.where(self.train_map != 0, self.train_map, self.test_map))

    def __repr__(self) -> str:
        height, width = self.train_map.shape
        parts = [
            f"{self.name!r}",
            f"{height} x {width} pixels",
            f"{np.count_nonzero(self.train_map)} for training",
            f"{np.count_nonzero(self.test_map)} for testing",
        ]
        if self.class_names:
            parts.append(f"{len(self.class_names)} classes")
        return f"StandardSplit({', '.join(parts)})"


def fetch_split(
    name: str, *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> StandardSplit:
    """Fetch the published split of a scene, and download its files on first use.

    Parameters
    ----------
    name : str
        For example ``"indian-pines"``. The guide on datasets lists the splits, and so does the
        error about an unknown name.
    data_home, progress
        See :func:`fetch_scene`.

    Returns
    -------
    StandardSplit
        `train_map` and `test_map` of shape (height, width), uint8, in the labels of the scene.

    Raises
    ------
    UnknownNameError
        If there is no such split.
    DataError
        If a file is neither in `data_home` nor available from the network, or if its digest, shape
        or number of labeled pixels is not the expected one.
    MissingDependencyError
        If pooch is not installed, for a download; or pillow, except for Pavia University.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_split
    >>> fetch_split("indian-pines")  # doctest: +SKIP
    StandardSplit('Indian Pines', 145 x 145 pixels, 695 for training, 9671 for testing, 16 classes)
    """
    if name not in SPLITS:
        raise UnknownNameError.for_name("split", name, SPLITS)
    entry = SPLITS[name]
    # Labels of the scene for the values 0, 1, 2, ... of the files.
    scene_labels = np.array([0, *(entry.order or range(1, len(entry.train_counts) + 1))], np.uint8)

    def load(file: RemoteFile, counts: tuple[int, ...]) -> NDArray[np.uint8]:
        read = partial(read_label_map, file=file, shape=entry.shape, counts=counts)
        return scene_labels[load_verified(file, read, data_home, progress)]

    return StandardSplit(
        train_map=load(entry.train, entry.train_counts),
        test_map=load(entry.test, entry.test_counts),
        class_names=dict(entry.class_names),
        name=entry.name,
        citation=entry.citation,
    )


def fetch_indian_pines_split(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> StandardSplit:
    """Fetch the standard split of Indian Pines: 695 training and 9,671 test pixels.

    The maps belong to the scene of :func:`load_indian_pines` and hold its labels; the files number
    the classes differently. There are 50 training pixels per class, and 15 for classes 1, 7 and 9.
    See :func:`fetch_split` for the parameters and the result.

    The split was drawn from an older ground truth of 10,366 pixels, 92AV3GT. Of these, 256 are
    unlabeled in ``load_indian_pines().labels``, 26 of them training pixels; the other way round,
    139 pixels labeled there are in neither map. Where both have a label, it is the same. Take
    the labels from the maps, or from `StandardSplit.labels`, to evaluate on this split.

    References
    ----------
    .. [1] D. Hong et al., "Graph convolutional networks for hyperspectral image classification",
       IEEE Transactions on Geoscience and Remote Sensing 59(7), 5966-5978, 2021,
       doi:10.1109/TGRS.2020.3015157.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_indian_pines_split
    >>> split = fetch_indian_pines_split()  # doctest: +SKIP
    """
    return fetch_split("indian-pines", data_home=data_home, progress=progress)


def fetch_pavia_university_split(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> StandardSplit:
    """Fetch the standard split of Pavia University: 3,921 training and 40,002 test pixels.

    The maps hold the labels of :func:`fetch_pavia_university` and share no pixel. The test map is
    that scene's label map of 42,776 pixels without the training pixels. Of these, 2,774 are in the
    label map, with the same labels, and 1,147 are not: together the maps label 43,923 pixels. See
    :func:`fetch_split` for the parameters and the result, and :func:`fetch_indian_pines_split` for
    the reference.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_pavia_university_split
    >>> split = fetch_pavia_university_split()  # doctest: +SKIP
    """
    return fetch_split("pavia-university", data_home=data_home, progress=progress)


def fetch_houston2013_split(
    *, data_home: str | os.PathLike[str] | None = None, progress: bool = True
) -> StandardSplit:
    """Fetch the split of the 2013 contest, Houston: 2,832 training and 12,197 test pixels.

    The test pixels are the contest's validation samples [1]_. The maps share no pixel; together
    they are the label map of :func:`fetch_houston2013`. See :func:`fetch_split` for the parameters
    and the result.

    References
    ----------
    .. [1] C. Debes et al., "Hyperspectral and LiDAR data fusion: outcome of the 2013 GRSS data
       fusion contest", IEEE Journal of Selected Topics in Applied Earth Observations and Remote
       Sensing 7(6), 2405-2418, 2014, doi:10.1109/JSTARS.2014.2305441.

    Examples
    --------
    >>> from hsvlm.datasets import fetch_houston2013_split
    >>> split = fetch_houston2013_split()  # doctest: +SKIP
    """
    return fetch_split("houston-2013", data_home=data_home, progress=progress)
