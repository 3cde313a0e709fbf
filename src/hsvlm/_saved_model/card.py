"""Write the page that describes a saved model to people, from the template card.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hsvlm._data.sources import describe_details, describe_sources
from hsvlm.preprocessing.sources import SourceTransformer, sources_before, spectral_steps
from hsvlm.text import can_encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hsvlm._prediction.model import FittedModel

__all__ = ["model_card", "text_encoder_name"]

_USE: Final = """\
from hsvlm import HSIPromptClassifier

clf = HSIPromptClassifier.load("the folder of this file")"""
_ADAPTER_USE: Final = """\
from hsvlm import HSIPromptClassifier

clf = HSIPromptClassifier.load_adapter("the folder of this file", pretrained)"""
_PIPELINE_USE: Final = """\
from hsvlm.persistence import load

clf = load("the folder of this file")"""


def model_card(
    model: FittedModel,
    metadata: Mapping[str, Any],
    versions: Mapping[str, str],
    steps: Sequence[tuple[str, Any]] = (),
    *,
    without_base: bool = False,
) -> str:
    """Describe a classifier in Markdown."""
    use = _ADAPTER_USE if without_base else _PIPELINE_USE if steps else _USE
    given = metadata.get("class_names")
    names = {**(given if isinstance(given, Mapping) else {}), **model.class_names}
    labels = model.classes.tolist()
    rows = [[label, names.get(label, label), "; ".join(model.prompts[label])] for label in labels]
    template = files(__package__).joinpath("card.md").read_text(encoding="utf-8")
    return template.format(
        n_classes=len(labels),
        classes="\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows),
        training="\n".join(f"- {line}" for line in _training(model, metadata, steps)),
        use=use,
        n_bands=next(
            (step.n_features_in_ for _, step in steps if hasattr(step, "n_features_in_")),
            model.n_features_in,
        ),
        versions=", ".join(f"{library} {version}" for library, version in versions.items()),
    )


def _training(
    model: FittedModel, metadata: Mapping[str, Any], steps: Sequence[tuple[str, Any]]
) -> Iterator[str]:
    module = model.net.module_
    fitted = [step.transformer_ for _, step in spectral_steps(model.preprocessing)]
    counts = [each.n_samples_seen_ for each in fitted if hasattr(each, "n_samples_seen_")]
    n_spectra = int(np.max(counts[0]))
    size = model.window_size
    if steps:
        yield f"steps before the classifier: {', '.join(name for name, _ in steps)}"
    yield f"{n_spectra} spectra, windows of {size} x {size} pixels"
    own = [step.sources_ for _, step in steps if isinstance(step, SourceTransformer)]
    sources = own[0] if own else sources_before(model.preprocessing)
    if sources is not None:
        yield f"sources {_cell(describe_sources(sources))}"
    details = {} if model.training is None else model.training.sources
    for line in describe_details(details):
        yield f"source {_cell(line)}"
    wavelengths = np.asarray(metadata.get("wavelengths_nm", ()))
    if wavelengths.dtype.kind in "iuf" and (wavelengths > 0).any():
        known = wavelengths[wavelengths > 0]  # other sources than spectra have none
        yield f"band centres from {known.min():g} to {known.max():g} nm"
    n_parameters = sum(p.numel() for p in module.parameters() if p.requires_grad)
    encoder = type(module.encoder).__name__
    adapter = model.adapter
    if adapter is None:
        yield f"vision encoder {encoder}, {n_parameters} trained parameters in all"
    else:
        yield (
            f"vision encoder {encoder}, pre-trained weights with SHA-256 {adapter.base}, adapted "
            f'by "{adapter.method}": {adapter.n_trained} of {adapter.n_weights} parameters trained'
        )
        if adapter.license is not None:
            yield f"license of the published pre-trained weights: {_cell(adapter.license)}"
    if (needs := getattr(module.encoder, "outside_weights", None)) is not None:
        yield f"the vision encoder needs the {_cell(needs)}, which is not part of these files"
    if module.head is None:
        yield f"text encoder {_cell(text_encoder_name(model))}"
    criterion = model.net.criterion__settings.criterion
    yield f"criterion `{criterion}`, {len(model.net.history)} epochs"
    for name in ("train_loss", "valid_loss", "valid_acc"):
        if model.net.history and name in model.net.history[-1]:
            yield f"{name} of the last epoch: {model.net.history[-1][name]:.4f}"
    for name, value in metadata.items():
        if isinstance(value, (bool, int, float, str)):
            yield f"{_cell(name)}: {_cell(value)}"


def text_encoder_name(model: FittedModel) -> str:
    """Name the text encoder of a model by its name, path or class."""
    if model.net.module_.encodes_texts:
        return "the vision encoder"
    encoder = model.text_encoder
    if isinstance(encoder, (str, os.PathLike)):
        return os.fspath(encoder)
    if can_encode(encoder):
        return f"of class {getattr(encoder, 'kind', type(encoder).__name__)}"
    return "given as an array of embeddings"


def _cell(value: object) -> str:
    text = " ".join(str(value).split())
    for character in "\\|<`":
        text = text.replace(character, "\\" + character)
    return text
