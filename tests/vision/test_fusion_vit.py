"""The encoder with further sources; `test_battery.py` has the one with spectra only."""

import numpy as np
import pytest
import torch
from torch import nn

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.vision.arguments import encoder_arguments, takes_sources
from hsvlm.vision.fusion_vit import FusionViT
from hsvlm.vision.overlap import OverlapViT

SOURCES = {"spectra": 6, "lidar": 1, "radar": 2}
SMALL = {"width": 16, "depth": 1, "n_heads": 2, "mlp_width": 16}


def make(window_size=5, seed=0, **changes):
    torch.manual_seed(seed)
    return FusionViT(9, window_size, 1, **{"sources": SOURCES, **SMALL, **changes})


def draw(count, window_size=5, seed=1):
    """Windows whose further sources have large values, as heights in meters have."""
    generator = torch.Generator().manual_seed(seed)
    windows = torch.randn(count, window_size, window_size, 9, generator=generator)
    windows[..., 6:] = 300 + 20 * windows[..., 6:]
    return windows


@pytest.mark.parametrize("window_size", [1, 5])
@pytest.mark.parametrize("fusion", ["cross", "concat"])
@pytest.mark.parametrize("convolutions", ["dense", "depthwise"])
def test_every_weight_is_trained(window_size, fusion, convolutions):
    encoder = make(window_size, fusion=fusion, convolutions=convolutions)
    windows = draw(8, window_size)
    encoder.prepare(windows)
    head = nn.Linear(16, 4)
    optimizer = torch.optim.SGD([*encoder.parameters(), *head.parameters()], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(encoder(windows)), torch.arange(8) % 4).backward()
        optimizer.step()
    # A softmax over a single pixel is 1 whatever the scores are; and a number that is added to all
    # scores of a row changes nothing.
    names = {name for name, _ in encoder.named_parameters()}
    without = {"join.by.pixel_key.bias"} & names
    if window_size == 1:
        without |= {name for name in names if ".pixel_" in name}
    for name, parameter in encoder.named_parameters():
        largest = parameter.grad.abs().max().item()
        assert (largest < 1e-7) if name in without else (largest > 1e-8), name


@pytest.mark.parametrize("window_size", [1, 5])
@pytest.mark.parametrize("fusion", ["cross", "concat", "none"])
def test_a_window_has_the_same_features_alone_and_in_a_batch(window_size, fusion):
    encoder, windows = make(window_size, fusion=fusion), draw(40, window_size)
    encoder.prepare(windows)
    with torch.inference_mode():
        together = encoder.eval()(windows)
        alone = torch.cat([encoder(window[None]) for window in windows])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)
    assert together.std(dim=0).min() > 0


@torch.no_grad()
def test_features_come_from_joined_and_fused_pixels():
    encoder, windows = make().eval(), draw(4)
    encoder.prepare(windows)
    further = windows[..., 6:]
    mean, deviation = further.mean(dim=(0, 1, 2)), further.std(dim=(0, 1, 2), correction=0)
    further = (further - mean) / deviation
    joined = encoder.join.by(windows[..., :6].flatten(1, 2), further.flatten(1, 2))
    maps = encoder.fuse(joined.transpose(1, 2).reshape(4, 12, 5, 5))
    expected = encoder.vit(maps.permute(0, 2, 3, 1))
    torch.testing.assert_close(encoder(windows), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_lifted_sources_are_put_beside_the_spectra():
    encoder, windows = make(fusion="concat", multi_scale=False).eval(), draw(4)
    lifted = encoder.join.by.lift((windows[..., 6:]) / (1 + 1e-5) ** 0.5)
    expected = encoder.vit(torch.cat([windows[..., :6], lifted], dim=3))
    torch.testing.assert_close(encoder(windows), expected, rtol=1e-4, atol=1e-4)


def test_without_fusion_it_is_the_transformer_of_the_spectra():
    encoder, windows = make(fusion="none", multi_scale=False), draw(4)
    torch.manual_seed(0)
    plain = OverlapViT(6, 5, 1, **SMALL)
    assert torch.equal(encoder(windows), plain(windows[..., :6]))
    assert encoder.independent_windows
    assert not make().independent_windows


@pytest.mark.parametrize("sources", [None, {"spectra": 9}])
def test_a_single_source_is_not_joined(sources):
    encoder = make(sources=sources)
    assert (encoder.fusion, encoder.sources) == ("none", {"spectra": 9})
    assert encoder.join is None
    encoder.prepare(draw(2))


@pytest.mark.parametrize("window_size", [1, 5])
def test_prompt_matrices_of_windows(window_size):
    encoder, windows = make(window_size).eval(), draw(3, window_size)
    of_channels, of_pixels = encoder.prompt_matrices(windows)
    assert of_channels.shape == (3, 6, 6)
    assert of_pixels.shape == (3, window_size**2, window_size**2)
    alone = encoder.prompt_matrices(windows[1:2])
    torch.testing.assert_close(alone[0], of_channels[1:2])
    torch.testing.assert_close(alone[1], of_pixels[1:2])


@pytest.mark.parametrize("fusion", ["concat", "none"])
def test_without_cross_attention_there_are_no_prompt_matrices(fusion):
    with pytest.raises(ParameterError) as error:
        make(fusion=fusion).prompt_matrices(draw(1))
    assert str(error.value) == (
        f'fusion="{fusion}" has no prompt matrices. Use fusion="cross" and two or more sources.'
    )


def test_statistics_start_as_those_of_training_windows():
    encoder, windows = make(), draw(50)
    encoder.prepare(windows)
    scaled = encoder.eval().join.further(windows[..., 6:].flatten(1, 2))
    torch.testing.assert_close(scaled.mean(dim=(0, 1)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(scaled.std(dim=(0, 1)), torch.ones(3), rtol=1e-3, atol=0)


def test_whole_sources_of_windows_are_dropped_in_training():
    encoder, windows = make(source_dropout=0.25), draw(2000, 1)
    dropped = encoder.train().join.further(windows[..., 6:].flatten(1, 2))
    is_kept = dropped[:, 0] != 0
    assert torch.equal(is_kept[:, 1], is_kept[:, 2])
    shares = is_kept[:, :2].float().mean(dim=0)
    torch.testing.assert_close(shares, torch.full((2,), 0.75), rtol=0, atol=0.03)
    both = (is_kept[:, 0] & is_kept[:, 1]).float().mean().item()
    assert both == pytest.approx(0.75**2, abs=0.03)
    # What is kept is not raised.
    complete = make().train().join.further(windows[..., 6:].flatten(1, 2))
    assert torch.equal(dropped, complete * (dropped != 0))
    first, again = encoder.eval()(windows), encoder(windows)
    assert torch.equal(first, again)


def study(windows, targets, **changes):
    """Return the accuracy on windows that were not trained with."""
    encoder = make(3, **changes)
    head = nn.Linear(16, 4)
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], lr=3e-3)
    encoder.prepare(windows[:200])
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(encoder(windows[:200])), targets[:200]).backward()
        optimizer.step()
    with torch.inference_mode():
        predicted = head(encoder.eval()(windows[200:])).argmax(dim=1)
    return (predicted == targets[200:]).float().mean().item()


@pytest.mark.slow
def test_classes_that_need_both_sources_are_told_apart_by_fusion():
    # Two materials on the ground and on roofs: spectra know the material, heights the floor.
    windows, generator = draw(600, 3), torch.Generator().manual_seed(2)
    material, floor = torch.randint(2, (2, 600), generator=generator)
    windows[..., 0] += 6 * material[:, None, None]
    windows[..., 6] += 80 * floor[:, None, None]
    targets = 2 * material + floor
    assert study(windows, targets) > 0.95
    assert study(windows, targets, fusion="concat") > 0.95
    assert study(windows, targets, multi_scale=False) > 0.95
    assert study(windows, targets, fusion="none") < 0.6
    shuffled = windows.clone()
    shuffled[..., 6:] = shuffled[torch.randperm(600, generator=generator)][..., 6:]
    assert study(shuffled, targets) < 0.6


def test_the_constructor_says_that_it_takes_sources():
    assert takes_sources(FusionViT)
    assert not takes_sources(OverlapViT)
    geometry = {"n_channels": 9, "window_size": 3, "patch_size": 1}
    for encoder, sources in ((FusionViT, SOURCES), (OverlapViT, SOURCES), (FusionViT, None)):
        stated = {"sources": SOURCES} if encoder is FusionViT and sources else {}
        arguments = encoder_arguments(encoder, **geometry, params=None, sources=sources)
        assert arguments == {**geometry, **stated}


@pytest.mark.slow
def test_it_works_in_the_classifier(cube, labels, settings, tmp_path):
    # The names are not in alphabetical order: their own order has to survive.
    sources = {"spectra": 10, "lidar": 1, "elevation": 1}
    changes = {"vision_encoder": "fusion-vit", "n_components": None}
    params = {**settings["vision_params"], "sources": sources, "source_dropout": 0.2}
    clf = HSIPromptClassifier(**{**settings, **changes, "vision_params": params})
    clf.fit(cube, labels)
    known = labels > 0
    assert (clf.predict(cube)[known] == labels[known]).mean() > 0.8
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    np.testing.assert_array_equal(loaded.predict_proba(cube), clf.predict_proba(cube))
    assert list(loaded.net_.module_.encoder.sources) == list(sources)


@pytest.mark.parametrize(
    ("changes", "mixing"),
    [({"n_components": 9}, "n_components=9"), ({"normalize": "snv"}, "normalize='snv'")],
)
def test_stated_sources_are_not_mixed_by_the_preprocessing(cube, labels, settings, changes, mixing):
    sources = {"spectra": cube.shape[2] - 1, "lidar": 1}
    params = {**settings["vision_params"], "sources": sources}
    chosen = {"vision_encoder": "fusion-vit", "vision_params": params, "n_components": None}
    with pytest.raises(ParameterError) as error:
        HSIPromptClassifier(**{**settings, **chosen, **changes}).fit(cube, labels)
    assert str(error.value) == (
        f"vision_params states sources={sources}, but {mixing} mixes all channels, so that none "
        "of them belongs to a source any more. Pass a Scene(cube, labels, auxiliary={...}), whose "
        "sources are reduced one by one, or set n_components=None and normalize=None."
    )


SHAPE = (
    "sources={} is not a mapping from names to numbers of channels. Use one such as "
    '{{"spectra": 25, "lidar": 1}}, in the order of the channels.'
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"sources": {"spectra": 7, "lidar": 1}},
            "sources={'spectra': 7, 'lidar': 1} has 8 channels, the pixels have 9. State the "
            "number of channels of every source, or pass data whose sources are known: "
            "Scene(cube, labels, auxiliary={...}).",
        ),
        ({"sources": {}}, SHAPE.format("{}")),
        ({"sources": [8, 1]}, SHAPE.format("[8, 1]")),
        ({"sources": {"spectra": 9, "lidar": 0}}, SHAPE.format("{'spectra': 9, 'lidar': 0}")),
        ({"sources": {"spectra": 8, "a": True}}, SHAPE.format("{'spectra': 8, 'a': True}")),
        ({"sources": {"spectra": 8.0, "a": 1}}, SHAPE.format("{'spectra': 8.0, 'a': 1}")),
        ({"fusion": "add"}, 'fusion=\'add\' is unknown. Use "cross", "concat" or "none".'),
        (
            {"source_dropout": 1.0},
            "source_dropout=1.0 is not in [0, 1). Use 0 to switch it off.",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ParameterError) as error:
        make(**changes)
    assert str(error.value) == message
