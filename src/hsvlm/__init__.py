"""hsvlm: hyperspectral classification from a label map and the text of its class prompts.

The public names are loaded when they are first used, so that ``import hsvlm`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hsvlm._system.version import __version__

if TYPE_CHECKING:
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.preprocessing import SpectralPCA, SpectralTransformer
    from hsvlm.samples import PixelSamples, pixel_samples
    from hsvlm.scene import Raster, Scene

__all__ = [
    "HSIPromptClassifier",
    "PixelSamples",
    "Raster",
    "Scene",
    "SpectralPCA",
    "SpectralTransformer",
    "__version__",
    "pixel_samples",
]

_HOMES = {
    "HSIPromptClassifier": "hsvlm.estimator",
    "PixelSamples": "hsvlm.samples",
    "Raster": "hsvlm.scene",
    "Scene": "hsvlm.scene",
    "SpectralPCA": "hsvlm.preprocessing",
    "SpectralTransformer": "hsvlm.preprocessing",
    "pixel_samples": "hsvlm.samples",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
