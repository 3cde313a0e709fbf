"""Criteria by name: how far a sample is from its class prototype, as one loss per sample."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from hsvlm._system.registry import Registry
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["get_criterion", "list_criteria", "make_criterion", "register_criterion"]

_CRITERIA: Registry[nn.Module] = Registry(
    "criterion",
    {
        "all-negatives": "hsvlm.contrastive.losses.all_negatives:AllNegatives",
        "clip": "hsvlm.contrastive.losses.clip:Clip",
        "cross-entropy": "hsvlm.contrastive.losses.cross_entropy:CrossEntropy",
        "hard-semi-hard": "hsvlm.contrastive.losses.hard_semi_hard:HardSemiHard",
    },
)


def register_criterion(name: str, criterion: type[nn.Module] | str) -> None:
    """Make a criterion available by name.

    Parameters
    ----------
    name : str
        The name to pass as ``criterion``.
    criterion : subclass of torch.nn.Module, or str
        The class, or ``"module:Class"``, which is imported when it is used. It is constructed with
        ``criterion_params``, and with ``n_hard`` and ``n_semi_hard`` if it takes them. It maps the
        scaled similarities of shape (n_samples, n_classes), float32, and the class indices of
        shape (n_samples,), int64, to losses of shape (n_samples,), neither weighted nor reduced.
        If its ``forward`` has keyword parameters of these names, it is also given the unit
        ``embeddings`` of shape (n_samples, n_embedding), the unit ``prototypes`` of shape
        (n_classes, n_embedding), and the ``generator`` that all random draws have to come from.
        Three attributes describe it: ``uses_text = False`` if a linear head takes the place of the
        prompts, ``within_batch = True`` if the loss of a sample depends on the others, and
        ``needs_alignment = False`` if its parameters are such that it does without embeddings and
        prototypes, so that a batch can be divided among threads.

    Raises
    ------
    ParameterError
        If the name is already taken, or `criterion` is neither a class nor such a string.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses import make_criterion, register_criterion
    >>> class Margin(torch.nn.Module):
    ...     def __init__(self, margin=1.0):
    ...         super().__init__()
    ...         self.margin = margin
    ...     def forward(self, similarities, targets):
    ...         return torch.nn.functional.multi_margin_loss(
    ...             similarities, targets, margin=self.margin, reduction="none"
    ...         )
    >>> register_criterion("margin", Margin)
    >>> margin = make_criterion("margin", {"margin": 2.0})
    >>> margin(torch.tensor([[3.0, 2.0]]), torch.tensor([0]))
    tensor([0.5000])
    """
    _CRITERIA.register(name, criterion)


def list_criteria() -> list[str]:
    """Return the names of the registered criteria.

    Returns
    -------
    list of str
        Sorted names.

    Examples
    --------
    >>> from hsvlm.contrastive.losses import list_criteria
    >>> "hard-semi-hard" in list_criteria()
    True
    """
    return _CRITERIA.names()


def get_criterion(name: str) -> type[nn.Module]:
    """Return the class of a registered criterion.

    Parameters
    ----------
    name : str
        A registered name.

    Returns
    -------
    type
        The class of the criterion.

    Raises
    ------
    UnknownNameError
        If the name is not registered; the message lists those that are.
    ParameterError
        If it is registered as ``"module:Class"`` and cannot be imported.

    Examples
    --------
    >>> from hsvlm.contrastive.losses import get_criterion
    >>> get_criterion("clip").__name__
    'Clip'
    """
    return _CRITERIA.get(name)


def make_criterion(name: str, params: Mapping[str, Any] | None = None) -> nn.Module:
    """Make a registered criterion.

    Parameters
    ----------
    name : str
        A registered name.
    params : mapping of str to object, default=None
        Arguments of its constructor.

    Returns
    -------
    torch.nn.Module
        The criterion.

    Raises
    ------
    UnknownNameError
        If the name is not registered; the message lists those that are.
    ParameterError
        If the constructor does not take these arguments.

    Examples
    --------
    >>> import torch
    >>> from hsvlm.contrastive.losses import make_criterion
    >>> make_criterion("all-negatives")(torch.zeros(1, 4), torch.tensor([3]))
    tensor([1.3863])
    """
    criterion, params = get_criterion(name), dict(params or {})
    try:
        return criterion(**params)
    except TypeError as error:
        raise ParameterError(
            f"The criterion {name!r} cannot be made from {params}: {error}.",
            f"Its parameters: {', '.join(parameters_of(criterion)) or 'none'}.",
        ) from error


def parameters_of(criterion: type[nn.Module]) -> list[str]:
    """Return the names of the arguments that the constructor of a criterion takes."""
    parameters = inspect.signature(criterion).parameters.values()
    variable = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [one.name for one in parameters if one.kind not in variable]


def uses_text(criterion: str) -> bool:
    """Tell whether a criterion needs prompts."""
    return bool(getattr(get_criterion(criterion), "uses_text", True))
