"""Encoders whose tokens can be hidden."""

import pytest
import torch

from hsvlm.pretraining import TokenEncoder, list_token_encoders
from hsvlm.vision import get_vision_encoder
from hsvlm.vision.arguments import encoder_arguments

NAMES = [
    "group-vit",
    "overlap-vit",
    "pretrained-vit",
    "sentinel-spectralgpt",
    "spectralgpt",
    "vit",
    "wavelength-vit",
]
OF_CUBES = NAMES[3:5]
N_CHANNELS = 24
READ = {  # features of a window, from its encoded tokens
    "group-vit": lambda encoded: encoded.mean(dim=1),
    "overlap-vit": lambda encoded: encoded[:, 0],
    "pretrained-vit": lambda encoded: encoded.mean(dim=1),
    "sentinel-spectralgpt": lambda encoded: encoded.mean(dim=1),
    "spectralgpt": lambda encoded: encoded.mean(dim=1),
    "vit": lambda encoded: encoded[:, 0],
    "wavelength-vit": lambda encoded: encoded[:, 0],
}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.fixture
def encoder(name):
    torch.manual_seed(0)
    patch_size = 3 if name == "overlap-vit" else 1
    params = {"width": 16, "depth": 2, "n_heads": 2}
    if name in OF_CUBES:
        params["image_size"] = 16
    encoder_class = get_vision_encoder(name)
    arguments = encoder_arguments(
        encoder_class,
        n_channels=N_CHANNELS,
        window_size=5,
        patch_size=patch_size,
        params=params,
        wavelengths_nm=[400.0 + 90 * band for band in range(N_CHANNELS)],
    )
    return encoder_class(**arguments)


@pytest.fixture
def windows():
    return torch.randn(4, 5, 5, N_CHANNELS, generator=torch.Generator().manual_seed(1))


def test_the_encoders_that_have_tokens():
    assert list_token_encoders() == NAMES


def test_an_encoder_has_the_methods_of_the_protocol(encoder):
    assert isinstance(encoder, TokenEncoder)
    assert not isinstance(torch.nn.Linear(1, 1), TokenEncoder)


def test_features_come_from_all_encoded_tokens(name, encoder, windows):
    encoded = encoder.eval().run_tokens(encoder.to_tokens(windows))
    torch.testing.assert_close(READ[name](encoded), encoder(windows), rtol=1e-5, atol=1e-5)


def test_each_token_has_its_values(encoder, windows):
    tokens, values = encoder.to_tokens(windows), encoder.token_values(windows)
    assert tokens.shape == (*values.shape[:2], encoder.n_features)


def test_encoded_tokens_keep_their_order(encoder, windows):
    tokens = encoder.eval().to_tokens(windows)
    order = torch.arange(tokens.shape[1]).flip(0)[:2]
    some, turned = (encoder.run_tokens(tokens[:, index]) for index in (order, order.flip(0)))
    torch.testing.assert_close(some[:, -2:], turned[:, -2:].flip(1), rtol=1e-5, atol=1e-5)
    assert some.shape[1] == encoder.run_tokens(tokens).shape[1] - tokens.shape[1] + 2


def test_kept_tokens_do_not_depend_on_hidden_inputs(name, encoder, windows):
    windows.requires_grad_()
    tokens = encoder.to_tokens(windows)
    encoder.run_tokens(tokens[:, :1]).square().sum().backward()
    seen = windows.grad != 0
    # The bands of the first group, the pixels of the first patch, the first quarter of a cube.
    expected = torch.zeros_like(seen)
    if name == "group-vit":
        expected[:, 2, 2, :10] = True
    elif name in OF_CUBES:
        # Pixels in the middle are resized into several cubes; bands beyond 585 nm are in others.
        assert not seen[..., 3:].any()
        assert not seen[:, 3:].any()
        assert seen[:, :2, :2, :2].any(dim=0).all()
        return
    else:
        side = encoder.patch_size
        expected[:, :side, :side] = True
    assert torch.equal(seen, expected)
