import torch

from hsvlm.contrastive.negatives import all_negatives, select_negatives


def problem(n_classes, n_samples, seed):
    generator = torch.Generator().manual_seed(seed)
    similarities = torch.randn(n_samples, n_classes, generator=generator)
    targets = torch.randint(n_classes, (n_samples,), generator=generator)
    return similarities, targets, generator


def test_semi_hard_negatives_are_drawn_uniformly():
    similarities = torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0]]).repeat(20_000, 1)
    targets = torch.zeros(20_000, dtype=torch.int64)
    mask = select_negatives(similarities, targets, 1, 2, torch.Generator().manual_seed(0))
    shares = mask.float().mean(dim=0)
    assert shares[:2].tolist() == [0.0, 1.0]
    torch.testing.assert_close(shares[2:], torch.full((4,), 0.5), atol=0.02, rtol=0)


def test_the_draw_follows_its_generator_and_no_other():
    similarities, targets, _ = problem(10, 8, 0)
    before = torch.get_rng_state()
    first, second = (
        select_negatives(similarities, targets, 2, 3, torch.Generator().manual_seed(7))
        for _ in range(2)
    )
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_selection_carries_no_gradient():
    similarities, targets, generator = problem(6, 3, 0)
    similarities.requires_grad_()
    assert not select_negatives(similarities, targets, 2, 2, generator).requires_grad
    assert not all_negatives(similarities, targets).requires_grad
