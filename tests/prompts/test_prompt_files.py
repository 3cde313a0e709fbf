import json
from pathlib import Path

import numpy as np
import pytest

from hsvlm.exceptions import DataError, FileError, MissingFileError, PromptError
from hsvlm.io import LabelMap
from hsvlm.prompts import (
    PromptFile,
    join_prompts,
    load_class_colors,
    read_prompt_file,
    write_prompt_file,
)

REMEDY = (
    'A file of classes holds "classes", a list with value, name, color and prompts of each class '
    '(only the value is required), and perhaps "template", a text with {} for the name.'
)


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
def test_written_files_are_read(tmp_path, suffix):
    path = tmp_path / f"classes{suffix}"
    prompts = {1: ("a field of oats", "oats in drills"), 2: "bare soil", "dÿ": ["a dike"]}
    write_prompt_file(path, prompts, {1: "Oats"}, {1: "#00ff00", 2: "#886644"})
    found = read_prompt_file(path)
    assert found.prompts == {
        1: ["a field of oats", "oats in drills"],
        2: ["bare soil"],
        "dÿ": ["a dike"],
    }
    assert found.class_names == {1: "Oats"}
    assert found.class_colors == {1: "#00ff00", 2: "#886644"}
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_template_serves_classes_without_prompts(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text(
        "template: a field of {}\n"
        "classes:\n"
        "  - {value: 1, name: oats}\n"
        "  - {value: 2, prompts: bare soil}\n"
    )
    assert read_prompt_file(path).prompts == {1: ["a field of oats"], 2: ["bare soil"]}


def test_names_alone_leave_the_prompts_to_the_template(tmp_path):
    path = tmp_path / "classes.json"
    content = {"classes": [{"value": 1, "name": "oats"}, {"value": 2}]}
    path.write_text(json.dumps(content))
    assert read_prompt_file(path).prompts is None
    path.write_text(json.dumps({**content, "template": "an image of {}"}))
    assert read_prompt_file(path).prompts == "an image of {}"


@pytest.mark.parametrize("kind", [str, Path])
def test_files_without_prompts_are_joined_as_they_are(tmp_path, kind):
    path = tmp_path / "classes.json"
    content = {"classes": [{"value": 1, "name": "oats"}, {"value": 2, "name": "soil"}]}
    path.write_text(json.dumps(content))
    joined = join_prompts(kind(path), LabelMap(np.array([[1, 2]])))
    assert (joined.prompts, joined.class_names) == (None, {1: "oats", 2: "soil"})
    path.write_text(json.dumps({**content, "template": "an image of {}"}))
    assert join_prompts(kind(path), LabelMap(np.array([[1, 2]]))).prompts == "an image of {}"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        ("", "there is no list called classes"),
        ("- 1", "there is no list called classes"),
        ("classes: 3", "there is no list called classes"),
        ("classes: []\nlegend: 1", "the file has 'legend'"),
        ("classes: []\ntemplate: crops", "template is 'crops'"),
        ("classes: [oats]", "class 1 of the list has no value"),
        ("classes: [{value: 1}, {name: oats}]", "class 2 of the list has no value"),
        ("classes: [{value: 1, colour: red}]", "class 1 of the list has 'colour'"),
    ],
)
def test_files_of_another_form(tmp_path, content, wrong):
    path = tmp_path / "classes.yaml"
    path.write_text(content)
    with pytest.raises(FileError) as error:
        read_prompt_file(path)
    assert str(error.value) == f"{path}: {wrong}. {REMEDY}"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{value: 1.5}", "the value of class 1 of the list is 1.5. Values are whole numbers"),
        ("{value: ' '}", "the value of class 1 of the list is ' '. Values are"),
        ("{value: true}", "the value of class 1 of the list is True. Values are"),
        ("{value: 1, name: 7}", "the name of class 1 of the list is 7. Names are texts."),
        ("{value: 1, name: ' '}", "the name of class 1 of the list is ' '. Names are texts."),
        ("{value: 1, color: red}", "the color of class 1 of the list is 'red'. Write colors as"),
        ("{value: 1, prompts: 5}", "the prompts of class 1 are 5. Give one text or a list of"),
        ("{value: 1, prompts: []}", "the prompts of class 1 are []. Give one text or"),
        ("{value: 1, prompts: a}, {value: 2}", "the prompts of class 2 are None. Give one text"),
        ("{value: 1}, {value: 1}", "the value 1 occurs twice. Give each class its own."),
    ],
)
def test_entries_that_cannot_be_used(tmp_path, entry, message):
    path = tmp_path / "classes.yaml"
    path.write_text(f"classes: [{entry}]")
    with pytest.raises(FileError) as error:
        read_prompt_file(path)
    assert str(error.value).startswith(f"{path}: {message}")


def test_files_that_are_no_text_of_their_kind(tmp_path):
    for name, content, message in (
        ("a.yaml", b"classes: [", "this is not YAML: while parsing a flow"),
        ("a.json", b"{", "this is not JSON: Expecting property name"),
        ("a.json", b"[" * 100_000, "this is not JSON: "),
        ("b.yaml", b"\xff\xfe\x00", "the text is not UTF-8. Save it as UTF-8."),
        (
            "a.txt",
            b"classes: []",
            "the suffix '.txt' is unknown. Such files end in .json, .yaml or",
        ),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(FileError) as error:
            read_prompt_file(path)
        assert str(error.value).startswith(f"{path}: {message}")
    with pytest.raises(MissingFileError, match=r"none\.yaml does not exist\. Give the path of a"):
        read_prompt_file(tmp_path / "none.yaml")


def test_yaml_runs_no_code(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("classes: !!python/object/apply:os.getcwd []")
    with pytest.raises(FileError, match="could not determine a constructor"):
        read_prompt_file(path)


def test_a_failed_write_leaves_the_older_file(tmp_path):
    path = write_prompt_file(tmp_path / "classes.json", {1: "oats"})
    with pytest.raises(TypeError):
        write_prompt_file(path, {1: [object()]})
    assert read_prompt_file(path).prompts == {1: ["oats"]}
    with pytest.raises(FileError, match=r"the suffix '\.txt' is unknown"):
        write_prompt_file(tmp_path / "classes.txt", {1: "oats"})
    assert [one.name for one in tmp_path.iterdir()] == ["classes.json"]


def test_colors_of_a_set_come_after_those_of_the_labels():
    colors = load_class_colors("pavia-university")
    labels = LabelMap(np.array([[1, 2]]), {1: "Meadows", 2: "asphalt"}, {2: "#123456"})
    joined = join_prompts("pavia-university", labels)
    assert joined.class_colors == {1: colors[2], 2: "#123456"}


def test_a_picture_is_not_matched_with_the_colors_of_a_set():
    colors = load_class_colors("pavia-university")
    labels = LabelMap(np.array([[1]]), {1: colors[3]}, {1: colors[3]})
    with pytest.raises(PromptError):
        join_prompts("pavia-university", labels)


LABELS = LabelMap(np.array([[1, 2]]))


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_labels_and_texts_of_numpy_are_written(tmp_path, suffix):
    path = tmp_path / f"classes{suffix}"
    texts = {np.int64(1): np.array(["oats", "a field of oats"]), np.float32(2): np.str_("soil")}
    write_prompt_file(path, texts, {1: np.str_("Oats")}, {2: np.str_("#886644")})
    content = read_prompt_file(path)
    assert content.prompts == {1: ["oats", "a field of oats"], 2: ["soil"]}
    assert [type(label) for label in content.labels] == [int, int]
    assert (content.class_names, content.class_colors) == ({1: "Oats"}, {2: "#886644"})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (({1.5: "a"},), "the value of class 1 of the list is 1.5"),
        (({1: "a", (2, 3): "b"},), r"the value of class 2 of the list is \(2, 3\)"),
        (({1: "a"}, {1: " "}), "the name of class 1 of the list is ' '"),
        (({1: "a"}, {}, {1: "red"}), "the color of class 1 of the list is 'red'"),
    ],
)
def test_what_could_not_be_read_is_not_written(tmp_path, arguments, problem):
    path = write_prompt_file(tmp_path / "classes.yaml", {1: "oats"})
    with pytest.raises(FileError, match=problem):
        write_prompt_file(path, *arguments)
    assert read_prompt_file(path).prompts == {1: ["oats"]}


@pytest.mark.parametrize("prompts", [None, "a field of {}", ["oats"]])
def test_prompts_without_labels_are_not_written(tmp_path, prompts):
    with pytest.raises(PromptError, match=r"^prompts must be a dict \{label: text or texts\}, got"):
        write_prompt_file(tmp_path / "classes.json", prompts)


def test_the_home_folder_and_missing_folders_of_written_files(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert write_prompt_file("~/classes.json", {1: "oats"}) == tmp_path / "classes.json"
    with pytest.raises(MissingFileError, match=r"there is no folder .*none\. Create it"):
        write_prompt_file(tmp_path / "none" / "classes.json", {1: "oats"})


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_mark_of_utf8_is_skipped(tmp_path, suffix):
    path = tmp_path / f"classes{suffix}"
    path.write_text('{"classes": [{"value": 1, "name": "Gerät"}]}', encoding="utf-8-sig")
    assert read_prompt_file(path).class_names == {1: "Gerät"}


def test_codes_with_leading_zeros_are_decimal(tmp_path):
    path = tmp_path / "classes.yaml"
    codes = ("007", "008", "009", "010", "011", "+012", "0x1F", "1_000", "1:30")
    path.write_text("classes:\n" + "".join(f"- value: {code}\n" for code in codes))
    assert read_prompt_file(path).labels == (7, "008", "009", 10, 11, 12, 31, 1000, "1:30")
    prompts = {code: f"text {int(code)}" for code in ("008", "009", "010", "011")}
    assert read_prompt_file(write_prompt_file(path, prompts)).labels == tuple(prompts)
    path.write_text("classes: [{value: 009, prompts: a}, {value: 010, prompts: b}]")
    joined = join_prompts(path, LabelMap(np.array([[9, 10]])))
    assert joined.prompts == {9: ["a"], 10: ["b"]}


@pytest.mark.parametrize("second", ['"1"', '"01"', "' 1 '", "'+1'"])
def test_two_spellings_of_a_number_are_refused(tmp_path, second):
    path = tmp_path / "classes.yaml"
    path.write_text(
        "classes: [{value: 1, prompts: oats}, {value: 2, prompts: soil}, "
        f"{{value: {second}, prompts: water}}]"
    )
    with pytest.raises(DataError, match="gives two classes the number 1: 1 and '"):
        join_prompts(path, LABELS)


@pytest.mark.parametrize("second", ["oats", "Oats ", "OATS"])
def test_two_classes_of_one_name_are_refused_also_where_numbers_decide(second):
    content = PromptFile({1: ["a"], 2: ["b"]}, {1: "oats", 2: second}, {})
    with pytest.raises(DataError, match="two classes the same name, except for case and spacing"):
        join_prompts(content, LABELS)


def test_single_texts_of_a_prompt_file_are_whole():
    content = PromptFile({1: "oats", 2: ("bare soil", "mud")}, {}, {})
    assert join_prompts(content, LABELS).prompts == {1: ["oats"], 2: ["bare soil", "mud"]}


@pytest.mark.parametrize("prompts", [{1: "oats", 2: "soil"}, ["oats", "soil"], 3])
def test_prompts_that_are_neither_file_nor_text_cannot_be_joined(prompts):
    with pytest.raises(PromptError, match=f"or None, got {type(prompts).__name__}. A dict goes in"):
        join_prompts(prompts, LABELS)


@pytest.mark.parametrize(
    ("prompts", "names", "message"),
    [
        ({1: "a", 2: np.nan}, {}, "The prompt of class 2 must be a string or a list of strings"),
        ({1: "a", 2: ["b", None]}, {}, "Every prompt of class 2 must be a string, got None"),
        ({1: "a", 2: " "}, {}, "A prompt of class 2 is empty"),
        ({1: "a", 2: "b"}, {1: np.nan}, r"class_names\[1\] must be a string that is not empty"),
        ({1: "a", 2: "b"}, ["oats", "soil"], "class_names must be a dict"),
    ],
)
def test_empty_cells_of_a_table_are_no_names_or_texts(prompts, names, message):
    with pytest.raises(PromptError, match=message):
        join_prompts(PromptFile(prompts, names, {}), LABELS)


@pytest.mark.parametrize("values", [(1.2, 2.5), (1, 2.5), (np.nan, 2), (np.inf, 2), ((1, 1), 2)])
def test_fractions_are_not_the_numbers_below_them(values):
    content = PromptFile(dict(zip(values, ("oats", "soil"), strict=True)), {}, {})
    with pytest.raises(DataError, match="and the labels only numbers them: 1, 2"):
        join_prompts(content, LABELS)


@pytest.mark.parametrize("kind", [float, np.float32, np.int64, str])
def test_whole_numbers_of_any_type_are_labels(kind):
    content = PromptFile({kind(1): "oats", kind(2): "soil"}, {}, {})
    assert join_prompts(content, LABELS).prompts == {1: ["oats"], 2: ["soil"]}
