"""What is known of the encoder `group-vit`."""

SIZES = [
    ({"n_channels": 200, "window_size": 3, "patch_size": 3}, 148_096),
    ({"n_channels": 103, "window_size": 1, "patch_size": 1}, 141_760),
    ({"n_channels": 7, "window_size": 5, "patch_size": 3}, 134_656),
    ({"n_channels": 48, "window_size": 1, "patch_size": 1, "group_bands": 8}, 137_472),
]
PIN = (1.07153, -0.205226, 1.82837)
SEES_CENTER_ONLY = True


def n_parameters(n_channels, window_size, patch_size, group_bands=10):
    width, depth, hidden = 64, 4, 128
    group = min(group_bands, -(-n_channels // 2))
    n_groups = -(-n_channels // group)
    layer = 4 * (width**2 + width) + 2 * width * hidden + hidden + width + 4 * width
    return n_groups * (group + 1) * width + depth * layer + 2 * width
