"""Text files that give one key twice: no value replaces another in silence."""

import pytest

from hsvlm.exceptions import FileError
from hsvlm.prompts import read_prompt_file

BROKEN = {
    "block.yaml": (
        "classes: [{value: 1, prompts: a}]\nclasses: []\n",
        "'classes' .* lines 1 and 2",
    ),
    "flow.yml": ("classes: [{value: 1, name: a, value: 2}]\n", "'value' .* lines 1 and 1"),
    "numbers.yaml": ("1: oats\n0x1: soil\n", "the key 1 .* lines 1 and 2"),
    "quoted.yaml": ('"a": 1\na: 2\n', "'a' .* lines 1 and 2"),
    "deep.json": ('{"classes": [{"value": 1, "value": 2}]}', "'value' is given twice"),
    "top.json": ('{"classes": [], "classes": []}', "'classes' is given twice"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_key_that_is_given_twice_is_refused(tmp_path, name):
    text, message = BROKEN[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError, match=message):
        read_prompt_file(tmp_path / name)


def test_equal_keys_of_different_mappings_are_fine(tmp_path):
    path = tmp_path / "classes.yaml"
    path.write_text("classes: [{value: 1, prompts: a}, {value: 2, prompts: b}]\n")
    assert set(read_prompt_file(path).prompts) == {1, 2}
