"""What a fit changed of a pre-trained encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["TrainedAdapter"]


@dataclass(frozen=True, eq=False)
class TrainedAdapter:
    """The pre-trained encoder of a fit, and what the fit changed of it.

    Parameters
    ----------
    method : str
        One of the values of the parameter `adapter`.
    params : mapping of str to int or float
        Settings that the method reads.
    base : str
        SHA-256 of the pre-trained weights, in hexadecimal digits.
    base_names : tuple of str
        Names, in the encoder, of the weights that come from there.
    factors : mapping of str to ndarray, float32
        Trained factors by name; empty for ``"full"`` and ``"frozen"``.
    config : mapping of str to object
        Configuration of the factors, as peft has it; empty without factors.
    n_trained, n_weights : int
        Numbers of trained values and of all values of the network, without the factors.
    license : str or None, default=None
        Licence of the published files that the pre-trained weights come from, if they are known.
    """

    method: str
    params: Mapping[str, Any]
    base: str
    base_names: tuple[str, ...]
    factors: Mapping[str, NDArray[np.float32]]
    config: Mapping[str, Any]
    n_trained: int
    n_weights: int
    license: str | None = None
