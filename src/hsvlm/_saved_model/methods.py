"""The methods of a classifier that save and load it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from hsvlm._saved_model.model import read_model, write_model
from hsvlm.exceptions import FileError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    import torch

__all__ = ["SavingMixin"]


class SavingMixin:
    """Gives a classifier the methods `save` and `load`."""

    metadata_: dict[str, Any]

    def save(
        self, path: str | os.PathLike[str], *, metadata: Mapping[str, Any] | None = None
    ) -> Path:
        """Save the fitted classifier, without pickle.

        What is at `path` already stays as it is until the new model is complete. `callbacks`,
        encoders that are objects or classes of your own, and the figures of single batches in
        ``history_`` are not kept.

        Parameters
        ----------
        path : path
            A folder, or an archive where it ends in ``.zip``. A saved model there is replaced.
        metadata : dict, default=None
            Numbers, strings, lists, dicts and arrays to keep with it, such as wavelengths in nm;
            ``metadata_`` after loading. None keeps the ``metadata_`` of a loaded classifier.

        Returns
        -------
        Path
            `path`.

        Raises
        ------
        FileError
            If `path` cannot be written, or is something else than a saved model.
        ParameterError
            If a parameter or a value of the metadata is of a type that cannot be kept.
        NotFittedError
            If the classifier is not fitted.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from hsvlm import HSIPromptClassifier
        >>> rng = np.random.default_rng(0)
        >>> X, y = rng.normal(size=(20, 4)), np.repeat(["corn", "oats"], 10)
        >>> clf = HSIPromptClassifier(text_encoder=np.eye(2), max_epochs=1).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = clf.save(f"{folder}/crops.zip", metadata={"sensor": "AVIRIS"})
        ...     loaded = HSIPromptClassifier.load(path)
        >>> loaded.metadata_, bool((loaded.predict(X) == clf.predict(X)).all())
        ({'sensor': 'AVIRIS'}, True)
        """
        return write_model(path, self, metadata)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        device: str | torch.device = "auto",
        *,
        vision_encoder: type[torch.nn.Module] | None = None,
        text_encoder: Any = None,
    ) -> Self:
        """Load a classifier that `save` wrote.

        Nothing in the files is run as code, and every part has to have its digest.

        Parameters
        ----------
        path : path
            The folder or archive.
        device : str or torch.device, default="auto"
            Where to compute; becomes the parameter `device`.
        vision_encoder : subclass of torch.nn.Module, default=None
            The class, for a model that was trained with one of your own.
        text_encoder : str, path or object, default=None
            Encodes new texts from now on, in place of what the model was trained with.

        Returns
        -------
        HSIPromptClassifier
            Fitted; on the same machine, its predictions are those of the saved one, to the bit.

        Raises
        ------
        MissingFileError, FileError
            If there is no saved model, or it is incomplete, damaged, of another format or a
            pipeline.
        ParameterError, UnknownNameError
            If the device or an encoder cannot be used here.

        Warns
        -----
        HSVLMWarning
            If saving was interrupted and the previous model is taken instead.
        """
        clf, pipeline = read_model(
            path, cls, device=device, vision_encoder=vision_encoder, text_encoder=text_encoder
        )
        if pipeline is not None:
            raise FileError(f"{path} holds a pipeline. Load it with hsvlm.persistence.load.")
        return clf  # type: ignore[no-any-return]
