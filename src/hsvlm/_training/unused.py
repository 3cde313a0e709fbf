"""Warn of settings that cannot take effect in a fit."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hsvlm._training.checks import encoder_class, is_same
from hsvlm.contrastive.adapter_settings import METHODS
from hsvlm.contrastive.losses import uses_text
from hsvlm.contrastive.losses.arguments import unused_numbers
from hsvlm.exceptions import UnusedSettingWarning
from hsvlm.readout.scene import readout_settings
from hsvlm.samples import PixelSamples
from hsvlm.vision.arguments import encodes_texts, takes_patch_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from hsvlm._training.settings import FitSettings

__all__ = ["warn_of_unused_settings", "warn_without_effect"]

_SHOWN = 3  # labels quoted in a warning


def warn_of_unused_settings(
    settings: FitSettings, classes: NDArray[Any], X: PixelSamples | NDArray[Any]
) -> None:
    """Warn of parameters that differ from their defaults and cannot take effect in this fit."""
    for names, reason, hint in (
        *_unused_windows(settings, X),
        *_unused_losses(settings),
        *_others(settings),
    ):
        warn_without_effect(settings, names, reason, hint)
    _warn_of_unused_keys(settings, classes)


def warn_without_effect(
    settings: FitSettings, names: Sequence[str], reason: str, hint: str
) -> None:
    """Warn of those parameters that differ from their defaults: they cannot take effect."""
    changed = [name for name in names if _is_changed(settings, name)]
    if changed:
        verb = "have" if len(changed) > 1 else "has"
        problem = f"{' and '.join(changed)} {verb} no effect: {reason}."
        warnings.warn(UnusedSettingWarning(problem, hint), stacklevel=6)


def _unused_windows(settings: FitSettings, X: Any) -> Iterator[tuple[list[str], str, str]]:
    spatial = (
        ["spatial_params"] if settings.spatial is not None and _has_spatial_params(settings) else []
    )
    takes_patches = takes_patch_size(encoder_class(settings.vision_encoder))
    patches = ["patch_size"] if settings.patch_size != 1 and takes_patches else []
    one_pixel = [*patches, "padding"]
    if not takes_patches:
        hint = "Choose another vision_encoder, or leave it at its default."
        yield ["patch_size"], "the vision encoder takes no patches", hint
    if isinstance(X, PixelSamples):
        if settings.window_size == 1:
            reason = "window_size=1 sees single pixels"
            yield one_pixel, reason, "Raise window_size, or leave the parameters at their defaults."
        return
    if X.ndim == 2:
        window = ["window_size"] if settings.window_size != 1 else []
        reason = "X contains plain spectra, which have no surroundings"
        hint = (
            "Pass PixelSamples, a Scene or a cube. In a pipeline, wrap transformers: "
            "SpectralTransformer(StandardScaler()) keeps the windows. Tools that make arrays of "
            "samples, such as BaggingClassifier, lose them."
        )
        yield [*window, *one_pixel, *spatial], reason, hint
        return
    window = ["window_size"] if settings.window_size != X.shape[1] else []
    reason = f"X contains ready-made windows of {X.shape[1]} x {X.shape[1]} pixels"
    hint = "Pass PixelSamples, a Scene or a cube, or leave the parameters at their defaults."
    yield [*window, "padding", *spatial], reason, hint


def _unused_losses(settings: FitSettings) -> Iterator[tuple[list[str], str, str]]:
    reason = f"criterion={settings.criterion!r}"
    unused = unused_numbers(settings.criterion)
    if not uses_text(settings.criterion):
        names = ["prompts", "text_encoder", "projection", *unused]
        hint = "Choose another criterion, or leave them at their defaults."
        yield names, f"{reason} trains without text", hint
    else:
        if encodes_texts(encoder_class(settings.vision_encoder)):
            hint = "Leave them at their defaults."
            yield ["text_encoder", "projection"], "the vision encoder encodes texts itself", hint
        hint = 'Set criterion="hard-semi-hard", or leave them at their defaults.'
        yield unused, f"{reason} does not choose negatives", hint


def _others(settings: FitSettings) -> Iterator[tuple[list[str], str, str]]:
    if settings.spatial is None and _has_spatial_params(settings):
        hint = 'Set spatial="random-walk", or spatial_params=None.'
        yield ["spatial_params"], "spatial=None reads nothing out of the scene", hint
    if settings.adapter_params:
        method = settings.adapter or "full"
        unread = set(settings.adapter_params) - set(METHODS[method])
        if settings.adapter is None or unread == set(settings.adapter_params):
            hint = "Set adapter to a method that reads them, or leave them out."
            yield ["adapter_params"], f"adapter={settings.adapter!r} reads none of them", hint
    if settings.checkpoint_dir is None:
        yield ["checkpoint_every"], "no checkpoints are written", "Set checkpoint_dir."


def _warn_of_unused_keys(settings: FitSettings, classes: NDArray[Any]) -> None:
    labels, names = set(classes.tolist()), set(settings.class_names or ())
    if isinstance(settings.class_weight, Mapping) and set(settings.class_weight) - labels - names:
        absent = sorted(set(settings.class_weight) - labels - names, key=str)
        problem = f"class_weight has weights for {', '.join(map(repr, absent))}, absent from y."
        hint = "Remove them; where a class is only missing from a fold, name it in class_names."
        warnings.warn(UnusedSettingWarning(problem, hint), stacklevel=6)
    if not (isinstance(settings.prompts, Mapping) and names):
        return
    hint = "Use the labels of y as keys, of the same type."
    types = {isinstance(label, str) for label in labels}
    others = sorted((name for name in names if {isinstance(name, str)} != types), key=str)
    if not names & labels:
        problem = "class_names has no effect: none of its labels is in y."
        warnings.warn(UnusedSettingWarning(problem, hint), stacklevel=6)
    elif others:
        listed = ", ".join(map(repr, others[:_SHOWN])) + ("..." if len(others) > _SHOWN else "")
        problem = f"class_names has no effect for {listed}: y has labels of another type."
        warnings.warn(UnusedSettingWarning(problem, hint), stacklevel=6)


def _has_spatial_params(settings: FitSettings) -> bool:
    return readout_settings(settings.spatial_params) != readout_settings(None)


def _is_changed(settings: FitSettings, name: str) -> bool:
    return not is_same(getattr(settings, name), settings.defaults.get(name))
