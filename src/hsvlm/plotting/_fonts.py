"""Fonts for names in any script, chosen among those installed."""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hsvlm._system.optional import import_optional
from hsvlm.exceptions import HSVLMWarning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# A font of boxes, which has a glyph for everything.
_LAST_RESORT = "Last Resort"
_WITHOUT_GLYPH = ("Cc", "Cf", "Zs", "Zl", "Zp")
_REGULAR = (300, 500)  # weights
_MAX_LISTED_CHARACTERS = 10
_HINT = (
    'Install a font that has them, such as one of the Noto fonts ("apt-get install fonts-noto-core '
    'fonts-noto-cjk" on Debian and Ubuntu), or give names in another script.'
)


# Faces that have a character, as far as it was looked for.
_faces_by_sign: dict[str, tuple[_Face, ...]] = {}


class Fallback(NamedTuple):
    """Families to be tried after the usual one, and characters that no font has."""

    families: tuple[str, ...]
    missing: frozenset[str]


class _Face(NamedTuple):
    family: str
    path: str
    number: int


def plain(text: str) -> str:
    """Make a name one line without formulas: no line breaks, control characters or math."""
    line = "".join(" " if unicodedata.category(sign) == "Cc" else sign for sign in text)
    return line.replace("$", r"\$")


def complete_fonts(figure: Any) -> None:
    """Give each text of a figure the fonts that its characters need; warn if there are none."""
    text_class = import_optional("matplotlib.text", "plot").Text
    texts = [text for text in figure.findobj(text_class) if not text.get_text().isascii()]
    find_fallback("".join(text.get_text() for text in texts))
    missing: set[str] = set()
    for text in texts:
        content = text.get_text()
        fallback = find_fallback(content, text.get_fontfamily())
        if fallback.families:
            text.set_fontfamily([*text.get_fontfamily(), *fallback.families])
        if fallback.missing:
            text.set_text(replace_missing(content, fallback))
            missing |= fallback.missing
    if missing:
        _warn_of_missing(missing)


def find_fallback(text: str, families: Iterable[str] | None = None) -> Fallback:
    """Find fonts for what the given families, or the usual ones, do not have."""
    needed = set(filter(_is_drawn, text))
    if not needed:
        return Fallback((), frozenset())
    manager = import_optional("matplotlib.font_manager", "plot")
    for family in manager.FontProperties().get_family() if families is None else families:
        needed -= _covered(_usual_face(manager, family), needed)
    _look_for(needed)
    missing = frozenset(sign for sign in needed if not _faces_by_sign[sign])
    needed -= missing
    chosen: list[str] = []
    while needed:
        counts = Counter(face for sign in needed for face in _faces_by_sign[sign])
        best = min(counts, key=lambda face: (-counts[face], *_rank(face, text)))
        _register(best)
        chosen.append(best.family)
        needed = {sign for sign in needed if best not in _faces_by_sign[sign]}
    return Fallback(tuple(chosen), missing)


def replace_missing(text: str, fallback: Fallback) -> str:
    """Replace characters that no font has."""
    return "".join(_REPLACEMENT if sign in fallback.missing else sign for sign in text)


def _is_drawn(sign: str) -> bool:
    # Joiners, marks of direction and variation selectors have no glyph of their own.
    has_glyph = unicodedata.category(sign) not in _WITHOUT_GLYPH
    return has_glyph and not (sign.isascii() or "\ufe00" <= sign <= "\ufe0f")


def _usual_face(manager: Any, family: str) -> _Face | None:
    try:
        path = manager.findfont(manager.FontProperties(family=[family]), fallback_to_default=False)
    except ValueError:
        return None
    # Since matplotlib 3.11, a file may hold several fonts.
    return _Face(family, getattr(path, "path", path), getattr(path, "face_index", 0))


def _look_for(signs: Iterable[str]) -> None:
    """Find the fonts that have some characters, in one reading of all fonts."""
    unknown = {sign for sign in signs if sign not in _faces_by_sign}
    for faces in (_known_faces, _new_faces):
        if not unknown:
            return
        by_sign: dict[str, list[_Face]] = {sign: [] for sign in unknown}
        for face in faces():
            for sign in _covered(face, unknown):
                by_sign[sign].append(face)
        _faces_by_sign.update((sign, tuple(having)) for sign, having in by_sign.items() if having)
        unknown -= _faces_by_sign.keys()
    _faces_by_sign.update((sign, ()) for sign in unknown)


def _known_faces() -> Iterator[_Face]:
    """Yield the upright, regular fonts that matplotlib knows."""
    manager = import_optional("matplotlib.font_manager", "plot")
    for entry in list(manager.fontManager.ttflist):
        weight = entry.weight if isinstance(entry.weight, int) else 400
        is_regular = entry.style == "normal" and _REGULAR[0] <= weight <= _REGULAR[1]
        if is_regular and not entry.name.startswith(_LAST_RESORT):
            yield _Face(entry.name, entry.fname, getattr(entry, "index", 0))


def _new_faces() -> Iterator[_Face]:
    """Yield the fonts that were installed after matplotlib made its list."""
    manager = import_optional("matplotlib.font_manager", "plot")
    known = {entry.fname for entry in manager.fontManager.ttflist}
    for path in sorted(set(manager.findSystemFonts()) - known):
        font = _open(path, 0)
        if font is None or font.style_name not in ("Regular", "Book", "Roman", "Normal", "Medium"):
            continue
        yield _Face(font.family_name, path, 0)
        for index in range(1, getattr(font, "num_faces", 1)):
            face = _open(path, index)
            if face is not None:
                yield _Face(face.family_name, path, index)


def _open(path: str, index: int) -> Any:
    font_class = import_optional("matplotlib.ft2font", "plot").FT2Font
    try:
        return font_class(path, face_index=index) if index else font_class(path)
    except (OSError, RuntimeError, TypeError):
        return None


def _covered(face: _Face | None, signs: Iterable[str]) -> set[str]:
    font = face and _open(face.path, face.number)
    if font is None:
        return set()
    return {sign for sign in signs if font.get_char_index(ord(sign))}


def _rank(face: _Face, text: str) -> tuple[bool, bool, bool, str]:
    """Prefer proportional fonts without serifs, and the forms of Han characters of a language."""
    names = {unicodedata.name(sign, "").partition(" ")[0] for sign in text}
    region = "JP" if names & {"HIRAGANA", "KATAKANA"} else "KR" if "HANGUL" in names else "SC"
    words = face.family.split()
    return "Mono" in words, "Sans" not in words, "CJK" in words and region not in words, face.family


def _register(face: _Face) -> None:
    manager = import_optional("matplotlib.font_manager", "plot").fontManager
    if face.family not in {entry.name for entry in manager.ttflist} and Path(face.path).exists():
        manager.addfont(face.path)


def _warn_of_missing(missing: set[str]) -> None:
    listed = sorted(missing)
    more = len(listed) - _MAX_LISTED_CHARACTERS
    signs = " ".join(listed[:_MAX_LISTED_CHARACTERS]) + (f" and {more} more" if more > 0 else "")
    problem = (
        f"No installed font has these characters of names or titles: {signs}. They are drawn as "
        f"{_REPLACEMENT}."
    )
    warnings.warn(HSVLMWarning(problem, _HINT), stacklevel=5)
