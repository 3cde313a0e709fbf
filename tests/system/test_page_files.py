"""Where pages may be written."""

import pytest

from hsvlm._reports.page import render_page
from hsvlm._system.pages import check_page_path, write_page
from hsvlm.exceptions import FileError


def test_pages_replace_pages_and_nothing_else(tmp_path):
    path = write_page(tmp_path / "page.html", render_page("First", []))
    assert "First" in path.read_text(encoding="utf-8")
    write_page(str(path), render_page("Second", []))
    assert "Second" in path.read_text(encoding="utf-8")
    path.write_text("<html>mine</html>")
    with pytest.raises(FileError) as error:
        write_page(path, render_page("Third", []))
    assert str(error.value) == (
        f"{path}: a file that is not a page of hsvlm is there, and is not replaced. Give another "
        "name, or move that file away."
    )
    assert path.read_text() == "<html>mine</html>"


def test_links_are_not_followed(tmp_path):
    page = write_page(tmp_path / "page.html", render_page("First", []))
    for target in (page, tmp_path / "missing.html"):
        link = tmp_path / "link.html"
        link.symlink_to(target)
        with pytest.raises(FileError, match="is not replaced"):
            check_page_path(link)
        link.unlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("page.txt", "the page is HTML, and this name has the suffix '.txt'. Give a name such as"),
        ("page", "the page is HTML, and this name has no suffix. Give a name such as page.html."),
        ("", "this is a folder, and the page is a file. Give the name of a file in it, such as"),
        ("no/page.html", "the folder {folder}/no does not exist. Make it, or give another one."),
    ],
)
def test_names_that_are_refused(tmp_path, name, message):
    with pytest.raises(FileError) as error:
        check_page_path(tmp_path / name)
    assert message.format(folder=tmp_path) in str(error.value)
    assert not list(tmp_path.iterdir())
