"""Texts to unit vectors."""

from hsvlm.text._encode import (
    CachedEncoder,
    TextEncoder,
    can_encode,
    encode_prompts,
    encode_texts,
)

__all__ = ["CachedEncoder", "TextEncoder", "can_encode", "encode_prompts", "encode_texts"]
