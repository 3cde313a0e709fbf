import pytest
import torch

from hsvlm import HSIPromptClassifier
from hsvlm.exceptions import ParameterError
from hsvlm.vision.spectralgpt import SpectralGPT

SMALL = {"width": 24, "depth": 2, "n_heads": 2}


def make(n_channels=12, window_size=9, **changes):
    torch.manual_seed(0)
    return SpectralGPT(n_channels, window_size, **{**SMALL, **changes}).eval()


def test_counts_of_the_published_layers():
    with torch.device("meta"):
        encoder = SpectralGPT(n_channels=12, window_size=9)
    assert sum(each.numel() for each in encoder.blocks[0].parameters()) == 7_087_872
    adapted = [
        tensor.numel()
        for name, tensor in encoder.named_parameters()
        if name.endswith(("attn.q.weight", "attn.v.weight"))
    ]
    assert adapted == [589_824] * 24
    assert len(encoder.to_tokens(torch.zeros(1, 9, 9, 12, device="meta"))[0]) == 64


def test_names_and_shapes_are_those_of_the_published_file():
    with torch.device("meta"):
        encoder = SpectralGPT(n_channels=12, window_size=9, image_size=96)
    shapes = {name: tuple(each.shape) for name, each in encoder.named_parameters()}
    expected = {
        "patch_embed.proj.weight": (768, 1, 3, 8, 8),
        "patch_embed.proj.bias": (768,),
        "pos_embed_spatial": (1, 144, 768),
        "pos_embed_temporal": (1, 4, 768),
        "norm.weight": (768,),
        "norm.bias": (768,),
    }
    for number in range(12):
        layer = f"blocks.{number}."
        for norm in ("norm1", "norm2"):
            expected |= {f"{layer}{norm}.weight": (768,), f"{layer}{norm}.bias": (768,)}
        for part in ("q", "k", "v", "proj"):
            expected[f"{layer}attn.{part}.weight"] = (768, 768)
            expected[f"{layer}attn.{part}.bias"] = (768,)
        expected |= {f"{layer}mlp.fc1.weight": (3072, 768), f"{layer}mlp.fc1.bias": (3072,)}
        expected |= {f"{layer}mlp.fc2.weight": (768, 3072), f"{layer}mlp.fc2.bias": (768,)}
    assert shapes == expected


def test_tokens_are_maps_of_cubes_ordered_by_channels_then_by_positions():
    encoder = make(n_channels=6, window_size=16, image_size=16)
    windows = torch.randn(2, 16, 16, 6)
    images, tokens = encoder.to_images(windows), encoder.to_tokens(windows)
    assert tokens.shape == (2, 8, 24)
    weight, bias = encoder.patch_embed.proj.weight.flatten(1), encoder.patch_embed.proj.bias
    for group in range(2):
        for number in range(4):
            row, col = 8 * (number // 2), 8 * (number % 2)
            channels = slice(3 * group, 3 * group + 3)
            cube = images[:, channels, row : row + 8, col : col + 8]
            expected = cube.flatten(1) @ weight.T + bias
            expected = expected + encoder.pos_embed_spatial[0, number]
            expected = expected + encoder.pos_embed_temporal[0, group]
            torch.testing.assert_close(
                tokens[:, 4 * group + number], expected, rtol=1e-5, atol=1e-5
            )


def test_channels_are_mapped_to_the_range_of_the_pre_training():
    encoder = make(n_channels=3, window_size=8, image_size=8)
    levels = torch.tensor([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 5.0, 0.4])
    windows = levels.view(8, 1, 1, 1).expand(8, 8, 8, 3)
    images = encoder.to_images(windows)
    expected = torch.tensor([0, 0, 0.25, 0.5, 0.75, 1, 1, 0.6])
    torch.testing.assert_close(images, expected.view(8, 1, 1, 1).expand(8, 3, 8, 8))


def test_windows_are_resized_by_linear_interpolation():
    encoder = make(n_channels=3, window_size=2, image_size=8)
    windows = torch.zeros(1, 2, 2, 3)
    windows[:, :, 1] = 1.0  # 0.5 and 0.75 after the map
    # Centers of pixels: 8 points between those of the 2 pixels, constant beyond them.
    row = torch.tensor([0.5, 0.5, 0.53125, 0.59375, 0.65625, 0.71875, 0.75, 0.75])
    torch.testing.assert_close(encoder.to_images(windows), row.expand(1, 3, 8, 8))


def test_all_pixels_of_larger_windows_count():
    encoder = make(n_channels=3, window_size=32, image_size=8)
    windows = torch.zeros(1, 32, 32, 3, requires_grad=True)
    encoder.to_images(windows).sum().backward()
    assert (windows.grad > 0).all()


def test_pooling():
    windows = torch.randn(2, 9, 9, 12)
    ours, theirs = make(), make(pooling="spectralgpt")
    assert torch.equal(ours.blocks[0].attn.q.weight, theirs.blocks[0].attn.q.weight)
    tokens = ours.to_tokens(windows)
    torch.testing.assert_close(ours(windows), ours.run_tokens(tokens).mean(dim=1))
    for block in theirs.blocks:
        tokens = block(tokens)
    expected = theirs.norm(tokens[:, 1:].mean(dim=1))
    torch.testing.assert_close(theirs(windows), expected)
    assert not torch.allclose(ours(windows), theirs(windows), atol=1e-3)


def test_prepare_standardizes_channels():
    encoder = make(n_channels=3, window_size=4)
    windows = torch.randn(50, 4, 4, 3) * torch.tensor([10.0, 0.1, 0.0]) + torch.tensor([5, -3, 7])
    before = {name: each.clone() for name, each in encoder.named_parameters()}
    encoder.prepare(windows)
    pixels = windows.flatten(0, 2)
    torch.testing.assert_close(encoder.channel_mean, pixels.mean(dim=0))
    torch.testing.assert_close(encoder.channel_scale[:2], pixels.std(dim=0, correction=0)[:2])
    assert encoder.channel_scale[2] == 1
    assert all(torch.equal(each, before[name]) for name, each in encoder.named_parameters())
    plain = make(n_channels=3, window_size=4)
    standardized = (windows - encoder.channel_mean) / encoder.channel_scale
    torch.testing.assert_close(encoder(windows), plain(standardized), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_statistics_are_those_of_the_training_windows(cube, labels, settings, tmp_path):
    params = {**SMALL, "mlp_width": 24, "image_size": 8}
    changes = {"vision_encoder": "spectralgpt", "vision_params": params, "max_epochs": 1}
    changes["normalize"] = "snv"  # without it, components are standardized
    clf = HSIPromptClassifier(**{**settings, **changes}).fit(cube, labels)
    encoder = clf.net_.module_.encoder
    assert encoder.channel_scale[0] > 1.2
    loaded = HSIPromptClassifier.load(clf.save(tmp_path / "model"), device="cpu")
    assert torch.equal(loaded.net_.module_.encoder.channel_scale, encoder.channel_scale)


def test_positions_are_interpolated():
    encoder = make(n_channels=12, image_size=32)
    spatial = torch.randn(1, 144, 24)
    resized = encoder.resized("pos_embed_spatial", spatial)
    grid = spatial.view(12, 12, 24).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(grid, (4, 4), mode="bicubic", align_corners=False)
    for number in range(16):
        row, col = divmod(number, 4)
        torch.testing.assert_close(resized[0, number], expected[0, :, row, col])
    temporal = torch.arange(2.0).view(1, 2, 1).expand(1, 2, 24)
    between = torch.tensor([0, 0.25, 0.75, 1]).view(1, 4, 1).expand(1, 4, 24)
    torch.testing.assert_close(encoder.resized("pos_embed_temporal", temporal), between)


def test_positions_of_the_same_number_are_not_changed():
    encoder = make(n_channels=12, image_size=32)
    for name, count in {"pos_embed_spatial": 16, "pos_embed_temporal": 4}.items():
        tensor = torch.randn(1, count, 24)
        assert encoder.resized(name, tensor) is tensor


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("norm.weight", (48,)),
        ("pos_embed_spatial", (1, 15, 24)),
        ("pos_embed_spatial", (144, 24)),
        ("pos_embed_spatial", (1, 0, 24)),
        ("pos_embed_temporal", (1, 0, 24)),
    ],
)
def test_other_weights_are_not_resized(name, shape):
    tensor = torch.zeros(shape)
    assert make().resized(name, tensor) is tensor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"n_channels": 40},
            "n_channels=40 is not a multiple of 3, the channels of a token of the vision encoder "
            '"spectralgpt". Reduce the bands to a multiple of 3: n_components=12 in a classifier, '
            "n_channels=12 in a pre-training.",
        ),
        (
            {"image_size": 20},
            "image_size=20 is not a multiple of 8, the pixels of a token. Use 32, or 96 as in the "
            "pre-training.",
        ),
        (
            {"image_size": 0},
            "image_size=0 is not a multiple of 8, the pixels of a token. Use 32, or 96 as in the "
            "pre-training.",
        ),
        ({"pooling": "max"}, 'pooling=\'max\' is neither "mean" nor "spectralgpt".'),
        ({"n_heads": 7}, "n_heads=7 does not divide width=24. Use a divisor of it."),
    ],
)
def test_errors(change, message):
    with pytest.raises(ParameterError) as error:
        make(**change)
    assert str(error.value) == message


def test_a_patch_size_is_not_an_argument():
    with pytest.raises(TypeError, match="patch_size"):
        make(patch_size=8)
