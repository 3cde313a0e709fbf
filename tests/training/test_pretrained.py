"""Fits that start from pre-trained weights, with and without an adapter."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from hsvlm import HSIPromptClassifier, SpectralTransformer, pixel_samples
from hsvlm.contrastive.adapter_settings import METHODS
from hsvlm.exceptions import (
    DataError,
    MissingFileError,
    ParameterError,
    UnusedSettingWarning,
)
from hsvlm.persistence import load, save
from hsvlm.preprocessing.default import fit_preprocessing
from hsvlm.pretraining import PretrainedEncoder, load_pretrained
from hsvlm.vision.overlap import OverlapViT
from hsvlm.vision.transplant import PretrainedViT

PARAMS = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}
N_COMPONENTS = 6


def make_pretrained(*, with_embedding=True, **changes):
    torch.manual_seed(3)
    encoder = OverlapViT(n_channels=N_COMPONENTS, window_size=5, patch_size=1, **PARAMS)
    weights = {
        name: tensor
        for name, tensor in encoder.state_dict().items()
        if with_embedding or not name.startswith("embed.")
    }
    return PretrainedEncoder("overlap-vit", PARAMS, weights, digest="ab" * 32, **changes)


@pytest.fixture
def arguments(settings):
    plain = {name: value for name, value in settings.items() if name != "vision_params"}
    return {**plain, "max_epochs": 3, "pretrained": make_pretrained()}


@pytest.fixture
def adapted(cube, labels, arguments):
    return HSIPromptClassifier(adapter="krona+", **arguments).fit(cube, labels)


def encoder_of(clf):
    return clf.net_.module_.encoder


def unchanged(clf):
    state = encoder_of(clf).state_dict()
    weights = clf.pretrained.weights
    return {name for name, tensor in weights.items() if torch.equal(tensor, state[name])}


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [None, *METHODS])
def test_every_method_learns(cube, labels, arguments, adapter):
    arguments |= {"projection": "fixed" if adapter == "lora" else "vision", "max_epochs": 8}
    clf = HSIPromptClassifier(adapter=adapter, **arguments).fit(cube, labels)
    assert clf.score(cube, labels) > 0.6  # the lowest is 0.63, chance is 0.38
    is_full = adapter in (None, "full")
    of_queries = set() if adapter == "frozen" else {"blocks.0.qkv.weight"}
    changed = set(clf.pretrained.weights) - unchanged(clf)
    assert changed == (set(clf.pretrained.weights) if is_full else of_queries)
    n_others = clf.net_.module_.vision_projection.weight.numel() * (adapter != "lora") + 1
    n_factors = sum(values.size for values in clf.adapter_.factors.values())
    assert clf.adapter_.n_trained == (clf.adapter_.n_weights if is_full else n_others + n_factors)


@pytest.mark.slow
def test_weights_that_the_file_lacks_are_trained(cube, labels, arguments):
    arguments["pretrained"] = make_pretrained(with_embedding=False)
    clf = HSIPromptClassifier(adapter="frozen", max_epochs=1, **_without(arguments, "max_epochs"))
    first = clf.fit(cube, labels)
    embedding = encoder_of(first).embed.weight.clone()
    second = clone(clf).set_params(max_epochs=2).fit(cube, labels)
    assert not torch.equal(embedding, encoder_of(second).embed.weight)
    assert unchanged(second) == set(second.pretrained.weights)


def _without(arguments, name):
    return {key: value for key, value in arguments.items() if key != name}


@pytest.mark.slow
def test_a_fit_without_pretrained_weights_has_no_adapter(cube, labels, settings):
    assert HSIPromptClassifier(**settings).fit(cube, labels).adapter_ is None


class Rates(Callback):
    """Keeps the learning rates of all groups in the first step of an epoch, and their sizes."""

    def on_epoch_end(self, net, **_):
        groups = net.optimizer_.param_groups
        self.seen = [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups]


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "ratio"), [("krona+", 16), ("lora+", 4)])
def test_second_factors_learn_faster(cube, labels, arguments, adapter, ratio):
    rates = Rates()
    arguments |= {"adapter": adapter, "callbacks": [rates], "lr_schedule": "constant"}
    arguments["adapter_params"] = {"ratio": ratio}
    HSIPromptClassifier(weight_decay=0.1, **arguments).fit(cube, labels)
    fast, slow, others = rates.seen
    lr = arguments["lr"]
    # Queries and values of one layer have a fast and a slow factor each.
    assert (fast, slow) == ((ratio * lr, 0.0, 2), (lr, 0.0, 2))
    assert others[:2] == (lr, 0.1)


@pytest.mark.slow
def test_the_schedule_scales_all_groups(cube, labels, arguments):
    rates = Rates()
    arguments |= {"adapter": "krona+", "callbacks": [rates]}
    HSIPromptClassifier(**arguments).fit(cube, labels)
    fast, slow, others = (rate for rate, _, _ in rates.seen)
    assert fast == pytest.approx(16 * slow)
    assert slow == pytest.approx(others)


@pytest.mark.slow
def test_same_seed_same_bits(cube, labels, adapted):
    again = clone(adapted).fit(cube, labels)
    assert again.pretrained is adapted.pretrained
    assert np.array_equal(again.predict_proba(cube), adapted.predict_proba(cube))


@pytest.mark.slow
def test_pickles_do_not_hold_the_base_twice(cube, adapted):
    bare = clone(adapted).set_params(pretrained=None)
    other = pickle.loads(pickle.dumps(adapted))
    assert np.array_equal(other.predict_proba(cube), adapted.predict_proba(cube))
    assert not hasattr(adapted.net_, "module__pretrained")
    assert len(pickle.dumps(bare)) < len(pickle.dumps(adapted))


@pytest.mark.slow
def test_grid_search_over_adapters(cube, labels, arguments):
    X, y = pixel_samples(cube, labels)
    grid = {"adapter": ["frozen", "krona", "lora"]}
    search = GridSearchCV(HSIPromptClassifier(**arguments), grid, cv=2, error_score="raise")
    search.fit(X[::4], y[::4])
    assert search.best_estimator_.adapter_.method == search.best_params_["adapter"]


@pytest.mark.slow
def test_new_prompts_without_retraining(cube, labels, arguments):
    class Encoder:
        def encode(self, texts):
            return np.eye(8, dtype=np.float32)[[int(text[-1]) for text in texts]]

    arguments["text_encoder"] = Encoder()
    prompts = {label: f"class {label}" for label in (1, 2, 3)}
    clf = HSIPromptClassifier(prompts, adapter="krona", **arguments).fit(cube, labels)
    other = clf.with_prompts({7: "class 1", 8: "class 3"})
    assert set(np.unique(other.predict(cube))) == {7, 8}


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["full", "frozen", "krona+", "lora"])
def test_a_continued_fit_starts_where_the_former_ended(cube, labels, arguments, adapter):
    arguments |= {"adapter": adapter, "warm_start": True}
    clf = HSIPromptClassifier(**arguments).fit(cube, labels)
    before, factors = clf.predict_proba(cube), clf.adapter_.factors
    clf.set_params(lr=1e-12).fit(cube, labels)
    np.testing.assert_allclose(clf.predict_proba(cube), before, atol=1e-5)
    for name, values in clf.adapter_.factors.items():
        np.testing.assert_allclose(values, factors[name], atol=1e-6)


@pytest.mark.slow
def test_a_continued_fit_keeps_its_adapter(cube, labels, arguments):
    clf = HSIPromptClassifier(adapter="krona", warm_start=True, **arguments).fit(cube, labels)
    with pytest.raises(ParameterError, match="pretrained, adapter or adapter_params changed"):
        clf.set_params(adapter="lora").fit(cube, labels)


class Stop(Callback):
    active = True

    def on_epoch_end(self, net, **_):
        if Stop.active and len(net.history) == 4:
            raise RuntimeError("power cut")


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["krona+", "full"])
def test_a_killed_training_resumes_to_the_bit(cube, labels, arguments, adapter, tmp_path):
    arguments |= {"adapter": adapter, "callbacks": [Stop()], "checkpoint_every": 2}
    arguments["max_epochs"] = 6
    clf = HSIPromptClassifier(checkpoint_dir=tmp_path, **arguments)
    with pytest.raises(RuntimeError, match="power cut"):
        clf.fit(cube, labels)
    Stop.active = False
    try:
        resumed = clone(clf).set_params(resume=True).fit(cube, labels)
        whole = clone(clf).set_params(checkpoint_dir=None, checkpoint_every=10).fit(cube, labels)
    finally:
        Stop.active = True
    assert len(list(tmp_path.glob("*.zip"))) == 1
    assert np.array_equal(resumed.predict_proba(cube), whole.predict_proba(cube))


@pytest.mark.slow
def test_other_weights_are_another_training(cube, labels, arguments, tmp_path):
    arguments |= {"adapter": "krona", "checkpoint_dir": tmp_path}
    clf = HSIPromptClassifier(**arguments).fit(cube, labels)
    for changes in ({"pretrained": make_pretrained(patch_size=1)}, {"adapter": "krona+"}):
        clone(clf).set_params(**changes).fit(cube, labels)
    # The first change describes the same weights.
    assert len(list(tmp_path.glob("*.zip"))) == 2


@pytest.mark.slow
def test_the_pretraining_decides_on_windows_and_preprocessing(cube, labels, arguments):
    spectra = cube.reshape(-1, cube.shape[-1])
    steps = fit_preprocessing(spectra, None, N_COMPONENTS)
    pretrained = make_pretrained(preprocessing=steps, window_size=5, patch_size=1)
    given = {"n_components", "window_size", "patch_size", "pretrained"}
    plain = {name: value for name, value in arguments.items() if name not in given}
    clf = HSIPromptClassifier(pretrained=pretrained, window_size=5, **plain).fit(cube, labels)
    assert clf.preprocessing_ is steps
    assert clf.net_.module__encoder_params["patch_size"] == 1
    with pytest.raises(DataError, match="X has 9 bands, the encoder was pre-trained on 12"):
        clone(clf).fit(cube[..., :9], labels)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pretrained": None, "adapter": "krona"}, "adapts pre-trained weights, but pretrained=No"),
        ({"vision_encoder": "vit"}, "the pre-trained weights are those of 'overlap-vit'"),
        ({"vision_params": {"width": 8}}, r"has shape \(1, 1, 16\), the vision encoder here"),
        ({"vision_params": {"depth": 0}}, "those of an encoder with depth=1"),
        ({"n_components": 4}, r"'embed.weight' has shape \(16, 6\), the vision encoder here"),
        ({"adapter": "lora", "adapter_params": {"rank": 0}}, "rank=0"),
    ],
)
def test_what_does_not_fit_is_refused(cube, labels, arguments, changes, message):
    with pytest.raises(ParameterError, match=message):
        HSIPromptClassifier(**{**arguments, **changes}).fit(cube, labels)


def test_a_missing_layer_is_refused(cube, labels, arguments):
    torch.manual_seed(0)
    deeper = OverlapViT(N_COMPONENTS, 5, 1, **{**PARAMS, "depth": 2}).state_dict()
    arguments["pretrained"] = PretrainedEncoder("overlap-vit", PARAMS, deeper, digest="cd")
    with pytest.raises(ParameterError, match=r"which the vision encoder .overlap-vit. lacks"):
        HSIPromptClassifier(**arguments).fit(cube, labels)


@pytest.mark.slow
def test_settings_that_the_method_does_not_read(cube, labels, arguments):
    arguments |= {"adapter": "krona", "adapter_params": {"rank": 2}}
    with pytest.warns(UnusedSettingWarning, match="adapter_params has no effect"):
        HSIPromptClassifier(**arguments).fit(cube, labels)


@pytest.fixture
def weight_file(tmp_path):
    torch.manual_seed(4)
    body = PretrainedViT(N_COMPONENTS, 5, 1, width=64, depth=1, n_heads=1, mlp_width=16)
    path = tmp_path / "body.pth"
    torch.save(body.state_dict(), path)
    return path


@pytest.mark.slow
def test_weights_from_a_file(cube, labels, arguments, weight_file, tmp_path):
    arguments |= {"pretrained": weight_file, "adapter": "krona+"}
    clf = HSIPromptClassifier(**arguments).fit(cube, labels)
    assert type(encoder_of(clf)) is PretrainedViT
    same = HSIPromptClassifier(**{**arguments, "pretrained": load_pretrained(weight_file)})
    assert np.array_equal(same.fit(cube, labels).predict_proba(cube), clf.predict_proba(cube))
    path = clf.save_adapter(tmp_path / "adapter")
    loaded = HSIPromptClassifier.load_adapter(path, weight_file)
    assert np.array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    assert loaded.pretrained == str(weight_file)
    again = loaded.fit(cube, labels)  # a loaded classifier still knows the file
    assert np.array_equal(again.predict_proba(cube), clf.predict_proba(cube))


@pytest.mark.slow
def test_the_file_may_be_gone_after_the_fit(cube, labels, arguments, weight_file, tmp_path):
    clf = HSIPromptClassifier(**{**arguments, "pretrained": str(weight_file)}).fit(cube, labels)
    weight_file.unlink()
    loaded = load(save(clf, tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    with pytest.raises(MissingFileError, match=r"body\.pth"):
        loaded.fit(cube, labels)


def test_another_encoder_than_that_of_the_file(cube, labels, arguments, weight_file):
    arguments |= {"pretrained": weight_file, "vision_encoder": "vit"}
    with pytest.raises(ParameterError, match=r"cannot take weights of others|those of"):
        HSIPromptClassifier(**arguments).fit(cube, labels)


@pytest.mark.slow
def test_pipelines_are_saved(cube, labels, arguments, tmp_path):
    from sklearn.preprocessing import StandardScaler

    clf = HSIPromptClassifier(adapter="krona", **arguments)
    model = make_pipeline(SpectralTransformer(StandardScaler()), clf).fit(cube, labels)
    loaded = load(save(model, tmp_path / "model"))
    assert np.array_equal(loaded.predict_proba(cube), model.predict_proba(cube))
    assert loaded[-1].adapter_.method == "krona"
