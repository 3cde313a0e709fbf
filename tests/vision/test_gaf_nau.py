import math

import pytest
import torch

from hsvlm.vision.gaf_nau import GAFNAU, _Gate, angular_fields  # _Gate is checked by hand


def test_fields_are_cosines_of_sums_and_sines_of_differences():
    spectra = torch.rand(2, 6, generator=torch.Generator().manual_seed(0)) * 50
    fields = angular_fields(spectra)
    for spectrum, (summation, difference) in zip(spectra.double(), fields, strict=True):
        least, largest = spectrum.min(), spectrum.max()
        angles = [math.acos(2 * (value - least) / (largest - least) - 1) for value in spectrum]
        for i, first in enumerate(angles):
            for j, second in enumerate(angles):
                assert summation[i, j].item() == pytest.approx(math.cos(first + second), abs=1e-5)
                assert difference[i, j].item() == pytest.approx(math.sin(first - second), abs=1e-5)


def test_flat_spectra_have_fields_and_gradients():
    spectra = torch.tensor([[0.3] * 4, [1.0, 2.0, 3.0, 4.0]], requires_grad=True)
    fields = angular_fields(spectra)
    assert fields[0].unique().tolist() == [-1, 0]
    fields.square().sum().backward()
    assert torch.isfinite(spectra.grad).all()


def test_unit_and_brightness_of_spectra_do_not_count():
    torch.manual_seed(0)
    encoder = GAFNAU(16, 1, 1).eval()
    windows = torch.rand(3, 1, 1, 16)
    torch.testing.assert_close(encoder(250 * windows + 40), encoder(windows), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("n_channels", "n_means"), [(8, 8), (15, 8), (25, 24), (64, 64), (200, 64)]
)
def test_bands_are_averaged_to_a_multiple_of_eight(n_channels, n_means):
    encoder = GAFNAU(n_channels, 1, 1).eval()
    sizes = []
    encoder.encoder[0].register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape))
    encoder(torch.rand(1, 1, 1, n_channels))
    assert sizes == [(1, 2, n_means, n_means)]


def test_gates_see_the_levels_next_to_theirs():
    torch.manual_seed(0)
    gate = _Gate(4, 6, 2)
    same, coarser, finer = torch.randn(1, 4, 4, 4), torch.randn(1, 6, 2, 2), torch.randn(1, 2, 8, 8)
    values = gate(same, coarser, finer)
    weights = {name: layer.weight[:, :, 0, 0] for name, layer in gate.named_children()}
    corners = [weights["finer"] @ finer[0, :, row, column] for row in (4, 5) for column in (6, 7)]
    hidden = weights["same"] @ same[0, :, 2, 3] + gate.same.bias
    hidden = hidden + weights["coarser"] @ coarser[0, :, 1, 1] + torch.stack(corners).amax(dim=0)
    score = weights["score"] @ hidden.clamp_min(0) + gate.score.bias
    torch.testing.assert_close(values[0, :, 2, 3], 1 / (1 + (-score).exp()))


def test_closed_gates_leave_the_deepest_level_only():
    torch.manual_seed(0)
    encoder, windows = GAFNAU(64, 1, 1).eval(), torch.rand(2, 1, 1, 64)
    before = encoder(windows)
    for gate in encoder.gates:
        torch.nn.init.constant_(gate.score.bias, -1e4)
    after = encoder(windows)
    assert torch.equal(after[:, 16:], before[:, 16:])
    assert not torch.allclose(after[:, :16], before[:, :16])
