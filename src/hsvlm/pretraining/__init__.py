"""Encoders that were trained before, on other scenes or without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm._system.lazy_names import lazy_names
from hsvlm.pretraining._encoder import PretrainedEncoder

if TYPE_CHECKING:
    from hsvlm.pretraining._load import load_pretrained
    from hsvlm.pretraining._masked import MaskedPretrainer
    from hsvlm.pretraining._shared import SharedPixels, shared_pixels
    from hsvlm.pretraining._tokens import TokenEncoder, list_token_encoders

__all__ = [
    "MaskedPretrainer",
    "PretrainedEncoder",
    "SharedPixels",
    "TokenEncoder",
    "list_token_encoders",
    "load_pretrained",
    "shared_pixels",
]

# Loaded when they are asked for: the settings of the classifier know of pre-trained encoders, and
# the command line shows them without waiting for torch.
__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "MaskedPretrainer": "hsvlm.pretraining._masked",
        "SharedPixels": "hsvlm.pretraining._shared",
        "TokenEncoder": "hsvlm.pretraining._tokens",
        "list_token_encoders": "hsvlm.pretraining._tokens",
        "load_pretrained": "hsvlm.pretraining._load",
        "shared_pixels": "hsvlm.pretraining._shared",
    },
)
