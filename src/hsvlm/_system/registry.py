"""Classes by name, imported when they are used."""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from hsvlm.exceptions import ParameterError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Registry"]

T = TypeVar("T")
_TARGET = re.compile(r"[\w.]+:[\w.]+")


class Registry(Generic[T]):
    """Classes by name, given as classes or as ``"module:Class"``."""

    def __init__(
        self, kind: str, entries: Mapping[str, type[T] | str], *, parameter: str | None = None
    ) -> None:
        self._kind = kind
        # The parameter that takes a class as well as a name, if there is one.
        self._parameter = parameter
        self.entries = dict(entries)

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self.entries)

    def register(self, name: str, entry: type[T] | str) -> None:
        """Add a class under a new name."""
        if name in self.entries:
            otherwise = f", or pass the class itself as {self._parameter}"
            raise ParameterError(
                f"A {self._kind} named {name!r} is already registered.",
                f"Choose another name{otherwise if self._parameter else ''}.",
            )
        if not isinstance(entry, type) and not (
            isinstance(entry, str) and _TARGET.fullmatch(entry)
        ):
            raise ParameterError(
                f"The {self._kind} {name!r} is registered as {entry!r}.",
                'Pass a class, or where it is found: "module:Class".',
            )
        self.entries[name] = entry

    def get(self, name: str) -> type[T]:
        """Return the class of a name; import it if needed."""
        if name not in self.entries:
            hint = "A torch.nn.Module subclass works too." if self._parameter else ""
            raise UnknownNameError.for_name(self._kind, name, self.entries, hint)
        entry = self.entries[name]
        if isinstance(entry, type):
            return entry
        module, _, attribute = entry.partition(":")
        try:
            return cast("type[T]", getattr(importlib.import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            raise ParameterError(
                f"The {self._kind} {name!r} cannot be imported from {entry!r}: {error}.",
                "Register it with the module and the class that exist here.",
            ) from error

    def name_of(self, cls: type) -> str | None:
        """Return the name of a registered class, or None."""
        # What is not imported yet cannot be the class.
        where = f"{cls.__module__}:{cls.__qualname__}"
        return next((name for name in self.names() if self.entries[name] in (cls, where)), None)
