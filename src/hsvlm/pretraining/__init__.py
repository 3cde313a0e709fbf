"""Encoders that were trained before, on other scenes or without labels."""

from __future__ import annotations

from hsvlm.pretraining._encoder import PretrainedEncoder

__all__ = ["PretrainedEncoder"]
