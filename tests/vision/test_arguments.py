"""What the parameters of encoders take is told by their constructors."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision import get_vision_encoder, list_vision_encoders
from hsvlm.vision.arguments import (
    encoder_arguments,
    named_choices,
    own_parameters,
    value_problem,
)

GEOMETRY = {"n_channels": 9, "window_size": 5, "patch_size": 1}


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
        shares: list[float],
        switch: bool,
        folder: str | os.PathLike[str],
        path: str | None,
        count=3,
        optional=None,
    ):
        return bare, whole, share, mode, depths, shares, switch, folder, path, count, optional

    known = inspect.signature(encoder).parameters
    assert named_choices(known["mode"]) == ["mean", "max"]
    for name, fitting, other, words in (
        ("whole", 2, 2.5, "a whole number"),
        ("share", 2, True, "a number"),
        ("mode", "max", "min", '"mean" or "max"'),
        ("depths", [1, 2], 1, "a list of whole numbers"),
        ("depths", np.array([1, 2]), [1, 2.5], "a list of whole numbers"),
        ("shares", (0.5, 1), ["0.5"], "a list of numbers"),
        ("switch", np.True_, "False", "true or false"),
        ("folder", Path("models"), 3, "a text or a path"),
        ("path", "folder", 3, "a text or none"),
        ("path", None, False, "a text or none"),
        ("count", 4, "few", "a whole number"),
    ):
        assert value_problem(known[name], fitting) == ""
        assert value_problem(known[name], other) == f"{name} takes {words}"
    for name in ("bare", "optional"):
        assert value_problem(known[name], "anything") == ""


@pytest.mark.parametrize(
    ("name", "params", "problem"),
    [
        ("hit", {"as_published": "False"}, "as_published takes true or false"),
        ("cnn3d", {"flatten": "no"}, "flatten takes true or false"),
        ("fusion-vit", {"multi_scale": "no"}, "multi_scale takes true or false"),
        ("vit", {"n_heads": 4.0}, "n_heads takes a whole number"),
        ("vit", {"width": "64"}, "width takes a whole number"),
        ("mlp", {"dropout": None}, "dropout takes a number"),
        ("dctn", {"depths": 3}, "depths takes a list of whole numbers"),
        ("gaht", {"depths": (1, 2.5, 1)}, "depths takes a list of whole numbers"),
    ],
)
def test_values_of_another_kind_are_refused(name, params, problem):
    with pytest.raises(ParameterError) as error:
        encoder_arguments(get_vision_encoder(name), **GEOMETRY, params=params)
    assert str(error.value) == (
        f"vision_params={params} cannot be used by the vision encoder {name}: {problem}."
    )


def test_constructors_of_others_decide_themselves():
    class Encoder(nn.Module):
        def __init__(self, n_channels, window_size, rate: float = 0.0):
            super().__init__()

    params = {"rate": None}
    geometry = {"n_channels": 9, "window_size": 5}
    given = encoder_arguments(Encoder, **geometry, patch_size=1, params=params)
    assert given == geometry | params


OF_DATA = {"spectra": 6, "lidar": 1, "radar": 2}


@pytest.mark.parametrize("name", ["fusion-vit", "clip-prompt"])
@pytest.mark.parametrize(
    "stated",
    [
        {"spectra": 6, "radar": 2, "lidar": 1},
        {"radar": 2, "lidar": 1, "spectra": 6},
        {"spectra": 7, "radar": 2},
        {"spectra": 9},
    ],
)
def test_other_sources_than_those_of_the_data_are_refused(name, stated):
    params = {"sources": stated} | ({"clip": "models"} if name == "clip-prompt" else {})
    encoder = get_vision_encoder(name)
    with pytest.raises(ParameterError) as error:
        encoder_arguments(encoder, **GEOMETRY, params=params, sources=OF_DATA)
    assert str(error.value) == (
        f"vision_params states sources={stated}, the data have {OF_DATA}, in this order. Leave "
        "sources out of vision_params: they follow from the data."
    )
    for sources in (OF_DATA, None):
        params["sources"] = OF_DATA
        given = encoder_arguments(encoder, **GEOMETRY, params=params, sources=sources)
        assert list(given["sources"].items()) == list(OF_DATA.items())
