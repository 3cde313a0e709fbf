"""Training labels that everything else speaks against."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from hsvlm._training_record import DisputedLabels
from hsvlm.exceptions import HSVLMWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.readout.held_out import Findings
    from hsvlm.samples import PixelSamples

__all__ = ["find_disputed", "list_disputed", "warn_of_disputed"]

# A class may have so many standard deviations more wrong labels than the noise explains.
_MAX_DEVIATIONS = 2


def find_disputed(
    targets: NDArray[np.intp], trust: NDArray[np.float64], noise: float
) -> NDArray[np.bool_]:
    """Find labels that are rather wrong than right.

    Shapes: `targets` and `trust` (n_samples,); returns (n_samples,).
    """
    # Of a class with more of them than the noise explains, rather the class is hard to tell than
    # its labels are wrong.
    disputed = np.zeros(len(targets), dtype=bool)
    classes = np.unique(targets)
    for label in classes:
        members = np.flatnonzero(targets == label)
        expected = noise * (len(targets) - len(members)) / max(1, len(classes) - 1)
        limit = 1 + expected + _MAX_DEVIATIONS * math.sqrt(expected)
        least = members[np.argsort(trust[members], kind="stable")]
        least = least[: min(int(limit), len(members) - 1)]
        disputed[least] = trust[least] < 0.5
    return disputed


def list_disputed(
    X: PixelSamples, targets: NDArray[np.intp], disputed: NDArray[np.bool_], findings: Findings
) -> DisputedLabels:
    """Describe disputed labels, the least probable first."""
    index = np.flatnonzero(disputed)
    index = index[np.argsort(findings.trust[index], kind="stable")]
    return DisputedLabels(
        scenes=X.scene_ids[index].astype(np.int64),
        coords=X.coords[index].astype(np.int64),
        targets=targets[index].astype(np.int64),
        suggested=findings.suggested[index].astype(np.int64),
        trust=findings.trust[index],
    )


def warn_of_disputed(n_disputed: int, n_labels: int) -> None:
    """Say that labels are not used."""
    is_one = n_disputed == 1
    warnings.warn(
        HSVLMWarning(
            f"{n_disputed} of {n_labels} training labels {'is' if is_one else 'are'} probably "
            "wrong: networks that were trained without them, and the labels around them, speak for "
            f"other classes. {'It is' if is_one else 'They are'} not used.",
            "disputed_labels_ lists them; correct them, or use every label with "
            'spatial_params={"weights": (0.5, 0.5)}.',
            option_hint='"inspect" --json lists them; correct them, or use every label with '
            '--set "spatial_params={weights: [0.5, 0.5]}".',
        ),
        stacklevel=2,
    )
