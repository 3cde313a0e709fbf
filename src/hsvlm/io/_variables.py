"""Variables of files that hold several arrays: which is meant, and what it says."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.arrays import is_whole_number
from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMError, ParameterError
from hsvlm.io._notes import listed
from hsvlm.io._sizes import check_memory, too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_WHAT = {3: "cube", 2: "label map"}
_NEEDED = {
    3: "a cube has 3 dimensions (height, width, n_bands) and real numbers",
    2: "a label map has 2 dimensions (height, width) and real numbers",
}
_SHOWN = 12
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."

_WAVELENGTHS = re.compile(
    r"(?!good)(\w+_)?(wavelengths?(_nm)?|wl|wvl|lambda|band_cent(er|re)s?)|list_cw_\w+"
)
_ROLES = {
    "band": re.compile(r".*(band|wavelength|channel|spectral).*|wl|wvl|lambda"),
    "x": re.compile(
        r"xc?|lon(gitude)?|col(umn)?s?|samples?|easting|width|.*pixels?|(a?cross|across)_?track"
    ),
    "y": re.compile(
        r"yc?|lat(itude)?|rows?|lines?|northing|height|.*scans?|.*_lines|(down|along)_?track"
    ),
}


class VariableInfo(NamedTuple):
    """What a file tells about one of its variables before it is read."""

    shape: tuple[int, ...]
    kind: str
    numeric: bool

    @classmethod
    def of(cls, shape: Sequence[int], dtype: np.dtype[Any]) -> VariableInfo:
        """Describe an array."""
        return cls(tuple(map(int, shape)), str(dtype), dtype.kind in "biuf")

    def __str__(self) -> str:
        return f"{self.shape} {self.kind}"

    def fits(self, n_dims: int) -> bool:
        """Tell whether it holds numbers in so many dimensions."""
        return self.numeric and len(self.shape) == n_dims

    def is_table(self) -> bool:
        """Tell whether it holds numbers in more than one row and column."""
        return self.fits(2) and min(self.shape) > 1

    def unlike(self, n_dims: int, name: str) -> str:
        """Say why it is not a cube (3 dimensions) or a label map (2)."""
        return f"{name} has shape {self.shape} and type {self.kind}, but {_NEEDED[n_dims]}"


@contextmanager
def reading(path: Any, kind: str) -> Iterator[None]:
    """Turn whatever a damaged file leads its reader to into a FileError."""
    try:
        yield
    except HSVLMError:
        raise
    except MemoryError as error:
        raise too_large(path, str(error) or "no reason given") from error
    except Exception as error:
        first = (str(error).strip() or "no reason given").splitlines()[0].rstrip(".")
        problem = f"cannot be read as {kind} ({type(error).__name__}: {first})"
        raise file_error(path, problem, HINT_COPY_AGAIN) from error


def choose_variable(
    path: Any,
    variables: Mapping[str, VariableInfo],
    n_dims: int,
    variable: str | None,
    may_fold: bool = False,
) -> str:
    """Find the variable that is meant."""
    what, listing = _WHAT[n_dims], _listed_variables(variables)
    fitting = [name for name, info in variables.items() if info.fits(n_dims)]
    if variable is not None:
        return _named_variable(path, variables, fitting, n_dims, variable)
    if n_dims == 2:
        fitting = [name for name in fitting if variables[name].is_table()]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        tables = [name for name, info in variables.items() if info.is_table()]
        fold, fold_option = "", ""
        if may_fold and n_dims == 3 and tables:
            fold = f"If {tables[0]} holds pixels and bands, pass shape=(height, width). "
            fold_option = f"If {tables[0]} holds pixels and bands, give --shape HEIGHTxWIDTH. "
        problem = f"holds no {what}: {_NEEDED[n_dims]}"
        raise file_error(path, problem, fold + listing, fold_option + listing)
    call = {3: "read_scene(path, ", 2: "read_labels(path, scene, "}[n_dims]
    option = {3: "--variable", 2: "--label-variable"}[n_dims]
    problem = f"holds {len(fitting)} variables that could be the {what}"
    hint = f"Name one of them, as in {call}variable={fitting[0]!r}). {listing}"
    option_hint = f"Name one of them, as in {option} {fitting[0]}. {listing}"
    raise file_error(path, problem, hint, option_hint)


def _named_variable(
    path: Any,
    variables: Mapping[str, VariableInfo],
    fitting: Sequence[str],
    n_dims: int,
    variable: str,
) -> str:
    ending = [name for name in variables if is_path_end(name, variable)]
    names = [variable] if variable in variables else ending
    matching = [name for name in names if name in fitting]
    if len(matching) == 1:
        return matching[0]
    if matching:
        problem = f"has {len(matching)} variables {variable!r}: {', '.join(matching[:_SHOWN])}"
        raise file_error(path, problem, "Give the path of one of them.")
    if names:
        problem = variables[names[0]].unlike(n_dims, f"variable {names[0]!r}")
        raise file_error(path, problem, _listed_variables(variables))
    raise file_error(path, f"has no variable {variable!r}", _listed_variables(variables))


def is_path_end(path: str, end: str) -> bool:
    """Tell whether the path of a variable is `end`, or ends in it after some groups."""
    return f"/{path}".endswith(f"/{end.strip('/')}")


def axis_order(names: Iterable[str]) -> tuple[int, int, int]:
    """Find which axes are height, width and bands."""
    known: dict[str, int] = {}
    unknown = []
    for axis, name in enumerate(names):
        matches = (role for role, names in _ROLES.items() if names.fullmatch(name.lower()))
        role = next(matches, None)
        if role is None or role in known:
            unknown.append(axis)
        else:
            known[role] = axis
    left = iter(unknown)
    y, x, band = (known[role] if role in known else next(left) for role in ("y", "x", "band"))
    return y, x, band


def holds_wavelengths(name: str) -> bool:
    """Tell whether a variable is called like a list of wavelengths."""
    return _WAVELENGTHS.fullmatch(name.rpartition("/")[2].lower()) is not None


def in_c_order(array: NDArray[Any]) -> NDArray[Any]:
    """Give values in the byte order of this machine, with spectra contiguous for windows."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def whole_labels(
    path: Any, values: NDArray[Any], missing: Any = (), unlabeled: int = 0
) -> NDArray[Any]:
    """Bring labels to integers.

    Shapes: `values` (height, width); returns (height, width).
    """
    copies = 3 if values.dtype.kind in "iu" else 3 * 8 / values.dtype.itemsize
    check_memory(path, values.shape, values.dtype, copies=copies)
    labels = np.array(values, dtype=values.dtype.newbyteorder("="), order="C")
    for value in np.ravel(() if missing is None else missing).tolist():
        is_missing = labels == value
        if value != unlabeled and is_missing.any():
            labels[is_missing] = unlabeled
    if labels.dtype.kind in "iu":
        return labels
    if labels.dtype.kind == "f":
        labels = labels.astype(np.float64)
        labels[np.isnan(labels)] = unlabeled
        # Beyond 2**53, floats no longer tell whole numbers apart.
        broken = labels[(labels != np.rint(labels)) | (np.abs(labels) > 2**53)]
        if broken.size:
            problem = f"the label map must hold whole numbers, but holds {broken[0]}"
            raise file_error(path, problem, "Give the map of classes, not of measurements.")
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    for dtype in (np.uint8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return labels.astype(dtype)
    return labels.astype(np.int64)


def _listed_variables(variables: Mapping[str, VariableInfo]) -> str:
    if not variables:
        return "It holds no variables at all."
    return f"It holds: {listed([f'{name} {info}' for name, info in variables.items()], _SHOWN)}."


def check_size(shape: Any) -> tuple[int, int] | None:
    """Refuse a `shape` that is not height and width."""
    if shape is None:
        return None
    values = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else ()
    if len(values) != 2 or not all(map(is_whole_number, values)) or min(values) < 1:
        raise ParameterError(
            f"shape={shape!r} must be height and width in pixels, two positive numbers.",
            "Pass, for example, shape=(100, 120).",
        )
    return int(values[0]), int(values[1])


def choose_table(
    path: Any, variables: Mapping[str, VariableInfo], size: tuple[int, int], variable: str | None
) -> str:
    """Find the array of two dimensions that has as many rows or columns as the scene pixels."""
    n_pixels = size[0] * size[1]
    fitting = [
        name for name, info in variables.items() if info.is_table() and n_pixels in info.shape
    ]
    listing = _listed_variables(variables)
    wanted = f"of {size[0]} x {size[1]} = {n_pixels:,} pixels"
    if variable in fitting:
        return str(variable)
    if variable is not None and variable not in variables:
        raise file_error(path, f"has no variable {variable!r}", listing)
    if variable is not None:
        problem = (
            f"variable {variable!r} has shape {variables[variable].shape}, but no axis {wanted}"
        )
        raise file_error(path, problem, "Check height and width.")
    if len(fitting) != 1:
        problem = f"holds {len(fitting)} tables {wanted}"
        hint = f"Name the cube: variable=... {listing}"
        raise file_error(path, problem, hint, f"Name the cube with --variable. {listing}")
    return fitting[0]


def fold(path: Any, table: NDArray[Any], size: tuple[int, int], by_columns: bool) -> NDArray[Any]:
    """Give a table of (bands, pixels) or (pixels, bands) the shape (height, width, n_bands)."""
    # Pixels follow each other down the columns of the scene, as MATLAB counts, or along its rows.
    height, width = size
    n_pixels = height * width
    if table.shape == (n_pixels, n_pixels):
        problem = f"has as many bands as pixels ({n_pixels:,}), so that they cannot be told apart"
        raise file_error(path, problem, "Save the cube with 3 dimensions: height, width, bands.")
    pixels_first = table if table.shape[0] == n_pixels else table.T
    if by_columns:
        cube = pixels_first.reshape(width, height, -1).transpose(1, 0, 2)
    else:
        cube = pixels_first.reshape(height, width, -1)
    return np.ascontiguousarray(cube)
