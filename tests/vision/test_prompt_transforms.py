import pytest
import torch
from torch.nn import functional

from hsvlm.exceptions import ParameterError
from hsvlm.vision.prompt_transforms import PromptTransform


def draw_matrices(count, n_channels=6, n_pixels=9):
    """Matrices of both kinds, rows of which sum to 1."""
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(count, size, size, generator=generator).mul(2).softmax(dim=2)
        for size in (n_channels, n_pixels)
    )


@pytest.mark.parametrize(
    ("n_inputs", "n_outputs", "size"), [(768, 512, 116_672), (512, 768, 116_416), (8, 5, 33_557)]
)
def test_number_of_parameters(n_inputs, n_outputs, size):
    rank, mamba = 64, 32_640
    layers = 2 * n_inputs + (n_inputs + 1) * rank + mamba + (rank + 1) * n_outputs
    assert layers == size
    made = PromptTransform(n_inputs, n_outputs)
    assert sum(parameter.numel() for parameter in made.parameters()) == size


def pooled(matrix, size):
    """Average a matrix over cells, as torch does, and bring rows to the sum 1."""
    means = functional.adaptive_avg_pool2d(matrix[None, None], size)[0, 0]
    return means / means.sum(dim=1, keepdim=True)


@torch.no_grad()
def test_halves_of_prompts_are_mixed_along_prompts_and_along_numbers():
    torch.manual_seed(0)
    transform, prompts = PromptTransform(5, 7, rank=8), torch.randn(3, 4, 5)
    of_channels, of_pixels = draw_matrices(3)
    results = transform(prompts, of_channels, of_pixels)
    for window in range(3):
        reduced = transform.reduce(transform.norm(prompts[window]))
        guided = reduced.clone()
        guided[:, :4] += pooled(of_pixels[window], 4) @ reduced[:, :4]
        guided[:, 4:] += reduced[:, 4:] @ pooled(of_channels[window], 4)
        expected = transform.expand(guided + transform.mamba(guided[None])[0])
        torch.testing.assert_close(results[window], expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_shared_prompts_and_shared_matrices():
    torch.manual_seed(0)
    transform, prompts = PromptTransform(5, 7, rank=8), torch.randn(1, 4, 5)
    matrices = draw_matrices(3)
    results = transform(prompts, *matrices)
    assert results.shape == (3, 4, 7)
    torch.testing.assert_close(transform(prompts.expand(3, -1, -1), *matrices), results)
    means = [matrix.mean(dim=0, keepdim=True) for matrix in matrices]
    assert transform(prompts, *means).shape == (1, 4, 7)
    assert not torch.allclose(results[0], results[1], atol=1e-4)


@pytest.mark.parametrize(("n_channels", "n_pixels"), [(1, 1), (3, 2), (25, 81)])
def test_matrices_of_any_size_guide(n_channels, n_pixels):
    torch.manual_seed(0)
    transform, prompts = PromptTransform(5, 7, rank=8), torch.randn(1, 4, 5)
    matrices = [matrix.requires_grad_() for matrix in draw_matrices(2, n_channels, n_pixels)]
    (transform(prompts, *matrices) * torch.randn(7)).sum().backward()
    for name, weight in transform.named_parameters():
        assert weight.grad.abs().max() > 1e-6, name
    for matrix in matrices:
        assert torch.isfinite(matrix.grad).all()
        assert len(matrix[0]) == 1 or matrix.grad.abs().max() > 1e-6


@pytest.mark.parametrize("rank", [0, 7])
def test_odd_ranks_are_refused(rank):
    with pytest.raises(ParameterError) as error:
        PromptTransform(5, 7, rank)
    assert str(error.value) == f"rank={rank} is not an even number of 2 or more, such as 64."
