"""How an optimizer trains the factors of an adapter, and what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hsvlm.contrastive.adapter_settings import AdapterSettings
    from hsvlm.contrastive.adapters import Factors

__all__ = ["Adaptation", "parameter_groups"]


@dataclass(frozen=True)
class Adaptation:
    """What was trained of a pre-trained network: factors, and the number of values."""

    factors: Factors
    n_trained: int


def parameter_groups(adapter: AdapterSettings | None, lr: float) -> dict[str, Any]:
    """Give the factors of an adapter a group of the optimizer of their own."""
    if adapter is None or not adapter.has_factors:
        return {}
    fast = {"lr": adapter.ratio * lr, "weight_decay": 0.0}
    groups = [(pattern, {"lr": lr, "weight_decay": 0.0}) for pattern in ("*.lora_*", "*.lokr_*")]
    if adapter.fast_factors is not None:
        groups.insert(0, (adapter.fast_factors, fast))
    return {"optimizer__param_groups": groups}
