"""What the parameters of encoders take is told by their constructors."""

import inspect
from collections.abc import Sequence
from typing import Literal

import pytest

from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import named_choices, own_parameters, value_problem


@pytest.mark.parametrize("name", list_vision_encoders())
def test_every_default_is_taken_and_every_annotation_understood(name):
    for parameter in own_parameters(get_vision_encoder(name)).values():
        if parameter.default is not parameter.empty:
            assert value_problem(parameter, parameter.default) == ""
        assert value_problem(parameter, object()).startswith(f"{parameter.name} takes ")


def test_annotations_may_be_types_or_missing():
    # The annotations of this module are types, those of the encoders texts.
    def encoder(
        bare,
        whole: int,
        share: float,
        mode: Literal["mean", "max"],
        depths: Sequence[int],
        path: str | None,
        count=3,
        optional=None,
    ):
        return bare, whole, share, mode, depths, path, count, optional

    known = inspect.signature(encoder).parameters
    assert named_choices(known["mode"]) == ["mean", "max"]
    for name, fitting, other, words in (
        ("whole", 2, 2.5, "a whole number"),
        ("share", 2, True, "a number"),
        ("mode", "max", "min", '"mean" or "max"'),
        ("depths", [1, 2], 1, "a list of numbers"),
        ("path", "folder", 3, "a text or none"),
        ("path", None, False, "a text or none"),
        ("count", 4, "few", "a whole number"),
    ):
        assert value_problem(known[name], fitting) == ""
        assert value_problem(known[name], other) == f"{name} takes {words}"
    for name in ("bare", "optional"):
        assert value_problem(known[name], "anything") == ""
