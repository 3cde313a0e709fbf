"""Every kind of labels with every kind of prompts: the map shows the true classes, or is refused.

The truth is a made scene of three classes in stripes. Sources number the classes differently; names
alone tell which is which.
"""

import json
import shutil
import tempfile
import warnings
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import scipy.io
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from spectral.io import envi
from typer.testing import CliRunner

from hsvlm import HSIPromptClassifier, PixelSamples, Scene
from hsvlm.cli import app
from hsvlm.exceptions import HSVLMError, HSVLMWarning
from hsvlm.io import read_labels, read_scene, write_map, write_scene
from hsvlm.mapping import predict_scene
from hsvlm.prompts import join_prompts, load_class_names, load_prompt_set
from hsvlm.scene import common_classes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_pictures")]

NAMES = {1: "Asphalt", 2: "Meadows", 3: "Gravel"}  # the numbers of the Pavia University scene
SHUFFLED = {2: "asphalt", 7: "gravel", 4: "meadows"}
SETTINGS = ["vision_encoder=mlp", "max_epochs=4", "n_components=null", "lr=0.02", "spatial=null"]
GEO = {"crs": "EPSG:32632", "transform": (2.0, 0.0, 500_000.0, 0.0, -2.0, 5_000_000.0)}
LABELS = ("text", "codes", "numeric-text", "geotiff", "envi", "mat")
PROMPTS = (
    *("same", "shuffled", "text-values", "numbers", "subset", "superset", "other-words"),
    *("set", "other-set", "template", "none"),
)


def truth(height=18, width=21):
    classes = np.zeros((height, width), dtype=np.uint8)
    for number in NAMES:
        classes[:, (number - 1) * width // 3 : number * width // 3] = number
    return classes


def made_scene(seed=0, **shape):
    labels = truth(**shape)
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(9).uniform(0.2, 0.8, (4, 8))
    cube = means[labels] + rng.normal(0, 0.02, (*labels.shape, 8))
    return Scene(cube.astype(np.float32), labels, NAMES, **GEO)


def write_labels(folder, kind, labels):
    """Write a label source of some kind; a border of two pixels has no label."""
    inner = labels.copy()
    inner[:2] = inner[-2:] = 0
    renumbered = np.zeros_like(inner)
    for number, name in SHUFFLED.items():
        own = next(one for one, same in NAMES.items() if same.lower() == name)
        renumbered[inner == own] = number
    if kind in ("text", "codes", "numeric-text"):
        columns = {
            "text": list(NAMES.values()),
            "codes": list(NAMES),
            "numeric-text": [str(number) for number in NAMES],
        }[kind]
        boxes = []
        for number in NAMES:
            rows, cols = np.nonzero(inner == number)
            x, y = GEO["transform"][2], GEO["transform"][5]
            boxes.append(
                shapely.box(
                    x + 2 * cols.min(),
                    y - 2 * (rows.max() + 1),
                    x + 2 * (cols.max() + 1),
                    y - 2 * rows.min(),
                )
            )
        path = folder / f"{kind}.gpkg"
        geopandas.GeoDataFrame({"class": columns}, geometry=boxes, crs=GEO["crs"]).to_file(path)
    elif kind == "geotiff":
        path = folder / "named.tif"
        write_map(path, renumbered, scene=Scene(renumbered[..., None], **GEO), class_names=SHUFFLED)
    elif kind == "envi":
        path = folder / "named.hdr"
        listed = [
            "Unclassified",
            *(SHUFFLED.get(number, f"unused {number}") for number in range(1, 8)),
        ]
        envi.save_classification(path, renumbered, class_names=listed, dtype=np.uint8)
    else:
        path = folder / "bare.mat"
        scipy.io.savemat(path, {"gt": inner})
    return path


def entry(value, name=None, text=None):
    return {
        "value": value,
        **({"name": name} if name else {}),
        "prompts": [f"text of {text or name}"],
    }


def prompt_option(folder, kind):
    """Write a file of classes of some kind, or give the template, set or nothing."""
    if kind in ("template", "none", "set", "other-set"):
        return {"template": "ground of {}", "none": None, "set": "pavia-university"}.get(
            kind, "salinas"
        )
    classes = [entry(number, name) for number, name in NAMES.items()]
    if kind == "shuffled":
        classes = [entry(number, name.title()) for number, name in reversed(SHUFFLED.items())]
    elif kind == "text-values":
        classes = [entry(name.upper(), text=name) for name in NAMES.values()]
    elif kind == "numbers":
        classes = [entry(number, text=name) for number, name in NAMES.items()]
    elif kind == "subset":
        classes = classes[:2]
    elif kind == "superset":
        classes = [entry(4, "Trees"), *classes[::-1]]
    elif kind == "other-words":
        classes = [
            entry(number, word)
            for number, word in zip(NAMES, ("road", "grass", "stones"), strict=True)
        ]
    path = folder / f"{kind}.json"
    path.write_text(json.dumps({"classes": classes}))
    return str(path)


NAMED = {"text", "geotiff", "envi"}
REFUSED = {
    *((labels, "subset") for labels in LABELS),
    *((labels, prompts) for labels in NAMED for prompts in ("other-set", "other-words")),
    # The labels have no names, and the file of classes nothing else; or the other way round.
    *((labels, "text-values") for labels in LABELS if labels not in NAMED),
    ("text", "numbers"),
    # Numbers that name other classes: the user says so, in a file without names.
    *((labels, "shuffled") for labels in LABELS if labels not in NAMED),
    ("geotiff", "numbers"),
    ("envi", "numbers"),
}


def run(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HSVLMWarning)
        result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def fit(folder, scene, labels, prompts, output):
    options = [part for one in SETTINGS for part in ("--set", one)]
    if prompts is not None:
        options += ["--prompts", prompts]
    run("fit", scene, "--labels", labels, "--output", output, "--quiet", *options)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classes")
    write_scene(folder / "scene.tif", made_scene())
    (folder / "other").mkdir()
    write_scene(folder / "other" / "scene.tif", made_scene(1, height=16, width=24))
    for kind in LABELS:
        write_labels(folder, kind, truth())
        write_labels(folder / "other", kind, truth(16, 24))
    return folder


def path_of(folder, kind):
    names = {"geotiff": "named.tif", "envi": "named.hdr", "mat": "bare.mat"}
    return folder / names.get(kind, f"{kind}.gpkg")


def shown(map_path, like):
    """Give the name of the class that the map shows at every pixel."""
    found = read_labels(map_path, like)
    names = np.array(
        ["", *[found.class_names.get(n, "?") for n in range(1, found.labels.max() + 1)]]
    )
    return np.char.lower(names[found.labels])


def expected_names(labels, prompts, shape=(18, 21)):
    named = labels in NAMED or prompts not in ("template", "none", "numbers")
    names = {n: name if named else str(n) for n, name in NAMES.items()}
    if labels not in NAMED:
        if prompts == "other-words":
            names = {1: "road", 2: "grass", 3: "stones"}
        elif prompts == "other-set":
            names = {n: load_class_names("salinas")[n] for n in NAMES}
    return np.char.lower(np.array(["", *names.values()]))[truth(*shape)]


@pytest.mark.parametrize("prompts", PROMPTS)
@pytest.mark.parametrize("labels", LABELS)
def test_the_map_shows_the_true_classes_or_the_command_refuses(files, tmp_path, labels, prompts):
    option = prompt_option(tmp_path, prompts)
    arguments = (tmp_path, files / "scene.tif", path_of(files, labels), option, tmp_path / "fitted")
    if (labels, prompts) in REFUSED:
        with pytest.raises(HSVLMError) as error:
            fit(*arguments)
        assert "\n" not in str(error.value)
        return
    fit(*arguments)
    scene = read_scene(files / "scene.tif")
    run(
        "predict", tmp_path / "fitted", files / "scene.tif", "--output", tmp_path / "map", "--quiet"
    )
    right = shown(tmp_path / "map" / "map.tif", scene) == expected_names(labels, prompts)
    assert right.mean() > 0.97
    # The texts, too, are those of the classes.
    clf = HSIPromptClassifier.load(tmp_path / "fitted" / "model")
    described = {
        "text of asphalt": "asphalt",
        "text of meadows": "meadows",
        "text of gravel": "gravel",
    }
    texts = load_prompt_set("pavia-university")
    described |= {texts[number]: name.lower() for number, name in NAMES.items()}
    for label, name in clf.class_names_.items():
        text = clf.prompts_[label][0]
        assert described.get(text.lower(), described.get(text, name.lower())) == name.lower()


@pytest.fixture(scope="module")
def models(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for labels, prompts in (
        ("text", "text-values"),
        ("envi", "same"),
        ("mat", "numbers"),
        ("mat", "shuffled-names"),
    ):
        option = prompt_option(folder, "same" if prompts == "shuffled-names" else prompts)
        fit(
            folder,
            files / "scene.tif",
            path_of(files, labels),
            option,
            folder / f"{labels}-{prompts}",
        )
    return folder


@pytest.mark.parametrize("reference", LABELS)
@pytest.mark.parametrize(
    "model", ["text-text-values", "envi-same", "mat-numbers", "mat-shuffled-names"]
)
def test_a_reference_is_compared_by_name_or_refused(files, models, tmp_path, model, reference):
    scene = files / "other" / "scene.tif"
    command = ("predict", models / model, scene, "--output", tmp_path, "--quiet", "--json")
    command += ("--reference", path_of(files / "other", reference))
    bare_reference = reference not in NAMED
    # Numbers that the reader assigned to text, in the model or the reference, and bare numbers.
    refused = (model.startswith("text") and bare_reference) or (
        model == "mat-numbers" and reference == "text"
    )
    # ENVI and GeoTIFF files here have numbers of their own.
    refused |= model == "mat-numbers" and reference in ("geotiff", "envi")
    refused |= model == "envi-same" and bare_reference
    if refused:
        with pytest.raises(HSVLMError):
            run(*command)
        return
    assert json.loads(run(*command))["overall_accuracy"] > 0.97


def test_unknown_and_missing_classes_of_a_reference_are_named(files, models, tmp_path):
    other = truth(16, 24)
    like = Scene(other[..., None], **GEO)
    names = {1: "asphalt", 2: "meadows"}
    write_map(tmp_path / "less.tif", np.where(other == 3, 0, other), scene=like, class_names=names)
    write_map(tmp_path / "more.tif", other, scene=like, class_names={**names, 3: "water"})
    command = ("predict", models / "text-text-values", files / "other" / "scene.tif", "--quiet")
    printed = run(*command, "--output", tmp_path / "a", "--reference", tmp_path / "less.tif")
    assert "The reference has no pixel of Gravel." in printed
    with pytest.raises(
        HSVLMError, match=r"Class 3 \('water'\) of the reference has no counterpart"
    ):
        run(*command, "--output", tmp_path / "b", "--reference", tmp_path / "more.tif")
    assert not (tmp_path / "b").exists()


def test_a_reference_that_numbers_its_classes_is_named_by_a_file(files, models, tmp_path):
    model, reference = models / "text-text-values", path_of(files / "other", "mat")
    command = ("predict", model, files / "other" / "scene.tif", "--quiet", "--json")
    command += ("--reference", reference, "--output", tmp_path / "map")
    with pytest.raises(HSVLMError, match="only numbers them") as error:
        run(*command)
    assert "--reference-classes" in error.value.for_command_line()
    entries = [{"value": number, "name": name} for number, name in NAMES.items()]
    (tmp_path / "names.json").write_text(json.dumps({"classes": entries}))
    named = (*command, "--reference-classes", tmp_path / "names.json")
    assert json.loads(run(*named))["overall_accuracy"] > 0.97


def test_reference_samples_are_compared_by_name(files):
    scene = read_scene(files / "scene.tif", labels=path_of(files, "text"))
    other = read_scene(files / "other" / "scene.tif", labels=path_of(files / "other", "envi"))
    mapped = predict_scene(classifier().fit(*scene.samples()), other)
    with pytest.raises(HSVLMError, match="in the class names of the classifier"):
        mapped.area_report(other.samples())
    assert mapped.area_report(other).accuracy.overall > 0.97


def test_the_report_says_which_number_stands_for_which_text(files, models, tmp_path):
    command = ("predict", models / "text-text-values", files / "scene.tif", "--output", tmp_path)
    assert "In the map, 0 stands for no data, and 1 is Asphalt, 2 is Gravel, 3 is Meadows." in run(
        *command, "--quiet"
    )


@pytest.mark.parametrize("kind", ["text", "geotiff", "envi"])
def test_labels_take_the_numbers_of_given_names(files, kind):
    scene = read_scene(files / "scene.tif", labels=path_of(files, kind), class_names=NAMES)
    labeled = scene.labels > 0
    assert labeled.mean() > 0.7
    np.testing.assert_array_equal(scene.labels[labeled], truth()[labeled])
    with pytest.raises(HSVLMError, match="no counterpart in class_names"):
        read_scene(
            files / "scene.tif",
            labels=path_of(files, kind),
            class_names={1: "Asphalt", 2: "x", 3: "y"},
        )


def classifier(**more):
    return HSIPromptClassifier(
        text_encoder=np.eye(3, 8, dtype=np.float32),
        vision_encoder="mlp",
        max_epochs=4,
        n_components=None,
        lr=0.02,
        spatial=None,
        random_state=0,
        **more,
    )


def test_scenes_of_different_files_are_joined_by_name(files):
    scenes = [
        read_scene(folder / "scene.tif", labels=path_of(folder, kind))
        for folder, kind in ((files, "text"), (files / "other", "envi"))
    ]
    X, y = zip(*(one.samples() for one in common_classes(scenes)), strict=True)
    clf = classifier().fit(PixelSamples.concatenate(X), np.concatenate(y))
    names = {label: name.lower() for label, name in clf.class_names_.items()}
    right = np.vectorize(names.get)(clf.predict(scenes[0].cube)) == expected_names("text", "none")
    assert right.mean() > 0.97
    with pytest.raises(HSVLMError, match="Two scenes number their classes differently"):
        PixelSamples.concatenate([one.samples()[0] for one in scenes])


def test_a_classifier_refuses_samples_that_are_numbered_differently(files):
    scene = read_scene(files / "scene.tif", labels=path_of(files, "text"))
    other = read_scene(files / "other" / "scene.tif", labels=path_of(files / "other", "envi"))
    clf = classifier().fit(*scene.samples())
    with pytest.raises(HSVLMError, match="in the class names of the classifier"):
        clf.score(*other.samples())
    like = read_scene(
        files / "other" / "scene.tif",
        labels=path_of(files / "other", "envi"),
        class_names=clf.class_names_,
    )
    assert clf.score(*like.samples()) > 0.97
    with pytest.raises(HSVLMError, match="in the class names of the classifier"):
        classifier(class_names=NAMES).fit(*scene.samples())


@pytest.mark.parametrize("kind", ["shuffled", "set", "text-values"])
def test_evaluations_use_the_same_classes(files, tmp_path, monkeypatch, kind):
    seen = {}

    def keep(estimators, X, y, cv, **more):
        seen.update(clf=estimators["hsvlm"], X=X, y=y, names=more["class_names"])
        raise KeyboardInterrupt

    monkeypatch.setattr("hsvlm.evaluation.evaluate", keep)
    arguments = ["evaluate", files / "scene.tif", "--labels", path_of(files, "text")]
    result = CliRunner().invoke(
        app, [*map(str, arguments), "--prompts", prompt_option(tmp_path, kind), "--splits", "1"]
    )
    assert result.exit_code == 130
    assert seen["names"] == {1: "Asphalt", 2: "Gravel", 3: "Meadows"}
    prompts = seen["clf"].prompts
    expected = load_prompt_set("pavia-university")
    for label, name in seen["names"].items():
        number = next(one for one, same in NAMES.items() if same == name)
        text = expected[number] if kind == "set" else f"text of {name}"
        assert prompts[label][0].lower() == text.lower()


class Words:
    """Encodes each text by a vector of its own."""

    def encode(self, texts):
        seeds = [sum(text.encode()) for text in texts]
        return np.stack([np.random.default_rng(seed).normal(size=8) for seed in seeds])


def test_new_prompts_bring_their_names(files, tmp_path):
    scene = read_scene(files / "scene.tif", labels=path_of(files, "text"))
    clf = classifier().set_params(text_encoder=Words()).fit(*scene.samples())
    assert predict_scene(clf, scene).class_names == {1: "Asphalt", 2: "Gravel", 3: "Meadows"}
    other = clf.with_prompts({1: "meadow herbs", 2: "a bad facade"}, {1: "Grass", 2: "Walls"})
    mapped = predict_scene(other, files / "scene.tif", tmp_path / "map.tif")
    assert mapped.class_names == {1: "Grass", 2: "Walls"}
    assert read_labels(mapped.path, scene).class_names == {1: "Grass", 2: "Walls"}
    unnamed = predict_scene(clf.with_prompts({1: "herbs", 2: "a bad facade"}), files / "scene.tif")
    assert unnamed.class_names == {1: "1", 2: "2"}
    assert not unnamed.text_classes


def test_saved_models_keep_the_names_of_the_scene(files, tmp_path):
    scene = read_scene(files / "scene.tif", labels=path_of(files, "text"))
    clf = classifier().fit(*scene.samples())
    clf.save(tmp_path / "model")
    loaded = HSIPromptClassifier.load(tmp_path / "model")
    assert loaded.class_names is None
    assert loaded.class_names_ == clf.class_names_ == {1: "Asphalt", 2: "Gravel", 3: "Meadows"}
    assert loaded.text_classes_ is True
    assert predict_scene(loaded, scene).class_names == clf.class_names_


def test_numbers_that_differ_from_the_labels_are_reported(files, tmp_path):
    scene = read_scene(files / "scene.tif")
    labels = np.choose(truth(), [0, 70_000, 70_001, 70_002])
    clf = classifier(class_names={70_000: "Asphalt", 70_001: "Gravel"}).fit(scene.cube, labels)
    report = predict_scene(clf, scene, tmp_path / "map.tif").area_report()
    assert report.notes[1] == (
        "In the map, 0 stands for no data, and 1 is Asphalt (70000), 2 is Gravel (70001), 3 is "
        "70002."
    )
    plain = classifier().fit(scene.cube, truth())
    assert not [
        note for note in predict_scene(plain, scene).area_report().notes if "In the" in note
    ]


@settings(max_examples=15)
@given(
    st.permutations(range(1, 6)),
    st.permutations(range(1, 9)),
    st.sampled_from(["text", "geotiff", "envi"]),
    st.sampled_from([str.lower, str.upper, str.title, " {} ".format]),
    st.booleans(),
)
def test_any_numbers_and_spellings_in_files_meet_by_name(left, right, kind, spelling, by_text):
    words = ["oats", "stone road", "lake", "wood", "bare soil"]
    numbers = np.array(left)[np.arange(20) % 5].reshape(4, 5).astype(np.uint8)
    true_words = np.array(words)[np.arange(20) % 5].reshape(4, 5)
    names = dict(zip(left, words, strict=True))
    entries = [
        {
            "prompts": f"about {word}",
            **({"value": spelling(word)} if by_text else {"value": number, "name": spelling(word)}),
        }
        for word, number in zip(words, right, strict=False)
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_scene(folder / "scene.tif", Scene(np.ones((4, 5, 2), np.float32), **GEO))
        (folder / "classes.json").write_text(json.dumps({"classes": entries}))
        path = folder / f"labels.{ {'text': 'geojson', 'geotiff': 'tif', 'envi': 'hdr'}[kind] }"
        if kind == "text":
            x, y = GEO["transform"][2], GEO["transform"][5]
            points = [
                shapely.Point(x + 2 * c + 1, y - 2 * r - 1) for r in range(4) for c in range(5)
            ]
            frame = geopandas.GeoDataFrame(
                {"crop": true_words.ravel()}, geometry=points, crs=GEO["crs"]
            )
            frame.to_crs("EPSG:4326").to_file(path)
        elif kind == "geotiff":
            write_map(path, numbers, scene=Scene(numbers[..., None], **GEO), class_names=names)
        else:
            listed = ["Unclassified", *(names[number] for number in sorted(names))]
            envi.save_classification(path, numbers, class_names=listed, dtype=np.uint8)
        scene = read_scene(folder / "scene.tif", labels=path)
        prompts = join_prompts(folder / "classes.json", scene).prompts
        np.testing.assert_array_equal(
            np.vectorize(lambda label: prompts[label][0])(scene.labels),
            np.char.add("about ", true_words),
        )


@pytest.mark.parametrize("mark", [-1, 255])
def test_class_0_beside_another_value_for_no_label(files, tmp_path, mark):
    classes = truth().astype(int) - 1
    classes[:2] = mark
    scipy.io.savemat(tmp_path / "maps.mat", {"TR": classes, "TE": classes[::-1].copy()})
    names = {0: "asphalt", 1: "meadows", 2: "gravel"}
    entries = [entry(number, name) for number, name in reversed(names.items())]
    (tmp_path / "names.json").write_text(json.dumps({"classes": entries}))
    labels = ["--labels", tmp_path / "maps.mat", "--label-variable", "TR", "--unlabeled", mark]
    prompts = ["--prompts", tmp_path / "names.json"]
    options = [part for one in SETTINGS for part in ("--set", one)]
    run(
        "fit",
        files / "scene.tif",
        *labels,
        *prompts,
        "--output",
        tmp_path / "m",
        "--quiet",
        *options,
    )
    clf = HSIPromptClassifier.load(tmp_path / "m" / "model")
    assert clf.class_names_ == names
    assert clf.prompts_[0] == ("text of asphalt",)
    other = truth(16, 24).astype(int) - 1
    other[0] = mark
    scipy.io.savemat(tmp_path / "other.mat", {"gt": other})
    mapped = run(
        *("predict", tmp_path / "m", files / "other" / "scene.tif", "--output", tmp_path / "map"),
        *("--reference", tmp_path / "other.mat", "--quiet", "--json"),
    )
    assert json.loads(mapped)["overall_accuracy"] > 0.97
    like = read_scene(files / "other" / "scene.tif")
    right = shown(tmp_path / "map" / "map.tif", like) == expected_names("text", "none", (16, 24))
    assert right.mean() > 0.97


def test_scenes_of_different_scales_need_their_physical_values(files, tmp_path):
    made = made_scene()
    for name, factor in (("a", 1e-4), ("b", 2e-4)):
        stored = np.rint(made.cube / factor).astype(np.uint16)
        write_scene(tmp_path / f"{name}.tif", Scene(stored, **GEO))
        path = tmp_path / f"{name}.tif"
        with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as dataset:
            dataset.scales = [factor] * 8
    options = [part for one in SETTINGS for part in ("--set", one)]
    labels = path_of(files, "text")
    fitting = ["fit", tmp_path / "a.tif", labels, *options, "--quiet"]
    predicting = ["predict", tmp_path / "m", tmp_path / "b.tif", "--quiet"]
    with pytest.raises(HSVLMError, match="different scales"):
        run(*fitting, tmp_path / "b.tif", labels, "--output", tmp_path / "m")
    run(*fitting, "--output", tmp_path / "m")
    with pytest.raises(HSVLMError, match="other scales or offsets") as error:
        run(*predicting, "--output", tmp_path / "map")
    assert error.value.for_command_line().endswith('Train with "fit" --apply-scale.')
    shutil.rmtree(tmp_path / "m")
    run(*fitting, tmp_path / "b.tif", labels, "--apply-scale", "--output", tmp_path / "m")
    run(*predicting, "--output", tmp_path / "applied")
    right = shown(tmp_path / "applied" / "map.tif", made) == expected_names("text", "none")
    assert right.mean() > 0.97


def test_several_scenes_may_have_different_kinds_of_labels(files, tmp_path):
    pairs = [files / "scene.tif", path_of(files, "text")]
    pairs += [files / "other" / "scene.tif", path_of(files / "other", "envi")]
    options = [part for one in SETTINGS for part in ("--set", one)]
    target = ["--label-column", "class", "--output", tmp_path / "m", "--quiet"]
    run("fit", *pairs, *target, *options)
    run("predict", tmp_path / "m", files / "scene.tif", "--output", tmp_path / "map", "--quiet")
    like = read_scene(files / "scene.tif")
    right = shown(tmp_path / "map" / "map.tif", like) == expected_names("text", "none")
    assert right.mean() > 0.97
