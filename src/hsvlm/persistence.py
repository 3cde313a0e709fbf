"""Saving and loading of fitted classifiers, alone or at the end of a pipeline, without pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sklearn.pipeline import Pipeline

from hsvlm._saved_model.model import read_model, write_model
from hsvlm.estimator import HSIPromptClassifier, fitted_model, restored_classifier
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import torch

__all__ = ["load", "save"]


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
    if isinstance(estimator, HSIPromptClassifier):
        return write_model(
            path, estimator.get_params(deep=False), fitted_model(estimator), metadata
        )
    if isinstance(estimator, Pipeline) and isinstance(estimator[-1], HSIPromptClassifier):
        last = estimator[-1]
        parameters = last.get_params(deep=False)
        return write_model(path, parameters, fitted_model(last), metadata, estimator)
    raise ParameterError(
        f"Cannot save a {type(estimator).__name__}. Pass an HSIPromptClassifier, or a Pipeline "
        "whose last step is one."
    )


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
