"""Turn named tensors into bytes and back, in the format of safetensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import safetensors.torch

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

# Of names and shapes: many empty tensors would take far more memory than space in the file.
_MAX_HEADER_BYTES: Final = 2**24


def write_tensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """Turn tensors into bytes."""
    content: bytes = safetensors.torch.save(dict(tensors))
    if _header_length(content) > _MAX_HEADER_BYTES:
        raise ParameterError(
            f"A saved model cannot hold {len(tensors)} arrays. Join the arrays of the metadata "
            "into larger ones."
        )
    return content


def read_tensors(content: bytes) -> dict[str, torch.Tensor]:
    """Turn bytes into tensors."""
    if (length := _header_length(content)) > _MAX_HEADER_BYTES:
        raise ValueError(f"a header of {length} bytes, above the limit {_MAX_HEADER_BYTES}")
    return safetensors.torch.load(content)


def _header_length(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")
