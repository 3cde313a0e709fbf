"""Pre-trained weights in a fit: what they decide, where it starts, and what it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hsvlm._training.bands import has_other_bands, keeps_bands
from hsvlm._training_record import TrainedAdapter
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing.default import fit_preprocessing
from hsvlm.pretraining import PretrainedEncoder, load_pretrained
from hsvlm.vision import vision_encoder_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from hsvlm._training.settings import FitSettings

__all__ = [
    "as_pretrained",
    "start_preprocessing",
    "starting_weights",
    "trained_adapter",
    "with_pretrained",
]


def with_pretrained(settings: FitSettings) -> tuple[FitSettings, PretrainedEncoder | None]:
    """Read the pre-trained encoder, if there is one, and take over what it decides."""
    if settings.pretrained is None:
        return settings, None
    chosen = settings.vision_encoder
    is_chosen = chosen != settings.defaults.get("vision_encoder")
    name = chosen if isinstance(chosen, str) else vision_encoder_name(chosen)
    pretrained = as_pretrained(
        settings.pretrained,
        vision_encoder=name if is_chosen else None,
        n_heads=(settings.vision_params or {}).get("n_heads"),
    )
    if is_chosen and name != pretrained.vision_encoder:
        raise ParameterError(
            f"vision_encoder={chosen!r}, but the pre-trained weights are those of "
            f"{pretrained.vision_encoder!r}. Leave vision_encoder at its default."
        )
    taken = replace(
        settings,
        vision_encoder=pretrained.vision_encoder,
        vision_params={**_of_any_bands(pretrained), **(settings.vision_params or {})},
        window_size=_side("window_size", settings, pretrained.window_size),
        patch_size=_side("patch_size", settings, pretrained.patch_size),
    )
    return taken, pretrained


def as_pretrained(
    pretrained: str | PathLike[str] | PretrainedEncoder, **choices: Any
) -> PretrainedEncoder:
    """Read pre-trained weights where they are a file, with choices that it leaves open."""
    if isinstance(pretrained, PretrainedEncoder):
        return pretrained
    return load_pretrained(pretrained, **choices)


def _of_any_bands(pretrained: PretrainedEncoder) -> dict[str, Any]:
    """Return the arguments of the encoder, without the wavelengths that it was trained on."""
    params = pretrained.vision_params
    return {name: value for name, value in params.items() if name != "wavelengths_nm"}


def _side(name: str, settings: FitSettings, of_pretraining: int | None) -> int:
    """Return the side of windows or patches: that of the pre-training, unless it is set."""
    side: int = getattr(settings, name)
    is_default = side == settings.defaults.get(name)
    return of_pretraining if is_default and of_pretraining is not None else side


def start_preprocessing(
    settings: FitSettings,
    pretrained: PretrainedEncoder | None,
    spectra: NDArray[Any],
    sources: Mapping[str, slice] | None,
) -> Pipeline:
    """Fit the steps from spectra to channels, or take those of the pre-training.

    Shapes: `spectra` (n_spectra, n_bands).
    """
    are_bands = keeps_bands(settings)
    if (
        pretrained is None
        or pretrained.preprocessing is None
        or (are_bands and has_other_bands(settings, pretrained))
    ):
        how = settings.normalize, settings.n_components
        return fit_preprocessing(spectra, *how, are_bands=are_bands, sources=sources)
    n_bands = pretrained.preprocessing[0].n_features_in_
    if spectra.shape[1] != n_bands:
        raise DataError(
            f"X has {spectra.shape[1]} bands, the encoder was pre-trained on {n_bands}. Use data "
            "of the same sensor, or an encoder that was pre-trained for any number of bands, such "
            'as "wavelength-vit".'
        )
    return pretrained.preprocessing


def starting_weights(settings: FitSettings, pretrained: PretrainedEncoder | None) -> dict[str, Any]:
    """Return what the network is given of the pre-trained encoder."""
    if pretrained is None:
        return {}
    adapter = AdapterSettings.of(settings.adapter or "full", settings.adapter_params)
    return {"pretrained": pretrained, "adapter": adapter}


def trained_adapter(net: Any, model_params: Mapping[str, Any]) -> TrainedAdapter | None:
    """Describe what a training changed of the pre-trained encoder."""
    if "pretrained" not in model_params:
        return None
    pretrained, settings = model_params["pretrained"], model_params["adapter"]
    adaptation = vars(net).pop("adaptation_")
    return TrainedAdapter(
        method=settings.method,
        params=settings.to_dict(),
        base=pretrained.digest,
        base_names=tuple(sorted(pretrained.weights)),
        factors={name: one.cpu().numpy() for name, one in adaptation.factors.tensors.items()},
        config=adaptation.factors.config,
        n_trained=adaptation.n_trained,
        n_weights=sum(parameter.numel() for parameter in net.module_.parameters()),
        license=pretrained.provenance.get("license"),
    )
