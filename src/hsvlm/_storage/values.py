"""Turn Python values into JSON and tensors, and back, without loss of type."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from hsvlm.exceptions import ParameterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_GENERATOR: Final = "MT19937"  # of every RandomState that is made from a seed
_GENERATOR_WORDS: Final = 624
_DTYPE: Final = re.compile(r"[<>|][biuf][1248]|[<>]U\d{1,4}|\|O")
# Longer numeric arrays become tensors: text takes several times the space.
_MAX_LISTED_VALUES: Final = 1000
# Arrays of long strings would let a small file ask for any amount of memory.
_MAX_STRING_BYTES: Final = 2**28
_NOT_FINITE: Final = ("nan", "inf", "-inf")
_SCALARS: Final = {
    np.dtype(code).name: np.dtype(code).type
    for code in ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")
} | {"str": np.str_}


class Packer:
    """Turn values into JSON; long and multi-dimensional arrays become tensors."""

    # None, booleans, finite numbers, strings and lists stand for themselves. Anything else is an
    # object with one key, which names the kind: ``{"tuple": [...]}``.

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self._string_bytes = 0

    def pack(self, value: Any, place: str) -> Any:
        """Turn a value into JSON."""
        if isinstance(value, np.generic):
            return self._scalar(value, place)
        if isinstance(value, float) and not math.isfinite(value):
            return {"float": repr(float(value))}
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        if isinstance(value, Mapping):
            return self._mapping(value, place)
        if isinstance(value, (list, tuple)):
            items = [self.pack(item, f"{place}[{index}]") for index, item in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, torch.Tensor):
            return {"torch": self._keep(value.detach().cpu().clone().contiguous(), place)}
        if isinstance(value, os.PathLike) and isinstance(path := os.fspath(value), str):
            return {"path": path}
        if isinstance(value, np.random.RandomState):
            return {"random_state": self._random_state(value, place)}
        raise _unsupported(value, place)

    def store(self, array: NDArray[Any], place: str) -> Any:
        """Turn a numeric array of any shape into a tensor."""
        # The order in memory decides the last bit of a matrix product.
        order = "C" if array.flags.c_contiguous or not array.flags.f_contiguous else "F"
        native = array.astype(array.dtype.newbyteorder("="), order="K")
        rows = np.array(native if order == "C" else native.T, order="C")
        name = self._keep(torch.from_numpy(rows), place)
        return {"array": {"dtype": array.dtype.str, "order": order, "tensor": name}}

    def _keep(self, tensor: torch.Tensor, place: str) -> str:
        # Two NaN may be keys of one dict and have the same name.
        name = place if place not in self.tensors else f"{place} {len(self.tensors)}"
        self.tensors[name] = tensor
        return name

    def _scalar(self, value: Any, place: str) -> Any:
        name = "str" if isinstance(value, np.str_) else value.dtype.name
        if name not in _SCALARS:
            raise _unsupported(value, place)
        return {"numpy": [name, self.pack(value.item(), place)]}

    def _mapping(self, value: Mapping[Any, Any], place: str) -> Any:
        items = [
            (self.pack(key, f"a key of {place}"), self.pack(item, f"{place}[{key!r}]"))
            for key, item in value.items()
        ]
        if all(isinstance(key, str) for key, _ in items):
            return {"dict": dict(items)}
        return {"items": [list(item) for item in items]}

    def _array(self, array: NDArray[Any], place: str) -> Any:
        if isinstance(array, np.ma.MaskedArray) or not _DTYPE.fullmatch(array.dtype.str):
            raise _unsupported(array, place)
        if array.dtype.kind in "biuf" and (array.ndim > 1 or array.size > _MAX_LISTED_VALUES):
            return self.store(array, place)
        self._string_bytes += array.nbytes if array.dtype.kind == "U" else 0
        if self._string_bytes > _MAX_STRING_BYTES:
            raise ParameterError(
                f"{place}: the arrays of strings of a saved model take {_MAX_STRING_BYTES} bytes "
                f"at most, and with this one they take {self._string_bytes}. Pass lists of "
                "strings, or arrays of dtype object."
            )
        values = [self.pack(item, place) for item in array.ravel().tolist()]
        return {"array": {"dtype": array.dtype.str, "shape": list(array.shape), "values": values}}

    def _random_state(self, random_state: np.random.RandomState, place: str) -> Any:
        state: Any = random_state.get_state(legacy=False)
        if state["bit_generator"] != _GENERATOR:
            raise _unsupported(random_state, place)
        inner = state["state"]
        gauss = self.pack(float(state["gauss"]), place)
        keys = self.store(inner["key"], place)
        return [keys, int(inner["pos"]), int(state["has_gauss"]), gauss]


class Unpacker:
    """Turn the output of `Packer` into values."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._tensors = tensors
        self._used: set[str] = set()
        self._string_bytes = 0
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "array": self._array,
            "dict": lambda items: {key: self.unpack(item) for key, item in items.items()},
            "float": lambda name: float(_NOT_FINITE[_NOT_FINITE.index(name)]),
            "items": lambda items: {self.unpack(key): self.unpack(item) for key, item in items},
            "numpy": self._numpy,
            "path": Path,
            "random_state": self._random_state,
            "torch": self.take,
            "tuple": lambda items: tuple(map(self.unpack, items)),
        }

    def take(self, name: str) -> torch.Tensor:
        """Get a tensor by name."""
        if name in self._used:
            raise ValueError(f"the tensor {name} is referred to twice")
        self._used.add(name)
        return self._tensors[name]

    def take_all(self, prefix: str) -> dict[str, torch.Tensor]:
        """Get the tensors whose names start with `prefix`."""
        names = [name for name in self._tensors if name.startswith(prefix)]
        return {name.removeprefix(prefix): self.take(name) for name in names}

    def unpack(self, packed: Any) -> Any:
        """Turn JSON into the value it stands for."""
        if isinstance(packed, list):
            return [self.unpack(item) for item in packed]
        if not isinstance(packed, dict):
            return packed
        ((kind, content),) = packed.items()
        return self._kinds[kind](content)

    def close(self) -> None:
        """Raise if a tensor was not used."""
        if unused := sorted(set(self._tensors) - self._used):
            raise ValueError(f"unknown tensors {', '.join(unused)}")

    def _numpy(self, pair: Any) -> np.generic:
        name, value = pair
        scalar: Any = _SCALARS[name](self.unpack(value))
        if not isinstance(scalar, np.generic):
            raise TypeError(f"not a number: {type(scalar).__name__}")
        return scalar

    def _array(self, packed: Any) -> NDArray[Any]:
        if not _DTYPE.fullmatch(packed["dtype"]):
            raise ValueError(packed["dtype"])
        dtype: np.dtype[Any] = np.dtype(packed["dtype"])
        if "tensor" in packed:
            return self._stored(fields(packed, ("dtype", "order", "tensor")), dtype)
        written = fields(packed, ("dtype", "shape", "values"))
        values = self.unpack(written["values"])
        self._string_bytes += dtype.itemsize * len(values) if dtype.kind == "U" else 0
        if self._string_bytes > _MAX_STRING_BYTES:
            raise ValueError(f"arrays of strings of more than {_MAX_STRING_BYTES} bytes")
        # Treats lists within the list as items, not as a further dimension.
        result: NDArray[Any] = np.fromiter(values, dtype, count=len(values))
        return result.reshape(written["shape"])

    def _stored(self, stored: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
        native = self.take(stored["tensor"]).numpy()
        if native.dtype != dtype.newbyteorder("="):
            raise ValueError(f"a tensor of dtype {native.dtype} for an array of {dtype}")
        array = native.astype(dtype)
        return array if stored["order"] == "C" else array.T

    def _random_state(self, packed: Any) -> np.random.RandomState:
        packed_words, position, has_gauss, packed_gauss = packed
        words, gauss = np.asarray(self.unpack(packed_words)), float(self.unpack(packed_gauss))
        # NumPy accepts any position and would read beyond the end of the words; from zeros only, it
        # would draw endlessly.
        if not (
            words.dtype == np.uint32
            and words.shape == (_GENERATOR_WORDS,)
            and words[1:].any()
            and type(position) is int
            and 0 <= position <= _GENERATOR_WORDS
            and has_gauss in (0, 1)
        ):
            raise ValueError("an invalid random state")
        state = np.random.RandomState()
        state.set_state((_GENERATOR, words, position, has_gauss, gauss))
        return state


def fields(record: Any, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> Any:
    """Check the keys of a JSON object and return it."""
    if not isinstance(record, dict):
        names = ", ".join(required)
        raise ValueError(f"expected an object with {names}, got {type(record).__name__}")
    missing = sorted(set(required) - record.keys())
    unknown = sorted(record.keys() - {*required, *optional})
    if missing or unknown:
        problems = [
            f"{problem} {', '.join(map(repr, names))}"
            for problem, names in (("missing", missing), ("unknown", unknown))
            if names
        ]
        raise ValueError("; ".join(problems))
    return record


def _unsupported(value: object, place: str) -> ParameterError:
    kind = type(value).__name__
    if isinstance(value, (np.ndarray, np.generic)):
        kind = f"{kind} of dtype {value.dtype}"
    return ParameterError(
        f"{place} is of type {kind}, which a saved model does not hold. It holds None, booleans, "
        "real numbers, strings, lists, tuples, dicts, paths and arrays."
    )
