"""Encoders that were trained before, on other scenes or without labels."""

from __future__ import annotations

from hsvlm.pretraining._encoder import PretrainedEncoder
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
