"""Files of SpectralGPT, with random weights, become the encoder that they belong to."""

import argparse

import numpy as np
import pytest
import torch

from hsvlm import HSIPromptClassifier, Scene
from hsvlm.exceptions import FileError, ParameterError
from hsvlm.pretraining import load_pretrained
from hsvlm.vision.spectralgpt import SpectralGPT
from hsvlm.vision.transplant import PretrainedViT

WIDTH, DEPTH = 24, 2


@pytest.fixture
def encoder_tensors(layers):
    """The encoder of a model that was trained on 96 pixels and 12 bands."""
    generator = torch.Generator().manual_seed(7)
    shapes = {
        "patch_embed.proj.weight": (WIDTH, 1, 3, 8, 8),
        "patch_embed.proj.bias": (WIDTH,),
        "pos_embed_spatial": (1, 144, WIDTH),
        "pos_embed_temporal": (1, 4, WIDTH),
    }
    drawn = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {**drawn, **layers(DEPTH, WIDTH, 4 * WIDTH, fused=False)}


@pytest.fixture
def decoder_tensors(layers):
    blocks = layers(1, 16, 64, fused=False)
    renamed = {name.replace("blocks.", "decoder_blocks."): each for name, each in blocks.items()}
    renamed = {
        name.replace("norm.", "decoder_norm.", 1) if name.startswith("norm.") else name: x
        for name, x in renamed.items()
    }
    return {
        **renamed,
        "decoder_embed.weight": torch.zeros(16, WIDTH),
        "decoder_embed.bias": torch.zeros(16),
        "mask_token": torch.zeros(1, 1, 16),
        "decoder_pos_embed_spatial": torch.zeros(1, 144, 16),
        "decoder_pos_embed_temporal": torch.zeros(1, 4, 16),
        "decoder_pred.weight": torch.zeros(192, 16),
        "decoder_pred.bias": torch.zeros(192),
    }


@pytest.fixture
def path(encoder_tensors, decoder_tensors, write):
    content = {
        "model": {**encoder_tensors, **decoder_tensors},
        "optimizer": {"state": {0: {"exp_avg": torch.zeros(3), "step": torch.tensor(9.0)}}},
        "epoch": 199,
        "scaler": {"scale": 65536.0},
        "args": argparse.Namespace(model="mae_vit_base_patch8", mask_ratio=0.9),
    }
    return write(content, "SpectralGPT.pth")


def test_everything_in_the_file_is_used_or_listed(path, encoder_tensors, decoder_tensors):
    pretrained = load_pretrained(path, n_heads=2)
    assert pretrained.vision_encoder == "spectralgpt"
    assert pretrained.vision_params == {
        "width": WIDTH,
        "depth": DEPTH,
        "n_heads": 2,
        "mlp_width": 4 * WIDTH,
        "norm_eps": 1e-6,
    }
    assert pretrained.weights.keys() == encoder_tensors.keys()
    for name, tensor in encoder_tensors.items():
        assert torch.equal(pretrained.weights[name], tensor)
    assert pretrained.dropped == tuple(sorted(decoder_tensors))
    record = pretrained.provenance
    assert record["format"] == "SpectralGPT"
    assert record["other_entries"] == ["args", "epoch", "optimizer", "scaler"]
    assert (pretrained.window_size, pretrained.patch_size) == (None, None)


def test_the_encoder_computes_with_the_positions_of_the_file(path, encoder_tensors):
    pretrained = load_pretrained(path, n_heads=2)
    encoder = SpectralGPT(12, 9, image_size=96, **pretrained.vision_params)
    pretrained.copy_into(encoder)
    state = encoder.state_dict()
    assert all(torch.equal(state[name], each) for name, each in encoder_tensors.items())
    small = SpectralGPT(12, 9, **pretrained.vision_params)
    pretrained.copy_into(small)
    assert torch.equal(small.pos_embed_temporal, encoder.pos_embed_temporal)
    grid = encoder_tensors["pos_embed_spatial"].view(1, 12, 12, WIDTH).movedim(3, 1)
    expected = torch.nn.functional.interpolate(grid, (4, 4), mode="bicubic")
    torch.testing.assert_close(small.pos_embed_spatial, expected.flatten(2).transpose(1, 2))
    wide = SpectralGPT(30, 9, **pretrained.vision_params)
    pretrained.copy_into(wide)
    assert wide.pos_embed_temporal.shape == (1, 10, WIDTH)


def test_the_layers_alone_can_be_taken(path, encoder_tensors):
    pretrained = load_pretrained(path, n_heads=2, vision_encoder="pretrained-vit")
    assert pretrained.vision_encoder == "pretrained-vit"
    assert {"pos_embed_spatial", "patch_embed.proj.weight"} <= set(pretrained.dropped)
    assert len(pretrained.weights) + 4 == len(encoder_tensors)
    pretrained.copy_into(PretrainedViT(7, 5, 3, **pretrained.vision_params))


def test_a_prefix_of_all_names(encoder_tensors, write):
    path = write({f"module.{name}": each for name, each in encoder_tensors.items()})
    pretrained = load_pretrained(path, n_heads=2)
    assert pretrained.weights.keys() == encoder_tensors.keys()
    assert pretrained.dropped == ()


def test_a_joint_table_of_positions_is_refused(encoder_tensors, write):
    del encoder_tensors["pos_embed_spatial"], encoder_tensors["pos_embed_temporal"]
    path = write({"model": {**encoder_tensors, "pos_embed": torch.zeros(1, 577, WIDTH)}})
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    assert str(error.value) == (
        f"{path}: it holds one joint table of positions, pos_embed, in place of pos_embed_spatial "
        "and pos_embed_temporal. The classifier of the published code makes such files: it leaves "
        "that table at zero when it loads published weights, so the positions were lost. Use the "
        'published file, or vision_encoder="pretrained-vit", which has positions of its own.'
    )
    pretrained = load_pretrained(path, n_heads=2, vision_encoder="pretrained-vit")
    assert "pos_embed" in pretrained.dropped


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        (
            "pos_embed_temporal",
            None,
            "it lacks 'pos_embed_temporal'. Use the published file, or "
            'vision_encoder="pretrained-vit", which has positions of its own.',
        ),
        (
            "pos_embed_spatial",
            torch.zeros(1, 144, 8),
            "pos_embed_spatial has shape (1, 144, 8), not (1, n, 24). Use "
            'vision_encoder="pretrained-vit".',
        ),
        (
            "patch_embed.proj.weight",
            torch.zeros(WIDTH, 1, 3, 16, 16),
            "patch_embed.proj.weight has shape (24, 1, 3, 16, 16), not (24, 1, 3, 8, 8). Use "
            'vision_encoder="pretrained-vit".',
        ),
    ],
)
def test_other_shapes(encoder_tensors, write, name, tensor, message):
    encoder_tensors[name] = tensor
    path = write({name: each for name, each in encoder_tensors.items() if each is not None})
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    assert str(error.value) == f"{path}: {message}"


def test_layers_without_bias(encoder_tensors, write):
    biases = {f"blocks.{number}.attn.{part}.bias" for number in range(DEPTH) for part in "qkv"}
    path = write({name: each for name, each in encoder_tensors.items() if name not in biases})
    with pytest.raises(FileError) as error:
        load_pretrained(path, n_heads=2)
    assert str(error.value) == (
        f"{path}: its queries, keys and values have no bias, unlike those of SpectralGPT. Use "
        'vision_encoder="pretrained-vit".'
    )


def test_files_of_other_models(layers, write):
    path = write(layers())
    with pytest.raises(ParameterError) as error:
        load_pretrained(path, vision_encoder="spectralgpt")
    assert str(error.value) == (
        f'vision_encoder="spectralgpt" cannot take {path}, a file of ViT. Leave vision_encoder at '
        "None."
    )


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["krona+", "full"])
def test_a_classifier_starts_from_the_file(path, cube, labels, settings, adapter):
    pretrained = load_pretrained(path, n_heads=2)
    changes = {"vision_params": {"image_size": 16}, "pretrained": pretrained, "adapter": adapter}
    clf = HSIPromptClassifier(**{**settings, **changes, "max_epochs": 2}).fit(cube, labels)
    encoder = clf.net_.module_.encoder
    assert (encoder.channel_scale != 1).all()  # that of the training windows
    state = encoder.state_dict()
    weights = {
        name: tensor for name, tensor in pretrained.weights.items() if "pos_embed" not in name
    }  # positions are resized
    changed = {name for name, tensor in weights.items() if not torch.equal(state[name], tensor)}
    adapted = {f"blocks.{number}.attn.{part}.weight" for number in range(DEPTH) for part in "qv"}
    assert changed == (adapted if adapter == "krona+" else weights.keys())
    assert clf.predict(cube).shape == labels.shape


@pytest.mark.slow
def test_a_classifier_averages_bands_to_those_of_the_file(
    path, encoder_tensors, cube, labels, settings, tmp_path
):
    scene = Scene(cube, labels, wavelengths_nm=np.linspace(400, 2400, cube.shape[2]))
    changes = {
        "vision_encoder": "sentinel-spectralgpt",
        "vision_params": {"image_size": 16, "n_heads": 2},
        "n_components": "auto",
        "prompts": None,
        "pretrained": path,
        "adapter": "krona+",
        "max_epochs": 2,
    }
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(scene)
    state = clf.net_.module_.encoder.state_dict()
    name = "patch_embed.proj.weight"
    assert torch.equal(state[name], encoder_tensors[name])
    saved = clf.save_adapter(tmp_path / "adapter")
    pretrained = load_pretrained(path, n_heads=2, vision_encoder="sentinel-spectralgpt")
    loaded = HSIPromptClassifier.load_adapter(saved, pretrained)
    assert np.array_equal(loaded.predict_proba(scene), clf.predict_proba(scene))
