"""Sections of report pages on a fitted classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.sources import describe_details, describe_sources
from hsvlm._reports.page import Paragraph, Section, Table
from hsvlm._saved_model.card import text_encoder_name
from hsvlm.preprocessing.sources import sources_before, spectral_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hsvlm._prediction.model import FittedModel
    from hsvlm._reports.page import Part
    from hsvlm._training_record import Readout

__all__ = ["class_table", "report_sections", "training_rows"]

_MAX_DISPUTED = 200
_HISTORY = {
    "train_loss": "loss of the last epoch",
    "train_acc": "training accuracy of the last epoch",
    "valid_loss": "validation loss of the last epoch",
    "valid_acc": "validation accuracy of the last epoch",
}


def report_sections(model: FittedModel, counts: Mapping[Any, int] | None = None) -> list[Section]:
    """Describe classes, training, read-out and disputed labels of a classifier.

    `counts` are the labeled pixels by label, where the training record does not know them.
    """
    sections = [
        Section("Classes", [class_table(model, counts)]),
        Section("Training", [Table(["what", "value"], list(training_rows(model)))]),
    ]
    if model.readout is not None:
        sections.append(Section("Read-out", list(_readout_parts(model.readout))))
        if len(model.readout.disputed):
            sections.append(Section("Disputed labels", _disputed_parts(model, model.readout)))
    return sections


def class_table(model: FittedModel, counts: Mapping[Any, int] | None = None) -> Table:
    """List the classes: label, name, prompts and, where they are known, labeled pixels."""
    colors = dict(model.metadata.get("class_colors") or ())
    if counts is None and model.readout is not None:
        counts = _pixels_per_class(model, model.readout)
    rows = []
    for place, label in enumerate(model.classes.tolist()):
        row = [str(label), _class_name(model, place), "\n".join(model.prompts[label])]
        rows.append(row if counts is None else [*row, f"{counts.get(label, 0):,}"])
    header = ["label", "class", "prompts", *([] if counts is None else ["labeled pixels"])]
    caption = "The classes, and the texts that each is compared with."
    swatches = [str(colors.get(label, "")) for label in model.classes.tolist()]
    return Table(header, rows, caption, colors=swatches if colors else ())


def _pixels_per_class(model: FittedModel, readout: Readout) -> dict[Any, int]:
    """Count the training pixels of the scenes, those with disputed labels included."""
    targets = [scene.targets for scene in readout.scenes]
    indices = np.concatenate([*targets, readout.disputed.targets])
    counts = np.bincount(indices, minlength=len(model.classes))
    return dict(zip(model.classes.tolist(), counts.tolist(), strict=True))


def _class_name(model: FittedModel, place: int) -> str:
    label = model.classes.tolist()[place]
    return str(model.class_names.get(label, label))


def training_rows(model: FittedModel) -> Iterator[tuple[str, str]]:
    """Describe scenes, network and training by name and value."""
    if model.metadata.get("scene"):
        yield "scenes", str(model.metadata["scene"])
    record = model.training
    for scene in (record.scenes or ()) if record is not None else ():
        height, width, _ = scene.shape
        yield "pixels", f"{len(scene.coords):,} of a scene of {height:,} x {width:,} pixels"
    yield from _input_rows(model)
    yield "window", f"{model.window_size} x {model.window_size} pixels"
    yield from _network_rows(model)
    yield "device", model.device
    for name, value in model.metadata.items():
        is_shown = isinstance(value, (int, float, str)) and value is not False
        if name != "scene" and is_shown:
            yield name.replace("_", " "), str(value)


def _input_rows(model: FittedModel) -> Iterator[tuple[str, str]]:
    wavelengths = np.asarray(model.metadata.get("wavelengths_nm", ()))
    is_known = wavelengths > 0 if wavelengths.dtype.kind in "iuf" else np.False_
    known = wavelengths[is_known]  # other sources than spectra have none
    span = f", {known.min():g} to {known.max():g} nm" if known.size else ""
    yield "bands", f"{model.n_features_in}{span}"
    sources = sources_before(model.preprocessing)
    if sources is not None:
        yield "sources", describe_sources(sources)
    for line in describe_details({} if model.training is None else model.training.sources):
        yield "source", line
    for name, step in spectral_steps(model.preprocessing):
        transformer = " ".join(repr(getattr(step, "transformer_", step)).split())
        yield f"preprocessing: {name}" if name else "preprocessing", transformer


def _network_rows(model: FittedModel) -> Iterator[tuple[str, str]]:
    module, adapter, history = model.net.module_, model.adapter, model.net.history
    n_trained = sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
    yield "vision encoder", type(module.encoder).__name__
    yield "trained parameters", f"{n_trained if adapter is None else adapter.n_trained:,}"
    if adapter is not None:
        yield "pre-trained weights, SHA-256", adapter.base
        yield "adapted by", adapter.method
        if adapter.license is not None:
            yield "license of the pre-trained weights", adapter.license
    if module.head is None:
        yield "text encoder", text_encoder_name(model)
    yield "criterion", str(model.net.criterion__settings.criterion)
    yield "epochs", f"{len(history)}{', stopped by Ctrl-C' if model.interrupted else ''}"
    for name, title in _HISTORY.items():
        if history and name in history[-1]:
            yield title, f"{history[-1][name]:.4g}"


def _readout_parts(readout: Readout) -> Iterator[Part]:
    yield Paragraph(
        "Scores of windows are combined with random walks over the scene, which avoid spectral "
        "edges, and with the spectra. How much each counts is chosen on held-out training pixels, "
        "where there are enough of them."
    )
    walks, windows, spectra = readout.weights
    yield Table(
        ["setting", "value"],
        [
            ["restart probability", f"{readout.restart:.4g}"],
            ["contrast", f"{readout.contrast:.4g}"],
            ["agreement", f"{readout.agreement:.4g}"],
            ["steps", f"{readout.n_steps}"],
            ["weight of walks", f"{walks:.4g}"],
            ["weight of windows", f"{windows:.4g}"],
            ["weight of spectra", f"{spectra:.4g}"],
            ["temperature", f"{readout.temperature:.4g}"],
            ["share of wrong training labels, estimated", f"{readout.noise:.4g}"],
        ],
        "The scores of windows are divided by the temperature, which calibrates their "
        "probabilities on the held-out pixels; 1 leaves them as they are.",
    )


def _disputed_parts(model: FittedModel, readout: Readout) -> list[Part]:
    disputed = readout.disputed
    names = [_class_name(model, place) for place in range(len(model.classes))]
    columns = (disputed.scenes, *disputed.coords.T, disputed.targets, disputed.suggested)
    rows = [
        [str(scene), str(row), str(col), names[label], names[other], f"{trust:.3f}"]
        for scene, row, col, label, other, trust in zip(
            *(column.tolist() for column in (*columns, disputed.trust)), strict=True
        )
    ]
    intro = Paragraph(
        f"{len(rows):,} training {'label is' if len(rows) == 1 else 'labels are'} probably wrong "
        "and not used, the least probable first. The probability is that of the label being right."
    )
    header = ["scene", "row", "column", "label", "rather", "probability"]
    parts: list[Part] = [intro, Table(header, rows[:_MAX_DISPUTED])]
    if len(rows) > _MAX_DISPUTED:
        parts.append(Paragraph(f"{len(rows) - _MAX_DISPUTED:,} more are not listed."))
    return parts
