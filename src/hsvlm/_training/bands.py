"""What a fit takes from the data for an encoder that is told the wavelengths of its channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hsvlm._data.wavelengths import describe_shift
from hsvlm._training.checks import encoder_class
from hsvlm.exceptions import ParameterError
from hsvlm.vision import vision_encoder_name
from hsvlm.vision.arguments import takes_wavelengths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hsvlm._training.settings import FitSettings
    from hsvlm.pretraining import PretrainedEncoder

__all__ = ["has_other_bands", "keeps_bands", "take_wavelengths", "with_band_centers"]

_NAME = "wavelengths_nm"


def keeps_bands(settings: FitSettings) -> bool:
    """Tell whether the channels of the encoder have to be bands with wavelengths."""
    return takes_wavelengths(encoder_class(settings.vision_encoder))


def take_wavelengths(
    settings: FitSettings, X: Any, pretrained: PretrainedEncoder | None
) -> FitSettings:
    """Give an encoder that is told wavelengths those of the samples, and keep their bands."""
    if not keeps_bands(settings):
        return settings
    encoder = encoder_class(settings.vision_encoder)
    told = f'the vision encoder "{vision_encoder_name(encoder) or encoder.__name__}" is told'
    if settings.n_components not in ("auto", None):
        raise ParameterError(
            f"n_components={settings.n_components!r} makes principal components, which have no "
            f"wavelength, but {told} the wavelengths of its channels. Set n_components=None."
        )
    if settings.normalize == "snv-brightness":
        raise ParameterError(
            'normalize="snv-brightness" adds channels that have no wavelength, but '
            f'{told} the wavelengths of its channels. Set normalize="snv".'
        )
    params = dict(settings.vision_params or {})
    stated, own = params.get(_NAME), getattr(X, _NAME, None)
    if stated is not None and own is not None:
        shift = describe_shift(stated, own)
        if shift is not None:
            raise ParameterError(
                f'vision_params["{_NAME}"] are not the wavelengths of X: {shift}.',
                "Leave them out, or correct those of the scene: "
                f"dataclasses.replace(scene, {_NAME}=...).",
            )
    of_pretraining = None if pretrained is None else pretrained.vision_params.get(_NAME)
    sources = (stated, own, of_pretraining)
    centers = next((source for source in sources if source is not None), None)
    if centers is None:
        raise ParameterError(
            f"{told[0].upper()}{told[1:]} the wavelengths of the bands, and X has none.",
            f'Pass a Scene with {_NAME} or samples of it, or vision_params={{"{_NAME}": [...]}} '
            "with the band centers in nanometers.",
            option_hint="Add the wavelengths to the header of the file.",
        )
    # Files and checkpoints hold plain numbers.
    params[_NAME] = [None if center is None else float(center) for center in centers]
    return replace(settings, n_components=None, vision_params=params)


def has_other_bands(settings: FitSettings, pretrained: PretrainedEncoder) -> bool:
    """Tell whether the bands of this fit are others than those of the pre-training."""
    there = pretrained.vision_params.get(_NAME)
    return there is None or describe_shift((settings.vision_params or {})[_NAME], there) is not None


def with_band_centers(metadata: Mapping[str, Any], settings: FitSettings) -> dict[str, Any]:
    """Add the wavelengths that the encoder is told, so that predictions are compared with them."""
    params = settings.vision_params or {}
    return {**metadata, **({_NAME: params[_NAME]} if keeps_bands(settings) else {})}
