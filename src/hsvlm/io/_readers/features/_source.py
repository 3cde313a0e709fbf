"""What the readers of features return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["FeatureQuery", "Features"]


@dataclass(frozen=True)
class FeatureQuery:
    """What the caller of a reader asks for."""

    column: str | None = None
    layer: str | None = None
    group_column: str | None = None
    all_touched: bool = False
    encoding: str | None = None

    def of_features(self, prefix: str = "") -> dict[str, Any]:
        """Give the arguments that only files of features understand, as far as they are set."""
        arguments = {
            f"{prefix}column": self.column,
            "group_column": self.group_column,
            "all_touched": self.all_touched,
        }
        return {name: value for name, value in arguments.items() if value}

    def of_maps(self, prefix: str = "") -> dict[str, Any]:
        """Give the arguments that files of label maps understand too, as far as they are set."""
        arguments = {f"{prefix}variable": self.layer, "encoding": self.encoding}
        return {name: value for name, value in arguments.items() if value}


@dataclass(frozen=True)
class Features:
    """Features as a file holds them."""

    table: Any
    shapes: Any
    in_pixels: bool = False
    default_column: str | None = None
    colors: dict[str, str] | None = None
    says_encoding: bool = True
    hint: str = "Give features of this scene, and check their CRS."
