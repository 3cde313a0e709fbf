"""What is compared: the paper's recipe, ours, and one change at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer

from hsvlm import HSIPromptClassifier
from hsvlm.prompts import DEFAULT_TEMPLATE, load_class_names, load_prompt_set

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGED = "all-MiniLM-L6-v2"
CLASS_NAMES = load_class_names("indian-pines")
# What the defaults were before windows became small and spectra normalized.
FORMER: dict[str, Any] = {
    "vision_encoder": "vit",
    "normalize": None,
    "n_components": 25,
    "window_size": 15,
    "patch_size": 3,
    "weight_decay": 0.0,
    "batch_size": 32,
    "lr": 1e-3,
}

SHORT_PROMPTS = {
    "Alfalfa": "a field of alfalfa",
    "Corn-notill": "corn planted without tillage",
    "Corn-mintill": "corn planted with little tillage",
    "Corn": "a field of corn",
    "Grass-pasture": "grass of a pasture",
    "Grass-trees": "grass with trees",
    "Grass-pasture-mowed": "a mowed pasture",
    "Hay-windrowed": "hay lying in windrows",
    "Oats": "a field of oats",
    "Soybean-notill": "soybeans planted without tillage",
    "Soybean-mintill": "soybeans planted with little tillage",
    "Soybean-clean": "soybeans on clean ground",
    "Wheat": "a field of wheat",
    "Woods": "a forest",
    "Buildings-Grass-Trees-Drives": "buildings with lawns and driveways",
    "Stone-Steel-Towers": "towers of stone and steel",
}


class CharacterNGrams:
    """Letters without language: hashed groups of three to five characters."""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Embed texts of any length in 384 numbers each."""
        vectorizer = HashingVectorizer(
            analyzer="char_wb", ngram_range=(3, 5), n_features=384, alternate_sign=True
        )
        return np.asarray(vectorizer.transform(texts).toarray(), dtype=np.float32)


def paper(window_size: int = 33, **changes: Any) -> HSIPromptClassifier:
    """The paper's recipe with the packaged text encoder."""
    settings = {"text_encoder": PACKAGED, "window_size": window_size, **changes}
    return HSIPromptClassifier.from_preset("paper-indian-pines", **settings)


def default(**changes: Any) -> HSIPromptClassifier:
    return HSIPromptClassifier(**{"prompts": "indian-pines", **changes})


def in_words(kind: str) -> dict[int, str]:
    """Prompts of one kind for the classes of Indian Pines."""
    if kind == "descriptive":
        return load_prompt_set("indian-pines")
    if kind == "short":
        return {label: SHORT_PROMPTS[name] for label, name in CLASS_NAMES.items()}
    template = {"label": "{}", "template": DEFAULT_TEMPLATE}[kind]
    return {label: template.format(name) for label, name in CLASS_NAMES.items()}


def three_texts() -> dict[int, list[str]]:
    """Several prompts for each class of Indian Pines."""
    kinds = [in_words(kind) for kind in ("descriptive", "short", "template")]
    return {label: [texts[label] for texts in kinds] for label in CLASS_NAMES}


def random_prototypes() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(len(CLASS_NAMES), 384)).astype(np.float32)


def one_hot_prototypes() -> NDArray[np.float32]:
    return np.eye(len(CLASS_NAMES), dtype=np.float32)
