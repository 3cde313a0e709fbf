"""The published models whose files are recognized by the names and shapes of their tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hsvlm._system.files import file_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hsvlm.pretraining._files import WeightFile

__all__ = ["LAYOUTS", "Layout", "find_layout", "refuse_other_attention"]


@dataclass(frozen=True)
class Layout:
    """How files of a model are recognized, and what is known of the model beside its weights."""

    name: str
    pattern: str
    """Regular expression for a line "name shape" of a tensor that other layouts lack."""
    license: str
    """Of the published files."""
    source: str
    norm_eps: float = 1e-6
    heads: Mapping[int, int] = field(default_factory=dict)
    """Number of attention heads by width, where it differs from one per 64 features."""

    @property
    def forbids_commercial_use(self) -> bool:
        """Whether the licence excludes commercial use."""
        return "-NC" in self.license


# Huge models of this family have 16 heads of 80 features, all others 64 features per head.
_HUGE: Final = {1280: 16}
# 3-D patches of one channel are spectral; of several, they run along time.
_CUBES: Final = r"(^|\.)patch_embed\.proj\.weight \(\d+, %s, \d+, \d+, \d+\)$"

LAYOUTS: Final = (
    Layout(
        "SpectralGPT",
        _CUBES % "1",
        "GPL-3.0 for the code; for the weights, see their record",
        "zenodo.org/records/8412455",
        heads=_HUGE,
    ),
    Layout(
        "Galileo",
        r"(^|\.)space_time_embed\.",
        "MIT",
        "github.com/nasaharvest/galileo",
        norm_eps=1e-5,
        heads={128: 8},
    ),
    Layout(
        "Presto",
        r"(^|\.)eo_patch_embed\.",
        "MIT",
        "github.com/nasaharvest/presto",
        norm_eps=1e-5,
        heads={128: 8},
    ),
    Layout(
        "DOFA",
        r"(^|\.)patch_embed\.weight_generator\.",
        "CC-BY-4.0",
        "huggingface.co/earthflow/DOFA",
        heads=_HUGE,
    ),
    Layout(
        "Copernicus-FM",
        r"(^|\.)patch_embed_spectral\.",
        "CC-BY-4.0 (not verified)",
        "huggingface.co/torchgeo/copernicus-fm",
    ),
    Layout(
        "Prithvi",
        _CUBES % r"\d+",
        "Apache-2.0",
        "huggingface.co/ibm-nasa-geospatial",
        heads=_HUGE,
    ),
    Layout(
        "SatMAE",
        r"(^|\.)channel_cls_embed ",
        "CC-BY-NC-4.0 (not verified)",
        "github.com/sustainlab-group/SatMAE",
        heads=_HUGE,
    ),
    Layout(
        "SpectralEarth",
        r"(^|\.)vit_core\.",
        "unknown",
        "github.com/AABNassim/spectral_earth",
        heads=_HUGE,
    ),
    # All that has the layers of a plain vision transformer, so this comes last.
    Layout("ViT", r"(^|\.)blocks\.0\.norm1\.weight ", "unknown", "unknown", heads=_HUGE),
)

_OTHER_ATTENTION: Final = {
    r"\.sampling_offsets\.": "attention at sampled positions, as HyperSIGMA has it",
    r"\.rel_pos_|\.relative_position": "relative positions and windows, as HyperFree has them",
    r"\.[qk]_norm\.": "normalized queries and keys",
}


def find_layout(file: WeightFile) -> Layout:
    """Recognize the model that a file belongs to."""
    lines = [f"{name} {tuple(tensor.shape)}" for name, tensor in file.tensors.items()]
    for layout in LAYOUTS:
        if any(re.search(layout.pattern, line) for line in lines):
            return layout
    names = ", ".join(repr(name[:60]) for name in list(file.tensors)[:3])
    raise file_error(
        file.path,
        f"none of its {len(file.tensors)} tensors ({names}, ...) is a layer named "
        "'blocks.0.norm1.weight', as plain vision transformers have them",
        "See the guide on pre-training for the models whose files can be read.",
    )


def refuse_other_attention(file: WeightFile) -> None:
    """Raise if layers compute attention in a way that the plain transformer does not."""
    for name in file.tensors:
        for pattern, reason in _OTHER_ATTENTION.items():
            if re.search(pattern, name):
                raise file_error(
                    file.path,
                    f"it has {name[:60]!r}: {reason}. Put into a plain transformer, such weights "
                    "would compute something else",
                    "Choose a model with plain attention; the guide on pre-training lists some.",
                )
