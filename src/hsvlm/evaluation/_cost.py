"""Parameters and multiply-adds of networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


@dataclass(frozen=True)
class NetworkCost:
    """Size of a network, and its work for one window.

    Attributes
    ----------
    n_parameters : int
        Trained numbers.
    n_multiply_adds : int
        Multiply-adds of the convolutions and matrix products for one window; half of what other
        tools call FLOPs. Element-wise work, such as activations and norms, is not counted.
    """

    n_parameters: int
    n_multiply_adds: int


def network_cost(network: Any, window_shape: Sequence[int] | None = None) -> NetworkCost:
    """Count the parameters of a network, and its multiply-adds for one window.

    They follow from the layers, not from the device or the kernels that compute them. Of a fitted
    classifier, both include the step from features to class scores; the prompts, which are encoded
    once, are left out of the multiply-adds.

    Parameters
    ----------
    network : fitted HSIPromptClassifier, pipeline that ends in one, or torch.nn.Module
        What to count. A module is called with a single window, in evaluation mode.
    window_shape : (size, size, n_channels), default=None
        Shape of the window in pixels and channels, for a module; a classifier knows its own.

    Returns
    -------
    NetworkCost
        The two numbers.

    Raises
    ------
    ParameterError
        If `network` is neither a fitted classifier nor a module with its `window_shape`.

    Examples
    --------
    >>> from hsvlm.evaluation import network_cost
    >>> from hsvlm.vision import get_vision_encoder
    >>> vit = get_vision_encoder("vit")(n_channels=25, window_size=15, patch_size=3)
    >>> network_cost(vit, (15, 15, 25)).n_parameters
    167616
    """
    from torch import nn

    if isinstance(network, nn.Module):
        if window_shape is None:
            raise ParameterError(
                "The cost of a module depends on its window. Pass window_shape=(size, size, "
                "n_channels)."
            )
        return NetworkCost(
            _trained_parameters(network), _multiply_adds(network, tuple(window_shape))
        )
    n_parameters, n_multiply_adds = counted_cost(network)
    if n_parameters is None or n_multiply_adds is None:
        raise ParameterError(
            f"{type(network).__name__} is not a fitted HSIPromptClassifier. Fit it first, or pass "
            "a torch.nn.Module and window_shape=(size, size, n_channels)."
        )
    return NetworkCost(n_parameters, n_multiply_adds)


def counted_cost(estimator: Any) -> tuple[int | None, int | None]:
    """Return parameters and multiply-adds of any fitted estimator; None where it has none."""
    last = last_step(estimator)
    model = getattr(getattr(last, "net_", last), "module_", None)
    if model is None:
        return None, None
    return _trained_parameters(model), _work_of_classifier(model, estimator)


def last_step(estimator: Any) -> Any:
    """Return what predicts: the last step of a pipeline, the best estimator of a search."""
    while True:
        if hasattr(estimator, "steps"):
            estimator = estimator.steps[-1][1]
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator


def _trained_parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)


def _work_of_classifier(model: Any, estimator: Any) -> int | None:
    """Count encoder, projection and comparison with the classes; None for other networks."""
    net = getattr(last_step(estimator), "net_", None)
    geometry = getattr(net, "module__encoder_params", None)
    if geometry is None:
        return None
    size, n_channels = geometry["window_size"], geometry["n_channels"]
    work = _multiply_adds(model.encoder, (size, size, n_channels))
    if model.head is not None:
        return work + int(model.head.weight.numel())
    projection = getattr(model.vision_projection, "weight", None)
    weights = [model.prototypes()] if projection is None else [model.prototypes(), projection]
    return work + sum(int(weight.numel()) for weight in weights)


def _multiply_adds(module: torch.nn.Module, window_shape: tuple[int, ...]) -> int:
    """Count by a pass without values, or if a layer needs them, by a pass with zeros."""
    import torch

    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        try:
            return _count(module, torch.zeros(1, *window_shape, device="meta"))
        except (RuntimeError, TypeError):
            device = next((weight.device for weight in module.parameters()), "cpu")
            return _count(module, torch.zeros(1, *window_shape, device=device))
    finally:
        for part, was_training in training.items():
            part.training = was_training


def _count(module: torch.nn.Module, windows: torch.Tensor) -> int:
    import torch
    from torch.func import functional_call
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    weights = {
        name: weight.detach().to(windows.device)
        for name, weight in [*module.named_parameters(), *module.named_buffers()]
    }
    counter = FlopCounterMode(display=False)
    # Fused kernels of attention hide their products, on a CPU from the counter as well.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        functional_call(module, weights, (windows,))
    return int(counter.get_total_flops()) // 2
