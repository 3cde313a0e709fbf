"""Fetch a file of weights from the Hugging Face hub, where its address names it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hsvlm._storage.format import shorten
from hsvlm._system.hub import HUB, split_address
from hsvlm.exceptions import DownloadError, ParameterError

__all__ = ["fetch_from_hub"]

_TIMEOUT_S: Final = 5.0


def fetch_from_hub(address: str) -> Path:
    """Return the path of a file in the local cache of the hub, after downloading it if needed."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    place = split_address(address)
    if place is None:
        raise ParameterError(
            f"{address!r} is not the address of a file on the hub. Write "
            f"{HUB}owner/model/file, or {HUB}owner/model@revision/file."
        )
    repository, file, chosen = place
    try:
        cached = hf_hub_download(repository, file, revision=chosen, local_files_only=True)
        return Path(cached)
    except Exception as error:  # not in the cache; the hub may have it
        problem: object = error
    if constants.HF_HUB_OFFLINE:
        problem = "the hub was not asked, because HF_HUB_OFFLINE is set"
    else:
        try:
            # Asked first with a short timeout, since the download itself retries for minutes.
            HfApi().model_info(repository, revision=chosen, timeout=_TIMEOUT_S)
            return Path(hf_hub_download(repository, file, revision=chosen))
        except Exception as error:  # of the network, the hub or the disk, which share no class
            problem = f"{type(error).__name__}: {error}"
    raise DownloadError(
        f"{address} is not in the local cache of the hub and could not be downloaded "
        f"({shorten(problem)}). Download the file on a machine with a network, and pass its path."
    )
