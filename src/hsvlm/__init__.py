"""hsvlm: hyperspectral classification from a label map and the text of its class prompts.

The public names are loaded when they are first used, so that ``import hsvlm`` stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm._system.lazy_names import lazy_names
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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "HSIPromptClassifier": "hsvlm.estimator",
        "PixelSamples": "hsvlm.samples",
        "Raster": "hsvlm.scene",
        "Scene": "hsvlm.scene",
        "SpectralPCA": "hsvlm.preprocessing",
        "SpectralTransformer": "hsvlm.preprocessing",
        "pixel_samples": "hsvlm.samples",
    },
)
