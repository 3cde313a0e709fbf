"""Arguments that the constructor of a vision encoder is given."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import ParameterError
from hsvlm.vision import vision_encoder_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

__all__ = [
    "OF_DATA",
    "encoder_arguments",
    "encodes_texts",
    "named_choices",
    "needed_settings",
    "own_parameters",
    "refuse_geometry",
    "required_params",
    "takes_patch_size",
    "takes_sources",
    "takes_wavelengths",
    "value_problem",
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
    missing = [name for name in required_params(encoder) if name not in (params or {})]
    if missing:
        first = missing[0]
        raise ParameterError(
            f"The vision encoder {vision_encoder_name(encoder) or encoder.__name__} needs "
            f"{', '.join(missing)}, which the data do not give.",
            f"Set vision_params={{{first!r}: ...}}.",
            option_hint=f'Give --set "vision_params={{{first}: ...}}".',
        )
    _check_names(encoder, params or {})
    _check_values(encoder, params or {})
    if takes_sources(encoder):
        _check_sources(params or {}, sources)
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


def _check_names(encoder: type[nn.Module], params: Mapping[str, Any]) -> None:
    """Refuse a name that the constructor of an encoder does not take."""
    parameters = inspect.signature(encoder).parameters
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        return
    for name in params:
        if name not in parameters:
            raise ParameterError(
                f"vision_params has {name!r}, which the vision encoder "
                f"{vision_encoder_name(encoder) or encoder.__name__} does not take. The names are "
                f"{', '.join(own_parameters(encoder)) or 'none'}."
            )


def _check_values(encoder: type[nn.Module], params: Mapping[str, Any]) -> None:
    """Refuse a value that one of our own constructors does not take."""
    # The text "False" is true; other values end in errors of torch. Annotations of others may be
    # narrower than what their code takes.
    if not encoder.__module__.startswith("hsvlm."):
        return
    known = own_parameters(encoder)
    for name, value in params.items():
        problem = value_problem(known[name], value) if name in known else ""
        if problem:
            raise ParameterError(
                f"vision_params={{{name!r}: {value!r}}} cannot be used by the vision encoder "
                f"{vision_encoder_name(encoder) or encoder.__name__}: {problem}."
            )


def _check_sources(params: Mapping[str, Any], sources: Mapping[str, int] | None) -> None:
    """Refuse sources that are not those of the data: channels would be taken for others."""
    stated = params.get("sources")
    if not sources or not isinstance(stated, Mapping):
        return
    if list(stated.items()) != list(sources.items()):
        raise ParameterError(
            f"vision_params states sources={dict(stated)}, the data have {dict(sources)}, in this "
            "order. Leave sources out of vision_params: they follow from the data."
        )


def refuse_geometry(params: Mapping[str, Any] | None) -> None:
    """Refuse arguments in `vision_params` that an encoder is given anyway."""
    taken = {"n_channels", "window_size", "patch_size"} & set(params or {})
    if taken:
        raise ParameterError(
            f"vision_params sets {', '.join(sorted(taken))}, which the encoder is given anyway. "
            "Use the parameters window_size and patch_size; the channels follow from the data."
        )


def needed_settings(
    encoder: type[nn.Module],
    *,
    window_size: int,
    patch_size: int,
    n_components: Any,
) -> dict[str, int | None]:
    """Return other values for the settings that an encoder cannot work with, the nearest ones."""
    needed: dict[str, int | None] = {}
    if window_size < getattr(encoder, "MIN_WINDOW", 1):
        # A window has its pixel in the middle.
        window_size = needed["window_size"] = encoder.MIN_WINDOW | 1  # type: ignore[attr-defined]
    if getattr(encoder, "WHOLE_PATCHES", False) and window_size % patch_size:
        sides = range(1, min(patch_size, window_size) + 1)
        needed["patch_size"] = max(side for side in sides if window_size % side == 0)
    if takes_wavelengths(encoder):
        if n_components not in ("auto", None):
            needed["n_components"] = None
        return needed
    step = getattr(encoder, "CHANNEL_STEP", 1)
    if not isinstance(n_components, Integral):
        # The number of bands is not known, and four steps are few enough for any.
        return {**needed, "n_components": 4 * step} if step > 1 else needed
    count = int(n_components)
    suiting = max(count - count % step, getattr(encoder, "MIN_CHANNELS", 1))
    return needed if suiting == count else {**needed, "n_components": suiting}


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


def own_parameters(encoder: type[nn.Module]) -> dict[str, inspect.Parameter]:
    """Return the parameters of an encoder that follow neither from the data nor from the patch."""
    parameters = inspect.signature(encoder).parameters
    return {name: parameters[name] for name in sorted(set(parameters) - OF_DATA - {"patch_size"})}


def value_problem(parameter: inspect.Parameter, value: Any) -> str:
    """Say what a parameter takes if a value of the command line does not fit; empty if it does."""
    annotation = _annotation(parameter)
    words, choices = set(re.findall(r"\w+", annotation)), named_choices(parameter)
    is_list = not words.isdisjoint(("Sequence", "list", "tuple"))
    is_whole = "int" in words and "float" not in words
    kinds = {
        " or ".join(f'"{choice}"' for choice in choices): (bool(choices), value in choices),
        f"a list of {'whole ' if is_whole else ''}numbers": (
            is_list,
            _is_list_of_numbers(value, Integral if is_whole else Real),
        ),
        "a number": (not is_list and "float" in words, _is_number(value, Real)),
        "a whole number": (not is_list and is_whole, _is_number(value, Integral)),
        "true or false": ("bool" in words, _is_truth_value(value)),
        "a text": ("str" in words and not choices, isinstance(value, str)),
        "a path": ("PathLike" in words, isinstance(value, os.PathLike)),
        "none": ("None" in words, value is None),
    }
    taken = {kind: fits for kind, (is_taken, fits) in kinds.items() if is_taken}
    # Without an annotation that is understood, the constructor decides.
    if not taken or any(taken.values()):
        return ""
    return f"{parameter.name} takes {' or '.join(taken)}"


def named_choices(parameter: inspect.Parameter) -> list[str]:
    """Return the names that a parameter takes, from its annotation; empty if it takes others."""
    annotation = _annotation(parameter)
    return re.findall(r"""["']([^"']+)["']""", annotation) if "Literal" in annotation else []


def _annotation(parameter: inspect.Parameter) -> str:
    """Return the annotation of a parameter as text, or the type of its default."""
    annotation, default = parameter.annotation, parameter.default
    if annotation is parameter.empty:
        return "" if default is parameter.empty or default is None else type(default).__name__
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _is_number(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_truth_value(value: Any) -> bool:
    return isinstance(value, bool) or str(getattr(value, "dtype", "")) == "bool"  # of NumPy


def _is_list_of_numbers(value: Any, kind: type) -> bool:
    is_list = isinstance(value, Collection) and not isinstance(value, (str, bytes, Mapping))
    return is_list and all(_is_number(item, kind) for item in value)


def encodes_texts(encoder: type[nn.Module]) -> bool:
    """Tell whether an encoder of windows encodes texts as well, into the same space."""
    return callable(getattr(encoder, "encode_texts", None))
