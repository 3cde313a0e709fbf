"""Files as others publish them, with random weights, and encoders trained in a moment."""

import pytest
import torch

from hsvlm.datasets import make_synthetic_scene
from hsvlm.pretraining import MaskedPretrainer


def make_layers(depth=2, width=16, mlp_width=24, *, fused=True, bias=True, prefix="", seed=0):
    """Return the layers of a plain vision transformer and its final norm, in the names of timm."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return 0.3 * torch.randn(shape, generator=generator)

    tensors = {}

    def add(name, n_outputs, n_inputs=None, has_bias=True):
        norm = n_inputs is None
        tensors[f"{name}.weight"] = 1 + draw(n_outputs) if norm else draw(n_outputs, n_inputs)
        if has_bias:
            tensors[f"{name}.bias"] = draw(n_outputs)

    for layer in (f"{prefix}blocks.{number}." for number in range(depth)):
        add(f"{layer}norm1", width)
        for part, n_outputs in (
            {"qkv": 3 * width} if fused else dict.fromkeys("qkv", width)
        ).items():
            add(f"{layer}attn.{part}", n_outputs, width, bias)
        add(f"{layer}attn.proj", width, width)
        add(f"{layer}norm2", width)
        add(f"{layer}mlp.fc1", mlp_width, width)
        add(f"{layer}mlp.fc2", width, mlp_width)
    add(f"{prefix}norm", width)
    return tensors


@pytest.fixture
def layers():
    """The function that makes the tensors of a transformer."""
    return make_layers


@pytest.fixture
def write(tmp_path):
    """A function that writes content to a file of torch, and returns its path."""

    def write(content, name="model.pth"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def scene():
    """A scene of 16 x 20 pixels and 30 bands with labels."""
    return make_synthetic_scene(height=16, width=20, random_state=0)


@pytest.fixture(scope="session")
def make():
    """A function that makes a pre-trainer with small settings."""

    def make_small(vision_encoder="group-vit", **changes):
        settings = {
            "vision_params": {"width": 8, "depth": 1, "n_heads": 2, "mlp_width": 8},
            "max_epochs": 2,
            "batch_size": 64,
            "device": "cpu",
            "random_state": 0,
        }
        return MaskedPretrainer(vision_encoder, **{**settings, **changes})

    return make_small


@pytest.fixture(scope="session")
def fitted(make, scene):
    """A fitted pre-trainer; tests do not change it."""
    return make().fit(scene)
