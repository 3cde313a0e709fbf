"""Write the page that describes a saved model to people, from the template card.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hsvlm.text import can_encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["model_card"]

_USE: Final = """\
from hsvlm import HSIPromptClassifier

clf = HSIPromptClassifier.load("the folder of this file")"""
_PIPELINE_USE: Final = """\
from hsvlm.persistence import load

clf = load("the folder of this file")"""


def model_card(
    clf: Any,
    metadata: Mapping[str, Any],
    versions: Mapping[str, str],
    steps: Sequence[tuple[str, Any]] = (),
) -> str:
    """Describe a classifier in Markdown."""
    given = metadata.get("class_names")
    names = {**(given if isinstance(given, Mapping) else {}), **clf.class_names_}
    labels = clf.classes_.tolist()
    rows = [[label, names.get(label, label), "; ".join(clf.prompts_[label])] for label in labels]
    template = files(__package__).joinpath("card.md").read_text(encoding="utf-8")
    return template.format(
        n_classes=len(labels),
        classes="\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows),
        training="\n".join(f"- {line}" for line in _training(clf, metadata, steps)),
        use=_PIPELINE_USE if steps else _USE,
        n_bands=next(
            (step.n_features_in_ for _, step in steps if hasattr(step, "n_features_in_")),
            clf.n_features_in_,
        ),
        versions=", ".join(f"{library} {version}" for library, version in versions.items()),
    )


def _training(
    clf: Any, metadata: Mapping[str, Any], steps: Sequence[tuple[str, Any]]
) -> Iterator[str]:
    model = clf.net_.module_
    n_spectra = int(np.max(clf.preprocessing_["scale"].transformer_.n_samples_seen_))
    size = clf.window_size_
    if steps:
        yield f"steps before the classifier: {', '.join(name for name, _ in steps)}"
    yield f"{n_spectra} spectra, windows of {size} x {size} pixels"
    wavelengths = np.asarray(metadata.get("wavelengths_nm", ()))
    if wavelengths.size and wavelengths.dtype.kind in "iuf":
        yield f"band centres from {wavelengths.min():g} to {wavelengths.max():g} nm"
    n_parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
    yield f"vision encoder {type(model.encoder).__name__}, {n_parameters} trained parameters in all"
    if model.head is None:
        yield f"text encoder {_cell(_text_encoder(clf.text_encoder_))}"
    yield f"criterion `{clf.net_.criterion__settings.criterion}`, {len(clf.history_)} epochs"
    for name in ("train_loss", "valid_loss", "valid_acc"):
        if clf.history_ and name in clf.history_[-1]:
            yield f"{name} of the last epoch: {clf.history_[-1][name]:.4f}"
    for name, value in metadata.items():
        if isinstance(value, (bool, int, float, str)):
            yield f"{_cell(name)}: {_cell(value)}"


def _text_encoder(encoder: Any) -> str:
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
