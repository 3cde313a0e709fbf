"""The training loss of a fitted classifier, with its weights moved along random directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_sample_weight
from torch.func import functional_call

from hsvlm._inputs.batches import in_batches
from hsvlm._inputs.kinds import predict_inputs
from hsvlm._inputs.windows import input_source
from hsvlm._training.net import WindowDataset
from hsvlm.contrastive.loss import criterion_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hsvlm.estimator import HSIPromptClassifier

    Direction = dict[str, torch.Tensor]


def loss_surface(
    clf: HSIPromptClassifier, X: Any, y: NDArray[Any], steps: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """Return mean losses (n_steps, n_steps): rows along the second direction, columns the first."""
    # The network is called with other weights; those of the classifier are not changed. The same
    # random numbers choose the semi-hard negatives at all points.
    model = clf.net_.module_
    device = next(model.parameters()).device
    data = _dataset(clf, X, y, device)
    generator = torch.Generator().manual_seed(seed)
    first, second = (filter_normalized_direction(model, generator) for _ in range(2))
    fixed = {}
    if model.head is None:
        # A classifier with other prompts shares the network but not the prototypes.
        fixed["text_embeddings"] = torch.from_numpy(clf.text_embeddings_).to(device)
    losses = np.empty((len(steps), len(steps)))
    for row, up in enumerate(steps.tolist()):
        for column, right in enumerate(steps.tolist()):
            moved = {
                name: model.get_parameter(name).detach() + (right * first[name] + up * second[name])
                for name in first
            }
            losses[row, column] = _mean_loss(clf.net_, data, {**fixed, **moved}, seed)
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


def _mean_loss(net: Any, data: WindowDataset, state: Direction, seed: int) -> float:
    model, settings = net.module_, net.criterion__settings
    logits = in_batches(lambda windows: functional_call(model, state, windows), data.source)
    count = len(logits)
    generator = torch.Generator(device=logits.device).manual_seed(seed)
    order = torch.arange(count, device=logits.device)
    size = count
    if settings.criterion == "clip":
        # Samples are each other's negatives, so the loss depends on the batches.
        order = torch.randperm(count, generator=generator, device=logits.device)
        size = settings.batch_size
    losses = [
        data.weights[index]
        * criterion_loss(
            settings.criterion,
            logits[index],
            data.targets[index],
            n_hard=settings.n_hard,
            n_semi_hard=settings.n_semi_hard,
            generator=generator,
        )
        for index in order.split(size)
    ]
    return float(torch.cat(losses).mean())
