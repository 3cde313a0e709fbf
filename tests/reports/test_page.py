"""Structure and escaping of HTML pages."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from hsvlm._reports.escaping import html_text, json_data, visible_text
from hsvlm._reports.page import Code, Figure, Paragraph, Section, Table, render_page

HOSTILE = "</script><img src=x onerror=\"alert('bad')\">&\x00\x1b[31m\u202eevil\u2028\ud800"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJ"
    "RU5ErkJggg=="
)
VOID = {"meta", "img", "br", "link", "input"}


class Outline(HTMLParser):
    """Collects elements and texts, and checks that elements are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(page)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("script", "style"):
            self.texts.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def page_of(*parts, title="Map"):
    return render_page(title, [Section("First", parts), Section("Second", [])])


def test_texts_are_escaped_wherever_they_are():
    parts = [
        Paragraph(HOSTILE),
        Table([HOSTILE, "n"], [[HOSTILE, "1"]], HOSTILE, footer=[[HOSTILE, "1"]]),
        Figure(PIXEL, HOSTILE, HOSTILE),
        Code(HOSTILE, HOSTILE),
    ]
    page = render_page(HOSTILE, [Section(HOSTILE, parts)], subtitle=HOSTILE)
    outline = Outline(page)
    assert [image["alt"] for image in outline.all("img")] == [visible_text(HOSTILE)]
    assert not [name for _, attrs in outline.elements for name in attrs if name.startswith("on")]
    assert len(outline.all("script")) == 1
    shown = "".join(outline.texts)
    assert shown.count(visible_text(HOSTILE)) == 12
    assert not set(page) & set("\x00\x1b\u202e\u2028")
    page.encode()  # half of a surrogate pair would be an error


def test_hidden_characters_become_visible():
    assert visible_text("a\x07\u202eb\u2066\u2028\ud800\x85") == (
        r"a\x07\u202eb\u2066\u2028\ud800\x85"
    )
    assert visible_text("corn\r\n\twheat") == "corn\n\twheat"
    assert visible_text("كورن 玉米 é") == "كورن 玉米 é"
    assert html_text("<'\">&") == "&lt;&#x27;&quot;&gt;&amp;"


def test_json_does_not_end_its_script():
    text = json_data({"name": HOSTILE, "more": [1.5, None, (HOSTILE,)]})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {
        "name": visible_text(HOSTILE),
        "more": [1.5, None, [visible_text(HOSTILE)]],
    }
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_data(float("nan"))


def test_a_page_has_landmarks_headings_and_links_to_them():
    outline = Outline(page_of(Paragraph("Text"), title="Crops"))
    assert outline.all("html") == [{"lang": "en"}]
    assert len(outline.all("h1")) == len(outline.all("main")) == len(outline.all("nav")) == 1
    identifiers = {attrs["id"] for _, attrs in outline.elements if "id" in attrs}
    targets = {attrs["href"][1:] for attrs in outline.all("a")}
    assert targets == {"main", "section-1", "section-2"}
    assert targets <= identifiers
    assert all(attrs["aria-labelledby"] in identifiers for attrs in outline.all("section"))
    assert "Crops" in outline.texts


def test_the_policy_allows_the_scripts_and_styles_of_the_page_only():
    page = page_of(Table(["class", "n"], [["corn", "1"]]))
    policy = Outline(page).all("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    contents = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, re.DOTALL)
    assert len(contents) == 2
    for content in contents:
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_nothing_is_requested():
    page = page_of(Table(["class"], [["corn"]]), Figure(PIXEL, "One pixel"))
    outline = Outline(page)
    assert not outline.all("link")
    assert "url(" not in page
    assert "@import" not in page
    assert all(image["src"].startswith("data:image/png;base64,") for image in outline.all("img"))


def test_pages_hold_libraries_they_need_with_their_licenses():
    plain = page_of(Paragraph("Text"))
    table = page_of(Table(["class"], [["corn"]]))
    assert "<script>" not in plain
    assert "sortable-tablesort" not in plain
    assert "This is free and unencumbered software" in table
    assert "Leaflet" not in table
    assert "uPlot" not in table


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (["91.2 ± 0.5", "100.00 ± 0.0", "8 ± 1e-3"], ["91.2", "100.0", "8.0"]),
        (["1,024", "20", "1,000,000"], ["1024.0", "20.0", "1000000.0"]),
        (["3 s", "0.5 s", "12 s"], ["3.0", "0.5", "12.0"]),
        (["0.5", "", "unknown"], ["0.5", "", ""]),
        (["-1.5", "\u22122", "+3e2"], ["-1.5", "-2.0", "300.0"]),
        (["3 s", "2 min", "1 h"], None),
        (["corn", "1", "2"], None),
        (["", "unknown", "-"], None),
    ],
)
def test_columns_of_numbers_are_sorted_by_value(cells, keys):
    page = page_of(Table(["class", "value"], [["corn", cell] for cell in cells]))
    shown = [cell for cell in Outline(page).all("td") if "role" not in cell]
    assert [cell.get("data-sort") for cell in shown] == (keys or [None] * len(cells))
    assert {cell.get("class") for cell in shown} == {"number" if keys else None}


def test_tables_may_be_empty_and_have_sums():
    assert "<tbody></tbody>" in page_of(Table(["class", "n"], []))
    page = page_of(Table(["class", "n"], [["corn", "1"]], footer=[["all", "1"]]))
    assert '<tfoot><tr><td role="rowheader">all</td><td class="number">1</td></tr></tfoot>' in page


def test_rows_have_a_cell_per_column():
    with pytest.raises(ValueError, match="zip"):
        page_of(Table(["class", "n"], [["corn"]]))


def test_code_keeps_its_lines():
    assert "<code>command: fit\n  seed: 1\n</code>" in page_of(Code("command: fit\n  seed: 1\n"))
