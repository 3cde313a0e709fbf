"""What is known of the encoder `gaht`."""

SIZES = [
    ({"n_channels": 103, "window_size": 7, "n_groups": 2}, 926_528),
    ({"n_channels": 200, "window_size": 7, "n_groups": 4}, 829_760),
    ({"n_channels": 30, "window_size": 3, "n_groups": 4}, 732_992),
]
PIN = (0.466762, 0.233646, -0.381189)


def n_parameters(n_channels, window_size, n_groups):
    n_inputs, total = -(-n_channels // n_groups) * n_groups, 0
    for width, depth in ((256, 1), (128, 2), (64, 1)):
        total += 9 * n_inputs * width // n_groups + 5 * width
        total += depth * (6 * width**2 + 10 * width)
        n_inputs = width
    return total
