"""A fitted classifier, as everything behind the estimator is given it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from sklearn.pipeline import Pipeline

    from hsvlm._data.cubes import Padding
    from hsvlm._training_record import Readout, TrainingRecord

__all__ = ["FittedModel"]


@dataclass(frozen=True, eq=False)
class FittedModel:
    """What a fit found; the fitted attributes of the classifier, without their underscore."""

    classes: NDArray[Any]
    class_names: dict[Any, str]
    text_classes: bool
    n_features_in: int
    prompts: dict[Any, tuple[str, ...]]
    preprocessing: Pipeline
    net: Any
    window_size: int
    padding: Padding
    # None with criterion="cross-entropy", which has no text side.
    text_encoder: Any = None
    text_encoder_identity: str | None = None
    text_embeddings: NDArray[np.float32] | None = None
    prototypes: NDArray[np.float32] | None = None
    logit_scale: float | None = None
    readout: Readout | None = None
    training: TrainingRecord | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Self:
        """Collect the fitted attributes of a classifier."""
        names = [each.name for each in fields(cls)]
        return cls(**{name: attributes[f"{name}_"] for name in names if f"{name}_" in attributes})

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of a classifier, without those that a fit lacks."""
        optional = {each.name for each in fields(self) if each.default is None}
        always = {"readout", "training"}
        return {
            f"{name}_": value
            for name, value in vars(self).items()
            if value is not None or name in always or name not in optional
        }
