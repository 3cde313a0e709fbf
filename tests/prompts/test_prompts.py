"""Tests of class prompts: forms, shipped sets, validation."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.exceptions import HSVLMWarning, PromptError, UnknownNameError
from hsvlm.prompts import (
    DEFAULT_TEMPLATE,
    fill_template,
    list_prompt_sets,
    load_class_names,
    load_prompt_set,
    resolve_prompts,
)

SETS = "'botswana', 'houston-2013', 'indian-pines', 'ksc', 'pavia-university', 'salinas'"
N_CLASSES = {
    "botswana": 14,
    "houston-2013": 15,
    "indian-pines": 16,
    "ksc": 13,
    "pavia-university": 9,
    "salinas": 16,
}
THREE = np.array([1, 2, 3])


def message_of(*arguments, **keywords):
    with pytest.raises(PromptError) as caught:
        resolve_prompts(*arguments, **keywords)
    return str(caught.value)


def test_fill_template_leaves_other_braces_alone():
    assert fill_template("{x} {} {", ["a", "b{}"]) == ["{x} a {", "{x} b{} {"]


def test_fill_template_without_place():
    with pytest.raises(PromptError) as caught:
        fill_template("a field", ["oats"])
    assert str(caught.value) == (
        "The template 'a field' has no place for a name. "
        'Write "{}" where the name of the class goes.'
    )


def test_fill_template_with_a_single_text():
    with pytest.raises(PromptError, match="names must be a list of names, got the text 'oats'"):
        fill_template("a field of {}", "oats")


def test_default_template_has_one_place():
    assert DEFAULT_TEMPLATE.count("{}") == 1


def test_list_prompt_sets():
    assert list_prompt_sets() == sorted(N_CLASSES)


@pytest.mark.parametrize("name", sorted(N_CLASSES))
def test_shipped_sets_are_complete_and_valid(name):
    labels = np.arange(1, N_CLASSES[name] + 1)
    prompts, names = load_prompt_set(name), load_class_names(name)
    assert list(prompts) == list(names) == labels.tolist()
    assert max(map(len, prompts.values())) <= 200
    assert resolve_prompts(name, labels) == resolve_prompts(prompts, labels)
    resolve_prompts(None, labels, names)


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("indian-pines", 2, "Corn-notill"),
        ("indian-pines", 16, "Stone-Steel-Towers"),
        ("pavia-university", 1, "Asphalt"),
        ("pavia-university", 9, "Shadows"),
        ("salinas", 15, "Vineyard untrained"),
        ("ksc", 5, "Slash pine"),
        ("botswana", 7, "Firescar"),
        ("houston-2013", 12, "Parking lot 1"),
    ],
)
def test_class_names_follow_the_usual_ground_truth(name, label, expected):
    assert load_class_names(name)[label] == expected


@pytest.mark.parametrize("load", [load_prompt_set, load_class_names])
def test_loaded_sets_are_copies(load):
    load("ksc")[1] = "changed"
    assert load("ksc")[1] != "changed"


@pytest.mark.parametrize("load", [load_prompt_set, load_class_names])
def test_unknown_set(load):
    with pytest.raises(UnknownNameError) as caught:
        load("indian-pine")
    assert str(caught.value) == f"Unknown prompt set 'indian-pine'. Known: {SETS}."


def test_dict_keeps_the_order_of_classes():
    resolved = resolve_prompts({3: "c", 1: ["a", "b"], 2: ("d",)}, THREE)
    assert list(resolved.items()) == [(1, ("a", "b")), (2, ("d",)), (3, ("c",))]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float64, object])
def test_python_keys_match_numpy_labels_and_back(dtype):
    classes = np.array([1, 2], dtype=dtype)
    assert resolve_prompts({1: "a", 2: "b"}, classes) == {1: ("a",), 2: ("b",)}
    assert resolve_prompts({np.int32(1): "a", np.int32(2): "b"}, classes)[1] == ("a",)


def test_string_labels():
    classes = np.unique(["Corn", "Woods"])
    prompts = {"Corn": np.str_("maize"), np.str_("Woods"): "forest"}
    resolved = resolve_prompts(prompts, classes)
    assert resolved == {"Corn": ("maize",), "Woods": ("forest",)}
    assert {type(label) for label in resolved} == {str}
    assert type(resolved["Corn"][0]) is str


def test_texts_as_array():
    texts: Any = np.array(["a", "b"])
    assert resolve_prompts({1: texts}, np.array([1])) == {1: ("a", "b")}


def test_template_uses_names_and_falls_back_to_labels():
    assert resolve_prompts("over {}", THREE, {1: "oats", 9: "absent"}) == {
        1: ("over oats",),
        2: ("over 2",),
        3: ("over 3",),
    }


def test_none_is_the_default_template():
    assert resolve_prompts(None, THREE) == resolve_prompts(DEFAULT_TEMPLATE, THREE)


def test_set_takes_the_classes_at_hand():
    assert resolve_prompts("salinas", np.array([3, 8])) == {
        label: (load_prompt_set("salinas")[label],) for label in (3, 8)
    }


def test_set_without_the_class():
    assert message_of("pavia-university", np.array([1, 10, 11])) == (
        "The prompt set 'pavia-university' has no prompt for classes 10, 11; its labels are 1 to "
        "9. Use the labels of that scene's ground truth, or pass a dict with a text for each "
        "class."
    )


def test_declared_class_without_samples_is_not_used():
    assert resolve_prompts({1: "a", 2: "b"}, np.array([1]), {2: "absent here"}) == {1: ("a",)}


@pytest.mark.parametrize("prompts", ["indian-pine", 42, ["a", "b", "c"]])
def test_unusable_form(prompts):
    assert message_of(prompts, THREE) == (
        f"prompts={prompts!r} cannot be used. Pass a dict with one text (or a list of texts) for "
        'each class, a template that contains "{}" where the name of the class goes, or the name '
        f"of a prompt set ({SETS})."
    )


@pytest.mark.parametrize("names", [["oats", "wheat"], "oats"])
def test_class_names_must_be_a_dict(names):
    assert message_of(None, THREE, names) == (
        f"class_names must be a dict {{label: name}}, got {type(names).__name__}. "
        "A sequence does not say which label its first name belongs to; pass "
        "dict(enumerate(names, start=1)) if the labels are 1, 2, 3."
    )


@pytest.mark.parametrize("name", [7, " ", None])
def test_class_name_must_be_text(name):
    assert message_of(None, THREE, {1: name}) == (
        f"class_names[1] must be a string that is not empty, got {name!r}. "
        "Name the class, or leave it out to use its label."
    )


def test_class_names_of_other_labels():
    assert message_of(None, THREE, {"1": "oats", "2": "wheat"}) == (
        "class_names names classes '1', '2', none of which is in y, whose labels are 1, 2, 3. "
        "Use the labels of y as keys, of the same type."
    )


@pytest.mark.parametrize("prompts", [None, "a {}", "pavia-university"])
@pytest.mark.parametrize(
    ("labels", "names", "absent"),
    [
        ([1, 2, 3], {"1": "Meadows", "2": "Asphalt"}, "classes '1', '2'"),
        ([1, 2, 3], {1: "Asphalt", "2": "Meadows", 3: "Gravel"}, "class '2'"),
        ([1.0, 2.0, 3.0], {np.str_("1.0"): "Asphalt"}, "class '1.0'"),
    ],
)
def test_names_by_labels_of_another_type_are_refused(prompts, labels, names, absent):
    assert message_of(prompts, np.array(labels), names).startswith(
        f"class_names names {absent}, none of which is in y, whose labels are"
    )


def test_names_by_numbers_of_text_labels_are_refused():
    labels = np.array(["oats", "soil"])
    assert "class_names names classes 1, 2, none of which is in y" in message_of(
        "a {}", labels, {1: "oats", 2: "soil"}
    )


def test_a_set_needs_names_of_the_classes_at_hand():
    assert "class_names names class 7, none of which" in message_of("salinas", THREE, {7: "Celery"})


@pytest.mark.parametrize("shift", [-1, 1])
@pytest.mark.parametrize("prompts", ["a {}", {1: "a", 2: "b", 3: "c", 4: "d", 0: "e"}])
def test_names_that_count_from_another_number_are_noticed(prompts, shift):
    names = {label + shift: f"name {label}" for label in (1, 2, 3)}
    if isinstance(prompts, dict):
        prompts = {label: text for label, text in prompts.items() if label in {1, 2, 3, *names}}
    with pytest.warns(HSVLMWarning, match=r"y has 1, 2, 3: if they count from different numbers"):
        resolve_prompts(prompts, THREE, names)


@pytest.mark.parametrize("names", [{1: "a", 2: "b"}, {0: "none", 1: "a", 2: "b", 3: "c"}, {4: "d"}])
def test_names_of_some_or_of_more_classes_are_fine(names, recwarn):
    resolve_prompts({1: "a", 2: "b", 3: "c"}, THREE, names)
    assert not recwarn.list


def test_two_classes_of_one_name_are_noticed():
    with pytest.warns(HSVLMWarning) as caught:
        resolve_prompts({1: "a", 2: "b", 3: "c"}, THREE, {1: "oats", 2: "soil", 3: " Oats"})
    assert [str(warning.message) for warning in caught] == [
        "Classes 1 and 3 have the same name ' Oats' (case and spacing do not count), so maps and "
        "reports do not tell them apart. Give each class a name of its own."
    ]


@pytest.mark.parametrize("key", ["oats", " Oats", "OATS"])
def test_texts_under_the_label_and_the_name_of_a_class_are_refused(key):
    names = {1: "oats", 2: "soil"}
    assert message_of({1: "a", key: "b", "soil": "c"}, np.array([1, 2]), names) == (
        "prompts has texts for class 1 under its label and under its name 'oats'. Put them into "
        "one list."
    )


def test_classes_may_be_a_list():
    assert resolve_prompts({1: "a", 2: "b"}, [2, 1]) == {2: ("b",), 1: ("a",)}


@pytest.mark.parametrize(
    ("prompts", "missing", "got"),
    [
        ({1: "a"}, "classes 2, 3", "class 1"),
        ({1: "a", 3: "c", 4: "d"}, "class 2", "classes 1, 3, 4"),
        ({"1": "a"}, "classes 1, 2, 3", "class '1'"),
        ({}, "classes 1, 2, 3", "no class"),
    ],
)
def test_class_without_prompt(prompts, missing, got):
    assert message_of(prompts, THREE) == (
        f"No prompt for {missing}; prompts has texts for {got}. Give each class of y a text (or "
        'a list of texts) under its own label, or pass one template that contains "{}" for all '
        "classes."
    )


def test_long_lists_of_labels_are_cut():
    assert message_of({}, np.arange(14)).startswith(
        "No prompt for classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 4 more; "
    )


def test_prompt_of_no_class():
    prompts = {1: "a", 2: "b", 3: "c", 4: "d", "x": "e"}
    assert message_of(prompts, THREE) == (
        "prompts has texts for classes 4, 'x', absent from y, whose labels are 1, 2, 3. Remove "
        "them; or, where such a class exists and only has no sample here (as in a "
        "cross-validation fold), declare it in class_names."
    )


@pytest.mark.parametrize("empty", ["", "  \n"])
@pytest.mark.parametrize("wrap", [str, lambda text: ["fine", text]])
def test_empty_prompt(empty, wrap):
    assert message_of({1: wrap(empty), 2: "b", 3: "c"}, THREE) == (
        f"A prompt of class 1 is empty ({empty!r}). Describe the class in words, or at least "
        "name it."
    )


def test_empty_list():
    assert message_of({1: "a", 2: [], 3: "c"}, THREE) == (
        "The list of prompts of class 2 is empty. Give it at least one text."
    )


@pytest.mark.parametrize("value", [b"maize", 3, None, {"maize"}])
def test_prompt_of_another_type(value):
    assert message_of({1: "a", 2: "b", 3: value}, THREE) == (
        f"The prompt of class 3 must be a string or a list of strings, got {value!r} "
        f"({type(value).__name__})."
    )


@pytest.mark.parametrize("value", [b"maize", 3, None])
def test_element_of_another_type(value):
    assert message_of({1: "a", 2: "b", 3: ["c", value]}, THREE) == (
        f"Every prompt of class 3 must be a string, got {value!r} ({type(value).__name__})."
    )


@pytest.mark.parametrize("second", ["a field", "A  Field", "\ta field "])
def test_identical_prompts_of_two_classes(second):
    assert message_of({1: "a field", 2: "b", 3: ["c", second]}, THREE) == (
        f"Classes 1 and 3 have the same prompt {second!r} (case and spacing do not count), so no "
        "text distinguishes them. Give each class its own text, or its own name in class_names "
        "if a template is used."
    )


def test_identical_names_in_a_template():
    assert "Classes 1 and 2 have the same prompt" in message_of(None, THREE, {1: "oats", 2: "Oats"})


def test_duplicate_in_one_list():
    assert message_of({1: "a", 2: ["b", "B "], 3: "c"}, THREE) == (
        "Class 2 has the prompt 'B ' twice. Remove one of the two."
    )


@pytest.mark.slow
@given(
    st.dictionaries(st.integers(0, 9), st.integers(1, 3), min_size=1),
    st.sets(st.integers(0, 9)),
)
def test_dict_is_accepted_exactly_when_it_covers_the_classes(counts, names):
    prompts = {label: [f"{label}-{i}" for i in range(n)] for label, n in counts.items()}
    classes = np.array(sorted(counts))[: max(1, len(counts) // 2)]
    declared = {label: f"name {label}" for label in names}
    unused = counts.keys() - set(classes.tolist())
    if unused <= names:
        resolved = resolve_prompts(prompts, classes, declared)
        assert resolved == {label: tuple(prompts[label]) for label in classes.tolist()}
    else:
        assert "absent from y" in message_of(prompts, classes, declared)


@pytest.mark.slow
def test_import_is_light():
    code = (
        "import sys, hsvlm.prompts, hsvlm.text; "
        "print([m for m in ('torch', 'transformers', 'sentence_transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
