import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from hsvlm.vision import _attention
from hsvlm.vision._attention import attention


def drawn(n_windows, n_tokens, n_heads, width, scale=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (n_windows, n_tokens, 3 * n_heads * width)
    return scale * torch.randn(shape, generator=generator)


def reference(qkv, n_heads):
    """In double precision, by the formula."""
    n_windows, n_tokens, width = qkv.shape
    shape = (n_windows, n_tokens, 3, n_heads, width // (3 * n_heads))
    query, key, value = qkv.double().view(shape).permute(2, 0, 3, 1, 4)
    scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
    return (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)


@pytest.mark.slow
@given(
    st.integers(1, 5),
    st.integers(1, 40),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 4, 8, 16]),
)
def test_equals_the_formula(n_windows, n_tokens, n_heads, width):
    qkv = drawn(n_windows, n_tokens, n_heads, width)
    torch.testing.assert_close(
        attention(qkv, n_heads).double(), reference(qkv, n_heads), rtol=1e-5, atol=1e-5
    )
    some = max(1, n_tokens // 2)
    torch.testing.assert_close(
        attention(qkv, n_heads, some).double(),
        reference(qkv, n_heads)[:, :some],
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0, 40.0])
@pytest.mark.parametrize("cached", [1, 2**17])
def test_gradients_are_those_of_the_fused_kernel(monkeypatch, scale, cached):
    # The largest scale exceeds the bound, the smallest piece holds one head of one window.
    monkeypatch.setattr(_attention, "_CACHED_SCORES", cached)
    qkv = drawn(3, 17, 4, 4, scale).double().requires_grad_()
    upstream = drawn(3, 17, 4, 4)[..., :16].double()
    query, key, value = qkv.view(3, 17, 3, 4, 4).permute(2, 0, 3, 1, 4)
    fused = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    (expected,) = torch.autograd.grad(fused, qkv, upstream)
    mixed = attention(qkv, 4)
    (gradient,) = torch.autograd.grad(mixed, qkv, upstream)
    torch.testing.assert_close(mixed, fused, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_gradients_equal_finite_differences():
    qkv = drawn(2, 5, 2, 3).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda one: attention(one, 2), qkv)


@pytest.mark.parametrize("scale", [1e3, 1e6, 1e9, 1e15])
def test_scores_of_any_size_neither_overflow_nor_vanish(scale):
    qkv = drawn(2, 9, 2, 4, scale)
    mixed = attention(qkv, 2)
    assert torch.isfinite(mixed).all()
    # One token takes all the weight: the result is one of the values.
    values = qkv.view(2, 9, 3, 2, 4)[:, :, 2]
    nearest = (mixed.view(2, 9, 1, 2, 4) - values[:, None]).abs().amax(-1).amin(2)
    assert (nearest < 1e-2 * scale).float().mean() > 0.9


def test_values_that_are_not_finite_are_not_hidden():
    qkv = drawn(1, 6, 2, 4)
    qkv[0, 0, 0] = torch.nan
    assert attention(qkv, 2)[0, 0].isnan().any()


def test_narrow_heads_lose_nothing_to_bfloat16():
    rounded = drawn(2, 40, 2, 4, scale=3.0).bfloat16()
    found = attention(rounded, 2)
    torch.testing.assert_close(found.double(), reference(rounded, 2), rtol=1e-5, atol=1e-5)
