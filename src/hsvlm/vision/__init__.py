"""Vision encoders by name: windows in, one feature vector per window out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["get_vision_encoder", "list_vision_encoders", "register_vision_encoder"]

_ENCODERS: dict[str, type[nn.Module]] = {}


def register_vision_encoder(name: str, encoder: type[nn.Module]) -> None:
    """Make a vision encoder available by name.

    Parameters
    ----------
    name : str
        The name to pass as ``vision_encoder``.
    encoder : subclass of torch.nn.Module
        Constructed as ``encoder(n_channels=..., window_size=..., patch_size=..., **params)``. It
        has an int attribute ``n_features`` and maps windows of shape
        (n_windows, window_size, window_size, n_channels), float32, to (n_windows, n_features).

    Raises
    ------
    ParameterError
        If the name is already taken.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision import list_vision_encoders, register_vision_encoder
    >>> class MeanSpectrum(torch.nn.Module):
    ...     def __init__(self, n_channels, window_size, patch_size):
    ...         super().__init__()
    ...         self.n_features = n_channels
    ...     def forward(self, windows):
    ...         return windows.mean(dim=(1, 2))
    >>> register_vision_encoder("mean-spectrum", MeanSpectrum)
    >>> list_vision_encoders()
    ['mean-spectrum', 'overlap-vit', 'vit']
    """
    if name in _known():
        raise ParameterError(
            f"A vision encoder named {name!r} is already registered. Choose another name, or pass "
            "the class itself as vision_encoder."
        )
    _ENCODERS[name] = encoder


def list_vision_encoders() -> list[str]:
    """Names of the registered vision encoders.

    Returns
    -------
    list of str
        Sorted names.

    Examples
    --------
    >>> from hsvlm.vision import list_vision_encoders
    >>> "vit" in list_vision_encoders()
    True
    """
    return sorted(_known())


def get_vision_encoder(name: str) -> type[nn.Module]:
    """Look a vision encoder up.

    Parameters
    ----------
    name : str
        A registered name.

    Returns
    -------
    type
        The encoder's class.

    Raises
    ------
    UnknownNameError
        If the name is not registered; the message lists those that are.

    Examples
    --------
    >>> from hsvlm.vision import get_vision_encoder
    >>> get_vision_encoder("vit").__name__
    'MaskedViT'
    """
    known = _known()
    if name not in known:
        remedy = "A torch.nn.Module subclass works too."
        raise UnknownNameError.for_name("vision encoder", name, known, remedy)
    return known[name]


def _known() -> dict[str, type[nn.Module]]:
    from hsvlm.vision.overlap import OverlapViT
    from hsvlm.vision.vit import MaskedViT

    return {"overlap-vit": OverlapViT, "vit": MaskedViT, **_ENCODERS}
