"""Networks that take long to train are named before they do."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from hsvlm import HSIPromptClassifier, SpectralPCA
from hsvlm.evaluation import _evaluate, evaluate, network_cost, with_encoders
from hsvlm.evaluation._work import warn_of_heavy_networks
from hsvlm.exceptions import HSVLMWarning
from hsvlm.vision import get_vision_encoder

N_BANDS = 200


def multiply_adds(name, n_channels=40, **arguments):
    with torch.device("meta"):
        encoder = get_vision_encoder(name)(n_channels=n_channels, window_size=5, **arguments)
    return network_cost(encoder, (5, 5, n_channels)).n_multiply_adds


@pytest.mark.slow
def test_the_message_has_the_multiply_adds_over_those_of_the_default():
    usual = multiply_adds("overlap-vit", patch_size=3)
    hit, wide = (multiply_adds("hit", n_channels) / usual for n_channels in (40, N_BANDS))
    assert 10 < hit < wide
    clf = HSIPromptClassifier(n_components=None)
    classifiers = {
        **with_encoders(["default", "mlp", "hit"]),
        "all bands": clf.set_params(vision_encoder="hit"),
        "logistic": LogisticRegression(),
        "in a pipeline": make_pipeline(SpectralPCA(), clf),
    }
    with pytest.warns(HSVLMWarning) as caught:
        warn_of_heavy_networks(classifiers, N_BANDS)
    problem = (
        "Some networks will train many times as long as the default, by their multiply-adds or a "
        f"short trial: all bands ({wide:,.0f} x), hit ({hit:,.0f} x)."
    )
    (message,) = (one.message for one in caught)
    assert str(message) == f"{problem} Leave them out, lower max_epochs, or train on a GPU."
    assert message.for_command_line() == (
        f"{problem} Name the others in --encoders, give --epochs 10, or train on a GPU."
    )


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.99, 40, None])
def test_others_are_not_named(share):
    names = ["default", "mlp", "ssftt", "vit", "wavelength-vit"]
    with_others = with_encoders(names, HSIPromptClassifier(n_components=share))
    # Neither one that cannot be made, nor one whose settings come with its weights.
    clf = HSIPromptClassifier(vision_encoder="hit")
    with_others["too many components"] = HSIPromptClassifier(vision_encoder="hit", n_components=500)
    with_others["too small"] = HSIPromptClassifier(vision_encoder="hit", window_size=1)
    with_others["pretrained"] = clf.set_params(pretrained="weights.pth")
    warn_of_heavy_networks(with_others, 60)


def test_networks_that_are_slow_for_their_multiply_adds_are_tried(monkeypatch):
    class Slow(get_vision_encoder("mlp")):
        def forward(self, windows):
            now[0] += 3.0
            return super().forward(windows)

    class Usual(get_vision_encoder("overlap-vit")):
        def forward(self, windows):
            now[0] += 0.25
            return super().forward(windows)

    now = [0.0]
    monkeypatch.setattr("hsvlm.evaluation._work.time.perf_counter", lambda: now[0])
    monkeypatch.setattr("hsvlm.evaluation._work.get_vision_encoder", lambda _: Usual)
    state = torch.get_rng_state()
    with pytest.warns(HSVLMWarning, match=r"trial: slow \(12 x\)\."):
        warn_of_heavy_networks(
            {
                "slow": HSIPromptClassifier(vision_encoder=Slow, device="cpu"),
                "usual": HSIPromptClassifier(device="cpu"),
            },
            N_BANDS,
        )
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.slow
def test_the_warning_comes_before_the_first_fit(cube, labels, monkeypatch):
    def run_fold(*arguments):
        raise InterruptedError

    monkeypatch.setattr(_evaluate, "run_fold", run_fold)
    with pytest.warns(HSVLMWarning, match=r"trial: hit \("), pytest.raises(InterruptedError):
        evaluate(["hit"], cube, labels, cv=2, baselines=[])


def test_fits_that_are_stored_already_are_not_named(cube, labels, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(
        _evaluate, "warn_of_heavy_networks", lambda named, n_bands: seen.append((*named, n_bands))
    )
    folds = [(np.arange(0, 196, 2), np.arange(1, 196, 2))]
    for names in (["majority"], ["majority", "spectral-svm"]):
        evaluate({}, cube, labels, folds, baselines=names, store=tmp_path)
    assert seen == [("most frequent class", 12), ("RBF-SVM on spectra", 12)]
