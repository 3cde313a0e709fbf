"""Named tensors to bytes and back, in the format of safetensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import safetensors.torch

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

__all__ = ["read_tensors", "write_tensors"]

# In bytes. Names and shapes: many tensors without values would take far more memory than room in
# the file.
_LONGEST_HEADER: Final = 2**24


def write_tensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Turn tensors into bytes."""
    content: bytes = safetensors.torch.save(dict(tensors))
    if _header_length(content) > _LONGEST_HEADER:
        raise ParameterError(
            f"A saved model does not hold {len(tensors)} arrays. Join those of the metadata into "
            "larger ones."
        )
    return content


def read_tensors(content: bytes) -> dict[str, torch.Tensor]:
    """Turn bytes into tensors."""
    if (length := _header_length(content)) > _LONGEST_HEADER:
        raise ValueError(f"a header of {length} bytes, above the limit {_LONGEST_HEADER}")
    return safetensors.torch.load(content)


def _header_length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")
