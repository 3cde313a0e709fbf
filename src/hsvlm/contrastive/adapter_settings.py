"""Settings of adapters, by method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isqrt
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ClassVar

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

__all__ = ["METHODS", "AdapterSettings", "balanced_factors"]

# What each method reads of its settings. LoRA: E. J. Hu et al., ICLR 2022; LoRA+: S. Hayou et al.,
# ICML 2024; KronA: A. Edalati et al., arXiv:2212.10650; LoKr: S.-Y. Yeh et al., ICLR 2024; KronA+:
# B. Ligan et al., arXiv:2505.15334.
METHODS: dict[str, tuple[str, ...]] = {
    "frozen": (),
    "full": (),
    "krona": ("scale",),
    "krona+": ("scale", "ratio"),
    "lokr": ("rank", "scale"),
    "lora": ("rank", "scale"),
    "lora+": ("rank", "scale", "ratio"),
}

_LIMIT = 1e6


@dataclass(frozen=True)
class AdapterSettings:
    """A method and its settings; those it does not read are ignored."""

    method: str
    rank: int = 4
    scale: float = 1.0
    ratio: float = 16.0  # 2 ** 4, as the authors of LoRA+ suggest

    NAMES: ClassVar[tuple[str, ...]] = ("rank", "scale", "ratio")

    @classmethod
    def of(cls, method: str, params: Mapping[str, Any] | None) -> AdapterSettings:
        """Check a method and its settings."""
        if method not in METHODS:
            raise UnknownNameError.for_name("adapter", method, METHODS)
        settings = dict(params or {})
        if unknown := sorted(set(settings) - set(cls.NAMES), key=str):
            raise ParameterError(
                f"adapter_params has {', '.join(map(repr, unknown))}, which no adapter reads. "
                f"The names are {', '.join(cls.NAMES)}."
            )
        for name, value in settings.items():
            kind = Integral if name == "rank" else Real
            is_number = isinstance(value, kind) and not isinstance(value, bool)
            if not is_number or not 0 < value < _LIMIT:
                number = "a whole number" if kind is Integral else "a number"
                raise ParameterError(
                    f"adapter_params sets {name}={value!r}. Use {number} above 0 and "
                    f"below {_LIMIT:g}."
                )
        # Files hold plain numbers.
        plain: dict[str, Any] = {
            name: (int if name == "rank" else float)(one) for name, one in settings.items()
        }
        return cls(method, **plain)

    @property
    def has_factors(self) -> bool:
        """Whether layers are changed by factors that can be kept apart."""
        return self.method not in {"frozen", "full"}

    @property
    def fast_factors(self) -> str | None:
        """Pattern of the factors that start at zero and learn `ratio` times as fast, if any."""
        return {"lora+": "*.lora_B.*", "krona+": "*.lokr_w2*"}.get(self.method)

    def config(self, layers: Mapping[str, nn.Linear]) -> Any:
        """Configure peft for linear layers of an encoder."""
        peft = import_optional("peft", "peft")
        names = sorted(layers)
        if self.method.startswith("lora"):
            return peft.LoraConfig(
                r=self.rank, lora_alpha=self.scale * self.rank, target_modules=names
            )
        widths = {n for layer in layers.values() for n in (layer.in_features, layer.out_features)}
        for width in widths:
            balanced_factors(width)
        # Of full rank, LoKr has two whole factors, as KronA; "lycoris" sets the second one to zero.
        rank = self.rank if self.method == "lokr" else max(widths)
        return peft.LoKrConfig(
            r=rank, alpha=self.scale * rank, init_weights="lycoris", target_modules=names
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that the method reads."""
        return {name: value for name, value in asdict(self).items() if name in METHODS[self.method]}


def balanced_factors(width: int) -> tuple[int, int]:
    """Return the two factors of a width that are closest to its root, the smaller one first."""
    small = max(factor for factor in range(1, isqrt(width) + 1) if width % factor == 0)
    if small == 1 < width:
        raise ParameterError(
            f"The encoder is {width} wide, which is a prime number, so that its layers have no "
            'Kronecker factors. Choose a width with divisors, or adapter="lora".'
        )
    return small, width // small
