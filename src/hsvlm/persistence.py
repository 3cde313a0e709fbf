"""Fitted classifiers, alone or at the end of a pipeline, in files: saved, loaded, reported on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from hsvlm._reports.page import Figure, Section, Table, render_page
from hsvlm._saved_model.model import read_model, write_model
from hsvlm._saved_model.sections import report_sections as model_sections
from hsvlm._system.pages import write_page
from hsvlm.estimator import HSIPromptClassifier, fitted_model, restored_classifier
from hsvlm.exceptions import ParameterError
from hsvlm.plotting import TrainingCurveDisplay
from hsvlm.plotting.png import png_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import torch

__all__ = ["load", "save", "save_report"]

# Neither settings of the method, nor the same on every machine.
_NOT_REPORTED = ("prompts", "class_names", "checkpoint_dir", "device", "resume", "verbose")


def save(
    estimator: HSIPromptClassifier | Pipeline,
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, Any] | None = None,
) -> Path:
    """Save a fitted classifier or a pipeline that ends in one.

    Parameters
    ----------
    estimator : HSIPromptClassifier or Pipeline
        Fitted. The steps before the classifier may be SpectralPCA, SpectralTransformer with
        StandardScaler or PCA, and "passthrough". The `memory` of pipelines and steps is
        not kept.
    path : path
        As for :meth:`hsvlm.HSIPromptClassifier.save`.
    metadata : dict, default=None
        As for :meth:`hsvlm.HSIPromptClassifier.save`.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    FileError
        If `path` cannot be written, or is something else than a saved model.
    ParameterError
        If `estimator`, a step, a parameter or a value of the metadata cannot be kept.
    NotFittedError
        If something is not fitted.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn.pipeline import make_pipeline
    >>> from hsvlm import HSIPromptClassifier, SpectralPCA
    >>> from hsvlm.persistence import load, save
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
    >>> clf = HSIPromptClassifier(n_components=None, text_encoder=np.eye(2), max_epochs=1)
    >>> pipeline = make_pipeline(SpectralPCA(3), clf).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     loaded = load(save(pipeline, f"{folder}/crops"))
    >>> bool((loaded.predict_proba(X) == pipeline.predict_proba(X)).all())
    True
    """
    clf = _classifier_of(estimator, "save")
    parameters = clf.get_params(deep=False)
    pipeline = estimator if isinstance(estimator, Pipeline) else None
    return write_model(path, parameters, fitted_model(clf), metadata, pipeline)


def load(
    path: str | os.PathLike[str],
    device: str | torch.device = "auto",
    *,
    vision_encoder: type[torch.nn.Module] | None = None,
    text_encoder: Any = None,
) -> HSIPromptClassifier | Pipeline:
    """Load what `save` or :meth:`hsvlm.HSIPromptClassifier.save` wrote.

    Parameters
    ----------
    path : path
        The folder or archive.
    device : str or torch.device, default="auto"
        As for :meth:`hsvlm.HSIPromptClassifier.load`, as are the rest.
    vision_encoder : subclass of torch.nn.Module, default=None
        The class, for a model that was trained with one of your own.
    text_encoder : str, path or object, default=None
        Encodes new texts from now on, in place of what the model was trained with.

    Returns
    -------
    HSIPromptClassifier or Pipeline
        Fitted. The metadata are ``metadata_`` of the classifier.

    Raises
    ------
    MissingFileError, FileError
        If there is no saved model, or it is incomplete, damaged or of another format.
    ParameterError, UnknownNameError
        If the device or an encoder cannot be used here.

    Warns
    -----
    HSVLMWarning
        If saving was interrupted and the previous model is taken instead.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.persistence import load
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
    >>> clf = HSIPromptClassifier(n_components=None, text_encoder=np.eye(2), max_epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     loaded = load(clf.fit(X, y).save(f"{folder}/crops"))
    >>> loaded.classes_.tolist()
    ['corn', 'oats']
    """
    clf, pipeline = read_model(
        path,
        restored_classifier,
        HSIPromptClassifier._get_param_names(),
        device=device,
        vision_encoder=vision_encoder,
        text_encoder=text_encoder,
    )
    return clf if pipeline is None else pipeline


def save_report(
    estimator: HSIPromptClassifier | Pipeline,
    path: str | os.PathLike[str],
    *,
    title: str = "Classifier of hyperspectral pixels",
) -> Path:
    """Write what a fitted classifier is as an HTML page that opens from disk, without a connection.

    The page has the classes with their prompts, colors and training pixels, what the classifier was
    trained on and how, the training curve, the read-out and its calibration, disputed labels, and
    the settings that differ from their defaults. Without matplotlib, the curve is left out.

    Parameters
    ----------
    estimator : HSIPromptClassifier or Pipeline
        Fitted, as for :func:`save`.
    path : path
        File to write, ending in ``.html``. Pages of this package are replaced.
    title : str, default="Classifier of hyperspectral pixels"
        Title of the page.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileError
        If the file cannot be written, or is there and not a page of this package.
    NotFittedError
        If something is not fitted.
    ParameterError
        If `estimator` is something else.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from hsvlm import HSIPromptClassifier
    >>> from hsvlm.persistence import save_report
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
    >>> clf = HSIPromptClassifier(n_components=None, text_encoder=np.eye(2), max_epochs=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_report(clf.fit(X, y), f"{folder}/crops.html")
    ...     "<h1>Classifier of hyperspectral pixels</h1>" in path.read_text(encoding="utf-8")
    True
    """
    return write_page(path, render_page(title, report_sections(estimator)))


def report_sections(
    estimator: HSIPromptClassifier | Pipeline, counts: Mapping[Any, int] | None = None
) -> list[Section]:
    """Describe a fitted classifier, alone or at the end of a pipeline; `counts` are its pixels."""
    clf = _classifier_of(estimator, "report on")
    described = model_sections(fitted_model(clf), counts)
    curve = png_of(lambda: TrainingCurveDisplay.from_estimator(clf))
    if curve is not None:
        alt = "Training loss, validation loss and learning rate by epoch, where they were recorded"
        described.insert(2, Section("Training curve", [Figure(curve, alt)]))
    defaults = type(clf)().get_params()
    changed = [
        [name, " ".join(repr(value).split())]
        for name, value in clf.get_params().items()
        if name not in _NOT_REPORTED and repr(value) != repr(defaults[name])
    ]
    steps = estimator.steps[:-1] if isinstance(estimator, Pipeline) else []
    changed += [[f"step {name}", " ".join(repr(step).split())] for name, step in steps]
    caption = "All other settings have their default values."
    return [*described, Section("Settings", [Table(["setting", "value"], changed, caption)])]


def _classifier_of(estimator: Any, verb: str) -> HSIPromptClassifier:
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, HSIPromptClassifier):
        return last
    raise ParameterError(
        f"Cannot {verb} a {type(estimator).__name__}. Pass an HSIPromptClassifier, or a Pipeline "
        "whose last step is one."
    )
