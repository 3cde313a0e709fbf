import copy
import pickle

import numpy as np
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    check_scoring,
    cohen_kappa_score,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_validate, learning_curve
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.fixes import parse_version

from hsvlm import HSIPromptClassifier, PixelSamples, pixel_samples
from hsvlm.exceptions import DataError, UnknownNameError
from hsvlm.metrics import (
    average_accuracy_scorer,
    classification_summary,
    get_scorer,
    get_scorer_names,
    kappa_scorer,
    overall_accuracy_scorer,
)

SCORERS = {name: get_scorer(name) for name in get_scorer_names()}
SKLEARN = {
    "overall_accuracy": accuracy_score,
    "average_accuracy": balanced_accuracy_score,
    "kappa": cohen_kappa_score,
}


class BandThreshold(ClassifierMixin, BaseEstimator):
    """Class 2 where the first band exceeds a threshold, else 1; on cubes as well."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold

    def fit(self, X, y, sample_weight=None):
        if not np.any(y):
            message = "nothing to learn from"
            raise ValueError(message)
        self.classes_ = np.array([1, 2])
        return self

    def predict(self, X):
        return np.where(np.asarray(X)[..., 0] > self.threshold, 2, 1)


class SampleThreshold(BandThreshold):
    """Follows the convention of hsvlm: a parameter `unlabeled`, and samples where it is given."""

    def __init__(self, threshold=0.5, unlabeled=0):
        super().__init__(threshold)
        self.unlabeled = unlabeled

    def predict(self, X):
        spectra = np.asarray(X)
        if np.isnan(spectra).any():
            message = "NaN"
            raise ValueError(message)
        return super().predict(spectra)


class Opposite(ClassifierMixin, BaseEstimator):
    """Changes what the estimator in it predicts."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        self.estimator_ = copy.deepcopy(self.estimator).fit(X, y)
        return self

    def predict(self, X):
        return 3 - self.estimator_.predict(X)


# Of five labeled pixels, two of three are right in class 1 and one of two in class 2.
TRUTH = np.array([[1, 1, 1], [2, 2, 0]])
PREDICTED = np.array([[1, 1, 2], [2, 1, 2]])
SCENE = (PREDICTED - 1.0)[..., np.newaxis]
FIGURES = {"overall_accuracy": 3 / 5, "average_accuracy": 7 / 12, "kappa": 1 / 6}


def scores(estimator, X, y, **options):
    return {name: scorer(estimator, X, y, **options) for name, scorer in SCORERS.items()}


@pytest.mark.slow
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_figures_follow_their_definitions(pairs):
    truth, predicted = np.array([(0, 0), (1, 2), *pairs]).T
    summary = classification_summary(truth, predicted)
    agreement = np.mean(truth == predicted)
    recalls = [np.mean(predicted[truth == one] == one) for one in np.unique(truth)]
    chance = sum(np.mean(truth == one) * np.mean(predicted == one) for one in range(4))
    assert summary.overall_accuracy == pytest.approx(agreement)
    assert summary.average_accuracy == pytest.approx(np.mean(recalls))
    assert summary.kappa == pytest.approx((agreement - chance) / (1 - chance))
    assert [row.label for row in summary.per_class] == np.unique(truth).tolist()
    assert sum(row.support for row in summary.per_class) == summary.n_samples == 2 + len(pairs)


@pytest.mark.slow
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), max_size=30))
def test_weighting_is_repeating(rows):
    truth, predicted, weights = np.array([(0, 0, 1), (1, 2, 2), *rows]).T
    weighted = classification_summary(truth, predicted, sample_weight=weights)
    repeated = classification_summary(np.repeat(truth, weights), np.repeat(predicted, weights))
    assert weighted.overall_accuracy == pytest.approx(repeated.overall_accuracy)
    assert weighted.average_accuracy == pytest.approx(repeated.average_accuracy)
    assert weighted.kappa == pytest.approx(repeated.kappa)
    for one, other in zip(weighted.per_class, repeated.per_class, strict=True):
        assert (one.label, one.recall, one.precision, one.f1) == (
            other.label,
            pytest.approx(other.recall),
            pytest.approx(other.precision),
            pytest.approx(other.f1),
        )
        assert one.support == np.sum((truth == one.label) & (weights > 0))
    assert weighted.n_samples == np.count_nonzero(weights)


@pytest.mark.parametrize(
    ("truth", "unlabeled"),
    [
        (TRUTH, 0),
        (np.where(TRUTH == 0, np.nan, TRUTH), np.nan),
        (np.ma.masked_equal(TRUTH, 0), None),
    ],
)
def test_unlabeled_pixels_do_not_count(truth, unlabeled):
    summary = classification_summary(truth, PREDICTED, unlabeled=unlabeled)
    assert summary.n_samples == 5
    assert summary.overall_accuracy == pytest.approx(3 / 5)


def test_masked_and_unlabeled_pixels_are_both_left_out():
    mask = np.zeros(TRUTH.shape, dtype=bool)
    mask[0, 2] = mask[1, 1] = True
    summary = classification_summary(np.ma.array(TRUTH, mask=mask), PREDICTED, unlabeled=0)
    assert (summary.n_samples, summary.overall_accuracy) == (3, 1)


def test_kappa_of_a_single_class_is_undefined(recwarn):
    summary = classification_summary(["oats", "oats"], ["oats", "oats"])
    assert np.isnan(summary.kappa)
    assert summary.overall_accuracy == summary.average_accuracy == 1
    assert classification_summary(["oats", "oats"], ["oats", "corn"]).kappa == 0
    assert np.isnan(kappa_scorer(BandThreshold(), [[0.0], [0.0]], [1, 1]))
    assert not recwarn


def test_table_is_aligned():
    text = classification_summary([1, 1, 2], [1, 2, 2]).to_text({1: "oats"})
    assert text.split("\n") == [
        "class   recall %  precision %    F1 %  support",
        "oats       50.00       100.00   66.67        2",
        "2         100.00        50.00   66.67        1",
    ]


def test_errors_of_the_summary():
    with pytest.raises(DataError) as error:
        classification_summary([1, 2], [1, 2, 3])
    assert str(error.value) == (
        "The reference has shape (2,) and the prediction (3,). Both must cover the same samples "
        "or pixels."
    )
    with pytest.raises(DataError) as error:
        classification_summary([0, 0], [1, 2], unlabeled=0)
    assert str(error.value) == (
        "The reference holds no label, so there is nothing to compare with."
    )
    with pytest.raises(DataError) as error:
        classification_summary([0, 1], [1, 2], unlabeled=0, sample_weight=[1, 0])
    assert str(error.value) == (
        "The reference holds no label with a weight above 0, so there is nothing to compare with."
    )
    with pytest.raises(DataError) as error:
        classification_summary([1, 2], [1, 2], sample_weight=[1, 2, 3])
    assert str(error.value) == (
        "sample_weight has shape (3,), the reference (2,). Give one weight per sample or pixel."
    )
    with pytest.raises(DataError) as error:
        classification_summary([1, 2, 2], [1, 2, 2], sample_weight=[np.nan, -1, 1])
    assert str(error.value) == (
        "2 of 3 values of sample_weight are negative, NaN or infinite. "
        "Weights must be 0 or more; 0 leaves a sample out."
    )
    with pytest.raises(DataError) as error:
        classification_summary([0, 1, 2], np.ma.masked_equal([9, 9, 2], 9), unlabeled=0)
    assert str(error.value) == (
        "1 of 2 predictions to be compared are masked. Pass y_pred.filled(value) to count them as "
        "errors, or mask the reference there too."
    )
    with pytest.raises(DataError, match="so no pixel could equal it"):
        classification_summary(["oats", "corn"], ["oats", "corn"], unlabeled=0)


@pytest.mark.parametrize("estimator", [BandThreshold(), SampleThreshold()])
def test_scores_of_a_cube_are_those_worked_out_by_hand(estimator):
    assert scores(estimator, SCENE, TRUTH) == pytest.approx(FIGURES)
    assert scores(estimator, *pixel_samples(SCENE, TRUTH)) == pytest.approx(FIGURES)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("estimator", [BandThreshold(), SampleThreshold()])
def test_scores_are_those_of_scikit_learn_on_the_labeled_pixels(estimator, weighted):
    rng = np.random.default_rng(0)
    cube, labels = rng.random((9, 8, 3)), rng.integers(0, 3, (9, 8))
    weights = rng.random((9, 8)) if weighted else None
    labeled = labels != 0
    flat = {} if weights is None else {"sample_weight": weights[labeled]}
    expected = {
        name: metric(labels[labeled], estimator.predict(cube[labeled]), **flat)
        for name, metric in SKLEARN.items()
    }
    assert scores(estimator, cube, labels, sample_weight=weights) == pytest.approx(expected)
    X, y = pixel_samples(cube, labels)
    for data in (X, np.asarray(X), list(np.asarray(X))):
        assert scores(estimator, data, y, **flat) == pytest.approx(expected)


def test_windows_are_scored_by_a_label_vector():
    windows = np.zeros((4, 3, 3, 1))
    windows[2:, 1, 1] = 1

    class Centre(BandThreshold):
        def predict(self, X):
            return super().predict(X[:, 1, 1])

    assert overall_accuracy_scorer(Centre(), windows, [1, 2, 2, 2]) == 0.75


def test_zero_is_a_class_in_a_vector_and_no_label_in_a_map():
    X, y = PixelSamples(SCENE, np.argwhere(TRUTH >= 0)), TRUTH.ravel()
    assert overall_accuracy_scorer(SampleThreshold(), X, y) == 3 / 6
    assert overall_accuracy_scorer(SampleThreshold(), SCENE, TRUTH) == 3 / 5
    assert overall_accuracy_scorer(SampleThreshold(unlabeled=None), SCENE, TRUTH) == 3 / 6


@pytest.mark.parametrize(
    ("labels", "unlabeled"),
    [
        (np.where(TRUTH == 0, 9, TRUTH), 9),
        (np.where(TRUTH == 0, np.nan, TRUTH), np.nan),
        (np.ma.masked_equal(TRUTH, 0), None),
        (np.ma.array(np.where(TRUTH == 0, np.nan, TRUTH), mask=TRUTH == 0), 9),
        (np.where(TRUTH == 0, 9, TRUTH).tolist(), 9),
    ],
)
def test_the_estimator_says_what_no_label_is(labels, unlabeled):
    estimator = SampleThreshold(unlabeled=unlabeled)
    search = GridSearchCV(make_pipeline("passthrough", estimator), {})
    search.best_estimator_ = search.estimator
    for one in (
        estimator,
        make_pipeline(estimator),
        make_pipeline("passthrough", make_pipeline(estimator)),
        search,
    ):
        assert scores(one, SCENE, labels) == pytest.approx(FIGURES)


def test_an_estimator_that_changes_predictions_is_asked_itself():
    labels = np.where(TRUTH == 0, 9, TRUTH)
    inner = SampleThreshold(unlabeled=9)
    for wrapped in (Opposite(inner), Opposite(make_pipeline("passthrough", inner))):
        wrapped.fit(SCENE, labels)
        assert overall_accuracy_scorer(wrapped, SCENE, labels) == pytest.approx(2 / 5)
        piped = make_pipeline("passthrough", wrapped)
        assert overall_accuracy_scorer(piped, SCENE, labels) == pytest.approx(2 / 5)


def shifted(cube):
    assert cube.ndim == 3
    return np.roll(cube, 1, axis=1)


@pytest.mark.parametrize("final", [BandThreshold(), SampleThreshold()])
def test_steps_of_a_pipeline_see_the_whole_cube(final):
    pipeline = make_pipeline(FunctionTransformer(shifted), final).fit(SCENE, TRUTH)
    expected = classification_summary(TRUTH, np.roll(PREDICTED, 1, axis=1), unlabeled=0)
    assert kappa_scorer(pipeline, SCENE, TRUTH) == pytest.approx(expected.kappa)
    assert expected.kappa != pytest.approx(FIGURES["kappa"])


def test_what_lies_under_unlabeled_pixels_plays_no_part():
    scene = SCENE.copy()
    scene[1, 2] = np.nan
    assert scores(SampleThreshold(), scene, TRUTH) == pytest.approx(FIGURES)


def test_errors_of_a_scorer():
    with pytest.raises(DataError) as error:
        kappa_scorer(SampleThreshold(), SCENE, np.zeros((2, 3)))
    assert str(error.value) == (
        "No pixel is labeled: every value of the label map equals unlabeled=0. "
        "Check the map, or pass the value that really stands for background."
    )
    with pytest.raises(DataError, match="The reference holds no label"):
        kappa_scorer(BandThreshold(), SCENE, np.zeros((2, 3)))
    for estimator in (BandThreshold(), SampleThreshold()):
        with pytest.raises(DataError, match=r"sample_weight has shape \(6,\), the reference"):
            kappa_scorer(estimator, SCENE, TRUTH, sample_weight=np.ones(6))
    with pytest.raises(DataError, match="Both must cover the same grid"):
        kappa_scorer(SampleThreshold(), SCENE, TRUTH[:, :2])
    X, y = pixel_samples(SCENE, TRUTH)
    with pytest.raises(DataError, match=r"The reference has shape \(5, 1\)"):
        kappa_scorer(SampleThreshold(), X, y[:, np.newaxis])


@pytest.mark.parametrize("scorer", SCORERS.values(), ids=repr)
def test_scorers_are_plain_values(scorer):
    before = repr(scorer), vars(scorer).copy()
    scorer(SampleThreshold(), SCENE, TRUTH)
    assert (repr(scorer), vars(scorer)) == before
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):
        assert other == scorer
        assert hash(other) == hash(scorer)
    assert repr(scorer) == f"get_scorer({scorer.figure!r})"


def test_names():
    assert get_scorer_names() == ["average_accuracy", "kappa", "overall_accuracy"]
    assert get_scorer("overall_accuracy") is overall_accuracy_scorer
    assert get_scorer("average_accuracy") is average_accuracy_scorer
    assert get_scorer("kappa") is kappa_scorer


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("oa", ""),
        (
            "accuracy",
            " This name belongs to scikit-learn: pass scoring='accuracy' itself, with samples and "
            "a label vector, since it takes no label maps. With label maps this figure is "
            "'overall_accuracy'.",
        ),
        (
            "f1_macro",
            " This name belongs to scikit-learn: pass scoring='f1_macro' itself, with samples and "
            "a label vector, since it takes no label maps.",
        ),
    ],
)
def test_unknown_names(name, remedy):
    with pytest.raises(UnknownNameError) as error:
        get_scorer(name)
    known = "'average_accuracy', 'kappa', 'overall_accuracy'"
    assert str(error.value) == f"Unknown scorer {name!r}. Known: {known}.{remedy}"


def noisy_scene():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, (12, 8))
    cube = (labels + rng.normal(scale=0.7, size=labels.shape))[..., np.newaxis]
    return cube, labels


@pytest.mark.slow
def test_cross_validation_of_cubes_and_of_samples():
    cube, labels = noisy_scene()
    for X, y in ((cube, labels), pixel_samples(cube, labels)):
        result = cross_validate(
            SampleThreshold(1.5), X, y, scoring=SCORERS, cv=KFold(3), error_score="raise"
        )
        for fold, (_, test) in enumerate(KFold(3).split(X, y)):
            expected = scores(SampleThreshold(1.5), X[test], y[test])
            assert {name: result[f"test_{name}"][fold] for name in SCORERS} == expected
    single = cross_validate(SampleThreshold(1.5), X, y, scoring=kappa_scorer, cv=KFold(3))
    np.testing.assert_array_equal(single["test_score"], result["test_kappa"])


@pytest.mark.parametrize("marked", ["mask", "nan"])
def test_cross_validation_of_masked_maps_and_of_maps_with_nan(marked):
    cube, labels = noisy_scene()
    expected = cross_validate(SampleThreshold(1.5), cube, labels, scoring=SCORERS, cv=KFold(3))
    if marked == "mask":
        y, unlabeled = np.ma.masked_equal(labels, 0), None
    else:
        y, unlabeled = np.where(labels == 0, np.nan, labels), np.nan
    clf = SampleThreshold(1.5, unlabeled)
    result = cross_validate(clf, cube, y, scoring=SCORERS, cv=KFold(3))
    for name in SCORERS:
        np.testing.assert_array_equal(result[f"test_{name}"], expected[f"test_{name}"])


@pytest.mark.slow
def test_workers_get_the_scorers():
    X, y = pixel_samples(*noisy_scene())
    here, there = (
        cross_validate(GaussianNB(), X, y, scoring=SCORERS, cv=3, n_jobs=n_jobs)
        for n_jobs in (1, 2)
    )
    for name in SCORERS:
        np.testing.assert_array_equal(here[f"test_{name}"], there[f"test_{name}"])


@pytest.mark.slow
@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("scoring", [kappa_scorer, SCORERS])
def test_search(samples, scoring):
    cube, labels = noisy_scene()
    X, y = pixel_samples(cube, labels) if samples else (cube, labels)
    search = GridSearchCV(
        make_pipeline("passthrough", SampleThreshold()),
        {"samplethreshold__threshold": [0.5, 1.5, 9.0]},
        scoring=scoring,
        refit="kappa" if scoring is SCORERS else True,
        cv=KFold(3),
        error_score="raise",
    ).fit(X, y)
    assert search.best_params_ == {"samplethreshold__threshold": 1.5}
    assert search.score(X, y) == kappa_scorer(SampleThreshold(1.5), X, y)
    assert kappa_scorer(search, X, y) == search.score(X, y)


def test_learning_curve_and_check_scoring():
    cube, labels = noisy_scene()
    sizes, train, test = learning_curve(
        SampleThreshold(1.5), cube, labels, scoring=kappa_scorer, cv=3, train_sizes=[4, 8]
    )
    assert sizes.tolist() == [4, 8]
    assert train.shape == test.shape == (2, 3)
    assert np.isfinite([train, test]).all()
    assert check_scoring(SampleThreshold(), kappa_scorer) is kappa_scorer
    both = check_scoring(SampleThreshold(), {"oa": overall_accuracy_scorer, "k": kappa_scorer})
    assert both(SampleThreshold(), SCENE, TRUTH) == pytest.approx({"oa": 3 / 5, "k": 1 / 6})


@pytest.mark.parametrize("scoring", [kappa_scorer, SCORERS])
def test_a_strip_without_labels_has_no_score(scoring):
    cube, labels = noisy_scene()
    labels[:4] = 0
    options = {"scoring": scoring, "cv": KFold(3)}
    with pytest.warns(UserWarning, match="No pixel is labeled"):
        result = cross_validate(SampleThreshold(1.5), cube, labels, **options)
    key = "test_kappa" if scoring is SCORERS else "test_score"
    assert np.isnan(result[key]).tolist() == [True, False, False]
    with pytest.raises(DataError, match="No pixel is labeled"):
        cross_validate(SampleThreshold(), cube, labels, **options, error_score="raise")


@pytest.mark.parametrize("scoring", [kappa_scorer, SCORERS])
def test_searches_with_weights_and_with_metadata_routing(scoring, recwarn):
    cube, labels = noisy_scene()
    weights = np.random.default_rng(0).random(labels.shape)
    several = scoring is SCORERS
    key = "mean_test_kappa" if several else "mean_test_score"
    options = {
        "scoring": scoring,
        "refit": "kappa" if several else True,
        "cv": [(np.arange(6), np.arange(6, 12))],
    }
    held_out = (SampleThreshold(1.5), cube[6:], labels[6:])
    plain = kappa_scorer(*held_out)
    weighted = kappa_scorer(*held_out, sample_weight=weights[6:])
    assert weighted != pytest.approx(plain)
    search = GridSearchCV(SampleThreshold(), {"threshold": [1.5]}, **options)
    search.fit(cube, labels, sample_weight=weights)
    # Earlier releases of scikit-learn keep the weights of a fit from the scorers.
    passed_on = parse_version(sklearn.__version__) >= parse_version("1.7")
    assert search.cv_results_[key] == pytest.approx([weighted if passed_on else plain])
    with config_context(enable_metadata_routing=True):
        clf = SampleThreshold().set_fit_request(sample_weight=True)
        search = GridSearchCV(clf, {"threshold": [1.5]}, **options)
        search.fit(cube, labels, sample_weight=weights)
        assert search.cv_results_[key] == pytest.approx([plain])
        assert search.score(cube[6:], labels[6:]) == pytest.approx(plain)
    assert not recwarn


@pytest.mark.slow
def test_the_classifier_scored_on_a_cube(cube, labels, settings):
    scene = cube.copy()
    scene[0, 0] = np.nan
    clf = HSIPromptClassifier(**{**settings, "window_size": 3})
    fits = {"estimator": clf, "X": scene, "y": labels, "cv": 2, "error_score": "raise"}
    result = cross_validate(scoring=SCORERS, **fits)
    default = cross_validate(**fits)
    np.testing.assert_allclose(result["test_overall_accuracy"], default["test_score"])
    assert result["test_kappa"].min() > 0.5
    fitted = clf.fit(scene, labels)
    X, y = pixel_samples(scene, labels)
    assert scores(fitted, scene, labels) == pytest.approx(scores(fitted, X, y))
    assert overall_accuracy_scorer(fitted, X.windows(3), y) == fitted.score(X, y)
