"""New texts are encoded by the text encoder of the training, or not at all."""

import numpy as np
import pytest

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.text.models import EncodedText

PROMPTS = {1: "a cab", 2: "dice", 3: "high jig"}
TEXTS = ["a face", "a bag"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that counts letters as its file says, in place of a sentence-transformers model."""

    def run_model(model, texts, device):
        letters = (model.source / "letters").read_text()
        rows = [[1 + text.count(one) for one in letters] for text in texts]
        return [EncodedText(np.array(row, dtype=np.float32), 0, 0) for row in rows]

    monkeypatch.setattr("hsvlm.text._encode.run_model", run_model)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my-encoder"
    path.mkdir()
    (path / "letters").write_text("abcdefghij")
    return path


@pytest.fixture
def clf(cube, labels, settings, folder):
    return HSIPromptClassifier(PROMPTS, **{**settings, "text_encoder": folder.name}).fit(
        cube, labels
    )


def changed(folder):
    (folder / "letters").write_text("jihgfedcba")


def gone(folder):
    folder.rename("elsewhere")


@pytest.mark.slow
@pytest.mark.parametrize("change", [changed, gone])
def test_a_folder_that_is_another_since_the_fit_is_refused(clf, folder, cube, change):
    before = clf.similarity(cube, TEXTS)
    change(folder)
    for action in (
        lambda: clf.similarity(cube, TEXTS),
        lambda: clf.with_prompts({1: "cab", 2: "jig"}),
    ):
        with pytest.raises(ParameterError) as caught:
            action()
        assert str(caught.value) == (
            "The text encoder 'my-encoder' is not the one of the training: its files have "
            "changed, or the name stands for something else here, so new texts cannot be "
            "compared with what was learned. Put the former files back, or fit again; if you know "
            "that it is the same, save the classifier and use "
            "load(path, text_encoder='my-encoder')."
        )
    folder.mkdir(exist_ok=True)
    (folder / "letters").write_text("abcdefghij")
    np.testing.assert_array_equal(clf.similarity(cube, TEXTS), before)


@pytest.mark.slow
def test_the_folder_of_a_loaded_model_is_that_of_the_fit(clf, folder, cube, tmp_path):
    before = clf.similarity(cube, TEXTS)
    path = clf.save(tmp_path / "model")
    changed(folder)
    # Saved after the change: what counts is what the fit has seen.
    for saved in (path, clf.save(tmp_path / "again")):
        loaded = HSIPromptClassifier.load(saved, device="cpu")
        np.testing.assert_array_equal(loaded.predict(cube), clf.predict(cube))
        with pytest.raises(ParameterError, match="is not the one of the training"):
            loaded.similarity(cube, TEXTS)
    by_hand = HSIPromptClassifier.load(path, device="cpu", text_encoder=folder)
    assert not np.array_equal(by_hand.similarity(cube, TEXTS), before)
    # Elsewhere, with the same files, it is the same encoder.
    (folder / "letters").write_text("abcdefghij")
    moved = HSIPromptClassifier.load(path, "cpu", text_encoder=folder.rename("elsewhere"))
    np.testing.assert_array_equal(moved.similarity(cube, TEXTS), before)


@pytest.mark.slow
def test_a_folder_that_is_gone_is_not_looked_for_on_the_hub(clf, folder, cube, tmp_path):
    path = clf.save(tmp_path / "model")
    gone(folder)
    loaded = HSIPromptClassifier.load(path, device="cpu")
    assert loaded.text_encoder == "my-encoder"
    with pytest.raises(UnknownNameError, match="in the folder 'my-encoder': it does not exist"):
        loaded.similarity(cube, ["an oat field"])


@pytest.mark.slow
def test_a_folder_does_not_take_the_place_of_a_name_on_the_hub(clf, folder, cube, tmp_path):
    clf.text_encoder = clf.text_encoder_ = "an/encoder"
    clf.text_encoder_identity_ = "hub:an/encoder"
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    (tmp_path / "an").mkdir()
    folder.rename(tmp_path / "an" / "encoder")
    with pytest.raises(ParameterError, match="'an/encoder' is not the one of the training"):
        loaded.similarity(cube, TEXTS)


@pytest.mark.slow
def test_another_revision_of_a_model_of_the_hub_is_refused(clf, cube, tmp_path, monkeypatch):
    monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path / "hub"))
    hub = tmp_path / "hub" / "models--an--encoder"
    (hub / "snapshots" / "new").mkdir(parents=True)
    (hub / "snapshots" / "new" / "modules.json").write_text("[]")
    (hub / "refs").mkdir()
    (hub / "refs" / "main").write_text("new")
    clf.text_encoder = clf.text_encoder_ = "an/encoder"
    clf.text_encoder_identity_ = "hub:an/encoder@old"
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    for action in (
        lambda: loaded.similarity(cube, TEXTS),
        lambda: loaded.with_prompts({1: "a face", 2: "a big bag"}),
    ):
        with pytest.raises(ParameterError, match="'an/encoder' is not the one of the training"):
            action()


@pytest.mark.slow
def test_vectors_of_another_length_are_refused(clf, folder, cube, tmp_path):
    class Short:
        def encode(self, texts):
            return np.eye(2)[: len(texts)]

    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), "cpu", text_encoder=Short())
    for action in (
        lambda: loaded.similarity(cube, TEXTS),
        lambda: loaded.with_prompts({1: "a face", 2: "a big bag"}),
    ):
        with pytest.raises(ParameterError) as caught:
            action()
        assert str(caught.value) == (
            "The text encoder gives vectors of length 2, that of the training gave 10. Use the "
            "text encoder of the training."
        )
