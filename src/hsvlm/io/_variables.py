"""Variables of files that hold several arrays: which is meant, and what it says."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hsvlm._data.arrays import is_whole_number
from hsvlm._system.files import file_error
from hsvlm.exceptions import HSVLMError, ParameterError
from hsvlm.io._declared import is_marked
from hsvlm.io._notes import listed
from hsvlm.io._sizes import check_memory, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

_SHOWN = 12
HINT_COPY_AGAIN = "The file is damaged or of another kind: copy it again, or correct its suffix."


class Content(NamedTuple):
    """What is looked for among the arrays of a file, and how an array is named as it."""

    noun: str
    dimensions: tuple[int, ...]
    needed: str
    call: str
    option: str


CUBE = Content(
    "cube",
    (3,),
    "a cube has 3 dimensions (height, width, n_bands) and real numbers",
    "read_scene(path, ",
    "--variable ",
)
LABEL_MAP = Content(
    "label map",
    (2,),
    "a label map has 2 dimensions (height, width) and real numbers",
    "read_labels(path, scene, ",
    "--label-variable ",
)
RASTER = Content(
    "raster",
    (2, 3),
    "a raster has 2 dimensions (height, width) or 3 (height, width, n_channels) and real numbers",
    "read_raster(path, ",
    "--auxiliary-variable NAME=",
)


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

    def fits(self, *n_dims: int) -> bool:
        """Tell whether it holds numbers in so many dimensions."""
        return self.numeric and len(self.shape) in n_dims

    def is_table(self) -> bool:
        """Tell whether it holds numbers in more than one row and column."""
        return self.fits(2) and min(self.shape) > 1

    def may_be(self, content: Content) -> bool:
        """Tell whether it is taken if no variable is named; rows of numbers are not."""
        return self.fits(*content.dimensions) and (len(self.shape) != 2 or self.is_table())

    def unlike(self, content: Content, name: str) -> str:
        """Say why it is not what is looked for."""
        return f"{name} has shape {self.shape} and type {self.kind}, but {content.needed}"


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
    content: Content,
    variable: str | None,
    may_fold: bool = False,
) -> str:
    """Find the variable that is meant."""
    listing = _listed_variables(variables)
    if variable is not None:
        return _named_variable(path, variables, content, variable)
    fitting = [name for name, info in variables.items() if info.may_be(content)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        tables = [name for name, info in variables.items() if info.is_table()]
        fold, fold_option = "", ""
        if may_fold and content is CUBE and tables:
            fold = f"If {tables[0]} holds pixels and bands, pass shape=(height, width). "
            fold_option = f"If {tables[0]} holds pixels and bands, give --shape HEIGHTxWIDTH. "
        problem = f"holds no {content.noun}: {content.needed}"
        raise file_error(path, problem, fold + listing, fold_option + listing)
    problem = f"holds {len(fitting)} variables that could be the {content.noun}"
    hint = f"Name one of them, as in {content.call}variable={fitting[0]!r}). {listing}"
    option_hint = f"Name one of them, as in {content.option}{fitting[0]}. {listing}"
    raise file_error(path, problem, hint, option_hint)


def _named_variable(
    path: Any,
    variables: Mapping[str, VariableInfo],
    content: Content,
    variable: str,
) -> str:
    ending = [name for name in variables if is_path_end(name, variable)]
    names = [variable] if variable in variables else ending
    matching = [name for name in names if variables[name].fits(*content.dimensions)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        problem = f"has {len(matching)} variables {variable!r}: {', '.join(matching[:_SHOWN])}"
        raise file_error(path, problem, "Give the path of one of them.")
    if names:
        problem = variables[names[0]].unlike(content, f"variable {names[0]!r}")
        raise file_error(path, problem, _listed_variables(variables))
    raise file_error(path, f"has no variable {variable!r}", _listed_variables(variables))


def is_path_end(path: str, end: str) -> bool:
    """Tell whether the path of a variable is `end`, or ends in it after some groups."""
    return f"/{path}".endswith(f"/{end.strip('/')}")


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
        is_missing = is_marked(values, value)
        if value != unlabeled and is_missing.any():
            if not np.can_cast(np.min_scalar_type(unlabeled), labels.dtype):
                labels = labels.astype(np.int64)
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
