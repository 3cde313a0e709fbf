"""What is known of the encoder `sentinel-spectralgpt`, whose size does not depend on the bands."""

_BANDS = tuple(range(400, 2500, 20))
_SMALL = {"width": 24, "depth": 2, "n_heads": 2}

SIZES = [
    ({"n_channels": 105, "window_size": 9, "wavelengths_nm": _BANDS}, 85_219_584),
    ({"n_channels": 2, "window_size": 5, "wavelengths_nm": (2300, 400)}, 85_219_584),
    ({"n_channels": 105, "window_size": 9, "wavelengths_nm": _BANDS, **_SMALL}, 19_608),
]
PARAMS = {**_SMALL, "image_size": 16}
N_CHANNELS = 43
TRAINING = {"max_epochs": 10, "lr": 1e-3, "batch_size": 32}
PIN = (0.61959, -0.9028, -0.543346)


def n_parameters(
    n_channels, window_size, wavelengths_nm, width=768, depth=12, n_heads=12, image_size=32
):
    embedding = (3 * 8 * 8 + 1) * width
    positions = ((image_size // 8) ** 2 + 4) * width
    layer = 4 * (width**2 + width) + 8 * width**2 + 5 * width + 4 * width
    return embedding + positions + depth * layer + 2 * width
