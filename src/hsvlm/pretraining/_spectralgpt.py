"""What files of SpectralGPT hold in addition to the layers of its transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hsvlm._storage.format import shorten
from hsvlm._system.files import file_error
from hsvlm.exceptions import ParameterError
from hsvlm.pretraining._body import to_float

if TYPE_CHECKING:
    from torch import Tensor

    from hsvlm.pretraining._body import Body
    from hsvlm.pretraining._files import WeightFile
    from hsvlm.pretraining._layouts import Layout

__all__ = ["CUBE_ENCODERS", "MODEL", "check_spectralgpt", "embedding_weights"]

MODEL: Final = "SpectralGPT"  # the name of the layout
# Those of the encoders that take all of it.
CUBE_ENCODERS: Final = ("spectralgpt", "sentinel-spectralgpt")
_CUBE: Final = (1, 3, 8, 8)
_JOINT: Final = "pos_embed"
_POSITIONS: Final = ("pos_embed_spatial", "pos_embed_temporal")
_HINT_BODY: Final = 'or vision_encoder="pretrained-vit", which has positions of its own'


def check_spectralgpt(file: WeightFile, layout: Layout, vision_encoder: str) -> None:
    """Refuse files of other models, and those that were written with untrained positions."""
    if layout.name != MODEL:
        raise ParameterError(
            f'vision_encoder="{vision_encoder}" cannot take {file.path}, a file of {layout.name}. '
            "Leave vision_encoder at None."
        )
    last_parts = {name.rpartition(".")[2] for name in file.tensors}
    if _JOINT in last_parts and not last_parts & set(_POSITIONS):
        problem = (
            f"it holds one joint table of positions, {_JOINT}, in place of {_POSITIONS[0]} and "
            f"{_POSITIONS[1]}. The classifier of the published code makes such files: it leaves "
            "that table at zero when it loads published weights, so the positions were lost"
        )
        raise file_error(file.path, problem, f"Use the published file, {_HINT_BODY}.")


def embedding_weights(file: WeightFile, body: Body) -> dict[str, Tensor]:
    """Return the weights of the embedding and the positions under the names of the encoder."""
    shapes: dict[str, tuple[int | None, ...]] = {
        "patch_embed.proj.weight": (body.width, *_CUBE),
        "patch_embed.proj.bias": (body.width,),
        **dict.fromkeys(_POSITIONS, (1, None, body.width)),
    }
    weights = {}
    for name, shape in shapes.items():
        if body.prefix + name not in file.tensors:
            problem = f"it lacks {shorten(body.prefix + name)!r}"
            raise file_error(file.path, problem, f"Use the published file, {_HINT_BODY}.")
        weights[name] = to_float(file, body.prefix + name)
        actual = tuple(weights[name].shape)
        if len(actual) != len(shape) or any(
            size not in (None, side) for side, size in zip(actual, shape, strict=True)
        ):
            expected = str(shape).replace("None", "n")
            problem = f"{name} has shape {actual}, not {expected}"
            raise file_error(file.path, problem, 'Use vision_encoder="pretrained-vit".')
    return weights
