"""Read and write files that describe classes: value, name, color and prompts."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hsvlm._data.arrays import is_whole_number
from hsvlm._system.files import atomic_write, existing_file, file_error, parsed_file
from hsvlm._system.optional import import_optional
from hsvlm._system.paths import expand_home
from hsvlm.exceptions import MissingFileError, PromptError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike
    from pathlib import Path

__all__ = ["PromptFile", "read_prompt_file", "write_prompt_file"]

_SUFFIXES = (".json", ".yaml", ".yml")
_MAX_LISTED_KEYS = 12
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80
_KEYS = ("value", "name", "color", "prompts")
_HINT_FORMAT = (
    'A file of classes holds "classes", a list with value, name, color and prompts of each class '
    '(only the value is required), and perhaps "template", a text with {} for the name.'
)


@dataclass(frozen=True)
class PromptFile:
    """Classes of a scene as described by a file.

    Attributes
    ----------
    prompts : dict, str or None
        ``{label: text or list of texts}``, or one template, or None, as `prompts` of the
        classifier.
    class_names : dict
        ``{label: name}``.
    class_colors : dict
        ``{label: color}`` as ``"#rrggbb"``.
    source : str
        Name of the file in messages.
    labels : tuple
        All labels of the file, including those with a value only.

    Examples
    --------
    >>> from hsvlm.prompts import PromptFile
    >>> PromptFile("a field of {}", {1: "oats"}, {}).class_names
    {1: 'oats'}
    """

    prompts: Mapping[Any, str | Sequence[str]] | str | None
    class_names: dict[Any, str]
    class_colors: dict[Any, str]
    source: str = "the prompts"
    labels: tuple[Any, ...] = ()


def read_prompt_file(path: str | PathLike[str]) -> PromptFile:
    """Read names, colors and prompts of classes from a YAML or JSON file.

    Parameters
    ----------
    path : path
        File with a list ``classes``. Each has a ``value``, the label, a number or text, and may
        have a ``name``, a ``color`` as ``"#rrggbb"`` and ``prompts``, one text or a list. Either
        every class has prompts, or none; a ``template`` next to the list serves the others.

    Returns
    -------
    PromptFile
        Prompts, names and colors by label.

    Raises
    ------
    MissingFileError
        If the file does not exist.
    FileError
        If the file differs from the description above; the message names the entry.
    MissingDependencyError
        If the file is YAML and PyYAML is not installed.

    Examples
    --------
    >>> from pathlib import Path
    >>> from hsvlm.prompts import read_prompt_file
    >>> path = Path("classes.json")
    >>> _ = path.write_text('{"classes": [{"value": 1, "name": "oats"}, {"value": 2}]}')
    >>> read_prompt_file(path).class_names
    {1: 'oats'}
    >>> path.unlink()
    """
    source = existing_file(path)
    content = parsed_file(source, _SUFFIXES, _HINT_FORMAT)
    if not isinstance(content, Mapping) or not isinstance(content.get("classes"), list):
        raise file_error(source, "there is no list called classes", _HINT_FORMAT)
    _check_keys(source, content, ("classes", "template"), "the file")
    template = content.get("template")
    if template is not None and not (isinstance(template, str) and "{}" in template):
        raise file_error(source, f"template is {_short_repr(template)}", _HINT_FORMAT)
    entries: dict[Any, dict[str, Any]] = {}
    for number, entry in enumerate(content["classes"], start=1):
        _check_entry(source, number, entry)
        value = entry["value"]
        if value in entries:
            raise file_error(
                source, f"the value {value!r} occurs twice", "Give each class its own."
            )
        entries[value] = entry
    names = {value: entry["name"] for value, entry in entries.items() if "name" in entry}
    colors = {value: entry["color"] for value, entry in entries.items() if "color" in entry}
    prompts = _read_prompts(source, entries, names, template)
    return PromptFile(prompts, names, colors, str(source), tuple(entries))


def write_prompt_file(
    path: str | PathLike[str],
    prompts: Mapping[Any, Any],
    class_names: Mapping[Any, str] | None = None,
    class_colors: Mapping[Any, str] | None = None,
) -> Path:
    """Write names, colors and prompts of classes, for :func:`read_prompt_file`.

    Parameters
    ----------
    path : path
        File, which is replaced; ``.yaml``, ``.yml`` or ``.json``.
    prompts : dict
        ``{label: text or sequence of texts}``, for example ``clf.prompts_``.
    class_names, class_colors : dict, default=None
        Names, and colors as ``"#rrggbb"``, by label.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    MissingFileError
        If the folder of the file does not exist.
    FileError
        If the suffix is unknown, or a label, name or color is not one that can be read.
    PromptError
        If `prompts` is not a dict.
    MissingDependencyError
        If the file is YAML and PyYAML is not installed.

    Examples
    --------
    >>> from hsvlm.prompts import read_prompt_file, write_prompt_file
    >>> path = write_prompt_file("classes.json", {1: "a field of oats", 2: "bare soil"})
    >>> read_prompt_file(path).prompts
    {1: ['a field of oats'], 2: ['bare soil']}
    >>> path.unlink()
    """
    target = expand_home(path)
    suffix = target.suffix.lower()
    if suffix not in _SUFFIXES:
        problem = f"the suffix {target.suffix!r} is unknown"
        raise file_error(target, problem, f"Such files end in {', '.join(_SUFFIXES)}.")
    if not target.parent.is_dir():
        raise MissingFileError(
            f"{target} cannot be written: there is no folder {target.parent}. Create it."
        )
    if not isinstance(prompts, Mapping):
        raise PromptError(
            f"prompts must be a dict {{label: text or texts}}, got {_short_repr(prompts)}. Those "
            "of a fitted classifier are in prompts_."
        )
    classes = []
    for number, (label, texts) in enumerate(prompts.items(), start=1):
        entry = {"value": _plain(label)}
        if class_names and label in class_names:
            entry["name"] = _plain(class_names[label])
        if class_colors and label in class_colors:
            entry["color"] = _plain(class_colors[label])
        _check_entry(target, number, entry)
        entry["prompts"] = list(map(_plain, [texts] if isinstance(texts, str) else texts))
        classes.append(entry)
    content = {"classes": classes}
    if suffix == ".json":
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    else:
        yaml = import_optional("yaml", "cli")
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=96)
    with atomic_write(target) as draft:
        draft.write_text(text, encoding="utf-8")
    return target


def _plain(value: Any) -> Any:
    """Return scalars of NumPy as those of Python, and whole floats, as labels are, as integers."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _short_repr(value: Any) -> str:
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python does not print numbers of thousands of digits
        return "a number of more digits than can be printed"


def _check_keys(path: Path, mapping: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [key for key in mapping if key not in known]
    if unknown:
        keys = ", ".join(map(_short_repr, unknown[:_MAX_LISTED_KEYS]))
        raise file_error(path, f"{where} has {keys}", _HINT_FORMAT)


def _check_entry(path: Path, number: int, entry: Any) -> None:
    where = f"class {number} of the list"
    if not isinstance(entry, Mapping) or "value" not in entry:
        raise file_error(path, f"{where} has no value", _HINT_FORMAT)
    _check_keys(path, entry, _KEYS, where)
    value = entry["value"]
    is_label = is_whole_number(value) and -(2**63) <= value < 2**63
    if not is_label and not (isinstance(value, str) and value.strip()):
        problem = f"the value of {where} is {_short_repr(value)}"
        raise file_error(path, problem, "Values are whole numbers of up to 64 bits, or texts.")
    name, color = entry.get("name", "-"), entry.get("color", "#000000")
    if not isinstance(name, str) or not name.strip():
        raise file_error(path, f"the name of {where} is {_short_repr(name)}", "Names are texts.")
    if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
        hint = 'Write colors as "#rrggbb", in quotes.'
        raise file_error(path, f"the color of {where} is {_short_repr(color)}", hint)


def _read_prompts(
    path: Path,
    entries: dict[Any, dict[str, Any]],
    names: dict[Any, str],
    template: str | None,
) -> dict[Any, list[str]] | str | None:
    if not any("prompts" in entry for entry in entries.values()):
        return template
    prompts: dict[Any, list[str]] = {}
    for value, entry in entries.items():
        stated = entry.get("prompts")
        if stated is None and template is not None:
            stated = template.replace("{}", names.get(value, str(value)))
        texts = [stated] if isinstance(stated, str) else stated
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            problem = f"the prompts of class {value!r} are {_short_repr(stated)}"
            raise file_error(path, problem, "Give one text or a list of texts, or a template.")
        prompts[value] = texts
    return prompts
