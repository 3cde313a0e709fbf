"""Classes by name."""

import fractions

import pytest

from hsvlm._system.registry import Registry
from hsvlm.exceptions import ParameterError, UnknownNameError


@pytest.fixture
def numbers():
    return Registry("number", {"half": "fractions:Fraction", "whole": int}, parameter="number")


def test_classes_are_found_and_imported(numbers):
    assert numbers.names() == ["half", "whole"]
    assert numbers.get("half") is fractions.Fraction
    assert numbers.get("whole") is int


def test_names_of_classes(numbers):
    assert numbers.name_of(fractions.Fraction) == "half"
    assert numbers.name_of(int) == "whole"
    assert numbers.name_of(str) is None


def test_new_names(numbers):
    numbers.register("real", float)
    numbers.register("decimal", "decimal:Decimal")
    assert numbers.names() == ["decimal", "half", "real", "whole"]
    assert numbers.get("decimal").__name__ == "Decimal"


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        (
            "half",
            float,
            "A number named 'half' is already registered. Choose another name, or pass the class "
            "itself as number.",
        ),
        (
            "real",
            1.0,
            "The number 'real' is registered as 1.0. Pass a class, or where it is found: "
            '"module:Class".',
        ),
        (
            "real",
            "float",
            "The number 'real' is registered as 'float'. Pass a class, or where it is found: "
            '"module:Class".',
        ),
    ],
)
def test_entries_that_are_refused(numbers, name, entry, message):
    with pytest.raises(ParameterError) as error:
        numbers.register(name, entry)
    assert str(error.value) == message
    assert numbers.names() == ["half", "whole"]


def test_unknown_names(numbers):
    with pytest.raises(UnknownNameError) as error:
        numbers.get("real")
    assert str(error.value) == (
        "Unknown number 'real'. Known: 'half', 'whole'. A torch.nn.Module subclass works too."
    )


@pytest.mark.parametrize("entry", ["no_such_module:Class", "fractions:Half"])
def test_classes_that_do_not_exist(numbers, entry):
    numbers.register("lost", entry)
    with pytest.raises(ParameterError, match=f"'lost' cannot be imported from '{entry}'"):
        numbers.get("lost")
