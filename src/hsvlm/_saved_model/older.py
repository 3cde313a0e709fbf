"""Fill in the parameters that models saved by earlier versions lack."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["PARAMETERS_OF_OLDER_MODELS"]

# Only parameters whose present default would change what an older model predicts.
PARAMETERS_OF_OLDER_MODELS: Final[dict[str, Any]] = {"normalize": None, "spatial": None}
