import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hsvlm._data.palette import class_palette, distinct_colors
from hsvlm.exceptions import ParameterError


def test_more_colours_follow_those_of_the_palette_and_all_differ():
    colors = distinct_colors(255)
    assert colors[:20] == class_palette(20)
    assert len(set(colors)) == 255
    assert colors[20:22] == ["#F21818", "#1345BF"]
    assert distinct_colors(3) == class_palette(3)
    assert distinct_colors(0) == []


def test_palette_is_distinct_and_limited():
    colours = np.array([to_rgb(one) for one in class_palette(20)])
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1)
    assert apart[~np.eye(20, dtype=bool)].min() > 0.15
    # Deuteranopia and protanopia on linear RGB (Machado, Oliveira and Fernandes, 2009).
    for seen in (
        [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    ):
        dimmed = np.clip(colours**2.2 @ np.transpose(seen), 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(dimmed[:, None] - dimmed[None], axis=-1)
        assert apart[~np.eye(20, dtype=bool)].min() > 0.08
    with pytest.raises(ParameterError) as error:
        class_palette(21)
    assert str(error.value) == (
        "There are 20 distinct class colors, 21 are needed. Pass `colors` for all classes."
    )
