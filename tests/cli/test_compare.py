"""``hsvlm compare``: from files to table and picture, continued and refused."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

import hsvlm.evaluation._evaluate as measuring
from hsvlm import HSIPromptClassifier, Scene
from hsvlm.cli import app
from hsvlm.cli._protocols import ProtocolName, ProtocolOptions
from hsvlm.evaluation import (
    BASELINES,
    PROTOCOLS,
    SCENE_PROTOCOLS,
    ComparisonTable,
    evaluate,
    scene_protocol,
    with_encoders,
)
from hsvlm.exceptions import DataError, FileError, ParameterError, UnknownNameError
from hsvlm.io import write_map, write_scene
from hsvlm.vision import list_vision_encoders

QUICK = {"n_components": 6, "patch_size": 1, "spatial": None, "lr": 5e-3, "device": "cpu"}
NAMES = {1: "oats", 2: "soil", 3: "lake"}


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, " ".join(result.stderr.replace("│", " ").split())


@pytest.fixture
def scene(cube, labels):
    noise = np.random.default_rng(1).normal(scale=4, size=cube.shape).astype(np.float32)
    return Scene(cube + noise, labels, NAMES)


@pytest.fixture
def folder(tmp_path, monkeypatch, scene):
    monkeypatch.chdir(tmp_path)
    write_scene("scene.hdr", scene)
    write_map("labels.tif", scene.labels, scene=scene, class_names=NAMES)
    return tmp_path


@pytest.fixture
def n_fits(monkeypatch):
    """Counts the fits by the name of their estimator."""
    run_fold, counts = measuring.run_fold, {}

    def count(name, *arguments):
        counts[name] = counts.get(name, 0) + 1
        return run_fold(name, *arguments)

    monkeypatch.setattr(measuring, "run_fold", count)
    return counts


def compare(*more, encoders="mlp,cnn2d", protocols="random-10,ten-per-class", epochs=1):
    given = [f"{name}={'none' if value is None else value}" for name, value in QUICK.items()]
    return invoke(
        *("compare", "scene.hdr", "--labels", "labels.tif", "-o", "out", "--quiet"),
        *("--encoders", encoders, "--protocols", protocols, "--seeds", 2, "--epochs", epochs),
        *(part for text in given for part in ("--set", text)),
        *more,
    )


def read_table():
    return list(csv.DictReader(io.StringIO(Path("out/comparison.csv").read_text(encoding="utf-8"))))


@pytest.mark.slow
def test_table_and_picture(folder, scene):
    code, printed, _ = compare()
    assert code == 0
    written = {path.name for path in (folder / "out").iterdir()}
    assert written == {
        *("comparison.csv", "comparison.md", "comparison.png", "inputs.json", "recipe.yaml"),
        *("fits", "report.json"),
    }
    assert imread("out/comparison.png").shape[0] > 500
    # The same from Python.
    clf = HSIPromptClassifier(**QUICK, max_epochs=1)
    reports = {
        name: evaluate(
            with_encoders(["mlp", "cnn2d"], clf),
            *(protocol.X, protocol.y, protocol.cv),
            random_state=0,
        )
        for name in ("random-10", "ten-per-class")
        for protocol in [scene_protocol(scene, name, 2)]
    }
    expected = ComparisonTable(reports).rows()
    baselines = [name for name, _ in BASELINES.values()]
    assert [row["estimator"] for row in expected[::2]] == ["mlp", "cnn2d", *baselines]
    for line, row in zip(read_table(), expected, strict=True):
        for name, value in row.items():
            if name.endswith("_seconds"):
                assert float(line[name]) > 0
            elif isinstance(value, float):
                assert float(line[name]) == pytest.approx(value)
            else:
                assert line[name] == ("" if value is None else str(value))
    lines = (folder / "out" / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith("| mlp | ") for line in lines) == 2
    assert "flattering: more than 1% of the test pixels" in printed


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_a_second_run_measures_what_is_new(folder, n_fits):
    compare(protocols="random-10")
    first, before = read_table(), dict(n_fits)
    assert set(before.values()) == {2}
    n_fits.clear()
    assert compare(protocols="random-10")[0] == 0
    assert n_fits == {}
    assert read_table() == first
    compare(encoders="mlp,cnn1d", protocols="random-10,ten-per-class")
    assert n_fits == {"mlp": 2, "cnn1d": 4, **{name: 2 for name, _ in BASELINES.values()}}
    n_fits.clear()
    code, printed, _ = invoke("compare", "--recipe", "out/recipe.yaml", "--quiet", "--json")
    assert (code, n_fits) == (0, {})
    names = [row["estimator"] for row in json.loads(printed)["rows"]]
    assert names[:4] == ["mlp", "mlp", "cnn1d", "cnn1d"]


@pytest.mark.slow
@pytest.mark.usefixtures("folder", "no_pictures")
def test_a_run_that_was_stopped_continues(monkeypatch, n_fits):
    counting = measuring.run_fold

    def stop_at_third(name, *arguments):
        if sum(n_fits.values()) == 3:
            raise KeyboardInterrupt
        return counting(name, *arguments)

    monkeypatch.setattr(measuring, "run_fold", stop_at_third)
    code, _, printed = compare()
    assert code == 130
    assert "interrupted" in printed
    monkeypatch.setattr(measuring, "run_fold", counting)
    compare()
    assert n_fits == {"mlp": 4, "cnn2d": 4, **{name: 4 for name, _ in BASELINES.values()}}


@pytest.mark.slow
@pytest.mark.usefixtures("folder", "no_pictures")
def test_the_table_is_written_after_every_protocol(monkeypatch):
    counting, seen = measuring.run_fold, []

    def stop_at_the_second_protocol(name, split, estimator, X, y, train, test):
        seen.append(len(train))
        if seen[-1] != seen[0]:
            raise KeyboardInterrupt
        return counting(name, split, estimator, X, y, train, test)

    monkeypatch.setattr(measuring, "run_fold", stop_at_the_second_protocol)
    assert compare(encoders="mlp")[0] == 130
    assert {row["protocol"] for row in read_table()} == {"random-10"}


@pytest.mark.slow
@pytest.mark.usefixtures("folder", "no_pictures")
def test_encoders_that_cannot_work_keep_their_row():
    encoders = "ssftt:window_size=3,mlp,vit:patch_size=2"
    code, printed, _ = compare(encoders=encoders, protocols="random-10")
    assert code == 0
    ssftt, mlp, vit = read_table()[:3]
    assert ssftt["overall_accuracy"] == ssftt["n_parameters"] == vit["overall_accuracy"] == ""
    assert ssftt["problem"].startswith("window_size=3 is too small for the vision encoder")
    assert "patch_size=2" in vit["problem"]
    assert float(mlp["overall_accuracy"]) > 0.3
    assert ssftt["problem"] in printed
    assert 'Settings may follow a name, such as "ssftt:window_size=13".' in printed


def refusal(*more, **changes):
    with pytest.raises(FileError) as error:
        compare(*more, **changes)
    return str(error.value)


@pytest.mark.slow
@pytest.mark.usefixtures("no_pictures")
def test_other_inputs_are_refused(folder, scene):
    quick = {"encoders": "mlp", "protocols": "random-10"}
    compare(**quick)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    hint = (
        "Give another folder as --output, or delete out to measure everything again. Its own "
        "options: hsvlm compare --recipe out/recipe.yaml."
    )
    problem = "out: the results in this folder were measured"
    assert refusal(**quick, epochs=2) == (
        f"{problem} with other settings (max_epochs=1, now 2). {hint}"
    )
    assert (
        refusal("--unlabeled", "0,3", **quick) == f"{problem} with other labels (random-10). {hint}"
    )
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    write_scene("scene.hdr", Scene(scene.cube + np.float32(1)))
    assert refusal(**quick) == (
        f"{problem} on another scene, or with other bands, sources or values for no data. {hint}"
    )


@pytest.fixture
def no_fits(monkeypatch):
    def stop(*_, **__):
        raise InterruptedError

    monkeypatch.setattr("hsvlm.evaluation.evaluate", stop)


@pytest.mark.usefixtures("no_fits")
def test_the_recipe_repeats_a_comparison_with_a_relative_path(folder, monkeypatch):
    (folder / "texts").mkdir()
    (folder / "elsewhere").mkdir()
    with pytest.raises(InterruptedError):
        compare("--text-encoder", "texts", encoders="mlp")
    for place in (folder, folder / "elsewhere"):
        monkeypatch.chdir(place)
        with pytest.raises(InterruptedError):  # and no refusal of other settings
            invoke("compare", "--recipe", folder / "out" / "recipe.yaml")
    monkeypatch.chdir(folder)
    with pytest.raises(InterruptedError):
        compare("--set", "text_encoder=texts", encoders="mlp")


@pytest.mark.usefixtures("no_fits")
def test_other_labels_are_refused_under_another_protocol(folder, labels):
    with pytest.raises(InterruptedError):
        compare(encoders="mlp", protocols="random-10")
    before = (folder / "out" / "inputs.json").read_bytes()
    write_map("labels.tif", np.where(np.arange(18)[:, None] < 12, labels, 0), class_names=NAMES)
    assert "with other labels (ten-per-class)." in refusal(
        encoders="mlp", protocols="ten-per-class"
    )
    assert (folder / "out" / "inputs.json").read_bytes() == before


@pytest.mark.slow
@pytest.mark.usefixtures("folder", "no_pictures")
def test_protocols_of_earlier_runs_are_remembered():
    compare(encoders="mlp", protocols="random-10")
    compare(encoders="mlp", protocols="ten-per-class")
    record = json.loads(Path("out/inputs.json").read_text(encoding="utf-8"))
    assert list(record["labels"]) == ["random-10", "ten-per-class"]


@pytest.mark.slow
@pytest.mark.usefixtures("folder", "no_pictures")
def test_a_damaged_record_is_refused(folder):
    compare(encoders="mlp", protocols="random-10")
    for content in ("", "[]", "{}", '{"format": 9}', '{"format": 1}'):
        (folder / "out" / "inputs.json").write_text(content)
        found = refusal(encoders="mlp", protocols="random-10")
        assert found.startswith("out/inputs.json: "), content


@pytest.mark.filterwarnings("ignore::hsvlm.exceptions.SplitWarning")
@pytest.mark.parametrize(
    ("protocols", "instead"),
    [("ten-per-class,blocks", "--protocols ten-per-class"), ("blocks", "another --protocols")],
)
def test_a_protocol_that_cannot_be_used_is_noticed_before_training(
    folder, n_fits, labels, protocols, instead
):
    rows, cols = np.indices(labels.shape)
    write_map("labels.tif", np.where((rows < 8) & (cols < 10), labels, 0))
    with pytest.raises(ParameterError) as error:
        compare(encoders="mlp", protocols=protocols)
    assert error.value.for_command_line() == (
        "The protocol blocks cannot be used: buffer=7 leaves split 0 without a test sample: every "
        "pixel of its test blocks of 8 x 8 lies within 7 pixels of a training pixel. Give "
        f"{instead}, or label more pixels."
    )
    assert n_fits == {}
    assert not (folder / "out").exists()


def test_labels_of_a_single_class(folder, labels):
    write_map("labels.tif", np.where(labels == 2, labels, 0))
    with pytest.raises(DataError) as error:
        compare(encoders="mlp")
    assert error.value.for_command_line() == (
        f"All {(labels == 2).sum()} labels are of one class, 2. Give labels of at least two "
        "classes as --labels; perhaps another --label-column has them, or --unlabeled hides them."
    )
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("encoders", "error", "message"),
    [
        ("mlp,transformer", UnknownNameError, "Unknown vision encoder 'transformer'."),
        ("mlp:windows=3", ParameterError, "'mlp:windows=3': 'windows' is not a setting."),
        (
            "mlp:window_size=none",
            ParameterError,
            "mlp:window_size=none: The 'window_size' parameter of HSIPromptClassifier must be",
        ),
    ],
)
def test_unknown_names_are_noticed_before_files_are_read(encoders, error, message):
    with pytest.raises(error) as caught:
        invoke("compare", "missing.tif", "--encoders", encoders, "-o", "out")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--encoders", "mlp"], "--output is missing."),
        (["-o", "out"], "--encoders is missing."),
        (["-o", "out", "--encoders", " , "], "--encoders names no encoder."),
        (
            ["-o", "out", "--encoders", "mlp", "--protocols", "blocks,random"],
            "'random' is not a protocol. Give some of random-10, map-695, blocks, ",
        ),
        (
            ["-o", "out", "--encoders", "mlp", "--test-labels", "lower.tif"],
            "--test-labels and --group-column need a scene of your own.",
        ),
    ],
)
def test_options_that_mean_nothing(arguments, message):
    code, _, printed = invoke("compare", *arguments)
    assert code == 2
    assert message in printed


def test_all_encoders(monkeypatch):
    seen = []

    def stop(names, clf):
        seen.extend(names)
        raise FileError

    monkeypatch.setattr("hsvlm.evaluation.with_encoders", stop)
    with pytest.raises(FileError):
        invoke("compare", "--encoders", "all,vit:depth=1", "-o", "out")
    # All but the encoder that is told where its weights are.
    known = [name for name in list_vision_encoders() if name != "clip-prompt"]
    assert seen == ["default", *known, "vit:depth=1"]


def test_lists_behind_a_name_have_commas_of_their_own(monkeypatch):
    def stop(names, clf):
        seen.extend(names)
        raise FileError

    seen = []
    monkeypatch.setattr("hsvlm.evaluation.with_encoders", stop)
    with pytest.raises(FileError):
        invoke("compare", "--encoders", "hit:depths=[1, 2]:width=64, mlp", "-o", "out")
    assert seen == ["hit:depths=[1, 2]:width=64", "mlp"]


@pytest.mark.parametrize(("scene", "is_published"), [(None, True), (Path("cube.npy"), False)])
def test_all_protocols_are_those_that_the_scene_has(scene, is_published):
    names = ProtocolOptions().names([ProtocolName.ALL], scene)
    assert names == [
        ProtocolName.RANDOM_10,
        *([ProtocolName.MAP_695] if is_published else []),
        *(ProtocolName.BLOCKS, ProtocolName.TEN_PER_CLASS),
    ]


def test_protocols_have_the_same_names_everywhere():
    assert {str(name) for name in ProtocolName} == {*PROTOCOLS, *SCENE_PROTOCOLS, "all"}
