"""Colors of public scenes: those of the ground, and different for everybody."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hsvlm.datasets import load_indian_pines, make_synthetic_scene
from hsvlm.datasets._colors import SYNTHETIC_COLORS, scene_colors
from hsvlm.datasets._registry import SCENES
from hsvlm.datasets._synthetic import make_two_source_scene
from hsvlm.plotting import class_palette
from hsvlm.prompts import list_prompt_sets, load_class_colors, load_class_names
from tests.color_difference import SEEN, ciede2000, least_difference

SYNTHETIC = {color: name for name, color in SYNTHETIC_COLORS.items()}
LEGENDS = {
    **{name: load_class_colors(name).values() for name in list_prompt_sets()},
    **{name: scene_colors(name).values() for name in SCENES},
    "synthetic": SYNTHETIC,
}
LEAST = {"normal": 15, "deuteranopia": 10, "protanopia": 10}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # pairs 1, 7, 16, 25 and 34 of table 1 of Sharma, Wu and Dalal (2005)
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_differences_are_those_of_the_reference(first, second, expected):
    assert ciede2000([first], [second])[0] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("vision", SEEN)
@pytest.mark.parametrize("name", sorted(LEGENDS))
def test_any_two_classes_differ(name, vision):
    assert least_difference(list(LEGENDS[name]), vision) >= LEAST[vision]


def test_the_palette_differs_as_much_as_it_says():
    assert least_difference(class_palette(20), "normal") >= 18
    assert least_difference(class_palette(20), "deuteranopia") >= 11
    assert least_difference(class_palette(20), "protanopia") >= 11


@pytest.mark.parametrize("name", sorted(SCENES))
def test_each_class_of_a_scene_has_a_color(name):
    assert scene_colors(name).keys() == SCENES[name].class_names.keys()


def test_colors_are_those_of_the_ground():
    for scene in SCENES:
        names, colors = SCENES[scene].class_names, scene_colors(scene)
        for label, name in names.items():
            red, green, blue = to_rgb(colors[label])
            if name == "Water":
                assert blue > max(red, green)
            if name in ("Woods", "Trees", "Forest", "Slash pine"):
                assert green > max(red, blue)
            if name in ("Road", "Roads", "Asphalt"):
                assert max(red, green, blue) - min(red, green, blue) < 0.1
            if name in ("Bare soil", "Soil", "Ground"):
                assert red > green > blue
            if name in ("Tiles", "Buildings", "Residential"):
                assert red > 2 * max(green, blue)


def test_scenes_bring_their_colors():
    assert load_indian_pines().class_colors == load_class_colors("indian-pines")
    assert make_synthetic_scene(random_state=0).class_colors[1] == SYNTHETIC_COLORS["meadow"]
    two = make_two_source_scene(random_state=0)
    assert [two.class_colors[label] for label in two.class_names] == [
        SYNTHETIC_COLORS[name] for name in two.class_names.values()
    ]


def test_sets_are_copies_with_the_labels_of_the_names():
    load_class_colors("ksc")[1] = "changed"
    assert load_class_colors("ksc")[1] != "changed"
    for name in list_prompt_sets():
        assert list(load_class_colors(name)) == list(load_class_names(name))
        assert np.char.startswith(list(load_class_colors(name).values()), "#").all()
