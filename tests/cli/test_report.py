"""Pages of commands: with --report, and anew from their folders."""

import html
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hsvlm import Scene
from hsvlm._reports.page import render_page
from hsvlm.cli import app
from hsvlm.exceptions import FileError, MissingFileError, ParameterError
from hsvlm.io import write_map, write_scene

HOSTILE = "</script><img src=x onerror=\"document.title='bad'\">"
NAMES = {1: f"oats {HOSTILE}", 2: "soil", 3: "lake"}
DEEP = "[" * 9999
QUICK = {
    "n_components": 6,
    "patch_size": 1,
    "window_size": 5,
    "max_epochs": 1,
    "device": "cpu",
    "spatial": "none",
    "vision_params": "{width: 16, depth: 1, n_heads: 2, mlp_width: 16}",
}
SETTINGS = [part for name, value in QUICK.items() for part in ("--set", f"{name}={value}")]
SCENE = ["scene.tif", "--labels", "labels.tif"]
COMMANDS = {
    "fit": ["fit", *SCENE, "--quiet", *SETTINGS],
    "evaluate": [
        *("evaluate", *SCENE, "--quiet", "--splits", "2", *SETTINGS),
        *("--protocol", "ten-per-class", "--protocol", "random-10"),
    ],
    "compare": [
        *("compare", *SCENE, "--quiet", "--seeds", "1", *SETTINGS[:-2], "--encoders", "mlp,cnn2d"),
        *("--protocols", "ten-per-class"),
    ],
}


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def work(tmp_path_factory, cube, labels):
    folder = tmp_path_factory.mktemp("work")
    noise = np.random.default_rng(1).normal(scale=4, size=cube.shape).astype(np.float32)
    scene = Scene(cube + noise, labels, NAMES)
    write_scene(folder / "scene.tif", scene)
    write_map(folder / "labels.tif", labels, scene=scene, class_names=NAMES)
    return folder


@pytest.fixture
def here(work, monkeypatch):
    monkeypatch.chdir(work)
    return work


@pytest.fixture(scope="module")
def made(work):
    """Pages and printed texts, by command; each command runs once."""
    pages = {}

    def made(command):
        if command not in pages:
            printed = run(*COMMANDS[command], "--output", command, "--report", f"{command}.html")
            pages[command] = Path(f"{command}.html").read_text(encoding="utf-8"), printed
        return pages[command]

    return made


def text_of(page):
    body = re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "\n", body))


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_of_a_folder_is_that_of_the_command(here, made, command):
    page, printed = made(command)
    assert f"The page is {command}.html." in printed
    run("report", command, "again.html")
    assert Path("again.html").read_text(encoding="utf-8") == page
    figures = json.loads(run("report", command, "--json"))
    assert figures == {"report": f"{command}/report.html"}
    assert Path(figures["report"]).read_text(encoding="utf-8") == page
    recipe = Path(command, "recipe.yaml").read_text(encoding="utf-8")
    assert html.escape(recipe) in page
    assert f"hsvlm {command} --recipe recipe.yaml" in page
    assert "<img src=x" not in page


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_printed_is_on_the_page(here, made, command):
    page, printed = made(command)
    shown = text_of(page)
    figures = re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w.])", printed.replace(HOSTILE, ""))
    assert len(figures) > 5
    # Columns of the printed table have numbers, which are names on the page.
    assert not [
        figure
        for figure in figures
        if figure.strip(",") not in shown and f"[{figure}]" not in printed
    ]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_pages_open_without_errors_and_requests(here, made, open_page, command):
    made(command)
    page = open_page(here / f"{command}.html")
    assert page.title().endswith("scene.tif") or page.title().endswith("scene")
    assert "oats </script>" in page.locator("main").text_content()
    page.get_by_role("columnheader").first.click()
    page.wait_for_selector("th[aria-sort]")


@pytest.mark.slow
def test_the_page_of_a_fit_has_classes_warnings_and_versions(here, made):
    made("fit")
    report = json.loads(Path("fit/report.json").read_text())
    report["warnings"] = ["Few pixels <b>."]
    Path("fit/report.json").write_text(json.dumps(report))
    run("report", "fit", "warned.html")
    text = text_of(Path("warned.html").read_text(encoding="utf-8"))
    assert "Few pixels <b>." in text
    assert "hsvlm " in text
    assert "torch " in text
    for entry in report["classes"]:
        assert f"an aerial photograph of {entry['name']}"[:30] in text


@pytest.mark.slow
@pytest.mark.filterwarnings("always:Odd")
def test_warnings_of_a_fit_are_kept(here, monkeypatch):
    import warnings

    from hsvlm import HSIPromptClassifier
    from hsvlm.exceptions import HSVLMWarning

    fit = HSIPromptClassifier.fit

    def warn_and_fit(self, *arguments):
        for _ in range(2):
            warnings.warn(HSVLMWarning("Odd.", "Pass label_column='crop'."), stacklevel=1)
        return fit(self, *arguments)

    monkeypatch.setattr(HSIPromptClassifier, "fit", warn_and_fit)
    run(*COMMANDS["fit"], "--output", "warned")
    kept = json.loads(Path("warned/report.json").read_text())["warnings"]
    assert [text for text in kept if text.startswith("Odd")] == ["Odd. Pass --label-column 'crop'."]


@pytest.mark.slow
def test_an_evaluation_without_a_folder_has_a_page(here):
    run(*COMMANDS["evaluate"], "--report", "alone.html")
    text = Path("alone.html").read_text(encoding="utf-8")
    assert "<h1>Evaluation on scene.tif</h1>" in text
    assert "command: evaluate" in text


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("page.txt", "the page is HTML"),
        ("none/page.html", "the folder none does not exist"),
        ("mine.html", "is not a page of hsvlm"),
        ("refused/page.txt", "the page is HTML"),
    ],
)
def test_pages_are_refused_before_anything_is_computed(here, command, report, message):
    Path("mine.html").write_text("mine")
    with pytest.raises(FileError, match=message):
        run(*COMMANDS[command], "--output", "refused", "--report", report)
    assert not Path("refused").exists()
    assert Path("mine.html").read_text() == "mine"


def test_inputs_are_not_replaced(here):
    Path("labels.html").write_text(render_page("Labels", []))
    with pytest.raises(ParameterError, match="would be overwritten, but it is read"):
        run("fit", "scene.tif", "--labels", "labels.html", "-o", "x", "--report", "labels.html")


@pytest.mark.slow
def test_a_page_may_lie_in_the_folder_that_is_made(here):
    run(*COMMANDS["fit"], "--output", "inside", "--report", "inside/page.html")
    assert Path("inside/page.html").is_file()


def test_folders_of_others_are_refused(here):
    with pytest.raises(MissingFileError, match="nowhere does not exist"):
        run("report", "nowhere")
    Path("empty").mkdir(exist_ok=True)
    with pytest.raises(FileError) as error:
        run("report", "empty")
    assert str(error.value) == (
        "empty: no recipe.yaml of hsvlm is in it, so this is not an output folder. Give the output "
        "folder of hsvlm fit, evaluate, compare or predict."
    )
    Path("empty/recipe.yaml").write_text("# Made by hsvlm 0.1.0.\ncommand: pretrain\noptions: {}")
    with pytest.raises(FileError, match='output folder of "hsvlm pretrain", which has no page'):
        run("report", "empty")
    with pytest.raises(FileError, match="this is a file, not an output folder"):
        run("report", "scene.tif")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"a": 1}', '{"a": {"results": [1]}}', "[" * 9999]
)
def test_changed_reports_are_refused(here, tmp_path, command, content):
    folder = tmp_path / "out"
    folder.mkdir()
    recipe = f"# Made by hsvlm 0.1.0.\ncommand: {command}\noptions: {{}}\n"
    (folder / "recipe.yaml").write_text(recipe)
    with pytest.raises(FileError, match="does not exist, so there is nothing to report"):
        run("report", folder)
    (folder / "report.json").write_text(content)
    with pytest.raises(FileError):
        run("report", folder)
    assert not (folder / "report.html").exists()


@pytest.fixture(scope="module")
def originals(work):
    """Folders of maps, by the options of their commands; tests change copies of them."""
    return {}


@pytest.fixture
def mapped(here, made, originals, monkeypatch, tmp_path):
    """Gives the folder of a map with some options, and forbids predictions afterwards."""
    made("fit")

    def mapped(*more):
        if more not in originals:
            folder = here / f"mapped-{len(originals)}"
            run("predict", "fit", "scene.tif", "--quiet", "--output", folder, *more)
            originals[more] = folder
        monkeypatch.setattr("hsvlm.mapping.predict_scene", None)
        return shutil.copytree(originals[more], tmp_path / "mapped")

    return mapped


@pytest.mark.slow
@pytest.mark.parametrize(
    "more", [["--reference", "labels.tif", "--entropy"], ["--format", "hdr", "--probabilities"]]
)
def test_the_page_of_a_map_is_that_of_the_command(mapped, more):
    folder = mapped(*more, "--report", "map.html")
    page = Path("map.html").read_text(encoding="utf-8")
    run("report", folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == page


@pytest.mark.slow
def test_a_map_without_probabilities_has_a_page(mapped, open_page):
    folder = mapped()
    run("report", folder, "plain.html")
    page = open_page(Path("plain.html").absolute())
    page.wait_for_selector(".map-view[data-ready]")
    assert "Probabilities were not kept" in page.locator("main").text_content()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("map.tif", None, "map.tif: this file does not exist, so there is nothing to report"),
        ("areas.json", None, "areas.json: this file does not exist"),
        ("areas.json", "{}", "areas.json: this is not what hsvlm wrote"),
        ("areas.json", '{"classes": []}', "areas.json: this is not what hsvlm wrote"),
    ],
)
def test_folders_of_maps_with_missing_or_changed_files(mapped, name, content, message):
    folder = mapped()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(FileError, match=re.escape(message)):
        run("report", folder)
    assert not (folder / "report.html").exists()


@pytest.mark.slow
def test_a_map_whose_scene_has_moved_is_refused(mapped, work):
    folder = mapped()
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("scene.tif", "moved.tif"))
    with pytest.raises(MissingFileError, match=r"moved\.tif does not exist"):
        run("report", folder)
