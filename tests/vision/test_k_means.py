"""Centers of clusters."""

import pytest
import torch

from hsvlm.vision._k_means import k_means


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def spread(points, centers):
    return torch.cdist(points, centers).amin(dim=1).square().sum().item()


@pytest.mark.parametrize("seed", range(5))
def test_centers_of_clusters_far_apart_are_their_means(seed):
    middles = 100 * torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [5.0, 5.0]])
    points = middles.repeat_interleave(20, dim=0) + torch.randn(100, 2, generator=generator(9))
    centers = k_means(points[torch.randperm(100, generator=generator(seed))], 5, generator(seed))
    order = torch.cdist(middles, centers).argmin(dim=1)
    assert sorted(order.tolist()) == list(range(5))
    torch.testing.assert_close(centers[order], points.view(5, 20, 2).mean(dim=1))


def test_centers_are_the_means_of_their_points_and_closer_than_drawn_ones():
    points = torch.rand(300, 3, generator=generator(1))
    centers = k_means(points, 10, generator())
    nearest = torch.cdist(points, centers).argmin(dim=1)
    means = torch.stack([points[nearest == number].mean(dim=0) for number in range(10)])
    torch.testing.assert_close(centers, means, rtol=0, atol=0.02)  # 25 steps may not suffice
    drawn = points[torch.randperm(300, generator=generator())[:10]]
    assert spread(points, centers) < 0.8 * spread(points, drawn)


def test_the_seed_decides():
    points = torch.rand(200, 3, generator=generator(1))
    first, same, other = (k_means(points, 10, generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("n_points", [1, 3, 10])
def test_fewer_distinct_points_than_centers_are_repeated_with_a_little_noise(n_points):
    distinct = torch.rand(n_points, 4, generator=generator(1))
    centers = k_means(distinct.repeat(5, 1), 10, generator())
    assert centers.shape == (10, 4)
    distances = torch.cdist(centers, distinct)
    assert torch.equal(distances.amin(dim=1)[:n_points], torch.zeros(n_points))
    assert distances.amin(dim=1).max() < 0.01
    assert len(distances.argmin(dim=1).unique()) == n_points
    if n_points > 1:
        assert len(centers.unique(dim=0)) == 10  # so that training can part them
