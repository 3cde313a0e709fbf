"""Encoders that were trained before, on other scenes or without labels."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
_HOMES = {
    "MaskedPretrainer": "_masked",
    "SharedPixels": "_shared",
    "TokenEncoder": "_tokens",
    "list_token_encoders": "_tokens",
    "load_pretrained": "_load",
    "shared_pixels": "_shared",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
