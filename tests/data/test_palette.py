import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hsvlm._data.palette import class_palette, distinct_colors, label_colors
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


def test_colors_belong_to_labels_and_not_to_their_place():
    everything = label_colors(range(1, 21), {})
    assert list(everything.values()) == class_palette(20)
    for labels in ([7], [3, 7], [7, 300, 0], [20, 7, 1]):
        assert label_colors(labels, {})[7] == everything[7]
    assert label_colors([2.0, 1.0], {}) == {2.0: everything[2], 1.0: everything[1]}


def test_other_labels_take_what_is_left_in_their_order():
    palette = class_palette(20)
    assert label_colors([0, 1, 2], {}) == {0: palette[2], 1: palette[0], 2: palette[1]}
    assert list(label_colors(["b", "a"], {}).values()) == palette[:2]
    assert list(label_colors([500, 21, -4], {}).values()) == palette[:3]


def test_no_two_classes_share_a_color():
    palette = class_palette(20)
    given = {1: palette[1].lower(), 9: "red"}
    assert label_colors([1, 2, 3], given) == {1: palette[1].lower(), 2: palette[0], 3: palette[2]}
    assert len(set(label_colors(range(300), {}).values())) == 300
