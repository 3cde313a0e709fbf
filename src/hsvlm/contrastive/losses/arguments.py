"""Arguments that the constructor of a criterion is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsvlm.contrastive.losses import get_criterion, parameters_of
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["criterion_arguments", "unused_numbers"]

_NUMBERS = ("n_hard", "n_semi_hard")


def criterion_arguments(
    criterion: str, *, n_hard: int, n_semi_hard: int, params: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the arguments of a criterion: the numbers of negatives if it takes them, its own."""
    own = dict(params or {})
    repeated = sorted(set(own) & set(_NUMBERS))
    if repeated:
        raise ParameterError(
            f"criterion_params sets {' and '.join(repeated)}, which the classifier sets itself.",
            "Use its parameters of the same names.",
        )
    numbers = {"n_hard": n_hard, "n_semi_hard": n_semi_hard}
    for name in unused_numbers(criterion):
        del numbers[name]
    return numbers | own


def unused_numbers(criterion: str) -> list[str]:
    """Return which numbers of negatives a criterion does not take."""
    taken = parameters_of(get_criterion(criterion))
    return [name for name in _NUMBERS if name not in taken]
