"""Encoders that were trained before, on other scenes or without labels."""

from __future__ import annotations

from hsvlm.pretraining._encoder import PretrainedEncoder
from hsvlm.pretraining._load import load_pretrained
from hsvlm.pretraining._tokens import TokenEncoder

__all__ = ["PretrainedEncoder", "TokenEncoder", "load_pretrained"]
