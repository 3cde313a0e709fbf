"""Classes are the same if they have the same name; numbers decide only without names."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm import PixelSamples, Scene, pixel_samples
from hsvlm.exceptions import DataError, HSVLMWarning, PromptError
from hsvlm.io import LabelMap
from hsvlm.io.classes import with_class_names
from hsvlm.prompts import PromptFile, join_prompts, load_prompt_set, resolve_prompts
from hsvlm.samples import remembered_names
from hsvlm.scene import common_classes

MAP = np.array([[1, 2, 3]])
TEXT = LabelMap(MAP, {1: "asphalt", 2: "oats", 3: "soil"}, text_classes=True)
ENVI = LabelMap(MAP, {1: "asphalt", 2: "oats", 3: "soil"})
BARE = LabelMap(MAP)


def described(names, prompts=None):
    texts = {value: [f"about {name}"] for value, name in names.items()}
    return PromptFile(prompts or texts, names, dict.fromkeys(names, "#00ff00"), "crops.yaml")


@pytest.mark.parametrize("labels", [TEXT, ENVI])
@pytest.mark.parametrize(
    "names",
    [
        {1: "oats", 2: "soil", 3: "asphalt"},
        {30: "SOIL ", 10: "Oats", 20: "  asphalt"},
        {"oats": "oats", "soil": "soil", "asphalt": "asphalt"},
    ],
)
def test_names_decide_and_not_numbers(labels, names):
    joined = join_prompts(described(names), labels)
    about = {
        value: texts[0].removeprefix("about ").strip().lower()
        for value, texts in joined.prompts.items()
    }
    assert about == labels.class_names == joined.class_names


def test_text_values_need_no_name():
    file = PromptFile({"oats": ["o"], "soil": ["s"], "asphalt": ["a"]}, {}, {})
    assert join_prompts(file, TEXT).prompts == {1: ["a"], 2: ["o"], 3: ["s"]}


def test_numbers_decide_where_a_side_has_no_names():
    named = described({3: "oats", 1: "soil", 2: "asphalt"})
    joined = join_prompts(named, BARE)
    assert joined.class_names == {1: "soil", 2: "asphalt", 3: "oats"}
    assert joined.prompts == named.prompts
    bare = PromptFile({1: ["a"], 2: ["b"], "3": ["c"]}, {}, {})
    assert join_prompts(bare, ENVI).prompts == {1: ["a"], 2: ["b"], 3: ["c"]}
    assert join_prompts(bare, ENVI).class_names == ENVI.class_names


@pytest.mark.parametrize("name", ["{}", "Class {}", "0{}"])
@pytest.mark.parametrize("codes", [{1: 0, 2: 1, 3: 2}, {1: 3, 2: 1, 3: 2}, {1: 1, 2: 3, 3: 7}])
def test_names_that_are_codes_of_the_other_side_do_not_match_by_number(name, codes):
    labels = LabelMap(MAP, {value: name.format(code) for value, code in codes.items()})
    described = PromptFile({code: [f"text {code}"] for code in codes.values()}, {}, {})
    with pytest.raises(DataError, match="whether name or number counts is unclear"):
        join_prompts(described, labels)


def test_codes_in_names_that_the_other_side_does_not_have_are_names():
    labels = LabelMap(MAP, {1: "1110", 2: "1120", 3: "2110"})
    prompts = {1: ["a"], 2: ["b"], 3: ["c"]}
    assert join_prompts(PromptFile(prompts, {}, {}), labels).prompts == prompts


@pytest.mark.parametrize("name", ["{}", "Class {}", "class_0{}", "ROI #{}"])
def test_names_that_repeat_the_number_are_none(name):
    labels = LabelMap(MAP, {value: name.format(value) for value in (1, 2, 3)})
    joined = join_prompts(described({1: "oats", 2: "soil", 3: "lake"}), labels)
    assert joined.class_names == {1: "oats", 2: "soil", 3: "lake"}


def test_names_that_say_another_number_are_names():
    labels = LabelMap(MAP, {1: "Class 2", 2: "Class 3", 3: "Class 1"})
    with pytest.raises(PromptError, match="no counterpart"):
        join_prompts(described({1: "oats", 2: "soil", 3: "lake"}), labels)


def test_single_classes_without_a_name_follow_their_number_if_the_named_do():
    labels = LabelMap(MAP, {1: "oats", 2: "soil"})
    same = PromptFile({1: ["o"], 2: ["s"], 3: ["?"]}, {1: "Oats", 2: "Soil"}, {})
    assert join_prompts(same, labels).prompts[3] == ["?"]
    other = PromptFile({1: ["s"], 2: ["o"], 3: ["?"]}, {1: "Soil", 2: "Oats"}, {})
    with pytest.raises(PromptError, match="Class 3 of the labels has no counterpart"):
        join_prompts(other, labels)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({1: "oats", 2: "soil"}, r"Class 1 \('asphalt'\) of the labels has no counterpart"),
        ({1: "asphalt", 2: "oat", 3: "soil"}, r"'oats' meant to be 'oat'\?"),
        ({1: "oats", 2: "Oats ", 3: "soil"}, r"crops\.yaml gives two classes the same name"),
        ({1: "Hafer", 2: "Boden", 3: "Asphalt"}, "Classes 2"),
    ],
)
def test_what_cannot_be_told_is_refused(names, message):
    for labels in (TEXT, ENVI):
        with pytest.raises((PromptError, DataError), match=message):
            join_prompts(described(names), labels)


def test_numbers_of_text_classes_mean_nothing():
    bare = PromptFile({1: ["a"], 2: ["b"], 3: ["c"]}, {}, {}, "crops.yaml")
    with pytest.raises(DataError, match=r"the labels names .* crops\.yaml only numbers"):
        join_prompts(bare, TEXT)
    texts = PromptFile({"oats": ["a"], "soil": ["b"], "lake": ["c"]}, {}, {}, "crops.yaml")
    with pytest.raises(DataError, match=r"crops\.yaml names its classes"):
        join_prompts(texts, BARE)


def test_two_labels_of_one_name_are_refused():
    twice = LabelMap(MAP, {1: "corn", 2: "Corn", 3: "soil"})
    with pytest.raises(DataError, match="the labels gives two classes the same name"):
        join_prompts(described({1: "corn", 2: "soil", 3: "maize"}), twice)


def test_classes_that_only_the_prompts_know_are_said():
    superset = described({9: "maize", 1: "oats", 2: "soil", 3: "asphalt"})
    with pytest.warns(HSVLMWarning, match=r"describes 9 \('maize'\)"):
        joined = join_prompts(superset, TEXT)
    assert sorted(joined.prompts) == [1, 2, 3]


def test_sets_are_matched_by_name():
    labels = LabelMap(np.array([[1, 2]]), {1: "Gravel", 2: "asphalt"}, text_classes=True)
    texts = load_prompt_set("pavia-university")
    assert join_prompts("pavia-university", labels).prompts == {1: [texts[3]], 2: [texts[1]]}
    names = labels.class_names
    resolved = resolve_prompts("pavia-university", np.array([1, 2]), names)
    assert resolved == {1: (texts[3],), 2: (texts[1],)}
    assert resolve_prompts("pavia-university", np.array(["Gravel"])) == {"Gravel": (texts[3],)}
    with pytest.raises(PromptError, match=r"'oats'.* no counterpart in the prompt set"):
        resolve_prompts("pavia-university", np.array([1]), {1: "oats"})


def test_dicts_may_be_keyed_by_name():
    names = {1: "oats", 2: "soil"}
    resolved = resolve_prompts({"Soil": "bare", "oats": "a crop"}, np.array([1, 2]), names)
    assert resolved == {1: ("a crop",), 2: ("bare",)}


@pytest.mark.slow
@given(st.permutations(range(1, 6)), st.permutations(range(1, 6)), st.booleans(), st.booleans())
def test_any_numbering_gives_every_class_its_own_prompt(left, right, shout, text):
    words = ["oats", "soil", "lake", "road", "wood"]
    labels = LabelMap(np.array([left]), dict(zip(left, words, strict=True)), text_classes=text)
    file = described(
        {number: word.upper() if shout else word for number, word in zip(right, words, strict=True)}
    )
    joined = join_prompts(file, labels)
    assert {joined.prompts[label][0].lower() for label in left} == {f"about {one}" for one in words}
    for label in left:
        assert joined.prompts[label][0].lower() == f"about {labels.class_names[label]}"


def scene(values, names=None, **more):
    return Scene(np.ones((1, len(values), 3)), np.array([values]), names or {}, **more)


def test_several_scenes_get_one_numbering():
    first = scene([1, 2], {1: "oats", 2: "soil"}, text_classes=True)
    second = scene([1, 2, 3], {1: "lake", 2: "Oats", 3: "soil"}, text_classes=True)
    one, two = common_classes([first, second])
    assert one.class_names == two.class_names == {1: "oats", 2: "soil", 3: "lake"}
    assert one.labels.tolist() == [[1, 2]]
    assert two.labels.tolist() == [[3, 1, 2]]
    assert one.text_classes


def test_scenes_without_names_are_joined_by_number():
    one, two = common_classes([scene([1, 2], {1: "oats", 2: "soil"}), scene([0, 2, 5])])
    assert two.labels.tolist() == [[0, 2, 5]]
    assert one.class_names == two.class_names == {1: "oats", 2: "soil"}
    with pytest.raises(DataError, match="names its classes"):
        common_classes([scene([1, 2], {1: "oats", 2: "soil"}, text_classes=True), scene([2, 5])])


@pytest.mark.slow
@given(st.permutations(range(1, 6)), st.permutations(range(1, 6)))
def test_any_two_numberings_become_one(left, right):
    words = ["oats", "soil", "lake", "road", "wood"]
    pair = [scene(order, dict(zip(order, words, strict=True))) for order in (left, right)]
    one, two = common_classes(pair)
    assert one.labels.tolist() == two.labels.tolist() == [list(left)]
    assert one.class_names == two.class_names


def test_samples_remember_the_names_of_their_scene():
    named = scene([1, 2, 2, 0], {1: "oats", 2: "soil"}, text_classes=True)
    X, y = named.samples()
    assert remembered_names(X, y).names == {1: "oats", 2: "soil"}
    assert remembered_names(X[1:], y[1:]).is_text
    assert remembered_names(X, y[::-1]) is None
    y -= 1
    assert remembered_names(X, y) is None
    assert remembered_names(X.map_spectra(lambda spectra: spectra), y + 1) is not None
    assert remembered_names(*pixel_samples(named.cube, named.labels)) is None


def test_scenes_that_number_differently_cannot_be_concatenated():
    first = scene([1, 2], {1: "oats", 2: "soil"})
    second = scene([1, 2], {1: "lake", 2: "oats"})
    parts = [one.samples()[0] for one in (first, second)]
    with pytest.raises(DataError, match="Two scenes number their classes differently"):
        PixelSamples.concatenate(parts)
    X = PixelSamples.concatenate([one.samples()[0] for one in common_classes([first, second])])
    assert remembered_names(X, np.array([1, 2, 3, 1])).names == {1: "oats", 2: "soil", 3: "lake"}


def test_a_class_of_number_0_survives_where_0_stands_for_no_label_elsewhere():
    first = scene([0, 1, 255], {0: "oats", 1: "soil"}, unlabeled=255)
    second = scene([0, 1, 2], {1: "Soil", 2: "Oats"})
    one, two = common_classes([first, second])
    assert one.class_names == {0: "oats", 1: "soil"}
    assert [name_of(one), name_of(two)] == [["oats", "soil", None], [None, "soil", "oats"]]
    one, two = common_classes([second, first])
    assert [name_of(one), name_of(two)] == [[None, "Soil", "Oats"], ["Oats", "Soil", None]]
    labels = LabelMap(np.array([[0, 1, 2]]), {1: "Soil", 2: "Oats"})
    renamed = with_class_names(labels, first.class_names, "a file")
    assert name_of(renamed) == [None, "soil", "oats"]


def name_of(labeled):
    return [
        None if label == labeled.unlabeled else labeled.class_names[label]
        for label in np.asarray(labeled.labels).ravel().tolist()
    ]


def test_classes_of_a_picture_go_by_their_colors():
    palette = {1: "#0000FF", 2: "#00FF00", 3: "#FF0000"}
    picture = LabelMap(MAP, palette, dict(palette), text_classes=True)
    names = {5: "lake", 6: "meadow", 7: "roof"}
    colors = {7: "#ff0000", 6: "#00ff00", 5: "#0000ff"}
    texts = {number: [f"a {name}"] for number, name in names.items()}
    joined = join_prompts(PromptFile(texts, names, colors), picture)
    assert joined.class_names == {1: "lake", 2: "meadow", 3: "roof"}
    assert joined.prompts == {1: ["a lake"], 2: ["a meadow"], 3: ["a roof"]}
    by_value = PromptFile({color: [color] for color in palette.values()}, {}, {})
    assert join_prompts(by_value, picture).prompts[3] == ["#FF0000"]
    with pytest.raises(PromptError, match="no counterpart"):
        join_prompts(PromptFile(texts, names, {}), picture)
    with pytest.raises(DataError, match="two classes one color"):
        join_prompts(PromptFile(texts, names, dict.fromkeys(names, "#0000FF")), picture)
