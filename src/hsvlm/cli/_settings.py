"""Settings of the classifier: read from options and recipes, checked, and listed."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any

import typer

from hsvlm._data.texts import parse_plain_value
from hsvlm._system.files import parsed_yaml
from hsvlm.cli._outputs import echo
from hsvlm.cli._paths import with_absolute_paths
from hsvlm.exceptions import FileError, ParameterError

# Where a recipe leaves its settings for the command: the file, and values by name.
SETTINGS_KEY = "hsvlm.settings"
_NOT_SETTINGS = {
    "prompts": "Give --prompts.",
    "class_names": "Give --prompts with a file that names the classes.",
    "callbacks": "They are objects of Python and cannot be written here.",
    "checkpoint_dir": "Checkpoints lie in the output folder.",
    "random_state": 'Give --seed to "fit"; "evaluate" takes the same seeds every time.',
    "resume": 'Give --resume to "fit".',
    "unlabeled": "Give --unlabeled.",
    "verbose": "Give --quiet for less.",
    "warm_start": "Every command trains from the start.",
}
# Checked by the classifier when it trains, and written as text here.
_TEXT_SETTINGS: dict[str, list[Any]] = {
    "text_encoder": [str],
    "vision_encoder": [str],
    "device": [str],
    "pretrained": [str, None],
}


def parse_settings(context: typer.Context, texts: list[str] | None) -> dict[str, Any]:
    """Read settings of the classifier, such as ``max_epochs=30``."""
    recipe, of_recipe = context.meta.get(SETTINGS_KEY, (None, {}))
    settings: dict[str, Any] = {}
    for name, value in of_recipe.items():
        settings[name] = parse_plain_value(value)
        _check_setting(name, settings[name], f"{recipe}: the setting {name}: {value}")
    for text in texts or []:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value or not name:
            raise ParameterError(
                f"--set {text!r} has no {'value' if name else 'name'}. Write --set name=value, "
                "for example --set max_epochs=30."
            )
        settings[name] = _parse_value(text, value)
        _check_setting(name, settings[name], f"--set {text}")
    # Results are found by the settings, and the recipe gives the paths in full.
    return with_absolute_paths(Path.cwd(), settings)


def training_parameters(
    context: typer.Context, text_encoder: str, epochs: int | None, chosen: dict[str, Any]
) -> dict[str, Any]:
    """Join dedicated options with the settings of --set, which must not contradict them."""
    options: dict[str, Any] = with_absolute_paths(Path.cwd(), {"text_encoder": text_encoder})
    options |= {} if epochs is None else {"max_epochs": epochs}
    for name, option in (("text_encoder", "text_encoder"), ("max_epochs", "epochs")):
        source = context.get_parameter_source(option)
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and name in chosen and chosen[name] != options[name]:
            raise ParameterError(
                f"--{option.replace('_', '-')} {options[name]} and the setting "
                f"{name}={chosen[name]} contradict each other. Give one of them."
            )
    return {**options, **chosen}


def check_settings(parameters: Mapping[str, Any], preset: str | None) -> Any:
    """Make a classifier, not fitted, of settings that can be used together."""
    import torch

    from hsvlm._data.cubes import check_window_fits
    from hsvlm._system.devices import resolve_device
    from hsvlm._training.checks import check_parameters, encoder_class
    from hsvlm._training.settings import FitSettings
    from hsvlm._training.weights import with_pretrained
    from hsvlm.contrastive.model import AlignedModel
    from hsvlm.estimator import HSIPromptClassifier
    from hsvlm.vision.arguments import encoder_arguments, own_parameters, value_problem

    clf: Any = (
        HSIPromptClassifier(**parameters)
        if preset is None
        else HSIPromptClassifier.from_preset(preset, **parameters)
    )
    check_parameters(clf)
    resolve_device(clf.device)
    check_window_fits((clf.window_size, clf.window_size), clf.window_size, clf.padding)
    settings, _ = with_pretrained(FitSettings.of(clf))
    encoder = encoder_class(settings.vision_encoder)
    known = own_parameters(encoder)
    for name, value in (clf.vision_params or {}).items():
        problem = f"the names are {', '.join(known)}"
        if name in known:
            problem = value_problem(known[name], value)
        if problem:
            raise ParameterError(f"vision_params={{{name}: {value}}} cannot be used: {problem}.")
    # The file, which states the channels and their wavelengths, is not open yet.
    n_channels = max(2, getattr(encoder, "MIN_CHANNELS", 1))
    arguments = encoder_arguments(
        encoder,
        n_channels=n_channels,
        window_size=settings.window_size,
        patch_size=settings.patch_size,
        params=settings.vision_params,
        wavelengths_nm=[400 + 2100 * band / (n_channels - 1) for band in range(n_channels)],
    )
    with torch.device("meta"):  # takes neither time nor memory
        AlignedModel(encoder, arguments, None, 2, clf.projection)
    return clf


def list_settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print the list as JSON.")] = False,
) -> None:
    """List what can be set with --set, and the presets."""
    # Every setting is listed with its default, the values that are allowed, and what it does.
    # Example: hsvlm settings
    from hsvlm._training.presets import list_presets, preset
    from hsvlm.estimator import HSIPromptClassifier

    # From Python 3.13 on, docstrings come without their indentation.
    described = _descriptions(inspect.cleandoc(HSIPromptClassifier.__doc__ or ""))
    settings = [
        {
            "name": name,
            "default": default,
            "allowed": _allowed(name),
            "description": described[name],
        }
        for name, default in HSIPromptClassifier().get_params().items()
        if name not in _NOT_SETTINGS
    ]
    presets = {name: preset(name) for name in list_presets()}
    if as_json:
        typer.echo(json.dumps({"settings": settings, "presets": presets}))
        return
    for setting in settings:
        echo(f"{setting['name']}={_format_value(setting['default'])}  ({setting['allowed']})")
        echo(f"    {setting['description']}")
    echo("\nPresets, for --preset:")
    for name, values in presets.items():
        echo(
            f"{name}: {', '.join(f'{key}={_format_value(value)}' for key, value in values.items())}"
        )


def _parse_value(text: str, written: str) -> Any:
    """Read a number, a truth value, none, a text, or a list or mapping of YAML."""
    if written[0] not in "[{\"'":
        return parse_plain_value(written)
    try:
        return parse_plain_value(parsed_yaml(f"--set {text}", written))
    except FileError:
        raise
    except ValueError as error:
        raise ParameterError(
            f"--set {text}: the value cannot be read. Close all brackets and quotes."
        ) from error


def _check_setting(name: str, value: Any, written: str) -> None:
    from sklearn.utils._param_validation import make_constraint

    from hsvlm.estimator import HSIPromptClassifier

    known = HSIPromptClassifier().get_params()
    if name in _NOT_SETTINGS:
        raise ParameterError(f"{written}: this is not set here. {_NOT_SETTINGS[name]}")
    if name not in known:
        names = ", ".join(sorted(set(known) - set(_NOT_SETTINGS)))
        raise ParameterError(f"The classifier has no setting {name!r}. Its settings: {names}.")
    constraints = [make_constraint(constraint) for constraint in _constraints(name)]
    if not any(constraint.is_satisfied_by(value) for constraint in constraints):
        raise ParameterError(f"{written}: {_allowed(name)} is allowed.")


def _constraints(name: str) -> list[Any]:
    from hsvlm._training.settings import PARAMETER_CONSTRAINTS

    return _TEXT_SETTINGS.get(name) or PARAMETER_CONSTRAINTS[name]


def _allowed(name: str) -> str:
    if name == "criterion":
        from hsvlm.contrastive.losses import list_criteria

        return _alternatives(list_criteria())
    if name == "vision_encoder":
        from hsvlm.vision import list_vision_encoders

        return _alternatives(list_vision_encoders())
    return _alternatives([_describe_constraint(constraint) for constraint in _constraints(name)])


def _alternatives(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


def _describe_constraint(constraint: Any) -> str:
    if constraint is None:
        return "none"
    if hasattr(constraint, "options"):
        return " or ".join(sorted(map(str, constraint.options)))
    if hasattr(constraint, "closed"):
        kind = "a whole number" if constraint.type is Integral else "a number"
        low = (
            f"{'at least' if constraint.closed in ('left', 'both') else 'above'} {constraint.left}"
        )
        high = (
            f"{'at most' if constraint.closed in ('right', 'both') else 'below'} {constraint.right}"
        )
        return f"{kind} {low} and {high}"
    words = {Mapping: "a mapping such as {name: value}", "boolean": "true or false", str: "a text"}
    return words.get(constraint, "a number" if constraint is Real else str(constraint))


def _descriptions(docstring: str) -> dict[str, str]:
    """Take the description of every parameter from a docstring of numpydoc."""
    section = docstring.partition("Parameters\n")[2].partition("Attributes\n")[0]
    described: dict[str, list[str]] = {}
    names: list[str] = []
    for line in section.splitlines():
        heading = re.match(r"(\w[\w, ]*) : ", line)
        if heading:
            names = heading[1].split(", ")
            described |= {name: [] for name in names}
        elif line.startswith("    "):
            for name in names:
                described[name].append(line.strip())
    return {name: _as_plain_text(" ".join(lines)) for name, lines in described.items()}


def _as_plain_text(text: str) -> str:
    without_roles = re.sub(r":\w+:`~?([^`]+)`", r"\1", text)
    return without_roles.replace("``", "").replace("`", "")


def _format_value(value: Any) -> str:
    if value is None:
        return "none"
    return json.dumps(value) if isinstance(value, (dict, bool)) else str(value)
