import math

import pytest
import torch

from hsvlm.vision.prompt_matrices import PromptMatrices


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("n_channels", "n_further", "size"), [(25, 1, 3_925), (144, 1, 125_424), (4, 3, 132)]
)
def test_number_of_parameters(n_channels, n_further, size):
    assert 6 * n_channels**2 + 6 * n_channels + n_further * n_channels == size
    assert count(PromptMatrices(n_channels, n_further)) == size


@pytest.fixture
def case():
    """A module with sources of three windows: 6 pixels, 4 channels, and 2 of the second source."""
    torch.manual_seed(0)
    return (
        PromptMatrices(4, 2).double(),
        torch.randn(3, 6, 4).double(),
        torch.randn(3, 6, 2).double(),
    )


def affine(layer, pixel):
    return [
        sum(float(w) * v for w, v in zip(row, pixel, strict=True)) + float(b)
        for row, b in zip(layer.weight, layer.bias, strict=True)
    ]


def softmax(scores):
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


@torch.no_grad()
def test_it_is_the_formula_number_by_number(case):
    join, spectra, further = case
    joined = join(spectra, further)
    of_channels, of_pixels = join.matrices(spectra, further)
    H = spectra[1].tolist()
    L = [affine(join.lift, pixel) for pixel in further[1].tolist()]
    queries, keys = (
        [affine(layer, p) for p in side]
        for layer, side in ((join.channel_query, H), (join.channel_key, L))
    )
    spectral = [
        softmax(
            [
                sum(q[i] * k[j] for q, k in zip(queries, keys, strict=True)) / math.sqrt(6)
                for j in range(4)
            ]
        )
        for i in range(4)
    ]
    queries, keys = (
        [affine(layer, p) for p in side]
        for layer, side in ((join.pixel_query, L), (join.pixel_key, H))
    )
    spatial = [
        softmax([sum(a * b for a, b in zip(q, k, strict=True)) / 2 for k in keys]) for q in queries
    ]
    V = [affine(join.values, h + other) for h, other in zip(H, L, strict=True)]
    torch.testing.assert_close(of_channels[1], torch.tensor(spectral).double())
    torch.testing.assert_close(of_pixels[1], torch.tensor(spatial).double())
    for n in range(6):
        first = [H[n][j] + sum(V[n][i] * spectral[i][j] for i in range(4)) for j in range(4)]
        second = [L[n][j] + sum(spatial[n][m] * V[m][j] for m in range(6)) for j in range(4)]
        torch.testing.assert_close(joined[1, n], torch.tensor(first + second).double())


def test_rows_sum_to_one(case):
    for matrix in case[0].matrices(*case[1:]):
        torch.testing.assert_close(matrix.sum(dim=2), torch.ones(matrix.shape[:2]).double())


def test_a_single_pixel_has_itself_only(case):
    join, spectra, further = case
    of_pixels = join.matrices(spectra[:, :1], further[:, :1])[1]
    assert torch.equal(of_pixels, torch.ones(3, 1, 1).double())


def test_pixels_keep_their_order(case):
    join, spectra, further = case
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(
        join(spectra[:, order], further[:, order]), join(spectra, further)[:, order]
    )
