"""The tools of scikit-learn keep the windows of samples, or say that they cannot."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import SelectKBest, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import resample, shuffle

from hsvlm import HSIPromptClassifier, PixelSamples, Scene, SpectralPCA, SpectralTransformer
from hsvlm.exceptions import DataError, ParameterError, UnusedSettingWarning
from hsvlm.metrics import overall_accuracy_scorer

NAMES = {1: "oats", 2: "wheat", 3: "woods"}
SIZE = 7  # not the default, so that a loss is said


class Letters:
    """Draws a row for the letters of a text."""

    def encode(self, texts):
        return [np.random.default_rng(list(text.encode())).normal(size=32) for text in texts]


@pytest.fixture
def clf(settings):
    few = {"max_epochs": 1, "text_encoder": Letters(), "window_size": SIZE, "n_components": None}
    return HSIPromptClassifier(**{**settings, **few})


@pytest.fixture
def scene(cube, labels):
    return Scene(cube, labels, NAMES)


@pytest.fixture
def data(scene):
    return scene.samples()


def two(X, y):
    return X[y < 3], y[y < 3]


KEEP = {
    "calibration": lambda clf, X, y: (
        CalibratedClassifierCV(clf, cv=2).fit(X, y).calibrated_classifiers_[0].estimator
    ),
    "stacking": lambda clf, X, y: (
        StackingClassifier([("a", clf), ("b", LogisticRegression())], cv=2).fit(X, y).estimators_[0]
    ),
    "voting": lambda clf, X, y: VotingClassifier([("a", clf)]).fit(X, y).estimators_[0],
    "threshold": lambda clf, X, y: TunedThresholdClassifierCV(clf, cv=2).fit(*two(X, y)).estimator_,
    "fixed threshold": lambda clf, X, y: FixedThresholdClassifier(clf).fit(*two(X, y)).estimator_,
    "cross_validate": lambda clf, X, y: cross_validate(clf, X, y, cv=2, return_estimator=True)[
        "estimator"
    ][0],
    "grid search": lambda clf, X, y: (
        GridSearchCV(clf, {"lr": [1e-3]}, cv=2).fit(X, y).best_estimator_
    ),
    "random search": lambda clf, X, y: (
        RandomizedSearchCV(clf, {"lr": [1e-3]}, n_iter=1, cv=2).fit(X, y).best_estimator_
    ),
    "halving": lambda clf, X, y: (
        HalvingGridSearchCV(clf, {"lr": [1e-3, 1e-2]}, cv=2, random_state=0)
        .fit(X, y)
        .best_estimator_
    ),
    "pipeline": lambda clf, X, y: make_pipeline("passthrough", SpectralPCA(4), clf).fit(X, y)[-1],
    "wrapped": lambda clf, X, y: make_pipeline(SpectralTransformer(SelectKBest(k=6)), clf).fit(
        X, y
    )[-1],
    "wrapped columns": lambda clf, X, y: make_pipeline(
        SpectralTransformer(
            make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough")
        ),
        clf,
    ).fit(X, y)[-1],
    "wrapped union": lambda clf, X, y: make_pipeline(
        SpectralTransformer(FeatureUnion([("a", StandardScaler()), ("b", SpectralPCA(2))])), clf
    ).fit(X, y)[-1],
    "identity": lambda clf, X, y: make_pipeline(FunctionTransformer(), clf).fit(X, y)[-1],
    "pickle": lambda clf, X, y: pickle.loads(pickle.dumps(clf.fit(X, y))),
    "copy": lambda clf, X, y: copy.deepcopy(clf.fit(X, y)),
    "train_test_split": lambda clf, X, y: clf.fit(
        *train_test_split(X, y, stratify=y, random_state=0)[::2]
    ),
    "shuffle": lambda clf, X, y: clf.fit(*shuffle(X, y, random_state=0)),
    "resample": lambda clf, X, y: clf.fit(*resample(X, y, random_state=0, stratify=y)),
}
LOSE = {
    "scaler": lambda clf, X, y: make_pipeline(StandardScaler(), clf).fit(X, y),
    "selection": lambda clf, X, y: make_pipeline(SelectKBest(k=6), clf).fit(X, y),
    "union": lambda clf, X, y: make_pipeline(
        FeatureUnion([("a", SpectralPCA(2)), ("b", SpectralPCA(3))]), clf
    ).fit(X, y),
    "function": lambda clf, X, y: make_pipeline(FunctionTransformer(np.abs), clf).fit(X, y),
    "bagging": lambda clf, X, y: BaggingClassifier(clf, n_estimators=1).fit(X, y - 1),
    "bagging of bands": lambda clf, X, y: BaggingClassifier(
        clf, n_estimators=1, max_features=0.5
    ).fit(X, y - 1),
    "boosting": lambda clf, X, y: AdaBoostClassifier(clf, n_estimators=1, random_state=0).fit(X, y),
    "one against one": lambda clf, X, y: OneVsOneClassifier(clf).fit(X, y),
    "self training": lambda clf, X, y: SelfTrainingClassifier(clf, max_iter=1).fit(
        X, np.where(np.arange(len(y)) % 2, y.astype(int), -1)
    ),
    "sequential": lambda clf, X, y: SequentialFeatureSelector(
        clf, n_features_to_select=1, cv=2
    ).fit(X[:, :], y),
}
REFUSE = {
    "permutation_importance": (
        lambda clf, X, y: permutation_importance(clf.fit(X, y), X, y, n_repeats=1),
        ParameterError,
        r"permutation_importance, need a classifier fitted on arrays: clf.fit\(np.asarray\(X\), y",
    ),
    "partial_dependence": (
        lambda clf, X, y: partial_dependence(clf.fit(X, y), X, [0]),
        IndexError,
        "indexed by sample, not by band",
    ),
    "column transformer": (
        lambda clf, X, y: make_pipeline(make_column_transformer((StandardScaler(), [0])), clf).fit(
            X, y
        ),
        IndexError,
        r"SpectralTransformer\(ColumnTransformer",
    ),
    "assignment": (
        lambda clf, X, y: X.__setitem__((slice(None), 0), 1),
        TypeError,
        r"never written to\. np.asarray\(X\)",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("tool", KEEP)
def test_tools_that_pass_samples_on_keep_the_windows(clf, data, tool):
    fitted = KEEP[tool](clf, *data)
    assert fitted.window_size_ == SIZE


@pytest.mark.slow
@pytest.mark.parametrize("tool", LOSE)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
def test_tools_that_make_arrays_say_that_windows_are_lost(clf, data, tool):
    with pytest.warns(UnusedSettingWarning, match="window_size.* no effect: X contains plain"):
        LOSE[tool](clf.set_params(class_names=None), *data)


@pytest.mark.parametrize("tool", REFUSE)
def test_tools_that_cannot_work_are_refused(clf, data, tool):
    function, error, message = REFUSE[tool]
    with pytest.raises(error, match=message):
        function(clf, *data)


@pytest.mark.slow
def test_importance_of_bands_with_arrays(clf, data):
    X, y = data
    spectra = np.asarray(X)
    clf.set_params(window_size=1, patch_size=1, max_epochs=8).fit(spectra, y)
    result = permutation_importance(clf, spectra, y, n_repeats=2, random_state=0)
    assert set(result.importances_mean.argsort()[-3:]) == {1, 2, 3}


@pytest.mark.slow
@pytest.mark.parametrize("cv", [2])
def test_curves_and_scores(clf, data, cv):
    X, y = data
    clf.set_params(class_names=NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for scores in (
            learning_curve(clf, X, y, cv=cv, train_sizes=[0.5, 1.0])[2],
            validation_curve(clf, X, y, param_name="lr", param_range=[1e-3], cv=cv)[1],
            permutation_test_score(clf, X, y, cv=cv, n_permutations=1)[1],
            cross_val_score(clf, X, y, cv=cv, scoring="accuracy"),
            cross_val_predict(clf, X, y, cv=cv, method="predict_proba"),
        ):
            assert np.isfinite(scores).all()


@pytest.mark.slow
def test_weights_are_routed(clf, data):
    X, y = data
    weights = np.where(y == 3, 0.0, 1.0)
    with pytest.warns(match="class 3 have weight 0"):
        clf.fit(X, y, sample_weight=weights)
    with pytest.warns(match="class 3 have weight 0"):
        result = cross_validate(
            clf, X, y, cv=2, params={"sample_weight": weights}, return_estimator=True
        )
    assert result["estimator"][0].classes_.tolist() == [1, 2]


def test_a_frozen_classifier_is_calibrated(clf, data):
    X, y = data
    calibrated = CalibratedClassifierCV(FrozenEstimator(clf.fit(X, y))).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.slow
def test_processes_keep_the_windows(clf, data):
    result = cross_validate(clf, *data, cv=2, n_jobs=2, return_estimator=True)
    assert [one.window_size_ for one in result["estimator"]] == [SIZE, SIZE]


@pytest.mark.parametrize("names", [None, NAMES])
@pytest.mark.parametrize("tool", ["stacking", "voting"])
def test_names_follow_labels_that_a_tool_encodes(clf, data, tool, names):
    fitted = KEEP[tool](clf.set_params(class_names=names), *data)
    assert fitted.classes_.tolist() == [0, 1, 2]
    texts = [text.rpartition(" ")[2] for (text,) in fitted.prompts_.values()]
    assert texts == ["oats", "wheat", "woods"]


@pytest.mark.parametrize(
    "tool",
    [
        lambda clf: VotingClassifier([("a", clf)]),
        lambda clf: BaggingClassifier(clf, n_estimators=1),
        OneVsRestClassifier,
        OneVsOneClassifier,
        OutputCodeClassifier,
    ],
)
def test_names_are_not_laid_over_codes(clf, cube, labels, tool):
    coords = np.argwhere(labels > 0)
    X, y = PixelSamples(cube, coords), labels[tuple(coords.T)]
    with pytest.raises(ParameterError, match="looks like codes"):
        tool(clf.set_params(class_names=NAMES)).fit(X, y)


def test_names_of_labels_from_0_hold_in_every_tool(clf, cube, labels):
    coords = np.argwhere(labels > 0)
    X, y = PixelSamples(cube, coords), labels[tuple(coords.T)] - 1
    names = {0: "oats", 1: "wheat", 2: "woods"}
    fitted = VotingClassifier([("a", clf.set_params(class_names=names))]).fit(X, y).estimators_[0]
    assert fitted.prompts_[2] == ("an aerial photograph of woods",)


def test_a_fold_without_a_class_is_not_taken_for_codes(clf, cube, labels):
    few = np.where(labels == 1, 0, labels)
    clf.set_params(class_names=NAMES).fit(cube, few)
    assert clf.prompts_[3] == ("an aerial photograph of woods",)


@pytest.mark.slow
def test_named_scores_need_label_vectors(clf, cube, labels, data):
    # scikit-learn refuses the map before it looks at the predictions.
    with pytest.raises(ValueError, match="multiclass-multioutput"):
        cross_val_score(clf, cube, labels, scoring="accuracy", cv=2, error_score="raise")
    clf.set_params(class_names=NAMES)
    maps = cross_val_score(clf, cube, labels, scoring=overall_accuracy_scorer, cv=2)
    own = cross_val_score(clf, cube, labels, cv=2)
    np.testing.assert_allclose(maps, own)
    X, y = data
    assert np.isfinite(cross_val_score(clf, X, y, scoring="accuracy", cv=2)).all()


def test_clones_have_not_been_fitted(clf, data):
    with pytest.raises(Exception, match="not fitted"):
        clone(clf.fit(*data)).predict(data[0])


def test_samples_are_data_where_labels_are_refused(clf, data):
    with pytest.raises(DataError):
        clf.fit(data[0], None)
