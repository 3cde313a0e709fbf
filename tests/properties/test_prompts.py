"""Any labels and any texts make the prompts that a reader would write by hand, or an error."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsvlm.exceptions import PromptError
from hsvlm.prompts import read_prompt_file, resolve_prompts, write_prompt_file

# Braces, quotes, what YAML and JSON give a meaning, and letters of more than one form.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("{}%'\"\\:#-&*!|>[], ßİ\u017fé中\u200b\u2028\ufb01"),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: any(unicodedata.category(one)[0] not in "CZ" for one in text))
NUMBERS = st.sampled_from([np.uint8, np.int16, np.int64, np.float32, np.float64, object])


@st.composite
def labels(draw, min_size=1):
    """Distinct labels as ``numpy.unique`` gives them, of a type that label maps come in."""
    if draw(st.booleans()):
        found = draw(st.sets(TEXTS, min_size=min_size, max_size=6))
        return np.unique(np.array(sorted(found), dtype=draw(st.sampled_from([str, object]))))
    found = draw(st.sets(st.integers(0, 255), min_size=min_size, max_size=6))
    return np.array(sorted(found)).astype(draw(NUMBERS))


def alike(text):
    """What is left of a text when case, spacing and what cannot be seen do not count."""
    words, word = [], ""
    seen = "".join(one for one in text if unicodedata.category(one) != "Cf")
    for character in unicodedata.normalize("NFKC", seen) + " ":
        if not character.isspace():
            word += character.casefold()
        elif word:
            words.append(word)
            word = ""
    return tuple(words)


def distinct(texts):
    return len({alike(one) for one in texts}) == len(texts)


def outcome(*arguments):
    try:
        return resolve_prompts(*arguments)
    except PromptError as error:
        return str(error)


@pytest.mark.slow
@given(labels(), st.lists(TEXTS | st.just(""), min_size=2, max_size=4), st.data())
def test_templates_are_filled_with_names_whatever_these_hold(classes, pieces, data):
    keys = classes.tolist()
    named = data.draw(st.dictionaries(st.sampled_from(keys), TEXTS))
    # Pieces must not make a place of their own where they meet.
    pieces = [one.replace("{", "(").replace("}", ")") for one in pieces]
    result = outcome("{}".join(pieces), classes, named)
    expected = [named.get(label, str(label)).join(pieces) for label in keys]
    if not distinct(expected):
        assert "have the same prompt" in result
        return
    assert list(result.items()) == [(k, (text,)) for k, text in zip(keys, expected, strict=True)]


@pytest.mark.slow
@given(labels(min_size=2), st.data())
def test_texts_belong_to_their_labels_and_to_no_other(classes, data):
    keys = classes.tolist()
    given_texts = {key: data.draw(st.lists(TEXTS, min_size=1, max_size=3)) for key in keys}
    shuffled = data.draw(st.permutations(keys))
    # Keys as they come out of an array match those of a list.
    scalars = dict(zip(keys, classes, strict=True))
    as_arrays = data.draw(st.booleans())
    prompts = {scalars[key] if as_arrays else key: given_texts[key] for key in shuffled}
    result = outcome(prompts, classes)
    every = [text for texts in given_texts.values() for text in texts]
    if not distinct(every):
        assert "(case and spacing do not count)" in result or result.endswith(
            " twice. Remove one of the two."
        )
        return
    assert list(result.items()) == [(key, tuple(given_texts[key])) for key in keys]
    missing = shuffled[0]
    del prompts[scalars[missing] if as_arrays else missing]
    assert outcome(prompts, classes).startswith(f"No prompt for class {missing!r}; ")


CHANGES = [
    str.upper,
    str.lower,
    str.title,
    lambda text: unicodedata.normalize("NFKD", text),
    lambda text: text.replace("a", "\u200ba"),
    lambda text: text.replace(" ", "\u00a0\t\n"),
    lambda text: text.replace("a", "b"),
]


@pytest.mark.slow
@given(
    st.text("aß\u017fİ\ufb01éK ", min_size=1, max_size=6).filter(str.strip),
    st.sampled_from(CHANGES),
)
def test_case_spacing_and_the_unseen_make_no_other_text(text, change):
    other = f" {change(text)}\u2003"
    refused = "have the same prompt" in outcome({1: text, 2: other}, np.array([1, 2]))
    assert refused == (alike(text) == alike(other))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".yaml", ".json"])
@given(
    values=st.lists(st.integers(-(2**40), 2**40) | TEXTS, min_size=1, max_size=5, unique=True),
    data=st.data(),
)
def test_files_keep_prompts_names_and_colours(tmp_path_factory, suffix, values, data):
    prompts = {one: data.draw(st.lists(TEXTS, min_size=1, max_size=3)) for one in values}
    names = {one: data.draw(TEXTS) for one in values if data.draw(st.booleans())}
    colours = {one: f"#{data.draw(st.integers(0, 2**24 - 1)):06x}" for one in values[::2]}
    path = tmp_path_factory.mktemp("prompts") / f"classes{suffix}"
    found = read_prompt_file(write_prompt_file(path, prompts, names, colours))
    assert (found.prompts, found.class_names, found.class_colors) == (prompts, names, colours)
    assert list(found.prompts) == list(prompts)
