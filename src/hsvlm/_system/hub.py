"""What the local cache of the Hugging Face hub holds, without asking the hub."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

HUB: Final = "hf://"
_FILES: Final = ("modules.json", "config.json")  # that models have


class HubFile(NamedTuple):
    """The place of a file on the hub."""

    repository: str
    file: str
    revision: str | None


def split_address(address: str) -> HubFile | None:
    """Split hf://owner/model[@revision]/file; None for other addresses."""
    owner, _, rest = address.removeprefix(HUB).partition("/")
    name, _, file = rest.partition("/")
    name, _, revision = name.partition("@")
    is_address = address.startswith(HUB) and owner and name and file
    return HubFile(f"{owner}/{name}", file, revision or None) if is_address else None


def local_revision(names: Sequence[str], files: Sequence[str] = _FILES, folder: str = "") -> str:
    """Return the revision of the first model that is in the local cache; empty if none is."""
    # Models of one name change on the hub, and what they gave before must not mix with the new.
    from huggingface_hub import try_to_load_from_cache

    for name in names:
        for file in files:
            with contextlib.suppress(ValueError, OSError):  # names that the hub does not have
                path = try_to_load_from_cache(name, file, cache_dir=folder or None)
                if isinstance(path, str):
                    return Path(path).parents[file.count("/")].name
    return ""
