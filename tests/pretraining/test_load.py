"""Files of published models become encoders that compute the same."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from torch.nn import functional

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import FileError, HSVLMWarning, ParameterError
from hsvlm.pretraining import load_pretrained
from hsvlm.pretraining._folder import write_encoder_folder  # the public way needs a training
from hsvlm.pretraining._layouts import LAYOUTS as KNOWN  # files name their models by it
from hsvlm.vision.transplant import PretrainedViT

WEIGHTS = Path(os.environ.get("HSVLM_SCENES", "/nowhere")).parent / "weights"


def make_encoder(pretrained, n_channels=6, window_size=5, patch_size=3):
    torch.manual_seed(0)
    encoder = PretrainedViT(n_channels, window_size, patch_size, **pretrained.vision_params)
    pretrained.copy_into(encoder)
    return encoder


def run_fused(tensors, tokens, n_heads, eps):
    """The transformer of timm, one head and one window at a time."""

    def norm(values, name):
        centered = values - values.mean(-1, keepdim=True)
        scaled = centered / (centered.square().mean(-1, keepdim=True) + eps).sqrt()
        return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    def linear(values, name):
        return values @ tensors[f"{name}.weight"].T + tensors.get(f"{name}.bias", 0)

    results = []
    for x in tokens.double():
        number = 0
        while (layer := f"blocks.{number}.") + "norm1.weight" in tensors:
            joint = linear(norm(x, f"{layer}norm1"), f"{layer}attn.qkv")
            width, heads = x.shape[1], []
            for head in range(n_heads):
                each = slice(head * (width // n_heads), (head + 1) * (width // n_heads))
                query, key, value = (
                    joint[:, part * width : (part + 1) * width][:, each] for part in range(3)
                )
                scores = query @ key.T / (width // n_heads) ** 0.5
                heads.append(scores.softmax(1) @ value)
            mixed = linear(torch.cat(heads, 1), f"{layer}attn.proj")
            x = x + mixed * tensors.get(f"{layer}ls1.gamma", 1)
            hidden = functional.gelu(linear(norm(x, f"{layer}norm2"), f"{layer}mlp.fc1"))
            x = x + linear(hidden, f"{layer}mlp.fc2") * tensors.get(f"{layer}ls2.gamma", 1)
            number += 1
        results.append(norm(x, "norm"))
    return torch.stack(results)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("with_scales", [True, False])
def test_outputs_are_those_of_the_joint_layers(layers, write, bias, with_scales):
    tensors = layers(width=16, bias=bias)
    if with_scales:
        for number in range(2):
            for branch in "12":
                tensors[f"blocks.{number}.ls{branch}.gamma"] = torch.linspace(-1, 2, 16)
    pretrained = load_pretrained(write({"model": tensors}), n_heads=4)
    assert pretrained.vision_params == {
        "width": 16,
        "depth": 2,
        "n_heads": 4,
        "mlp_width": 24,
        "norm_eps": 1e-6,
        "qkv_bias": bias,
    }
    tokens = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(1))
    wide = {name: tensor.double() for name, tensor in tensors.items()}
    expected = run_fused(wide, tokens, 4, 1e-6)
    result = make_encoder(pretrained).run_tokens(tokens)
    torch.testing.assert_close(result.double(), expected, rtol=1e-5, atol=1e-5)


def test_separate_layers_are_taken_as_they_are(layers, write):
    tensors = layers(fused=False)
    pretrained = load_pretrained(write(tensors), n_heads=2)
    assert pretrained.weights.keys() == tensors.keys()
    assert all(torch.equal(pretrained.weights[name], tensors[name]) for name in tensors)
    assert pretrained.dropped == ()
    assert pretrained.vision_encoder == "pretrained-vit"


LAYOUTS = [
    ("SpectralGPT", {"patch_embed.proj.weight": (16, 1, 3, 8, 8), "pos_embed_spatial": (1, 4, 16)}),
    ("Galileo", {"space_time_embed.S1.proj.weight": (16, 2, 8, 8)}),
    ("Presto", {"encoder.eo_patch_embed.S1.weight": (16, 2), "decoder.mask_token": (16,)}),
    ("DOFA", {"patch_embed.weight_generator.weight_tokens": (128, 128)}),
    ("Copernicus-FM", {"patch_embed_spectral.fclayer.w1.weight": (128, 128)}),
    ("Prithvi", {"encoder.patch_embed.proj.weight": (16, 6, 1, 16, 16)}),
    ("SatMAE", {"channel_cls_embed": (1, 1, 256), "patch_embed.0.proj.weight": (16, 4, 8, 8)}),
    ("SpectralEarth", {"vit_core.cls_token": (1, 1, 16)}),
    ("ViT", {"patch_embed.proj.weight": (16, 3, 16, 16), "cls_token": (1, 1, 16)}),
]


@pytest.mark.filterwarnings("ignore::hsvlm.exceptions.HSVLMWarning")
@pytest.mark.parametrize(("name", "shapes"), LAYOUTS)
def test_models_are_recognized(layers, write, name, shapes):
    prefix = {"Presto": "encoder.", "Prithvi": "encoder.", "SpectralEarth": "vit_core."}
    others = {other: torch.zeros(shape) for other, shape in shapes.items()}
    path = write({"state_dict": {**others, **layers(prefix=prefix.get(name, ""))}, "epoch": 3})
    pretrained = load_pretrained(path, n_heads=2, vision_encoder="pretrained-vit")
    assert pretrained.dropped == tuple(sorted(shapes))
    assert len(pretrained.weights) == 2 * 16 + 2
    record = pretrained.provenance
    assert (record["format"], record["file"]) == (name, "model.pth")
    assert record["other_entries"] == ["epoch"]
    eps = {"Galileo": 1e-5, "Presto": 1e-5}.get(name, 1e-6)
    assert pretrained.vision_params["norm_eps"] == eps
    assert record["assumed"] == [
        "n_heads=2: the argument n_heads",
        f"norm_eps={eps:g}: what is known of {name}",
    ]
    json.dumps(record)  # it is kept in files


def test_every_model_is_tested():
    assert [name for name, _ in LAYOUTS] == [layout.name for layout in KNOWN]


def test_licences_that_exclude_commercial_use_are_warned_of(layers, write):
    path = write({"channel_cls_embed": torch.zeros(1, 1, 4), **layers()})
    with pytest.warns(HSVLMWarning) as warned:
        load_pretrained(path, n_heads=2)
    assert str(warned[0].message) == (
        f"{path} looks like a file of SatMAE, published under CC-BY-NC-4.0 (not verified), which "
        "excludes commercial use. See github.com/sustainlab-group/SatMAE."
    )


@pytest.mark.parametrize(
    ("file", "name", "depth", "n_tensors", "n_values"),
    [
        ("galileo_nano_encoder.pt", "Galileo", 4, 106, 793_344),
        ("presto.pt", "Presto", 2, 102, 396_800),
    ],
)
def test_published_files(file, name, depth, n_tensors, n_values):
    path = WEIGHTS / file
    if not path.is_file():
        pytest.skip("the published weights are not here")
    pretrained = load_pretrained(path)
    assert (pretrained.provenance["format"], pretrained.provenance["license"]) == (name, "MIT")
    assert pretrained.vision_params == {
        "width": 128,
        "depth": depth,
        "n_heads": 8,
        "mlp_width": 512,
        "norm_eps": 1e-5,
        "qkv_bias": True,
    }
    stored = torch.load(path, weights_only=True, map_location="cpu")
    used = stored.keys() - set(pretrained.dropped)
    assert len(stored) == n_tensors
    n_used = sum(stored[each].numel() for each in used)
    assert n_used == sum(each.numel() for each in pretrained.weights.values()) == n_values
    assert all("blocks." in each or "norm." in each for each in used)
    encoder = make_encoder(pretrained)
    assert n_values == sum(
        tensor.numel()
        for each, tensor in encoder.named_parameters()
        if each not in {"embedding.weight", "embedding.bias", "positions"}
    )
    prefix = "encoder." if name == "Presto" else ""
    tokens = torch.randn(2, 5, 128, generator=torch.Generator().manual_seed(0))
    plain = {each.removeprefix(prefix): stored[each].double() for each in used}
    if name == "Galileo":
        for number in range(depth):
            for kind in ("weight", "bias"):
                parts = [plain.pop(f"blocks.{number}.attn.{part}.{kind}") for part in "qkv"]
                plain[f"blocks.{number}.attn.qkv.{kind}"] = torch.cat(parts)
    expected = run_fused(plain, tokens, 8, 1e-5)
    torch.testing.assert_close(encoder.run_tokens(tokens).double(), expected, rtol=1e-4, atol=1e-5)


def heads_of(pretrained):
    return pretrained.vision_params["n_heads"], pretrained.provenance["assumed"][0]


@pytest.mark.slow
def test_heads_follow_from_the_width(layers, write):
    path = write(layers(1, 128, 8))
    assert heads_of(load_pretrained(path)) == (2, "n_heads=2: the usual 64 features per head")
    path = write(layers(1, 1280, 8))
    assert heads_of(load_pretrained(path)) == (16, "n_heads=16: what is known of ViT")
    path = write(layers(1, 16, 8))
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{path}: the number of attention heads is not known, and the width 16 is not a multiple "
        "of the usual 64 features per head. Pass n_heads; a classifier takes it in "
        "vision_params."
    )


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("config.json", {"num_heads": 4}),
        ("model_encoder.json", {"encoder": {"embed_dim": 128, "num_attention_heads": 4}}),
        ("model_encoder_config.json", {"decoder": {"num_heads": 8}, "model": {"n_heads": 4}}),
        (
            "model_config.json",
            {"a": {"width": 64, "n_heads": 8}, "b": {"width": 128, "n_heads": 4}},
        ),
    ],
)
def test_heads_are_read_from_a_file_beside_the_weights(layers, write, name, config):
    path = write(layers(1, 128, 8), "model_encoder.pt")
    path.with_name(name).write_text(json.dumps(config))
    assert heads_of(load_pretrained(path)) == (4, f"n_heads=4: the file {name}")
    assert heads_of(load_pretrained(path, n_heads=8)) == (8, "n_heads=8: the argument n_heads")


@pytest.mark.parametrize("config", [{"num_heads": 3}, {"num_heads": "4"}, {"num_heads": True}])
def test_heads_in_a_file_have_to_divide_the_width(layers, write, config):
    path = write(layers(1, 128, 8))
    beside = path.with_name("config.json")
    beside.write_text(json.dumps(config))
    with pytest.raises(FileError) as error:
        load_pretrained(path)
    assert str(error.value) == (
        f"{beside}: {config['num_heads']!r} attention heads do not divide the width 128. Repair "
        "it, or move it away and pass n_heads."
    )


def test_files_beside_the_weights_that_say_nothing_of_heads(layers, write):
    path = write(layers(1, 128, 8))
    path.with_name("config.json").write_text('[{"num_heads": 4}, 3, {"embed_dim": 5}]')
    assert heads_of(load_pretrained(path))[0] == 2


@pytest.mark.parametrize("n_heads", [0, 3, -1])
def test_heads_have_to_divide_the_width(layers, write, n_heads):
    path = write(layers())
    with pytest.raises(ParameterError) as error:
        load_pretrained(path, n_heads=n_heads)
    assert str(error.value) == (
        f"n_heads={n_heads} does not divide the width 16 of the transformer in {path}. Use the "
        "number of heads that it was trained with."
    )


def test_other_encoders_cannot_take_the_weights(layers, write):
    with pytest.raises(ParameterError, match=r"'vit' cannot take weights"):
        load_pretrained(write(layers()), vision_encoder="vit")


def test_a_norm_that_the_file_lacks_is_new(layers, write):
    tensors = layers()
    del tensors["norm.weight"], tensors["norm.bias"]
    pretrained = load_pretrained(write(tensors), n_heads=2)
    assert not any(name.startswith("norm.") for name in pretrained.weights)
    assert pretrained.provenance["assumed"][-1] == (
        "norm: not in the file, and trained from the start"
    )
    assert torch.equal(make_encoder(pretrained).norm.weight, torch.ones(16))


def test_a_file_of_safetensors_and_half_precision(layers, tmp_path):
    tensors = {name: tensor.bfloat16() for name, tensor in layers().items()}
    path = tmp_path / "model.safetensors"
    safetensors.torch.save_file(tensors, path)
    pretrained = load_pretrained(path, n_heads=2)
    weight = pretrained.weights["blocks.1.mlp.fc1.weight"]
    assert weight.dtype == torch.float32
    assert torch.equal(weight, tensors["blocks.1.mlp.fc1.weight"].float())


@pytest.mark.slow
@pytest.mark.parametrize("adapter", [None, "lora+", "krona"])
def test_a_classifier_starts_from_the_weights(layers, write, cube, labels, settings, adapter):
    pretrained = load_pretrained(write(layers()), n_heads=2)
    plain = {name: value for name, value in settings.items() if name != "vision_params"}
    clf = HSIPromptClassifier(pretrained=pretrained, adapter=adapter, **plain).fit(cube, labels)
    assert clf.score(cube, labels) > 0.6
    state = clf.net_.module_.encoder.state_dict()
    same = {name for name, tensor in pretrained.weights.items() if torch.equal(tensor, state[name])}
    expected = {f"blocks.{number}.attn.{part}.weight" for number in range(2) for part in "qv"}
    assert pretrained.weights.keys() - same == (
        pretrained.weights.keys() if adapter is None else expected
    )
    assert np.isfinite(clf.predict_proba(cube)).all()


def test_what_was_read_is_kept_in_a_folder(layers, write, tmp_path):
    path = write({"model": layers(), "decoder_embed.weight": torch.zeros(3)})
    pretrained = load_pretrained(path, n_heads=2)
    folder = write_encoder_folder(tmp_path / "encoder", pretrained)
    again = load_pretrained(folder)
    assert (again.digest, again.provenance) == (pretrained.digest, pretrained.provenance)
    assert again.vision_params == pretrained.vision_params
    for name, tensor in pretrained.weights.items():
        assert torch.equal(again.weights[name], tensor)
    for name, value in {"n_heads": 2, "vision_encoder": "pretrained-vit"}.items():
        with pytest.raises(ParameterError) as error:
            load_pretrained(folder, **{name: value})
        assert str(error.value) == (
            f"{name}={value!r} cannot be set for {folder}, whose encoder.json states it. Leave it "
            "at None."
        )


def test_what_is_known_is_printed(layers, write):
    pretrained = load_pretrained(write({**layers(), "head.weight": torch.zeros(2, 16)}), n_heads=2)
    count = sum(tensor.numel() for tensor in pretrained.weights.values())
    assert repr(pretrained) == f"<PretrainedEncoder pretrained-vit of ViT, {count:,} values>"
    assert str(pretrained).splitlines() == [
        f"pretrained-vit, {len(pretrained.weights)} tensors with {count:,} values",
        "read from model.pth, which is a file of ViT",
        "license of the published files: unknown (unknown)",
        "assumed n_heads=2: the argument n_heads",
        "assumed norm_eps=1e-06: what is known of ViT",
        "without use for 1 tensors, listed in `dropped`",
    ]
