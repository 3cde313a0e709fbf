"""What is known of the encoder `wavelength-vit`, whose size does not depend on the bands."""

SIZES = [
    ({"n_channels": 2, "window_size": 5, "patch_size": 3, "wavelengths_nm": (450, 650)}, 281_344),
    ({"n_channels": 1, "window_size": 7, "patch_size": 3, "wavelengths_nm": (450,)}, 283_392),
    ({"n_channels": 1, "window_size": 1, "patch_size": 1, "wavelengths_nm": (450,)}, 280_320),
]
PIN = (0.963944, 0.716977, -1.14833)


def n_parameters(n_channels, window_size, patch_size, wavelengths_nm):
    width, depth, hidden = 128, 2, 256
    embedding = (32 * 64 + 64) + (64 * 64 + 64) + (64 * width + width) + width
    positions = ((window_size - patch_size + 1) ** 2 + 2) * width
    layer = 4 * (width**2 + width) + 2 * width * hidden + hidden + width + 4 * width
    return embedding + positions + depth * layer + 2 * width
