"""Pages opened in a browser."""

import pytest

from hsvlm._reports.page import Code, Figure, Paragraph, Section, Table, render_page

HOSTILE = "</script><img src=x onerror=\"document.title='bad'\">"
ROWS = [["corn", "20", "9.5 ± 0.1"], ["wheat", "1,024", "10.0 ± 2.0"], [HOSTILE, "3", ""]]

pytestmark = pytest.mark.slow  # opens pages in a browser


@pytest.fixture
def png():
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.new("RGB", (30, 20), "#cc79a7").save(file, "png")
    return file.getvalue()


@pytest.fixture
def content(png):
    table = Table(["class", "pixels", "accuracy %"], ROWS, "Classes", [["all", "1,047", ""]])
    parts = [Paragraph(HOSTILE), table, Figure(png, "A square", "Square"), Code("a: 1", "Recipe")]
    return render_page(f"Map of {HOSTILE}", [Section("Areas", parts), Section(HOSTILE, [])])


def column(page, place):
    return page.locator(f"tbody td:nth-child({place})").all_text_contents()


def test_tables_are_sorted_by_clicks_and_keys(open_page, content):
    page = open_page(content)
    page.get_by_role("columnheader", name="pixels").click()
    page.wait_for_selector("tbody tr:first-child td:first-child:text-is('wheat')")
    assert column(page, 2) == ["1,024", "20", "3"]
    page.get_by_role("columnheader", name="accuracy").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("th[aria-sort]:text-is('accuracy %')")
    page.wait_for_timeout(50)
    assert column(page, 3) == ["10.0 ± 2.0", "9.5 ± 0.1", ""]
    page.keyboard.press("Enter")
    page.wait_for_timeout(50)
    assert column(page, 3) == ["9.5 ± 0.1", "10.0 ± 2.0", ""]  # missing values stay last
    assert page.locator("tfoot td").all_text_contents() == ["all", "1,047", ""]


def test_hostile_texts_are_shown_as_they_are(open_page, content):
    page = open_page(content)
    assert page.title() == f"Map of {HOSTILE}"
    assert HOSTILE in column(page, 1)
    assert page.locator("img").count() == 1
    assert page.locator("img").evaluate("image => image.naturalWidth") == 30


def test_scripts_that_slip_in_do_not_run(browser, tmp_path, content):
    path = tmp_path / "page.html"
    bad = "<script>document.title = 'bad'</script><img src='http://127.0.0.1:9/x.png'>"
    path.write_text(content.replace("</main>", f"{bad}</main>"), encoding="utf-8")
    page = browser.new_page()
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(path.as_uri())
    assert page.title() == f"Map of {HOSTILE}"
    assert len([text for text in refused if "Content Security Policy" in text]) == 2
    page.close()


def test_the_first_key_leads_to_a_skip_link(open_page, content):
    page = open_page(content)
    page.keyboard.press("Tab")
    link = page.get_by_text("Skip to the content")
    assert link.evaluate("link => link === document.activeElement")
    assert link.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def contrast(page, selector):
    """Ratio of contrast between an element and the nearest background, as WCAG 2 defines it."""
    return page.locator(selector).first.evaluate(
        """element => {
            const light = text => {
                const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(value => {
                    const part = value / 255;
                    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const color = light(getComputedStyle(element).color);
            let behind = element;
            while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)")
                behind = behind.parentElement;
            const back = light(getComputedStyle(behind).backgroundColor);
            return (Math.max(color, back) + 0.05) / (Math.min(color, back) + 0.05);
        }"""
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_have_contrast_in_both_schemes(open_page, content, scheme):
    page = open_page(content, color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    for selector in ("p", "nav a", "th", "td", "figcaption", "code", "footer p", ".skip"):
        assert contrast(page, selector) >= 4.5, selector


def test_narrow_windows_do_not_scroll_sideways(open_page, content):
    page = open_page(content, viewport={"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
