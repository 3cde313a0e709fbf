"""What a search over settings does once, and what it leaves on disk."""

import time

import numpy as np
import pytest
from joblib import hash as joblib_hash
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hsvlm import HSIPromptClassifier, PixelSamples, SpectralPCA, SpectralTransformer, pixel_samples
from hsvlm._data.lazy import LazyCube
from hsvlm._storage.values import Packer, Unpacker
from hsvlm.exceptions import ParameterError
from hsvlm.model_selection import SpatialBlockKFold
from hsvlm.preprocessing.packing import pack_steps, unpack_steps
from hsvlm.text import CachedEncoder, encode_texts
from hsvlm.text.models import EncodedText

CV = SpatialBlockKFold(2, block_size=5, buffer=1)
SETTINGS = {"clf__lr": [1e-3, 5e-3], "clf__window_size": [1, 3]}


class OnlyRead(LazyCube):
    """Can be read, but neither hashed nor written."""

    def __init__(self, array):
        super().__init__(array.shape, array.dtype)
        self.array = array

    def read_rows(self, start, stop):
        return self.array[start:stop]

    def __getstate__(self):
        pytest.fail("the cube is hashed or written")


class FromFile(OnlyRead):
    """Stands for a file, which may change."""

    __getstate__ = LazyCube.__getstate__


class Letters:
    """Draws a row for the letters of a text; remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def encode(self, texts):
        self.asked.extend(texts)
        return [np.random.default_rng(list(text.encode())).normal(size=32) for text in texts]


@pytest.fixture
def samples(cube, labels):
    return pixel_samples(cube, labels)


@pytest.fixture
def clf(settings):
    few = {"max_epochs": 1, "n_components": None, "window_size": 3}
    return HSIPromptClassifier(**{**settings, **few})


@pytest.fixture
def fits(monkeypatch):
    """How many spectra every fit of a PCA was given."""
    counted, fit = [], PCA.fit

    def counting(self, X, y=None):
        counted.append(len(X))
        return fit(self, X, y)

    monkeypatch.setattr(PCA, "fit", counting)
    return counted


def search(clf, pca, grid=SETTINGS, **options):
    return GridSearchCV(Pipeline([("pca", pca), ("clf", clf)]), grid, cv=CV, **options)


def size_on_disk(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_step_with_a_memory_is_fitted_once_on_the_same_samples(clf, samples, fits, tmp_path):
    without = search(clf, SpectralPCA(4)).fit(*samples)
    assert len(fits) == 4 * 2 + 1
    fits.clear()
    found = search(clf, SpectralPCA(4, memory=tmp_path)).fit(*samples)
    assert len(fits) == 2 + 1  # two folds, and all samples after the search
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(found.cv_results_[name], without.cv_results_[name])
    np.testing.assert_array_equal(
        found.predict_proba(samples[0]), without.predict_proba(samples[0])
    )


@pytest.mark.slow
def test_settings_of_the_step_are_told_apart(clf, samples, fits, tmp_path):
    grid = {"pca__n_components": [3, 5], "pca__whiten": [False, True], "clf__lr": [1e-3, 5e-3]}
    pca = SpectralPCA(memory=tmp_path)
    found = search(clf, pca, grid, refit=False).fit(*samples)
    assert len(fits) == 4 * 2
    without = search(clf, SpectralPCA(), grid, refit=False).fit(*samples)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], without.cv_results_["mean_test_score"]
    )


@pytest.mark.slow
def test_cubes_are_neither_hashed_nor_written(clf, cube, labels, fits, tmp_path):
    wide = np.tile(cube, (20, 20, 1))
    X, y = pixel_samples(OnlyRead(wide), np.pad(labels, [(0, 342), (0, 380)]))
    search(clf, SpectralPCA(4, memory=tmp_path)).fit(X, y)
    assert len(fits) == 3
    assert size_on_disk(tmp_path) < 30_000 < wide.nbytes / 100


def test_a_cube_that_was_changed_is_fitted_again(samples, cube, fits, tmp_path):
    own = np.array(cube)
    X = PixelSamples(own, samples[0].coords)
    pca = SpectralPCA(4, memory=tmp_path)
    pca.fit(X)
    own[5, 5, 3] += 0.5
    changed = clone(pca).fit(X).transformer_
    assert len(fits) == 2
    np.testing.assert_array_equal(
        changed.components_, SpectralPCA(4).fit(X).transformer_.components_
    )


def test_labels_and_inner_settings_are_told_apart(samples, tmp_path):
    X, y = samples
    scaled = SpectralTransformer(StandardScaler(), memory=tmp_path).fit(X, y).transform(X)
    unscaled = SpectralTransformer(StandardScaler(with_std=False), memory=tmp_path).fit(X, y)
    assert not np.allclose(np.asarray(scaled), np.asarray(unscaled.transform(X)))
    assert len(list(tmp_path.rglob("output.pkl"))) == 2
    SpectralTransformer(StandardScaler(), memory=tmp_path).fit(X, y[::-1])
    assert len(list(tmp_path.rglob("output.pkl"))) == 3


def test_a_saved_step_has_no_memory_and_may_bring_none(samples, tmp_path):
    fitted = SpectralPCA(4, memory=tmp_path).fit(samples[0])
    packer = Packer()
    (record,) = pack_steps(packer, [("pca", fitted)], "steps")
    ((_, found),) = unpack_steps(Unpacker(packer.tensors), [record])
    assert (found.n_components, found.memory) == (4, None)
    record["step"]["parameters"]["memory"] = str(tmp_path)
    with pytest.raises(ValueError, match="a step comes with a memory"):
        unpack_steps(Unpacker(packer.tensors), [record])


def test_a_file_that_was_changed_changes_the_hash_of_its_cube(cube, tmp_path):
    lazy = FromFile(cube[:2])
    lazy.path = tmp_path / "scene"
    lazy.path.write_bytes(b"one")
    before = joblib_hash(lazy)
    assert joblib_hash(lazy) == before
    lazy.path.write_bytes(b"other")
    assert joblib_hash(lazy) != before


@pytest.mark.slow
def test_a_named_model_encodes_each_text_once(clf, samples, monkeypatch, tmp_path):
    monkeypatch.setenv("HSVLM_CACHE_DIR", str(tmp_path))
    letters = Letters()

    def model(_, texts, device):
        return [EncodedText(np.float32(row), 1, 9) for row in letters.encode(texts)]

    monkeypatch.setattr("hsvlm.text._encode.run_model", model)
    clf.set_params(text_encoder="any-model")
    grid = {**SETTINGS, "clf__prompts": ["a field of {}", "rows of {}"]}
    search(clf, SpectralPCA(4), grid).fit(*samples)
    expected = {f"{kind} {label}" for kind in ("a field of", "rows of") for label in (1, 2, 3)}
    assert sorted(letters.asked) == sorted(expected)


@pytest.mark.slow
def test_an_object_encodes_each_text_once_where_it_has_a_name(clf, samples, tmp_path):
    asked = []

    class Asked(Letters):
        def encode(self, texts):
            asked.extend(texts)
            return super().encode(texts)

    search(clf.set_params(text_encoder=Asked()), SpectralPCA(4)).fit(*samples)
    assert len(asked) == 3 * (4 * 2 + 1)
    asked.clear()
    encoder = CachedEncoder(Asked(), "letters", tmp_path)
    found = search(clf.set_params(text_encoder=encoder), SpectralPCA(4)).fit(*samples)
    assert len(asked) == 3
    assert found.best_estimator_["clf"].text_encoder is encoder
    CachedEncoder(Asked(), "other letters", tmp_path).encode(["a barn", "a barn"])
    assert asked[3:] == ["a barn"]


def test_named_objects_give_what_they_give_without(tmp_path):
    texts = ["a barn", "oats", "a barn"]
    expected = encode_texts(texts, Letters())
    for _ in range(2):
        encoder = CachedEncoder(Letters(), "letters", tmp_path)
        np.testing.assert_array_equal(encoder.encode(texts), expected)
        np.testing.assert_array_equal(encode_texts(texts, encoder), expected)


@pytest.mark.parametrize(
    ("encoder", "name", "message"),
    [
        (
            "all-MiniLM-L6-v2",
            "any",
            "CachedEncoder needs an object with an encode method, got 'all-MiniLM-L6-v2'. Names "
            "and folders of models are cached without it.",
        ),
        (
            Letters(),
            " ",
            "name=' ' must be a text that identifies this encoder, such as 'my-model-1'.",
        ),
    ],
)
def test_what_cannot_be_cached(encoder, name, message):
    with pytest.raises(ParameterError) as error:
        CachedEncoder(encoder, name)
    assert str(error.value) == message


@pytest.mark.slow
def test_two_processes_share_fits_and_texts(clf, samples, fits, tmp_path):
    log = tmp_path / "log"

    class Slow(Letters):
        def encode(self, texts):
            with log.open("a") as file:
                file.writelines(f"{text}\n" for text in texts)
            time.sleep(1)  # the other process asks for the same texts meanwhile
            return super().encode(texts)

    texts = [f"an aerial photograph of {label}" for label in (1, 2, 3)]
    clf.set_params(text_encoder=CachedEncoder(Slow(), "slow", tmp_path / "text"))
    pca = SpectralPCA(4, memory=tmp_path / "steps")
    together = search(clf, pca, n_jobs=2, refit=False).fit(*samples)
    assert sorted(log.read_text().splitlines()) == texts
    alone = search(clf, pca, refit=False).fit(*samples)
    assert fits == []
    assert sorted(log.read_text().splitlines()) == texts
    np.testing.assert_array_equal(
        together.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
