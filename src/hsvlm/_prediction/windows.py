"""Compute embeddings and class scores window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from hsvlm._data.wavelengths import refuse_shift
from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.windows import input_source
from hsvlm._system.parallel import is_divisible
from hsvlm._training_record import warn_if_unlike
from hsvlm.exceptions import TrainingDivergedError
from hsvlm.samples import PixelSamples

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from hsvlm._inputs.kinds import PredictInputs
    from hsvlm._prediction.model import FittedModel

__all__ = ["BLOCK_SIZE", "embeddings", "window_scores"]

# Samples are predicted in blocks of this many, so that memory does not grow with the scene.
# Rounding depends on the block size; every caller must use this one.
BLOCK_SIZE = 2**14


def embeddings(model: FittedModel, inputs: PredictInputs) -> NDArray[np.float32]:
    """Return unit embeddings, (n_samples, n_embedding) or (height, width, n_embedding)."""
    values = inputs.placed(_outputs(model, inputs.samples, model.net.module_.embed))
    warn_if_unlike(model.training, model.preprocessing, inputs.samples, is_cube=inputs.is_cube)
    return values


def window_scores(model: FittedModel, samples: PixelSamples | NDArray[Any]) -> NDArray[np.float32]:
    """Return scaled similarities with the prototypes, or outputs of the head: one per class."""
    module = model.net.module_
    if model.prototypes is None or model.logit_scale is None:
        return _outputs(model, samples, module)
    device = next(module.parameters()).device
    prototypes = torch.tensor(model.prototypes.T.copy(), device=device) * model.logit_scale
    return _outputs(model, samples, lambda windows: module.embed(windows) @ prototypes)


def _outputs(
    model: FittedModel,
    samples: PixelSamples | NDArray[Any],
    function: Callable[[torch.Tensor], torch.Tensor],
) -> NDArray[np.float32]:
    device = next(model.net.module_.parameters()).device
    divisible = is_divisible(model.net.module_)
    order = np.arange(len(samples))
    if isinstance(samples, PixelSamples):
        _check_bands(model, samples.wavelengths_nm)
        # Neighbors share the pixels of their windows: in one block, these are read once.
        order = np.lexsort((*samples.coords.T[::-1], samples.scene_ids))
    how = model.preprocessing, model.window_size, model.padding, device
    parts = [
        in_batches(function, input_source(samples[index], *how), divisible=divisible)
        for index in np.split(order, range(BLOCK_SIZE, len(samples), BLOCK_SIZE))
    ]
    values: NDArray[np.float32] = np.empty((len(samples), parts[0].shape[1]), dtype=np.float32)
    values[order] = torch.cat(parts).cpu().numpy()
    _check_finite(values)
    return values


def _check_bands(model: FittedModel, wavelengths_nm: NDArray[np.float64] | None) -> None:
    """Refuse samples whose wavelengths are not those that the encoder was told."""
    refuse_shift(
        model.net.module__encoder_params.get("wavelengths_nm"),
        wavelengths_nm,
        "The samples have other bands than those that the classifier was fitted on",
        'Match them: hsvlm.io.match_bands(scene, clf.metadata_["wavelengths_nm"]).',
    )


def _check_finite(values: NDArray[np.float32]) -> None:
    # NaN would become "no class" in a map.
    broken = int((~np.isfinite(values).all(axis=1)).sum())
    if broken:
        raise TrainingDivergedError(
            f"The network gives {broken} of {len(values)} samples outputs that are not finite: the "
            "training has diverged, or these spectra are far from those of the training. Compare "
            "their units and ranges, or fit again with a lower lr."
        )
