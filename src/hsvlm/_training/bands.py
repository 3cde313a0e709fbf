"""What a fit takes from the data for an encoder that is told the wavelengths of its channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hsvlm._data.wavelengths import describe_shift
from hsvlm._inputs.wavelengths import told_wavelengths
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
    name = vision_encoder_name(encoder) or encoder.__name__
    told = f'the vision encoder "{name}" is told the wavelengths of its channels'
    if settings.n_components not in ("auto", None):
        raise ParameterError(
            f"n_components={settings.n_components!r} makes principal components, which have no "
            f"wavelength, but {told}. Set n_components=None."
        )
    if settings.normalize == "snv-brightness":
        raise ParameterError(
            'normalize="snv-brightness" adds channels that have no wavelength, but '
            f'{told}. Set normalize="snv".'
        )
    of_pretraining = None if pretrained is None else pretrained.vision_params.get(_NAME)
    params = settings.vision_params or {}
    centers = told_wavelengths(params, X, name, of_pretraining)
    return replace(settings, n_components=None, vision_params={**params, _NAME: centers})


def has_other_bands(settings: FitSettings, pretrained: PretrainedEncoder) -> bool:
    """Tell whether the bands of this fit are others than those of the pre-training."""
    there = pretrained.vision_params.get(_NAME)
    return there is None or describe_shift((settings.vision_params or {})[_NAME], there) is not None


def with_band_centers(metadata: Mapping[str, Any], settings: FitSettings) -> dict[str, Any]:
    """Add the wavelengths that the encoder is told, so that predictions are compared with them."""
    params = settings.vision_params or {}
    return {**metadata, **({_NAME: params[_NAME]} if keeps_bands(settings) else {})}
