"""Arguments that the constructor of a vision encoder is given."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

__all__ = [
    "OF_DATA",
    "encoder_arguments",
    "encodes_texts",
    "required_params",
    "takes_patch_size",
    "takes_sources",
    "takes_wavelengths",
]

# Arguments that follow from the data, besides patch_size, which some encoders do not take.
OF_DATA = frozenset({"n_channels", "window_size", "wavelengths_nm", "sources"})


def encoder_arguments(
    encoder: type[nn.Module],
    *,
    n_channels: int,
    window_size: int,
    patch_size: int,
    params: Mapping[str, Any] | None,
    wavelengths_nm: Sequence[float] | None = None,
    sources: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return the arguments of an encoder: the geometry of its input, then its own."""
    # A window of one pixel, as of plain spectra, has patches of one pixel.
    patch = {"patch_size": patch_size if window_size > 1 else 1}
    return {
        "n_channels": n_channels,
        "window_size": window_size,
        **(patch if takes_patch_size(encoder) else {}),
        **({"wavelengths_nm": wavelengths_nm} if takes_wavelengths(encoder) else {}),
        **({"sources": dict(sources)} if sources and takes_sources(encoder) else {}),
        **(params or {}),
    }


def takes_patch_size(encoder: type[nn.Module]) -> bool:
    """Tell whether the constructor of an encoder takes a `patch_size`."""
    parameters = inspect.signature(encoder).parameters
    takes_any = any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    return takes_any or "patch_size" in parameters


def takes_wavelengths(encoder: type[nn.Module]) -> bool:
    """Tell whether the constructor of an encoder names the wavelengths of the channels."""
    return "wavelengths_nm" in inspect.signature(encoder).parameters


def takes_sources(encoder: type[nn.Module]) -> bool:
    """Tell whether the constructor of an encoder names the channels of several sources."""
    return "sources" in inspect.signature(encoder).parameters


def required_params(encoder: type[nn.Module]) -> list[str]:
    """Name the arguments that neither the data give nor a default: `vision_params` has to."""
    return [
        name
        for name, parameter in inspect.signature(encoder).parameters.items()
        if name not in OF_DATA | {"patch_size"}
        and parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]


def encodes_texts(encoder: type[nn.Module]) -> bool:
    """Tell whether an encoder of windows encodes texts as well, into the same space."""
    return callable(getattr(encoder, "encode_texts", None))
