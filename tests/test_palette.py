import pytest

from hsvlm._palette import class_palette, distinct_colors
from hsvlm.exceptions import ParameterError


def test_more_colours_follow_those_of_the_palette_and_all_differ():
    colors = distinct_colors(255)
    assert colors[:20] == class_palette(20)
    assert len(set(colors)) == 255
    assert colors[20:22] == ["#F21818", "#1345BF"]
    assert distinct_colors(3) == class_palette(3)
    assert distinct_colors(0) == []


def test_figures_are_limited_to_what_can_be_told_apart():
    with pytest.raises(ParameterError) as error:
        class_palette(21)
    assert str(error.value) == (
        "There are 20 distinct class colours, 21 are needed. Pass `colors` for all classes."
    )
