"""Files that name the classes of a scene: value, name, colour and prompts."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hsvlm._system.files import atomic_write, existing_file, file_error, parsed_file
from hsvlm._system.optional import import_optional

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["PromptFile", "read_prompt_file", "write_prompt_file"]

_SUFFIXES = (".json", ".yaml", ".yml")
_MOST = 12
_BRIEFLY = reprlib.Repr()
_BRIEFLY.maxstring = _BRIEFLY.maxother = 80
_KEYS = ("value", "name", "color", "prompts")
_REMEDY = (
    'A file of classes holds "classes", a list with value, name, color and prompts of each class '
    '(only the value is required), and perhaps "template", a text with {} for the name.'
)


@dataclass(frozen=True)
class PromptFile:
    """What a file says about the classes of a scene.

    Attributes
    ----------
    prompts : dict, str or None
        ``{label: list of texts}``, or one template, or None; ready to be the classifier's
        `prompts`.
    class_names : dict
        ``{label: name}``.
    class_colors : dict
        ``{label: colour}`` as ``"#rrggbb"``.
    source : str
        What to call the file in messages.
    labels : tuple
        All labels that it describes, those with a value only included.

    Examples
    --------
    >>> from hsvlm.prompts import PromptFile
    >>> PromptFile("a field of {}", {1: "oats"}, {}).class_names
    {1: 'oats'}
    """

    prompts: dict[Any, list[str]] | str | None
    class_names: dict[Any, str]
    class_colors: dict[Any, str]
    source: str = "the prompts"
    labels: tuple[Any, ...] = ()


def read_prompt_file(path: str | PathLike[str]) -> PromptFile:
    """Read names, colours and prompts of classes from a YAML or JSON file.

    Parameters
    ----------
    path : path
        Of a file with a list ``classes``. Each has a ``value``, the label, a number or text, and
        may have a ``name``, a ``color`` as ``"#rrggbb"`` and ``prompts``, one text or a list.
        Either every class has prompts, or none; a ``template`` beside the list serves those
        without.

    Returns
    -------
    PromptFile
        Prompts, names and colours by label.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FileError
        If the file is not what is described above; the message names the entry.
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
    content = parsed_file(source, _SUFFIXES, _REMEDY)
    if not isinstance(content, Mapping) or not isinstance(content.get("classes"), list):
        raise file_error(source, "there is no list called classes", _REMEDY)
    _refuse_unknown(source, content, ("classes", "template"), "the file")
    template = content.get("template")
    if template is not None and not (isinstance(template, str) and "{}" in template):
        raise file_error(source, f"template is {_shown(template)}", _REMEDY)
    entries: dict[Any, dict[str, Any]] = {}
    for number, entry in enumerate(content["classes"], start=1):
        value = _checked(source, number, entry)["value"]
        if value in entries:
            raise file_error(
                source, f"the value {value!r} occurs twice", "Give each class its own."
            )
        entries[value] = entry
    names = {value: entry["name"] for value, entry in entries.items() if "name" in entry}
    colors = {value: entry["color"] for value, entry in entries.items() if "color" in entry}
    prompts = _prompts(source, entries, names, template)
    return PromptFile(prompts, names, colors, str(source), tuple(entries))


def write_prompt_file(
    path: str | PathLike[str],
    prompts: Mapping[Any, Any],
    class_names: Mapping[Any, str] | None = None,
    class_colors: Mapping[Any, str] | None = None,
) -> Path:
    """Write names, colours and prompts of classes, for :func:`read_prompt_file`.

    Parameters
    ----------
    path : path
        Of the file, which is replaced; ``.yaml``, ``.yml`` or ``.json``.
    prompts : dict
        ``{label: text or sequence of texts}``, for example ``clf.prompts_``.
    class_names, class_colors : dict, default=None
        Names, and colours as ``"#rrggbb"``, by label.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    FileError
        If the suffix is another.
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
    target = Path(path)
    classes = []
    for label, texts in prompts.items():
        entry: dict[str, Any] = {"value": label}
        if class_names and label in class_names:
            entry["name"] = class_names[label]
        if class_colors and label in class_colors:
            entry["color"] = class_colors[label]
        entry["prompts"] = [texts] if isinstance(texts, str) else list(texts)
        classes.append(entry)
    content = {"classes": classes}
    suffix = target.suffix.lower()
    if suffix not in _SUFFIXES:
        problem = f"the suffix {target.suffix!r} is unknown"
        raise file_error(target, problem, f"Such files end in {', '.join(_SUFFIXES)}.")
    if suffix == ".json":
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    else:
        yaml = import_optional("yaml", "cli")
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=96)
    with atomic_write(target) as draft:
        draft.write_text(text, encoding="utf-8")
    return target


def _shown(value: Any) -> str:
    """Phrase a value in a line; numbers of thousands of digits have no other phrase."""
    try:
        return _BRIEFLY.repr(value)
    except ValueError:
        return "a number of more digits than can be printed"


def _refuse_unknown(
    path: Path, mapping: Mapping[Any, Any], known: tuple[str, ...], where: str
) -> None:
    unknown = [key for key in mapping if key not in known]
    if unknown:
        raise file_error(path, f"{where} has {', '.join(map(_shown, unknown[:_MOST]))}", _REMEDY)


def _checked(path: Path, number: int, entry: Any) -> Mapping[str, Any]:
    where = f"class {number} of the list"
    if not isinstance(entry, Mapping) or "value" not in entry:
        raise file_error(path, f"{where} has no value", _REMEDY)
    _refuse_unknown(path, entry, _KEYS, where)
    value = entry["value"]
    # Label maps hold nothing beyond 64 bits.
    whole = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
    if not whole and not isinstance(value, str):
        problem = f"the value of {where} is {_shown(value)}"
        raise file_error(path, problem, "Values are whole numbers of up to 64 bits, or texts.")
    name, color = entry.get("name", "-"), entry.get("color", "#000000")
    if not isinstance(name, str) or not name.strip():
        raise file_error(path, f"the name of {where} is {_shown(name)}", "Names are texts.")
    if not isinstance(color, str) or not re.fullmatch("#[0-9a-fA-F]{6}", color):
        hint = 'Write colours as "#rrggbb", in quotes.'
        raise file_error(path, f"the color of {where} is {_shown(color)}", hint)
    return entry


def _prompts(
    path: Path,
    entries: dict[Any, dict[str, Any]],
    names: dict[Any, str],
    template: str | None,
) -> dict[Any, list[str]] | str | None:
    if not any("prompts" in entry for entry in entries.values()):
        return template
    texts: dict[Any, list[str]] = {}
    for value, entry in entries.items():
        given = entry.get("prompts")
        if given is None and template is not None:
            given = template.replace("{}", names.get(value, str(value)))
        found = [given] if isinstance(given, str) else given
        if not isinstance(found, list) or not found or not all(isinstance(t, str) for t in found):
            problem = f"the prompts of class {value!r} are {_shown(given)}"
            raise file_error(path, problem, "Give one text or a list of texts, or a template.")
        texts[value] = found
    return texts
