"""The Indian Pines scene, from a package that ships it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm.exceptions import DataError, MissingDependencyError
from hsvlm.prompts import load_class_colors, load_class_names
from hsvlm.scene import Scene

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DIGESTS = {
    "Indian_pines_corrected.npy": (
        "8f038e4d81569e38ebfc72a15c9984c150de42580ab260be10a13442e912e451"
    ),
    "Indian_pines_gt.npy": "44610d21625b311b05b8e0c4ba9a6cc755c2fbb9df48e4d89419024aa6ad3f9d",
}
_CITATION = (
    "M. F. Baumgardner, L. L. Biehl and D. A. Landgrebe, 220 Band AVIRIS Hyperspectral Image Data "
    "Set: June 12, 1992 Indian Pine Test Site 3, Purdue University Research Repository, 2015, "
    "doi:10.4231/R7RX991C. CC BY 3.0."
)

# Centers of the 220 bands without 104-108, 150-163 and 220 (counted from 1), where water absorbs.
_WAVELENGTHS_NM = """
400.02 409.82 419.62 429.43 439.25 449.07 458.90 468.73 478.57 488.41 498.26 508.12 517.98
527.85 537.72 547.60 557.49 567.38 577.28 587.18 597.09 607.01 616.93 626.85 636.78 646.72
656.67 666.61 676.57 686.53 696.50 686.91 696.55 706.19 715.83 725.47 735.11 744.74 754.38
764.01 773.64 783.27 792.91 802.53 812.16 821.79 831.41 841.04 850.66 860.28 869.91 879.53
889.14 898.76 908.38 917.99 927.61 937.22 946.83 956.45 966.06 975.66 985.27 994.88 1004.48
1014.09 1023.69 1033.29 1042.89 1052.49 1062.09 1071.69 1081.29 1090.88 1100.48 1110.07
1119.66 1129.25 1138.84 1148.43 1158.02 1167.61 1177.19 1186.77 1196.36 1205.94 1215.52
1225.10 1234.68 1244.26 1253.83 1263.41 1272.98 1282.55 1273.00 1282.96 1292.93 1302.89
1312.85 1322.81 1332.77 1342.73 1352.68 1412.39 1422.34 1432.28 1442.23 1452.17 1462.11
1472.05 1481.99 1491.92 1501.86 1511.79 1521.73 1531.66 1541.59 1551.52 1561.44 1571.37
1581.30 1591.22 1601.14 1611.06 1620.98 1630.90 1640.81 1650.73 1660.64 1670.56 1680.47
1690.38 1700.28 1710.19 1720.10 1730.00 1739.90 1749.81 1759.71 1769.60 1779.50 1789.40
1799.29 1809.19 1943.27 1953.26 1963.25 1973.24 1983.23 1993.22 2003.20 2013.18 2023.16
2033.13 2043.10 2053.07 2063.04 2073.00 2082.97 2092.92 2102.88 2112.83 2122.78 2132.73
2142.68 2152.62 2162.56 2172.50 2182.43 2192.37 2202.30 2212.22 2222.15 2232.07 2241.99
2251.90 2261.82 2271.73 2281.64 2291.54 2301.45 2311.35 2321.25 2331.14 2341.03 2350.92
2360.81 2370.70 2380.58 2390.46 2400.33 2410.21 2420.08 2429.95 2439.81 2449.68 2459.54
2469.40 2479.25 2489.11
"""


def load_indian_pines() -> Scene:
    """Load the Indian Pines scene, taken by AVIRIS over Indiana in June 1992.

    The 145 x 145 pixels of about 20 m show farmland and woods in 200 bands; 10,249 of them have
    one of 16 labels. The data come with the package ``tensorly`` and need no network.

    Returns
    -------
    Scene
        `cube` of shape (145, 145, 200), uint16, scaled radiance; `labels` of shape (145, 145),
        uint8, 0 is unlabeled; `class_names` and `class_colors`; `wavelengths_nm` of shape (200,).
        The wavelengths step back twice, where one spectrometer of the instrument ends and the
        next begins.

    Raises
    ------
    MissingDependencyError
        If tensorly is not installed.
    DataError
        If its files are not the expected ones.

    References
    ----------
    .. [1] M. F. Baumgardner, L. L. Biehl and D. A. Landgrebe, "220 Band AVIRIS Hyperspectral Image
       Data Set: June 12, 1992 Indian Pine Test Site 3", 2015, doi:10.4231/R7RX991C (CC BY 3.0).

    Examples
    --------
    >>> from hsvlm.datasets import load_indian_pines
    >>> load_indian_pines()
    Scene('Indian Pines', 145 x 145 pixels, 200 bands from 400 to 2489 nm, uint16, 16 classes)
    """
    folder = _package_folder() / "datasets" / "data"
    cube, labels = (_load_verified(folder / name, digest) for name, digest in _DIGESTS.items())
    return Scene(
        cube=cube,
        labels=labels,
        class_names=load_class_names("indian-pines"),
        class_colors=load_class_colors("indian-pines"),
        wavelengths_nm=np.array(_WAVELENGTHS_NM.split(), dtype=np.float64),
        name="Indian Pines",
        citation=_CITATION,
    )


def _package_folder() -> Path:
    # The package is not imported: only its files are used.
    spec = importlib.util.find_spec("tensorly")
    if spec is None or spec.origin is None:
        raise MissingDependencyError(
            "The Indian Pines scene comes with the package tensorly, which is not installed. "
            'Install it with: pip install "hsvlm[data]"',
            name="tensorly",
        )
    return Path(spec.origin).parent


def _load_verified(path: Path, digest: str) -> NDArray[Any]:
    if not path.is_file():
        raise DataError(
            f"{path} is missing from the installed tensorly. "
            'Reinstall it with: pip install --force-reinstall "hsvlm[data]"'
        )
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != digest:
        raise DataError(
            f"{path} has the SHA-256 digest {actual}, expected {digest}. The file is damaged or "
            'another version. Reinstall it with: pip install --force-reinstall "hsvlm[data]"'
        )
    # The files are in Fortran order; in C order a spectrum is contiguous, as windows read it.
    return np.ascontiguousarray(np.load(path, allow_pickle=False))
