"""What is known of the encoder `a2s2k`.

The publication's code has 24 parameters more, which nothing reaches: 370,360 for 200 bands.
"""

SIZES = [
    ({"n_channels": 200, "window_size": 9, "shared_selection": True}, 370_360 - 24),
    ({"n_channels": 103, "window_size": 9, "shared_selection": True}, 220_503 - 24),
    ({"n_channels": 25, "window_size": 5}, 98_784 + 24 * 12),
]
PIN = (0.0167649, 0.0455467, 0.0409643)
WINDOW_NEEDS = "whose unpadded 3x3 convolution needs"
CHANNELS_NEED = "whose unpadded 3-D convolutions need"


def n_parameters(n_channels, window_size, shared_selection=False):
    n_hidden, depth = n_channels // 2, -(-(n_channels - 6) // 2)
    own = 0 if shared_selection else 24 * n_hidden + 24
    return 67_452 + 49 * n_hidden + 3_072 * depth + own
