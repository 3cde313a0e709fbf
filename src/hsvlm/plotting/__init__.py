"""Figures of scenes, maps, prompts and training, as Display objects in scikit-learn's form."""

from __future__ import annotations

from hsvlm.plotting._base import class_palette
from hsvlm.plotting._maps import ClassificationMapDisplay
from hsvlm.plotting._prompts import PromptSimilarityDisplay
from hsvlm.plotting._scene import SceneDisplay
from hsvlm.plotting._training import TrainingCurveDisplay

__all__ = [
    "ClassificationMapDisplay",
    "PromptSimilarityDisplay",
    "SceneDisplay",
    "TrainingCurveDisplay",
    "class_palette",
]
