"""Vision encoders by name: windows in, one feature vector per window out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hsvlm._system.registry import Registry

if TYPE_CHECKING:
    from torch import nn

__all__ = ["get_vision_encoder", "list_vision_encoders", "register_vision_encoder"]

_ENCODERS: Registry[nn.Module] = Registry(
    "vision encoder",
    {
        "a2s2k": "hsvlm.vision.a2s2k:A2S2K",
        "clip-prompt": "hsvlm.vision.clip_prompt:ClipPrompt",
        "cnn1d": "hsvlm.vision.pixel:SpectralCNN",
        "cnn2d": "hsvlm.vision.cnn2d:CNN2D",
        "cnn3d": "hsvlm.vision.cnn3d:CNN3D",
        "dctn": "hsvlm.vision.dctn:DCTN",
        "factoformer": "hsvlm.vision.factoformer:FactoFormer",
        "fusion-vit": "hsvlm.vision.fusion_vit:FusionViT",
        "gaf-nau": "hsvlm.vision.gaf_nau:GAFNAU",
        "gaht": "hsvlm.vision.gaht:GAHT",
        "group-vit": "hsvlm.vision.group_vit:GroupViT",
        "hit": "hsvlm.vision.hit:HiT",
        "hybridsn": "hsvlm.vision.hybridsn:HybridSN",
        "mlp": "hsvlm.vision.pixel:PixelMLP",
        "morphformer": "hsvlm.vision.morphformer:MorphFormer",
        "overlap-vit": "hsvlm.vision.overlap:OverlapViT",
        "pretrained-vit": "hsvlm.vision.transplant:PretrainedViT",
        "s2mamba": "hsvlm.vision.s2mamba:S2Mamba",
        "sentinel-spectralgpt": "hsvlm.vision.sentinel_spectralgpt:SentinelSpectralGPT",
        "spectral-memory": "hsvlm.vision.spectral_memory:SpectralMemory",
        "spectralformer": "hsvlm.vision.spectralformer:SpectralFormer",
        "spectralgpt": "hsvlm.vision.spectralgpt:SpectralGPT",
        "ss-tmnet": "hsvlm.vision.ss_tmnet:SSTMNet",
        "ssftt": "hsvlm.vision.ssftt:SSFTT",
        "vit": "hsvlm.vision.vit:MaskedViT",
        "wavelength-vit": "hsvlm.vision.wavelength_vit:WavelengthViT",
    },
    parameter="vision_encoder",
)


def register_vision_encoder(name: str, encoder: type[nn.Module] | str) -> None:
    """Make a vision encoder available by name.

    Parameters
    ----------
    name : str
        The name to pass as ``vision_encoder``.
    encoder : subclass of torch.nn.Module, or str
        The class, or ``"module:Class"``, which is imported when it is used. It is constructed as
        ``encoder(n_channels=..., window_size=..., **params)``, with ``patch_size=...`` if it takes
        one. If it takes ``wavelengths_nm``, it is given the band centers of the data in nanometers,
        as a list of float, and channels are the bands, standardized. If it takes ``sources``,
        it is given the number of channels of every source of the data, as a dict by name in the
        order of the channels, spectra first; without further sources it is not. It has an int
        attribute ``n_features`` and maps windows of shape
        (n_windows, window_size, window_size, n_channels), float32, to (n_windows, n_features).
        If it has a method ``prepare(windows, generator)``, a fit calls it once before the first
        step, in evaluation mode and without gradients, so that initial weights can follow from
        data: `windows` are preprocessed training windows in random order, up to 4,096, or fewer
        where these would hold more than 2 ** 26 numbers, and random draws come from `generator`,
        a torch.Generator on their device. It changes weights in place. Fits that resume from a
        checkpoint or continue an earlier one (``warm_start``) do not call it. Pre-trained weights
        are put back after it. If it has a method ``encode_texts(texts)``, which maps a list of str
        to a tensor of shape (n_texts, n_features), prompts of the classes are encoded by it in
        every step of the training and once after it, instead of by a `text_encoder`, and there is
        no projection; an attribute ``logit_scale``, a float, is what the factor on cosines starts
        from.

    Raises
    ------
    ParameterError
        If the name is already taken, or `encoder` is neither a class nor such a string.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.vision import list_vision_encoders, register_vision_encoder
    >>> class MeanSpectrum(torch.nn.Module):
    ...     def __init__(self, n_channels, window_size):
    ...         super().__init__()
    ...         self.n_features = n_channels
    ...     def forward(self, windows):
    ...         return windows.mean(dim=(1, 2))
    >>> register_vision_encoder("mean-spectrum", MeanSpectrum)
    >>> "mean-spectrum" in list_vision_encoders()
    True
    """
    _ENCODERS.register(name, encoder)


def list_vision_encoders() -> list[str]:
    """Return the names of the registered vision encoders.

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
    return _ENCODERS.names()


def get_vision_encoder(name: str) -> type[nn.Module]:
    """Return the class of a registered vision encoder.

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
    ParameterError
        If it is registered as ``"module:Class"`` and cannot be imported.

    Examples
    --------
    >>> from hsvlm.vision import get_vision_encoder
    >>> get_vision_encoder("vit").__name__
    'MaskedViT'
    """
    return _ENCODERS.get(name)


def vision_encoder_name(encoder: type[nn.Module]) -> str | None:
    """Return the name that a class is registered under, or None."""
    return _ENCODERS.name_of(encoder)
