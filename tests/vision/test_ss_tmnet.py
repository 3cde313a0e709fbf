import pytest
import torch
from torch import nn

from hsvlm.exceptions import ParameterError
from hsvlm.vision.ss_tmnet import SSTMNet


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return SSTMNet(n_channels=25, window_size=5, depths=(1, 1), width=16).eval()


def test_volumes_are_added_to_convolutions_of_all_lengths(encoder):
    layer, volumes = encoder.volumes[2], torch.randn(2, 4, 13, 3, 3)
    expected = volumes.clone()
    for convolution, length in zip(layer.scales, (1, 3, 5, 11), strict=True):
        assert convolution.kernel_size == (length, 1, 1)
        expected += convolution(volumes)
    torch.testing.assert_close(layer(volumes), expected)


def attend(query, key, value):
    return (query @ key.transpose(1, 2) / query.shape[2] ** 0.5).softmax(dim=2) @ value


def test_attention_among_pixels_and_among_channels(encoder):
    mixer = encoder.pyramid[0].mixer
    nn.init.normal_(mixer.weights)
    pixels = torch.randn(2, 3, 3, 16)
    mixed = 3 * pixels
    for weight, part in zip(mixer.weights, (mixer.rows, mixer.columns), strict=False):
        nn.init.normal_(part.qkv.weight, std=0.3)
        neighbors = part.neighbors(pixels.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        query, key, value = part.qkv(neighbors.reshape(2, 9, 16)).chunk(3, dim=2)
        mixed = mixed + weight * part.out(attend(query, key, value)).view(2, 3, 3, 16)
    channels = mixer.channels.mix(pixels.permute(0, 3, 1, 2)).reshape(2, 16, 9)
    attended = mixer.channels.out(attend(channels, channels, channels))
    mixed = mixed + mixer.weights[2] * attended.transpose(1, 2).view(2, 3, 3, 16)
    torch.testing.assert_close(mixer(pixels), mixer.linear(mixed) + pixels)


@pytest.mark.parametrize("part", ["rows", "columns"])
def test_pixels_are_mixed_with_neighbors_in_one_direction(encoder, part):
    windows = torch.zeros(1, 16, 5, 5)
    windows[0, :, 2, 2] = 1
    layer = getattr(encoder.pyramid[0].mixer, part).neighbors
    is_reached = (layer(windows) != layer(torch.zeros(1, 16, 5, 5))).any(dim=1)[0]
    expected = torch.zeros(5, 5, dtype=torch.bool)
    expected[2, 1:4] = True
    assert torch.equal(is_reached, expected if part == "rows" else expected.T)


@pytest.mark.parametrize("part", ["rows", "columns", "channels"])
def test_weights_of_attention_are_dropped_in_training_only(encoder, part):
    layer, maps = getattr(encoder.pyramid[0].mixer, part), torch.randn(2, 16, 3, 3)
    assert torch.equal(layer(maps), layer(maps))
    layer.train()
    assert not torch.equal(layer(maps), layer(maps))


def test_predictions_keep_no_weights_of_all_pairs(encoder):
    with torch.inference_mode(), torch.profiler.profile() as profile:
        encoder(torch.randn(2, 5, 5, 25))
    names = {event.key for event in profile.key_averages()}
    assert "aten::scaled_dot_product_attention" in names
    assert not {"aten::softmax", "aten::_softmax"} & names


def test_dropout_is_a_share():
    with pytest.raises(ParameterError) as error:
        SSTMNet(n_channels=25, window_size=5, dropout=1.0)
    assert str(error.value) == "dropout=1.0 is not in [0, 1). Use 0 to switch it off."


def test_layers_of_attention_are_trained_once_it_has_weight(encoder):
    for layer in encoder.modules():
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.3)
    for number in (0, 2):
        nn.init.ones_(encoder.pyramid[number].mixer.weights)
    encoder.train()(torch.randn(8, 5, 5, 25)).square()[:, 0].sum().backward()
    gradients = {
        name: parameter.grad.abs().max()
        for name, parameter in encoder.named_parameters()
        if "mixer" in name and parameter.ndim > 1
    }
    assert len(gradients) == 18
    assert min(gradients.values()) > 1e-5, gradients
