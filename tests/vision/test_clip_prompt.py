"""A frozen CLIP model with learned prompts, as a vision encoder and in the classifier."""

import copy
import itertools
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from hsvlm import HSIPromptClassifier
from hsvlm.datasets import make_two_source_scene
from hsvlm.evaluation import network_cost
from hsvlm.exceptions import ParameterError, PromptWarning, UnusedSettingWarning
from hsvlm.plotting import PromptMatrixDisplay
from hsvlm.vision import _clip
from hsvlm.vision._clip import FrozenClip
from hsvlm.vision.clip_prompt import ClipPrompt
from tests.vision.test_table import TABLE, number
from tests.vision.tiny_clip import N_FEATURES, N_LAYERS, WIDTH, save_tiny_clip, tiny_clip

TWO = {"spectra": 5, "heights": 1}
TEXTS = ["a corn field", "water, near a barn"]


def make(seed=0, **params):
    torch.manual_seed(seed)
    params = {"n_channels": 6, "window_size": 5, "sources": TWO, "rank": 8, **params}
    return ClipPrompt(clip=tiny_clip(), **params)


def windows(count, seed=1):
    return torch.randn(count, 5, 5, 6, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def original():
    """The CLIP model as transformers runs it, with its tokenizer."""
    transformers = pytest.importorskip("transformers")
    return (
        transformers.CLIPModel.from_pretrained(tiny_clip()).eval(),
        transformers.AutoTokenizer.from_pretrained(tiny_clip()),
    )


def features_of(outputs):
    return outputs if isinstance(outputs, torch.Tensor) else outputs.pooler_output


@pytest.mark.slow
@torch.no_grad()
def test_without_prompts_it_is_clip(original):
    model, tokenizer = original
    frozen = FrozenClip(tiny_clip())
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = features_of(model.get_image_features(images))
    encoded = frozen.encode_images(images, [torch.empty(1, 0, WIDTH)] * N_LAYERS)
    torch.testing.assert_close(encoded, expected)
    encoded = frozen.encode_texts(TEXTS, [torch.empty(0, WIDTH)] * N_LAYERS)
    for text, row in zip(TEXTS, encoded, strict=True):
        tokens = tokenizer([text], return_tensors="pt")
        torch.testing.assert_close(row, features_of(model.get_text_features(**tokens))[0])


@pytest.mark.slow
@torch.no_grad()
def test_every_layer_has_its_own_prompts():
    frozen = FrozenClip(tiny_clip())
    images, prompts = torch.zeros(1, 3, 32, 32), torch.zeros(N_LAYERS, 2, WIDTH)
    for layer in range(N_LAYERS):
        changed = prompts.clone()
        changed[layer] = torch.arange(WIDTH)
        for encode, given in ((frozen.encode_images, images), (frozen.encode_texts, TEXTS)):
            of_layer = (lambda x: list(x[:, None])) if given is images else list
            before, after = encode(given, of_layer(prompts)), encode(given, of_layer(changed))
            assert (before - after).abs().max() > 1e-4, (layer, encode)


@torch.no_grad()
def test_texts_do_not_depend_on_each_other():
    encoder = make().eval()
    together = encoder.encode_texts(TEXTS)
    for text, row in zip(TEXTS, together, strict=True):
        torch.testing.assert_close(encoder.encode_texts([text])[0], row, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@torch.no_grad()
def test_long_texts_are_cut_before_their_end(original):
    model, tokenizer = original
    frozen = FrozenClip(tiny_clip())
    long = "a" * 70
    with pytest.warns(PromptWarning, match="1 prompts are longer than the 60 tokens"):
        encoded = frozen.encode_texts([long], [torch.empty(0, WIDTH)] * N_LAYERS)
    tokens = tokenizer([long], return_tensors="pt", truncation=True, max_length=60)
    expected = features_of(model.get_text_features(**tokens))
    torch.testing.assert_close(encoded, expected)


@pytest.mark.slow
def test_parameters_and_work_with_the_model_of_the_publication(monkeypatch):
    transformers = pytest.importorskip("transformers")

    def load(source):
        with torch.device("meta"):
            config = transformers.CLIPConfig(vision_config={"patch_size": 16})
            return transformers.CLIPModel(config).requires_grad_(requires_grad=False)

    monkeypatch.setattr(_clip, "_load", load)
    monkeypatch.setattr(_clip, "_digest", lambda _: "00" * 32)
    monkeypatch.setattr(FrozenClip, "logit_scale", 100.0)
    monkeypatch.setattr(FrozenClip, "_on", lambda self, _: self._model)
    with torch.device("meta"):
        both = ClipPrompt(26, 9, clip="vit-b-16", sources={"spectra": 25, "lidar": 1})
        alone = ClipPrompt(25, 9, clip="vit-b-16")
    assert sum(weight.numel() for weight in both.parameters()) == 480_026
    assert both.vision_prompts.numel() + both.text_prompts.numel() == 61_440
    assert round(network_cost(both, (9, 9, 26)).n_multiply_adds / 1e9, 1) == 18.0
    (row,) = [row for name, _, row in TABLE if name == "clip-prompt"]
    assert number(row["parameters"]) == sum(weight.numel() for weight in alone.parameters())


@pytest.mark.slow
def test_gradients_reach_all_that_is_trained_and_nothing_else():
    encoder = make()
    before = {name: x.clone() for name, x in encoder._clip._model.named_parameters()}
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        cosines = normalize(encoder(windows(8)), dim=1) @ encoder.encode_texts(TEXTS).T
        torch.nn.functional.cross_entropy(cosines, torch.arange(8) % 2).backward()
        optimizer.step()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name
    for name, parameter in encoder._clip._model.named_parameters():
        assert torch.equal(parameter, before[name]), name
        assert parameter.grad is None, name


@pytest.mark.slow
def test_texts_follow_the_matrices_of_the_training_not_those_of_a_window():
    encoder = make()
    with torch.no_grad():
        encoder.prepare(windows(32))
        start = encoder.mean_of_pixels.clone()
        expected = encoder.eval().prompt_matrices(windows(32))[1].mean(dim=0)
        torch.testing.assert_close(start, expected)
        texts = encoder.encode_texts(TEXTS)
        encoder(windows(4, seed=2))
        assert torch.equal(encoder.encode_texts(TEXTS), texts)
        encoder.train()(10 * windows(4, seed=2))
        encoder.eval()
        assert not torch.equal(encoder.mean_of_pixels, start)
        assert not torch.equal(encoder.encode_texts(TEXTS), texts)
    torch.testing.assert_close(encoder.mean_of_pixels.sum(dim=1), torch.ones(25))


@pytest.mark.slow
@torch.no_grad()
def test_prompts_of_windows_only():
    encoder = make(branches="vision").eval()
    plain = FrozenClip(tiny_clip()).encode_texts(TEXTS, [torch.empty(0, WIDTH)] * N_LAYERS)
    assert torch.equal(encoder.encode_texts(TEXTS), plain)
    assert not any(name.startswith("to_") for name, _ in encoder.named_parameters())


@pytest.mark.slow
def test_copies_share_the_frozen_model_and_files_leave_it_out():
    encoder = make()
    assert copy.deepcopy(encoder)._clip is encoder._clip
    again = pickle.loads(pickle.dumps(encoder))
    assert torch.equal(again.eval()(windows(2)), encoder.eval()(windows(2)))
    assert not any("_clip." in name for name in encoder.state_dict())


@pytest.mark.slow
def test_another_model_is_refused(tmp_path):
    encoder = make()
    other = ClipPrompt(6, 5, clip=save_tiny_clip(tmp_path / "other", seed=1), sources=TWO, rank=8)
    with pytest.raises(ParameterError) as error:
        other.load_state_dict(encoder.state_dict())
    assert str(error.value) == (
        f"The CLIP model {str(tmp_path / 'other')!r} is not the one of the training: its weights "
        f"have the SHA-256 digest {other._clip.digest[:16]}..., those of the training "
        f"{encoder._clip.digest[:16]}... Put the former model back, or fit again."
    )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"branches": "text"}, 'branches=\'text\' is unknown. Use "both" or "vision".'),
        ({"n_prompts": 0}, "n_prompts=0 is below 1. Use a few, such as 4."),
        (
            {"n_prompts": 58},
            "n_prompts=58 leaves no room for a text: this CLIP model reads 60 tokens. Use 57 or "
            "fewer, such as 4.",
        ),
        ({"rank": 3}, "rank=3 is not an even number of 2 or more, such as 64."),
    ],
)
def test_wrong_settings(params, message):
    with pytest.raises(ParameterError) as error:
        make(**params)
    assert str(error.value) == message


@pytest.mark.slow
def test_models_that_cannot_be_used(tmp_path):
    missing = tmp_path / "missing"
    with pytest.raises(ParameterError, match=r"could not be loaded .*Pass a folder that holds"):
        ClipPrompt(6, 5, clip=missing)
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ParameterError, match="holds a model of the kind 'bert', not CLIP"):
        ClipPrompt(6, 5, clip=folder)
    # Its own code would write a file.
    (folder / "own.py").write_text("open('ran', 'w').close()")
    (folder / "config.json").write_text(
        '{"model_type": "mine", "auto_map": {"AutoConfig": "own.Config"}}'
    )
    with pytest.raises(ParameterError, match="could not be loaded"):
        ClipPrompt(6, 5, clip=folder)
    assert not Path("ran").exists()
    unequal = save_tiny_clip(tmp_path / "unequal", text={"num_hidden_layers": 1})
    with pytest.raises(ParameterError, match=r"have 2 and 1 layers.*Use branches="):
        ClipPrompt(6, 5, clip=unequal)
    assert ClipPrompt(6, 5, clip=unequal, branches="vision").n_features == N_FEATURES
    bare = save_tiny_clip(tmp_path / "bare")
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        (bare / name).unlink()
    with pytest.raises(ParameterError, match=r"cannot read 'a corn field'\. Put its files there"):
        ClipPrompt(6, 5, clip=bare).encode_texts(TEXTS)


def _changed(weights, name, change):
    return {**weights, name: change(weights[name])}


LAST = "text_projection.weight"
HINT = " Use the config.json and all weights of one model, and copy or download them again."


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda weights: {name: weights[name] for name in weights if name.startswith("vision")},
            "The files of the CLIP model {!r} lack 39 of its 78 weights, or hold them in another "
            "shape, such as 'logit_scale'.",
        ),
        (
            lambda weights: {f"module.{name}": weight for name, weight in weights.items()},
            "The files of the CLIP model {!r} lack 78 of its 78 weights, or hold them in another "
            "shape, such as 'logit_scale'.",
        ),
        (
            lambda weights: _changed(weights, LAST, lambda weight: weight[1:].clone()),
            "The files of the CLIP model {!r} lack 1 of its 78 weights, or hold them in another "
            "shape, such as 'text_projection.weight'.",
        ),
        (
            lambda weights: {
                **weights,
                **{
                    name.replace("layers.1", "layers.2"): weight.clone()
                    for name, weight in weights.items()
                },
            },
            "The files of the CLIP model {!r} hold layers that its config.json does not state, "
            "such as 'text_model.encoder.layers.2.layer_norm1.bias'.",
        ),
        (
            lambda weights: _changed(weights, LAST, lambda weight: weight * torch.nan),
            "The CLIP model {!r} has values that are NaN or infinite in 'text_projection.weight'.",
        ),
        (lambda weights: {**weights, "classifier.weight": torch.zeros(3)}, None),
        (lambda weights: {name: weight.half() for name, weight in weights.items()}, None),
    ],
    ids=["part", "prefix", "shape", "layers", "nan", "head", "half"],
)
def test_weights_that_are_not_those_of_the_model_are_refused(tmp_path, change, message):
    folder = save_tiny_clip(tmp_path / "model")
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    if message is None:
        assert FrozenClip(folder).digest == FrozenClip(folder).digest
        return
    with pytest.raises(ParameterError) as error:
        FrozenClip(folder)
    assert str(error.value) == message.format(str(folder)) + HINT


@pytest.fixture(scope="module")
def samples():
    return make_two_source_scene(random_state=0).samples()


def classifier(**changes):
    settings = {
        "vision_encoder": "clip-prompt",
        "vision_params": {"clip": tiny_clip(), "rank": 8},
        "criterion": "all-negatives",
        "window_size": 5,
        "n_components": 5,
        "spatial": None,
        "max_epochs": 2,
        "random_state": 0,
    }
    return HSIPromptClassifier(**{**settings, **changes})


@pytest.fixture(scope="module")
def fitted(samples):
    X, y = samples
    return classifier(criterion_params={"text_diversity": 0.02}).fit(X[:200], y[:200])


@pytest.mark.slow
def test_it_encodes_prompts_in_the_classifier(fitted, samples):
    X, _ = samples
    encoder = fitted.net_.module_.encoder
    assert fitted.text_encoder_ is None
    assert fitted.prototypes_.shape == (4, N_FEATURES)
    np.testing.assert_array_equal(fitted.text_embeddings_, fitted.prototypes_)
    texts = [text for group in fitted.prompts_.values() for text in group]
    with torch.inference_mode():
        rows = normalize(encoder.encode_texts(texts), dim=1).numpy()
    np.testing.assert_allclose(fitted.prototypes_, rows, atol=1e-6)
    assert fitted.logit_scale_ == pytest.approx(encoder.logit_scale, rel=0.2)
    similarity = fitted.similarity(X[:5], texts)
    np.testing.assert_allclose(similarity, fitted.transform(X[:5]) @ rows.T, atol=1e-6)
    alone = np.concatenate([fitted.predict_proba(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(fitted.predict_proba(X[:5]), alone, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_several_texts_of_a_class_are_averaged(samples):
    X, y = samples
    classes = np.unique(y)
    prompts = {name: f"water {name}" for name in classes} | {classes[0]: ["a field", "a crop"]}
    clf = classifier(prompts=prompts, max_epochs=1).fit(X[:100], y[:100])
    with torch.inference_mode():
        rows = normalize(clf.net_.module_.encoder.encode_texts(["a field", "a crop"]), dim=1).mean(
            dim=0
        )
    expected = normalize(rows, dim=0).numpy()
    np.testing.assert_allclose(clf.prototypes_[0], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The text encoder hardly")
def test_other_prompts(fitted, samples):
    X, _ = samples
    renamed = fitted.with_prompts({"field": "a field", "lake": ["a lake", "water"]})
    assert set(renamed.predict(X[:50])) <= {"field", "lake"}
    expected = renamed.transform(X[:3]) @ renamed.prototypes_[0]
    np.testing.assert_allclose(renamed.similarity(X[:3], "a field")[:, 0], expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The text encoder hardly")
def test_saved_models_leave_clip_out_and_want_it_back(fitted, samples, tmp_path):
    X, _ = samples
    path = fitted.save(tmp_path / "model")
    loaded = HSIPromptClassifier.load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X[:20]), fitted.predict_proba(X[:20]))
    prompts = {"field": "a field", "lake": "blue water, deep"}
    np.testing.assert_array_equal(
        loaded.with_prompts(prompts).prototypes_, fitted.with_prompts(prompts).prototypes_
    )
    card = next(path.glob("*.md")).read_text(encoding="utf-8")
    digest = fitted.net_.module_.encoder._clip.digest
    assert f"the vision encoder needs the CLIP model {tiny_clip()} with SHA-256 {digest}" in card
    assert "text encoder the vision encoder" in card


@pytest.mark.slow
def test_a_saved_model_is_not_joined_with_another_clip(samples, tmp_path):
    X, y = samples
    folder = save_tiny_clip(tmp_path / "clip")
    clf = classifier(vision_params={"clip": os.fspath(folder), "rank": 8}, max_epochs=1)
    path = clf.fit(X[:100], y[:100]).save(tmp_path / "model")
    shutil.rmtree(folder)
    with pytest.raises(ParameterError, match=r"The CLIP model .* could not be loaded"):
        HSIPromptClassifier.load(path)
    save_tiny_clip(folder, seed=1)
    with pytest.raises(ParameterError, match="is not the one of the training"):
        HSIPromptClassifier.load(path)


@pytest.mark.slow
def test_training_goes_on_and_resumes_to_the_same_bits(samples, tmp_path):
    X, y = samples[0][:120], samples[1][:120]
    whole = classifier(max_epochs=4).fit(X, y)
    settings = {"max_epochs": 4, "checkpoint_dir": tmp_path, "checkpoint_every": 1}

    encode, calls = FrozenClip.encode_texts, itertools.count()

    def failing(self, texts, prompts):
        if next(calls) == 5:  # in the third epoch of two steps each
            raise RuntimeError("stopped")
        return encode(self, texts, prompts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FrozenClip, "encode_texts", failing)
        with pytest.raises(RuntimeError, match="stopped"):
            classifier(**settings).fit(X, y)
    resumed = classifier(**settings, resume=True).fit(X, y)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))
    longer = whole.set_params(warm_start=True).fit(X, y)
    assert len(longer.history_) == 4


@pytest.mark.slow
def test_settings_of_the_text_side_have_no_effect(samples):
    X, y = samples
    clf = classifier(projection="text", max_epochs=1)
    with pytest.warns(UnusedSettingWarning, match="the vision encoder encodes texts itself"):
        clf.fit(X[:60], y[:60])


@pytest.mark.slow
def test_the_matrices_are_drawn(fitted, samples):
    pytest.importorskip("matplotlib")
    display = PromptMatrixDisplay.from_estimator(fitted, samples[0][:40])
    assert display.of_channels.shape == (5, 5)
    np.testing.assert_allclose(display.of_channels.sum(axis=1), 1, rtol=1e-5)


def test_the_model_has_to_be_named(samples):
    X, y = samples
    with pytest.raises(ParameterError) as error:
        classifier(vision_params={"rank": 8}).fit(X[:60], y[:60])
    assert str(error.value) == (
        "The vision encoder clip-prompt needs clip, which the data do not give. Set "
        "vision_params={'clip': ...}."
    )


@pytest.mark.slow
def test_a_linear_head_needs_no_texts(samples):
    X, y = samples
    clf = classifier(criterion="cross-entropy", max_epochs=1).fit(X[:60], y[:60])
    assert not hasattr(clf, "prototypes_")
    assert clf.predict(X[:3]).shape == (3,)
