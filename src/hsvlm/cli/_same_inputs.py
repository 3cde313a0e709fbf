"""What a comparison was measured on, kept in its folder and compared by the next run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import joblib

from hsvlm._data.texts import listed
from hsvlm._system.files import file_error, parsed_file
from hsvlm.cli._outputs import RECIPE_NAME, write_text
from hsvlm.exceptions import FileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hsvlm.evaluation import Protocol

__all__ = ["INPUTS_NAME", "check_same_inputs", "describe_inputs", "save_inputs"]

INPUTS_NAME = "inputs.json"
_FORMAT = 1
# These protocols have maps of their own; all others divide the labeled pixels of the scene.
_OWN_LABELS = ("map-695", "test-map")
_MAX_VALUE_CHARACTERS = 30
_MAX_LISTED_SETTINGS = 3


def describe_inputs(protocols: Sequence[Protocol], clf: Any) -> dict[str, Any]:
    """Digest scene and labels, and list the settings that all rows share."""
    return {
        "format": _FORMAT,
        "scene": joblib.hash(protocols[0].X.cubes),
        "labels": {
            protocol.name: joblib.hash((protocol.X.coords, protocol.X.scene_ids, protocol.y))
            for protocol in protocols
        },
        # As JSON reads them again, so that both sides compare.
        "settings": json.loads(json.dumps(clf.get_params(), default=str)),
    }


def check_same_inputs(folder: Path, inputs: dict[str, Any]) -> None:
    """Refuse a folder that holds a comparison of other inputs; change nothing."""
    path = folder / INPUTS_NAME
    if not path.is_file():
        return
    hint = f"Give another folder as --output, or delete {folder} to measure everything again."
    try:
        former = parsed_file(path, (".json",), hint)
        if former["format"] != _FORMAT:
            raise KeyError(former["format"])
        difference = _difference(former, inputs)
    except (AttributeError, KeyError, TypeError) as error:
        raise file_error(path, "this is not the record of a comparison", hint) from error
    if difference:
        problem = f"the results in this folder were measured {difference}"
        former_options = f"hsvlm compare --recipe {folder / RECIPE_NAME}"
        raise file_error(folder, problem, f"{hint[:-1]}. Its own options: {former_options}.")


def save_inputs(folder: Path, inputs: dict[str, Any]) -> None:
    """Keep the inputs, with the labels of protocols that earlier runs used."""
    path = folder / INPUTS_NAME
    try:
        labels = parsed_file(path, (".json",), "")["labels"]
    except (FileError, OSError):
        labels = {}
    record = {**inputs, "labels": {**labels, **inputs["labels"]}}
    write_text(path, json.dumps(record, indent=2) + "\n")


def _difference(former: dict[str, Any], inputs: dict[str, Any]) -> str:
    """Say in which way other inputs were used; empty if they are the same."""
    if former["scene"] != inputs["scene"]:
        return "on another scene, or with other bands, sources or values for no data"
    labels = former["labels"]
    of_scene = {digest for name, digest in labels.items() if name not in _OWN_LABELS}
    changed = [
        name
        for name, digest in inputs["labels"].items()
        if labels.get(name, digest) != digest
        or (name not in _OWN_LABELS and not of_scene <= {digest})
    ]
    if changed:
        return f"with other labels ({', '.join(changed)})"
    before, now = former["settings"], inputs["settings"]
    settings = [
        f"{name}={_short(before.get(name))}, now {_short(now.get(name))}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    return f"with other settings ({listed(settings, _MAX_LISTED_SETTINGS)})" if settings else ""


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _MAX_VALUE_CHARACTERS else f"{text[:_MAX_VALUE_CHARACTERS]}..."
