"""From a fitted classifier and its inputs to embeddings and class scores, window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.kinds import predict_inputs
from hsvlm._inputs.scenes import cube_of_scene
from hsvlm._inputs.windows import input_source
from hsvlm._system.parallel import is_divisible
from hsvlm._training_record import warn_if_unlike
from hsvlm.exceptions import TrainingDivergedError
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["BLOCK_SIZE", "embeddings", "window_scores"]

# Samples are predicted in blocks of this many, so that memory does not grow with the scene. The
# last bits of a prediction depend on the block: whoever divides a scene divides it like this.
BLOCK_SIZE = 2**14


def embeddings(clf: Any, X: Any) -> NDArray[np.float32]:
    """Unit embeddings of inputs.

    Shape: (n_samples, n_embedding) or (height, width, n_embedding).
    """
    check_is_fitted(clf, "net_")
    X = cube_of_scene(clf, X)
    values = _outputs(clf, X, clf.net_.module_.embed)
    warn_if_unlike(clf, X)
    return values


def window_scores(clf: Any, X: Any) -> NDArray[np.float32]:
    """Scaled similarities with the prototypes, or outputs of the linear head.

    Shape: (n_samples, n_classes) or (height, width, n_classes).
    """
    check_is_fitted(clf, "net_")
    model = clf.net_.module_
    if model.head is not None:
        return _outputs(clf, X, model)
    device = next(model.parameters()).device
    prototypes = torch.tensor(clf.prototypes_.T.copy(), device=device) * clf.logit_scale_
    return _outputs(clf, X, lambda windows: model.embed(windows) @ prototypes)


def _outputs(
    clf: Any, X: Any, function: Callable[[torch.Tensor], torch.Tensor]
) -> NDArray[np.float32]:
    X, shape, valid = predict_inputs(clf, X)
    device = next(clf.net_.module_.parameters()).device
    divisible = is_divisible(clf.net_.module_)
    # Neighbours share the pixels of their windows: in one block, these are read once.
    order = (
        np.lexsort((*X.coords.T[::-1], X.scene_ids))
        if isinstance(X, PixelSamples)
        else np.arange(len(X))
    )
    parts = [
        in_batches(function, input_source(clf, X[index], device), divisible=divisible)
        for index in np.split(order, range(BLOCK_SIZE, len(X), BLOCK_SIZE))
    ]
    values: NDArray[np.float32] = np.empty((len(X), parts[0].shape[1]), dtype=np.float32)
    values[order] = torch.cat(parts).cpu().numpy()
    _check_finite(values)
    if valid is None:
        return values.reshape(*shape, -1)
    everywhere = np.full((*shape, values.shape[1]), np.nan, dtype=np.float32)
    everywhere[valid] = values
    return everywhere


def _check_finite(values: NDArray[np.float32]) -> None:
    # NaN would become "no class" in a map.
    broken = int((~np.isfinite(values).all(axis=1)).sum())
    if broken:
        raise TrainingDivergedError(
            f"The network gives {broken} of {len(values)} samples outputs that are not finite: the "
            "training has diverged, or these spectra are far from those of the training. Compare "
            "their units and ranges, or fit again with a lower lr."
        )
