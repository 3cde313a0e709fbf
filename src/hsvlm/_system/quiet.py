"""Libraries of language models without their console output."""

from __future__ import annotations

import importlib
import logging
import os
import random
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from hsvlm._system.progress import bar_class

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["quiet_libraries"]

# Set when the libraries are imported and run. Others are not restored: while a model runs,
# another thread may set variables of its own.
_VARIABLES: Final = (
    "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK",
    "TOKENIZERS_PARALLELISM",
    "TORCHINDUCTOR_CACHE_DIR",
)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the libraries, and restore the state that they change."""
    environment = {name: os.environ.get(name) for name in _VARIABLES}
    python_state = random.getstate()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # otherwise every later fork prints a warning
    sentence_log = logging.getLogger("sentence_transformers")
    sentence_level = sentence_log.level
    sentence_log.setLevel(logging.ERROR)
    bar_class()  # before these libraries import it with a warning
    transformers_log: Any = importlib.import_module("transformers.utils.logging")
    verbosity, bars = transformers_log.get_verbosity(), transformers_log.is_progress_bar_enabled()
    transformers_log.set_verbosity_error()
    transformers_log.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            transformers_log.enable_progress_bar()
        transformers_log.set_verbosity(verbosity)
        sentence_log.setLevel(sentence_level)
        random.setstate(python_state)
        for name, value in environment.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
