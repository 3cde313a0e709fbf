"""The number of attention heads of a transformer, which its weights do not tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from hsvlm._system.files import file_error, parsed_file
from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hsvlm.pretraining._files import WeightFile
    from hsvlm.pretraining._layouts import Layout

__all__ = ["choose_heads"]

_HEADS: Final = ("num_heads", "n_heads", "num_attention_heads")
_WIDTHS: Final = ("embedding_size", "embed_dim", "hidden_size", "width")
_HEAD_WIDTH: Final = 64
_MAX_TABLES: Final = 1000


def choose_heads(
    file: WeightFile, layout: Layout, width: int, n_heads: int | None
) -> tuple[int, str]:
    """Return the number of heads, and where it comes from."""
    if n_heads is not None:
        if n_heads < 1 or width % n_heads:
            raise ParameterError(
                f"n_heads={n_heads} does not divide the width {width} of the transformer in "
                f"{file.path}. Use the number of heads that it was trained with."
            )
        return n_heads, "the argument n_heads"
    for config in _config_files(file.path):
        if (stated := _heads_in(config, width)) is not None:
            return stated, f"the file {config.name}"
    if width in layout.heads:
        return layout.heads[width], f"what is known of {layout.name}"
    if width % _HEAD_WIDTH:
        raise file_error(
            file.path,
            f"the number of attention heads is not known, and the width {width} is not a multiple "
            f"of the usual {_HEAD_WIDTH} features per head",
            "Pass n_heads; a classifier takes it in vision_params.",
        )
    return width // _HEAD_WIDTH, f"the usual {_HEAD_WIDTH} features per head"


def _config_files(path: Path) -> Iterator[Path]:
    """Yield existing files that may describe the model of a file of weights."""
    stem = path.stem
    names = (f"{stem}.json", f"{stem}_config.json", f"{stem.removesuffix('_encoder')}_config.json")
    for name in dict.fromkeys([*names, "config.json"]):
        if (config := path.with_name(name)).is_file():
            yield config


def _heads_in(config: Path, width: int) -> int | None:
    """Return the number of heads that the description of a transformer of this width states."""
    hint = "Repair it, or move it away and pass n_heads."
    tables = [parsed_file(config, (".json",), hint)]
    for table in tables:
        if not isinstance(table, Mapping) or len(tables) > _MAX_TABLES:
            continue
        widths = [table[name] for name in _WIDTHS if name in table]
        heads: list[Any] = [table[name] for name in _HEADS if name in table]
        if heads and all(value == width for value in widths):
            if type(heads[0]) is int and heads[0] > 0 and width % heads[0] == 0:
                return heads[0]
            problem = f"{heads[0]!r} attention heads do not divide the width {width}"
            raise file_error(config, problem, hint)
        tables += [value for name, value in table.items() if "decoder" not in name]
    return None
