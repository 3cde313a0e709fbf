"""What a map remembers of the classifier that made it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from hsvlm.mapping._fingerprint import model_digest
from hsvlm.mapping._predictor import final_step

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class ModelSummary:
    """Kind of a classifier, a digest of what it predicts with, and the texts of each class."""

    kind: str
    digest: str | None
    prompts: Mapping[Any, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, clf: Any) -> Self:
        """Summarize a fitted classifier."""
        classifier = final_step(clf)
        prompts = getattr(classifier, "prompts_", {})
        return cls(type(classifier).__name__, model_digest(clf), dict(prompts))
