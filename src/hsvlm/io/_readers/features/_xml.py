"""XML from strangers: no entities, no document types, no endless nesting."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET
from xml.parsers import expat

from hsvlm._system.files import file_error
from hsvlm.io._sizes import check_parsed
from hsvlm.io._variables import reading

if TYPE_CHECKING:
    from pathlib import Path

_DEEPEST = 64


def checked_xml(file: Path, data: bytes, root: str) -> bytes:
    """Refuse XML that declares a document type, nests endlessly or has another root."""
    check_parsed(file, len(data))
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:64]:
        raise file_error(file, "its text is UTF-16", "Save it as UTF-8.")
    parser = expat.ParserCreate()
    path: list[str] = []

    def start(name: str, _: object) -> None:
        if not path and local_name(name) != root:
            problem = f"its outermost element is {name[:40]!r} and not {root!r}"
            raise file_error(file, problem, "Give a file of the format that its suffix says.")
        path.append(name)
        if len(path) > _DEEPEST:
            problem = f"its elements are nested more than {_DEEPEST} deep"
            raise file_error(file, problem, "Save the features in another format.")

    def refuse_doctype(*_: object) -> None:
        problem = "it declares a document type (DTD), which is not read"
        raise file_error(file, problem, "Remove the DOCTYPE, or save it in another format.")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: path.pop()
    parser.StartDoctypeDeclHandler = refuse_doctype
    with reading(file, "XML"):
        parser.Parse(data, True)
    return data


def xml_tree(file: Path, data: bytes, root: str) -> ET.Element:
    """Parse XML after it has been checked."""
    return ET.fromstring(checked_xml(file, data, root))  # noqa: S314 (there is no document type)


def local_name(name: str) -> str:
    """Leave out the namespace of a name."""
    return name.rpartition("}")[2].rpartition(":")[2]


def root_name(start: bytes) -> str:
    """Give the name of the first element in the beginning of a file; empty if there is none."""
    names: list[str] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, _: names.append(local_name(name))
    with suppress(expat.ExpatError, ValueError):
        parser.Parse(start, False)
    return names[0] if names else ""
