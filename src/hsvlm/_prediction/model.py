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
    from hsvlm._training_record import Readout, TrainedAdapter, TrainingRecord

__all__ = ["FittedModel", "is_fitted_attribute"]

# Not with criterion="cross-entropy".
_TEXT_SIDE = {
    "text_encoder",
    "text_encoder_identity",
    "text_embeddings",
    "prototypes",
    "logit_scale",
}


@dataclass(frozen=True, eq=False)
class FittedModel:
    """What a fit found; the fitted attributes of the classifier, without their underscore."""

    classes: NDArray[Any]
    class_names: dict[Any, str]
    text_classes: bool
    n_features_in: int
    n_features_out: int
    prompts: dict[Any, tuple[str, ...]]
    preprocessing: Pipeline
    net: Any
    window_size: int
    padding: Padding
    device: str  # of the training
    interrupted: bool
    feature_names_in: NDArray[Any] | None = None  # after a fit to a data frame
    # The text side, None with criterion="cross-entropy".
    text_encoder: Any = None
    text_encoder_identity: str | None = None
    text_embeddings: NDArray[np.float32] | None = None
    prototypes: NDArray[np.float32] | None = None
    logit_scale: float | None = None
    readout: Readout | None = None
    adapter: TrainedAdapter | None = None  # after a fit that started from pre-trained weights
    training: TrainingRecord | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Self:
        """Collect the fitted attributes of a classifier."""
        named = {each.name: _attribute(each.name) for each in fields(cls)}
        return cls(**{name: attributes[key] for name, key in named.items() if key in attributes})

    def attributes(self) -> dict[str, Any]:
        """Return the fitted attributes of a classifier, without those that this fit lacks."""
        missing = set() if self.metadata else {"metadata"}
        if self.feature_names_in is None:
            missing.add("feature_names_in")
        if self.text_embeddings is None:
            missing |= _TEXT_SIDE
        present = {name: value for name, value in vars(self).items() if name not in missing}
        attributes = {_attribute(name): value for name, value in present.items()}
        return {**attributes, "history_": self.net.history}


def is_fitted_attribute(name: str) -> bool:
    """Tell whether a fit sets an attribute."""
    return name == "_n_features_out" or (name.endswith("_") and not name.startswith("_"))


def _attribute(name: str) -> str:
    # The name that scikit-learn's mixin for feature names asks for.
    return "_n_features_out" if name == "n_features_out" else f"{name}_"
