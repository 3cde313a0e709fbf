"""Results on disk: what has been measured is not measured again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from skorch.callbacks import EpochScoring

from hsvlm import HSIPromptClassifier, pixel_samples
from hsvlm.datasets import make_synthetic_scene
from hsvlm.evaluation import evaluate
from hsvlm.evaluation._keys import data_digest, fit_key, read_contents
from hsvlm.exceptions import HSVLMWarning, ParameterError
from hsvlm.model_selection import SpatialBlockKFold

BLOCKS = SpatialBlockKFold(2, block_size=5, buffer=1)


class Counting(GaussianNB):
    """Naive Bayes that counts its fits, and fails at one of them."""

    n_fits = 0
    fails_at = None
    failure = RuntimeError

    def fit(self, X, y):
        Counting.n_fits += 1
        if Counting.n_fits == Counting.fails_at:
            raise Counting.failure
        return super().fit(X, y)


@pytest.fixture(autouse=True)
def count(monkeypatch):
    monkeypatch.setattr(Counting, "n_fits", 0)
    monkeypatch.setattr(Counting, "fails_at", None)


@pytest.fixture(scope="module")
def data(cube, labels):
    noise = np.random.default_rng(1).normal(scale=5, size=cube.shape)
    return pixel_samples(cube + noise, labels)


@pytest.fixture
def measure(data, tmp_path):
    """Evaluate with a store; return the report and how many fits it took."""

    def run(estimators=None, X=data[0], y=data[1], cv=BLOCKS, **settings):
        before = Counting.n_fits
        settings = {"baselines": [], "store": tmp_path / "store", **settings}
        report = evaluate(
            {"counting": Counting()} if estimators is None else estimators, X, y, cv, **settings
        )
        return report, Counting.n_fits - before

    return run


def everything(report):
    return [{**vars(one), "correct": one.correct.tolist()} for one in report.results]


def test_second_run_measures_nothing(measure, tmp_path):
    first, n_first = measure()
    second, n_second = measure()
    assert (n_first, n_second) == (2, 0)
    assert everything(first) == everything(second)
    assert first.leakage == second.leakage
    assert len(list((tmp_path / "store").iterdir())) == 2


def test_without_a_store_everything_is_measured(measure, tmp_path):
    assert measure(store=None)[1] == measure(store=None)[1] == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_labels_survive(measure, data):
    y = data[1]
    for labels in (y, y.astype(float), np.array(["", "corn", "oats", "rye"])[y], y == 2):
        first, n_first = measure(y=labels)
        second, n_second = measure(y=labels)
        assert (n_first, n_second) == (2, 0)
        assert everything(first) == everything(second)
        assert first.recalls() == second.recalls()


@pytest.mark.filterwarnings("ignore:.* are pixels that it trains on")
def test_kappa_of_a_single_class_survives(measure, data):
    X, y = data
    right = np.flatnonzero((y == 1) & (GaussianNB().fit(X, y).predict(X) == 1))
    cv = [(np.arange(len(X)), right)]
    (first, n_first), (second, n_second) = measure(cv=cv), measure(cv=cv)
    assert (n_first, n_second) == (1, 0)
    assert np.isnan([first.results[0].kappa, second.results[0].kappa]).all()


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_run_that_was_stopped_goes_on(measure, monkeypatch, failure):
    estimators = {"one": Counting(), "two": Counting(var_smoothing=1e-3)}
    expected, _ = measure(estimators, store=None)
    monkeypatch.setattr(Counting, "n_fits", 0)
    monkeypatch.setattr(Counting, "fails_at", 3)
    monkeypatch.setattr(Counting, "failure", failure)
    with pytest.raises(failure):
        measure(estimators)
    assert Counting.n_fits == 3
    monkeypatch.setattr(Counting, "fails_at", None)
    report, n_fits = measure(estimators)
    assert n_fits == 2
    assert [one.correct.tolist() for one in report.results] == [
        one.correct.tolist() for one in expected.results
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b'{"estimator": "coun', None),
        (b"null", None),
        (b"[]", None),
        (b"{}", None),
        (b"\xff\xfe\x00", None),
    ],
    ids=["empty", "cut", "null", "list", "object", "binary"],
)
def test_file_that_cannot_be_read_is_measured_again(measure, tmp_path, content, reason):
    first, _ = measure()
    broken = sorted((tmp_path / "store").iterdir())[0]
    before = json.loads(broken.read_text())
    broken.write_bytes(content)
    with pytest.warns(HSVLMWarning) as caught:
        again, n_fits = measure()
    assert n_fits == 1
    (warning,) = caught
    text = str(warning.message)
    assert text.startswith(f"{broken} cannot be read (")
    assert text.endswith("), so this fold is measured again.")
    assert reason is None or reason in text
    assert warning.filename == __file__
    assert [one.correct.tolist() for one in first.results] == [
        one.correct.tolist() for one in again.results
    ]
    after = json.loads(broken.read_text())
    assert {**before, "fit_seconds": 0, "predict_seconds": 0} == {
        **after,
        "fit_seconds": 0,
        "predict_seconds": 0,
    }
    assert measure()[1] == 0


@pytest.mark.slow
def test_what_changes_the_result_is_measured_anew(measure, data):
    X, y = data
    _, n_fits = measure()
    assert n_fits == 2
    changed = X.map_spectra(lambda spectra: spectra + np.eye(12)[0])
    for settings in (
        {"estimators": {"counting": Counting(var_smoothing=1e-3)}},
        {"estimators": {"nested": make_pipeline("passthrough", Counting(priors=[0.2, 0.3, 0.5]))}},
        {"cv": SpatialBlockKFold(2, block_size=5, buffer=2)},
        {"X": changed},
        {"y": 4 - y},
        {"X": X[::-1], "y": y[::-1]},
    ):
        assert measure(**settings)[1] == 2
        assert measure(**settings)[1] == 0
    assert measure()[1] == 0


@pytest.mark.slow
def test_nested_settings_and_seeds_are_measured_anew(measure, tmp_path):
    def n_files(max_depth, random_state):
        forest = make_pipeline("passthrough", RandomForestClassifier(2, max_depth=max_depth))
        measure({"forest": forest}, random_state=random_state)
        return len(list((tmp_path / "store").iterdir()))

    assert [n_files(1, 0), n_files(1, 0), n_files(5, 0), n_files(5, 9)] == [2, 2, 4, 6]


def test_every_parameter_counts(data):
    def key(**changes):
        clf = HSIPromptClassifier.from_preset("fast", **changes)
        return fit_key(clf, "data", np.arange(3), np.arange(3, 5))

    assert key() == key()
    changes = {"normalize": None, "spatial": None, "checkpoint_dir": "here", "resume": True}
    keys = {key(**{name: value}) for name, value in changes.items()}
    assert len(keys - {key()}) == len(changes)


def test_another_name_is_not_another_estimator(measure):
    measure()
    report, n_fits = measure({"renamed": Counting()})
    assert n_fits == 0
    assert report.names == ("renamed",)
    assert [one.estimator for one in report.results] == ["renamed"] * 2


def test_one_more_split_measures_one_more(measure, data):
    pairs = list(BLOCKS.split(*data))
    measure(cv=pairs[1:])
    report, n_fits = measure(cv=pairs)
    assert n_fits == 1
    assert [one.split for one in report.results] == [0, 1]


def test_hits_keep_their_samples_whatever_the_order_of_the_test_side(measure, data):
    X, y = data
    train, test = next(BLOCKS.split(X, y))
    shuffled = np.random.default_rng(0).permutation(test)
    measure(cv=[(train, shuffled)])
    report, n_fits = measure({"stored": Counting(), "new": GaussianNB()}, cv=[(train, test)])
    assert n_fits == 0
    assert report.results[0].correct.tolist() == report.results[1].correct.tolist()


def test_files_can_be_read_by_people(measure, tmp_path):
    report, _ = measure()
    (result, *_) = report.results
    records = [json.loads(one.read_text()) for one in (tmp_path / "store").iterdir()]
    (record,) = [one for one in records if one["split"] == 0]
    assert record["estimator"] == "counting"
    assert record["overall_accuracy"] == result.overall_accuracy
    assert dict(zip(record["labels"], record["recall"], strict=True)) == result.recall
    for name in ("hsvlm", "numpy", "Python", "CPU cores"):
        assert name in record["environment"]


def test_names_of_files_begin_with_estimator_and_split(measure, tmp_path):
    measure({"3 x 3, SNV": Counting(), "小麦": GaussianNB()})
    names = sorted(path.name for path in (tmp_path / "store").iterdir())
    beginnings = [name.rpartition("-")[0] for name in names]
    expected = ["3-x-3-snv-split-0", "3-x-3-snv-split-1", "estimator-split-0", "estimator-split-1"]
    assert beginnings == expected


def test_readable_file_counts_beside_an_unreadable_one(measure, tmp_path):
    first, _ = measure()
    for path in (tmp_path / "store").iterdir():
        (path.parent / f"a-{path.name}").write_text("{}")
    with pytest.warns(HSVLMWarning, match="cannot be read"):
        again, n_fits = measure()
    assert n_fits == 0
    assert everything(first) == everything(again)


def test_confusions_are_counted_and_survive(measure, tmp_path):
    first, _ = measure()
    for result in first.results:
        assert sum(count for _, _, count in result.confusion) == result.n_test
        hits = sum(count for truth, predicted, count in result.confusion if truth == predicted)
        assert hits == result.correct.sum()
        for label, recall in result.recall.items():
            row = {b: count for a, b, count in result.confusion if a == label}
            assert row.get(label, 0) / sum(row.values()) == pytest.approx(recall)
    second, n_fits = measure()
    assert n_fits == 0
    assert [one.confusion for one in second.results] == [one.confusion for one in first.results]
    # Results of before they were counted.
    for path in (tmp_path / "store").iterdir():
        record = json.loads(path.read_text())
        del record["confusion"]
        path.write_text(json.dumps(record))
    third, n_fits = measure()
    assert n_fits == 0
    assert {one.confusion for one in third.results} == {None}


def test_what_samples_know_is_part_of_the_data():
    scene = make_synthetic_scene(height=12, width=12, random_state=0)
    heights = np.ones(scene.shape)
    changed = {
        "names": {"class_names": {label: f"kind {label}" for label in scene.class_names}},
        "wavelengths": {"wavelengths_nm": np.asarray(scene.wavelengths_nm) + 50},
        "lidar": {"auxiliary": {"lidar": heights}},
        "radar": {"auxiliary": {"radar": heights}},
        "nothing": {},
    }
    digests = {
        name: data_digest(*replace(scene, **changes).samples()) for name, changes in changed.items()
    }
    assert len(set(digests.values())) == len(changed)
    assert digests["nothing"] == data_digest(*scene.samples())


@pytest.mark.parametrize(
    "settings",
    [
        lambda path: {"pretrained": path},
        lambda path: {"pretrained": str(path)},
        lambda path: {"text_encoder": path},
        lambda path: {"vision_encoder": "clip-prompt", "vision_params": {"clip": str(path)}},
    ],
    ids=["pretrained", "text", "text encoder", "clip"],
)
@pytest.mark.parametrize("is_folder", [True, False])
def test_what_is_read_is_part_of_the_settings(tmp_path, settings, is_folder):
    path, copy = tmp_path / "model", tmp_path / "copy"
    file = path / "weights" if is_folder else path
    file.parent.mkdir(exist_ok=True)

    def key(at):
        clf = HSIPromptClassifier(**settings(at))
        search = GridSearchCV(HSIPromptClassifier(), {name: [at] for name in settings(at)})
        split = np.arange(3), np.arange(3, 5)
        return [fit_key(each, "data", *split) for each in (clf, make_pipeline(clf))] + [
            fit_key(search, "data", *split) if "vision_params" not in settings(at) else ""
        ]

    file.write_bytes(b"one")
    first = key(path)
    (shutil.copytree if is_folder else shutil.copy)(path, copy)
    assert key(copy) == first
    file.write_bytes(b"another")
    assert not set(key(path)) - {""} & set(first)


HUB_SETTINGS = {
    "text encoder": ({"text_encoder": "me/model"}, "modules.json"),
    "text encoder without organization": ({"text_encoder": "model"}, "config.json"),
    "clip": (
        {"vision_encoder": "clip-prompt", "vision_params": {"clip": "me/model"}},
        "config.json",
    ),
    "weights": ({"pretrained": "hf://me/model/weights.pt"}, "weights.pt"),
    "weights in a folder": ({"pretrained": "hf://me/model/base/weights.pt"}, "base/weights.pt"),
}


@pytest.mark.parametrize(("settings", "file"), HUB_SETTINGS.values(), ids=HUB_SETTINGS)
def test_the_revision_of_a_hub_model_is_part_of_the_settings(tmp_path, monkeypatch, settings, file):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path), raising=False)
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
    names = ["me--model", "sentence-transformers--model"]

    def key(revision):
        for name in names:
            model = tmp_path / f"models--{name}"
            path = model / "snapshots" / revision / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
            (model / "refs").mkdir(exist_ok=True)
            (model / "refs" / "main").write_text(revision)
        clf = HSIPromptClassifier(**settings)
        return fit_key(clf, "data", np.arange(3), np.arange(3, 5))

    absent = fit_key(HSIPromptClassifier(**settings), "data", np.arange(3), np.arange(3, 5))
    first, second = key("a" * 40), key("b" * 40)
    assert len({absent, first, second}) == 3
    assert key("a" * 40) == first


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "no/such/model", ""])
def test_names_without_a_revision_stay(name):
    settings = HSIPromptClassifier(text_encoder=name).get_params()
    assert read_contents(settings) == settings


def test_settings_that_cannot_be_pickled_are_not_kept(measure):
    clf = HSIPromptClassifier(callbacks=[EpochScoring(lambda *_: 0.0, name="nothing")])
    with pytest.raises(ParameterError, match="Results of HSIPromptClassifier cannot be kept"):
        measure({"clf": clf})


def test_an_empty_text_is_no_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clf, split = HSIPromptClassifier(text_encoder=""), (np.arange(3), np.arange(3, 5))
    before = fit_key(clf, "data", *split)
    (tmp_path / "file").write_bytes(b"one")
    assert fit_key(clf, "data", *split) == before
