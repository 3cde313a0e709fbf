import pytest
import torch

from hsvlm.exceptions import ParameterError
from hsvlm.vision.gaht import GAHT


def test_the_last_band_is_repeated_until_groups_divide_the_bands():
    torch.manual_seed(0)
    encoder = GAHT(n_channels=6, window_size=3).eval()
    whole = GAHT(n_channels=8, window_size=3).eval()
    whole.load_state_dict(encoder.state_dict())
    windows = torch.randn(2, 3, 3, 6)
    repeated = torch.cat([windows, windows[..., 5:], windows[..., 5:]], dim=3)
    assert torch.equal(encoder(windows), whole(repeated))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"n_groups": 3},
            "n_groups=3 does not divide 64, the number of maps of the last stage. Use 1, 2, 4, 8, "
            "16, 32 or 64.",
        ),
        (
            {"depths": [1, 0, 1]},
            "depths=(1, 0, 1) are not three numbers of layers. Use 1 or more for each stage, such "
            "as (1, 2, 1).",
        ),
        (
            {"depths": (1, 2)},
            "depths=(1, 2) are not three numbers of layers. Use 1 or more for each stage, such as "
            "(1, 2, 1).",
        ),
    ],
)
def test_errors(change, message):
    with pytest.raises(ParameterError) as error:
        GAHT(n_channels=8, window_size=3, **change)
    assert str(error.value) == message
