"""The training loss of a fitted classifier, with its weights moved along random directions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_sample_weight

from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.kinds import predict_inputs
from hsvlm._inputs.windows import input_source
from hsvlm._training.net import Criterion, WindowDataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm._training.net import TrainingSettings
    from hsvlm.contrastive.model import AlignedModel
    from hsvlm.estimator import HSIPromptClassifier

    Direction = dict[str, torch.Tensor]


def loss_surface(
    clf: HSIPromptClassifier, X: Any, y: NDArray[Any], steps: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Return mean losses (n_steps, n_steps): rows along the second direction, columns the first."""
    # The same random numbers choose the semi-hard negatives at all points.
    model = clf.net_.module_
    device = next(model.parameters()).device
    data = _dataset(clf, X, y, device)
    generator = torch.Generator().manual_seed(seed)
    first, second = (filter_normalized_direction(model, generator) for _ in range(2))
    moved = copy.deepcopy(model)
    if model.head is None:
        # A classifier with other prompts shares the network but not the prototypes.
        moved.text_embeddings = torch.from_numpy(clf.text_embeddings_).to(device)
    losses = np.empty((len(steps), len(steps)))
    for row, up in enumerate(steps.tolist()):
        for column, right in enumerate(steps.tolist()):
            for name in first:
                step = right * first[name] + up * second[name]
                moved.get_parameter(name).data = model.get_parameter(name).detach() + step
            losses[row, column] = _mean_loss(clf.net_.criterion__settings, moved, data, seed)
    return losses


def filter_normalized_direction(model: torch.nn.Module, generator: torch.Generator) -> Direction:
    """Draw a random direction whose filters are as long as those of the model."""
    # A filter is a row of a matrix or the kernel of one channel. All other parameters stay: biases
    # and norms as in Li et al. (2018), and similar ones (class token, positions, logit scale).
    direction = {}
    for name, weights in model.named_parameters():
        if weights.ndim >= 2 and "weight" in name.rpartition(".")[2]:
            drawn = torch.randn(weights.shape, generator=generator).to(weights.device)
            filters, noise = weights.detach().flatten(1), drawn.flatten(1)
            scaled = noise * filters.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)
            direction[name] = scaled.view_as(weights)
    return direction


def _dataset(
    clf: HSIPromptClassifier, X: Any, y: NDArray[Any], device: torch.device
) -> WindowDataset:
    samples = predict_inputs(clf, X).samples
    targets = torch.from_numpy(np.searchsorted(clf.classes_, y).astype(np.int64))
    weights = compute_sample_weight(clf.class_weight, y)
    relative = torch.from_numpy((weights / weights.mean()).astype(np.float32))
    return WindowDataset(
        input_source(samples, clf.preprocessing_, clf.window_size_, clf.padding_, device),
        targets.to(device),
        relative.to(device),
    )


@torch.no_grad()
def _mean_loss(
    settings: TrainingSettings, model: AlignedModel, data: WindowDataset, seed: int
) -> float:
    count, device = len(data), data.targets.device
    generator = torch.Generator(device=device).manual_seed(seed)
    criterion = Criterion(settings, generator)
    sides = {}
    if criterion.needs_alignment:
        sides = {
            "embeddings": in_batches(model.embed, data.source),
            "prototypes": model.prototypes(),
        }
        outputs = model.similarities(**sides)
    else:
        outputs = in_batches(model, data.source)
    order = torch.arange(count, device=device)
    size = count
    if criterion.within_batch:
        order = torch.randperm(count, generator=generator, device=device)
        size = settings.batch_size
    losses = []
    for index in order.split(size):
        here = {**sides, "embeddings": sides["embeddings"][index]} if sides else {}
        losses.append(data.weights[index] * criterion(outputs[index], data.targets[index], **here))
    return float(torch.cat(losses).mean())
