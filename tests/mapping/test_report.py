import json

import numpy as np
import pytest

from hsvlm import PixelSamples, Scene, pixel_samples
from hsvlm.exceptions import DataError
from hsvlm.io import LabelMap
from hsvlm.mapping import SceneMap, map_accuracy

UTM = {"crs": "EPSG:32616", "transform": (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_500_000.0)}
# Of 60 pixels, 30 are corn, 20 are oats, 5 hold no data; 5 are in the last row of the map.
VALUES = np.repeat([1, 2, 0], [30, 25, 5]).reshape(12, 5).astype(np.uint8)

UNRECORDED = (
    "Not checked: the training pixels of the classifier are not known. Accuracies are too high if "
    "reference pixels are among them."
)


def scene_map(classes=(1, 2, 7), georeference=UTM, values=VALUES, **fields):
    labels = list(classes)
    counts = [int((values == number).sum()) for number in (1, 2, 7)]
    return SceneMap(
        Scene(np.zeros((*values.shape, 3)), **georeference),
        np.array(labels),
        dict(zip(labels, ["corn <b>", "oats|rye", "fen"], strict=True)),
        dict(zip(labels, ["#000000", "#111111", "#222222"], strict=True)),
        dict(zip(labels, counts, strict=True)),
        dict(zip(labels, [0.9, 0.8, float("nan")], strict=True)),
        values=values,
        **fields,
    )


def reference():
    """Ten pixels of corn in the map, one of which is oats; five of oats, two of which are fen."""
    truth = np.zeros((12, 5), dtype=int)
    truth[0] = truth[1] = 1
    truth[1, 4] = 2
    truth[8] = [2, 2, 2, 7, 7]
    truth[11] = 2  # no data in the map
    return truth


def test_areas():
    report = scene_map().area_report()
    assert report.unit == "ha"
    assert report.mapped_area == pytest.approx(55 * 0.09)
    assert str(report) == repr(report)
    assert str(report).split("\n") == [
        "class     pixels    ha  share %  confidence",
        "corn <b>      30  2.70    54.55       0.900",
        "oats|rye      25  2.25    45.45       0.800",
        "fen            0  0.00     0.00",
        "all           55  4.95   100.00",
        "",
        "Areas are measured in the grid of WGS 84 / UTM zone 16N.",
        "5 pixels without data were not predicted.",
    ]


def test_without_georeference_and_confidence():
    found = scene_map(georeference={})
    report = SceneMap(**{**vars(found), "mean_confidence": None}).area_report()
    assert report.unit == "pixels"
    assert report.mapped_area == 55
    assert str(report).split("\n")[:2] == [
        "class     pixels  share %",
        "corn <b>      30    54.55",
    ]
    assert report.to_dict()["classes"][0] == {
        "label": 1,
        "name": "corn <b>",
        "pixels": 30,
        "share": pytest.approx(30 / 55),
        "hectares": None,
        "mean_confidence": None,
    }


def test_geographic_areas_follow_the_latitude():
    georeference = {"crs": "EPSG:4326", "transform": (0.01, 0.0, 10.0, 0.0, -1.0, 60.0)}
    report = scene_map(georeference=georeference).area_report()
    corn, oats, _ = report.classes
    # Both fill whole rows or halves of them; cells grow towards the equator.
    assert corn.hectares / 30 < oats.hectares / 25
    assert corn.share < 30 / 55


def test_a_reference_gives_accuracies():
    report = scene_map().area_report(reference())
    expected = map_accuracy([[9, 1, 0], [0, 3, 2], [0, 0, 0]], [2.7, 2.25, 0])
    np.testing.assert_array_equal(report.accuracy.confusion, expected.confusion)
    assert report.accuracy.overall == pytest.approx(expected.overall)
    np.testing.assert_allclose(report.accuracy.shares_error, expected.shares_error)
    assert str(report).split("\n\n")[1].split("\n") == [
        "class                    user's %   producer's %  adjusted ha",
        "corn <b>            90.00 ± 19.60  100.00 ± 0.00  2.43 ± 0.53",
        "oats|rye            60.00 ± 48.01  83.33 ± 29.40  1.62 ± 1.20",
        "fen                       unknown    0.00 ± 0.00  0.90 ± 1.08",
        "overall accuracy %  76.36 ± 24.30",
    ]
    assert str(report).split("\n\n")[2].split("\n") == [
        "map \\ reference  corn <b>  oats|rye  fen",
        "corn <b>                9         1    0",
        "oats|rye                0         3    2",
        "fen                     0         0    0",
    ]
    assert report.notes[1:] == (
        "15 reference pixels, taken to be a random sample within each class of the map; ± is half "
        "the width of a 95 % interval.",
        UNRECORDED,
    )


def test_samples_are_a_reference_too():
    truth = reference()
    expected = scene_map().area_report(truth).to_dict()
    samples = pixel_samples(np.zeros((12, 5, 3)), truth)
    assert scene_map().area_report(samples).to_dict() == expected
    masked = np.ma.masked_equal(truth, 0)
    assert scene_map().area_report(masked, unlabeled=None).to_dict() == expected


def test_labels_of_another_kind():
    names = np.array(["", "a", "b", "", "", "", "", "c"])
    found = scene_map(("a", "b", "c"), values=np.where(VALUES == 7, 3, VALUES))
    report = found.area_report(names[reference()], unlabeled="")
    np.testing.assert_array_equal(
        report.accuracy.confusion, scene_map().area_report(reference()).accuracy.confusion
    )


def test_what_a_reference_cannot_tell_is_said():
    truth = np.where(reference() == 1, 1, 0)
    report = scene_map().area_report(truth)
    assert report.notes[3] == (
        "No reference pixel lies where the map shows oats|rye: figures that depend on these parts "
        "of the map are unknown."
    )
    rows = report.accuracies()[1]
    assert rows[0][1:] == ["100.00 ± 0.00", "unknown", "unknown"]
    assert rows[1][1:] == ["unknown", "unknown", "unknown"]
    assert rows[3] == ["overall accuracy %", "unknown", "", ""]
    figures = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert figures["overall_accuracy"] is None
    assert figures["classes"][1]["adjusted_area"] is None


def test_dict_and_frame():
    report = scene_map().area_report(reference())
    figures = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert figures["unit"] == "ha"
    assert figures["pixels_without_data"] == 5
    assert figures["confusion_matrix"] == [[9, 1, 0], [0, 3, 2], [0, 0, 0]]
    corn = figures["classes"][0]
    assert corn["users_accuracy"] == 0.9
    assert corn["adjusted_area_high"] == pytest.approx(
        corn["adjusted_area"] + 1.96 * corn["adjusted_area_error"]
    )
    assert figures["classes"][2]["mean_confidence"] is None
    frame = report.to_frame()
    assert frame["name"].tolist() == ["corn <b>", "oats|rye", "fen"]
    assert frame["pixels"].sum() == 55


def test_markdown():
    lines = scene_map().area_report(reference()).to_markdown().split("\n")
    assert lines[0] == "| class | pixels | ha | share % | confidence |"
    assert lines[3].startswith(r"| oats\|rye | 25 | 2.25 |")
    assert r"| map \ reference | corn <b> | oats\|rye | fen |" in lines
    assert lines[-1] == "- 5 pixels without data were not predicted."


def test_html_is_escaped():
    report = scene_map().area_report(reference())
    text = report.to_html()
    assert report._repr_html_() == text
    assert "<b>" not in text
    assert text.count("<table>") == text.count("</table>") == 3
    assert "<li>5 pixels without data were not predicted.</li>" in text
    shown = scene_map()._repr_html_()
    assert "corn &lt;b&gt;</td><td>30</td><td>54.55</td>" in shown


def test_maps_say_what_they_are():
    assert repr(scene_map()) == "SceneMap(12 x 5 pixels, 55 predicted, 2 of 3 classes)"


def samples_outside():
    return PixelSamples(np.zeros((20, 5, 3)), [[19, 0]]), np.array([1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: np.ones((5, 12)),
            "The reference has shape (5, 12), the map (12, 5). Give a label map of the same grid, "
            "or a tuple of PixelSamples and their labels.",
        ),
        (
            lambda: np.where(reference() == 7, 4, reference()),
            "The reference holds 4, which the map does not have; its classes are 1, 2, 7. Give "
            "these pixels a class of the map, or mark them as unlabeled.",
        ),
        (
            lambda: np.where(VALUES == 0, 1, 0),
            "The reference holds no label on a pixel of the map. Give one with labels where the "
            "scene has data; unlabeled=0 stands for no label.",
        ),
        (
            samples_outside,
            "The reference has 1 samples and labels of shape (1,), in a scene of 12 x 5 pixels. "
            "Give samples of this scene, and one label for each.",
        ),
        (
            lambda: (samples_outside()[0], np.ones(2)),
            "The reference has 1 samples and labels of shape (2,), in a scene of 12 x 5 pixels. "
            "Give samples of this scene, and one label for each.",
        ),
    ],
    ids=["shape", "unknown", "no label", "outside", "count"],
)
def test_references_that_do_not_fit_are_refused(make, message):
    with pytest.raises(DataError) as caught:
        scene_map().area_report(make())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "transform",
    [
        (30.0, 0.0, 503_000.0, 0.0, -30.0, 4_500_000.0),
        (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_500_020.0),
        (33.0, 0.0, 500_000.0, 0.0, -33.0, 4_500_000.0),
        (30.0, 0.0, 500_000.0, 0.0, 30.0, 4_499_640.0),
        (0.0003, 0.0, 15.0, 0.0, -0.0003, 40.0),
    ],
)
@pytest.mark.parametrize("kind", [LabelMap, Scene])
def test_references_of_another_place_are_refused(transform, kind):
    place = {"crs": UTM["crs"], "transform": transform}
    elsewhere = (
        LabelMap(reference(), **place)
        if kind is LabelMap
        else Scene(np.zeros((12, 5, 3)), reference(), **place)
    )
    with pytest.raises(DataError, match="The reference lies elsewhere than the scene"):
        scene_map().area_report(elsewhere)


@pytest.mark.parametrize("place", [UTM, {}, {"transform": (30, 0, 500_010, 0, -30, 4_499_995)}])
def test_references_of_this_place_count(place):
    found = scene_map().area_report(LabelMap(reference(), **place))
    expected = scene_map().area_report(reference())
    np.testing.assert_array_equal(found.accuracy.confusion, expected.accuracy.confusion)


def test_samples_of_several_scenes_are_no_reference():
    truth = np.where(np.arange(12)[:, None] < 9, reference(), 0)
    X, y = pixel_samples([np.zeros((12, 5, 3))] * 2, [truth, truth])
    with pytest.raises(DataError, match="samples of the reference are of several scenes"):
        scene_map().area_report((X, y))
    report = scene_map().area_report((X[X.scene_ids == 0], y[X.scene_ids == 0]))
    assert report.accuracy is not None
