"""Pre-trained weights in a fit: what they decide, where it starts, and what it changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hsvlm._data.wavelengths import refuse_shift
from hsvlm._system.paths import expand_home
from hsvlm._training.bands import has_other_bands, keeps_bands
from hsvlm._training.unused import warn_without_effect
from hsvlm._training_record import TrainedAdapter
from hsvlm.contrastive.adapter_settings import AdapterSettings
from hsvlm.exceptions import DataError, ParameterError
from hsvlm.preprocessing.default import fit_preprocessing, normalization_of
from hsvlm.preprocessing.sources import spectral_steps
from hsvlm.pretraining import PretrainedEncoder, load_pretrained
from hsvlm.vision import get_vision_encoder, vision_encoder_name
from hsvlm.vision.arguments import own_parameters

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
    "take_steps",
    "trained_adapter",
    "with_pretrained",
]

# With others, all weights fit, but compute something else, or some start at random.
_STRUCTURE = frozenset({"depth", "n_heads", "qkv_bias"})


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
    _check_structure(settings.vision_params or {}, pretrained)
    taken = replace(
        settings,
        vision_encoder=pretrained.vision_encoder,
        vision_params={**_of_any_bands(pretrained), **(settings.vision_params or {})},
        window_size=_side("window_size", settings, pretrained.window_size),
        patch_size=_side("patch_size", settings, pretrained.patch_size),
    )
    return taken, pretrained


def _check_structure(params: Mapping[str, Any], pretrained: PretrainedEncoder) -> None:
    """Refuse what makes of pre-trained weights another network, whose weights fit nonetheless."""
    known = own_parameters(get_vision_encoder(pretrained.vision_encoder))
    for name in _STRUCTURE & params.keys() & known.keys():
        there = pretrained.vision_params.get(name, known[name].default)
        if params[name] != there:
            raise ParameterError(
                f"vision_params={{{name!r}: {params[name]!r}}}, but the pre-trained weights are "
                f"those of an encoder with {name}={there!r}.",
                f"Leave {name} out of vision_params. load_pretrained(path, n_heads=...) reads the "
                "weights of others with another number of heads.",
            )


def as_pretrained(
    pretrained: str | PathLike[str] | PretrainedEncoder, **choices: Any
) -> PretrainedEncoder:
    """Read pre-trained weights where they are a path, with choices that a file leaves open."""
    if isinstance(pretrained, PretrainedEncoder):
        return pretrained
    # A folder of our own leaves none open.
    is_folder = expand_home(pretrained).is_dir()
    return load_pretrained(pretrained, **({} if is_folder else choices))


def _of_any_bands(pretrained: PretrainedEncoder) -> dict[str, Any]:
    """Return the arguments of the encoder, without the wavelengths that it was trained on."""
    params = pretrained.vision_params
    return {name: value for name, value in params.items() if name != "wavelengths_nm"}


def _side(name: str, settings: FitSettings, of_pretraining: int | None) -> int:
    """Return the side of windows or patches: that of the pre-training, unless it is set."""
    side: int = getattr(settings, name)
    is_default = side == settings.defaults.get(name)
    return of_pretraining if is_default and of_pretraining is not None else side


def take_steps(settings: FitSettings, pretrained: PretrainedEncoder | None, X: Any) -> FitSettings:
    """Take over what the steps of the pre-training decide, if the fit uses them."""
    steps = _steps_of(settings, pretrained)
    if pretrained is None or steps is None:
        return settings
    _check_bands(X, pretrained, steps[0].n_features_in_)
    named = dict(spectral_steps(steps))
    taken: dict[str, Any] = {
        "n_components": named["pca"].n_components if "pca" in named else None,
        "normalize": normalization_of(steps),
    }
    # Encoders that are told wavelengths keep their bands, whatever the setting.
    names = ["normalize"] if keeps_bands(settings) else list(taken)
    others = [name for name in names if getattr(settings, name) != taken[name]]
    reason = "the pre-trained encoder brings the steps from spectra to channels"
    hint = "Leave them at their defaults, or set them where you pre-train."
    warn_without_effect(settings, others, reason, hint)
    return replace(settings, **taken)


def _steps_of(settings: FitSettings, pretrained: PretrainedEncoder | None) -> Pipeline | None:
    """Return the steps of the pre-training, unless they belong to other bands."""
    if pretrained is None or (keeps_bands(settings) and has_other_bands(settings, pretrained)):
        return None
    return pretrained.preprocessing


def _check_bands(X: Any, pretrained: PretrainedEncoder, n_bands: int) -> None:
    """Refuse samples with other bands than those of the pre-training."""
    hint = (
        "Use data of the same sensor, or an encoder that was pre-trained for any number of bands, "
        'such as "wavelength-vit".'
    )
    if X.shape[-1] != n_bands:
        problem = f"X has {X.shape[-1]} bands, the encoder was pre-trained on {n_bands}."
        raise DataError(problem, hint)
    refuse_shift(
        pretrained.provenance.get("wavelengths_nm"),
        getattr(X, "wavelengths_nm", None),
        "X has other bands than those of the pre-training",
        hint,
    )


def start_preprocessing(
    settings: FitSettings,
    pretrained: PretrainedEncoder | None,
    spectra: NDArray[Any],
    sources: Mapping[str, slice] | None,
) -> Pipeline:
    """Fit the steps from spectra to channels, or take those of the pre-training.

    Shapes: `spectra` (n_spectra, n_bands).
    """
    steps = _steps_of(settings, pretrained)
    if steps is not None:
        return steps
    how = settings.normalize, settings.n_components
    return fit_preprocessing(spectra, *how, are_bands=keeps_bands(settings), sources=sources)


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
