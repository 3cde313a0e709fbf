"""What is known of the encoder `s2mamba`."""

SIZES = [
    ({"n_channels": 200, "window_size": 7}, 117_592),
    ({"n_channels": 103, "window_size": 11}, 119_880),
    ({"n_channels": 1, "window_size": 1}, 99_192),
]
PARAMS = {"width": 12}
PIN = (0.216166, 0.235163, 0.734008)
# The values that are scanned are about 0.1 at first, and slopes go with their third power. That
# they are trained later is tested for itself.
_SMALL = "third power of small initial values"
WITHOUT_GRADIENT = {
    "over_*.scan.scans.step_weight": _SMALL,
    "over_*.scan.scans.step_bias": _SMALL,
    "over_*.scan.scans.log_rates": _SMALL,
}


def n_parameters(n_channels, window_size):
    return 64 * n_channels + 118 * window_size**2 + 99_010
