"""Figures of scenes, maps, spectra, prompts and training, as scikit-learn's Display objects."""

from __future__ import annotations

from hsvlm._data.palette import class_palette
from hsvlm.plotting._costs import AccuracyCostDisplay
from hsvlm.plotting._embeddings import EmbeddingDisplay
from hsvlm.plotting._landscape import LossLandscapeDisplay
from hsvlm.plotting._maps import ClassificationMapDisplay
from hsvlm.plotting._probabilities import ProbabilityMapDisplay
from hsvlm.plotting._prompts import PromptSimilarityDisplay
from hsvlm.plotting._scene import SceneDisplay
from hsvlm.plotting._sources import PromptMatrixDisplay
from hsvlm.plotting._spectra import SpectraDisplay
from hsvlm.plotting._training import TrainingCurveDisplay

__all__ = [
    "AccuracyCostDisplay",
    "ClassificationMapDisplay",
    "EmbeddingDisplay",
    "LossLandscapeDisplay",
    "ProbabilityMapDisplay",
    "PromptMatrixDisplay",
    "PromptSimilarityDisplay",
    "SceneDisplay",
    "SpectraDisplay",
    "TrainingCurveDisplay",
    "class_palette",
]
