"""Public scenes and published splits, and a synthetic scene for tests."""

from __future__ import annotations

from hsvlm.datasets._fetchers import (
    fetch_augsburg,
    fetch_botswana,
    fetch_houston2013,
    fetch_ksc,
    fetch_muufl,
    fetch_pavia_centre,
    fetch_pavia_university,
    fetch_salinas,
    fetch_scene,
    fetch_trento,
)
from hsvlm.datasets._indian_pines import load_indian_pines
from hsvlm.datasets._splits import (
    StandardSplit,
    fetch_houston2013_split,
    fetch_indian_pines_split,
    fetch_pavia_university_split,
    fetch_split,
)
from hsvlm.datasets._synthetic import make_synthetic_scene, make_two_source_scene

__all__ = [
    "StandardSplit",
    "fetch_augsburg",
    "fetch_botswana",
    "fetch_houston2013",
    "fetch_houston2013_split",
    "fetch_indian_pines_split",
    "fetch_ksc",
    "fetch_muufl",
    "fetch_pavia_centre",
    "fetch_pavia_university",
    "fetch_pavia_university_split",
    "fetch_salinas",
    "fetch_scene",
    "fetch_split",
    "fetch_trento",
    "load_indian_pines",
    "make_synthetic_scene",
    "make_two_source_scene",
]
