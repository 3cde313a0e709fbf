import io
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from hsvlm.exceptions import HSVLMWarning
from hsvlm.plotting import ClassificationMapDisplay, PromptSimilarityDisplay, SpectraDisplay
from hsvlm.plotting import _fonts as fonts

NAMES = {
    "Han": "玉米",
    "kana": "とうもろこし畑",
    "Hangul": "옥수수 밭",
    "Arabic": "ذرة صفراء",
    "Hebrew": "תירס",
    "Devanagari": "मक्का",
    "Greek": "Καλαμπόκι",
    "Cyrillic": "Кукуруза",
    "Vietnamese": "Ngô é ü ß",
}
# Matplotlib brings DejaVu Sans, which has these.
ALWAYS = ("Greek", "Cyrillic", "Vietnamese")


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Look for fonts anew, and forget those that a test registers."""
    monkeypatch.setattr(fonts, "_faces_by_sign", {})
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))


@pytest.fixture
def only_dejavu(monkeypatch):
    """Pretend that no other font is installed."""
    usual = [entry for entry in font_manager.fontManager.ttflist if entry.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", usual)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)


def family_that_has(text):
    fallback = fonts.find_fallback(text)
    if fallback.missing:
        pytest.skip(f"no font for {text} is installed")
    return fallback.families


@pytest.mark.slow
@pytest.mark.parametrize("script", NAMES)
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_names_in_any_script_are_drawn_without_a_warning(script, suffix):
    family_that_has(NAMES[script])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display = ClassificationMapDisplay.from_labels([[1, 2]], {1: NAMES[script], 2: "corn"})
        display.figure_.savefig(io.BytesIO(), format=suffix)
    assert display.legend_.get_texts()[0].get_text() == NAMES[script]


@pytest.mark.parametrize("script", ALWAYS)
def test_no_other_font_is_used_without_need(script, only_dejavu):
    assert fonts.find_fallback(NAMES[script]) == ((), frozenset())


@pytest.mark.parametrize(
    ("text", "region"), [("玉米", "SC"), ("とうもろこし畑", "JP"), ("옥수수 玉米", "KR")]
)
def test_han_characters_have_the_form_of_their_language(text, region):
    families = family_that_has(text)
    known = {entry.name for entry in font_manager.fontManager.ttflist}
    if f"Noto Sans CJK {region}" not in known:
        pytest.skip("Noto Sans CJK is not installed, or matplotlib reads one font of a file only")
    assert families == (f"Noto Sans CJK {region}",)


def test_fonts_that_were_installed_since_are_seen(monkeypatch, tmp_path, only_dejavu):
    # A copy of a font of matplotlib stands for a new one, under a path that is not in the list.
    source = mpl.get_data_path() + "/fonts/ttf/STIXGeneral.ttf"
    new = tmp_path / "new.ttf"
    with open(source, "rb") as stream:
        new.write_bytes(stream.read())
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(new)])
    sign = "\N{MATHEMATICAL SCRIPT CAPITAL A}"
    assert fonts.find_fallback(sign) == (("STIXGeneral",), frozenset())
    assert "STIXGeneral" in {entry.name for entry in font_manager.fontManager.ttflist}


def test_a_damaged_font_is_passed_over(monkeypatch, tmp_path, only_dejavu):
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(tmp_path / "bad.ttf")])
    assert fonts.find_fallback("玉").missing == {"玉"}


@pytest.mark.slow
def test_missing_characters_are_named_once(only_dejavu):
    names = {1: "玉米 (corn)", 2: "小麦", 3: "oats"}
    with pytest.warns(HSVLMWarning) as caught:
        display = ClassificationMapDisplay.from_labels([[1, 2, 3]], names)
    display.figure_.savefig(io.BytesIO())
    assert [str(warning.message) for warning in caught] == [
        "No installed font has these characters of names or titles: 小 玉 米 麦. They are drawn as "
        "\N{REPLACEMENT CHARACTER}. Install a font that has them, such as one of the Noto fonts "
        '("apt-get install fonts-noto-core fonts-noto-cjk" on Debian and Ubuntu), or give names in '
        "another script."
    ]
    shown = [text.get_text() for text in display.legend_.get_texts()]
    assert shown == [
        "\N{REPLACEMENT CHARACTER}" * 2 + " (corn)",
        "\N{REPLACEMENT CHARACTER}" * 2,
        "oats",
    ]
    assert display.names == names


def test_long_lists_are_cut(only_dejavu):
    name = "一丁七丈三上下不与丐丑"
    with pytest.warns(HSVLMWarning, match="丐 and 1 more. They"):
        ClassificationMapDisplay.from_labels([[1]], {1: name})


def test_marks_without_a_glyph_need_no_font(only_dejavu):
    joined = "a\N{ZERO WIDTH JOINER}b\N{VARIATION SELECTOR-16}\N{RIGHT-TO-LEFT MARK}"
    assert fonts.find_fallback(joined) == ((), frozenset())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["$\\frac$", "5 $ and 6 $", "$x_1^2$", "a\\$b$"])
def test_dollar_signs_do_not_start_a_formula(name):
    names = {1: name, 2: "corn"}
    displays = [
        ClassificationMapDisplay.from_labels([[1, 2]], names),
        PromptSimilarityDisplay.from_embeddings(np.eye(2), list(names.values())),
        SpectraDisplay.from_samples(np.eye(2), [1, 2], class_names=names),
    ]
    for display in displays:
        display.figure_.savefig(io.BytesIO())


def test_names_are_one_line_without_control_characters():
    display = ClassificationMapDisplay.from_labels([[1]], {1: "a\x07b\nc\x00"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        display.figure_.savefig(io.BytesIO())
    assert display.legend_.get_texts()[0].get_text() == "a b c "


@pytest.mark.parametrize("name", ["", " ", "\u00a0", "\u200b"], ids=ascii)
def test_names_without_a_mark_are_drawn(name):
    display = ClassificationMapDisplay.from_labels([[1, 2]], {1: name, 2: "corn"})
    display.figure_.savefig(io.BytesIO())
    assert len(display.legend_.get_texts()) == 2


def test_names_that_start_with_an_underscore_are_in_the_legend():
    display = SpectraDisplay.from_samples(np.eye(2), [1, 2], class_names={1: "_x", 2: "y"})
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["_x", "y"]


def test_titles_and_ticks_are_completed_too():
    family_that_has("玉米")
    ax = Figure().subplots()
    display = PromptSimilarityDisplay.from_embeddings(np.eye(2), ["玉米", "oats"], ax=ax)
    assert len(display.ax_.get_xticklabels()[0].get_fontfamily()) > 1
    assert display.ax_.get_xticklabels()[1].get_fontfamily() == ["sans-serif"]
