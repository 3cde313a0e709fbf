"""Adapters of queries and values: their counts, start, gradients, and merging."""

import pytest
import torch
from torch import nn

from hsvlm.contrastive.adapter_settings import METHODS, AdapterSettings, balanced_factors
from hsvlm.contrastive.adapters import adapt, merge, set_factors
from hsvlm.exceptions import ParameterError, UnknownNameError
from hsvlm.vision.overlap import OverlapViT

WITH_FACTORS = [name for name in METHODS if AdapterSettings(name).has_factors]


class Stack(nn.Module):
    """Layers of queries and values, as many and as wide as in a published encoder."""

    def __init__(self, width, depth):
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.ModuleDict({name: nn.Linear(width, width) for name in "qkv"}) for _ in range(depth)
        )


def make_encoder(seed=0):
    torch.manual_seed(seed)
    return OverlapViT(n_channels=6, window_size=5, patch_size=3, width=64, depth=6, mlp_width=64)


def windows(seed=1):
    return torch.randn(4, 5, 5, 6, generator=torch.Generator().manual_seed(seed))


def count_factors(width, depth, method, params):
    with torch.device("meta"):
        encoder = Stack(width, depth)
        adapt(encoder, AdapterSettings.of(method, params), set(encoder.state_dict()))
    return sum(one.numel() for one in encoder.parameters() if one.requires_grad)


# Values of queries and values in 12 layers of width 768: two matrices (rank, width) for LoRA, and
# factors of 24 x 24 and 32 x 32 for KronA, of which LoKr takes the second one to two matrices.
@pytest.mark.parametrize(
    ("method", "params", "n_values"),
    [
        ("lora", {"rank": 1}, 24 * 2 * 768),
        ("lora", {"rank": 8}, 294_912),
        ("lora+", {"rank": 8}, 294_912),
        ("krona", None, 38_400),
        ("krona+", None, 24 * (24**2 + 32**2)),
        ("lokr", {"rank": 8}, 26_112),
        ("lokr", {"rank": 4}, 24 * (24**2 + 2 * 32 * 4)),
        ("frozen", None, 0),
    ],
)
def test_counts_of_a_large_encoder(method, params, n_values):
    assert count_factors(768, 12, method, params) == n_values


def test_counts_of_the_small_encoder():
    assert count_factors(64, 6, "krona", None) == 1_536
    assert count_factors(64, 6, "lora", {"rank": 4}) == 6_144
    assert count_factors(64, 6, "lokr", {"rank": 1}) == 960


@pytest.mark.parametrize(("width", "factors"), [(16, (4, 4)), (48, (6, 8)), (768, (24, 32))])
def test_factors_are_close_to_the_root(width, factors):
    assert balanced_factors(width) == factors


@pytest.mark.parametrize("method", METHODS)
def test_nothing_changes_before_the_first_step(method):
    encoder = make_encoder()
    before = encoder(windows())
    adapt(encoder, AdapterSettings.of(method, None), set(encoder.state_dict()))
    torch.testing.assert_close(encoder(windows()), before, rtol=0, atol=0)


@pytest.mark.parametrize("method", WITH_FACTORS)
def test_only_factors_and_new_weights_learn(method):
    encoder = make_encoder()
    base = set(encoder.state_dict()) - {"embed.weight"}
    adapt(encoder, AdapterSettings.of(method, None), base)
    encoder(windows()).square().sum().backward()
    learning = {name for name, one in encoder.named_parameters() if one.grad is not None}
    assert "embed.weight" in learning
    assert all("lora_" in name or "lokr_" in name for name in learning - {"embed.weight"})
    assert {name.split(".")[3] for name in learning - {"embed.weight"}} == {"q", "v"}


@pytest.mark.parametrize("method", WITH_FACTORS)
def test_merging_keeps_the_output_and_the_names(method):
    encoder = make_encoder()
    names = list(encoder.state_dict())
    base = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    adapt(encoder, AdapterSettings.of(method, None), set(names))
    change_factors(encoder)
    adapted = encoder(windows())
    merge(encoder)
    assert list(encoder.state_dict()) == names
    torch.testing.assert_close(encoder(windows()), adapted, rtol=0, atol=1e-5)
    for name, tensor in encoder.state_dict().items():
        keys = tensor.chunk(3)[1] if "qkv" in name else tensor
        before = base[name].chunk(3)[1] if "qkv" in name else base[name]
        assert torch.equal(keys, before), name
    weight = "blocks.0.qkv.weight"
    assert not torch.equal(encoder.state_dict()[weight], base[weight])


def change_factors(encoder, seed=2):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for one in encoder.parameters():
            if one.requires_grad:
                one.copy_(torch.randn(one.shape, generator=generator) / 10)


@pytest.mark.parametrize(("scale", "method"), [(1.0, "krona"), (0.5, "krona+")])
def test_krona_adds_a_kronecker_product(scale, method):
    encoder = make_encoder()
    before = encoder.blocks[0].qkv.weight.detach().clone().chunk(3)[0]
    settings = AdapterSettings.of(method, {"scale": scale})
    adapt(encoder, settings, set(encoder.state_dict()))
    change_factors(encoder)
    factors = merge(encoder).tensors
    first, second = (factors[f"blocks.0.qkv.q.lokr_w{number}"] for number in (1, 2))
    assert first.shape == second.shape == (8, 8)
    after = encoder.blocks[0].qkv.weight.detach().chunk(3)[0]
    assert torch.equal(after, before + torch.kron(first, second) * scale)


def test_factors_are_set_again():
    adapted, other = make_encoder(), make_encoder()
    settings = AdapterSettings.of("lora", {"rank": 2})
    for encoder in (adapted, other):
        adapt(encoder, settings, set(make_encoder().state_dict()))
    change_factors(adapted)
    factors = merge(adapted).tensors
    set_factors(other, factors)
    merge(other)
    for name, tensor in adapted.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)


def test_factors_of_another_rank_are_refused():
    encoder, other = make_encoder(), make_encoder()
    adapt(encoder, AdapterSettings.of("lora", {"rank": 2}), set(encoder.state_dict()))
    adapt(other, AdapterSettings.of("lora", {"rank": 3}), set(other.state_dict()))
    with pytest.raises(ValueError, match="rank"):
        set_factors(other, merge(encoder).tensors)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("lora", {"ranks": 2}, "adapter_params has 'ranks', which no adapter reads. The names are"),
        ("lora", {"rank": 2.5}, "rank=2.5. Use a whole number above 0 and below 1e"),
        ("lora", {"scale": 0}, "scale=0. Use a number above 0"),
        ("lora+", {"ratio": True}, "ratio=True. Use a number"),
    ],
)
def test_settings_are_checked(method, params, message):
    with pytest.raises(ParameterError, match=message):
        AdapterSettings.of(method, params)


def test_an_unknown_method_is_refused():
    with pytest.raises(UnknownNameError, match="krona"):
        AdapterSettings.of("krone", None)


def test_a_prime_width_has_no_kronecker_factors():
    with pytest.raises(ParameterError, match="13 wide, which is a prime number"):
        count_factors(13, 1, "krona", None)


def test_statistics_of_the_base_are_not_changed():
    encoder = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    with pytest.raises(ParameterError, match="whose statistics change in training"):
        adapt(encoder, AdapterSettings.of("frozen", None), set(encoder.state_dict()))


def test_an_encoder_without_attention_is_refused():
    encoder = nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(ParameterError, match='adapter="full" or "frozen"'):
        adapt(encoder, AdapterSettings.of("lora", None), set(encoder.state_dict()))
