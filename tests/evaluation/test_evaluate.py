import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, cohen_kappa_score, recall_score
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm.evaluation import (
    BASELINES,
    CoordinateNeighbors,
    SmoothedSVM,
    evaluate,
    leakage_report,
    network_cost,
    spectral_svm,
)
from hsvlm.exceptions import DataError, ParameterError, UnknownNameError
from hsvlm.model_selection import MapSplit, SpatialBlockKFold

NAMES = {key: name for key, (name, _) in BASELINES.items()}
BLOCKS = SpatialBlockKFold(2, block_size=5, buffer=1)


class Recorder(GaussianNB):
    """Naive Bayes that notes what it is given."""

    def __init__(self, notes=None, random_state=None, window_size=1):
        super().__init__()
        self.notes = notes
        self.random_state = random_state
        self.window_size = window_size

    def fit(self, X, y):
        self.notes.append(("fit", X.coords.tolist(), y.tolist(), self.random_state))
        return super().fit(X, y)

    def predict(self, X):
        self.notes.append(("predict", X.coords.tolist()))
        return super().predict(X)

    def get_params(self, deep=True):
        return {name: getattr(self, name) for name in ("notes", "random_state", "window_size")}

    def __sklearn_clone__(self):
        return Recorder(**self.get_params())


@pytest.fixture(scope="module")
def data(cube, labels):
    noise = np.random.default_rng(1).normal(scale=5, size=cube.shape)
    return pixel_samples(cube + noise, labels)


def figures(report):
    return [
        (one.estimator, one.split, one.overall_accuracy, one.kappa, one.recall, list(one.correct))
        for one in report.results
    ]


@pytest.mark.slow
def test_figures_are_those_of_a_plain_loop(data):
    X, y = data
    estimators = {"bayes": GaussianNB(), "neighbours": KNeighborsClassifier()}
    report = evaluate(estimators, X, y, BLOCKS, window_size=5)
    baselines = (CoordinateNeighbors(), spectral_svm(), SmoothedSVM(), DummyClassifier())
    windows = [1, 1, None, 1, 15, None]
    everything = estimators | dict(zip(NAMES.values(), baselines, strict=True))
    assert report.names == tuple(everything)
    assert report.disjoint
    assert len(report.results) == 2 * 6
    for number, (train, test) in enumerate(BLOCKS.split(X, y)):
        assert report.leakage[number] == leakage_report(X[train], X[test], 5)
        for (name, estimator), size in zip(everything.items(), windows, strict=True):
            predicted = clone(estimator).fit(X[train], y[train]).predict(X[test])
            found = report.results_for(name)[number]
            recalls = recall_score(y[test], predicted, average=None)
            assert found.overall_accuracy == accuracy_score(y[test], predicted)
            assert found.average_accuracy == pytest.approx(np.mean(recalls))
            assert found.kappa == pytest.approx(cohen_kappa_score(y[test], predicted))
            assert found.recall == dict(zip([1, 2, 3], recalls, strict=True))
            assert (found.n_train, found.n_test) == (len(train), len(test))
            assert found.correct.tolist() == (predicted == y[test]).tolist()
            assert found.fit_seconds > 0
            assert found.predict_seconds > 0
            assert (found.estimator, found.split, found.n_parameters) == (name, number, None)
            assert (found.n_multiply_adds, found.window_size) == (None, size)
            leakage = None if size is None else leakage_report(X[train], X[test], size)
            assert found.share_containing == (leakage and leakage.share_containing)


def test_every_estimator_sees_the_same_splits(data):
    X, y = data
    notes = [], []
    cv = ShuffleSplit(2, test_size=0.5)  # other splits at every call
    estimators = {name: Recorder(one) for name, one in zip("ab", notes, strict=True)}
    evaluate(estimators, X, y, cv, baselines=[])
    assert len(notes[0]) == 4
    assert notes[0] == notes[1]


def test_estimators_are_cloned(data):
    model = GaussianNB()
    report = evaluate(model, *data, BLOCKS, baselines=[])
    assert report.names == ("GaussianNB",)
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize("keys", [[], ["coordinates"], ["smoothed-svm", "spectral-svm"]])
def test_baselines_are_chosen(data, keys):
    report = evaluate({"bayes": GaussianNB()}, *data, BLOCKS, baselines=keys)
    assert report.names == ("bayes", *(NAMES[key] for key in keys))


def test_baselines_alone(data):
    report = evaluate({}, *data, BLOCKS, baselines=["coordinates"])
    assert report.names == (NAMES["coordinates"],)


def test_unknown_baseline(data):
    with pytest.raises(UnknownNameError) as error:
        evaluate(GaussianNB(), *data, BLOCKS, baselines=["forest"])
    assert str(error.value) == (
        "Unknown baseline 'forest'. Known: 'coordinates', 'majority', 'smoothed-svm', "
        "'spectral-svm'."
    )


def test_estimator_called_like_a_baseline(data):
    with pytest.raises(ParameterError) as error:
        evaluate({"RBF-SVM on spectra": GaussianNB()}, *data, BLOCKS)
    assert str(error.value) == (
        "'RBF-SVM on spectra' is the name of a baseline. Call your estimator something else."
    )


@pytest.mark.parametrize(("given", "expected"), [(7, [7, 8, 7, 8]), (None, [3, 3, 3, 3])])
def test_seeds_reach_nested_estimators(data, given, expected):
    notes = []
    plain = Recorder(notes, random_state=3)
    nested = make_pipeline("passthrough", Recorder(notes, random_state=3))
    estimators = {"plain": plain, "nested": nested}
    evaluate(estimators, *data, BLOCKS, baselines=[], random_state=given)
    assert [one[3] for one in notes if one[0] == "fit"] == expected
    assert plain.random_state == 3


@pytest.mark.slow
def test_two_processes_measure_the_same(data):
    estimators = {"logistic": LogisticRegression(), "neighbours": KNeighborsClassifier()}
    one, two = (
        evaluate(estimators, *data, BLOCKS, baselines=["spectral-svm"], n_jobs=n_jobs)
        for n_jobs in (None, 2)
    )
    assert figures(one) == figures(two)


@pytest.mark.slow
def test_cube_with_label_map(cube, labels, data):
    expected = evaluate(GaussianNB(), *pixel_samples(cube, labels), BLOCKS, baselines=[])
    report = evaluate(GaussianNB(), cube, labels, BLOCKS, baselines=[])
    assert figures(report) == figures(expected)
    shifted = evaluate(GaussianNB(), cube, labels.astype(int) - 1, BLOCKS, unlabeled=-1)
    assert list(shifted.results[0].recall) == [0, 1, 2]


def test_scenes_of_different_sizes(cube, labels):
    report = evaluate(
        GaussianNB(),
        [cube, cube[:, :17] + 1],
        [labels, labels[:, :17]],
        SpatialBlockKFold(2, block_size=5, buffer=1),
        baselines=["coordinates"],
    )
    assert sum(one.n_test for one in report.results_for("GaussianNB")) > (labels > 0).sum()


@pytest.mark.slow
def test_string_labels(data):
    X, y = data
    names = np.array(["", "corn", "oats", "woods"])
    by_number = evaluate(GaussianNB(), X, y, BLOCKS)
    by_name = evaluate(GaussianNB(), X, names[y].tolist(), BLOCKS)
    for one, other in zip(by_number.results, by_name.results, strict=True):
        assert other.recall == {str(names[label]): share for label, share in one.recall.items()}
        assert other.overall_accuracy == one.overall_accuracy


def test_zero_is_a_class_in_a_label_vector(data):
    X, y = data
    report = evaluate(GaussianNB(), X, y - 1, BLOCKS, baselines=[])
    expected = evaluate(GaussianNB(), X, y, BLOCKS, baselines=[])
    for one, other in zip(report.results, expected.results, strict=True):
        assert one.overall_accuracy == other.overall_accuracy
        assert list(one.recall) == [0, 1, 2]


def test_class_that_a_split_does_not_test(data, labels):
    X, y = data
    top = (np.arange(18) < 9)[:, None]
    test_map = np.where(~top & (labels != 2), labels, 0)
    cv = MapSplit(np.where(top, labels, 0), test_map)
    named = {1: "corn", 2: "oats"}
    known = np.isin(X.coords[:, 0], range(9)) | (y != 2)
    report = evaluate(GaussianNB(), X[known], y[known], cv, baselines=[], class_names=named)
    (found,) = report.results
    assert list(found.recall) == [1, 3]
    assert found.average_accuracy == pytest.approx(np.mean(list(found.recall.values())))
    assert [row[0] for row in report.recalls()[1]] == ["corn", "3"]


@pytest.mark.parametrize("kind", [list, np.array, "masks"])
def test_splits_given_as_indices_or_masks(data, kind):
    X, y = data
    pairs = list(StratifiedKFold(2).split(X, y))
    given = [
        [np.isin(range(len(X)), side) if kind == "masks" else kind(side) for side in pair]
        for pair in pairs
    ]
    report = evaluate(GaussianNB(), X, y, iter(given), baselines=[])
    expected = evaluate(GaussianNB(), X, y, 2, baselines=[])
    assert figures(report) == figures(expected)
    assert [one.n_train for one in report.results] == [len(train) for train, _ in pairs]
    assert report.disjoint
    assert report.protocol == expected.protocol == "2 splits"


def test_what_the_report_knows_of_the_splits(data):
    X, y = data
    protocol = " ".join(repr(BLOCKS).split())  # a long one is printed in several lines
    assert evaluate(GaussianNB(), X, y, BLOCKS, baselines=[]).protocol == protocol
    twice = [(np.arange(0, 100), np.arange(100, 150)), (np.arange(50, 100), np.arange(149, 190))]
    assert not evaluate(GaussianNB(), X, y, twice, baselines=[]).disjoint


@pytest.mark.slow
@pytest.mark.parametrize(
    "ensemble",
    [
        lambda svm: VotingClassifier([("nb", GaussianNB()), ("svm", svm)]),
        lambda svm: VotingClassifier(
            [("nb", GaussianNB()), ("svm", make_pipeline("passthrough", svm))]
        ),
        lambda svm: make_pipeline(GridSearchCV(VotingClassifier([("svm", svm)]), {}, cv=2)),
        lambda svm: VotingClassifier([("inner", VotingClassifier([("svm", svm)]))]),
        lambda svm: FrozenEstimator(svm),
    ],
    ids=["voting", "pipeline", "search", "nested", "frozen"],
)
def test_windows_of_ensembles_are_those_of_their_members(data, ensemble):
    X, y = data
    svm = SmoothedSVM(1.0)
    estimator = ensemble(svm.fit(X, y))
    report = evaluate({"alone": svm, "ensemble": estimator}, X, y, BLOCKS, baselines=[])
    alone, together = map(report.results_for, report.names)
    assert [one.window_size for one in together] == [9, 9]
    assert [one.share_containing for one in together] == [one.share_containing for one in alone]
    assert together[0].share_containing > 0


def test_largest_window_is_reported(data):
    X, y = data
    estimators = {
        "five": Recorder([], window_size=5),
        "seven": make_pipeline("passthrough", Recorder([], window_size=np.int64(7))),
    }
    assert evaluate(estimators, X, y, BLOCKS, baselines=[]).window_size == 7
    assert evaluate(estimators, X, y, BLOCKS, baselines=[], window_size=3).window_size == 3
    assert evaluate(GaussianNB(), X, y, BLOCKS).window_size == 1


@pytest.mark.slow
def test_parameters_of_a_network_are_counted(cube, labels, settings):
    clf = HSIPromptClassifier(**settings).set_params(max_epochs=1)
    estimators = {"plain": clf, "nested": make_pipeline("passthrough", clf)}
    report = evaluate(estimators, cube, labels, BLOCKS, baselines=[])
    module = clone(clf).fit(cube, labels).net_.module_
    expected = sum(one.numel() for one in module.parameters() if one.requires_grad)
    assert {one.n_parameters for one in report.results} == {expected}
    assert {one.n_multiply_adds for one in report.results} == {
        network_cost(clone(clf).fit(cube, labels)).n_multiply_adds
    }
    assert {one.window_size for one in report.results} == {5}
    assert report.window_size == 5


class Network(GaussianNB):
    def fit(self, X, y):
        self.module_ = torch.nn.Linear(3, 2)
        self.module_.bias.requires_grad = False
        return super().fit(X, y)


def test_frozen_parameters_are_not_counted(data):
    report = evaluate(Network(), *data, BLOCKS, baselines=[])
    assert [one.n_parameters for one in report.results] == [6, 6]


def test_progress_is_shown_on_demand(data, capsys):
    evaluate(GaussianNB(), *data, BLOCKS, baselines=[])
    assert capsys.readouterr() == ("", "")
    evaluate(GaussianNB(), *data, BLOCKS, baselines=[], verbose=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "evaluating" in err
    assert "2/2" in err


def test_inputs_without_positions_or_labels(cube, labels, data):
    X, y = data

    def message(error, *args):
        with pytest.raises(error) as caught:
            evaluate(GaussianNB(), *args)
        return str(caught.value)

    for args in ((np.asarray(X), y), (cube, y), (X.windows(3), y), ([cube, cube], y)):
        assert message(DataError, *args, BLOCKS) == (
            "evaluate needs the positions of the samples to report leakage. Pass a cube with its "
            "label map, or PixelSamples: X, y = pixel_samples(cube, labels)."
        )
    assert message(DataError, X, y[:-1], BLOCKS) == (
        f"y has shape ({len(X) - 1},), but there are {len(X)} samples. Give one label per sample."
    )
    assert message(ParameterError, X, y, []) == (
        "cv makes no split. Pass a splitter, or at least one pair (train, test)."
    )
    assert message(DataError, X, y, [([0, 1], [])]) == (
        "X_test holds no sample. Both sides of a split need at least one."
    )


def test_labels_that_are_missing(data):
    X, y = data

    def message(labels, cv=2):
        with pytest.raises(DataError) as caught:
            evaluate(GaussianNB(), X, labels, cv, baselines=[])
        return str(caught.value)

    n_masked = int((y == 2).sum())
    assert message(np.ma.masked_equal(y, 2)) == (
        f"{n_masked} of {len(y)} labels are masked. Leave these samples out of X and y."
    )
    texts = np.array(["", "corn", "oats", "soil"])[y].astype(object)
    for missing in (None, np.nan, pd.NA):
        texts[3] = missing
        assert message(texts) == f"1 of {len(y)} labels are missing. Leave these samples out."
    assert message(np.where(y == 2, np.nan, y)).startswith(f"y holds {n_masked} NaN or infinite")
    assert message(y + 0.5).startswith("Unknown label type: continuous")
    whole = evaluate(GaussianNB(), X, np.ma.array(y), 2, baselines=[])
    assert figures(whole) == figures(evaluate(GaussianNB(), X, y, 2, baselines=[]))


def test_sides_that_are_not_sides_of_these_samples(data):
    X, y = data
    top = np.arange(18)[:, None] < np.full(20, 9)
    first = np.arange(len(y)) < 50

    def message(*sides):
        with pytest.raises(DataError) as caught:
            evaluate(GaussianNB(), X, y, [sides], baselines=[])
        return str(caught.value)

    for train, test in ((top, ~top), (first[:-1], ~first[:-1]), (np.flatnonzero(first)[None],) * 2):
        assert message(train, test) == (
            f"A side of a split has shape {train.shape}, but there are {len(y)} samples. Give "
            "numbers of samples, or a mask with a value per sample; MapSplit takes maps."
        )
    assert message(np.flatnonzero(first) + 0.5, [200]).startswith(
        "A side of a split must hold whole numbers, got 0.5."
    )


def test_splitters_that_cannot_split(data):
    X, y = data
    with pytest.raises(DataError) as error:
        evaluate(GaussianNB(), X, y, GroupKFold(2), baselines=[])
    assert str(error.value) == (
        "cv cannot split these samples: The 'groups' parameter should not be None. Pass its "
        "splits: cv=list(cv.split(X, y, groups)), with the group of every sample."
    )
    with pytest.raises(ParameterError) as error:
        evaluate(GaussianNB(), X, y, SpatialBlockKFold, baselines=[])
    assert str(error.value) == (
        "cv is the class SpatialBlockKFold, not a splitter. Pass SpatialBlockKFold(...)."
    )
    splits = list(GroupKFold(2).split(X, y, X.coords[:, 0] // 3))
    assert len(evaluate(GaussianNB(), X, y, splits, baselines=[]).results) == 2


@pytest.mark.slow
def test_memory_mapped_scenes(tmp_path, data):
    X, y = data
    np.save(tmp_path / "cube.npy", X.cubes[0])
    mapped = PixelSamples(np.load(tmp_path / "cube.npy", mmap_mode="r"), X.coords)
    expected = evaluate(GaussianNB(), X, y, BLOCKS)
    assert figures(evaluate(GaussianNB(), mapped, y, BLOCKS)) == figures(expected)
